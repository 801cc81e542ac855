//! Keys and values in a form in which they can be compared, whatever schema they were written with.

use kafi_core::functional::{Failures, TextDecoder};
use kafi_core::{Batch, Field, HeadersBuf, Json, JsonKind, Record, Result, Type, schema_id_header};

use crate::texts::Texts;

/// Turns what has a schema, and JSON, into JSON with its members in the order of their names.
pub(super) struct Comparable {
    decoder: TextDecoder,
    /// Whether keys, and values, are JSON.
    is_json: [bool; 2],
    failures: Failures,
    done: Batch,
}

impl Comparable {
    /// `None` where bytes are compared anyhow.
    pub(super) fn open(texts: &Texts) -> Result<Option<Self>> {
        let mut serdes = texts.serdes.clone();
        for (field, serde) in [(Field::Key, &mut serdes.key), (Field::Value, &mut serdes.value)] {
            let type_ = texts.place.type_or(serde, field, Type::Auto)?;
            // What the configuration says of those without a schema, nobody has asked for here.
            if serde.type_.is_none() && !type_.has_schema() && type_ != Type::Auto {
                serde.type_ = Some(Type::Bytes);
            }
        }
        let decoder = TextDecoder::open(&texts.place, &serdes)?;
        let is_json = |field| serdes.of_field(field).type_ == Some(Type::Json);
        let is_json = [is_json(Field::Key), is_json(Field::Value)];
        if !decoder.has_schemas() && is_json == [false; 2] {
            return Ok(None);
        }
        Ok(Some(Self { decoder, is_json, failures: texts.failures.clone(), done: Batch::new() }))
    }

    /// Makes all of `batch` comparable; what cannot be decoded is left out, where that is wanted.
    pub(super) fn make(&mut self, batch: &mut Batch) -> Result<()> {
        if self.is_json == [false; 2] && self.decoder.is_plain(batch) {
            return Ok(());
        }
        self.done.clear();
        for record in batch.iter() {
            match self.decoder.show(record) {
                Ok((shown, schemas)) => {
                    let schemas = schemas.map(|schema| schema.is_some());
                    push(shown, schemas, self.is_json, &mut self.done);
                }
                Err(error) => self.failures.take(&record, error)?,
            }
        }
        std::mem::swap(batch, &mut self.done);
        batch.set_limits(self.done.records_max(), self.done.bytes_max());
        Ok(())
    }
}

fn push(shown: Record<'_>, has_schema: [bool; 2], is_json: [bool; 2], done: &mut Batch) {
    let [key, value] = [(shown.key, 0), (shown.value, 1)]
        .map(|(bytes, at)| bytes.filter(|_| has_schema[at] || is_json[at]).and_then(sorted));
    let mut headers = HeadersBuf::new();
    let named = [(Field::Key, has_schema[0]), (Field::Value, has_schema[1])];
    for header in shown.headers.iter() {
        let names_schema =
            |(field, has_schema): (Field, bool)| has_schema && schema_id_header(field).as_bytes() == header.name;
        if !named.into_iter().any(names_schema) {
            headers.push_header(header);
        }
    }
    done.push(Record {
        key: key.as_deref().or(shown.key),
        value: value.as_deref().or(shown.value),
        headers: headers.as_headers(),
        ..shown
    });
}

/// JSON with its members in the order of their names; `None` for what is none, which stays as it is.
fn sorted(text: &[u8]) -> Option<Vec<u8>> {
    let json = Json::parse(std::str::from_utf8(text).ok()?).ok()?;
    let mut out = Vec::with_capacity(text.len());
    write(&json, &mut out);
    Some(out)
}

fn write(json: &Json, out: &mut Vec<u8>) {
    match json.kind() {
        JsonKind::Array => {
            out.push(b'[');
            for (index, element) in json.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(element, out);
            }
            out.push(b']');
        }
        JsonKind::Object => {
            let mut members: Vec<(&str, &Json)> = json.members().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                kafi_core::json_text::write_string(out, name);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
        JsonKind::Str => match json.str() {
            Ok(text) => kafi_core::json_text::write_string(out, text),
            // It names half a character.
            Err(_) => out.extend_from_slice(json.text().trim().as_bytes()),
        },
        JsonKind::Null | JsonKind::Bool | JsonKind::Number => out.extend_from_slice(json.text().trim().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn what_means_the_same_is_the_same() {
        let same = |left: &str, right: &str| sorted(left.as_bytes()).unwrap() == sorted(right.as_bytes()).unwrap();
        assert!(same(r#"{"a": [1, {"c":2,"b":null}], "\u0062":"\u0041"}"#, r#"{"b":"A","a":[1,{"b":null,"c":2}]}"#));
        assert!(!same(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#) && !same("1.0", "1.00"));
        assert_eq!(sorted(b"{"), None);
        assert_eq!(sorted(br#""\ud800""#).unwrap(), br#""\ud800""#);
    }
}
