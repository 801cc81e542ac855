//! Rows as columns: numbers, strings, and true and false go from their text straight into columns; what is nested, and
//! what schemas say, goes through Arrow's reader of JSON.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{Schema, SchemaRef};
use kafi_core::{Batch, ColumnType, Error, Json, MemberSink, Result, Scalar};

use super::infer::{Column, Columns};
use super::typed::Schemas;
use super::values::{Filled, Values};
use super::{Found, failed};
use crate::cell::Cell;
use crate::flow::{Pieces, Written, in_front, object_of};
use crate::options::ExportOptions;
use crate::row::Row;
use crate::rows::{RowWriter, row_to};
use crate::source::unexpected;

/// So many rows become columns at once, or so many bytes of text.
const ROWS: usize = Batch::RECORDS_MAX;
const BYTES: usize = 8 << 20;

/// Rows that become columns.
pub(super) struct RowBuilder {
    pub(super) columns: Columns,
    /// What stands in each of the columns, and in front of their values.
    values: Vec<Filled>,
    names: Vec<Vec<u8>>,
    nested: Option<Nested>,
    pub(super) schema: SchemaRef,
    /// Rows that are columns already.
    done: Vec<RecordBatch>,
    /// How many rows have ended since, and the bytes of their text.
    rows: usize,
    bytes: usize,
    /// Whether columns may still grow, and whether one has, so that what is here is no longer right.
    grows: bool,
    is_outgrown: bool,
    text: Vec<u8>,
    /// What schemas have said of columns, and those of values that came, that of the last one first.
    schemas: Schemas,
    seen: Vec<Seen>,
    /// Whether a schema has said of this row that it fits.
    fits: bool,
}

/// More schemas than these are looked at anew.
const SEEN_MAX: usize = 16;

/// So often members of a schema may not fit as they are before they are all written as text.
const MISSES_MAX: u32 = 16;

/// A schema of values.
struct Seen {
    schema: kafi_core::SchemaRef,
    /// The columns of its members; none where it has others.
    places: Vec<usize>,
    /// Whether its values fit into columns, because it has said what these are.
    fits: bool,
    misses: u32,
}

/// Columns that Arrow reads.
struct Nested {
    decoder: Decoder,
    line: Vec<u8>,
}

impl RowBuilder {
    pub(super) fn new(found: &Found, grows: bool) -> Result<Self> {
        let mut columns = found.columns.clone();
        columns.settle(found.are_all);
        let schema: SchemaRef = Arc::new(Schema::new(columns.fields()));
        let values: Vec<Filled> = columns.iter().map(Filled::of).collect();
        let names = columns.iter().map(|column| in_front(&column.name)).collect();
        let nested: Vec<usize> = (0..values.len()).filter(|at| matches!(values[*at].values, Values::Nested)).collect();
        let nested = match nested.is_empty() {
            true => None,
            false => {
                let schema = Arc::new(schema.project(&nested).map_err(|error| failed("write rows", &error))?);
                let builder = ReaderBuilder::new(schema).with_batch_size(ROWS + 1).with_coerce_primitive(true);
                let decoder = builder.build_decoder().map_err(|error| failed("write rows", &error))?;
                Some(Nested { decoder, line: Vec::new() })
            }
        };
        let (rows, bytes, done, text) = (0, 0, Vec::new(), Vec::new());
        let (schemas, seen, is_outgrown, fits) = (found.schemas.clone(), Vec::new(), false, false);
        Ok(Self {
            columns,
            values,
            names,
            nested,
            schema,
            done,
            rows,
            bytes,
            grows,
            is_outgrown,
            text,
            schemas,
            seen,
            fits,
        })
    }

    /// Whether there is something to take.
    pub(super) fn is_full(&self) -> bool {
        !self.done.is_empty()
    }

