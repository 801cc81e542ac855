//! Topics that become files: their messages, also twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafi_core::functional::topic_names;
use kafi_core::{
    Batch, EnvelopeWriter, Error, ErrorKind, Failures, Field, Offsets, Place, ReadOptions, Reader, Record, Result,
    Serdes, TextDecoder, Type,
};

#[cfg(any(feature = "xml", feature = "xlsx"))]
use crate::options::ExportOptions;
#[cfg(any(feature = "xml", feature = "xlsx"))]
use crate::row::{Row, RowDecoder};

/// What messages go through between reading and decoding, batch by batch, such as functions.
pub type Through<'a> = dyn Fn(&mut Batch) -> Result<()> + Sync + 'a;

/// A topic, and how it is read.
pub struct TopicSource<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// Its name.
    pub topic: &'a str,
    /// What its keys and values are, where they have gone through everything.
    pub serdes: &'a Serdes,
    /// What of it is read. It has an end, unless it becomes [several files](crate::topic_to_files). A group commits
    /// what is in a file once that is whole.
    pub options: ReadOptions,
    /// What becomes of messages that cannot be decoded.
    pub failures: Failures,
    /// What messages go through before they are decoded; the limit then counts what comes out. Default: nothing.
    pub through: Option<&'a Through<'a>>,
}

/// Where messages lie that were read, so that the same are read again: by partition the first offset, and the one after
/// the last.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<i32, (i64, i64)>);

impl Seen {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what others are.
    pub(crate) fn join(&mut self, others: Self) {
        for (partition, (from, to)) in others.0 {
            let range = self.0.entry(partition).or_insert((from, to));
            *range = (range.0.min(from), range.1.max(to));
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch) {
        for meta in batch.metas() {
            let range = self.0.entry(meta.partition).or_insert((meta.offset, meta.offset + 1));
            *range = (range.0.min(meta.offset), range.1.max(meta.offset + 1));
        }
    }
}

impl<'a> TopicSource<'a> {
    /// The same with other options.
    pub(crate) fn with(&self, options: ReadOptions) -> Self {
        let Self { place, topic, serdes, failures, through, .. } = self;
        TopicSource { place, topic, serdes, options, failures: failures.clone(), through: *through }
    }

    /// The same source, but only with what was seen, which has an end and no group.
    pub(crate) fn again(&self, seen: &Seen) -> Result<Self> {
        let specs: Vec<String> =
            seen.0.iter().map(|(partition, (from, to))| format!("{partition}={from}:{to}")).collect();
        let mut options = ReadOptions {
            partitions: Some(seen.0.keys().copied().collect()),
            group: None,
            follow: false,
            progress: Arc::default(),
            ..self.options.clone()
        };
        match seen.is_empty() {
            true => (options.partitions, options.max) = (None, Some(0)),
            false => options.offsets = Offsets::parse(&specs, false)?,
        }
        // What functions make of the same messages is the same, up to a limit.
        if self.through.is_none() && !seen.is_empty() {
            options.max = None;
        }
        Ok(self.with(options))
    }
}

/// The records of a source, batch by batch.
pub(crate) struct Records<'a> {
    source: TopicSource<'a>,
    reader: Reader,
    pub(crate) batch: Batch,
    /// The names of the batch's topics.
    pub(crate) names: Vec<Arc<str>>,
    /// How many may still come out of what they go through.
    left: u64,
}

impl<'a> Records<'a> {
    pub(crate) fn open(source: TopicSource<'a>) -> Result<Self> {
        let mut options = source.options.clone();
        let left = if source.through.is_some() { options.max.take().unwrap_or(u64::MAX) } else { u64::MAX };
        let reader = Reader::open(source.place.storage.as_ref(), &[source.topic.to_string()], &options)?;
        Ok(Self { source, reader, batch: Batch::new(), names: Vec::new(), left })
    }

    /// Reads the next ones; false at the end.
    pub(crate) fn read(&mut self) -> Result<bool> {
        while self.left > 0 && self.reader.read(&mut self.batch)? {
            if let Some(through) = self.source.through {
                through(&mut self.batch)?;
                self.batch.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            }
            self.left -= self.batch.len() as u64;
            if !self.batch.is_empty() {
                self.names = topic_names(&self.batch);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends the read.
    pub(crate) fn finish(self) -> Result<()> {
        self.reader.close()?;
        ended(&self.source)
    }
}

/// What is left at the end of a read.
pub(crate) fn ended(source: &TopicSource<'_>) -> Result<()> {
    if source.options.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "export topic", "stopped").with("topic", source.topic));
    }
    source.failures.settle()
}

/// Hands over each record, as its place in what was read.
fn each_record(source: &TopicSource<'_>, mut each: impl FnMut(&Records<'_>, usize) -> Result<()>) -> Result<()> {
    let mut records = Records::open(source.with(source.options.clone()))?;
    while records.read()? {
        for index in 0..records.batch.len() {
            each(&records, index)?;
        }
    }
    records.finish()
}

/// Hands over each message as a row; what cannot be decoded, and what the function says does not fit, is left to the
/// source's failures.
#[cfg(any(feature = "xml", feature = "xlsx"))]
pub(crate) fn each_row(
    source: &TopicSource<'_>,
    options: &ExportOptions,
    mut each: impl FnMut(&Row<'_>) -> Result<Option<Error>>,
) -> Result<()> {
    let mut decoder = RowDecoder::open(source.place, source.serdes, options)?;
    each_record(source, |records, index| {
        let (record, topic) = (records.batch.get(index), records.batch.metas()[index].topic);
        match decoder.row(record, &records.names[topic as usize]) {
            Ok(row) => match each(&row).map_err(|error| of_record(error, &record))? {
                None => Ok(()),
                Some(error) => source.failures.take(&record, of_record(error, &record)),
            },
            Err(error) => source.failures.take(&record, error),
        }
    })
}

/// An error of what a message became, with where that lies.
pub(crate) fn of_record(error: Error, record: &Record<'_>) -> Error {
    error.with("topic", record.topic).with("partition", record.partition).with("offset", record.offset)
}

/// Hands over the envelope of each message, as one line; what the function says does not fit is left to the source's
/// failures.
pub(crate) fn each_envelope(
    source: &TopicSource<'_>,
    mut each: impl FnMut(&[u8]) -> Result<Option<Error>>,
) -> Result<()> {
    let mut decoder = TextDecoder::open(source.place, source.serdes)?;
    let type_of = |field| source.place.type_or(source.serdes.of_field(field), field, Type::Auto);
    let mut writer = EnvelopeWriter::new(type_of(Field::Key)?, type_of(Field::Value)?);
    let mut line = Vec::new();
    each_record(source, |records, index| {
        let (record, noted) = (records.batch.get(index), records.batch.schemas_of(index));
        match decoder.show(record) {
            Ok((shown, [key, value])) => {
                line.clear();
                writer.write_decoded(shown, [key.as_ref().or(noted[0]), value.as_ref().or(noted[1])], &mut line);
                match each(&line)? {
                    None => Ok(()),
                    Some(error) => source.failures.take(&record, of_record(error, &record)),
                }
            }
            Err(error) => source.failures.take(&record, error),
        }
    })
}

/// A column that came after it was settled which ones there are.
pub(crate) fn unexpected(column: &str) -> Error {
    let why = "nothing said before the first row that there is such a column";
    let error = Error::new(ErrorKind::Corrupt, "write row", why);
    error.with("column", column).hint("--infer all looks at all messages first; --columns says which columns there are")
}
