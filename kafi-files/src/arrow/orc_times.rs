//! Points in time of ORC, which are seconds and nanoseconds, and more of them than 64 bits of nanoseconds hold.
//!
//! The writer in C++ that is pyarrow's takes nanoseconds before 1970 as negative, which ORC does not have. They are read
//! as what 61 bits, and behind zeros 64 bits, make of them: so many nanoseconds too late. What a file says of the least
//! and the greatest time of a column tells which is meant, almost always.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, Decimal128Array, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray,
    TimestampNanosecondArray, make_array,
};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use kafi_core::{Error, ErrorKind, Result};
use orc_rust::reader::ChunkReader;
use orc_rust::schema::{DataType as OrcType, NamedColumn};
use orc_rust::statistics::{ColumnStatistics, TypeStatistics};
use orc_rust::{ArrowReader, ArrowReaderBuilder};

use super::failed;
use super::write::changed;

/// Nanoseconds, as orc-rust gives all that ORC has.
const NANOSECONDS: DataType = DataType::Decimal128(38, 9);

const SECOND: i128 = 1_000_000_000;
const MILLISECOND: i128 = 1_000_000;
const MICROSECOND: i128 = 1000;

/// The least and the greatest time may be those of another zone.
const SLACK: i128 = 86_400 * SECOND;

/// The columns of a file of ORC.
pub(super) struct Reader<R> {
    reader: ArrowReader<R>,
    schema: SchemaRef,
    columns: Vec<NamedColumn>,
    statistics: Vec<ColumnStatistics>,
}

impl<R: ChunkReader> Reader<R> {
    pub(super) fn new(reader: ArrowReaderBuilder<R>) -> Self {
        let (schema, metadata) = (reader.schema(), reader.file_metadata());
        let columns = metadata.root_data_type().children().to_vec();
        let statistics = metadata.column_file_statistics().to_vec();
        let as_numbers = |field: &FieldRef| {
            changed(field, &|data_type| matches!(data_type, DataType::Timestamp(..)).then_some(NANOSECONDS))
        };
        let asked: Fields = schema.fields().iter().map(as_numbers).collect();
        let reader = reader.with_schema(Arc::new(Schema::new(asked))).build();
        Self { reader, schema, columns, statistics }
    }

    /// The columns, before anything is read: their times are nanoseconds, where these hold them.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn timed(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for (array, column) in rows.columns().iter().zip(&self.columns) {
            let array = self.array(array, column.data_type()).map_err(|error| error.with("column", column.name()))?;
            fields.push(Field::new(column.name(), array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(of_arrow)
    }

    /// The array with its times as such.
    fn array(&self, array: &ArrayRef, type_: &OrcType) -> Result<ArrayRef> {
        match type_ {
            OrcType::Timestamp { column_index } => self.times(array.as_primitive(), *column_index, None),
            OrcType::TimestampWithLocalTimezone { column_index } => {
                self.times(array.as_primitive(), *column_index, Some("UTC"))
            }
            OrcType::Struct { children, .. } => {
                self.nested(array, &children.iter().map(NamedColumn::data_type).collect::<Vec<_>>())
            }
            OrcType::List { child, .. } => self.nested(array, &[child]),
            OrcType::Map { key, value, .. } => {
                let map = array.as_map();
                let entries: ArrayRef = Arc::new(map.entries().clone());
                self.with_children(array, &[self.nested(&entries, &[key, value])?.to_data()])
            }
            _ => Ok(Arc::clone(array)),
        }
    }

    fn nested(&self, array: &ArrayRef, types: &[&OrcType]) -> Result<ArrayRef> {
        let data = array.to_data();
        let children = data.child_data().iter().zip(types);
        let children = children.map(|(data, type_)| Ok(self.array(&make_array(data.clone()), type_)?.to_data()));
        self.with_children(array, &children.collect::<Result<Vec<_>>>()?)
    }

    /// The same lists, or members, of what is another type now.
    fn with_children(&self, array: &ArrayRef, children: &[ArrayData]) -> Result<ArrayRef> {
        let of = |field: &FieldRef, data: &ArrayData| {
            Arc::new(field.as_ref().clone().with_data_type(data.data_type().clone()))
        };
        let data_type = match (array.data_type(), children) {
            (DataType::List(field), [child]) => DataType::List(of(field, child)),
            (DataType::Map(field, sorted), [child]) => DataType::Map(of(field, child), *sorted),
            (DataType::Struct(fields), _) => {
                DataType::Struct(fields.iter().zip(children).map(|(field, child)| of(field, child)).collect())
            }
            _ => return Ok(Arc::clone(array)),
        };
        let data = array.to_data().into_builder().data_type(data_type).child_data(children.to_vec());
        data.build().map(make_array).map_err(of_arrow)
    }

    /// Points in time of these nanoseconds; of microseconds, where some are too far off for the others.
    fn times(&self, numbers: &Decimal128Array, column: usize, zone: Option<&str>) -> Result<ArrayRef> {
        let range = self.statistics.get(column).and_then(range_of);
        let times = numbers.iter().map(|time| time.map(|time| meant(time, range.as_ref())).transpose());
        let times: Vec<Option<i128>> = times.collect::<Result<_>>()?;
        let of_unit = |unit: i128| {
            let number = |time: &Option<i128>| match time {
                None => Some(None),
                Some(time) if time % unit == 0 => i64::try_from(time / unit).ok().map(Some),
                Some(_) => None,
            };
            times.iter().map(number).collect::<Option<Vec<Option<i64>>>>()
        };
        if let Some(times) = of_unit(1) {
            return Ok(Arc::new(TimestampNanosecondArray::from(times).with_timezone_opt(zone)));
        }
        match of_unit(1000) {
            Some(times) => Ok(Arc::new(TimestampMicrosecondArray::from(times).with_timezone_opt(zone))),
            None => {
                let why =
                    "some times have nanoseconds, and others are before 1677 or after 2262, which no column holds";
                Err(unreadable(why))
            }
        }
    }
}

impl<R: ChunkReader> Iterator for Reader<R> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.reader.next()?.map_err(of_arrow).and_then(|rows| self.timed(&rows)))
    }
}

