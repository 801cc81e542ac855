//! What a JSON Schema says of columns.

use std::collections::HashMap;

use kafi_core::{BytesText, ColumnType, Json, JsonKind, Result, TimeUnit};

/// Beyond so many schemas, each counted wherever it applies, the values say what they are; and beyond so many, one in
/// another.
const SCHEMAS_MAX: usize = 10_000;
const DEPTH_MAX: usize = 64;

/// What stands in the values of a schema, with the documents that it refers to by their names. The members of objects
/// have the order in which they stand there.
pub(super) fn column_type(text: &str, references: &[(&str, &str)]) -> Result<ColumnType> {
    let schema = Json::parse(text)?;
    let mut documents = HashMap::new();
    for (name, text) in references {
        documents.insert(name.trim_start_matches("./"), Json::parse(*text)?);
    }
    Ok(Finder { documents: &documents, left: SCHEMAS_MAX, above: Vec::new() }.of(&schema, &schema))
}

struct Finder<'a> {
    documents: &'a HashMap<&'a str, Json>,
    left: usize,
    /// Those in which the one stands that is looked at, or that refer to it.
    above: Vec<*const Json>,
}

impl<'a> Finder<'a> {
    /// What a schema says that stands in this document.
    fn of(&mut self, schema: &'a Json, document: &'a Json) -> ColumnType {
        // What contains itself has no end.
        let is_endless = self.above.contains(&std::ptr::from_ref(schema));
        if is_endless || self.left == 0 || self.above.len() == DEPTH_MAX || schema.kind() != JsonKind::Object {
            return ColumnType::Open;
        }
        self.left -= 1;
        self.above.push(schema);
        let found = self.of_object(schema, document);
        self.above.pop();
        found
    }

    fn of_object(&mut self, schema: &'a Json, document: &'a Json) -> ColumnType {
        if let Some(name) = word(schema, "$ref") {
            return self.named(name, document).map_or(ColumnType::Open, |(schema, document)| self.of(schema, document));
        }
        let mut found = self.own(schema, document);
        for part in schema.get("allOf").into_iter().flat_map(Json::iter) {
            found = both(found, self.of(part, document));
        }
        for choice in ["oneOf", "anyOf"] {
            let choices = schema.get(choice).into_iter().flat_map(Json::iter);
            let mut choices = choices.filter(|choice| word(choice, "type") != Some("null"));
            if let (Some(only), None) = (choices.next(), choices.next()) {
                found = both(found, self.of(only, document));
            }
        }
        found
    }

    /// What it says itself.
    fn own(&mut self, schema: &'a Json, document: &'a Json) -> ColumnType {
        let type_ = match schema.get("type") {
            None if schema.get("properties").is_some() => Some("object"),
            Some(types) if types.kind() == JsonKind::Array => {
                let mut types = types.iter().filter_map(|type_| type_.str().ok()).filter(|type_| *type_ != "null");
                if let (Some(only), None) = (types.next(), types.next()) { Some(only) } else { None }
            }
            type_ => type_.and_then(|type_| type_.str().ok()),
        };
        match type_ {
            Some("boolean") => ColumnType::Bool,
            Some("integer") => ColumnType::Int64,
            Some("number") => ColumnType::Number,
            Some("string") => string(schema),
            Some("array") if schema.get("prefixItems").is_none() => match schema.get("items") {
                Some(items) if items.kind() == JsonKind::Object => ColumnType::List(Box::new(self.of(items, document))),
                _ => ColumnType::Open,
            },
            Some("object") => self.object(schema, document),
            _ => ColumnType::Open,
        }
    }

    fn object(&mut self, schema: &'a Json, document: &'a Json) -> ColumnType {
        let members = schema.get("properties").filter(|members| members.members().next().is_some());
        let values = schema.get("additionalProperties").filter(|values| values.kind() == JsonKind::Object);
        match (members, values) {
            (Some(members), _) => ColumnType::Struct(
                members.members().map(|(name, schema)| (name.to_string(), self.of(schema, document))).collect(),
            ),
            (None, Some(values)) => ColumnType::Map(Box::new(self.of(values, document))),
            (None, None) => ColumnType::Open,
        }
    }

    /// The schema that is referred to, and the document in which it stands.
    fn named(&self, name: &str, document: &'a Json) -> Option<(&'a Json, &'a Json)> {
        let (name, pointer) = name.split_once('#').unwrap_or((name, ""));
        let document = if name.is_empty() { document } else { self.documents.get(name.trim_start_matches("./"))? };
        let found = match pointer {
            "" => Some(document),
            _ => pointer.strip_prefix('/')?.split('/').try_fold(document, |at, step| {
                let step = step.replace("~1", "/").replace("~0", "~");
                match (at.kind(), step.parse::<usize>()) {
                    (JsonKind::Array, Ok(index)) => at.iter().nth(index),
                    _ => at.get(step.as_str()),
                }
            }),
        };
        found.map(|found| (found, document))
    }
}

