//! What the section `kafi` says of schemas: what the flags of the command line and the functions of the library say, for
//! everything that is read from and written to a storage. The names are those of Confluent's serialisers where they have
//! one.

use super::kind::ConfigKey;
use super::values::{Checked, boolean, one_of, put, whole};

/// What a configuration says of schemas. Everything is unset at first, and then what Kafi does by itself applies; flags
/// and functions win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaSettings {
    /// The schema of keys.
    pub key: NamedSchema,
    /// The schema of values.
    pub value: NamedSchema,
    /// `reader.schema`: reads Avro values as this schema would have them; as `value.schema`.
    pub reader_schema: Option<String>,
    /// `subject.name.strategy`: `topic`, `record`, or `topic-record`. Default: `topic`.
    pub subject_name_strategy: Option<String>,
    /// `auto.register.schemas`: whether a schema that is not there is registered, or an error. Default: true.
    pub auto_register_schemas: Option<bool>,
    /// `use.latest.version`: whether the newest schema of the subject is taken for what has a type with a schema. Default:
    /// false.
    pub use_latest_version: Option<bool>,
    /// `normalize.schemas`: whether schemas are registered and looked up in the registry's normal form. Default: false.
    pub normalize_schemas: Option<bool>,
    /// `schema.id.location`: `payload` or `header`. Default: where the message that was read had it, else `payload`.
    pub schema_id_location: Option<String>,
    /// `avro.json`: `readable` or `standard`. Default: `readable`.
    pub avro_json: Option<String>,
}

/// How a configuration names a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedSchema {
    /// `value.schema`: `@` and a file, the path of a file that is there, or the text itself.
    pub schema: Option<String>,
    /// `value.schema.id`: its id in the registry.
    pub schema_id: Option<u32>,
    /// `value.subject`: its subject in the registry.
    pub subject: Option<String>,
    /// `value.version`: `latest`, or its number in the subject.
    pub version: Option<String>,
    /// `value.message`: the message of a Protobuf schema.
    pub message: Option<String>,
}

/// An item of a configuration.
struct Item {
    key: ConfigKey,
    get: fn(&SchemaSettings) -> String,
    /// The error says what is allowed.
    set: fn(&mut SchemaSettings, &str) -> Checked<()>,
}

const fn item(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
    get: fn(&SchemaSettings) -> String,
    set: fn(&mut SchemaSettings, &str) -> Checked<()>,
) -> Item {
    Item { key: ConfigKey { name, default: Some(default), meaning }, get, set }
}

