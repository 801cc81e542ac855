//! The arguments that say how keys and values change on their way from one topic to another.

use clap::Args;
use kafi::{AvroJson, Conversion, Field, Kafi, Result, SchemaVersion, Serde, Serdes, SubjectStrategy, Type};

use crate::args::types::{ReaderSchemaArgs, TypeArgs, WriterSchemaArgs, parsed, type_named};

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
    /// Read Avro values as this schema would have them: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    reader_schema: Option<String>,
    /// How Avro is written as JSON: readable, or standard, as its specification says
    #[arg(long, value_name = "FORM", value_parser = parsed::<AvroJson>)]
    avro_json: Option<AvroJson>,
}

/// What the sources hold. Without any of these, and of those of the target, a copy is one of bytes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
struct FromArgs {
    /// The type of the sources' keys and values; where it has a schema, the target gets JSON unless --to-type says
    /// otherwise
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

/// What the target gets.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
struct ToArgs {
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
    /// What the sources hold, and what the target gets; `None` where all stay bytes.
    pub fn serdes(&self) -> Result<Option<(Serdes, Serdes)>> {
        let mut from = self.from.types(self.avro_json, self.subject_strategy).serdes()?;
        let mut to = self.to.types(self.avro_json, self.subject_strategy).serdes()?;
        ReaderSchemaArgs::of(self.reader_schema.clone()).apply(&mut from);
        self.writer.apply(&mut to);
        let stays = |from: &Serde, to: &Serde| {
            let is_unnamed = |serde: &Serde| serde.type_.is_none() && !serde.schema.names_schema();
            is_unnamed(from) && is_unnamed(to) && from.schema.reader_schema.is_none()
        };
        let fields = [Field::Key, Field::Value];
        if fields.iter().all(|field| stays(from.of_field(*field), to.of_field(*field))) {
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
        Ok(Some((from, to)))
    }

    /// The same between two storages.
    pub fn between(&self, source: &Kafi, target: &Kafi) -> Result<Option<Conversion>> {
        let conversion =
            |(from, to)| Conversion { source: source.place().clone(), from, target: target.place().clone(), to };
        Ok(self.serdes()?.map(conversion))
    }
}

impl FromArgs {
    fn types(&self, avro_json: Option<AvroJson>, subject_strategy: Option<SubjectStrategy>) -> TypeArgs {
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
    fn types(&self, avro_json: Option<AvroJson>, subject_strategy: Option<SubjectStrategy>) -> TypeArgs {
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
