//! Encodes by a schema: the one that was chosen, else the one that travels with the message.

use std::sync::Arc;

use kafi_core::json_text::write_string;
use kafi_core::{
    Codecs, Coding, ColumnType, Encoder, Error, ErrorKind, Field, IdLocation, PlainCodecs, Result, SchemaHeader,
    SchemaOptions, SchemaRef, TravellingSchema, Type, Value, schema_id_header,
};

use crate::codecs::chosen::{Chosen, in_registry};
use crate::codecs::known::KnownSchema;
use crate::codecs::prepared::{PreparedSchema, is_of, no_schema};
use crate::codecs::{Shared, format_of};
use crate::source::Source;

/// How many schemas one encoder keeps writers of.
const PREPARED_MAX: usize = 64;

/// Encodes keys or values that have a schema, and with the type `auto` those that have none.
pub struct SchemaEncoder {
    shared: Arc<Shared>,
    type_: Type,
    options: SchemaOptions,
    chosen: Chosen,
    plain: Box<dyn Encoder>,
    /// The one of the message before comes first.
    prepared: Vec<PreparedSchema>,
    /// Where the id of the message before was written; `None` if it had no schema.
    location: Option<IdLocation>,
    text: Vec<u8>,
}

impl SchemaEncoder {
    pub fn open(shared: Arc<Shared>, type_: Type, field: Field, options: &SchemaOptions) -> Result<Self> {
        let chosen = Chosen::of(options, type_)?;
        if matches!(chosen, Chosen::InRegistry) {
            shared.registry("choose schema")?;
        }
        Ok(Self {
            shared,
            type_,
            options: options.clone(),
            chosen,
            plain: PlainCodecs.encoder(Type::Auto, field, options)?,
            prepared: Vec::new(),
            location: None,
            text: Vec::new(),
        })
    }

    /// Makes what writes this message the first that is prepared; false if it has no schema, and needs none.
    fn take(&mut self, coding: &Coding<'_>) -> Result<bool> {
        let travels = match &self.chosen {
            Chosen::Nothing => coding.schema.filter(|schema| is_of(schema, format_of(self.type_))),
            Chosen::Given(_) | Chosen::InRegistry => None,
        };
        if matches!(self.chosen, Chosen::Nothing) && travels.is_none() {
            return if self.type_ == Type::Auto { Ok(false) } else { Err(no_schema(self.type_, coding)) };
        }
        if let Some(at) = self.prepared.iter().position(|schema| schema.is_for(coding, travels)) {
            self.prepared.swap(0, at);
            return Ok(true);
        }
        let known = self.known(coding, travels)?;
        let schema = PreparedSchema::open(&self.shared, &self.options, coding, &known, travels)?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(0, schema);
        Ok(true)
    }

    fn known(&self, coding: &Coding<'_>, travels: Option<&SchemaRef>) -> Result<Arc<KnownSchema>> {
        let known = match (&self.chosen, travels) {
            (Chosen::Given(known), _) => return Ok(Arc::clone(known)),
            (_, None) => in_registry(&self.shared, &self.options, (coding.topic, coding.field), coding.timeout)?,
            (_, Some(schema)) => match schema.downcast::<KnownSchema>() {
                Some(known) => Arc::new(known.clone()),
                None => Arc::new(foreign(schema)?),
            },
        };
        match format_of(self.type_) {
            Some(format) if known.format() != format => {
                let why = format!("the schema is {}, where {format} is wanted", known.format());
                Err(Error::new(ErrorKind::Usage, "choose schema", why))
            }
            _ => Ok(known),
        }
    }

    /// Writes JSON text by the schema that was taken.
    fn write(&mut self, coding: &Coding<'_>, json: &str, out: &mut Vec<u8>) -> Result<()> {
        let location = self.options.id_location.unwrap_or_else(|| {
            let had_header = coding.headers.get(schema_id_header(coding.field).as_bytes()).is_some();
            if had_header { IdLocation::Header } else { IdLocation::Payload }
        });
        let start = out.len();
        let schema = self.prepared.first_mut().expect("it was just taken");
        out.extend_from_slice(schema.prefix(location));
        if let Err(error) = schema.writer.write(json, out) {
            out.truncate(start);
            return Err(error.with("topic", coding.topic).with("field", coding.field));
        }
        self.location = Some(location);
        Ok(())
    }
}

impl Encoder for SchemaEncoder {
    fn encode(&mut self, coding: &Coding<'_>, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.location = None;
        let is_null = matches!(value, Value::Null);
        if is_null || !self.take(coding)? {
            return self.plain.encode(&coding.schema(coding.schema.filter(|_| is_null)), value, out);
        }
        match value {
            Value::Json(json) => self.write(coding, &json.text(), out)?,
            Value::Str(text) => {
                let mut json = std::mem::take(&mut self.text);
                json.clear();
                write_string(&mut json, text);
                let text = std::str::from_utf8(&json).expect("a JSON string is UTF-8");
                let written = self.write(coding, text, out);
                self.text = json;
                written?;
            }
            other => self.encode_text(coding, &other.as_bytes().unwrap_or_default(), out)?,
        }
        Ok(true)
    }

    fn encode_text(&mut self, coding: &Coding<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.location = None;
        if !self.take(coding)? {
            return self.plain.encode_text(coding, text, out);
        }
        let json = std::str::from_utf8(text).map_err(|error| {
            let what = format!("byte {} is not UTF-8, where JSON is wanted", error.valid_up_to());
            Error::new(ErrorKind::Corrupt, "read JSON", what).with("topic", coding.topic).with("field", coding.field)
        })?;
        self.write(coding, json, out)
    }

    fn column_type(&mut self, coding: &Coding<'_>) -> Result<Option<ColumnType>> {
        match self.chosen {
            Chosen::Nothing => Ok(None),
            Chosen::Given(_) | Chosen::InRegistry => Ok(self.known(coding, None)?.column_type()),
        }
    }

    fn schema_header(&self) -> SchemaHeader<'_> {
        let Some(location) = self.location else { return self.plain.schema_header() };
        match self.prepared.first().and_then(|schema| schema.header(location)) {
            Some(value) => SchemaHeader::Set(value),
            None => SchemaHeader::Drop,
        }
    }
}

/// A schema that other codecs gave a message, from its text.
fn foreign(schema: &SchemaRef) -> Result<KnownSchema> {
    let known = KnownSchema::of_source(Source::of_text(schema.text(), format_of(schema.type_()))?)?;
    Ok(schema.message().map_or_else(|| known.clone(), |message| known.with_message(message)))
}
