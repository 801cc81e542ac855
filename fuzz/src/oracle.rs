//! The batch codec beside kafka-protocol's, which shares no code with it: what both understand is the same.

use bytes::Bytes;
use kafi_core::OwnedRecord;
use kafi_records::{BatchHeader, Compression};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};

use super::batches::{read, sealed};

/// The bit of the attributes that gives all messages of a batch the time at which it was appended. kafka-protocol knows
/// the bit and not the time.
const APPEND_TIME: i16 = 1 << 3;

/// Takes `data` for a stored batch after the checks that guard damaged bytes, and reads it with both.
///
/// Says whether both understood it. kafka-protocol is asked only for what was understood here: it reserves memory for
/// as many records and headers as the bytes claim.
pub fn run(data: &[u8]) -> bool {
    let Some(stored) = sealed(data) else { return false };
    let Ok(Some(header)) = BatchHeader::parse(&stored) else { return false };
    // It believes the length of what snappy compressed, and takes memory for all of it.
    if header.is_control()
        || header.attributes & APPEND_TIME != 0
        || header.compression().is_ok_and(|compression| compression == Compression::Snappy)
    {
        return false;
    }
    let Ok(ours) = read(&stored) else { return false };
    // Times wrap here, as in Java; there they are an overflow.
    if ours
        .iter()
        .any(|record| header.base_timestamp.checked_add(record.timestamp.wrapping_sub(header.base_timestamp)).is_none())
    {
        return false;
    }
    // Names of headers that are not UTF-8 are an error there.
    let Ok(theirs) = RecordBatchDecoder::decode(&mut Bytes::from(stored)) else { return false };
    // The reading begins at offset 0.
    let theirs: Vec<Record> =
        theirs.records.into_iter().filter(|record| (0..i64::MAX).contains(&record.offset)).collect();
    assert_eq!(ours.len(), theirs.len(), "the number of records");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!((ours.offset, ours.timestamp), (theirs.offset, theirs.timestamp));
        assert_eq!((ours.key.as_deref(), ours.value.as_deref()), (theirs.key.as_deref(), theirs.value.as_deref()));
        assert_eq!(headers(ours), theirs.headers);
    }
    true
}

/// Headers as kafka-protocol keeps them: of those with the same name only the last, in the place of the first.
fn headers(record: &OwnedRecord) -> IndexMap<StrBytes, Option<Bytes>> {
    let mut headers = IndexMap::new();
    for header in record.headers.as_headers().iter() {
        let name = String::from_utf8(header.name.to_vec()).unwrap();
        headers.insert(StrBytes::from_string(name), header.value.map(Bytes::copy_from_slice));
    }
    headers
}
