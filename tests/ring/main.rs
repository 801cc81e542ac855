//! Nasty topics go round all storages, Kafka → folder → S3 → Azure Blob → Kafka, and every field of every message is
//! compared at each hop; and Kafka → REST Proxy → folder → REST Proxy → Kafka. A server that is missing is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apps;
mod places;
#[path = "../../plugins/tests.rs"]
#[allow(dead_code, reason = "the conformance suites of the plugins use more of it")]
mod plugin;
#[path = "../../kafi-restproxy/tests/served/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod served;
mod topics;

use std::collections::HashMap;

use kafi::{CopyOptions, ErrorKind, Kafi, OwnedRecord, Plugins, Registry, TimestampType, shell};

use places::{Places, Proxied, read, setting, settings};
use topics::Source;

/// The setting that says how large the batches of a topic may be.
const BATCH_LIMIT: &str = "max.message.bytes";

#[test]
fn a_ring_through_all_storages() {
    go_round(&Registry::new());
}

/// The libraries stand before what is linked, so that the folder, S3, Azure Blob, and the REST Proxy are theirs.
#[test]
fn a_ring_through_loaded_storages() {
    let libraries = ["fs", "s3", "azure", "restproxy"].map(plugin::library);
    go_round(&Registry::new().with_plugins(Plugins::named(libraries.to_vec())));
}

fn go_round(registry: &Registry) {
    let places = Places::open(registry);
    let source = Source::make(&places.kafka);
    let expected: Vec<_> = source.names().iter().map(|topic| read(&places.kafka, topic)).collect();
    source.check(&expected);
    for (hop, from, to) in [
        ("folder", &places.kafka, &places.folder),
        ("S3", &places.folder, &places.s3),
        ("Azure", &places.s3, &places.azure),
    ] {
        copy_to_a_log(hop, from, to, &source, &expected);
    }
    copy_back(&places, &source, &expected);
    copy_over_http(&places, registry, &source, &expected[0]);
}

/// From Kafka to a folder and back, and at each of the three steps over HTTP. Offsets are new, as on Kafka.
fn copy_over_http(places: &Places, registry: &Registry, source: &Source, expected: &[OwnedRecord]) {
    let (topic, copy) = (&source.names()[0], source.over_http(&source.names()[0]));
    let kafka = Proxied::before(&places.kafka, registry);
    let folder = Proxied::before(&places.folder, registry);
    let count = expected.len() as u64;
    let new = as_on_kafka(expected, &copy);
    for (hop, from, to, topic) in
        [("folder", &kafka.proxy, &folder.proxy, topic), ("Kafka", &folder.proxy, &kafka.proxy, &copy)]
    {
        let pair = [(topic.clone(), copy.clone())];
        let copied = shell::cp(from.storage(), to.storage(), &pair, &CopyOptions::default()).unwrap().copied;
        assert_eq!((copied.read, copied.written), (count, count), "over HTTP to {hop}");
    }
    for (hop, place) in [("folder", &places.folder), ("Kafka", &places.kafka)] {
        compare(&format!("{topic} over HTTP in {hop}"), &read(place, &copy), &new);
    }
}

/// Logs keep everything: offsets with their gaps, timestamp types, settings.
fn copy_to_a_log(hop: &str, from: &Kafi, to: &Kafi, source: &Source, expected: &[Vec<OwnedRecord>]) {
    let pairs: Vec<_> = source.names().iter().map(|topic| (topic.clone(), topic.clone())).collect();
    let count = expected.iter().map(Vec::len).sum::<usize>() as u64;
    let options = CopyOptions { with_config: true, ..CopyOptions::default() };
    let copied = shell::cp(from.storage(), to.storage(), &pairs, &options).unwrap().copied;
    assert_eq!((copied.read, copied.written), (count, count), "to {hop}");
    for (topic, expected) in source.names().iter().zip(expected) {
        compare(&format!("{topic} on {hop}"), &read(to, topic), expected);
        assert_eq!(settings(to, topic), settings(from, topic), "{topic} on {hop}");
    }
    let again = shell::cp(from.storage(), to.storage(), &pairs, &options).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "to {hop}: {again}");
    let resumed =
        shell::cp(from.storage(), to.storage(), &pairs, &CopyOptions { resume: true, ..options }).unwrap().copied;
    assert_eq!((resumed.read, resumed.written), (0, 0), "a resumed copy to {hop} has nothing left to do");
}

/// Kafka gives offsets of its own, and what carries the time of an append becomes a message that was created then.
fn copy_back(places: &Places, source: &Source, expected: &[Vec<OwnedRecord>]) {
    for (topic, expected) in source.names().iter().zip(expected) {
        let back = source.back(topic);
        let with_config = !source.is_appended(topic);
        let options = CopyOptions { with_config, ..CopyOptions::default() };
        let copied =
            shell::cp(places.azure.storage(), places.kafka.storage(), &[(topic.clone(), back.clone())], &options)
                .unwrap()
                .copied;
        assert_eq!((copied.read, copied.written), (expected.len() as u64, expected.len() as u64), "{topic}");
        let expected = as_on_kafka(expected, &back);
        compare(&format!("{topic} back on Kafka"), &read(&places.kafka, &back), &expected);
        if with_config {
            // Another cluster might take smaller batches, so that the limit comes along, also where it was that of the
            // source's cluster.
            let mut expected = settings(&places.kafka, topic);
            expected.retain(|(name, _)| name != BATCH_LIMIT);
            expected.push((BATCH_LIMIT.into(), setting(&places.kafka, topic, BATCH_LIMIT)));
            expected.sort();
            assert_eq!(settings(&places.kafka, &back), expected, "{topic} back on Kafka");
        }
    }
}

/// What Kafka makes of messages when they come without an offset, into another topic.
fn as_on_kafka(records: &[OwnedRecord], topic: &str) -> Vec<OwnedRecord> {
    let mut ends = HashMap::<i32, i64>::new();
    let mut written = Vec::with_capacity(records.len());
    for record in records {
        let end = ends.entry(record.partition).or_default();
        written.push(OwnedRecord {
            topic: topic.to_string(),
            offset: *end,
            timestamp_type: TimestampType::Create,
            ..record.clone()
        });
        *end += 1;
    }
    written
}

/// Field by field, and without printing what is too large for it.
fn compare(what: &str, found: &[OwnedRecord], expected: &[OwnedRecord]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected, "{what}:\nfound    {}\nexpected {}", shown(found), shown(expected));
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

fn shown(record: &OwnedRecord) -> String {
    let mut text = format!("{record:?}");
    text.truncate(text.floor_char_boundary(1000));
    text
}
