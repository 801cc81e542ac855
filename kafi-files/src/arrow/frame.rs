//! Topics as data frames, which are streams of columns, and back.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use kafi_core::{Error, ErrorKind, Result};

use super::{Found, RowBuilder, columns_to, failed};
use crate::flow::Pieces;
use crate::known::{Known, look};
use crate::options::{ExportOptions, ImportOptions, Imported};
use crate::row::RowDecoder;
use crate::rows::row_to;
use crate::sink::{Sink, TopicTarget};
use crate::source::{Records, TopicSource, of_record};

/// A topic as a stream of columns, which every library on Arrow takes. It reads as it is asked, and blocks meanwhile;
/// memory is constant. The last error ends it.
pub struct DataFrame<'a> {
    records: Option<Records<'a>>,
    /// The next record of those that were read.
    at: usize,
    decoder: RowDecoder,
    source: TopicSource<'a>,
    options: ExportOptions,
    builder: RowBuilder,
    ready: std::vec::IntoIter<RecordBatch>,
}

/// The messages of a topic as a data frame, with the columns and types that a file of Parquet would have; of the options
/// `columns`, `flatten`, and `infer` count. Blocks while it looks at the messages that say what the columns are.
///
/// # Errors
/// As for [`topic_to_file`](crate::topic_to_file); `Usage` also for a group, which nobody could commit for.
pub fn topic_to_df<'a>(source: &TopicSource<'a>, options: &ExportOptions) -> Result<DataFrame<'a>> {
    if source.options.follow || source.options.group.is_some() {
        let why = "a data frame has an end: what is read has one, too, and no group commits for it";
        return Err(Error::new(ErrorKind::Usage, "export topic", why).with("topic", source.topic));
    }
    let known = Found::of(source, options)?;
    let (known, source) = match known.is_all() {
        true => (known, source.with(source.options.clone())),
        false => look(source, options, known)?,
    };
    let decoder = RowDecoder::open(source.place, source.serdes, options)?;
    let records = Some(Records::open(source.with(source.options.clone()))?);
    Ok(DataFrame {
        records,
        at: 0,
        decoder,
        source,
        options: options.clone(),
        builder: known.rows(false)?,
        ready: Vec::new().into_iter(),
    })
}

/// Makes a message of each row of a data frame, of whichever origin: a reader of Arrow's, a vector of batches. Of the
/// options all count but the format. Returns when all of them are delivered.
///
/// # Errors
/// As for [`file_to_topic`](crate::file_to_topic), and the first error of the data frame.
pub fn df_to_topic(
    columns: impl IntoIterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    target: &TopicTarget<'_>,
    options: &ImportOptions,
) -> Result<Imported> {
    let mut sink = Sink::open(target, options)?;
    let columns = columns.into_iter().map(|columns| columns.map_err(|error| failed("read rows", &error)));
    let read = columns_to(columns, options, &mut sink);
    sink.finish(read)
}

impl DataFrame<'_> {
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let Self { records, at, decoder, source, options, builder, ready } = self;
        if let Some(columns) = ready.next() {
            return Ok(Some(columns));
        }
        while !builder.is_full()
            && let Some(open) = records
        {
            if *at == open.batch.len() {
                *at = 0;
                if !open.read()? {
                    records.take().map_or(Ok(()), Records::finish)?;
                    break;
                }
            }
            let (record, topic) = (open.batch.get(*at), open.batch.metas()[*at].topic);
            *at += 1;
            let row = match decoder.row(record, &open.names[topic as usize]) {
                Ok(row) => row,
                Err(error) => {
                    source.failures.take(&record, error)?;
                    continue;
                }
            };
            if let Some(error) = row_to(&row, options, builder).map_err(|error| of_record(error, &record))? {
                source.failures.take(&record, of_record(error, &record))?;
            }
        }
        *ready = builder.take()?.into_iter();
        Ok(ready.next())
    }
}

impl Iterator for DataFrame<'_> {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().map_err(|error| ArrowError::ExternalError(Box::new(error)));
        if read.is_err() {
            self.records = None;
        }
        read.transpose()
    }
}

impl RecordBatchReader for DataFrame<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.builder.schema)
    }
}
