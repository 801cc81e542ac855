//! What every command takes that looks into keys and values: what they are, and which schemas they have.

use clap::Args;
use kafi::{
    AvroJson, Field, IdLocation, Place, Registration, Result, SchemaOptions, SchemaVersion, Serde, Serdes,
    SubjectStrategy, Type,
};

use crate::args::failures::FailureArgs;
use crate::args::values::refused;
use crate::context::Context;
use crate::output::Reading;

/// What every command takes that looks into keys and values.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct TypeArgs {
    /// The type of keys and values: bytes, str, json, avro, protobuf (pb), jsonschema (json_sr), auto
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = type_named)]
    pub both: Option<Type>,
    /// The type of keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub key_type: Option<Type>,
    /// The type of values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub value_type: Option<Type>,
    /// The schema of keys: @FILE, a file that is there (.avsc, .proto, .desc, .json), or its text
    #[arg(long, value_name = "SCHEMA")]
    pub key_schema: Option<String>,
    /// The schema of values
    #[arg(long, value_name = "SCHEMA")]
    pub value_schema: Option<String>,
    /// The id in the registry of the schema of keys
    #[arg(long, value_name = "N")]
    pub key_schema_id: Option<u32>,
    /// The id in the registry of the schema of values
    #[arg(long, value_name = "N")]
    pub value_schema_id: Option<u32>,
    /// The subject in the registry of the schema of keys
    #[arg(long, value_name = "SUBJECT")]
    pub key_subject: Option<String>,
    /// The subject in the registry of the schema of values
    #[arg(long, value_name = "SUBJECT")]
    pub value_subject: Option<String>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    pub key_version: Option<SchemaVersion>,
    /// The version of that subject: latest, or a number
    #[arg(long, value_name = "VERSION", value_parser = parsed::<SchemaVersion>)]
    pub value_version: Option<SchemaVersion>,
    /// The message of keys in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    pub key_message: Option<String>,
    /// The message of values in their Protobuf schema
    #[arg(long, value_name = "NAME")]
    pub value_message: Option<String>,
    /// How Avro is written as JSON: readable, or standard, as its specification says
    #[arg(long, value_name = "FORM", value_parser = parsed::<AvroJson>)]
    pub avro_json: Option<AvroJson>,
    /// How subjects are named: topic, record, topic-record
    #[arg(long, value_name = "STRATEGY", value_parser = parsed::<SubjectStrategy>)]
    pub subject_strategy: Option<SubjectStrategy>,
}

/// What the commands that read take beyond that.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct ReaderSchemaArgs {
    /// Read Avro values as this schema would have them: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    reader_schema: Option<String>,
}

/// What the commands take that look into messages.
#[derive(Args, Clone, Debug, Default)]
pub struct TextArgs {
    #[command(flatten)]
    pub types: TypeArgs,
    #[command(flatten)]
    pub reader: ReaderSchemaArgs,
    #[command(flatten)]
    pub failures: FailureArgs,
}

/// What the commands that print messages take.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct ReadingArgs {
    #[command(flatten)]
    pub text: TextArgs,
    /// With --json: name the subject and version of schemas, too
    #[arg(long)]
    schemas: bool,
}

impl TextArgs {
    /// What was said of keys and values.
    pub fn serdes(&self) -> Result<Serdes> {
        let mut serdes = self.types.serdes()?;
        self.reader.apply(&mut serdes);
        Ok(serdes)
    }
}

impl ReadingArgs {
    /// What they mean; opens the topic of dead letters.
    pub fn open(&self, context: &Context) -> Result<Reading> {
        let mut serdes = self.text.serdes()?;
        serdes.key.schema.versions = self.schemas;
        serdes.value.schema.versions = self.schemas;
        Ok(Reading { serdes, names_versions: self.schemas, failures: self.text.failures.open(context)? })
    }
}

/// What the commands that write take beyond that.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Types and schemas")]
pub struct WriterSchemaArgs {
    /// Fail where a schema is not in the registry, instead of registering it
    #[arg(long, conflicts_with = "use_latest")]
    no_register: bool,
    /// Write with the newest schema of the subject
    #[arg(long)]
    use_latest: bool,
    /// Register and look up schemas in the registry's normal form
    #[arg(long)]
    normalize: bool,
    /// Where the id of the schema is written: payload (in front of it), header
    #[arg(long, value_name = "WHERE", value_parser = parsed::<IdLocation>)]
    schema_id_location: Option<IdLocation>,
}

