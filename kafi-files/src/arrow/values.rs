//! What stands in a column so far, in the form in which Arrow has it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array, StringArray,
    make_array,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, OffsetBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};
use kafi_core::{BytesText, Json, Result, Scalar};

use super::failed;
use super::fits::bytes_of;
use super::infer::Column;
use crate::cell::Cell;
use crate::infer::Kind;

/// A column, with nothing in it for rows at its end that have no value yet.
pub(super) struct Filled {
    pub(super) values: Values,
    is_there: Vec<bool>,
}

pub(super) enum Values {
    Int64(Vec<i64>),
    Decimal(Vec<i128>, u8, u8),
    Float64(Vec<f64>),
    Bool(Vec<bool>),
    /// Numbers that a schema says are of 32 bits, or of 64: also days, times of day, and points in time.
    Short(Vec<i32>, DataType),
    Long(Vec<i64>, DataType),
    /// Floating point numbers that a schema says are such.
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Bytes, as for text, and how text shows them.
    Bytes(Vec<u8>, Vec<i32>, BytesText),
    /// The bytes of all of them, and where each ends, behind a zero.
    Text(Vec<u8>, Vec<i32>),
    /// One of those that Arrow reads.
    Nested,
}

impl Filled {
    pub(super) fn of(column: &Column) -> Self {
        Self { values: Values::of(column), is_there: Vec::new() }
    }

    /// Forgets what stands there behind so many rows.
    pub(super) fn rewind(&mut self, rows: usize) {
        if self.is_there.len() > rows {
            self.is_there.truncate(rows);
            self.values.truncate(rows);
        }
    }

    /// Ends a row, the number of which is now this.
    pub(super) fn end(&mut self, rows: usize) {
        if self.is_there.len() < rows {
            self.push_null();
        }
    }

    fn push_null(&mut self) {
        self.is_there.push(false);
        self.values.push_null();
    }

    pub(super) fn take(&mut self) -> Result<ArrayRef> {
        let is_there = std::mem::take(&mut self.is_there);
        let nulls = if is_there.contains(&false) { Some(NullBuffer::from(is_there)) } else { None };
        self.values.take(nulls)
    }

    /// Takes a member as it was decoded; false where it does not fit as it is.
    #[inline]
    pub(super) fn put_scalar(&mut self, member: Scalar<'_>) -> bool {
        let is_taken = member == Scalar::Null || self.values.put_scalar(member);
        match member {
            Scalar::Null => self.push_null(),
            _ => self.is_there.extend(is_taken.then_some(true)),
        }
        is_taken
    }

