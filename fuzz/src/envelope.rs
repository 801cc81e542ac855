//! Envelopes: a line is one or one error, and envelope in is envelope out, byte by byte.

use kafi_core::{
    Batch, EnvelopeReader, EnvelopeWriter, ErrorKind, HeadersBuf, OwnedRecord, Record, TimestampType, Type,
    parse_envelope,
};

const TYPES: [Type; 4] = [Type::Auto, Type::Json, Type::Str, Type::Bytes];

/// Takes `data` for a line, and for the fields of a record.
pub fn run(data: &[u8]) {
    match parse_envelope(data) {
        Ok(record) => same_again(&record),
        Err(error) => {
            assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::TooLarge),
                "{error:?}"
            );
            assert!(!error.to_string().contains('\n'), "{error}");
            let mut batch = Batch::new();
            batch.push(Record::new("before", None, Some(b"v")));
            EnvelopeReader::new().read(data, &mut batch).unwrap_err();
            batch.validate().unwrap();
            assert_eq!((batch.len(), batch.get(0).value), (1, Some(&b"v"[..])), "a batch stays as it was");
        }
    }
    same_again(&record_of(data));
}

/// Writes a record, reads it back, and writes that again.
fn same_again(record: &OwnedRecord) {
    for key_type in TYPES {
        for value_type in TYPES {
            let mut line = Vec::new();
            EnvelopeWriter::new(key_type, value_type).write(record.as_record(), &mut line);
            assert!(!line.contains(&b'\n'), "an envelope is one line");
            let read = parse_envelope(&line).unwrap();
            assert_eq!(read, *record, "{}", String::from_utf8_lossy(&line));
            let mut again = Vec::new();
            EnvelopeWriter::new(key_type, value_type).write(read.as_record(), &mut again);
            assert_eq!(again, line);
        }
    }
}

/// A record whose fields are pieces of `data`, cut where its first bytes say.
fn record_of(data: &[u8]) -> OwnedRecord {
    let (cuts, mut rest) = data.split_at(data.len().min(8));
    let mut take = |index: usize| {
        let cut = usize::from(*cuts.get(index).unwrap_or(&0));
        let (piece, after) = rest.split_at(rest.len().min(cut / 2));
        rest = after;
        (cut % 2 == 0).then_some(piece)
    };
    let (topic, name, header, key) = (take(0).unwrap_or_default(), take(1).unwrap_or_default(), take(2), take(3));
    let is_null = take(4).is_none();
    let value = (!is_null).then_some(rest);
    let mut headers = HeadersBuf::new();
    match header {
        Some(value) => headers.push(name, value),
        None => headers.push_null(name),
    }
    let topic = String::from_utf8_lossy(topic).into_owned();
    let mut number = [0; 8];
    number[..cuts.len()].copy_from_slice(cuts);
    let number = i64::from_le_bytes(number);
    OwnedRecord {
        partition: (number as i32) & i32::MAX,
        offset: number,
        timestamp: number.rotate_left(32),
        timestamp_type: if number & 1 == 0 { TimestampType::Create } else { TimestampType::Append },
        headers,
        ..Record::new(&topic, key, value).to_owned()
    }
}
