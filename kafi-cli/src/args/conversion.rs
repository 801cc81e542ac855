//! The arguments that say how keys and values change on their way from one topic to another.

use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use kafi::serde::CarriedSchemas;
use kafi::{AvroJson, Conversion, Field, Kafi, Recoding, Result, SchemaVersion, Serde, Serdes, SubjectStrategy, Type};

use crate::args::types::{ReaderSchemaArgs, TextArgs, TypeArgs, WriterSchemaArgs, parsed, type_named};
use crate::args::values::refused;

/// What the sources hold, and what the target gets.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct ConversionArgs {
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    writer: WriterSchemaArgs,
    /// How subjects are named: topic, record, topic-record
    #[arg(long, value_name = "STRATEGY", value_parser = parsed::<SubjectStrategy>)]
    subject_strategy: Option<SubjectStrategy>,
    #[command(flatten)]
    reader: ReaderSchemaArgs,
    /// How Avro is written as JSON: readable, or standard, as its specification says
    #[arg(long, value_name = "FORM", value_parser = parsed::<AvroJson>)]
    avro_json: Option<AvroJson>,
    /// Carry the schemas of keys (key), of values (value), or of both over to the target's registry, and write their ids
    /// there in place of those of the source's; nothing is decoded
    #[arg(long, value_name = "FIELD", num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    with_schemas: Option<CarriedFields>,
}

/// The fields along with which schemas are carried.
#[derive(Clone, Debug)]
struct CarriedFields(&'static [Field]);

impl FromStr for CarriedFields {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "both" => Ok(Self(&[Field::Key, Field::Value])),
            "key" => Ok(Self(&[Field::Key])),
            "value" => Ok(Self(&[Field::Value])),
            _ => Err("it is key or value; without one of them it is both".into()),
        }
    }
}

/// What the sources hold, or the first of two topics. Without any of these, and of those of the target, a copy is one of
/// bytes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct FromArgs {
    /// The type of the sources' keys and values; of a copy the target gets JSON where it has a schema, unless --to-type
    /// says otherwise
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    from_type: Option<Type>,
    /// The type of the sources' keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    from_key_type: Option<Type>,
    /// The type of the sources' values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    from_value_type: Option<Type>,
    /// The schema of the sources' keys that name none: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    from_key_schema: Option<String>,
    /// The schema of the sources' values that name none
    #[arg(long, value_name = "SCHEMA")]
    from_value_schema: Option<String>,
    /// The id of that schema of keys in the registry
    #[arg(long, value_name = "N")]
    from_key_schema_id: Option<u32>,
    /// The id of that schema of values in the registry
    #[arg(long, value_name = "N")]
    from_value_schema_id: Option<u32>,
    /// The subject of that schema of keys
    #[arg(long, value_name = "SUBJECT")]
    from_key_subject: Option<String>,
    /// The subject of that schema of values
    #[arg(long, value_name = "SUBJECT")]
    from_value_subject: Option<String>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    from_key_version: Option<SchemaVersion>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    from_value_version: Option<SchemaVersion>,
    /// The message of keys in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    from_key_message: Option<String>,
    /// The message of values in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    from_value_message: Option<String>,
}

/// What the target gets, or the second of two topics holds.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Types and schemas")]
pub struct ToArgs {
    /// The type of the target's keys and values: bytes, str, json, avro, protobuf (pb), jsonschema (json_sr), auto
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    to_type: Option<Type>,
    /// The type of the target's keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    to_key_type: Option<Type>,
    /// The type of the target's values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    to_value_type: Option<Type>,
    /// The schema of the target's keys: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    to_key_schema: Option<String>,
    /// The schema of the target's values
    #[arg(long, value_name = "SCHEMA")]
    to_value_schema: Option<String>,
    /// The id of the schema of keys in the target's registry
    #[arg(long, value_name = "N")]
    to_key_schema_id: Option<u32>,
    /// The id of the schema of values in the target's registry
    #[arg(long, value_name = "N")]
    to_value_schema_id: Option<u32>,
    /// The subject of the schema of keys
    #[arg(long, value_name = "SUBJECT")]
    to_key_subject: Option<String>,
    /// The subject of the schema of values
    #[arg(long, value_name = "SUBJECT")]
    to_value_subject: Option<String>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    to_key_version: Option<SchemaVersion>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    to_value_version: Option<SchemaVersion>,
    /// The message of keys in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    to_key_message: Option<String>,
    /// The message of values in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    to_value_message: Option<String>,
}

impl ConversionArgs {
    /// Of sources that hold this, for a target that gets that.
    pub fn of(from: &TextArgs, to: &ToArgs, writer: &WriterSchemaArgs) -> Self {
        Self {
            from: FromArgs::from(&from.types),
            to: to.clone(),
            writer: writer.clone(),
            subject_strategy: from.types.subject_strategy,
            reader: from.reader.clone(),
            avro_json: from.types.avro_json,
            with_schemas: None,
        }
    }

