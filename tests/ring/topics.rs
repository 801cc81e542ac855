//! The topics that go round, with everything that tends to get lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafi::{
    Batch, Delivery, HeadersBuf, Kafi, NewTopic, OwnedRecord, Position, ProducerOptions, Record, TimestampType,
};
use kafi_testkit::servers::{kafka_tool, variable};

use crate::places::{WAIT, read, unique};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The first messages of partition 0 of the first topic are deleted.
const DELETED: i64 = 3;

/// Three topics on Kafka, which are deleted at the end, with their copies.
pub struct Source<'a> {
    kafka: &'a Kafi,
    names: [String; 3],
}

impl<'a> Source<'a> {
    /// Makes and fills them: one whose times are those of its creators, with transactions and deleted messages; one
    /// that takes the broker's times; and one that is compacted.
    pub fn make(kafka: &'a Kafi) -> Self {
        let names = ["created", "appended", "compacted"].map(|name| unique(&format!("ring-{name}")));
        let source = Self { kafka, names };
        let [created, appended, compacted] = &source.names;
        let topic = |name: &String, partitions: i32| {
            NewTopic::new(name).partitions(partitions).replication(1).config("retention.ms", "-1")
        };
        kafka
            .create(&topic(created, 3).config("max.message.bytes", "2000000").config("segment.bytes", "4000000"))
            .unwrap();
        kafka.create(&topic(appended, 2).config("message.timestamp.type", "LogAppendTime")).unwrap();
        kafka
            .create(
                &topic(compacted, 1)
                    .config("cleanup.policy", "compact")
                    .config("segment.ms", "1000")
                    .config("min.cleanable.dirty.ratio", "0.01"),
            )
            .unwrap();
        for (topic, partitions) in [(created, 3), (appended, 2)] {
            for codec in CODECS {
                write(kafka, codec, &nasty(topic, partitions));
            }
        }
        in_transactions(created);
        write(kafka, "lz4", &nasty(created, 3));
        let before = Position { topic: created.clone(), partition: 0, offset: DELETED };
        kafka.admin().unwrap().delete_records(&[before], WAIT).unwrap();
        source.compact(compacted);
        source
    }

    /// The topics; the names are the same on all logs.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a topic's last copy, beside it.
    pub fn back(&self, topic: &str) -> String {
        format!("{topic}-back")
    }

    /// The name of its copy over HTTP, beside it.
    pub fn over_http(&self, topic: &str) -> String {
        format!("{topic}-http")
    }

    /// Whether its messages carry the times of the broker.
    pub fn is_appended(&self, topic: &str) -> bool {
        topic == self.names[1]
    }

    /// Whether what was read is as nasty as it was meant.
    pub fn check(&self, topics: &[Vec<OwnedRecord>]) {
        let [created, appended, compacted] = topics else { panic!("three topics") };
        let has_gap = |records: &[OwnedRecord]| {
            records.windows(2).any(|pair| pair[0].partition == pair[1].partition && pair[0].offset + 1 < pair[1].offset)
        };
        assert!(has_gap(created) && !has_gap(appended) && has_gap(compacted));
        assert_eq!(created.iter().find(|record| record.partition == 0).unwrap().offset, DELETED);
        assert!(appended.iter().all(|record| record.timestamp_type == TimestampType::Append));
        assert!(created.iter().chain(compacted).all(|record| record.timestamp_type == TimestampType::Create));
        assert!(
            created
                .windows(2)
                .any(|pair| pair[0].partition == pair[1].partition && pair[0].timestamp > pair[1].timestamp)
        );
        for records in [created, appended] {
            let partitions = records.iter().map(|record| record.partition).collect::<BTreeSet<_>>();
            assert!(
                partitions.len() > 1
                    && records.iter().any(|record| record.value.as_ref().is_some_and(|value| value.len() == 900_000))
            );
        }
    }

