//! Columns as rows of JSON: bytes as base64, points in time in UTC, whatever the name of their zone, and the names of
//! what is no number.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, Decimal128Array, RecordBatch, RecordBatchOptions, make_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_data::ArrayData;
use arrow_json::writer::{
    Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, WriterBuilder, make_encoder,
};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{BytesText, ColumnType, Error, ErrorKind, Result, json_text::write_string};

use super::failed;
use super::times::out_of_range;

/// What is said of a column whose bytes are shown as the characters 0 to 255.
const CHARACTERS: &str = "kafi.characters";

/// Writes rows as objects, a line each, with all members also where they are null. Bytes are shown as the values have
/// them that rows become, where `target` says so.
pub(crate) fn write_lines(columns: &RecordBatch, target: Option<&ColumnType>, lines: impl Write) -> Result<()> {
    let builder = WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(Encoders));
    let mut writer = builder.build::<_, LineDelimited>(lines);
    writer
        .write(&readable(columns, target)?)
        .and_then(|()| writer.finish())
        .map_err(|error| failed("read rows", &error))
}

/// The line of one row, without its end.
pub(super) fn write_line(row: &RecordBatch, target: Option<&ColumnType>) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    write_lines(row, target, &mut line)?;
    line.pop();
    Ok(line)
}

/// The same with points in time in UTC, in which they are stored, and with keys of maps as text, as JSON has them.
/// Names of zones are not known here.
fn readable(columns: &RecordBatch, target: Option<&ColumnType>) -> Result<RecordBatch> {
    let schema = columns.schema();
    for field in schema.fields() {
        if let Some(data_type) = unreadable(field.data_type()) {
            let why = format!("there is no JSON for the type {data_type}");
            let error = Error::new(ErrorKind::Unsupported, "read rows", why).with("column", field.name());
            return Err(error.hint("write the column as another type"));
        }
    }
    let shown = |field: &FieldRef| match target {
        Some(ColumnType::Struct(members)) => as_member(field, members),
        _ => Arc::clone(field),
    };
    let fields: Fields = schema.fields().iter().map(|field| utc_field(&shown(field))).collect();
    let columns = with_fields(columns, fields).map_err(|error| failed("read rows", &error))?;
    let (schema, mut fields, mut arrays) = (columns.schema(), Vec::new(), Vec::new());
    for (array, field) in columns.columns().iter().zip(schema.fields()) {
        let field = text_keys(field);
        arrays.push(if array.data_type() == field.data_type() {
            Arc::clone(array)
        } else {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            let array = cast_with_options(array, field.data_type(), &strict);
            array.map_err(|error| failed("read rows", &error).with("column", field.name()))?
        });
        fields.push(field);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(columns.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| failed("read rows", &error))
}

/// The type within that no JSON is made of.
fn unreadable(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::Union(..) => Some(data_type),
        _ => members(data_type).into_iter().find_map(unreadable),
    }
}

/// The types within a type.
fn members(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::RunEndEncoded(_, field)
        | DataType::Map(field, _) => vec![field.data_type()],
        DataType::Struct(members) => members.iter().map(|field| field.data_type()).collect(),
        DataType::Dictionary(_, values) => vec![values],
        _ => Vec::new(),
    }
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

/// The field with other types at what it holds: `change` says which, and `None` where the one of its members is asked.
pub(super) fn changed(field: &FieldRef, change: &dyn Fn(&DataType) -> Option<DataType>) -> FieldRef {
    let of = |field: &FieldRef| changed(field, change);
    let data_type = match field.data_type() {
        data_type if let Some(data_type) = change(data_type) => data_type,
        DataType::List(element) => DataType::List(of(element)),
        DataType::LargeList(element) => DataType::LargeList(of(element)),
        DataType::FixedSizeList(element, count) => DataType::FixedSizeList(of(element), *count),
        DataType::Struct(members) => DataType::Struct(members.iter().map(of).collect()),
        DataType::Map(entries, sorted) => DataType::Map(of(entries), *sorted),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

fn utc_field(field: &FieldRef) -> FieldRef {
    changed(field, &|data_type| match data_type {
        DataType::Timestamp(unit, Some(_)) => Some(DataType::Timestamp(*unit, Some("+00:00".into()))),
        _ => None,
    })
}

/// The field with a word of it where its bytes are shown as characters. Arrow asks for what stands in lists and maps, and
/// behind dictionaries, with the field of these.
fn as_shown(field: &FieldRef, target: &ColumnType) -> FieldRef {
    if are_characters(field.data_type(), target) {
        let mut field = field.as_ref().clone();
        field.metadata_mut().insert(CHARACTERS.to_string(), String::new());
        return Arc::new(field);
    }
    let data_type = match (field.data_type(), target) {
        (DataType::List(element), ColumnType::List(of)) => DataType::List(as_shown(element, of)),
        (DataType::LargeList(element), ColumnType::List(of)) => DataType::LargeList(as_shown(element, of)),
        (DataType::FixedSizeList(element, count), ColumnType::List(of)) => {
            DataType::FixedSizeList(as_shown(element, of), *count)
        }
        (DataType::Struct(members), ColumnType::Struct(of)) => {
            DataType::Struct(members.iter().map(|member| as_member(member, of)).collect())
        }
        (DataType::Map(entries, sorted), ColumnType::Map(of)) => {
            let DataType::Struct(members) = entries.data_type() else { return Arc::clone(field) };
            let [key, value] = &members[..] else { return Arc::clone(field) };
            let members = DataType::Struct([Arc::clone(key), as_shown(value, of)].into_iter().collect());
            DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(members)), *sorted)
        }
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

fn as_member(field: &FieldRef, members: &[(String, ColumnType)]) -> FieldRef {
    match members.iter().find(|(name, _)| name == field.name()) {
        Some((_, target)) => as_shown(field, target),
        None => Arc::clone(field),
    }
}

/// Whether it is bytes, lists or maps of such, of which the values that rows become have the characters 0 to 255.
fn are_characters(data_type: &DataType, target: &ColumnType) -> bool {
    match (data_type, target) {
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), _) => {
            *target == ColumnType::Bytes(BytesText::Characters)
        }
        (DataType::Dictionary(_, values), _) => are_characters(values, target),
        (
            DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _),
            ColumnType::List(of),
        ) => are_characters(element.data_type(), of),
        (DataType::Map(entries, _), ColumnType::Map(of)) => match entries.data_type() {
            DataType::Struct(members) => members.get(1).is_some_and(|value| are_characters(value.data_type(), of)),
            _ => false,
        },
        _ => false,
    }
}

