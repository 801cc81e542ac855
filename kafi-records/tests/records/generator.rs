//! Records to test with, and helpers around encoder and decoder.

use kafi_core::{Batch, HeadersBuf, OwnedRecord, Record, TimestampType};
use kafi_records::{BatchHeader, Compression, Decoder, Encoder};

/// A small generator of random numbers: the same seed gives the same test.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// Bytes that compress somewhat; now and then many.
    pub fn bytes(&mut self) -> Vec<u8> {
        let len = match self.below(200) {
            0 => self.below(100_000),
            1..20 => 0,
            20..40 => self.below(1_000),
            _ => self.below(70),
        };
        let letters = 1 + self.below(256);
        (0..len).map(|_| self.below(letters) as u8).collect()
    }

    pub fn optional_bytes(&mut self) -> Option<Vec<u8>> {
        (self.below(5) > 0).then(|| self.bytes())
    }

    pub fn headers(&mut self) -> HeadersBuf {
        let mut headers = HeadersBuf::new();
        let count = if self.below(3) == 0 { self.below(6) } else { 0 };
        for _ in 0..count {
            let name = self.bytes();
            match self.optional_bytes() {
                Some(value) => headers.push(name, value),
                None => headers.push_null(name),
            }
        }
        headers
    }

    /// Records with rising offsets, with gaps.
    pub fn records(&mut self) -> Vec<OwnedRecord> {
        let count = 1 + self.below(60);
        let append = (self.below(4) == 0).then(|| self.below(1 << 41) as i64);
        let mut offset = self.below(1 << 40) as i64;
        let mut records = Vec::new();
        for _ in 0..count {
            let create =
                if self.below(10) == 0 { self.next() as i64 } else { 1_700_000_000_000 + self.below(100_000) as i64 };
            records.push(OwnedRecord {
                topic: "t".into(),
                partition: 3,
                offset,
                timestamp: append.unwrap_or(create),
                timestamp_type: if append.is_some() { TimestampType::Append } else { TimestampType::Create },
                key: self.optional_bytes(),
                value: self.optional_bytes(),
                headers: self.headers(),
            });
            offset += 1 + if self.below(4) == 0 { self.below(1_000_000) as i64 } else { 0 };
        }
        records
    }
}

/// A record of topic `t`, partition 3.
pub fn record(offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> OwnedRecord {
    Record { partition: 3, offset, timestamp: 1_700_000_000_000 + offset, ..Record::new("t", key, value) }.to_owned()
}

/// Everything that other codecs like to lose.
pub fn nasty() -> Vec<OwnedRecord> {
    let mut headers = HeadersBuf::new();
    headers.push("a", "1");
    headers.push("a", "");
    headers.push_null("a");
    headers.push(b"\xff\xfe\x00", b"\x80");
    headers.push("", "no name");
    headers.push("b", vec![7; 300]);
    let large: Vec<u8> = (0..300_000u32).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect();
    let mut records = vec![
        record(5, None, None),
        record(6, Some(b""), Some(b"")),
        record(7, None, Some(b"value")),
        record(8, Some(b"key"), None),
        record(1_000, Some(b"\xff\x00\x80"), Some(&large)),
        record(1_001, Some(&[0; 64]), Some(&[b'x'; 8192])),
        record(5 + i64::from(i32::MAX), Some(b"last"), Some(b"of the batch")),
    ];
    records[2].headers = headers.clone();
    records[3].timestamp = -1;
    records[4].timestamp = i64::MAX;
    records[5].timestamp = i64::MIN;
    records[6].headers = headers;
    records
}

pub fn encode(records: &[OwnedRecord], compression: Compression) -> (Vec<u8>, BatchHeader) {
    let mut encoder = Encoder::new(compression);
    for record in records {
        assert!(encoder.push(record.as_record(), record.offset).unwrap());
    }
    let mut stored = Vec::new();
    let header = encoder.finish(&mut stored).unwrap();
    (stored, header)
}

/// A decoder with `stored` in its buffer, not open yet.
pub fn decoder(stored: &[u8]) -> Decoder {
    let mut decoder = Decoder::new();
    decoder.buffer().extend_from_slice(stored);
    decoder
}

/// All records of `stored`, or the error of whatever failed.
pub fn decode(stored: &[u8]) -> kafi_core::Result<Vec<OwnedRecord>> {
    let mut decoder = decoder(stored);
    decoder.open()?;
    let mut batch = Batch::with_limits(usize::MAX, 1 << 30);
    let topic = batch.topic_index("t");
    let more = decoder.read(&mut batch, topic, 3, 0, i64::MAX)?;
    assert!(!more && decoder.is_done());
    batch.validate().unwrap();
    Ok(batch.iter().map(|record| record.to_owned()).collect())
}

/// Makes length and checksum of `batch` right again after an edit.
pub fn seal(batch: &mut [u8]) {
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}
