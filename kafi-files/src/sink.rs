//! Topics that rows become messages of.

use std::sync::Arc;

use kafi_core::functional::BatchEncoder;
use kafi_core::{
    Batch, Cancel, EnvelopeReader, Error, ErrorKind, Failures, Field, Json, JsonKind, Message, NO_TIMESTAMP, Place,
    ProducerOptions, Progress, Record, Result, Serdes, Type, Value, Writer, parse_time,
};

use crate::options::{ImportOptions, Imported};
use crate::row::is_object;

/// A topic that rows become messages of. It has to be there.
pub struct TopicTarget<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// Its name.
    pub topic: &'a str,
    /// What keys and values are written as. Default: keys as text, values as JSON.
    pub serdes: &'a Serdes,
    /// What becomes of rows that cannot become messages. A dead letter is the row as JSON, and its number its offset.
    pub failures: Failures,
    /// The wish to stop.
    pub cancel: Cancel,
    /// Where the job counts.
    pub progress: Arc<Progress>,
}

/// What the rows of a file are told, one after another.
pub(crate) trait RowSink {
    /// Whether to stop.
    fn is_cancelled(&self) -> bool;

    /// What the schema of the values that rows become says of them, where there is one.
    #[cfg(feature = "arrow")]
    fn column_type(&mut self) -> Result<Option<kafi_core::ColumnType>> {
        Ok(None)
    }

    /// Takes a row, as the text of a JSON object.
    fn push(&mut self, row: &[u8]) -> Result<()>;

    /// Takes the text of a JSON object that somebody has written just now, and that needs no check.
    fn push_valid(&mut self, row: &[u8]) -> Result<()> {
        self.push(row)
    }

    /// Takes a row that did not even become an object.
    fn fail(&mut self, row: &[u8], error: Error) -> Result<()>;
}

/// Where the rows go that become messages.
pub(crate) struct Sink<'a> {
    options: &'a ImportOptions,
    target: &'a TopicTarget<'a>,
    encoder: BatchEncoder,
    envelopes: EnvelopeReader,
    writer: Writer,
    batch: Batch,
    topic: Arc<str>,
    rows: u64,
    /// Whether messages are the rows as they are.
    are_rows: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn open(target: &'a TopicTarget<'a>, options: &'a ImportOptions) -> Result<Self> {
        let TopicTarget { place, topic, serdes, .. } = target;
        let type_of = |field, default| place.type_or(serdes.of_field(field), field, default);
        let are_plain =
            type_of(Field::Value, Type::Json)? == Type::Json && !type_of(Field::Key, Type::Str)?.has_schema();
        let are_rows = are_plain && options.takes_no_column();
        let encoder = BatchEncoder::open(place, topic, serdes, [Type::Str, Type::Json])?;
        // Only an envelope can say that there is no timestamp; other messages get the time of their write, and brokers
        // take many of them at once.
        let producer = ProducerOptions { keep_timestamps: options.envelope, ..ProducerOptions::default() };
        let writer = Writer::open(place.storage.as_ref(), &producer, Arc::clone(&target.progress))?.reached();
        let writer = writer.cancelled_by(&target.cancel).offsets_are("row");
        let (envelopes, batch) = (EnvelopeReader::new(), Batch::new());
        let (topic, rows) = (Arc::from(*topic), 0);
        Ok(Self { options, target, encoder, envelopes, writer, batch, topic, rows, are_rows })
    }

    fn take(&mut self, row: &[u8], error: Error) -> Result<()> {
        let record = Record { offset: self.rows as i64, ..Record::new(&self.topic, None, Some(row)) };
        self.target.failures.take(&record, error.with("row", self.rows))
    }

    fn push_envelope(&mut self, row: &[u8]) -> Result<()> {
        self.envelopes.read(row, &mut self.batch)?;
        let topic = self.batch.topic_index(&self.topic);
        let meta = self.batch.metas_mut().last_mut().expect("an envelope is a message");
        (meta.topic, meta.offset) = (topic, self.rows as i64);
        Ok(())
    }

    fn push_value(&mut self, row: &[u8]) -> Result<()> {
        let text =
            std::str::from_utf8(row).map_err(|_| Error::new(ErrorKind::Corrupt, "read row", "it is not UTF-8"))?;
        let mut json = Json::parse(text)?;
        let mut message = Message::new(Arc::clone(&self.topic), Value::Null, Value::Null);
        if let Some(column) = &self.options.key_column {
            message.key = text_of(named(&json, column)?);
        }
        if let Some(column) = &self.options.timestamp_column {
            message.timestamp = timestamp_of(named(&json, column)?).map_err(|error| error.with("column", column))?;
            json.remove(column.as_str());
        }
        if let Some(column) = &self.options.partition_column {
            let text = text_of(named(&json, column)?);
            let partition = if let Value::Str(text) = text { text.parse().ok() } else { None };
            message.partition = partition.filter(|partition: &i32| *partition >= 0).ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "read row", "this is no partition").with("column", column)
            })?;
            json.remove(column.as_str());
        }
        for column in &self.options.header_columns {
            match text_of(named(&json, column)?) {
                Value::Str(text) => message.headers.push(column, text),
                _ => message.headers.push_null(column),
            }
            json.remove(column.as_str());
        }
        message.value = Value::Json(json);
        // By which the writer names what fails. And what has an offset was read, so that no time is made up for it.
        message.offset = self.rows as i64;
        self.encoder.push(message, &mut self.batch)
    }

    /// Takes a row that is a message as it is.
    fn push_row(&mut self, row: &[u8]) -> Result<()> {
        self.batch.push(Record { offset: self.rows as i64, ..Record::new(&self.topic, None, Some(row)) });
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let sent = self.writer.write(&self.batch);
        self.batch.clear();
        sent
    }

    pub(crate) fn finish(mut self, read: Result<()>) -> Result<Imported> {
        let (sent, is_cancelled) = (self.send(), self.is_cancelled());
        let written = sent.and_then(|()| self.writer.close(None));
        let settled = self.target.failures.settle();
        let written = read.and(written).and_then(|written| settled.map(|()| written))?;
        if is_cancelled {
            return Err(Error::new(ErrorKind::Cancelled, "import file", "stopped").with("rows", self.rows));
        }
        Ok(Imported { rows: self.rows, written })
    }
}

