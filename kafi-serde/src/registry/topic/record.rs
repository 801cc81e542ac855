//! The records of a topic of schemas, with the keys and values that Confluent's registry writes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{Error, ErrorKind, Json, JsonKind, Result};

use crate::registry::topic::text;
use crate::registry::{Mode, RegistryConfig, SchemaDefinition, json};
use crate::wire::Guid;

const OPERATION: &str = "read record of schemas";

/// The highest id, and the highest version.
pub(super) const NUMBER_MAX: u32 = i32::MAX as u32;

/// A record. Those whose value is `None` delete what another one of the same key said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    /// A version of a subject.
    Schema { subject: String, version: u32, value: Option<Box<SchemaRecord>> },
    /// What applies to a subject, or to all.
    Config { subject: Option<String>, value: Option<RegistryConfig> },
    /// The mode of a subject, or of all.
    Mode { subject: Option<String>, value: Option<Mode> },
    /// All versions up to this one are deleted.
    DeleteSubject { subject: String, version: u32 },
    /// What was deleted of a subject is gone.
    ClearSubject { subject: String },
    /// There is a context, or no longer.
    Context { context: String, is_there: bool },
    /// What a registry writes to see how far it has read, and what only newer ones know.
    Nothing,
}

/// What is known of a version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SchemaRecord {
    pub id: u32,
    pub schema: SchemaDefinition,
    pub deleted: bool,
    pub guid: Guid,
}

/// A record as bytes: its key and its value.
pub(super) type Bytes = (Vec<u8>, Option<Vec<u8>>);

impl Record {
    /// Reads a record.
    pub fn read(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self> {
        let key = parse("key", key.ok_or_else(|| malformed("it has no key"))?)?;
        let value = value.map(|value| parse("value", value)).transpose()?;
        let kind = json::text(json::member(&key, "keytype")?)?;
        let magic = json::number(json::member(&key, "magic")?)?;
        let magic_max = u32::from(kind == "SCHEMA");
        if magic > magic_max {
            return Err(malformed(format!("its key has the magic number {magic}, which is not known")));
        }
        let subject = || json::text(json::member(&key, "subject")?).map(str::to_string);
        let of_all = || key.get("subject").filter(|subject| !subject.is_null()).map(json::text).transpose();
        Ok(match kind {
            "SCHEMA" => Self::Schema {
                subject: subject()?,
                version: counted("version", &key)?,
                value: value.as_ref().map(|value| SchemaRecord::read(value).map(Box::new)).transpose()?,
            },
            "CONFIG" => {
                Self::Config { subject: of_all()?.map(str::to_string), value: value.as_ref().map(config).transpose()? }
            }
            "MODE" => Self::Mode {
                subject: of_all()?.map(str::to_string),
                value: value.as_ref().map(|value| json::text(json::member(value, "mode")?)?.parse()).transpose()?,
            },
            "DELETE_SUBJECT" => match &value {
                Some(value) => {
                    Self::DeleteSubject { subject: subject()?, version: json::number(json::member(value, "version")?)? }
                }
                None => Self::Nothing,
            },
            "CLEAR_SUBJECT" if value.is_some() => Self::ClearSubject { subject: subject()? },
            "CONTEXT" => Self::Context {
                context: json::text(json::member(&key, "context")?)?.to_string(),
                is_there: value.is_some(),
            },
            _ => Self::Nothing,
        })
    }

    /// Its key and its value.
    pub fn write(&self) -> Bytes {
        let subject_key = |kind: &str, subject: &Option<String>| {
            let subject = subject.as_ref().map_or(Json::null(), Json::from);
            Json::object([("keytype", Json::from(kind)), ("subject", subject), ("magic", 0.into())])
        };
        let (key, value) = match self {
            Self::Schema { subject, version, value } => (
                Json::object([
                    ("keytype", Json::from("SCHEMA")),
                    ("subject", subject.into()),
                    ("version", (*version).into()),
                    ("magic", 1.into()),
                ]),
                value.as_ref().map(|value| value.write(subject, *version)),
            ),
            Self::Config { subject, value } => (
                subject_key("CONFIG", subject),
                value.as_ref().map(|value| with_subject(subject, value.to_json().members())),
            ),
            Self::Mode { subject, value } => (
                subject_key("MODE", subject),
                value.map(|mode| with_subject(subject, [("mode", &Json::from(mode.as_str()))].into_iter())),
            ),
            Self::DeleteSubject { subject, version } => (
                subject_key("DELETE_SUBJECT", &Some(subject.clone())),
                Some(Json::object([("subject", Json::from(subject)), ("version", (*version).into())])),
            ),
            Self::ClearSubject { subject } => (
                subject_key("CLEAR_SUBJECT", &Some(subject.clone())),
                Some(Json::object([("subject", Json::from(subject))])),
            ),
            Self::Context { context, is_there } => {
                let members = [("tenant", Json::from("default")), ("context", Json::from(context))];
                let key = [("keytype", Json::from("CONTEXT"))].into_iter().chain(members.clone());
                (Json::object(key.chain([("magic", 0.into())])), is_there.then(|| Json::object(members)))
            }
            Self::Nothing => (Json::object([("keytype", Json::from("NOOP")), ("magic", 0.into())]), None),
        };
        (key.to_string().into_bytes(), value.map(|value| value.to_string().into_bytes()))
    }
}

impl SchemaRecord {
    fn read(value: &Json) -> Result<Self> {
        let schema = SchemaDefinition::from_json(value)?;
        let md5 = value.get("md5").and_then(|md5| md5.str().ok()).and_then(|md5| STANDARD.decode(md5).ok());
        let known = json::guid(value)?.or_else(|| md5.and_then(|md5| md5.try_into().ok()).map(Guid));
        Ok(Self {
            id: counted("id", value)?,
            deleted: value.get("deleted").is_some_and(|deleted| deleted.bool().unwrap_or(false)),
            guid: known.unwrap_or_else(|| text::guid(&schema)),
            schema,
        })
    }

