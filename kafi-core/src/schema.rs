//! Schemas that travel with messages, and what somebody chooses of them. The formats themselves, and registries, are
//! known to implementations of [`Codecs`](crate::Codecs) only.

use std::any::Any;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::column::ColumnType;
use crate::config::{SchemaSettings, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Field, Type};

/// What a message tells of the schema by which its key or value was decoded.
pub trait TravellingSchema: Any + Send + Sync + fmt::Debug {
    /// The type that it belongs to: Avro, Protobuf, or JSON Schema.
    fn type_(&self) -> Type;

    /// Its text, as a registry takes it.
    fn text(&self) -> &str;

    /// Its id in the registry that it comes from.
    fn id(&self) -> Option<u32>;

    /// Its GUID, the same in all registries.
    fn guid(&self) -> Option<[u8; 16]>;

    /// A subject that it is registered under, and the version there.
    fn version(&self) -> Option<(&str, u32)>;

    /// The full name of the message, of Protobuf.
    fn message(&self) -> Option<&str>;

    /// What stands in the values that it describes, where it says so.
    fn column_type(&self) -> Option<ColumnType> {
        None
    }
}

/// The schema by which a key or value was decoded. A clone costs a reference count. Two are equal where they are the
/// same schema of the same registry.
#[derive(Clone)]
pub struct SchemaRef(Arc<dyn TravellingSchema>);

impl SchemaRef {
    /// What `schema` tells.
    pub fn new(schema: Arc<dyn TravellingSchema>) -> Self {
        Self(schema)
    }

    /// Whether it is the very same one, which is quicker to tell than whether they are equal.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The implementation, where it is of this type.
    pub fn downcast<T: TravellingSchema>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl std::ops::Deref for SchemaRef {
    type Target = dyn TravellingSchema;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for SchemaRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.type_(), self.id(), self.guid(), self.message(), self.text())
                == (other.type_(), other.id(), other.guid(), other.message(), other.text())
    }
}

/// The name of the header that holds the id of a field's schema, where it does not stand in front of the payload.
pub fn schema_id_header(field: Field) -> &'static str {
    match field {
        Field::Key => "__key_schema_id",
        Field::Value => "__value_schema_id",
    }
}

/// What keys or values are read or written as: a type, and what is chosen of its schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serde {
    /// The type; `None` leaves it to the configuration, and then to what the place has as default.
    pub type_: Option<Type>,
    /// What is chosen of schemas.
    pub schema: SchemaOptions,
}

/// What the keys and the values of messages are read or written as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serdes {
    /// The keys.
    pub key: Serde,
    /// The values.
    pub value: Serde,
}

impl Serdes {
    /// Both of this type.
    pub fn of(both: Type) -> Self {
        let serde = Serde { type_: Some(both), schema: SchemaOptions::default() };
        Self { key: serde.clone(), value: serde }
    }

    /// Those of a field.
    pub fn of_field(&self, field: Field) -> &Serde {
        match field {
            Field::Key => &self.key,
            Field::Value => &self.value,
        }
    }
}

/// What somebody chooses of the schemas of keys or values. Types without a schema take no notice of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaOptions {
    /// A schema: `@` and a file, the path of a file that is there, or the text itself. Without a registry payloads are
    /// raw; with one they name it.
    pub schema: Option<String>,
    /// The id of a schema in the registry.
    pub id: Option<u32>,
    /// The subject in the registry. Default: what the strategy says.
    pub subject: Option<String>,
    /// The version of the subject that is taken. Default: when one is written to, what is registered there.
    pub version: Option<SchemaVersion>,
    /// The message of a Protobuf schema. Default: the first one, when reading what the payload says.
    pub message: Option<String>,
    /// Reads Avro as this schema would have it: a file or text, as for `schema`.
    pub reader_schema: Option<String>,
    /// How subjects are named. Default: by topic.
    pub strategy: Option<SubjectStrategy>,
    /// What becomes of a schema that is written with. Default: it is registered.
    pub registration: Option<Registration>,
    /// Registers and looks up schemas in the registry's normal form. Default: false.
    pub normalize: Option<bool>,
    /// Where ids are written. Default: where the message that was read had it, else in front of the payload.
    pub id_location: Option<IdLocation>,
    /// How Avro is written as JSON. Both forms are read back. Default: readable.
    pub avro_json: Option<AvroJson>,
    /// Asks for subject and version of the schemas that are read, too. Default: false.
    pub versions: bool,
}

impl SchemaOptions {
    /// Whether a schema to write with is named.
    pub fn names_schema(&self) -> bool {
        self.schema.is_some()
            || self.id.is_some()
            || self.version.is_some()
            || self.registration == Some(Registration::UseLatest)
    }