    /// What the sources hold, and what the target gets; `None` where all stay bytes.
    fn serdes(&self, target: &Kafi) -> Result<Option<(Serdes, Serdes)>> {
        let mut from = self.from.types(self.avro_json, self.subject_strategy).serdes()?;
        let mut to = self.to.types(self.avro_json, self.subject_strategy).serdes()?;
        self.reader.apply(&mut from);
        let stays = |from: &Serde, to: &Serde| {
            let is_unnamed = |serde: &Serde| serde.type_.is_none() && !serde.schema.names_schema();
            is_unnamed(from) && is_unnamed(to) && from.schema.reader_schema.is_none()
        };
        let fields = [Field::Key, Field::Value];
        if fields.iter().all(|field| stays(from.of_field(*field), to.of_field(*field))) {
            self.writer.check_used(self.carries_schemas())?;
            return Ok(None);
        }
        for (from, to) in [(&mut from.key, &mut to.key), (&mut from.value, &mut to.value)] {
            if stays(from, to) {
                (from.type_, to.type_) = (Some(Type::Bytes), Some(Type::Bytes));
            } else if to.type_.is_none() && !to.schema.names_schema() {
                let has_schema = from.type_.is_some_and(Type::has_schema) || from.schema.names_schema();
                to.type_ = Some(if has_schema { Type::Json } else { Type::Auto });
            }
        }
        self.writer.apply(&mut to, target.place())?;
        Ok(Some((from, to)))
    }

    /// What the sources hold, and what the target gets, of messages that go through functions: those are decoded, and what
    /// nothing is said of is written as it came.
    pub fn decoded(&self, target: &Kafi, only_filters: bool) -> Result<(Serdes, Serdes)> {
        if self.with_schemas.is_some() && !only_filters {
            return Err(refused(
                "--with-schemas",
                "what goes through --map or --flatmap is decoded, and encoded again",
            ));
        }
        let mut from = self.from.types(self.avro_json, self.subject_strategy).serdes()?;
        let mut to = self.to.types(self.avro_json, self.subject_strategy).serdes()?;
        self.reader.apply(&mut from);
        for (from, to) in [(&from.key, &mut to.key), (&from.value, &mut to.value)] {
            if to.type_.is_none() && !to.schema.names_schema() {
                let is_typed = from.type_.is_some_and(Type::has_schema) || from.schema.names_schema();
                to.type_ = Some(if is_typed { Type::Json } else { Type::Auto });
            }
        }
        self.writer.apply(&mut to, target.place())?;
        Ok((from, to))
    }

    /// Whether schemas go along with messages.
    pub fn carries_schemas(&self) -> bool {
        self.with_schemas.is_some()
    }

    /// How keys and values change between two storages; `None` where all stay bytes.
    pub fn between(&self, source: &Kafi, target: &Kafi) -> Result<Option<Arc<dyn Recoding>>> {
        let serdes = self.serdes(target)?;
        let Some(CarriedFields(fields)) = &self.with_schemas else {
            return Ok(serdes.map(|(from, to)| -> Arc<dyn Recoding> {
                Arc::new(Conversion { source: source.place().clone(), from, target: target.place().clone(), to })
            }));
        };
        if serdes.is_some() {
            return Err(refused(
                "--with-schemas",
                "types are named, too, but what its schema goes along with stays as it is",
            )
            .hint("--from-type auto --to-type auto decodes each message, and registers its schema with the target"));
        }
        let registries = (source.registry()?.clone(), target.registry()?.clone());
        let carried = CarriedSchemas::new(registries.0, registries.1, fields);
        Ok(Some(Arc::new(if self.writer.registers() { carried } else { carried.without_registering() })))
    }
}

impl From<&TypeArgs> for FromArgs {
    fn from(types: &TypeArgs) -> Self {
        let types = types.clone();
        Self {
            from_type: types.both,
            from_key_type: types.key_type,
            from_value_type: types.value_type,
            from_key_schema: types.key_schema,
            from_value_schema: types.value_schema,
            from_key_schema_id: types.key_schema_id,
            from_value_schema_id: types.value_schema_id,
            from_key_subject: types.key_subject,
            from_value_subject: types.value_subject,
            from_key_version: types.key_version,
            from_value_version: types.value_version,
            from_key_message: types.key_message,
            from_value_message: types.value_message,
        }
    }
}

impl FromArgs {
    /// What was said of keys and values.
    pub fn types(&self, avro_json: Option<AvroJson>, subject_strategy: Option<SubjectStrategy>) -> TypeArgs {
        let this = self.clone();
        TypeArgs {
            both: this.from_type,
            key_type: this.from_key_type,
            value_type: this.from_value_type,
            key_schema: this.from_key_schema,
            value_schema: this.from_value_schema,
            key_schema_id: this.from_key_schema_id,
            value_schema_id: this.from_value_schema_id,
            key_subject: this.from_key_subject,
            value_subject: this.from_value_subject,
            key_version: this.from_key_version,
            value_version: this.from_value_version,
            key_message: this.from_key_message,
            value_message: this.from_value_message,
            avro_json,
            subject_strategy,
        }
    }
}

impl ToArgs {
    /// What was said of keys and values.
    pub fn types(&self, avro_json: Option<AvroJson>, subject_strategy: Option<SubjectStrategy>) -> TypeArgs {
        let this = self.clone();
        TypeArgs {
            both: this.to_type,
            key_type: this.to_key_type,
            value_type: this.to_value_type,
            key_schema: this.to_key_schema,
            value_schema: this.to_value_schema,
            key_schema_id: this.to_key_schema_id,
            value_schema_id: this.to_value_schema_id,
            key_subject: this.to_key_subject,
            value_subject: this.to_value_subject,
            key_version: this.to_key_version,
            value_version: this.to_value_version,
            key_message: this.to_key_message,
            value_message: this.to_value_message,
            avro_json,
            subject_strategy,
        }
    }
}