impl RowSink for Sink<'_> {
    #[cfg(feature = "arrow")]
    fn column_type(&mut self) -> Result<Option<kafi_core::ColumnType>> {
        if self.options.envelope { Ok(None) } else { self.encoder.value_type() }
    }

    fn is_cancelled(&self) -> bool {
        self.target.cancel.is_cancelled()
    }

    fn push(&mut self, row: &[u8]) -> Result<()> {
        self.rows += 1;
        if self.are_rows && std::str::from_utf8(row).is_ok_and(is_object) {
            return self.push_row(row);
        }
        let pushed = if self.options.envelope { self.push_envelope(row) } else { self.push_value(row) };
        pushed.or_else(|error| self.take(row, error))?;
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    fn push_valid(&mut self, row: &[u8]) -> Result<()> {
        if !self.are_rows {
            return self.push(row);
        }
        self.rows += 1;
        self.push_row(row)
    }

    fn fail(&mut self, row: &[u8], error: Error) -> Result<()> {
        self.rows += 1;
        self.take(row, error)
    }
}

fn named<'j>(row: &'j Json, column: &str) -> Result<&'j Json> {
    row.get(column)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "read row", "it has no such column").with("column", column))
}

/// The text of a column; null is no text.
fn text_of(json: &Json) -> Value {
    match json.kind() {
        JsonKind::Null => Value::Null,
        JsonKind::Str => {
            json.str().map_or_else(|_| Value::Str(json.text().into_owned()), |text| Value::Str(text.into()))
        }
        _ => Value::Str(json.text().trim().to_string()),
    }
}

fn timestamp_of(json: &Json) -> Result<i64> {
    match json.kind() {
        JsonKind::Null => Ok(NO_TIMESTAMP),
        JsonKind::Number => json.int(),
        // As pandas writes them, without the T.
        _ => parse_time(json.str()?, true),
    }
}
