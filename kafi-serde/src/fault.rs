//! What does not fit while a value is read or written, and where: the path is put together on the way out, so that
//! nothing is kept for it on the way in.

use std::borrow::Cow;

use kafi_core::json_text::write_string;
use kafi_core::{Error, ErrorKind};

/// How many characters of a value or a list an error shows.
#[cfg(any(feature = "avro", feature = "protobuf"))]
const SHOWN_MAX: usize = 60;

/// What is wrong.
#[derive(Debug)]
pub(crate) struct Fault {
    what: Cow<'static, str>,
    /// The byte of the payload, where there is one.
    at: Option<usize>,
    /// From the inside out, each step in the words of jq.
    steps: Vec<String>,
    hint: Option<&'static str>,
}

/// What reading and writing give: the fault is boxed, since it is rare.
pub(crate) type Outcome<T> = Result<T, Box<Fault>>;

impl Fault {
    /// A fault of a value.
    #[cold]
    pub fn new(what: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Self { what: what.into(), at: None, steps: Vec::new(), hint: None })
    }

    /// Says that it is in the member of this name.
    #[cold]
    pub fn in_member(mut self: Box<Self>, name: &str) -> Box<Self> {
        let is_plain = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        if is_plain {
            self.steps.push(format!(".{name}"));
            return self;
        }
        let mut step = vec![b'['];
        write_string(&mut step, name);
        step.push(b']');
        self.steps.push(String::from_utf8(step).expect("pieces of UTF-8 are UTF-8"));
        self
    }

    /// Says that it is in the element at this index.
    #[cold]
    pub fn in_element(mut self: Box<Self>, index: usize) -> Box<Self> {
        self.steps.push(format!("[{index}]"));
        self
    }

    /// The error, of an `operation` such as "decode Avro".
    #[cold]
    pub fn error(self, operation: &'static str) -> Error {
        let mut error = Error::new(ErrorKind::Corrupt, operation, self.what);
        if !self.steps.is_empty() {
            error = error.with("path", self.steps.iter().rev().map(String::as_str).collect::<String>());
        }
        if let Some(at) = self.at {
            error = error.with("byte", at);
        }
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// What only formats with payloads of their own need.
#[cfg(any(feature = "avro", feature = "protobuf"))]
impl Fault {
    /// A fault at a byte of a payload.
    #[cold]
    pub fn at(at: usize, what: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Self { what: what.into(), at: Some(at), steps: Vec::new(), hint: None })
    }

    /// Says what can be done.
    #[cold]
    pub fn hint(mut self: Box<Self>, hint: &'static str) -> Box<Self> {
        self.hint = Some(hint);
        self
    }
}

/// The first characters of a text, for errors.
#[cfg(any(feature = "avro", feature = "protobuf"))]
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
