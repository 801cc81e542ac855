//! Rows as columns: numbers, strings, and true and false go from their text straight into columns; what is nested, and
//! what schemas say, goes through Arrow's reader of JSON.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{DataType, Schema, SchemaRef};
use kafi_core::{Batch, Error, ErrorKind, Json, Result};

use super::infer::{Column, Columns};
use super::{Found, failed};
use crate::cell::Cell;
use crate::flow::{Pieces, in_front};
use crate::infer::Kind;
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
}

/// A column, with nothing in it for rows at its end that have no value yet.
struct Filled {
    values: Values,
    is_there: Vec<bool>,
}

enum Values {
    Int64(Vec<i64>),
    Decimal(Vec<i128>, u8, u8),
    Float64(Vec<f64>),
    Bool(Vec<bool>),
    /// The bytes of all of them, and where each ends, behind a zero.
    Text(Vec<u8>, Vec<i32>),
    /// One of those that Arrow reads.
    Nested,
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
        let filled = |column: &Column| Filled { values: Values::of(column), is_there: Vec::new() };
        let values: Vec<Filled> = columns.iter().map(filled).collect();
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
        Ok(Self { columns, values, names, nested, schema, done, rows, bytes, grows, is_outgrown: false, text })
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
        let takes = match (&filled.values, self.grows) {
            (Values::Nested, true) => column.grow(cell),
            (_, false) if column.is_checked => {
                // Numbers that can be read are right.
                matches!(filled.values, Values::Int64(_) | Values::Decimal(..) | Values::Bool(_))
                    || column.kind.misfit(cell).is_none()
            }
            _ => true,
        };
        if takes {
            match &mut self.nested {
                Some(nested) if matches!(filled.values, Values::Nested) => {
                    nested.push(column, cell);
                    return Ok(());
                }
                _ if filled.put(cell, column, self.grows, &mut self.text) => return Ok(()),
                _ => {}
            }
        }
        self.is_outgrown |= self.grows;
        let why = column.kind.misfit(cell).unwrap_or_else(|| "it does not fit into its column".into());
        Err(Error::new(ErrorKind::Corrupt, "write row", why).with("column", &column.name))
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

