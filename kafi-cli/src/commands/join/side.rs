//! A side of a join: its topic as text, and what it is joined by.

use kafi::jq::{MessageView, Part};
use kafi::json_text::Scanner;
use kafi::{
    Error, ErrorKind, Field, Function, JoinKey, Kafi, MemberPath, Record, Result, SchemaRef, Serdes, TextDecoder, Type,
};

/// A message whose key and value are text, and the schemas that made them that.
pub type Shown<'a> = (Record<'a>, [Option<SchemaRef>; 2]);

/// The messages of a side as text.
pub struct SideTexts {
    texts: TextDecoder,
    types: [Type; 2],
}

/// What a side is joined by.
pub struct SideKey {
    texts: SideTexts,
    /// In place of the key.
    function: Option<Function>,
    /// Where it only takes a part of messages.
    path: Option<(Field, MemberPath)>,
}

impl SideTexts {
    /// Of messages of these types and schemas, or else those of the storage's settings.
    pub fn open(kafi: &Kafi, serdes: &Serdes) -> Result<Self> {
        let type_of = |field| kafi.place().type_or(serdes.of_field(field), field, Type::Auto);
        let types = [type_of(kafi::Field::Key)?, type_of(kafi::Field::Value)?];
        Ok(Self { texts: TextDecoder::open(kafi.place(), serdes)?, types })
    }

    /// The types of keys and values.
    pub fn types(&self) -> [Type; 2] {
        self.types
    }

    /// A message as text.
    pub fn show<'a>(&'a mut self, record: Record<'a>) -> Result<Shown<'a>> {
        self.texts.show(record)
    }
}

impl SideKey {
    /// What this function makes of messages; without one their keys.
    pub fn open(texts: SideTexts, function: Option<Function>) -> Self {
        let path = function.as_ref().and_then(|function| path_of(function.text()));
        Self { texts, function, path }
    }

    /// The key of a message.
    pub fn set(&mut self, record: &Record<'_>, key: &mut JoinKey) -> Result<()> {
        let types = self.texts.types;
        let (shown, schemas) = self.texts.show(*record)?;
        let are_json = schemas.map(|schema| schema.is_some());
        let Some(function) = &self.function else {
            match (part_of(shown.key, types[0], are_json[0]), shown.key) {
                (Part::Json(text), _) => return key.set_json(text),
                (_, bytes) => key.set_bytes(bytes),
            }
            return Ok(());
        };
        if let Some((field, path)) = &mut self.path {
            let (bytes, at) = if *field == Field::Key { (shown.key, 0) } else { (shown.value, 1) };
            if let Some(text) = object_of(bytes, types[at], are_json[at])
                && key.set_member(text, path)
            {
                return Ok(());
            }
        }
        let [key_part, value_part] =
            [part_of(shown.key, types[0], are_json[0]), part_of(shown.value, types[1], are_json[1])];
        let view = MessageView::new(&shown, key_part, value_part);
        key.set_null();
        let mut is_first = true;
        function.run_message(&view, |text| {
            if !std::mem::take(&mut is_first) {
                return Err(view.located(Error::new(
                    ErrorKind::Function,
                    "make key",
                    "it makes several keys of one message",
                )));
            }
            key.set_json(text)?;
            Ok(std::ops::ControlFlow::Continue(()))
        })
    }
}

/// The path that this function is, if it is one, such as `.value.user.id`: names alone, of letters, digits, and underscores.
fn path_of(function: &str) -> Option<(Field, MemberPath)> {
    let mut names = function.trim().strip_prefix('.')?.split('.');
    let field = match names.next()? {
        "key" => Field::Key,
        "value" => Field::Value,
        _ => return None,
    };
    let names: Vec<&str> = names.collect();
    let is_name = |name: &&str| {
        let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word && name.starts_with(|first: char| !first.is_ascii_digit())
    };
    (!names.is_empty() && names.iter().all(is_name)).then(|| (field, MemberPath::new(names)))
}

/// The text of what may be an object.
fn object_of(bytes: Option<&[u8]>, type_: Type, is_json: bool) -> Option<&str> {
    let text = bytes.filter(|_| is_json || !matches!(type_, Type::Bytes | Type::Str))?;
    std::str::from_utf8(text).ok()
}

/// A key or value as functions see it.
fn part_of(bytes: Option<&[u8]>, type_: Type, is_json: bool) -> Part<'_> {
    let Some(text) = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return Part::text(bytes) };
    let may_be_json = match type_ {
        _ if is_json => return Part::Json(text),
        Type::Json => true,
        Type::Bytes | Type::Str => false,
        _ => text.trim_start().starts_with(['{', '[']),
    };
    let mut scanner = Scanner::new(text.as_bytes());
    let is_json = may_be_json && scanner.value().and_then(|_| scanner.end()).is_ok();
    if is_json { Part::Json(text) } else { Part::Text(text) }
}
