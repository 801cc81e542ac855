//! Whatever the bytes are: an exact error, or records; never a panic, and no memory because of a length that is only
//! claimed.

use kafi_core::{Batch, ErrorKind, HeadersBuf, OwnedRecord};
use kafi_records::{BatchHeader, Compression, check_crc};

use crate::generator::{Random, decode, encode, record, seal};

fn small() -> Vec<OwnedRecord> {
    let mut headers = HeadersBuf::new();
    headers.push("h", "1");
    headers.push_null("h");
    let mut records = vec![
        record(100, Some(b"key"), Some(b"value value value value value")),
        record(101, None, Some(&[b'x'; 80])),
        record(105, None, None),
    ];
    records[1].headers = headers;
    records
}

/// Reads `stored` in the ways that a caller may; an error is `Corrupt` and one line.
fn probe(stored: &[u8]) -> Option<Vec<OwnedRecord>> {
    let mut decoder = crate::generator::decoder(stored);
    let mut batch = Batch::with_limits(2, 60);
    let mut records = Vec::new();
    let mut result = decoder.open().map(|_| true);
    while let Ok(true) = result {
        batch.clear();
        let topic = batch.topic_index("t");
        result = decoder.read(&mut batch, topic, 3, 0, i64::MAX);
        batch.validate().unwrap();
        records.extend(batch.iter().map(|record| record.to_owned()));
    }
    let whole = decode(stored);
    let Err(error) = result else {
        assert_eq!(whole.unwrap(), records);
        return Some(records);
    };
    for error in [error, whole.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().starts_with("read batch: "), "{error}");
    }
    assert!(decoder.is_done() && decoder.header().is_none());
    None
}

