//! Messages as rows. The JSON object that most values are needs no value of its own: its text is walked through.

use std::sync::Arc;

use kafi_core::functional::BatchDecoder;
use kafi_core::json_text::Scanner;
use kafi_core::{Field, Json, MemberSink, Message, Place, Record, Result, SchemaRef, Serdes, Type};

use crate::cell::Cell;
use crate::options::ExportOptions;

/// What a message becomes.
pub(crate) enum Row<'a> {
    /// What it was decoded to.
    Message(Box<Message>),
    /// The text of an object, which was checked, and whose members are the columns, and the schema that it was made by.
    Object(
        &'a str,
        #[cfg_attr(not(feature = "arrow"), allow(dead_code, reason = "other formats have no types"))] Option<SchemaRef>,
    ),
}

impl Row<'_> {
    /// Tells each column, in order.
    pub(crate) fn each(
        &self,
        options: &ExportOptions,
        each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Message(message) => options.columns.each(message, options.flatten.as_deref(), each),
            Self::Object(text, _) => members(text, each).map(drop),
        }
    }
}

/// Tells the members of the object that a text is; false where it is none, which is seen when some have been told. The
/// first error is the last that is told.
#[inline]
pub(crate) fn members(text: &str, mut each: impl FnMut(&str, Cell<'_>) -> Result<()>) -> Result<bool> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    if scanner.expect(b'{', "an object is missing").is_err() {
        return Ok(false);
    }
    let (mut is_first, mut told) = (true, Ok(()));
    while let Ok(member) = scanner.member(std::mem::replace(&mut is_first, false)) {
        let Some(member) = member else {
            return if scanner.end().is_ok() { told.map(|()| true) } else { Ok(false) };
        };
        if told.is_ok() {
            let (name, cell) = (&text[member.name], Cell::Raw(&text[member.value]));
            told = match member.name_escaped {
                true => each(&unescaped(name), cell),
                false => each(&name[1..name.len() - 1], cell),
            };
        }
    }
    Ok(false)
}

/// Whether a text is an object.
pub(crate) fn is_object(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    scanner.peek() == Some(b'{') && scanner.value().is_ok() && scanner.end().is_ok()
}

/// The first byte that is no space.
fn first_of(text: &[u8]) -> Option<u8> {
    text.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The characters of a name in its quotes, as a value has them.
fn unescaped(name: &str) -> String {
    let json = Json::from_valid(format!("{{{name}:0}}"));
    json.members().next().map_or_else(String::new, |(name, _)| name.to_string())
}

/// Makes rows of records.
pub(crate) struct RowDecoder {
    decoder: BatchDecoder,
    /// Whether rows are the members of values, and values may be JSON objects as they are.
    takes_members: bool,
    takes_objects: bool,
    /// The text that a schema made.
    text: Vec<u8>,
}

impl RowDecoder {
    pub(crate) fn open(place: &Place, serdes: &Serdes, options: &ExportOptions) -> Result<Self> {
        let type_ = place.type_or(serdes.of_field(Field::Value), Field::Value, Type::Auto)?;
        let takes_members = options.columns.are_the_value() && options.flatten.is_none();
        let takes_objects = takes_members && matches!(type_, Type::Auto | Type::Json);
        Ok(Self { decoder: BatchDecoder::open(place, serdes)?, takes_members, takes_objects, text: Vec::new() })
    }

    /// The row of a record, of a topic of this name.
    pub(crate) fn row<'r>(&'r mut self, record: Record<'r>, topic: &Arc<str>) -> Result<Row<'r>> {
        if let Some(text) = self.text_of(&record)
            && is_object(text)
        {
            return Ok(Row::Object(text, None));
        }
        if let Some(schema) = self.read(&record)? {
            return Ok(Row::Object(self.text(), Some(schema)));
        }
        self.decode(record, topic)
    }

    /// Hands over the members of a record's value, where these are its row, and says whether they were all of it.
    pub(crate) fn members(&mut self, record: &Record<'_>, sink: &mut dyn MemberSink) -> bool {
        self.takes_members && self.decoder.value_members(record, sink)
    }

    /// Makes the object of which the members are the row, where a schema says so.
    pub(crate) fn read(&mut self, record: &Record<'_>) -> Result<Option<SchemaRef>> {
        self.text.clear();
        if !self.takes_members {
            return Ok(None);
        }
        let schema = self.decoder.value_text(record, &mut self.text)?;
        Ok(schema.filter(|_| first_of(&self.text) == Some(b'{')))
    }

    /// The object that was made last.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).expect("JSON text is UTF-8")
    }

    /// The text of a record whose row is the object that this text is, if it is one.
    pub(crate) fn text_of<'r>(&self, record: &Record<'r>) -> Option<&'r str> {
        // Headers may name a schema.
        let value = record.value.filter(|_| self.takes_objects && record.headers.is_empty())?;
        if first_of(value) == Some(b'{') { std::str::from_utf8(value).ok() } else { None }
    }

    /// The row of a record as the message that it is.
    pub(crate) fn decode<'r>(&mut self, record: Record<'_>, topic: &Arc<str>) -> Result<Row<'r>> {
        self.decoder.decode(record, Arc::clone(topic)).map(|message| Row::Message(Box::new(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafi_core::{Error, ErrorKind, Value};

    #[test]
    fn a_text_has_the_cells_that_its_value_has() {
        let options = ExportOptions::new("json".parse().unwrap());
        for text in [
            r#"{"id":1,"name":"caf\u00e9 \"x\"","price":19.990,"no":null,"ok":true,"list":[1, 2],"at":{"x":{}}}"#,
            " {\n\"a\\nb\" : \"c\\td\" , \"a\":1,\"a\":-2.5e3 }\n",
            r#"{"half":"\ud800","\ud800":0,"":""}"#,
            "{}",
        ] {
            let cells = |row: Row<'_>| {
                let (mut names, mut cells) = (Vec::new(), Vec::new());
                row.each(&options, &mut |name, cell| {
                    let (mut json, mut text) = (Vec::new(), Vec::new());
                    cell.write_json(&mut json);
                    let is_there = cell.write_text(&mut text);
                    names.push(name.to_string());
                    cells.push((cell.kind(), json, is_there.then_some(text)));
                    Ok(())
                })
                .unwrap();
                (names, cells)
            };
            let message = Message::new("t", Value::Null, Json::parse(text).unwrap());
            assert_eq!(cells(Row::Object(text, None)), cells(Row::Message(Box::new(message))));
        }
        for text in ["[1]", "{", "{}x", "1", "", "\"{}\"", "{\"a\":1", "{\"a\":1,}"] {
            assert!(!members(text, |_, _| Ok(())).unwrap(), "{text}");
        }
        let fail = |_: &str, _: Cell<'_>| Err(Error::new(ErrorKind::Corrupt, "test", "told"));
        assert!(members("{\"a\":1}", fail).is_err() && !members("{\"a\":1", fail).unwrap());
    }
}
