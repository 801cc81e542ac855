//! The messages of a source, batch by batch: several threads work on them, and what they make is taken in order.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use kafi_core::functional::topic_names;
use kafi_core::json_text::{Scanner, write_string};
use kafi_core::{Batch, Error, MemberSink, Reader, Record, Result, SchemaRef, pump_helped};

use crate::cell::Cell;
use crate::options::ExportOptions;
use crate::row::{Row, RowDecoder, members};
use crate::rows::{RowWriter, row_to};
use crate::source::{Seen, TopicSource, ended, of_record};

/// No more threads than these work on batches.
const HELPERS_MAX: usize = 4;

/// The messages of a batch that failed, by their places in it, and why.
pub(crate) type Failed = Vec<(usize, Error)>;

/// Hands each batch to `work`, in threads of their own, which get what `open` makes for each of them, and what became of
/// it to `take`, in order. Returns where the messages lay. What failed is left to the source's failures.
pub(crate) fn flow<S: Send, T: Send>(
    source: &TopicSource<'_>,
    open: impl Fn() -> Result<S> + Sync,
    work: impl Fn(&mut S, &Batch) -> Result<(T, Failed)> + Sync,
    mut take: impl FnMut(T, &mut Batch) -> Result<()>,
) -> Result<Seen> {
    let mut read = source.options.clone();
    // A limit then counts what comes out of functions.
    let left = source.through.and_then(|_| read.max.take());
    let left = Mutex::new(left.unwrap_or(u64::MAX));
    let reader = Reader::open(source.place.storage.as_ref(), &[source.topic.to_string()], &read)?;
    let states = Mutex::new(Vec::new());
    let work = |batch: &mut Batch| {
        let seen = through(source, batch, &mut left.lock().unwrap_or_else(PoisonError::into_inner))?;
        let idle = states.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut state = idle.map_or_else(&open, Ok)?;
        let made = work(&mut state, batch)?;
        states.lock().unwrap_or_else(PoisonError::into_inner).push(state);
        Ok((seen, made))
    };
    let mut all = Seen::default();
    let take = |batch: &mut Batch, (seen, (made, failed)): (Seen, (T, Failed))| {
        all.join(seen);
        for (index, error) in failed {
            source.failures.take(&batch.get(index), error)?;
        }
        take(made, batch)?;
        let is_over = *left.lock().unwrap_or_else(PoisonError::into_inner) == 0;
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    // What is counted is counted in order.
    let is_limited = source.through.is_some() && source.options.max.is_some();
    let helpers = if is_limited { 0 } else { available_parallelism().map_or(1, NonZero::get).min(HELPERS_MAX) };
    let readers = pump_helped(vec![reader], helpers, work, take, || Ok(()))?;
    readers.into_iter().try_for_each(Reader::close)?;
    ended(source)?;
    Ok(all)
}

/// What a batch goes through, and where the messages of it lay that came so far.
fn through(source: &TopicSource<'_>, batch: &mut Batch, left: &mut u64) -> Result<Seen> {
    let mut seen = Seen::default();
    let Some(through) = source.through else {
        seen.add(batch);
        return Ok(seen);
    };
    seen.add(batch);
    through(batch)?;
    if *left < batch.len() as u64 {
        batch.truncate(*left as usize);
        seen = Seen::default();
        seen.add(batch);
    }
    *left -= batch.len() as u64;
    Ok(seen)
}

/// What makes parts of a file of rows.
pub(crate) trait Pieces: RowWriter + Send {
    /// A part of a file.
    type Piece: Send;

    /// What the rows so far became.
    fn take(&mut self) -> Result<Self::Piece>;

    /// Whether a row did not fit that says more of columns than was known.
    fn is_outgrown(&self) -> bool {
        false
    }

    /// How each column stands in front of its values in objects that have them in order: `"name":`.
    fn names(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Takes what stands in the column of this number.
    fn cell_at(&mut self, column: usize, cell: Cell<'_>) -> Result<()>;

    /// What takes the members of values straight from their bytes, where columns hold these as they are.
    fn members(&mut self) -> Option<&mut dyn MemberSink> {
        None
    }

    /// Writes the row that a text is, where it is an object, whose members are the columns, and which a schema may have
    /// made.
    fn object(&mut self, text: &str, _schema: Option<&SchemaRef>) -> Result<Written>
    where
        Self: Sized,
    {
        object_of(text, self)
    }

    /// Writes a row; where it does not fit into its columns it is left out, and the error says why.
    fn row(&mut self, row: &Row<'_>, options: &ExportOptions) -> Result<Option<Error>>
    where
        Self: Sized,
    {
        row_to(row, options, self)
    }
}

/// Makes rows of the messages of batches.
pub(crate) struct Rows<'o> {
    decoder: RowDecoder,
    options: &'o ExportOptions,
}

impl<'o> Rows<'o> {
    pub(crate) fn open(source: &TopicSource<'_>, options: &'o ExportOptions) -> Result<Self> {
        Ok(Self { decoder: RowDecoder::open(source.place, source.serdes, options)?, options })
    }

    /// Writes the rows of a batch; `None` as soon as they outgrow their columns.
    pub(crate) fn write<P: Pieces>(&mut self, batch: &Batch, rows: &mut P) -> Result<Option<Failed>> {
        let (names, mut failed) = (topic_names(batch), Vec::new());
        for (index, (record, meta)) in batch.iter().zip(batch.metas()).enumerate() {
            let written = match self.decoder.text_of(&record) {
                Some(text) => rows.object(text, None).map_err(|error| of_record(error, &record))?,
                None => match self.by_schema(&record, rows) {
                    Ok(written) => written.map_err(|error| of_record(error, &record))?,
                    Err(error) => {
                        failed.push((index, error));
                        continue;
                    }
                },
            };
            let misfit = match written {
                Written::Row => None,
                Written::Misfit(error) => Some(error),
                Written::NoObject => match self.decoder.decode(record, &names[meta.topic as usize]) {
                    Ok(row) => rows.row(&row, self.options).map_err(|error| of_record(error, &record))?,
                    Err(error) => {
                        failed.push((index, error));
                        continue;
                    }
                },
            };
            if rows.is_outgrown() {
                return Ok(None);
            }
            failed.extend(misfit.map(|error| (index, of_record(error, &record))));
        }
        Ok(Some(failed))
    }

    /// Writes the row that a schema makes of a record; the error outside is that of the record.
    fn by_schema<P: Pieces>(&mut self, record: &Record<'_>, rows: &mut P) -> Result<Result<Written>> {
        if let Some(sink) = rows.members() {
            if self.decoder.members(record, sink) {
                return Ok(rows.end().map(|()| Written::Row));
            }
            rows.abandon();
        }
        let Some(schema) = self.decoder.read(record)? else { return Ok(Ok(Written::NoObject)) };
        Ok(rows.object(self.decoder.text(), Some(&schema)))
    }

    /// Tells the rows of a batch, but for those that fail, which is told when they are to be written.
    pub(crate) fn each(&mut self, batch: &Batch, mut each: impl FnMut(&Row<'_>)) {
        let names: Vec<Arc<str>> = topic_names(batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            if let Ok(row) = self.decoder.row(record, &names[meta.topic as usize]) {
                each(&row);
            }
        }
    }
}

/// What became of a text.
pub(crate) enum Written {
    Row,
    /// It does not fit into its columns.
    Misfit(Error),
    /// It is no object.
    NoObject,
}

/// Takes the members of an object that are columns in order, without space between them, as nearly all are; `None` where
/// something is different, or does not fit.
#[inline]
fn in_order(text: &str, rows: &mut impl Pieces) -> Option<()> {
    let bytes = text.as_bytes();
    let (mut at, mut column) = (bytes.starts_with(b"{").then_some(1)?, 0);
    loop {
        let name = loop {
            let name = rows.names().get(column)?.as_slice();
            if bytes[at..].starts_with(name) {
                break name;
            }
            // The row lacks it.
            column += 1;
        };
        let value = Scanner::at(bytes, at + name.len()).value().ok()?;
        at = value.end + 1;
        rows.cell_at(column, Cell::Raw(&text[value])).ok()?;
        column += 1;
        match bytes.get(at - 1)? {
            b',' => {}
            b'}' if at == bytes.len() => return Some(()),
            _ => return None,
        }
    }
}

/// A column in front of its values.
pub(crate) fn in_front(name: &str) -> Vec<u8> {
    let mut front = Vec::new();
    write_string(&mut front, name);
    front.push(b':');
    front
}

/// Writes the row that a text is, where it is an object.
pub(crate) fn object_of(text: &str, rows: &mut impl Pieces) -> Result<Written> {
    match in_order(text, rows) {
        Some(()) => rows.end().map(|()| Written::Row),
        None => {
            rows.abandon();
            object_to(text, rows)
        }
    }
}

fn object_to(text: &str, rows: &mut impl RowWriter) -> Result<Written> {
    match members(text, |name, cell| rows.cell(name, cell)) {
        Ok(true) => rows.end().map(|()| Written::Row),
        Ok(false) => {
            rows.abandon();
            Ok(Written::NoObject)
        }
        Err(error) => {
            rows.abandon();
            Ok(Written::Misfit(error))
        }
    }
}