impl TypeArgs {
    /// What was said of keys and values.
    pub fn serdes(&self) -> Result<Serdes> {
        let key = SchemaOptions {
            schema: self.key_schema.clone(),
            id: self.key_schema_id,
            subject: self.key_subject.clone(),
            version: self.key_version,
            message: self.key_message.clone(),
            ..self.shared()
        };
        let value = SchemaOptions {
            schema: self.value_schema.clone(),
            id: self.value_schema_id,
            subject: self.value_subject.clone(),
            version: self.value_version,
            message: self.value_message.clone(),
            ..self.shared()
        };
        Ok(Serdes {
            key: self.serde(Field::Key, self.key_type, key)?,
            value: self.serde(Field::Value, self.value_type, value)?,
        })
    }

    /// What was said, and where nothing was, what `both` says.
    pub fn over(self, both: &Self) -> Self {
        let both = both.clone();
        Self {
            key_type: self.key_type.or(self.both).or(both.key_type).or(both.both),
            value_type: self.value_type.or(self.both).or(both.value_type).or(both.both),
            both: None,
            key_schema: self.key_schema.or(both.key_schema),
            value_schema: self.value_schema.or(both.value_schema),
            key_schema_id: self.key_schema_id.or(both.key_schema_id),
            value_schema_id: self.value_schema_id.or(both.value_schema_id),
            key_subject: self.key_subject.or(both.key_subject),
            value_subject: self.value_subject.or(both.value_subject),
            key_version: self.key_version.or(both.key_version),
            value_version: self.value_version.or(both.value_version),
            key_message: self.key_message.or(both.key_message),
            value_message: self.value_message.or(both.value_message),
            avro_json: self.avro_json.or(both.avro_json),
            subject_strategy: self.subject_strategy.or(both.subject_strategy),
        }
    }

    fn shared(&self) -> SchemaOptions {
        SchemaOptions { avro_json: self.avro_json, strategy: self.subject_strategy, ..SchemaOptions::default() }
    }

    fn serde(&self, field: Field, own: Option<Type>, schema: SchemaOptions) -> Result<Serde> {
        let type_ = own.or(self.both);
        if let Some(type_) = type_
            && (schema.names_schema() || schema.message.is_some())
            && !type_.has_schema()
            && type_ != Type::Auto
        {
            let argument = if field == Field::Key { "--key-type" } else { "--value-type" };
            return Err(refused(argument, &format!("the type {type_} has no schema, and one is named")));
        }
        Ok(Serde { type_, schema })
    }
}

impl ReaderSchemaArgs {
    /// Adds what was said.
    pub fn apply(&self, serdes: &mut Serdes) {
        serdes.value.schema.reader_schema.clone_from(&self.reader_schema);
    }
}

impl WriterSchemaArgs {
    /// Whether schemas that are not there are registered.
    pub fn registers(&self) -> bool {
        !self.no_register
    }

    /// Refuses what would do nothing where no type with a schema and no schema is named; schemas may be `carried` over.
    pub fn check_used(&self, carried: bool) -> Result<()> {
        let said = [
            ("--use-latest", self.use_latest),
            ("--no-register", self.no_register && !carried),
            ("--normalize", self.normalize),
            ("--schema-id-location", self.schema_id_location.is_some()),
        ];
        match said.into_iter().find(|(_, is_said)| *is_said) {
            None => Ok(()),
            Some((argument, _)) => Err(refused(argument, "nothing is written with a schema here")
                .hint("--to-value-type avro (protobuf, jsonschema, auto) has values written with one")),
        }
    }

    /// Adds what was said, for what is written at `place`, whose configuration may name types, too.
    pub fn apply(&self, serdes: &mut Serdes, place: &Place) -> Result<()> {
        let mut takes_latest = false;
        for (field, serde) in [(Field::Key, &mut serdes.key), (Field::Value, &mut serdes.value)] {
            let names_schema = place.schema_of(serde, field)?.names_schema();
            let has_schema = place.type_or(serde, field, Type::Auto)?.has_schema() || names_schema;
            serde.schema.normalize = self.normalize.then_some(true);
            serde.schema.id_location = self.schema_id_location;
            if self.no_register {
                serde.schema.registration = Some(Registration::LookUp);
            }
            // Keys and values without a schema have no newest one.
            if self.use_latest && has_schema {
                serde.schema.registration = Some(Registration::UseLatest);
                takes_latest = true;
            }
        }
        if self.use_latest && !takes_latest {
            return Err(refused("--use-latest", "no type that has a schema is named").hint(
                "--value-type avro (protobuf, jsonschema), or value.type in the configuration, says what values are; of a copy --to-value-type",
            ));
        }
        Ok(())
    }
}

/// Reads a type's name.
pub fn type_named(text: &str) -> std::result::Result<Type, String> {
    parsed(text)
}

/// Reads one of a few words, and says why it is none.
pub fn parsed<T: std::str::FromStr<Err = kafi::Error>>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|error: kafi::Error| {
        let why = error.message().to_string();
        error.hint_text().map_or(why.clone(), |hint| format!("{why}, {hint}"))
    })
}
