//! What is written comes back as it was.

use crate::common::*;
use kafi_core::{Batch, ConsumerOptions, HeadersBuf, Isolation, OwnedRecord, Polled, Record, TimestampType};

/// Messages with everything that tends to get lost.
fn nasty(topic: &str) -> Vec<OwnedRecord> {
    let mut headers = HeadersBuf::new();
    headers.push("a", "1");
    headers.push("a", "");
    headers.push_null("a");
    headers.push(b"\xff\xfe not UTF-8", b"\x00\xff");
    headers.push("", "empty name");
    let huge: Vec<u8> = (0..900_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let at = |timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &HeadersBuf| {
        Record { partition: 0, timestamp, headers: headers.as_headers(), ..Record::new(topic, key, value) }.to_owned()
    };
    let none = HeadersBuf::new();
    vec![
        at(1_700_000_000_000, Some(b"k"), Some(b"v"), &none),
        at(1_600_000_000_000, None, Some(b"null key, earlier"), &none),
        at(1_790_000_000_000, Some(b""), Some(b""), &none),
        at(1_700_000_000_001, Some(b"tombstone"), None, &headers),
        at(1, None, None, &none),
        at(0, Some(b"the epoch"), Some(b"0"), &none),
        at(1_700_000_000_002, Some(b"\xff\x00"), Some(&huge), &headers),
        at(1_700_000_000_003, Some(b"last"), Some(b"\n\r\t\0"), &headers),
    ]
}

#[test]
fn every_field_comes_back() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "nasty", 1, &[]);
    let written = nasty(&topic.name);
    assert_eq!(write(&storage, &written).iter().map(|run| run.2).sum::<u64>(), written.len() as u64);
    let expected: Vec<_> = written
        .into_iter()
        .enumerate()
        .map(|(offset, record)| OwnedRecord { offset: offset as i64, ..record })
        .collect();
    let read = read_topic(&storage, &topic.name);
    for (read, expected) in read.iter().zip(&expected) {
        assert!(read == expected, "{read:?}\n{expected:?}");
    }
    assert_eq!(read.len(), expected.len());
}

#[test]
fn compressions_and_log_append_time_come_back() {
    let plain = cluster(&[]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let storage = cluster(&[("compression.type", codec)]);
        let topic = TestTopic::new(&storage, codec, 1, &[("message.timestamp.type", "LogAppendTime")]);
        let written = nasty(&topic.name);
        write(&storage, &written);
        let read = read_topic(&plain, &topic.name);
        assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().zip(&written) {
            assert_eq!(read.timestamp_type, TimestampType::Append);
            assert!(read.timestamp > 1_700_000_000_003, "the broker's clock: {}", read.timestamp);
            assert!((&read.key, &read.value, &read.headers) == (&written.key, &written.value, &written.headers));
        }
    }
}

#[test]
fn no_timestamp_becomes_now() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "now", 1, &[]);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let before = now();
    write(&storage, &[Record::new(&topic.name, None, Some(b"v")).to_owned()]);
    let read = read_topic(&storage, &topic.name);
    assert!((before..=now()).contains(&read[0].timestamp), "{} {before}", read[0].timestamp);
}

#[test]
fn a_key_has_the_partition_of_the_java_clients() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "partitioner", 7, &[]);
    let keys: Vec<String> = (0..200).map(|i| format!("key {i}")).collect();
    let written: Vec<_> =
        keys.iter().map(|key| Record::new(&topic.name, Some(key.as_bytes()), None).to_owned()).collect();
    let runs = write(&storage, &written);
    for partition in 0..7 {
        let mine: Vec<_> = runs.iter().filter(|run| run.0 == partition).collect();
        let mut next = (0, 0);
        for (_, first, count, offset) in mine {
            assert_eq!((*first, *offset), next, "ordinals and offsets of a partition both go up without a gap");
            next = (first + count, offset + *count as i64);
        }
    }
    let read = read_topic(&storage, &topic.name);
    assert_eq!(read.len(), keys.len());
    for record in read {
        assert_eq!(record.partition, kafi_core::partition_of(record.key.as_deref().unwrap(), 7));
    }
}

#[test]
fn batches_keep_their_limits_and_lose_nothing() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "limits", 3, &[]);
    let written: Vec<_> =
        (0..5000).map(|i| record(&topic.name, i % 3, &format!("{i}"), &"x".repeat(i as usize % 300))).collect();
    write(&storage, &written);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&whole(&storage, &topic.name, Isolation::ReadCommitted), WAIT).unwrap();
    let mut batch = Batch::with_limits(7, 1000);
    let mut next = [0; 3];
    while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
        assert!(batch.len() <= 7 && batch.bytes() < 1000 + 400, "{} {}", batch.len(), batch.bytes());
        for record in batch.iter() {
            assert_eq!(record.offset, next[record.partition as usize]);
            next[record.partition as usize] += 1;
        }
    }
    assert_eq!(next, [1667, 1667, 1666]);
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::End);
    assert!(batch.is_empty());
}