static ITEMS: [Item; 17] = [
    item(
        "key.schema",
        "",
        "the schema of keys: @FILE, a file that is there, or its text",
        |s| text_of(&s.key.schema),
        |s, text| put(&mut s.key.schema, given(text)),
    ),
    item(
        "value.schema",
        "",
        "the schema of values, likewise",
        |s| text_of(&s.value.schema),
        |s, text| put(&mut s.value.schema, given(text)),
    ),
    item(
        "key.schema.id",
        "",
        "the id in the registry of the schema of keys",
        |s| text_of(&s.key.schema_id),
        |s, text| put(&mut s.key.schema_id, id(text)),
    ),
    item(
        "value.schema.id",
        "",
        "the id in the registry of the schema of values",
        |s| text_of(&s.value.schema_id),
        |s, text| put(&mut s.value.schema_id, id(text)),
    ),
    item(
        "key.subject",
        "",
        "the subject of the schema of keys; without it what subject.name.strategy says",
        |s| text_of(&s.key.subject),
        |s, text| put(&mut s.key.subject, given(text)),
    ),
    item(
        "value.subject",
        "",
        "the subject of the schema of values; without it what subject.name.strategy says",
        |s| text_of(&s.value.subject),
        |s, text| put(&mut s.value.subject, given(text)),
    ),
    item(
        "key.version",
        "",
        "the version of that subject: latest, or a number",
        |s| text_of(&s.key.version),
        |s, text| put(&mut s.key.version, version(text)),
    ),
    item(
        "value.version",
        "",
        "the version of that subject: latest, or a number",
        |s| text_of(&s.value.version),
        |s, text| put(&mut s.value.version, version(text)),
    ),
    item(
        "key.message",
        "",
        "the message of keys in their Protobuf schema; without it the first one",
        |s| text_of(&s.key.message),
        |s, text| put(&mut s.key.message, given(text)),
    ),
    item(
        "value.message",
        "",
        "the message of values in their Protobuf schema; without it the first one",
        |s| text_of(&s.value.message),
        |s, text| put(&mut s.value.message, given(text)),
    ),
    item(
        "reader.schema",
        "",
        "read Avro values as this schema would have them: @FILE, a file that is there, or its text",
        |s| text_of(&s.reader_schema),
        |s, text| put(&mut s.reader_schema, given(text)),
    ),
    item(
        "subject.name.strategy",
        "topic",
        "how subjects are named: topic, record, or topic-record",
        |s| s.subject_name_strategy.clone().unwrap_or_else(|| "topic".into()),
        |s, text| put(&mut s.subject_name_strategy, one_of(text, &["topic", "record", "topic-record"]).map(Some)),
    ),
    item(
        "auto.register.schemas",
        "true",
        "register schemas that are not in the registry, where false makes an error of it",
        |s| s.auto_register_schemas.unwrap_or(true).to_string(),
        |s, text| put(&mut s.auto_register_schemas, boolean(text).map(Some)),
    ),
    item(
        "use.latest.version",
        "false",
        "write what has a type with a schema by the newest schema of its subject",
        |s| s.use_latest_version.unwrap_or(false).to_string(),
        |s, text| put(&mut s.use_latest_version, boolean(text).map(Some)),
    ),
    item(
        "normalize.schemas",
        "false",
        "register and look up schemas in the registry's normal form",
        |s| s.normalize_schemas.unwrap_or(false).to_string(),
        |s, text| put(&mut s.normalize_schemas, boolean(text).map(Some)),
    ),
    item(
        "schema.id.location",
        "payload",
        "where ids of schemas are written: payload (in front of it) or header; unset, a copy keeps them where they were",
        |s| s.schema_id_location.clone().unwrap_or_else(|| "payload".into()),
        |s, text| put(&mut s.schema_id_location, one_of(text, &["payload", "header"]).map(Some)),
    ),
    item(
        "avro.json",
        "readable",
        "how Avro is written as JSON: readable, or standard, as its specification says",
        |s| s.avro_json.clone().unwrap_or_else(|| "readable".into()),
        |s, text| put(&mut s.avro_json, one_of(text, &["readable", "standard"]).map(Some)),
    ),
];

impl SchemaSettings {
    /// All keys, with their defaults and meanings.
    pub(super) fn keys() -> impl Iterator<Item = &'static ConfigKey> {
        ITEMS.iter().map(|item| &item.key)
    }

    /// The value of a key; `None` for an unknown key.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        ITEMS.iter().find(|item| item.key.name == key).map(|item| (item.get)(self))
    }

    /// Sets a key, and says what is allowed where the value is not; `None` for an unknown key.
    pub(super) fn set(&mut self, key: &str, text: &str) -> Option<Checked<()>> {
        ITEMS.iter().find(|item| item.key.name == key).map(|item| (item.set)(self, text))
    }
}

fn text_of(value: &Option<impl ToString>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// A text; an empty one is unset.
fn given(text: &str) -> Checked<Option<String>> {
    Ok(Some(text.to_string()).filter(|text| !text.is_empty()))
}

fn id(text: &str) -> Checked<Option<u32>> {
    if text.is_empty() { Ok(None) } else { whole(text, 1, i32::MAX.into()).map(|id| Some(id as u32)) }
}

fn version(text: &str) -> Checked<Option<String>> {
    if !matches!(text, "" | "latest") {
        whole(text, 1, i32::MAX.into()).map_err(|number| format!("latest, or {number}"))?;
    }
    given(text)
}