    /// Takes what stands in a cell; false where it does not fit.
    #[inline]
    pub(super) fn put(&mut self, cell: Cell<'_>, column: &mut Column, grows: bool, text: &mut Vec<u8>) -> bool {
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
            (DataType::Float32, _) => Self::Float(Vec::new()),
            (DataType::Float64, _) => Self::Double(Vec::new()),
            (data_type @ (DataType::Int32 | DataType::Date32 | DataType::Time32(_)), _) => {
                Self::Short(Vec::new(), data_type)
            }
            (data_type @ (DataType::Time64(_) | DataType::Timestamp(..)), _) => Self::Long(Vec::new(), data_type),
            (DataType::Binary, Kind::Bytes(shown)) => Self::Bytes(Vec::new(), vec![0], *shown),
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
            let is_plain = first == b'"' && !raw.contains('\\');
            if grows && !column.grows_as_text(raw, is_plain) {
                return None;
            }
            let is_there = match is_plain {
                true => {
                    texts.extend_from_slice(&raw.as_bytes()[1..raw.len() - 1]);
                    true
                }
                false => Cell::Raw(raw).write_text(texts),
            };
            ends.push(i32::try_from(texts.len()).ok()?);
            return Some(is_there);
        }
        if first == b'n' {
            self.push_null();
            return Some(false);
        }
        if grows && self.is_said() && !column.grow(Cell::Raw(raw)) {
            return None;
        }
        // Where a schema says that it is a number, it may be written as a text.
        let text = match first {
            b'"' if self.is_said() && raw.contains('\\') => Cow::Owned(Json::from_valid(raw).str().ok()?.to_string()),
            b'"' if self.is_said() => Cow::Borrowed(&raw[1..raw.len() - 1]),
            b'"' if !grows && !matches!(self, Self::Bool(_) | Self::Float64(_)) => Cow::Borrowed(raw.trim_matches('"')),
            b'"' | b'{' | b'[' => return None,
            _ => Cow::Borrowed(raw),
        };
        let text = &*text;
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
            Self::Short(values, _) => values.push(i32::try_from(column.number(text)?).ok()?),
            Self::Long(values, _) => values.push(column.number(text)?),
            Self::Float(values) => values.push(text.parse().ok()?),
            Self::Double(values) => values.push(text.parse().ok()?),
            Self::Bytes(bytes, ends, shown) => {
                if first != b'"' {
                    return None;
                }
                bytes.extend(bytes_of(text, *shown)?);
                ends.push(i32::try_from(bytes.len()).ok()?);
            }
            Self::Text(..) | Self::Nested => return None,
        }
        Some(true)
    }

    /// Whether a schema has said what stands there, and nothing else is right.
    fn is_said(&self) -> bool {
        matches!(self, Self::Short(..) | Self::Long(..) | Self::Float(_) | Self::Double(_) | Self::Bytes(..))
    }

    /// Whether what can be read is right.
    pub(super) fn are_checked(&self) -> bool {
        self.is_said() || matches!(self, Self::Int64(_) | Self::Decimal(..) | Self::Bool(_))
    }

    /// Takes a member as it was decoded, where it becomes what its text would become; else false, and it has to be
    /// written as text.
    #[inline]
    fn put_scalar(&mut self, member: Scalar<'_>) -> bool {
        match (self, member) {
            (Self::Int64(values) | Self::Long(values, _), Scalar::Int(number)) => values.push(number),
            (Self::Short(values, _), Scalar::Int(number)) => match i32::try_from(number) {
                Ok(number) => values.push(number),
                Err(_) => return false,
            },
            (Self::Float(values), Scalar::Float(number)) => values.push(number),
            (Self::Double(values), Scalar::Double(number)) => values.push(number),
            (Self::Bool(values), Scalar::Bool(is_true)) => values.push(is_true),
            (Self::Decimal(values, precision, scale), Scalar::Decimal(number, of)) => {
                if of != u32::from(*scale) || number.unsigned_abs() >= 10_u128.pow((*precision).into()) {
                    return false;
                }
                values.push(number);
            }
            (Self::Text(bytes, ends), Scalar::Str(text)) => return push_bytes(text.as_bytes(), bytes, ends),
            (Self::Bytes(bytes, ends, _), Scalar::Bytes(more)) => return push_bytes(more, bytes, ends),
            _ => return false,
        }
        true
    }

    fn push_null(&mut self) {
        match self {
            Self::Int64(values) => values.push(0),
            Self::Decimal(values, ..) => values.push(0),
            Self::Float64(values) => values.push(0.0),
            Self::Bool(values) => values.push(false),
            Self::Short(values, _) => values.push(0),
            Self::Long(values, _) => values.push(0),
            Self::Float(values) => values.push(0.0),
            Self::Double(values) => values.push(0.0),
            Self::Text(bytes, ends) | Self::Bytes(bytes, ends, _) => ends.push(bytes.len() as i32),
            Self::Nested => {}
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Int64(values) => values.truncate(rows),
            Self::Decimal(values, ..) => values.truncate(rows),
            Self::Float64(values) => values.truncate(rows),
            Self::Bool(values) => values.truncate(rows),
            Self::Short(values, _) => values.truncate(rows),
            Self::Long(values, _) => values.truncate(rows),
            Self::Float(values) => values.truncate(rows),
            Self::Double(values) => values.truncate(rows),
            Self::Text(bytes, ends) | Self::Bytes(bytes, ends, _) => {
                ends.truncate(rows + 1);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Self::Nested => {}
        }
    }

    fn take(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        use std::mem::{replace, take};
        let array = |array: std::result::Result<ArrayRef, _>| array.map_err(|error| failed("write rows", &error));
        Ok(match self {
            Self::Int64(values) => Arc::new(Int64Array::new(take(values).into(), nulls)),
            Self::Float64(values) | Self::Double(values) => Arc::new(Float64Array::new(take(values).into(), nulls)),
            Self::Float(values) => Arc::new(Float32Array::new(take(values).into(), nulls)),
            Self::Bool(values) => Arc::new(BooleanArray::new(take(values).into(), nulls)),
            Self::Short(values, data_type) => array(of_numbers(take(values), data_type, nulls))?,
            Self::Long(values, data_type) => array(of_numbers(take(values), data_type, nulls))?,
            Self::Decimal(values, precision, scale) => {
                let values = Decimal128Array::new(take(values).into(), nulls);
                let values = values.with_precision_and_scale(*precision, *scale as i8);
                array(values.map(|values| Arc::new(values) as ArrayRef))?
            }
            Self::Text(texts, ends) => {
                let ends = OffsetBuffer::new(replace(ends, vec![0]).into());
                array(StringArray::try_new(ends, take(texts).into(), nulls).map(|texts| Arc::new(texts) as ArrayRef))?
            }
            Self::Bytes(bytes, ends, _) => {
                let ends = OffsetBuffer::new(replace(ends, vec![0]).into());
                array(BinaryArray::try_new(ends, take(bytes).into(), nulls).map(|bytes| Arc::new(bytes) as ArrayRef))?
            }
            Self::Nested => unreachable!("Arrow reads it"),
        })
    }
}

/// Numbers as a column of a type that is kept as such.
fn of_numbers<N: ArrowNativeType>(
    values: Vec<N>,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> std::result::Result<ArrayRef, ArrowError> {
    let data = ArrayData::builder(data_type.clone()).len(values.len()).nulls(nulls);
    data.add_buffer(Buffer::from_vec(values)).build().map(make_array)
}

/// Adds bytes to all of them; false where there are too many.
fn push_bytes(more: &[u8], bytes: &mut Vec<u8>, ends: &mut Vec<i32>) -> bool {
    let Ok(end) = i32::try_from(bytes.len() + more.len()) else { return false };
    bytes.extend_from_slice(more);
    ends.push(end);
    true
}

/// So many digits fit into 64 bits, whatever they are.
const U64_DIGITS: usize = 19;

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
    // Few digits are added up faster.
    let number = match whole.len() + fraction.len() <= U64_DIGITS {
        true => with_digits(fraction, with_digits(whole, 0_u64)?)?.into(),
        false => with_digits(fraction, with_digits(whole, 0_i128)?)?,
    };
    let number = match usize::from(scale) - fraction.len() {
        0 => number,
        missing => number * 10_i128.pow(missing as u32),
    };
    Some(if is_negative { -number } else { number })
}

/// A number with these digits behind its own; they have to fit.
#[inline]
fn with_digits<N>(digits: &str, number: N) -> Option<N>
where
    N: From<u8> + std::ops::Mul<Output = N> + std::ops::Add<Output = N>,
{
    digits.bytes().try_fold(number, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(number * N::from(10) + N::from(digit))
    })
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
            ("1:.5", None),
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
