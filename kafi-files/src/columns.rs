//! Which columns a row has, and what stands in them.

use std::borrow::Cow;
use std::collections::HashMap;

use kafi_core::{Error, ErrorKind, Headers, Json, JsonKind, Message, Result, Value, json_text::write_string};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cell::Cell;

/// The columns of a file, in order.
///
/// ```
/// use kafi_files::Columns;
/// assert!(Columns::parse("key,timestamp,value.*").is_ok());
/// assert_eq!(Columns::parse("kye").unwrap_err().to_string(), "read columns: column kye: there is no such column");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    part: Part,
}

/// What of a message a column is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Topic,
    Partition,
    Offset,
    Timestamp,
    TimestampType,
    Headers,
    Key,
    Value,
    /// Each member of the value, a column each.
    Members,
    /// The member of the value at this path.
    Member(Vec<String>),
}

/// What of a value a column is.
#[cfg(feature = "arrow")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum OfValue<'a> {
    /// A column for each member.
    Members,
    /// What lies at this path.
    Path(&'a [String]),
}

impl Default for Columns {
    /// The members of the value.
    fn default() -> Self {
        Self(vec![Column { name: String::new(), part: Part::Members }])
    }
}

impl Columns {
    /// Reads a list: `topic partition offset timestamp timestamp_type headers key value`, `value.*` for each member of
    /// the value, and `value.NAME` (`value.a.b`) for one, whose column is called `NAME` (`a.b`).
    ///
    /// # Errors
    /// `Usage` for any other name, and for one that stands twice.
    pub fn parse(list: &str) -> Result<Self> {
        let mut columns: Vec<Column> = Vec::new();
        for text in list.split(',').map(str::trim) {
            let part = match text {
                "topic" => Part::Topic,
                "partition" => Part::Partition,
                "offset" => Part::Offset,
                "timestamp" => Part::Timestamp,
                "timestamp_type" => Part::TimestampType,
                "headers" => Part::Headers,
                "key" => Part::Key,
                "value" => Part::Value,
                "value.*" => Part::Members,
                _ => match text.strip_prefix("value.").filter(|path| path.split('.').all(|step| !step.is_empty())) {
                    Some(path) => Part::Member(path.split('.').map(str::to_string).collect()),
                    None => return Err(bad(text, "there is no such column")),
                },
            };
            let name = match part {
                Part::Members => String::new(),
                _ => text.strip_prefix("value.").unwrap_or(text).to_string(),
            };
            if columns.iter().any(|column| column.name == name) {
                return Err(bad(text, "it stands there twice"));
            }
            columns.push(Column { name, part });
        }
        Ok(Self(columns))
    }