#[test]
fn a_cut_is_found_at_every_byte() {
    for compression in Compression::ALL {
        let (stored, _) = encode(&small(), compression);
        assert_eq!(probe(&stored).unwrap(), small());
        for cut in 0..stored.len() {
            let parsed = BatchHeader::parse(&stored[..cut]).unwrap();
            assert_eq!(parsed.is_some(), cut >= BatchHeader::LEN);
            assert_eq!(probe(&stored[..cut]), None);
            assert_eq!(check_crc(&stored[..cut]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let mut longer = stored.clone();
        longer.push(0);
        assert_eq!(probe(&longer), None);
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_can_be() {
    for compression in Compression::ALL {
        let (stored, _) = encode(&small(), compression);
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            let found = probe(&flipped);
            // The checksum does not cover base offset and leader epoch; of those only the sign is conspicuous.
            let hidden = matches!(bit / 8, 0..8 | 12..16) && !matches!(bit, 0 | 96);
            assert_eq!(found.is_some(), hidden, "{compression}, bit {bit}");
        }
    }
}

#[test]
fn a_flipped_bit_under_a_right_checksum_never_panics() {
    for compression in Compression::ALL {
        let (stored, _) = encode(&small(), compression);
        for bit in 21 * 8..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            seal(&mut flipped);
            probe(&flipped);
        }
    }
}

#[test]
fn a_cut_under_a_right_checksum_is_found_at_every_byte() {
    for compression in Compression::ALL {
        let (stored, _) = encode(&small(), compression);
        for cut in BatchHeader::LEN..stored.len() {
            let mut short = stored[..cut].to_vec();
            seal(&mut short);
            assert_eq!(probe(&short), None, "{compression}, {cut} of {} bytes", stored.len());
        }
    }
}

#[test]
fn random_bytes_under_a_right_checksum_never_panic() {
    let (stored, _) = encode(&small(), Compression::None);
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut bytes = stored.clone();
        bytes[22] = random.below(5) as u8;
        bytes[60] = random.below(4) as u8;
        let start = BatchHeader::LEN + random.below((stored.len() - BatchHeader::LEN) as u64) as usize;
        for byte in &mut bytes[start..] {
            *byte = if random.below(2) == 0 { random.below(4) as u8 } else { random.next() as u8 };
        }
        seal(&mut bytes);
        probe(&bytes);
    }
}

/// The error for a batch of `count` records whose bytes are `records`.
fn error_of(count: u8, records: &[u8]) -> String {
    let (mut stored, _) = encode(&small(), Compression::None);
    stored.truncate(BatchHeader::LEN);
    stored[60] = count;
    stored.extend_from_slice(records);
    seal(&mut stored);
    assert_eq!(probe(&stored), None);
    decode(&stored).unwrap_err().to_string()
}

#[test]
fn errors_name_the_record_and_what_is_wrong_with_it() {
    // length 6, attributes, timestamp delta, offset delta, key, value, number of headers
    let good = [12, 0, 0, 0, 1, 1, 0];
    let second = [12, 0, 0, 2, 1, 1, 0];
    let cases: [(u8, &[u8], &str); 16] = [
        (2, &[good.as_slice(), &[0; 7]].concat(), "record 1: it ends inside of a field"),
        (1, &[&[1][..], &[0; 9]].concat(), "record 0: its length is negative or runs past the end of the batch"),
        (1, &[14, 0, 0, 0, 1, 1, 0], "record 0: its length is negative or runs past the end of the batch"),
        (1, &[0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0], "record 0: a varint has more bits than it may"),
        (1, &[14, 0, 0, 0, 1, 1, 0, 0], "record 0: its fields do not fill its length"),
        (1, &[10, 0, 0, 0, 1, 1, 0], "record 0: it ends inside of a field"),
        (2, &[good, good].concat(), "record 1: its offset is not above the one before, or above the batch's last"),
        (1, &[12, 0, 0, 1, 1, 1, 0], "record 0: its offset is not above the one before, or above the batch's last"),
        (1, &[12, 0, 0, 12, 1, 1, 0], "record 0: its offset is not above the one before, or above the batch's last"),
        (1, &[12, 0, 0, 0, 3, 1, 0], "record 0: its key's length is below -1 or runs past the end of the record"),
        (1, &[12, 0, 0, 0, 6, 1, 0], "record 0: its key's length is below -1 or runs past the end of the record"),
        (1, &[12, 0, 0, 0, 1, 4, 0], "record 0: its value's length is below -1 or runs past the end of the record"),
        (1, &[12, 0, 0, 0, 1, 1, 2], "record 0: its number of headers is negative or more than it can hold"),
        (
            1,
            &[16, 0, 0, 0, 1, 1, 2, 1, 1],
            "record 0: a header name's length is negative or runs past the end of the record",
        ),
        (
            1,
            &[16, 0, 0, 0, 1, 1, 2, 0, 2],
            "record 0: a header value's length is below -1 or runs past the end of the record",
        ),
        (1, &[good, second].concat(), "record 1: bytes follow the batch's last record"),
    ];
    for (count, records, message) in cases {
        assert_eq!(error_of(count, records), format!("read batch: base offset 100, {message}"), "{records:?}");
    }
    let long = [&[26][..], &[0, 0, 0, 14], &[b'k'; 7], &[1, 0]].concat();
    assert_eq!(error_of(2, &long), "read batch: base offset 100, record 1: the batch ends before it");
    assert_eq!(error_of(0, &good), "read batch: base offset 100: it has no records, but bytes follow its header");
}

#[test]
fn errors_name_what_is_wrong_with_the_header() {
    let (stored, header) = encode(&small(), Compression::None);
    let bytes = stored.len();
    let error = |at: usize, value: &[u8]| {
        let mut stored = stored.clone();
        stored[at..at + value.len()].copy_from_slice(value);
        let crc = crc32c::crc32c(&stored[21..]);
        stored[17..21].copy_from_slice(&crc.to_be_bytes());
        decode(&stored).unwrap_err().to_string()
    };
    let about = |message: &str| format!("read batch: base offset 100: {message}");
    assert_eq!(error(16, &[1]), about("its magic is 1, but only 2 (Kafka 0.11 and later) can be read"));
    assert_eq!(error(8, &48i32.to_be_bytes()), about("its length is 48, less than that of its header"));
    assert_eq!(error(8, &50i32.to_be_bytes()), about("its record count is 3, too many for 1 bytes"));
    assert_eq!(error(8, &1_000i32.to_be_bytes()), about(&format!("its header says 1012 bytes, but there are {bytes}")));
    assert_eq!(error(12, &(-2i32).to_be_bytes()), about("its leader epoch is -2, less than -1"));
    assert_eq!(error(21, &5i16.to_be_bytes()), about("its compression 5 is not known"));
    assert_eq!(error(23, &(-1i32).to_be_bytes()), about("its last offset delta is -1, less than 0"));
    assert_eq!(error(57, &(-1i32).to_be_bytes()), about("its record count is -1, but its last offset delta is 5"));
    assert_eq!(error(57, &7i32.to_be_bytes()), about("its record count is 7, but its last offset delta is 5"));
    assert_eq!(
        error(0, &i64::MAX.to_be_bytes()),
        format!("read batch: base offset {}: its offsets lie outside of 0 to 2^63-1", i64::MAX)
    );
    let mut damaged = stored.clone();
    damaged[bytes - 1] ^= 1;
    let crc = crc32c::crc32c(&damaged[21..]);
    assert_eq!(
        check_crc(&damaged).unwrap_err().to_string(),
        about(&format!("its checksum is {:#010x}, but its bytes give {crc:#010x}", header.crc))
    );
    assert_eq!(
        check_crc(&stored[..10]).unwrap_err().to_string(),
        "read batch: it ends after 10 bytes, inside of its header of 61"
    );
}

#[test]
fn a_claimed_count_takes_no_memory() {
    // Two billion records in three bytes, compressed: refused before anything is made for them.
    let (mut stored, _) = encode(&small(), Compression::Zstd);
    stored[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    stored[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    seal(&mut stored);
    let error = decode(&stored).unwrap_err().to_string();
    assert!(error.starts_with("read batch: base offset 100: its record count is 2147483647, too many for "), "{error}");
}