fn text_keys(field: &FieldRef) -> FieldRef {
    changed(field, &|data_type| {
        let DataType::Map(entries, sorted) = data_type else { return None };
        let DataType::Struct(members) = entries.data_type() else { return None };
        let (key, value) = (members.first()?, members.get(1)?);
        let key = match key.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Arc::clone(key),
            _ => Arc::new(key.as_ref().clone().with_data_type(DataType::Utf8)),
        };
        let members = DataType::Struct([key, text_keys(value)].into_iter().collect());
        Some(DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(members)), *sorted))
    })
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
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> std::result::Result<Option<NullableEncoder<'a>>, ArrowError> {
        let nulls = array.nulls().cloned();
        let is_characters = field.metadata().contains_key(CHARACTERS);
        let shown = if is_characters { BytesText::Characters } else { BytesText::Base64 };
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Utf8 => Box::new(Text(array.as_string::<i32>())),
            DataType::LargeUtf8 => Box::new(Text(array.as_string::<i64>())),
            DataType::Utf8View => Box::new(Text(array.as_string_view())),
            DataType::Decimal128(_, scale @ 0..) => {
                Box::new(Decimal { numbers: array.as_primitive(), scale: usize::from(scale.unsigned_abs()) })
            }
            DataType::Binary => Box::new(Bytes { values: array.as_binary::<i32>(), shown }),
            DataType::LargeBinary => Box::new(Bytes { values: array.as_binary::<i64>(), shown }),
            DataType::BinaryView => Box::new(Bytes { values: array.as_binary_view(), shown }),
            DataType::FixedSizeBinary(_) => Box::new(Bytes { values: array.as_fixed_size_binary(), shown }),
            DataType::Float16 => {
                let numbers = array.as_primitive::<Float16Type>();
                Box::new(Float { numbers: plain(field, array)?, at: move |index| numbers.value(index).into() })
            }
            DataType::Float32 => {
                let numbers = array.as_primitive::<Float32Type>();
                Box::new(Float { numbers: plain(field, array)?, at: move |index| numbers.value(index).into() })
            }
            DataType::Float64 => {
                let numbers = array.as_primitive::<Float64Type>();
                Box::new(Float { numbers: plain(field, array)?, at: move |index| numbers.value(index) })
            }
            _ if out_of_range(array).is_some() => Box::new(Times { texts: plain(field, array)?, array }),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, nulls)))
    }
}

/// What Arrow makes of an array that holds no others.
fn plain<'a>(field: &'a FieldRef, array: &'a dyn Array) -> std::result::Result<NullableEncoder<'a>, ArrowError> {
    static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);
    make_encoder(field, array, &PLAIN)
}

/// Floating point numbers, of which Arrow makes nulls where they are none.
struct Float<'a, A> {
    numbers: NullableEncoder<'a>,
    at: A,
}

impl<A: Fn(usize) -> f64> Encoder for Float<'_, A> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let number = (self.at)(index);
        match number {
            _ if number.is_finite() => self.numbers.encode(index, out),
            f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
            f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
            _ => out.extend_from_slice(b"\"NaN\""),
        }
    }
}

/// Dates and times, some of which are out of range: these stay numbers.
struct Times<'a> {
    texts: NullableEncoder<'a>,
    array: &'a dyn Array,
}

impl Encoder for Times<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        match out_of_range(&self.array.slice(index, 1)) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => self.texts.encode(index, out),
        }
    }
}

struct Bytes<A> {
    values: A,
    shown: BytesText,
}

impl<'a, A: arrow_array::ArrayAccessor<Item = &'a [u8]>> Encoder for Bytes<A> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let bytes = self.values.value(index);
        match self.shown {
            BytesText::Characters => write_string(out, &bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
            BytesText::Base64 => {
                out.push(b'"');
                out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
                out.push(b'"');
            }
        }
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
        write_lines(&columns, None, &mut lines).unwrap();
        let at = "2026-01-02T03:04:05.123456Z";
        let expected = format!(
            "{{\"at\":\"{at}\",\"raw\":\"/wA=\",\"x\":{{\"at\":\"{at}\",\"raw\":\"/wA=\"}}}}\n{{\"at\":null,\"raw\":null,\"x\":{{\"at\":null,\"raw\":null}}}}\n"
        );
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
