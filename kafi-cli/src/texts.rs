//! Keys and values as they were written, on their way to the bytes that they become.

use kafi::{
    Batch, Encoder, EnvelopeReader, EnvelopeSchema, Field, Kafi, Record, Result, SchemaOptions, Serde, Serdes, Type,
    push_texts,
};

/// How many schemas that envelopes name are kept.
const SCHEMAS_MAX: usize = 64;

/// What encodes keys and values that are text, where they are not their bytes.
pub struct Texts {
    kafi: Kafi,
    serdes: Serdes,
    /// Of keys and values; `None` where they are their bytes, whatever these are.
    encoders: [Option<Box<dyn Encoder>>; 2],
    /// Those by schemas that envelopes name.
    named: Vec<(Field, EnvelopeSchema, Box<dyn Encoder>)>,
    /// Whether an envelope has named a schema.
    has_named: bool,
}

impl Texts {
    /// By what was said, else by the configuration, else as bytes.
    pub fn open(kafi: &Kafi, serdes: Serdes) -> Result<Self> {
        let open = |field| {
            let serde = serdes.of_field(field);
            let type_ = kafi.place().type_or(serde, field, Type::Auto)?;
            if matches!(type_, Type::Auto | Type::Bytes) && !serde.schema.names_schema() {
                return Ok(None);
            }
            kafi.place().encoder(serde, field, Type::Auto).map(Some)
        };
        let encoders = [open(Field::Key)?, open(Field::Value)?];
        Ok(Self { kafi: kafi.clone(), encoders, serdes, named: Vec::new(), has_named: false })
    }

    /// Whether keys or values are encoded at all.
    pub fn are_needed(&self) -> bool {
        self.has_named || self.encoders.iter().any(Option::is_some)
    }

    /// What reads envelopes for this.
    pub fn envelopes(&self) -> EnvelopeReader {
        EnvelopeReader::new().takes_json(self.has_schema(Field::Key), self.has_schema(Field::Value))
    }

    /// Whether a schema encodes these.
    fn has_schema(&self, field: Field) -> bool {
        let serde = self.serdes.of_field(field);
        self.type_of(field).has_schema() || serde.schema.names_schema()
    }

    fn type_of(&self, field: Field) -> Type {
        self.kafi.place().type_or(self.serdes.of_field(field), field, Type::Auto).unwrap_or_default()
    }

    /// What keys and values are before they are encoded: what becomes JSON is JSON.
    pub fn before(&self) -> Serdes {
        let mut before = Serdes::default();
        for (field, serde) in [(Field::Key, &mut before.key), (Field::Value, &mut before.value)] {
            serde.type_ = Some(if self.has_schema(field) { Type::Json } else { self.type_of(field) });
        }
        before
    }

    /// Whether the envelope that was read last has to be read again, since it is the first that names a schema.
    pub fn must_read_again(&mut self, reader: &EnvelopeReader) -> bool {
        let names_one = reader.schema(Field::Key).is_some() || reader.schema(Field::Value).is_some();
        names_one && !std::mem::replace(&mut self.has_named, true)
    }

    /// Encodes the message of the envelope that was read last to the end of `batch`, which stays as it was if that
    /// fails: by what was said of keys and values, else by the schemas that it names.
    pub fn push_envelope(&mut self, reader: &EnvelopeReader, record: Record<'_>, batch: &mut Batch) -> Result<()> {
        self.push_named([Field::Key, Field::Value].map(|field| reader.schema(field)), record, batch)
    }

    /// The same for an envelope that names these schemas.
    pub fn push_named(
        &mut self,
        schemas: [Option<&EnvelopeSchema>; 2],
        record: Record<'_>,
        batch: &mut Batch,
    ) -> Result<()> {
        if self.named.len() + 2 > SCHEMAS_MAX {
            self.named.clear();
        }
        let [key, value] = [self.named(schemas[0], Field::Key)?, self.named(schemas[1], Field::Value)?];
        let [own_key, own_value] = &mut self.encoders;
        let (mut named_key, mut named_value) = (None, None);
        for (at, (_, _, encoder)) in self.named.iter_mut().enumerate() {
            match Some(at) {
                at if at == key => named_key = Some(encoder.as_mut()),
                at if at == value => named_value = Some(encoder.as_mut()),
                _ => {}
            }
        }
        let encoders = [own_key.as_deref_mut().or(named_key), own_value.as_deref_mut().or(named_value)];
        push_texts(record, encoders, batch)
    }

    /// Where what encodes by the schema that an envelope names for a field stands.
    fn named(&mut self, schema: Option<&EnvelopeSchema>, field: Field) -> Result<Option<usize>> {
        let Some(schema) = schema.filter(|_| self.encoders[field as usize].is_none()) else {
            return Ok(None);
        };
        if let Some(at) = self.named.iter().position(|(of, known, _)| *of == field && known == schema) {
            return Ok(Some(at));
        }
        let base = self.serdes.of_field(field).schema.clone();
        let options = SchemaOptions { id: Some(schema.id), message: schema.message.clone(), ..base };
        let serde = Serde { type_: Some(Type::Auto), schema: options };
        let encoder = self.kafi.place().encoder(&serde, field, Type::Auto)?;
        self.named.push((field, schema.clone(), encoder));
        Ok(Some(self.named.len() - 1))
    }

    /// Encodes a message to the end of `batch`, which stays as it was if that fails.
    pub fn push_plain(&mut self, record: Record<'_>, batch: &mut Batch) -> Result<()> {
        let [key, value] = &mut self.encoders;
        push_texts(record, [key.as_deref_mut(), value.as_deref_mut()], batch)
    }
}
