//! Decodes what has a schema: the id is read, the schema is known from the message before or looked up once, and the
//! payload becomes JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::{
    Codecs, Coding, Decoded, Decoder, Error, ErrorKind, Field, Headers, Json, MemberSink, PlainCodecs, Result,
    SchemaOptions, SchemaRef, Text, TravellingSchema, Type, Value,
};

#[cfg(feature = "avro")]
use crate::codecs::chosen::source_of;
use crate::codecs::chosen::{Chosen, in_registry};
use crate::codecs::known::KnownSchema;
use crate::codecs::subject::topic_subject;
use crate::codecs::{Shared, forms_of};
use crate::format::Format;
use crate::schema::Reader;
#[cfg(feature = "avro")]
use crate::schema::Schema;
use crate::wire::{Framed, MessageIndexes, SchemaId};

/// How many schemas one decoder keeps readers of.
const READERS_MAX: usize = 64;

/// Decodes keys or values that have a schema, and with the type `auto` those that have none.
pub struct SchemaDecoder {
    shared: Arc<Shared>,
    type_: Type,
    field: Field,
    options: SchemaOptions,
    /// What payloads are that name no schema.
    chosen: Chosen,
    #[cfg_attr(not(feature = "avro"), allow(dead_code, reason = "only Avro has such a schema"))]
    reader_schema: Option<Arc<KnownSchema>>,
    plain: Box<dyn Decoder>,
    /// The id of the message before, and what reads it.
    last: Option<(Option<SchemaId>, Opened)>,
    others: HashMap<Option<SchemaId>, Opened>,
    indexes: MessageIndexes,
    json: Vec<u8>,
}

/// A schema that is ready to read with.
struct Opened {
    reader: Reader,
    known: Arc<KnownSchema>,
    /// What travels: one for each message of a Protobuf schema that was seen, that of the last one first.
    travelling: Vec<(Option<MessageIndexes>, SchemaRef)>,
}

impl SchemaDecoder {
    pub fn open(shared: Arc<Shared>, type_: Type, field: Field, options: &SchemaOptions) -> Result<Self> {
        let reader_schema = options.reader_schema.as_deref().map(|text| reader_schema(text, type_)).transpose()?;
        Ok(Self {
            chosen: Chosen::of(options, type_)?,
            shared,
            type_,
            field,
            options: options.clone(),
            reader_schema,
            plain: PlainCodecs.decoder(Type::Auto, field, options)?,
            last: None,
            others: HashMap::new(),
            indexes: MessageIndexes::new(),
            json: Vec::new(),
        })
    }

