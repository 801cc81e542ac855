//! XML that is read from outside, event by event, in bounded memory.

#[cfg(feature = "xlsx")]
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use kafi_core::{Error, ErrorKind, Result};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::csv::ROW_BYTES_MAX;
use crate::input::failed;

/// The events of a document.
pub(crate) struct Markup<R: BufRead> {
    reader: Reader<Bounded<R>>,
    buffer: Vec<u8>,
}

/// Bytes of which so many may be taken, before whoever reads begins anew.
struct Bounded<R> {
    bytes: R,
    left: usize,
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let len = ready.len().min(into.len());
        into[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let why = "a row, or what stands in its place, has more than 256 MiB";
            return Err(io::Error::other(Error::new(ErrorKind::TooLarge, "read XML", why)));
        }
        self.bytes.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        self.bytes.consume(bytes);
    }
}

impl<R: BufRead> Markup<R> {
    pub(crate) fn new(bytes: R) -> Self {
        Self { reader: Reader::from_reader(Bounded { bytes, left: ROW_BYTES_MAX }), buffer: Vec::new() }
    }

    /// From here on there may be as much as a row may have.
    pub(crate) fn begin(&mut self) {
        self.reader.get_mut().left = ROW_BYTES_MAX;
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        self.reader.read_event_into(&mut self.buffer).map_err(bad)
    }
}

/// The name of an element without that of its namespace.
pub(crate) fn name_of<'a>(element: &'a BytesStart<'_>) -> Result<&'a str> {
    let name = element.local_name().into_inner();
    std::str::from_utf8(name).map_err(|_| Error::new(ErrorKind::Corrupt, "read XML", "a name is not UTF-8"))
}

/// An attribute of an element.
#[cfg(feature = "xlsx")]
pub(crate) fn attribute<'a>(element: &'a BytesStart<'_>, name: &str) -> Result<Option<Cow<'a, str>>> {
    let found = element.try_get_attribute(name).map_err(bad)?;
    found.map(|found| found.unescape_value().map(|value| Cow::Owned(value.into_owned())).map_err(bad)).transpose()
}

/// What is wrong with a document, as one line.
pub(crate) fn bad(error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error) => match error.get_ref().and_then(|own| own.downcast_ref::<Error>()) {
            Some(own) => own.duplicate(),
            None => failed(io::Error::new(error.kind(), error.to_string())),
        },
        error => {
            let text = error.to_string();
            Error::new(ErrorKind::Corrupt, "read XML", text.lines().next().unwrap_or_default())
        }
    }
}

/// A document that ends too early.
pub(crate) fn cut_off() -> Error {
    Error::new(ErrorKind::Corrupt, "read XML", "the file ends in the middle: it is damaged or cut off")
}