/// Within which times those of a column are.
fn range_of(statistics: &ColumnStatistics) -> Option<RangeInclusive<i128>> {
    let Some(TypeStatistics::Timestamp { min, max, min_utc, max_utc }) = statistics.type_statistics() else {
        return None;
    };
    let (min, max) = if (*min_utc, *max_utc) == (0, 0) { (min, max) } else { (min_utc, max_utc) };
    Some(i128::from(*min) * MILLISECOND - SLACK..=i128::from(*max) * MILLISECOND + SLACK)
}

/// The time that is meant. One without nanoseconds is what it says, also where another may be: negative nanoseconds
/// would have to end in just the digits that make it so.
fn meant(time: i128, range: Option<&RangeInclusive<i128>>) -> Result<i128> {
    let Some(range) = range else { return Ok(time) };
    match (range.contains(&time), before_1970(time).find(|earlier| range.contains(earlier))) {
        (false, Some(earlier)) => Ok(earlier),
        (true, Some(_)) if time % MICROSECOND == 0 => Ok(time),
        (true, Some(_)) => {
            Err(unreadable("it has times before 1970 with negative nanoseconds, which ORC does not have"))
        }
        (_, None) => Ok(time),
    }
}

/// The times before 1970 whose nanoseconds, written as negative, are read as this one.
fn before_1970(time: i128) -> impl Iterator<Item = i128> {
    // Nanoseconds that are multiples of 100 are written without their zeros, and multiplied when they are read.
    let read_as = [(1 << 61, 1), (1 << 63, 100), (1 << 64, 1000)];
    read_as.into_iter().filter_map(move |(more, zeros)| {
        let earlier = match time - more {
            earlier if earlier <= -2 * SECOND => earlier + SECOND,
            earlier if (1 - SECOND..0).contains(&earlier) => earlier,
            _ => return None,
        };
        let fraction = (-earlier).rem_euclid(SECOND);
        let found = match fraction {
            0 => return None,
            _ if fraction % 1000 == 0 => 1000,
            _ if fraction % 100 == 0 => 100,
            _ => 1,
        };
        (found == zeros).then_some(earlier)
    })
}

fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "read file", why).hint("write the file as Parquet")
}

fn of_arrow(error: ArrowError) -> Error {
    failed("read file", &error)
}