    /// The names, where they do not depend on what values have.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let is_known = self.0.iter().all(|column| column.part != Part::Members);
        is_known.then(|| self.0.iter().map(|column| column.name.clone()).collect())
    }

    /// Whether a row is the value as it is, where that is an object.
    pub(crate) fn are_the_value(&self) -> bool {
        matches!(self.0.as_slice(), [Column { part: Part::Members, .. }])
    }

    /// Tells each column of the row that a message becomes, in order; a member of the value that has the name of another
    /// column is called `value.NAME`. With `flatten`, objects in the value become columns whose names are joined by it.
    ///
    /// # Errors
    /// Those of `each`; `Corrupt` where two members would be one column then.
    pub(crate) fn each(
        &self,
        message: &Message,
        flatten: Option<&str>,
        each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut text = Vec::new();
        for Column { name, part } in &self.0 {
            match part {
                Part::Topic => each(name, Cell::Str(&message.topic))?,
                Part::Partition => each(name, Cell::Int(i64::from(message.partition)))?,
                Part::Offset => each(name, Cell::Int(message.offset))?,
                Part::Timestamp if message.timestamp < 0 => each(name, Cell::Null)?,
                Part::Timestamp => each(name, Cell::Int(message.timestamp))?,
                Part::TimestampType => each(name, Cell::Str(message.timestamp_type.as_str()))?,
                Part::Headers => {
                    text.clear();
                    write_headers(message.headers.as_headers(), &mut text);
                    let headers = Json::from_valid(String::from_utf8_lossy(&text).into_owned());
                    each(name, Cell::Json(&headers))?;
                }
                Part::Key => each(name, Cell::of(&message.key))?,
                Part::Value => each(name, Cell::of(&message.value))?,
                Part::Members => self.members(&message.value, flatten, each)?,
                Part::Member(path) => {
                    let found = member(&message.value, path);
                    each(name, found.map_or(Cell::Null, Cell::Json))?;
                }
            }
        }
        Ok(())
    }

    /// The parts of values that are columns, by the path within them, or all of the members; `None` for everything else
    /// of messages.
    #[cfg(feature = "arrow")]
    pub(crate) fn of_values(&self) -> impl Iterator<Item = (&str, Option<OfValue<'_>>)> {
        self.0.iter().map(|Column { name, part }| {
            let of_value = match part {
                Part::Members => Some(OfValue::Members),
                Part::Value => Some(OfValue::Path(&[])),
                Part::Member(path) => Some(OfValue::Path(path)),
                _ => None,
            };
            (name.as_str(), of_value)
        })
    }

    /// What the column of a member of the value is called.
    pub(crate) fn name_of<'n>(&self, member: &'n str) -> Cow<'n, str> {
        let mut name = Cow::Borrowed(member);
        while self.0.iter().any(|column| column.part != Part::Members && column.name == name) {
            name = Cow::Owned(format!("value.{name}"));
        }
        name
    }

    fn members(
        &self,
        value: &Value,
        flatten: Option<&str>,
        each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>,
    ) -> Result<()> {
        match value {
            Value::Json(json) if json.kind() == JsonKind::Object => {
                if let Some(separator) = flatten {
                    check_paths(json, separator)?;
                }
                json.members().try_for_each(|(name, member)| flattened(&self.name_of(name), member, flatten, each))
            }
            Value::Null => Ok(()),
            value => each("value", Cell::of(value)),
        }
    }
}

/// The member at a path of names.
fn member<'a>(value: &'a Value, path: &[String]) -> Option<&'a Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(value.get(first.as_str())?, |json, step| json.get(step.as_str()))
}

/// Looks for members of different objects whose names would be the same, which takes a name with the separator in it.
fn check_paths(json: &Json, separator: &str) -> Result<()> {
    fn walk<'j>(json: &'j Json, path: &mut Vec<&'j str>, each: &mut dyn FnMut(&[&'j str])) {
        for (name, member) in json.members() {
            path.push(name);
            match member.kind() == JsonKind::Object && member.members().next().is_some() {
                true => walk(member, path, each),
                false => each(path),
            }
            path.pop();
        }
    }
    let mut is_sure = true;
    walk(json, &mut Vec::new(), &mut |path| is_sure &= path.iter().all(|name| !name.contains(separator)));
    if is_sure {
        return Ok(());
    }
    let (mut paths, mut twice) = (HashMap::new(), None);
    walk(json, &mut Vec::new(), &mut |path| {
        let name = path.join(separator);
        if paths.entry(name.clone()).or_insert_with(|| path.to_vec()) != path {
            twice = Some(name);
        }
    });
    let Some(name) = twice else { return Ok(()) };
    let why = "two members of the value become this column";
    Err(Error::new(ErrorKind::Corrupt, "write row", why).with("column", name).hint("--flatten takes another separator"))
}

fn flattened(
    name: &str,
    json: &Json,
    separator: Option<&str>,
    each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>,
) -> Result<()> {
    match separator {
        Some(separator) if json.kind() == JsonKind::Object && json.members().next().is_some() => {
            json.members().try_for_each(|(member, json)| {
                flattened(&format!("{name}{separator}{member}"), json, Some(separator), each)
            })
        }
        _ => each(name, Cell::Json(json)),
    }
}