    /// What a configuration says for a field.
    ///
    /// # Errors
    /// `Usage` for settings that were set from code to what is none.
    pub fn of_settings(settings: &SchemaSettings, field: Field) -> Result<Self> {
        fn parsed<T: FromStr<Err = Error>>(text: &Option<String>) -> Result<Option<T>> {
            text.as_deref().map(str::parse).transpose()
        }
        let (named, is_value) = match field {
            Field::Key => (&settings.key, false),
            Field::Value => (&settings.value, true),
        };
        let registration = match (settings.use_latest_version, settings.auto_register_schemas) {
            (Some(true), _) => Some(Registration::UseLatest),
            (_, Some(false)) => Some(Registration::LookUp),
            (_, Some(true)) => Some(Registration::Register),
            (_, None) => None,
        };
        Ok(Self {
            schema: named.schema.clone(),
            id: named.schema_id,
            subject: named.subject.clone(),
            version: parsed(&named.version)?,
            message: named.message.clone(),
            reader_schema: settings.reader_schema.clone().filter(|_| is_value),
            strategy: parsed(&settings.subject_name_strategy)?,
            registration,
            normalize: settings.normalize_schemas,
            id_location: parsed(&settings.schema_id_location)?,
            avro_json: parsed(&settings.avro_json)?,
            versions: false,
        })
    }

    /// The same, and of `others` what is not said here. A schema that is named here in one way is not named by them in
    /// another.
    pub fn or(&self, others: &Self) -> Self {
        let own = self.clone();
        let none = Self::default();
        let is_named = own.schema.is_some() || own.id.is_some() || own.subject.is_some() || own.version.is_some();
        let named = if is_named { &none } else { others };
        Self {
            schema: own.schema.or_else(|| named.schema.clone()),
            id: own.id.or(named.id),
            subject: own.subject.or_else(|| named.subject.clone()),
            version: own.version.or(named.version),
            message: own.message.or_else(|| named.message.clone()),
            reader_schema: own.reader_schema.or_else(|| others.reader_schema.clone()),
            strategy: own.strategy.or(others.strategy),
            registration: own.registration.or(others.registration),
            normalize: own.normalize.or(others.normalize),
            id_location: own.id_location.or(others.id_location),
            avro_json: own.avro_json.or(others.avro_json),
            versions: own.versions || others.versions,
        }
    }
}

/// A version of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaVersion {
    /// The newest.
    Latest,
    /// This one, from 1.
    Number(u32),
}

impl FromStr for SchemaVersion {
    type Err = Error;

    /// Reads `latest`, or a number from 1.
    ///
    /// # Errors
    /// `Usage` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        match text.parse() {
            Ok(number) if (1..=i32::MAX as u32).contains(&number) => Ok(Self::Number(number)),
            _ => Err(Error::new(ErrorKind::Usage, "read version", "a version is latest, or a number from 1")
                .with("version", format!("{text:?}"))),
        }
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// How the subject of a schema is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SubjectStrategy {
    /// The topic, and `-key` or `-value`.
    #[default]
    Topic,
    /// The full name of the record or message.
    Record,
    /// The topic, a hyphen, and the full name of the record or message.
    TopicRecord,
}

/// What becomes of a schema that is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Registration {
    /// It is registered, where it is not.
    #[default]
    Register,
    /// It has to be registered already.
    LookUp,
    /// The newest one of the subject is taken in its place.
    UseLatest,
}

/// Where the id of a schema is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdLocation {
    /// In front of the payload.
    #[default]
    Payload,
    /// In a header.
    Header,
}

/// How Avro is written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AvroJson {
    /// Unions bare where the value tells the branch, decimals as numbers.
    #[default]
    Readable,
    /// As Avro's specification says.
    Standard,
}

impl FromStr for SubjectStrategy {
    type Err = Error;

    /// Reads `topic`, `record`, or `topic-record`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let known = [("topic", Self::Topic), ("record", Self::Record), ("topic-record", Self::TopicRecord)];
        named("choose subject strategy", text, &known)
    }
}

impl FromStr for IdLocation {
    type Err = Error;

    /// Reads `payload` or `header`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        named("choose place of schema ids", text, &[("payload", Self::Payload), ("header", Self::Header)])
    }
}

impl FromStr for AvroJson {
    type Err = Error;

    /// Reads `readable` or `standard`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        named("choose form of Avro", text, &[("readable", Self::Readable), ("standard", Self::Standard)])
    }
}

/// The value of this name.
fn named<T: Copy>(operation: &'static str, text: &str, known: &[(&'static str, T)]) -> Result<T> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let hint = nearest(text, names.iter().copied())
        .map_or_else(|| format!("there are {}", names.join(", ")), |near| format!("did you mean {near}?"));
    Err(Error::new(ErrorKind::Usage, operation, "there is no such one").with("name", format!("{text:?}")).hint(hint))
}