    /// The broker compacts all but the active segment, a moment later; segments are as long as the messages' times say.
    fn compact(&self, topic: &str) {
        let message = |(number, key): (usize, &str)| {
            let value = format!("{number}");
            let timestamp = 1_700_000_000_000 + 10_000 * number as i64;
            Record { partition: 0, timestamp, ..Record::new(topic, Some(key.as_bytes()), Some(value.as_bytes())) }
                .to_owned()
        };
        let messages: Vec<_> =
            ["a", "b", "a", "c", "a", "d", "a", "e", "a", "f"].into_iter().enumerate().map(message).collect();
        // Each in a batch of its own, since a segment ends between batches.
        messages.iter().for_each(|message| write(self.kafka, "none", std::slice::from_ref(message)));
        let deadline = Instant::now() + WAIT;
        while read(self.kafka, topic).iter().filter(|record| record.key.as_deref() == Some(b"a")).count() > 1 {
            assert!(Instant::now() < deadline, "the broker compacts");
        }
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        for topic in &self.names {
            // Copies are missing where the test failed before, and of topics that do not go there.
            for name in [topic, &self.back(topic), &self.over_http(topic)] {
                let _gone = self.kafka.rm(name);
            }
        }
    }
}

/// Messages with everything that tends to get lost, spread over partitions.
fn nasty(topic: &str, partitions: i32) -> Vec<OwnedRecord> {
    let mut headers = HeadersBuf::new();
    headers.push("a", "1");
    headers.push("a", "");
    headers.push_null("a");
    headers.push(b"\xff\xfe not UTF-8", b"\x00\xff");
    headers.push("", "empty name");
    let none = HeadersBuf::new();
    let huge: Vec<u8> = (0..900_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    type Fields<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, &'a HeadersBuf);
    let plain: [Fields<'_>; 8] = [
        (1_700_000_000_000, Some(b"k"), Some(b"v"), &none),
        (1_600_000_000_000, None, Some(b"null key, earlier"), &none),
        (1_790_000_000_000, Some(b""), Some(b""), &none),
        (1_700_000_000_001, Some(b"tombstone"), None, &headers),
        (1, None, None, &none),
        (0, Some(b"the epoch"), Some(b"0"), &none),
        (1_700_000_000_002, Some(b"\xff\x00"), Some(&huge), &headers),
        (1_700_000_000_003, Some(b"last"), Some(b"\n\r\t\0"), &headers),
    ];
    // Each message to each partition.
    let all = plain.into_iter().flat_map(|fields| (0..partitions).map(move |partition| (partition, fields)));
    all.map(|(partition, (timestamp, key, value, headers))| {
        Record { partition, timestamp, headers: headers.as_headers(), ..Record::new(topic, key, value) }.to_owned()
    })
    .collect()
}

/// Writes messages, compressed by `codec`, and waits until they are there.
fn write(kafka: &Kafi, codec: &str, records: &[OwnedRecord]) {
    let properties = vec![("compression.type".to_string(), codec.to_string())];
    let mut producer = kafka.storage().producer(&ProducerOptions { properties, ..ProducerOptions::default() }).unwrap();
    let mut batch = Batch::with_limits(usize::MAX, 1 << 30);
    records.iter().for_each(|record| batch.push(record.as_record()));
    let mut from = 0;
    while from < batch.len() {
        from += producer.produce(&batch, from, 1, WAIT).unwrap();
    }
    producer.flush(WAIT).unwrap();
    for report in producer.reports(Duration::ZERO).unwrap() {
        assert!(matches!(report.delivery, Delivery::At(_)), "{:?}", report.delivery);
    }
    producer.close(WAIT).unwrap();
}

/// Kafka's own producer, in transactions of a millisecond, each of which leaves a marker.
fn in_transactions(topic: &str) {
    let arguments =
        ["--num-records", "60", "--record-size", "10", "--throughput", "2000", "--transaction-duration-ms", "1"];
    let place = ["--topic", topic, "--transactional-id", topic, "--bootstrap-server", variable("KAFI_TEST_KAFKA")];
    kafka_tool(&[&["org.apache.kafka.tools.ProducerPerformance"], &place[..], &arguments].concat());
}
