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

/// How the messages of a copy change from one place to another.
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

/// Turns the records of a batch into what another place wants, field by field.
pub struct BatchConverter {
    key: Option<Recoder>,
    value: Option<Recoder>,
    done: Batch,
}

struct Recoder {
    field: Field,
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
}

impl BatchConverter {
    /// For this conversion. A field that stays bytes is not looked at.
    ///
    /// # Errors
    /// Those of [`Place::decoder`] and [`Place::encoder`].
    pub fn open(conversion: &Conversion) -> Result<Self> {
        let open = |field| {
            let (from, to) = (conversion.from.of_field(field), conversion.to.of_field(field));
            if [from.type_, to.type_] == [Some(Type::Bytes); 2] {
                return Ok(None);
            }
            let decoder = conversion.source.decoder(from, field)?;
            Ok(Some(Recoder { field, decoder, encoder: conversion.target.encoder(to, field, Type::Auto)? }))
        };
        Ok(Self { key: open(Field::Key)?, value: open(Field::Value)?, done: Batch::new() })
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
        let done = &mut self.done;
        let converted = recoded(&mut self.key, &record, record.key, target, done)
            .and_then(|key| Ok((key, recoded(&mut self.value, &record, record.value, target, done)?)));
        let (key, value) = converted.inspect_err(|_| done.rewind(done.len(), done.header_mark(), start))?;
        let header_start = done.header_mark();
        let wanted = [&self.key, &self.value]
            .map(|recoder| recoder.as_ref().map_or(SchemaHeader::Keep, |recoder| recoder.encoder.schema_header()));
        push_headers(record.headers, wanted, done);
        let header_count = done.header_mark() - header_start;
        done.push_meta(RecordMeta { key, value, header_start, header_count, ..*meta });
        Ok(())
    }
}

/// Appends a field as it is wanted, and says where it lies.
fn recoded(
    recoder: &mut Option<Recoder>,
    record: &Record<'_>,
    bytes: Option<&[u8]>,
    target: &str,
    done: &mut Batch,
) -> Result<Span> {
    let Some(Recoder { field, decoder, encoder }) = recoder else { return Ok(Span::append(done.arena(), bytes)) };
    let coding = Coding::new(record.topic, *field).headers(record.headers);
    let decoded = decoder.decode(&coding, bytes)?;
    let coding = Coding { topic: target, ..coding }.schema(decoded.schema.as_ref());
    let start = done.bytes();
    if !encoder.encode(&coding, &decoded.value, done.arena())? {
        return Ok(Span::NULL);
    }
    Ok(Span::between(start, done.bytes()))
}