    fn row(&mut self, row: &Row<'_>, options: &ExportOptions) -> Result<Option<Error>> {
        if self.grows
            && let Row::Message(message) = row
            && message.value_schema.is_some()
        {
            // It says what columns should be.
            self.is_outgrown = true;
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

impl Filled {
    /// Forgets what stands there behind so many rows.
    fn rewind(&mut self, rows: usize) {
        if self.is_there.len() > rows {
            self.is_there.truncate(rows);
            self.values.truncate(rows);
        }
    }

    /// Ends a row, the number of which is now this.
    fn end(&mut self, rows: usize) {
        if self.is_there.len() < rows {
            self.push_null();
        }
    }

    fn push_null(&mut self) {
        self.is_there.push(false);
        self.values.push_null();
    }

    fn take(&mut self) -> Result<ArrayRef> {
        let is_there = std::mem::take(&mut self.is_there);
        let nulls = if is_there.contains(&false) { Some(NullBuffer::from(is_there)) } else { None };
        self.values.take(nulls)
    }

    /// Takes what stands in a cell; false where it does not fit.
    #[inline]
    fn put(&mut self, cell: Cell<'_>, column: &mut Column, grows: bool, text: &mut Vec<u8>) -> bool {
        let is_there = match cell {
            Cell::Raw(raw) => self.values.put_raw(raw, column, grows),
            Cell::Null => {
                self.values.push_null();
                Some(false)
            }
            _ => {
                text.clear();
                cell.write_json(text);
                let raw = std::str::from_utf8(text).expect("JSON text is UTF-8");
                self.values.put_raw(raw.trim(), column, grows)
            }
        };
        self.is_there.extend(is_there);
        is_there.is_some()
    }
}

impl Values {
    fn of(column: &Column) -> Self {
        match (column.data_type(), &column.kind) {
            (DataType::Utf8, _) => Self::Text(Vec::new(), vec![0]),
            (DataType::Boolean, Kind::Bool) => Self::Bool(Vec::new()),
            (DataType::Int64, Kind::Number(_)) => Self::Int64(Vec::new()),
            (DataType::Float64, Kind::Number(_)) => Self::Float64(Vec::new()),
            (DataType::Decimal128(precision, scale), _) => Self::Decimal(Vec::new(), precision, scale.unsigned_abs()),
            _ => Self::Nested,
        }
    }

    /// Takes the text of a JSON value, without space around it, and says whether it is more than null; `None` where it
    /// does not fit.
    #[inline]
    fn put_raw(&mut self, raw: &str, column: &mut Column, grows: bool) -> Option<bool> {
        let first = raw.as_bytes().first().copied().unwrap_or_default();
        if let Self::Text(texts, ends) = self {
            if grows && !column.grows_as_text(raw) {
                return None;
            }
            let is_there = match first {
                b'"' if !raw.contains('\\') => {
                    texts.extend_from_slice(&raw.as_bytes()[1..raw.len() - 1]);
                    true
                }
                _ => Cell::Raw(raw).write_text(texts),
            };
            ends.push(i32::try_from(texts.len()).ok()?);
            return Some(is_there);
        }
        if first == b'n' {
            self.push_null();
            return Some(false);
        }
        // Where a schema says that it is a number, it may be written as a text.
        let text = match first {
            b'"' if !grows && !matches!(self, Self::Bool(_) | Self::Float64(_)) => raw.trim_matches('"'),
            b'"' | b'{' | b'[' => return None,
            _ => raw,
        };
        match self {
            Self::Int64(values) => values.push(if grows { column.grow_int(text)? } else { text.parse().ok()? }),
            Self::Decimal(values, precision, scale) => {
                if grows && !column.has_digits_of(text) {
                    return None;
                }
                values.push(decimal(text, *precision, *scale)?);
            }
            Self::Float64(values) => {
                if matches!(first, b't' | b'f') || grows && !column.grow(Cell::Raw(raw)) {
                    return None;
                }
                values.push(text.parse().ok()?);
            }
            Self::Bool(values) => match text {
                "true" => values.push(true),
                "false" => values.push(false),
                _ => return None,
            },
            Self::Text(..) | Self::Nested => return None,
        }
        Some(true)
    }

    fn push_null(&mut self) {
        match self {
            Self::Int64(values) => values.push(0),
            Self::Decimal(values, ..) => values.push(0),
            Self::Float64(values) => values.push(0.0),
            Self::Bool(values) => values.push(false),
            Self::Text(texts, ends) => ends.push(texts.len() as i32),
            Self::Nested => {}
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Int64(values) => values.truncate(rows),
            Self::Decimal(values, ..) => values.truncate(rows),
            Self::Float64(values) => values.truncate(rows),
            Self::Bool(values) => values.truncate(rows),
            Self::Text(texts, ends) => {
                ends.truncate(rows + 1);
                texts.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Self::Nested => {}
        }
    }

    fn take(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        use std::mem::{replace, take};
        let array = |array: std::result::Result<ArrayRef, _>| array.map_err(|error| failed("write rows", &error));
        Ok(match self {
            Self::Int64(values) => Arc::new(Int64Array::new(take(values).into(), nulls)),
            Self::Float64(values) => Arc::new(Float64Array::new(take(values).into(), nulls)),
            Self::Bool(values) => Arc::new(BooleanArray::new(take(values).into(), nulls)),
            Self::Decimal(values, precision, scale) => {
                let values = Decimal128Array::new(take(values).into(), nulls);
                array(
                    values
                        .with_precision_and_scale(*precision, *scale as i8)
                        .map(|values| Arc::new(values) as ArrayRef),
                )?
            }
            Self::Text(texts, ends) => {
                let ends = OffsetBuffer::new(replace(ends, vec![0]).into());
                array(StringArray::try_new(ends, take(texts).into(), nulls).map(|texts| Arc::new(texts) as ArrayRef))?
            }
            Self::Nested => unreachable!("Arrow reads it"),
        })
    }
}

/// A number in units of its last digit, where all its digits have a place; zeros that say nothing need none.
fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.is_empty() && digits.len() > whole.len() {
        return None;
    }
    let fraction = if fraction.len() > scale.into() { fraction.trim_end_matches('0') } else { fraction };
    if fraction.len() > scale.into() || whole.trim_start_matches('0').len() > (precision - scale).into() {
        return None;
    }
    let mut number = 0_i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        number = number * 10 + i128::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    number *= 10_i128.pow(u32::from(scale) - fraction.len() as u32);
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_all_digits() {
        for (text, expected) in [
            ("19.990", Some(19_990)),
            ("5", Some(5000)),
            ("-0.001", Some(-1)),
            ("007.5", Some(7500)),
            ("1.5000", Some(1500)),
            ("1.5001", None),
            ("99.999", Some(99_999)),
            ("100", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(decimal(text, 5, 3), expected, "{text}");
        }
        let most = "9".repeat(38);
        assert_eq!(decimal(&most, 38, 0), most.parse().ok());
        assert_eq!(decimal(&format!("{most}9"), 38, 0), None);
    }
}