    /// The columns of the rows since the last ones.
    fn columns(&mut self) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let nested = self.nested.as_mut().map_or(Ok(None), |nested| nested.decoder.flush());
        let nested = nested.map_err(|error| failed("write rows", &error))?;
        let mut nested = nested.iter().flat_map(|columns| columns.columns());
        let mut arrays = Vec::with_capacity(self.values.len());
        for (filled, field) in self.values.iter_mut().zip(self.schema.fields()) {
            arrays.push(match filled.values {
                Values::Nested if rows > 0 => Arc::clone(nested.next().expect("it has the rows, too")),
                Values::Nested => arrow_array::new_empty_array(field.data_type()),
                _ => filled.take()?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| failed("write rows", &error))
    }

    fn put(&mut self, at: usize, cell: Cell<'_>) -> Result<()> {
        if let Cell::Raw(text) = cell {
            self.bytes += text.len();
        }
        let (filled, rows) = (&mut self.values[at], self.rows);
        filled.rewind(rows);
        let column = self.columns.column_mut(at);
        let grows = self.grows && !self.fits;
        let is_checked = if self.fits { column.has_times } else { column.is_checked };
        let takes = match (&filled.values, grows) {
            (Values::Nested, true) => column.grow(cell),
            (values, false) if is_checked => values.are_checked() || column.kind.misfit(cell).is_none(),
            _ => true,
        };
        if takes {
            match &mut self.nested {
                Some(nested) if matches!(filled.values, Values::Nested) => {
                    nested.push(column, cell);
                    return Ok(());
                }
                _ if filled.put(cell, column, grows, &mut self.text) => return Ok(()),
                _ => {}
            }
        }
        self.is_outgrown |= grows;
        Err(column.misfit(cell))
    }

    /// Takes notice of the schema of the next row, and makes it the first of those that were seen.
    fn see(&mut self, schema: &kafi_core::SchemaRef) -> &mut Seen {
        match self.seen.iter().position(|seen| seen.schema.is(schema)) {
            Some(at) => self.seen.swap(0, at),
            None => {
                let members = match schema.column_type() {
                    Some(ColumnType::Struct(members)) => members,
                    _ => Vec::new(),
                };
                let places = members.iter().map(|(name, _)| self.columns.at(name)).collect::<Option<_>>();
                self.columns.rewind();
                let (places, fits) = (places.unwrap_or_default(), self.schemas.know(schema));
                self.seen.truncate(SEEN_MAX - 1);
                self.seen.insert(0, Seen { schema: schema.clone(), places, fits, misses: 0 });
            }
        }
        &mut self.seen[0]
    }

    /// Takes the next row as one of this schema; false where columns may have to grow for it.
    fn begin_row(&mut self, schema: Option<&kafi_core::SchemaRef>) -> bool {
        self.fits = false;
        let Some(schema) = schema.filter(|_| self.grows) else { return true };
        self.fits = self.see(schema).fits;
        self.is_outgrown |= !self.fits;
        self.fits
    }
}

impl MemberSink for RowBuilder {
    fn begin(&mut self, schema: &kafi_core::SchemaRef) -> bool {
        let grows = self.grows;
        let seen = self.see(schema);
        let takes = !seen.places.is_empty() && seen.misses < MISSES_MAX && (seen.fits || !grows);
        self.fits = takes && grows;
        takes
    }

    fn take(&mut self, index: usize, member: Scalar<'_>) -> bool {
        let Some(at) = self.seen.first().and_then(|seen| seen.places.get(index)).copied() else { return false };
        let is_taken = match member {
            Scalar::Json(text) => self.put(at, Cell::Raw(text)).is_ok(),
            Scalar::Int(number) if !self.columns.column_mut(at).has(number) => false,
            _ => {
                if let Scalar::Str(text) = member {
                    self.bytes += text.len();
                }
                self.values[at].put_scalar(member)
            }
        };
        if !is_taken {
            self.seen[0].misses += 1;
        }
        is_taken
    }
}

impl RowWriter for RowBuilder {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let Some(at) = self.columns.at(name) else {
            self.is_outgrown |= self.grows;
            return Err(unexpected(name));
        };
        self.put(at, cell)
    }

    fn end(&mut self) -> Result<()> {
        if let Some(nested) = &mut self.nested {
            self.bytes += nested.line.len();
            nested.end()?;
        }
        self.rows += 1;
        let rows = self.rows;
        self.values.iter_mut().for_each(|filled| filled.end(rows));
        self.columns.rewind();
        if self.rows >= ROWS || self.bytes >= BYTES {
            let columns = self.columns()?;
            self.done.push(columns);
        }
        Ok(())
    }

    fn abandon(&mut self) {
        let rows = self.rows;
        self.values.iter_mut().for_each(|filled| filled.rewind(rows));
        if let Some(nested) = &mut self.nested {
            nested.line.clear();
        }
        self.columns.rewind();
    }
}

impl Pieces for RowBuilder {
    type Piece = Vec<RecordBatch>;

    fn take(&mut self) -> Result<Vec<RecordBatch>> {
        if self.rows > 0 {
            let columns = self.columns()?;
            self.done.push(columns);
        }
        Ok(std::mem::take(&mut self.done))
    }

    fn is_outgrown(&self) -> bool {
        self.is_outgrown
    }

    fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    fn cell_at(&mut self, column: usize, cell: Cell<'_>) -> Result<()> {
        self.put(column, cell)
    }

    fn members(&mut self) -> Option<&mut dyn MemberSink> {
        Some(self)
    }

    fn object(&mut self, text: &str, schema: Option<&kafi_core::SchemaRef>) -> Result<Written> {
        if !self.begin_row(schema) {
            return Ok(Written::NoObject);
        }
        object_of(text, self)
    }

    fn row(&mut self, row: &Row<'_>, options: &ExportOptions) -> Result<Option<Error>> {
        if let Row::Message(message) = row
            && !self.begin_row(message.value_schema.as_ref())
        {
            return Ok(None);
        }
        row_to(row, options, self)
    }
}

impl Nested {
    fn push(&mut self, column: &Column, cell: Cell<'_>) {
        self.line.push(if self.line.is_empty() { b'{' } else { b',' });
        Cell::Str(&column.name).write_json(&mut self.line);
        self.line.push(b':');
        match (column.is_rewritten, cell) {
            (true, Cell::Json(json)) => column.kind.write(json, &mut self.line),
            (true, Cell::Raw(text)) => column.kind.write(&Json::from_valid(text), &mut self.line),
            _ => cell.write_json(&mut self.line),
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.line.is_empty() {
            self.line.push(b'{');
        }
        self.line.extend_from_slice(b"}\n");
        let read = self.decoder.decode(&self.line).map_err(|error| failed("write row", &error))?;
        debug_assert_eq!(read, self.line.len(), "a decoder takes as many rows as come at once");
        self.line.clear();
        Ok(())
    }
}