/// Headers as they stand in an envelope.
fn write_headers(headers: Headers<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, header) in headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        write_bytes("key", Some(header.name), out);
        out.push(b',');
        write_bytes("value", header.value, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_bytes(name: &str, bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let (suffix, text) = match bytes.map(std::str::from_utf8) {
        None => ("", None),
        Some(Ok(text)) => ("", Some(text.to_string())),
        Some(Err(_)) => ("_base64", bytes.map(|bytes| STANDARD.encode(bytes))),
    };
    write_string(out, &format!("{name}{suffix}"));
    out.push(b':');
    match text {
        None => out.extend_from_slice(b"null"),
        Some(text) => write_string(out, &text),
    }
}

fn bad(column: &str, why: &str) -> Error {
    let error = Error::new(ErrorKind::Usage, "read columns", why).with("column", column);
    error
        .hint("there are topic, partition, offset, timestamp, timestamp_type, headers, key, value, value.*, value.NAME")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &str, flatten: Option<&str>, value: &str) -> String {
        let mut message = Message::new("t", "k", Json::parse(value).unwrap());
        (message.partition, message.offset, message.timestamp) = (1, 2, 3);
        let mut out = Vec::new();
        let columns = if columns.is_empty() { Columns::default() } else { Columns::parse(columns).unwrap() };
        columns
            .each(&message, flatten, &mut |name, cell| {
                out.extend_from_slice(format!("{name}=").as_bytes());
                cell.write_json(&mut out);
                out.push(b' ');
                Ok(())
            })
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_what_was_asked_for() {
        let value = r#"{"id":1,"key":"own","at":{"x":19.990,"y":{}}}"#;
        assert_eq!(row("", None, value), r#"id=1 key="own" at={"x":19.990,"y":{}} "#);
        assert_eq!(row("", Some("."), value), r#"id=1 key="own" at.x=19.990 at.y={} "#);
        assert_eq!(row("key,value.*", None, value), r#"key="k" id=1 value.key="own" at={"x":19.990,"y":{}} "#);
        assert_eq!(
            row("value.*,key,value.value.key", None, value),
            r#"id=1 value.value.key="own" at={"x":19.990,"y":{}} key="k" value.key=null "#
        );
        assert_eq!(
            row("topic,partition,offset,timestamp,timestamp_type,headers", None, value),
            r#"topic="t" partition=1 offset=2 timestamp=3 timestamp_type="create" headers=[] "#
        );
        assert_eq!(row("value.at.x,value.no", None, value), "at.x=19.990 no=null ");
        assert_eq!(row("", None, "17"), "value=17 ");
        assert_eq!(row("value", None, "[1]"), "value=[1] ");
    }

    #[test]
    fn no_two_members_become_one_column() {
        let check = |value: &str| check_paths(&Json::parse(value).unwrap(), ".");
        for value in [r#"{"a":{"b":1},"a.b":2}"#, r#"{"a":{"b.c":1},"a.b":{"c":2}}"#, r#"{"a.b":2,"a":{"b":{}}}"#] {
            let error = check(value).unwrap_err();
            assert!(error.to_string().starts_with("write row: column a.b"), "{value}: {error}");
        }
        for value in [r#"{"a":{"b":1},"b":2}"#, r#"{"a.b":1,"a":{"c":1}}"#, r#"{"a.b":1,"a.b":2}"#, "{}"] {
            check(value).unwrap();
        }
    }

    #[test]
    fn lists_that_mean_nothing_are_refused() {
        for list in ["", "id", "value.", "key,key", "value.a,value.a", "key,,value"] {
            assert_eq!(Columns::parse(list).unwrap_err().kind(), ErrorKind::Usage, "{list}");
        }
    }
}