    /// Appends the JSON text of a payload; `None`, and nothing appended, if it has no schema.
    fn read(&mut self, coding: &Coding<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<Option<SchemaRef>> {
        let framed = self.framed(coding, bytes);
        if let Some(framed) = framed
            && self.take(Some(framed.id()), coding)?
        {
            let read = self.read_framed(framed, out);
            return match read {
                Ok(schema) => Ok(Some(schema)),
                // Numbers of 64 bits and the like may look as if they began with the id of a schema.
                Err(_) if self.type_ == Type::Auto => Ok(None),
                Err(error) => Err(error.with("schema", framed.id())),
            };
        }
        if !self.is_unchosen() {
            self.take(None, coding)?;
            return self.read_raw(bytes, out).map(Some);
        }
        if self.type_ == Type::Auto {
            return Ok(None);
        }
        Err(self.unknown(framed, coding, bytes))
    }

    /// A payload with what names its schema, if it may be one.
    fn framed<'b>(&self, coding: &Coding<'b>, bytes: &'b [u8]) -> Option<Framed<'b>> {
        let may_be = self.shared.registry.is_some() || self.type_.has_schema() && self.is_unchosen();
        may_be.then(|| Framed::detect(self.field, bytes, coding.headers)).flatten()
    }

    fn is_unchosen(&self) -> bool {
        matches!(self.chosen, Chosen::Nothing)
    }

    /// Why a payload of a type with a schema has none.
    fn unknown(&self, framed: Option<Framed<'_>>, coding: &Coding<'_>, bytes: &[u8]) -> Error {
        let Some(framed) = framed else {
            let read = Framed::read(self.field, bytes, coding.headers);
            return read.err().unwrap_or_else(|| Error::new(ErrorKind::Corrupt, "read schema id", "it has no schema"));
        };
        let error = |kind, what| Error::new(kind, "find schema", what).with("schema", framed.id());
        match &self.shared.registry {
            Some(registry) => error(ErrorKind::NotFound, "the registry does not know the schema of this id")
                .with("registry", registry.name()),
            None => error(ErrorKind::Usage, "there is no schema registry, which would know the schema of this id")
                .hint("schema.registry.url in the configuration or --registry names one"),
        }
    }

    /// Makes the schema of an id, or without one that which was chosen, the last one; false if nobody knows it.
    fn take(&mut self, id: Option<SchemaId>, coding: &Coding<'_>) -> Result<bool> {
        if self.last.as_ref().is_some_and(|(last, _)| *last == id) {
            return Ok(true);
        }
        let opened = match self.others.remove(&id) {
            Some(opened) => opened,
            None => match self.known(id, coding)? {
                Some(known) => self.opened(known)?,
                None => return Ok(false),
            },
        };
        if let Some((id, before)) = self.last.replace((id, opened)) {
            if self.others.len() >= READERS_MAX {
                self.others.clear();
            }
            self.others.insert(id, before);
        }
        Ok(true)
    }

    fn known(&self, id: Option<SchemaId>, coding: &Coding<'_>) -> Result<Option<Arc<KnownSchema>>> {
        let Coding { topic, field, timeout, .. } = *coding;
        match (id, &self.chosen) {
            (Some(id), _) => {
                match self.shared.schema(id, &self.options, field, topic, timeout) {
                    // Who may not ask, and did not want to, sees what is there.
                    Err(error) if self.type_ == Type::Auto && error.kind() == ErrorKind::PermissionDenied => Ok(None),
                    known => known.map_err(|error| self.hinted(error).with("schema", id)),
                }
            }
            (None, Chosen::Given(known)) => Ok(Some(Arc::clone(known))),
            (None, _) => in_registry(&self.shared, &self.options, (topic, field), timeout).map(Some),
        }
    }

    /// Nobody who reads as `auto` has asked for a registry.
    fn hinted(&self, error: Error) -> Error {
        if self.type_ == Type::Auto {
            error.hint("the type bytes reads what is there without the registry")
        } else {
            error
        }
    }

    /// What reads with a schema; with a reader's schema, as that would have it.
    fn opened(&self, known: Arc<KnownSchema>) -> Result<Opened> {
        if self.type_.has_schema() && known.type_() != self.type_ {
            let why = format!("it is {}, where {} is wanted", known.type_(), self.type_);
            let error = Error::new(ErrorKind::Corrupt, "find schema", why);
            return Err(error.hint("the type auto reads each message as what it is"));
        }
        let (mut reader, known) = self.reader_of(known)?;
        if let Some(message) = self.options.message.as_ref().filter(|_| known.format() == Format::Protobuf) {
            reader.choose(message)?;
        }
        Ok(Opened { reader, known, travelling: Vec::new() })
    }

    /// What reads with a schema, and the schema that its values have then.
    fn reader_of(&self, known: Arc<KnownSchema>) -> Result<(Reader, Arc<KnownSchema>)> {
        let forms = forms_of(&self.options);
        #[cfg(feature = "avro")]
        if let (Some(wanted), Schema::Avro(writer)) = (&self.reader_schema, known.schema()) {
            let reader = match wanted.schema() {
                Schema::Avro(schema) => crate::avro::Reader::with_reader_schema(writer, schema, forms.avro)?,
                #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
                _ => unreachable!("it was read as Avro"),
            };
            return Ok((Reader::Avro(reader), Arc::clone(wanted)));
        }
        let reader = known.schema().reader(forms)?;
        Ok((reader, known))
    }

    fn read_framed(&mut self, framed: Framed<'_>, out: &mut Vec<u8>) -> Result<SchemaRef> {
        let (_, opened) = self.last.as_mut().expect("it was just taken");
        if opened.known.format() != Format::Protobuf {
            opened.reader.read(framed.payload()?, out)?;
            return Ok(opened.travelling(None));
        }
        let payload = framed.message(&mut self.indexes)?;
        if self.options.message.is_none() {
            opened.reader.choose_at(&self.indexes)?;
        }
        opened.reader.read(payload, out)?;
        Ok(opened.travelling(Some(&self.indexes)))
    }

    fn read_raw(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<SchemaRef> {
        let (_, opened) = self.last.as_mut().expect("it was just taken");
        opened.reader.read(bytes, out)?;
        Ok(opened.travelling(None))
    }

    /// The error with what is known of the place.
    fn located(&self, error: Error, coding: &Coding<'_>) -> Error {
        let names_field = error.context().any(|(key, _)| key == "field");
        let error = error.with("topic", coding.topic);
        let error = if names_field { error } else { error.with("field", self.field) };
        if self.shared.registry.is_none() {
            return error;
        }
        let subject = self.options.subject.clone();
        error.with("subject", subject.unwrap_or_else(|| topic_subject(coding.topic, self.field)))
    }
}

impl Opened {
    /// Hands over the members of a payload of Avro.
    #[cfg_attr(not(feature = "avro"), allow(unused_variables, reason = "it is always false then"))]
    fn members(&mut self, payload: &[u8], sink: &mut dyn MemberSink) -> bool {
        match self.known.format() {
            #[cfg(feature = "avro")]
            Format::Avro => {
                let schema = self.travelling(None);
                match &mut self.reader {
                    Reader::Avro(reader) => sink.begin(&schema) && reader.members(payload, sink),
                    #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// What travels with a message of these indexes.
    fn travelling(&mut self, indexes: Option<&MessageIndexes>) -> SchemaRef {
        if let Some(at) = self.travelling.iter().position(|(known, _)| known.as_ref() == indexes) {
            self.travelling.swap(0, at);
            return self.travelling[0].1.clone();
        }
        let known = match self.reader.message_name() {
            Some(message) => Arc::new(self.known.with_message(message)),
            None => Arc::clone(&self.known),
        };
        let schema = SchemaRef::new(known);
        self.travelling.insert(0, (indexes.cloned(), schema.clone()));
        schema
    }
}

impl Decoder for SchemaDecoder {
    fn decode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>) -> Result<Decoded> {
        let Some(bytes) = bytes else { return Ok(Value::Null.into()) };
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        let read = self.read(coding, bytes, &mut json);
        let decoded = match read {
            Ok(Some(schema)) => {
                let text = std::str::from_utf8(&json).expect("readers write UTF-8");
                Ok(Decoded { value: Value::Json(Json::from_valid(text)), schema: Some(schema) })
            }
            Ok(None) => self.plain.decode(coding, Some(bytes)),
            Err(error) => Err(self.located(error, coding)),
        };
        self.json = json;
        decoded
    }

    fn text(&mut self, coding: &Coding<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<Text> {
        match self.read(coding, bytes, out) {
            Ok(Some(schema)) => Ok(Text::Json(schema)),
            Ok(None) => Ok(Text::Same),
            Err(error) => Err(self.located(error, coding)),
        }
    }

    fn members(&mut self, coding: &Coding<'_>, bytes: &[u8], sink: &mut dyn MemberSink) -> bool {
        let (id, payload) = match self.framed(coding, bytes) {
            Some(framed) => match framed.payload() {
                Ok(payload) => (Some(framed.id()), payload),
                Err(_) => return false,
            },
            None if !self.is_unchosen() => (None, bytes),
            None => return false,
        };
        // What is wrong is said by who makes text of it.
        if !self.take(id, coding).unwrap_or(false) {
            return false;
        }
        self.last.as_mut().is_some_and(|(_, opened)| opened.members(payload, sink))
    }

    fn is_plain(&self, bytes: &[u8], headers: Headers<'_>) -> bool {
        self.type_ == Type::Auto && self.is_unchosen() && headers.is_empty() && !matches!(bytes.first(), Some(0 | 1))
    }
}

/// The schema as which Avro is wanted.
#[cfg(feature = "avro")]
fn reader_schema(text: &str, type_: Type) -> Result<Arc<KnownSchema>> {
    if !matches!(type_, Type::Avro | Type::Auto) {
        let why = "only Avro is read with a schema of the reader";
        return Err(Error::new(ErrorKind::Usage, "choose schema", why).with("type", type_));
    }
    KnownSchema::of_source(source_of(text, Some(Format::Avro))?).map(Arc::new)
}

#[cfg(not(feature = "avro"))]
fn reader_schema(_text: &str, _type: Type) -> Result<Arc<KnownSchema>> {
    Err(Format::Avro.missing())
}
