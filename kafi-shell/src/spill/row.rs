//! Messages as bytes of their own, as small as they get.

use kafi_core::{Header, HeadersBuf, Record, TimestampType};

/// Appends a message without the name of its topic.
pub(crate) fn push_row(record: &Record<'_>, out: &mut Vec<u8>) {
    push_signed(record.partition.into(), out);
    push_signed(record.offset, out);
    push_signed(record.timestamp, out);
    let is_append = record.timestamp_type == TimestampType::Append;
    push_length(record.headers.len() << 1 | usize::from(is_append), out);
    push_field(record.key, out);
    push_field(record.value, out);
    for header in record.headers.iter() {
        push_field(Some(header.name), out);
        push_field(header.value, out);
    }
}

/// The message that was appended, of this topic; `headers` takes its headers.
pub(crate) fn row_record<'a>(topic: &'a str, row: &'a [u8], headers: &'a mut HeadersBuf) -> Record<'a> {
    let mut rest = row;
    let partition = i32::try_from(take_signed(&mut rest)).expect("it was one");
    let (offset, timestamp) = (take_signed(&mut rest), take_signed(&mut rest));
    let count = take_length(&mut rest);
    let (key, value) = (take_field(&mut rest), take_field(&mut rest));
    headers.clear();
    for _ in 0..count >> 1 {
        let name = take_field(&mut rest).unwrap_or_default();
        headers.push_header(Header { name, value: take_field(&mut rest) });
    }
    let timestamp_type = if count & 1 == 1 { TimestampType::Append } else { TimestampType::Create };
    Record { topic, partition, offset, timestamp, timestamp_type, key, value, headers: headers.as_headers() }
}

/// Appends a length, small ones in one byte.
#[inline]
pub(crate) fn push_length(length: usize, out: &mut Vec<u8>) {
    push_number(length as u64, out);
}

/// Takes a length from the front.
#[inline]
pub(crate) fn take_length(rest: &mut &[u8]) -> usize {
    take_number(rest) as usize
}

#[inline]
fn push_field(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    push_length(bytes.map_or(0, |bytes| bytes.len() + 1), out);
    out.extend_from_slice(bytes.unwrap_or_default());
}

#[inline]
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest).checked_sub(1)?;
    let (bytes, after) = rest.split_at(length);
    *rest = after;
    Some(bytes)
}

fn push_signed(number: i64, out: &mut Vec<u8>) {
    push_number((number << 1 ^ number >> 63) as u64, out);
}

fn take_signed(rest: &mut &[u8]) -> i64 {
    let number = take_number(rest);
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[inline]
fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
fn take_number(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, after) = rest.split_first().expect("a number was appended");
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        let mut headers = HeadersBuf::new();
        headers.push("h", b"\xff");
        headers.push_null("");
        let record = Record {
            partition: -1,
            offset: i64::MAX,
            timestamp: i64::MIN,
            timestamp_type: TimestampType::Append,
            headers: headers.as_headers(),
            ..Record::new("t", None, Some(b""))
        };
        let plain = Record { key: Some(&[7; 300]), partition: i32::MAX, ..Record::new("t", None, None) };
        for record in [record, plain] {
            let mut row = Vec::new();
            push_row(&record, &mut row);
            assert_eq!(row_record("t", &row, &mut HeadersBuf::new()), record);
        }
    }
}
