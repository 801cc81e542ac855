//! Schemas made of columns, for values that have none yet.

use kafi_core::json_text::write_string;
use kafi_core::{ColumnType, Error, ErrorKind, Result, TimeUnit};

use crate::format::Format;

/// The text of a schema for values with these columns, all of which may be null. In Avro, records are called `name`,
/// which becomes one that Avro takes (`my-topic` is `my_topic`), and those within others have the name of their column
/// behind it.
///
/// ```
/// use kafi_core::ColumnType;
/// use kafi_serde::{Format, schema_of_columns};
///
/// let columns = ColumnType::Struct(vec![("id".into(), ColumnType::Int64)]);
/// let schema = r#"{"type":"record","name":"my_topic","fields":[{"name":"id","type":["null","long"],"default":null}]}"#;
/// assert_eq!(schema_of_columns(&columns, Format::Avro, "my-topic")?, schema);
/// # Ok::<(), kafi_core::Error>(())
/// ```
///
/// # Errors
/// `Usage` for a column that the format has no type or no name for; `Unsupported` for Protobuf, whose fields have numbers
/// that somebody has to give.
pub fn schema_of_columns(columns: &ColumnType, format: Format, name: &str) -> Result<String> {
    let mut out = Vec::new();
    match format {
        Format::Avro => avro(columns, &legal(name), &mut Path::default(), &mut out)?,
        Format::JsonSchema => {
            out.extend_from_slice(b"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":");
            write_string(&mut out, name);
            out.push(b',');
            json_schema(columns, false, &mut out);
            out.push(b'}');
        }
        Format::Protobuf => {
            let error = Error::new(ErrorKind::Unsupported, OPERATION, "no schema of Protobuf is made of columns");
            return Err(error.hint("--value-schema FILE names one that gives fields their numbers"));
        }
    }
    Ok(String::from_utf8(out).expect("JSON text is UTF-8"))
}

const OPERATION: &str = "make schema";

/// The names of the columns that lead to where one is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn error(&self, why: &str) -> Error {
        let error = Error::new(ErrorKind::Usage, OPERATION, why).with("column", self.0.join("."));
        error.hint("--value-schema FILE names a schema that somebody has written")
    }
}

/// Writes Avro's name or definition of a type.
fn avro(type_: &ColumnType, name: &str, path: &mut Path, out: &mut Vec<u8>) -> Result<()> {
    match type_ {
        ColumnType::List(element) => {
            out.extend_from_slice(b"{\"type\":\"array\",\"items\":");
            avro_or_null(element, name, path, out)?;
            out.push(b'}');
        }
        ColumnType::Map(value) => {
            out.extend_from_slice(b"{\"type\":\"map\",\"values\":");
            avro_or_null(value, name, path, out)?;
            out.push(b'}');
        }
        ColumnType::Struct(members) => {
            out.extend_from_slice(format!("{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[").as_bytes());
            for (index, (member, type_)) in members.iter().enumerate() {
                path.0.push(member.clone());
                if legal(member) != *member {
                    return Err(
                        path.error("this is no name for a field of Avro's: letters, digits, and _, no digit first")
                    );
                }
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                out.extend_from_slice(format!("{{\"name\":\"{member}\",\"type\":").as_bytes());
                avro_or_null(type_, &format!("{name}_{member}"), path, out)?;
                out.extend_from_slice(b",\"default\":null}");
                path.0.pop();
            }
            out.extend_from_slice(b"]}");
        }
        type_ => match avro_scalar(type_) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => return Err(path.error("it holds values of several types, of which no schema is made")),
        },
    }
    Ok(())
}

/// The text of a type without types in it.
fn avro_scalar(type_: &ColumnType) -> Option<String> {
    let logical = |shape: &str, name: &str| format!("{{\"type\":\"{shape}\",\"logicalType\":\"{name}\"}}");
    let word = match type_ {
        ColumnType::Bool => "boolean",
        ColumnType::Int32 => "int",
        ColumnType::Int64 | ColumnType::UInt32 => "long",
        ColumnType::Float32 => "float",
        ColumnType::Float64 => "double",
        ColumnType::Str => "string",
        ColumnType::Bytes(_) => "bytes",
        ColumnType::UInt64 => return avro_scalar(&ColumnType::Decimal { precision: 20, scale: 0 }),
        ColumnType::Decimal { precision, scale } => {
            let digits = format!("\"precision\":{precision},\"scale\":{scale}");
            return Some(format!("{{\"type\":\"bytes\",\"logicalType\":\"decimal\",{digits}}}"));
        }
        ColumnType::Date => return Some(logical("int", "date")),
        ColumnType::Time(TimeUnit::Milliseconds) => return Some(logical("int", "time-millis")),
        ColumnType::Time(_) => return Some(logical("long", "time-micros")),
        ColumnType::Timestamp { unit, utc } => {
            let zone = if *utc { "" } else { "local-" };
            let unit = match unit {
                TimeUnit::Milliseconds => "millis",
                TimeUnit::Microseconds => "micros",
                TimeUnit::Nanoseconds => "nanos",
            };
            return Some(logical("long", &format!("{zone}timestamp-{unit}")));
        }
        _ => return None,
    };
    Some(format!("\"{word}\""))
}

