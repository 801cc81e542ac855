//! Batches of one place into what another place wants: other types, other schemas.

use crate::batch::Batch;
use crate::codec::{Coding, Decoder, Encoder, SchemaHeader};
use crate::error::{Error, Result};
use crate::functional::Place;
use crate::message::push_headers;
use crate::meta::{RecordMeta, Span};
use crate::record::Record;
use crate::schema::Serdes;
use crate::types::{Field, Type};

/// How the keys and values of a copy change on their way.
pub trait Recoding: Send + Sync {
    /// What changes this field; `None` where it stays byte for byte. Does not speak to a server.
    ///
    /// # Errors
    /// What is wrong with types and schemas that were named.
    fn recoder(&self, field: Field) -> Result<Option<Box<dyn Recoder>>>;
}

/// Makes of the bytes of a field those that another place wants.
pub trait Recoder: Send {
    /// Appends to `out` what becomes of `bytes` in the topic `target`; false, and nothing appended, is null. `coding` is
    /// that of the source. Blocks, where schemas are asked for, up to the time-out for each question.
    ///
    /// # Errors
    /// `Corrupt`, with topic and field, for what cannot be changed; what a registry fails with.
    fn recode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>, target: &str, out: &mut Vec<u8>) -> Result<bool>;

    /// What becomes of the header that names the schema of the field that was changed last.
    fn schema_header(&self) -> SchemaHeader<'_>;
}

/// Other types and schemas from one place to another.
#[derive(Clone)]
pub struct Conversion {
    /// Where they are read, with its codecs.
    pub source: Place,
    /// What they are there.
    pub from: Serdes,
    /// Where they are written, with its codecs.
    pub target: Place,
    /// What they are to be there.
    pub to: Serdes,
}

impl Recoding for Conversion {
    /// As the trait says; a field that is bytes on both sides is not looked at.
    fn recoder(&self, field: Field) -> Result<Option<Box<dyn Recoder>>> {
        let (from, to) = (self.from.of_field(field), self.to.of_field(field));
        if [from.type_, to.type_] == [Some(Type::Bytes); 2] {
            return Ok(None);
        }
        let decoder = self.source.decoder(from, field)?;
        Ok(Some(Box::new(Typed { decoder, encoder: self.target.encoder(to, field, Type::Auto)? })))
    }
}

struct Typed {
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
}

impl Recoder for Typed {
    fn recode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>, target: &str, out: &mut Vec<u8>) -> Result<bool> {
        let decoded = self.decoder.decode(coding, bytes)?;
        let coding = Coding { topic: target, ..*coding }.schema(decoded.schema.as_ref());
        self.encoder.encode(&coding, &decoded.value, out)
    }

    fn schema_header(&self) -> SchemaHeader<'_> {
        self.encoder.schema_header()
    }
}

/// Turns the records of a batch into what another place wants, field by field.
pub struct BatchConverter {
    key: Option<Box<dyn Recoder>>,
    value: Option<Box<dyn Recoder>>,
    done: Batch,
}

impl BatchConverter {
    /// For this recoding.
    ///
    /// # Errors
    /// Those of [`Recoding::recoder`].
    pub fn open(recoding: &dyn Recoding) -> Result<Self> {
        let (key, value) = (recoding.recoder(Field::Key)?, recoding.recoder(Field::Value)?);
        Ok(Self { key, value, done: Batch::new() })
    }

    /// Converts all of `batch`, whose topics become those that `target_of` names as far as schemas are registered for
    /// them. `failed` says whether a message that cannot be converted is left out, or ends it all.
    ///
    /// # Errors
    /// What `failed` gives back; the batch then holds what came before.
    pub fn convert<'n>(
        &mut self,
        batch: &mut Batch,
        target_of: impl Fn(&str) -> Option<&'n str>,
        mut failed: impl FnMut(Record<'_>, Error) -> Result<()>,
    ) -> Result<()> {
        self.done.clear();
        // The indices of topics stay as they are.
        for topic in batch.topics() {
            self.done.topic_index(topic);
        }
        let mut converted = Ok(());
        for (record, meta) in batch.iter().zip(batch.metas()) {
            let target = target_of(record.topic).unwrap_or(record.topic);
            if let Err(error) = self.push(record, meta, target) {
                let located = error.with("partition", record.partition).with("offset", record.offset);
                converted = failed(record, located);
                if converted.is_err() {
                    break;
                }
            }
        }
        std::mem::swap(batch, &mut self.done);
        batch.set_limits(self.done.records_max(), self.done.bytes_max());
        converted
    }

    fn push(&mut self, record: Record<'_>, meta: &RecordMeta, target: &str) -> Result<()> {
        let start = self.done.bytes();
        let (done, coding) = (&mut self.done, Coding::new(record.topic, Field::Key).headers(record.headers));
        let converted = recoded(&mut self.key, &coding, record.key, target, done).and_then(|key| {
            let coding = Coding { field: Field::Value, ..coding };
            Ok((key, recoded(&mut self.value, &coding, record.value, target, done)?))
        });
        let (key, value) = converted.inspect_err(|_| done.rewind(done.len(), done.header_mark(), start))?;
        let header_start = done.header_mark();
        let wanted = [&self.key, &self.value]
            .map(|recoder| recoder.as_ref().map_or(SchemaHeader::Keep, |recoder| recoder.schema_header()));
        push_headers(record.headers, wanted, done);
        let header_count = done.header_mark() - header_start;
        done.push_meta(RecordMeta { key, value, header_start, header_count, ..*meta });
        Ok(())
    }
}

/// Appends a field as it is wanted, and says where it lies.
fn recoded(
    recoder: &mut Option<Box<dyn Recoder>>,
    coding: &Coding<'_>,
    bytes: Option<&[u8]>,
    target: &str,
    done: &mut Batch,
) -> Result<Span> {
    let Some(recoder) = recoder else { return Ok(Span::append(done.arena(), bytes)) };
    let start = done.bytes();
    if !recoder.recode(coding, bytes, target, done.arena())? {
        return Ok(Span::NULL);
    }
    Ok(Span::between(start, done.bytes()))
}