/// What strings are; a string, where the format does not say more.
fn string(schema: &Json) -> ColumnType {
    match (word(schema, "format"), word(schema, "contentEncoding")) {
        (Some("date"), _) => ColumnType::Date,
        (Some("time"), _) => ColumnType::Time(TimeUnit::Microseconds),
        (Some("date-time"), _) => ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true },
        (None, Some("base64")) => ColumnType::Bytes(BytesText::Base64),
        _ => ColumnType::Str,
    }
}

fn word<'j>(schema: &'j Json, name: &str) -> Option<&'j str> {
    schema.get(name)?.str().ok()
}

/// What values are of which two schemas hold.
fn both(one: ColumnType, other: ColumnType) -> ColumnType {
    match (one, other) {
        (ColumnType::Open, known) | (known, ColumnType::Open) => known,
        (ColumnType::Struct(mut members), ColumnType::Struct(others)) => {
            for (name, type_) in others {
                match members.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = both(std::mem::replace(known, ColumnType::Open), type_),
                    None => members.push((name, type_)),
                }
            }
            ColumnType::Struct(members)
        }
        (ColumnType::Number, ColumnType::Int64) | (ColumnType::Int64, ColumnType::Number) => ColumnType::Int64,
        (one, other) if one == other => one,
        _ => ColumnType::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonschema::Schema;

    fn members(text: &str, references: &[(&str, &str)]) -> Vec<(String, ColumnType)> {
        let schema = Schema::parse_with_references(text, references).unwrap();
        let ColumnType::Struct(members) = schema.column_type().clone() else { panic!("{:?}", schema.column_type()) };
        members
    }

    #[test]
    fn types_have_columns() {
        let found = members(
            r##"{"type":"object","properties":{
                "id":{"type":"integer"},"price":{"type":["null","number"]},"note":{"oneOf":[{"type":"null"},{"type":"string"}]},
                "on":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},
                "time":{"type":"string","format":"time"},"uuid":{"type":"string","format":"uuid"},
                "raw":{"type":"string","contentEncoding":"base64"},"side":{"type":"string","enum":["buy","sell"]},
                "any":{"enum":[1,"a"]},"two":{"type":["integer","string"]},"free":{"type":"object"},
                "tags":{"type":"object","additionalProperties":{"type":"array","items":{"type":"boolean"}}},
                "place":{"$ref":"#/definitions/Place"},"line":{"$ref":"line.json"}},
              "definitions":{"Place":{"allOf":[{"properties":{"x":{"type":"number"}}},{"properties":{"up":{"$ref":"#/definitions/Place"}}}]}}}"##,
            &[("line.json", r##"{"$ref":"#/definitions/n","definitions":{"n":{"type":"integer"}}}"##)],
        );
        let place = vec![("x".to_string(), ColumnType::Number), ("up".to_string(), ColumnType::Open)];
        let expected = [
            ("id", ColumnType::Int64),
            ("price", ColumnType::Number),
            ("note", ColumnType::Str),
            ("on", ColumnType::Date),
            ("at", ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true }),
            ("time", ColumnType::Time(TimeUnit::Microseconds)),
            ("uuid", ColumnType::Str),
            ("raw", ColumnType::Bytes(BytesText::Base64)),
            ("side", ColumnType::Str),
            ("any", ColumnType::Open),
            ("two", ColumnType::Open),
            ("free", ColumnType::Open),
            ("tags", ColumnType::Map(Box::new(ColumnType::List(Box::new(ColumnType::Bool))))),
            ("place", ColumnType::Struct(place)),
            ("line", ColumnType::Int64),
        ];
        assert_eq!(found, expected.map(|(name, type_)| (name.to_string(), type_)));
    }

    #[test]
    fn schemas_that_grow_without_end_are_left_open() {
        // Each refers to the next one twice.
        let each = |n: usize| {
            format!(
                r##""d{n}":{{"properties":{{"a":{{"$ref":"#/definitions/d{}"}},"b":{{"$ref":"#/definitions/d{}"}}}}}}"##,
                n + 1,
                n + 1
            )
        };
        let all: Vec<String> = (0..40).map(each).collect();
        let text = format!(
            r##"{{"properties":{{"x":{{"$ref":"#/definitions/d0"}}}},"definitions":{{{},"d40":{{}}}}}}"##,
            all.join(",")
        );
        let found = column_type(&text, &[]).unwrap();
        assert!(matches!(found, ColumnType::Struct(_)));
    }
}
