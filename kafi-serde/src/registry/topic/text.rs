//! The texts of schemas: which are the same but for their spaces, and what they are known by in all registries.

use std::borrow::Cow;

use kafi_core::{Json, JsonKind};
use md5::{Digest, Md5};

use crate::format::Format;
use crate::registry::SchemaDefinition;
use crate::wire::Guid;

/// A schema as it is kept: of JSON without spaces, so that it does not matter how it was laid out. The source of
/// Protobuf is kept as it is, save for the space around it.
pub(super) fn kept(schema: &SchemaDefinition) -> SchemaDefinition {
    let text = match schema.format {
        Format::Protobuf => schema.text.trim().to_string(),
        Format::Avro | Format::JsonSchema => minified(&schema.text).into_owned(),
    };
    SchemaDefinition { text, ..schema.clone() }
}

/// The same, so that what means the same has the same text: members of JSON in the order of their names, Protobuf
/// without comments and with single spaces; references in the order of their names.
pub(super) fn normalized(schema: &SchemaDefinition) -> SchemaDefinition {
    let text = match schema.format {
        Format::Protobuf => without_comments(&schema.text),
        Format::Avro | Format::JsonSchema => match Json::parse(schema.text.as_str()) {
            Ok(json) => sorted(&json).to_string(),
            Err(_) => schema.text.clone(),
        },
    };
    let mut references = schema.references.clone();
    references.sort_by(|a, b| a.name.cmp(&b.name));
    references.dedup();
    SchemaDefinition { text, references, ..schema.clone() }
}

/// What a schema is known by in all registries, as Confluent's gives it: the MD5 of its text, for one without
/// references, metadata, and rules. What those add has no published form; here each reference adds its name, subject,
/// and version (four bytes, the highest first), and the others their JSON.
pub(super) fn guid(schema: &SchemaDefinition) -> Guid {
    let mut md5 = Md5::new();
    md5.update(&schema.text);
    for reference in &schema.references {
        md5.update(&reference.name);
        md5.update(&reference.subject);
        md5.update(reference.version.to_be_bytes());
    }
    for part in [&schema.metadata, &schema.rule_set].into_iter().flatten() {
        md5.update(part.to_string());
    }
    Guid(md5.finalize().into())
}

/// JSON without the spaces between its parts; what is no JSON stays as it is.
fn minified(text: &str) -> Cow<'_, str> {
    if Json::parse(text).is_err() {
        return Cow::Borrowed(text);
    }
    let (mut is_string, mut is_escaped) = (false, false);
    let kept = text.chars().filter(|character| {
        let is_kept = is_string || !character.is_ascii_whitespace();
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_string,
            '"' => is_string = !is_string,
            _ => {}
        }
        is_kept
    });
    Cow::Owned(kept.collect())
}

fn sorted(json: &Json) -> Json {
    match json.kind() {
        JsonKind::Array => Json::array(json.iter().map(sorted)),
        JsonKind::Object => {
            let mut members: Vec<(&str, Json)> = json.members().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by_key(|(name, _)| *name);
            Json::object(members)
        }
        _ => Json::parse(json.text().trim()).unwrap_or_else(|_| json.clone()),
    }
}

/// A source of Protobuf without its comments, and with one space where there was any.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut quote = None;
    while let Some(character) = rest.chars().next() {
        let len = match (quote, character) {
            (Some(_), '\\') => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                out.push_str(&rest[..1 + escaped]);
                1 + escaped
            }
            (Some(_), _) => {
                quote = quote.filter(|quote| *quote != character);
                out.push(character);
                character.len_utf8()
            }
            (None, '/') if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            (None, '/') if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            (None, _) if character.is_ascii_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                1
            }
            (None, _) => {
                quote = matches!(character, '"' | '\'').then_some(character);
                out.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[len..];
    }
    out.trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Reference;

    #[test]
    fn spaces_do_not_matter_outside_of_strings() {
        assert_eq!(minified("{ \"a b\" : \"c \\\" d\\\\\" ,\n\"e\": [1, 2] }"), r#"{"a b":"c \" d\\","e":[1,2]}"#);
        assert_eq!(minified(" not json "), " not json ");
        let schema = SchemaDefinition::new(Format::Avro, r#"{ "type": "fixed", "size": 4, "name": "F" }"#);
        assert_eq!(kept(&schema).text, r#"{"type":"fixed","size":4,"name":"F"}"#);
        assert_eq!(normalized(&schema).text, r#"{"name":"F","size":4,"type":"fixed"}"#);
        let source = "syntax = \"proto3\"; // a\n\nmessage  M /* b */ { string a = 1 [default = '// \\' x']; }\n";
        let schema = SchemaDefinition::new(Format::Protobuf, source);
        assert_eq!(normalized(&schema).text, "syntax = \"proto3\"; message M { string a = 1 [default = '// \\' x']; }");
    }

    /// The first is what Confluent's registry gives for this text.
    #[test]
    fn guids_are_those_of_confluent_where_they_are_known() {
        let text = r#"{"type":"record","name":"myrecord","fields":[{"type":"string","default":null,"name":"f"}]}"#;
        let mut schema = SchemaDefinition::new(Format::Avro, text);
        assert_eq!(guid(&schema).to_string(), "1d20cbb9-e5e3-5e97-54e7-da170b6e5ddb");
        let plain = guid(&schema);
        schema.references.push(Reference { name: "a".into(), subject: "b".into(), version: 1 });
        assert_ne!(guid(&schema), plain);
    }
}
