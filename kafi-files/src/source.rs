//! Topics that become files: their messages, also twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafi_core::functional::{BatchDecoder, topic_names};
use kafi_core::{
    Batch, EnvelopeWriter, Error, ErrorKind, Failures, Field, Message, Offsets, Place, ReadOptions, Reader, Record,
    Result, SchemaRef, Serdes, TextDecoder, Type,
};

use crate::cell::Cell;
use crate::options::ExportOptions;

/// A topic, and how it is read.
pub struct TopicSource<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// Its name.
    pub topic: &'a str,
    /// What its keys and values are.
    pub serdes: &'a Serdes,
    /// What of it is read. It has an end, and no group.
    pub options: ReadOptions,
    /// What becomes of messages that cannot be decoded.
    pub failures: Failures,
}

/// Where messages lie that were read, so that the same are read again: by partition the first offset, and the one after
/// the last.
type Seen = BTreeMap<i32, (i64, i64)>;

/// The same source, but only with these; `None` where there are none.
fn again<'a>(source: &TopicSource<'a>, seen: &Seen) -> Result<Option<TopicSource<'a>>> {
    if seen.is_empty() {
        return Ok(None);
    }
    let specs: Vec<String> = seen.iter().map(|(partition, (from, to))| format!("{partition}={from}:{to}")).collect();
    let options = ReadOptions {
        offsets: Offsets::parse(&specs, false)?,
        partitions: Some(seen.keys().copied().collect()),
        max: None,
        progress: Arc::default(),
        ..source.options.clone()
    };
    let TopicSource { place, topic, serdes, failures, .. } = source;
    Ok(Some(TopicSource { place, topic, serdes, options, failures: failures.clone() }))
}

/// Hands over each record.
fn each_record(source: &TopicSource<'_>, mut each: impl FnMut(Record<'_>, &Arc<str>) -> Result<()>) -> Result<()> {
    let topics = [source.topic.to_string()];
    let mut reader = Reader::open(source.place.storage.as_ref(), &topics, &source.options)?;
    let mut batch = Batch::new();
    while reader.read(&mut batch)? {
        let names = topic_names(&batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            each(record, &names[meta.topic as usize])?;
        }
    }
    reader.close()?;
    if source.options.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "export topic", "stopped").with("topic", source.topic));
    }
    source.failures.settle()
}

/// Hands over each message, decoded; what cannot be is left to the source's failures. An error of the function says
/// which message it was.
pub(crate) fn each_message(source: &TopicSource<'_>, mut each: impl FnMut(&Message) -> Result<()>) -> Result<()> {
    let mut decoder = BatchDecoder::open(source.place, source.serdes)?;
    each_record(source, |record, name| match decoder.decode(record, Arc::clone(name)) {
        Ok(message) => {
            each(&message).map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        }
        Err(error) => source.failures.take(&record, error),
    })
}

/// Hands over the envelope of each message, as one line.
pub(crate) fn each_envelope(source: &TopicSource<'_>, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut decoder = TextDecoder::open(source.place, source.serdes)?;
    let type_of = |field| source.place.type_or(source.serdes.of_field(field), field, Type::Auto);
    let mut writer = EnvelopeWriter::new(type_of(Field::Key)?, type_of(Field::Value)?);
    let mut line = Vec::new();
    each_record(source, |record, _| match decoder.show(record) {
        Ok((shown, schemas)) => {
            line.clear();
            let [key, value] = &schemas;
            let schemas: [Option<&SchemaRef>; 2] = [key.as_ref(), value.as_ref()];
            writer.write_decoded(shown, schemas, &mut line);
            each(&line)
        }
        Err(error) => source.failures.take(&record, error),
    })
}

/// Tells each column of each row, as far as that is wanted, and returns the source of the same messages; `None` where
/// there are none.
pub(crate) fn look_ahead<'a>(
    source: &TopicSource<'a>,
    options: &ExportOptions,
    mut column: impl FnMut(&str, Cell<'_>),
) -> Result<Option<TopicSource<'a>>> {
    let TopicSource { place, topic, serdes, failures, .. } = source;
    let (mut seen, mut first) = (Seen::new(), source.options.clone());
    if let Some(rows) = options.infer {
        first.max = Some(first.max.map_or(rows, |max| max.min(rows)));
        first.progress = Arc::default();
    }
    let first = TopicSource { place, topic, serdes, options: first, failures: failures.clone() };
    let mut decoder = BatchDecoder::open(source.place, source.serdes)?;
    each_record(&first, |record, name| {
        let next = record.offset + 1;
        let range = seen.entry(record.partition).or_insert((record.offset, next));
        *range = (range.0.min(record.offset), range.1.max(next));
        // What cannot be decoded is told when it is to be written.
        let Ok(message) = decoder.decode(record, Arc::clone(name)) else { return Ok(()) };
        options.columns.each(&message, options.flatten.as_deref(), &mut |name, cell| {
            column(name, cell);
            Ok(())
        })
    })?;
    if options.infer.is_some() {
        let (options, failures) = (source.options.clone(), failures.clone());
        return Ok(Some(TopicSource { place, topic, serdes, options, failures }));
    }
    again(source, &seen)
}

/// A column that came after it was settled which ones there are.
pub(crate) fn unexpected(column: &str) -> Error {
    let error =
        Error::new(ErrorKind::Corrupt, "write row", "the messages that were looked at first have no such column");
    error.with("column", column).hint("--infer all looks at all messages first; --columns says which columns there are")
}