    fn write(&self, subject: &str, version: u32) -> Json {
        let head = [
            ("subject", Json::from(subject)),
            ("version", version.into()),
            ("id", self.id.into()),
            ("md5", STANDARD.encode(self.guid.0).into()),
        ];
        let schema = self.schema.to_json();
        let schema = schema.members().map(|(name, value)| (name, value.clone()));
        Json::object(head.into_iter().chain(schema).chain([("deleted", self.deleted.into())]))
    }
}

/// An id or a version, as Kafka's tools know them.
fn counted(name: &str, json: &Json) -> Result<u32> {
    let number = json::number(json::member(json, name)?)?;
    let is_one = (1..=NUMBER_MAX).contains(&number);
    if is_one { Ok(number) } else { Err(malformed(format!("{number} is no {name}"))) }
}

fn config(value: &Json) -> Result<RegistryConfig> {
    let mut config = RegistryConfig::from_json(value)?;
    config.others.retain(|(name, _)| name != "subject");
    Ok(config)
}

fn with_subject<'a>(subject: &Option<String>, members: impl Iterator<Item = (&'a str, &'a Json)>) -> Json {
    let head = subject.iter().map(|subject| ("subject", Json::from(subject)));
    Json::object(head.chain(members.map(|(name, value)| (name, value.clone()))))
}

fn parse(what: &str, bytes: &[u8]) -> Result<Json> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed(format!("its {what} is not UTF-8")))?;
    let json = Json::parse(text).map_err(|error| malformed(format!("its {what} is not JSON: {}", error.message())))?;
    if json.kind() == JsonKind::Object { Ok(json) } else { Err(malformed(format!("its {what} is no object"))) }
}

fn malformed(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, OPERATION, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read and written again is the same.
    #[test]
    fn records_are_as_confluent_writes_them() {
        for (key, value) in [
            (
                r#"{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}"#,
                Some(
                    r#"{"subject":"a-value","version":1,"id":7,"md5":"xAqCI22krCgNiqJOZHQ8oQ==","schema":"\"string\"","deleted":false}"#,
                ),
            ),
            (
                r#"{"keytype":"SCHEMA","subject":":.c:b","version":2,"magic":1}"#,
                Some(
                    r#"{"subject":":.c:b","version":2,"id":8,"md5":"AAAAAAAAAAAAAAAAAAAAAA==","schemaType":"PROTOBUF","references":[{"name":"a.proto","subject":"a","version":1}],"schema":"syntax = \"proto3\";","deleted":true}"#,
                ),
            ),
            (r#"{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}"#, None),
            (r#"{"keytype":"CONFIG","subject":null,"magic":0}"#, Some(r#"{"compatibilityLevel":"FULL"}"#)),
            (
                r#"{"keytype":"CONFIG","subject":"a","magic":0}"#,
                Some(r#"{"subject":"a","compatibilityLevel":"NONE","normalize":true}"#),
            ),
            (r#"{"keytype":"MODE","subject":null,"magic":0}"#, Some(r#"{"mode":"READONLY"}"#)),
            (r#"{"keytype":"MODE","subject":"a","magic":0}"#, Some(r#"{"subject":"a","mode":"IMPORT"}"#)),
            (r#"{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}"#, Some(r#"{"subject":"a","version":3}"#)),
            (r#"{"keytype":"CLEAR_SUBJECT","subject":"a","magic":0}"#, Some(r#"{"subject":"a"}"#)),
            (
                r#"{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}"#,
                Some(r#"{"tenant":"default","context":".c"}"#),
            ),
            (r#"{"keytype":"NOOP","magic":0}"#, None),
        ] {
            let record = Record::read(Some(key.as_bytes()), value.map(str::as_bytes)).unwrap();
            let (written, with) = record.write();
            assert_eq!(String::from_utf8(written).unwrap(), key);
            assert_eq!(with.map(|with| String::from_utf8(with).unwrap()).as_deref(), value, "{key}");
        }
    }

    #[test]
    fn what_is_malformed_says_why() {
        for (key, value, why) in [
            (None, None, "it has no key"),
            (Some("\u{1}"), None, "its key is not JSON"),
            (Some("[]"), None, "its key is no object"),
            (Some(r#"{"keytype":"SCHEMA","subject":"a","version":1,"magic":2}"#), None, "magic number 2"),
            (Some(r#"{"keytype":"SCHEMA","version":1,"magic":1}"#), None, "subject is missing"),
            (Some(r#"{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}"#), Some("{}"), "schema is missing"),
            (Some(r#"{"keytype":"SCHEMA","subject":"a","version":2147483648,"magic":1}"#), None, "is no version"),
            (Some(r#"{"keytype":"MODE","subject":"a","magic":0}"#), Some(r#"{"mode":"X"}"#), "no such mode"),
        ] {
            let error = Record::read(key.map(str::as_bytes), value.map(str::as_bytes)).unwrap_err();
            assert!(error.to_string().contains(why), "{key:?}: {error}");
        }
        let unknown = Record::read(Some(br#"{"keytype":"ASSOC","magic":0}"#), Some(b"{}")).unwrap();
        assert_eq!(unknown, Record::Nothing);
    }
}
