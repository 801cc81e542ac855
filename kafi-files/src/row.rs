//! Messages as rows. The JSON object that most values are needs no value of its own: its text is walked through.

use std::sync::Arc;

use kafi_core::functional::BatchDecoder;
use kafi_core::json_text::Scanner;
use kafi_core::{Field, Json, Message, Place, Record, Result, Serdes, Type};

use crate::cell::Cell;
use crate::options::ExportOptions;

/// What a message becomes.
pub(crate) enum Row<'a> {
    /// What it was decoded to.
    Message(Box<Message>),
    /// The text of an object, which was checked, and whose members are the columns.
    Object(&'a str),
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
            Self::Object(text) => each_member(text, each),
        }
    }
}

/// Tells the members of an object, whose text was checked.
fn each_member(text: &str, each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>) -> Result<()> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    let mut scanner = Scanner::at(text.as_bytes(), scanner.position() + 1);
    let mut is_first = true;
    while let Ok(Some(member)) = scanner.member(std::mem::replace(&mut is_first, false)) {
        let (name, cell) = (&text[member.name], Cell::Raw(&text[member.value]));
        if member.name_escaped { each(&unescaped(name), cell)? } else { each(&name[1..name.len() - 1], cell)? }
    }
    Ok(())
}

/// The characters of a name in its quotes, as a value has them.
fn unescaped(name: &str) -> String {
    let json = Json::from_valid(format!("{{{name}:0}}"));
    json.members().next().map_or_else(String::new, |(name, _)| name.to_string())
}

/// Makes rows of records.
pub(crate) struct RowDecoder {
    decoder: BatchDecoder,
    /// Whether rows are what stands in JSON objects.
    takes_objects: bool,
}

impl RowDecoder {
    pub(crate) fn open(place: &Place, serdes: &Serdes, options: &ExportOptions) -> Result<Self> {
        let type_ = place.type_or(serdes.of_field(Field::Value), Field::Value, Type::Auto)?;
        let takes_objects =
            matches!(type_, Type::Auto | Type::Json) && options.columns.are_the_value() && options.flatten.is_none();
        Ok(Self { decoder: BatchDecoder::open(place, serdes)?, takes_objects })
    }

    /// The row of a record, of a topic of this name.
    pub(crate) fn row<'r>(&mut self, record: Record<'r>, topic: &Arc<str>) -> Result<Row<'r>> {
        // Headers may name a schema.
        if self.takes_objects
            && record.headers.is_empty()
            && let Some(text) = record.value.and_then(object)
        {
            return Ok(Row::Object(text));
        }
        self.decoder.decode(record, Arc::clone(topic)).map(|message| Row::Message(Box::new(message)))
    }
}

/// The text of a JSON object.
fn object(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let mut scanner = Scanner::new(value);
    scanner.space();
    (scanner.peek() == Some(b'{') && scanner.value().is_ok() && scanner.end().is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafi_core::Value;

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
            assert_eq!(cells(Row::Object(object(text.as_bytes()).unwrap())), cells(Row::Message(Box::new(message))));
        }
        for text in ["[1]", "{", "{}x", "1", "", "\"{}\""] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
    }
}
