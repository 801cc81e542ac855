//! Numbers of dates and times that stand for none: they are out of the range that texts have.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::{SECONDS_IN_DAY, as_datetime, as_duration};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, DurationMillisecondType, DurationSecondType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array, make_array};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use kafi_core::{Error, ErrorKind, Result};

use super::failed;

/// Which rows hold a number that stands for no date or time, each with why and in which column.
pub(super) fn wrong_rows(columns: &RecordBatch) -> Result<Vec<(usize, Error)>> {
    let schema = columns.schema();
    let mut suspects = Vec::new();
    for (column, field) in columns.columns().iter().zip(schema.fields()) {
        if no_time(column).map_err(|error| failed("read rows", &error))?.is_some() {
            suspects.push((column, field.name()));
        }
    }
    let mut wrong = Vec::new();
    for row in 0..if suspects.is_empty() { 0 } else { columns.num_rows() } {
        for (column, name) in &suspects {
            let found = arrow_select::take::take(column, &UInt64Array::from(vec![row as u64]), None);
            if let Some(why) = found.and_then(|row| no_time(&row)).map_err(|error| failed("read rows", &error))? {
                wrong.push((row, Error::new(ErrorKind::Corrupt, "read row", why).with("column", name)));
                break;
            }
        }
    }
    Ok(wrong)
}

/// What is wrong with the first number that stands for no date or time, also within lists and members.
fn no_time(array: &ArrayRef) -> std::result::Result<Option<String>, ArrowError> {
    if !may_hold(array.data_type()) {
        return Ok(None);
    }
    if let Some(number) = out_of_range(array) {
        let what = match array.data_type() {
            DataType::Date32 | DataType::Date64 => "date",
            DataType::Time32(_) | DataType::Time64(_) => "time of day",
            DataType::Duration(_) => "duration",
            _ => "date and time",
        };
        return Ok(Some(format!("{number} is no {what} of {}: it is out of range", array.data_type())));
    }
    for within in within(array)? {
        if let Some(why) = no_time(&within)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The first number that has no text, of an array of dates, times, or durations itself.
pub(super) fn out_of_range(array: &dyn Array) -> Option<i64> {
    match array.data_type() {
        DataType::Date32 => first::<Date32Type>(array, is_datetime::<Date32Type>),
        DataType::Date64 => first::<Date64Type>(array, is_datetime::<Date64Type>),
        DataType::Time32(TimeUnit::Second) => first::<Time32SecondType>(array, |number| is_time(number, 1)),
        DataType::Time32(_) => first::<Time32MillisecondType>(array, |number| is_time(number, 1000)),
        DataType::Time64(TimeUnit::Microsecond) => {
            first::<Time64MicrosecondType>(array, |number| is_time(number, 1_000_000))
        }
        DataType::Time64(_) => first::<Time64NanosecondType>(array, |number| is_time(number, 1_000_000_000)),
        DataType::Timestamp(TimeUnit::Second, _) => {
            first::<TimestampSecondType>(array, is_datetime::<TimestampSecondType>)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            first::<TimestampMillisecondType>(array, is_datetime::<TimestampMillisecondType>)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            first::<TimestampMicrosecondType>(array, is_datetime::<TimestampMicrosecondType>)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            first::<TimestampNanosecondType>(array, is_datetime::<TimestampNanosecondType>)
        }
        DataType::Duration(TimeUnit::Second) => first::<DurationSecondType>(array, is_duration::<DurationSecondType>),
        DataType::Duration(TimeUnit::Millisecond) => {
            first::<DurationMillisecondType>(array, is_duration::<DurationMillisecondType>)
        }
        _ => None,
    }
}

fn first<T: ArrowPrimitiveType>(array: &dyn Array, has_text: fn(i64) -> bool) -> Option<i64>
where
    i64: From<T::Native>,
{
    array.as_primitive::<T>().iter().flatten().map(i64::from).find(|number| !has_text(*number))
}

fn is_datetime<T: ArrowPrimitiveType>(number: i64) -> bool {
    as_datetime::<T>(number).is_some()
}

/// Arrow's own conversion takes some numbers that are negative, or large, for times of day.
fn is_time(number: i64, per_second: i64) -> bool {
    (0..SECONDS_IN_DAY * per_second).contains(&number)
}

fn is_duration<T: ArrowPrimitiveType>(number: i64) -> bool {
    as_duration::<T>(number).is_some()
}

fn may_hold(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => may_hold(values),
        DataType::RunEndEncoded(_, values) => may_hold(values.data_type()),
        DataType::Struct(members) => members.iter().any(|member| may_hold(member.data_type())),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _) => may_hold(element.data_type()),
        other => other.is_temporal(),
    }
}

/// What stands in the values of an array, without what stands behind nulls.
fn within(array: &ArrayRef) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
    if array.null_count() > 0 && array.data_type().is_nested() {
        let valid = arrow_select::filter::filter(
            array,
            &arrow_array::BooleanArray::from_iter((0..array.len()).map(|row| Some(array.is_valid(row)))),
        )?;
        return within(&valid);
    }
    Ok(match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().to_vec(),
        DataType::List(_) => {
            let (lists, offsets) = (array.as_list::<i32>(), array.as_list::<i32>().value_offsets());
            vec![part(lists.values(), offsets[0] as usize, offsets[array.len()] as usize)]
        }
        DataType::LargeList(_) => {
            let (lists, offsets) = (array.as_list::<i64>(), array.as_list::<i64>().value_offsets());
            vec![part(lists.values(), offsets[0] as usize, offsets[array.len()] as usize)]
        }
        DataType::FixedSizeList(..) => vec![Arc::clone(array.as_fixed_size_list().values())],
        DataType::Map(..) => {
            let (maps, offsets) = (array.as_map(), array.as_map().value_offsets());
            let entries: ArrayRef = Arc::new(maps.entries().clone());
            vec![part(&entries, offsets[0] as usize, offsets[array.len()] as usize)]
        }
        DataType::Dictionary(..) => {
            let values = array.as_any_dictionary();
            vec![arrow_select::take::take(values.values(), values.keys(), None)?]
        }
        _ => array.to_data().child_data().iter().cloned().map(make_array).collect(),
    })
}

fn part(values: &ArrayRef, from: usize, to: usize) -> ArrayRef {
    values.slice(from, to - from)
}
