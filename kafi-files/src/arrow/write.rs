//! Columns as rows of JSON: bytes as base64, and points in time in UTC, whatever the name of their zone.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Decimal128Array, RecordBatch, RecordBatchOptions, make_array};
use arrow_data::ArrayData;
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{Result, json_text::write_string};

use super::failed;

/// Writes rows as objects, a line each, with all members also where they are null.
pub(crate) fn write_lines(columns: &RecordBatch, lines: impl Write) -> Result<()> {
    let builder = WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(Encoders));
    let mut writer = builder.build::<_, LineDelimited>(lines);
    writer.write(&in_utc(columns)?).and_then(|()| writer.finish()).map_err(|error| failed("read rows", &error))
}

/// The same with points in time of zones that have names, such as those of pandas, in UTC: they are stored in UTC, and
/// names of zones are not known here.
fn in_utc(columns: &RecordBatch) -> Result<RecordBatch> {
    let schema = columns.schema();
    let fields: Fields = schema.fields().iter().map(utc_field).collect();
    with_fields(columns, fields).map_err(|error| failed("read rows", &error))
}

/// The same columns with other names of zones.
pub(super) fn with_fields(columns: &RecordBatch, fields: Fields) -> std::result::Result<RecordBatch, ArrowError> {
    let arrays =
        columns.columns().iter().zip(&fields).map(|(array, field)| match array.data_type() == field.data_type() {
            true => Ok(Arc::clone(array)),
            false => retyped(&array.to_data(), field.data_type()).map(make_array),
        });
    let arrays = arrays.collect::<std::result::Result<_, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(columns.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
}

fn utc_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        DataType::List(element) => DataType::List(utc_field(element)),
        DataType::LargeList(element) => DataType::LargeList(utc_field(element)),
        DataType::FixedSizeList(element, count) => DataType::FixedSizeList(utc_field(element), *count),
        DataType::Struct(members) => DataType::Struct(members.iter().map(utc_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(utc_field(entries), *sorted),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The same bytes as another type, which differs in the names of zones only.
fn retyped(data: &ArrayData, data_type: &DataType) -> std::result::Result<ArrayData, ArrowError> {
    let children: Vec<&DataType> = match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => {
            vec![field.data_type()]
        }
        DataType::Struct(members) => members.iter().map(|field| field.data_type()).collect(),
        _ => Vec::new(),
    };
    let builder = data.clone().into_builder().data_type(data_type.clone());
    if children.is_empty() {
        return builder.build();
    }
    let children = data.child_data().iter().zip(children).map(|(data, data_type)| retyped(data, data_type));
    builder.child_data(children.collect::<std::result::Result<_, ArrowError>>()?).build()
}

#[derive(Debug)]
struct Encoders;

impl EncoderFactory for Encoders {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> std::result::Result<Option<NullableEncoder<'a>>, ArrowError> {
        let nulls = array.nulls().cloned();
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Utf8 => Box::new(Text(array.as_string::<i32>())),
            DataType::LargeUtf8 => Box::new(Text(array.as_string::<i64>())),
            DataType::Utf8View => Box::new(Text(array.as_string_view())),
            DataType::Decimal128(_, scale @ 0..) => {
                Box::new(Decimal { numbers: array.as_primitive(), scale: usize::from(scale.unsigned_abs()) })
            }
            DataType::Binary => Box::new(Base64(array.as_binary::<i32>())),
            DataType::LargeBinary => Box::new(Base64(array.as_binary::<i64>())),
            DataType::BinaryView => Box::new(Base64(array.as_binary_view())),
            DataType::FixedSizeBinary(_) => Box::new(Base64(array.as_fixed_size_binary())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, nulls)))
    }
}

struct Base64<A>(A);

impl<'a, A: arrow_array::ArrayAccessor<Item = &'a [u8]>> Encoder for Base64<A> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(STANDARD.encode(self.0.value(index)).as_bytes());
        out.push(b'"');
    }
}

struct Text<A>(A);

impl<'a, A: arrow_array::ArrayAccessor<Item = &'a str>> Encoder for Text<A> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        write_string(out, self.0.value(index));
    }
}

struct Decimal<'a> {
    numbers: &'a Decimal128Array,
    scale: usize,
}

impl Encoder for Decimal<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let number = self.numbers.value(index);
        if number < 0 {
            out.push(b'-');
        }
        // At most 39 digits, and one before the point.
        let mut digits = [b'0'; 80];
        let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
        while rest > 0 {
            // Small numbers are divided faster.
            let (next, digit) = match u64::try_from(rest) {
                Ok(rest) => (u128::from(rest / 10), (rest % 10) as u8),
                Err(_) => (rest / 10, (rest % 10) as u8),
            };
            (rest, at) = (next, at - 1);
            digits[at] += digit;
        }
        let point = digits.len() - self.scale;
        let (whole, fraction) = (&digits[at.min(point - 1)..point], &digits[point..]);
        out.extend_from_slice(whole);
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BinaryArray, StructArray, TimestampMicrosecondArray};
    use arrow_schema::Field;

    #[test]
    fn zones_with_names_become_utc_and_bytes_base64() {
        let times = TimestampMicrosecondArray::from(vec![Some(1_767_323_045_123_456), None]).with_timezone("UTC");
        let times: ArrayRef = Arc::new(times);
        let bytes: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\xff\x00"), None]));
        let field = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        let nested = StructArray::from(vec![
            (field("at", &times), Arc::clone(&times)),
            (field("raw", &bytes), Arc::clone(&bytes)),
        ]);
        let nested: ArrayRef = Arc::new(nested);
        let columns = [("at", times, true), ("raw", bytes, true), ("x", nested, true)];
        let columns = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut lines = Vec::new();
        write_lines(&columns, &mut lines).unwrap();
        let at = "2026-01-02T03:04:05.123456Z";
        let expected = format!(
            "{{\"at\":\"{at}\",\"raw\":\"/wA=\",\"x\":{{\"at\":\"{at}\",\"raw\":\"/wA=\"}}}}\n{{\"at\":null,\"raw\":null,\"x\":{{\"at\":null,\"raw\":null}}}}\n"
        );
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