fn avro_or_null(type_: &ColumnType, name: &str, path: &mut Path, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"[\"null\",");
    avro(type_, name, path, out)?;
    out.push(b']');
    Ok(())
}

/// A name as Avro has them.
fn legal(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let is_bad = name.chars().next().is_none_or(|first| first.is_ascii_digit());
    name.chars().map(legal).fold(if is_bad { "_".to_string() } else { String::new() }, |mut text, c| {
        text.push(c);
        text
    })
}

/// Writes what JSON Schema says of a type, without the braces around it.
fn json_schema(type_: &ColumnType, or_null: bool, out: &mut Vec<u8>) {
    let word = match type_ {
        ColumnType::Bool => "boolean",
        ColumnType::Int32 | ColumnType::Int64 | ColumnType::UInt32 | ColumnType::UInt64 => "integer",
        ColumnType::Float32 | ColumnType::Float64 | ColumnType::Decimal { .. } | ColumnType::Number => "number",
        ColumnType::List(_) => "array",
        ColumnType::Map(_) | ColumnType::Struct(_) => "object",
        ColumnType::Any | ColumnType::Open => "",
        // Everything else stands there as text.
        _ => "string",
    };
    if word.is_empty() {
        // Anything may stand there.
        out.extend_from_slice(b"\"description\":\"anything\"");
        return;
    }
    let type_of = if or_null { format!("\"type\":[\"{word}\",\"null\"]") } else { format!("\"type\":\"{word}\"") };
    out.extend_from_slice(type_of.as_bytes());
    let mut nested = |name: &str, type_: &ColumnType| {
        out.extend_from_slice(format!(",\"{name}\":{{").as_bytes());
        json_schema(type_, true, out);
        out.push(b'}');
    };
    match type_ {
        ColumnType::List(element) => nested("items", element),
        ColumnType::Map(value) => nested("additionalProperties", value),
        ColumnType::Struct(members) => {
            out.extend_from_slice(b",\"properties\":{");
            for (index, (name, type_)) in members.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_string(out, name);
                out.extend_from_slice(b":{");
                json_schema(type_, true, out);
                out.push(b'}');
            }
            out.push(b'}');
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn columns() -> ColumnType {
        let list = ColumnType::List(Box::new(ColumnType::Int64));
        let at = ColumnType::Struct(vec![("x".into(), ColumnType::Float64), ("tags".into(), list)]);
        ColumnType::Struct(vec![
            ("id".into(), ColumnType::Int64),
            ("price".into(), ColumnType::Decimal { precision: 5, scale: 3 }),
            ("name".into(), ColumnType::Str),
            ("at".into(), at),
        ])
    }

    #[test]
    fn schemas_take_what_they_are_made_for() {
        for format in [Format::Avro, Format::JsonSchema] {
            let text = schema_of_columns(&columns(), format, "1-topic").unwrap();
            let schema = Source::of_text(&text, Some(format)).unwrap().compile().unwrap();
            let value = r#"{"id":1,"price":19.990,"name":null,"at":{"x":1.5,"tags":[1,null]}}"#;
            let (mut payload, mut json) = (Vec::new(), Vec::new());
            schema.writer(Default::default()).unwrap().write(value, &mut payload).unwrap();
            schema.reader(Default::default()).unwrap().read(&payload, &mut json).unwrap();
            assert_eq!(String::from_utf8(json).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn what_has_no_type_or_no_name_is_an_error() {
        let made = |name: &str, type_| {
            let inner = ColumnType::Struct(vec![(name.into(), type_)]);
            schema_of_columns(&ColumnType::Struct(vec![("in".into(), inner)]), Format::Avro, "t")
        };
        let error = made("a b", ColumnType::Bool).unwrap_err();
        assert!(error.to_string().starts_with("make schema: column in.a b: this is no name"), "{error}");
        assert!(made("a", ColumnType::Any).unwrap_err().to_string().contains("several types"));
        assert_eq!(schema_of_columns(&columns(), Format::Protobuf, "t").unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
