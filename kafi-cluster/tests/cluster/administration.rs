//! Topics, settings, watermarks, times, and groups as seen and changed from outside.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::common::*;
use kafi_core::{
    Capabilities, CommittedOffset, ConfigChange, ConsumerOptions, Error, ErrorKind, Isolation, NewTopic, Position,
    TopicPartition, Watermarks,
};

fn position(topic: &str, partition: i32, offset: i64) -> Position {
    Position { topic: topic.into(), partition, offset }
}

fn names(error: &Error, kind: ErrorKind, what: &str) {
    assert!(error.kind() == kind && error.to_string().contains(what), "{error:?}");
}

#[test]
fn topics_are_made_listed_grown_and_deleted() {
    let storage = cluster(&[]);
    let mut admin = storage.admin().unwrap();
    let name = unique("made");
    let topic =
        NewTopic { partitions: Some(2), config: vec![("retention.ms".into(), "-1".into())], ..NewTopic::new(&name) };
    admin.create_topic(&topic, WAIT).unwrap();
    names(&admin.create_topic(&topic, WAIT).unwrap_err(), ErrorKind::AlreadyExists, &name);
    let listed = admin.topics(&[], WAIT).unwrap();
    assert!(listed.is_sorted_by(|a, b| a.name < b.name));
    let found = listed.iter().find(|topic| topic.name == name).unwrap();
    assert_eq!(std::slice::from_ref(found), admin.topics(std::slice::from_ref(&name), WAIT).unwrap());
    assert!(!found.internal && !found.id.is_empty());
    assert_eq!(found.partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [0, 1]);
    assert!(found.partitions.iter().all(|p| p.leader >= 0 && p.replicas == [p.leader] && p.in_sync == [p.leader]));
    admin.create_partitions(&name, 5, WAIT).unwrap();
    assert_eq!(admin.topics(std::slice::from_ref(&name), WAIT).unwrap()[0].partitions.len(), 5);
    names(&admin.create_partitions(&name, 5, WAIT).unwrap_err(), ErrorKind::Usage, &name);
    names(&admin.create_partitions(&name, 0, WAIT).unwrap_err(), ErrorKind::Usage, &name);
    let id = found.id.clone();
    admin.delete_topic(&name, WAIT).unwrap();
    names(&admin.topics(std::slice::from_ref(&name), WAIT).unwrap_err(), ErrorKind::NotFound, &name);
    names(&admin.delete_topic(&name, WAIT).unwrap_err(), ErrorKind::NotFound, &name);
    names(&admin.create_partitions(&name, 7, WAIT).unwrap_err(), ErrorKind::NotFound, &name);
    admin.create_topic(&NewTopic::new(&name), WAIT).unwrap();
    assert_ne!(admin.topics(std::slice::from_ref(&name), WAIT).unwrap()[0].id, id);
    admin.delete_topic(&name, WAIT).unwrap();
}

#[test]
fn bad_topics_are_refused() {
    let mut admin = cluster(&[]).admin().unwrap();
    let mut refused =
        |topic: NewTopic, what: &str| names(&admin.create_topic(&topic, WAIT).unwrap_err(), ErrorKind::Usage, what);
    refused(NewTopic::new("a/b"), "a/b");
    refused(NewTopic { partitions: Some(0), ..NewTopic::new("a") }, "partition");
    refused(NewTopic { replication: Some(1000), ..NewTopic::new("a") }, "replica");
    refused(NewTopic { config: vec![("retentoin.ms".into(), "1".into())], ..NewTopic::new("a") }, "retentoin.ms");
    refused(NewTopic { config: vec![("retention.ms".into(), "soon".into())], ..NewTopic::new("a") }, "retention.ms");
}

#[test]
fn settings_are_read_and_changed_one_by_one() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "settings", 1, &[("segment.bytes", "1048576")]);
    let mut admin = storage.admin().unwrap();
    let change = |name: &str, value: Option<&str>| ConfigChange { name: name.into(), value: value.map(str::to_string) };
    let changes = [change("cleanup.policy", Some("compact,delete")), change("segment.bytes", None)];
    admin.alter_topic_config(&topic.name, &changes, WAIT).unwrap();
    let entries = admin.topic_config(&topic.name, WAIT).unwrap();
    assert!(entries.is_sorted_by(|a, b| a.name < b.name));
    let entry = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(
        (entry("cleanup.policy").value.as_deref(), entry("cleanup.policy").default),
        (Some("compact,delete"), false)
    );
    assert_eq!((entry("segment.bytes").value.as_deref(), entry("segment.bytes").default), (Some("1073741824"), true));
    assert_eq!(
        (entry("retention.ms").value.as_deref(), entry("retention.ms").default),
        (Some("-1"), false),
        "others stay"
    );
    names(
        &admin.alter_topic_config(&topic.name, &[change("retentoin.ms", Some("1"))], WAIT).unwrap_err(),
        ErrorKind::Usage,
        "retentoin.ms",
    );
    names(
        &admin.alter_topic_config(&topic.name, &[change("retention.ms", Some("x"))], WAIT).unwrap_err(),
        ErrorKind::Usage,
        "retention.ms",
    );
    let absent = unique("absent");
    names(&admin.topic_config(&absent, WAIT).unwrap_err(), ErrorKind::NotFound, &absent);
    names(&admin.alter_topic_config(&absent, &changes, WAIT).unwrap_err(), ErrorKind::NotFound, &absent);
}

#[test]
fn watermarks_come_in_the_order_asked_for() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "watermarks", 3, &[]);
    write(&storage, &(0..6).map(|i| record(&topic.name, i % 2, "k", "v")).collect::<Vec<_>>());
    let mut admin = storage.admin().unwrap();
    assert_eq!(admin.delete_records(&[position(&topic.name, 1, 2)], WAIT).unwrap(), [position(&topic.name, 1, 2)]);
    let partition = |partition| TopicPartition { topic: topic.name.clone(), partition };
    let watermark = |partition, low, high| Watermarks { topic: topic.name.clone(), partition, low, high };
    let asked = [partition(2), partition(0), partition(1), partition(0)];
    let expected = [watermark(2, 0, 0), watermark(0, 0, 3), watermark(1, 2, 3), watermark(0, 0, 3)];
    assert_eq!(admin.watermarks(&asked, Isolation::ReadCommitted, WAIT).unwrap(), expected);
    assert_eq!(admin.watermarks(&asked, Isolation::ReadUncommitted, WAIT).unwrap(), expected);
    assert_eq!(admin.watermarks(&[], Isolation::ReadCommitted, WAIT).unwrap(), []);
    names(
        &admin.watermarks(&[partition(0), partition(3)], Isolation::ReadCommitted, WAIT).unwrap_err(),
        ErrorKind::NotFound,
        "partition 3",
    );
    names(
        &admin.watermarks(&[partition(-1)], Isolation::ReadCommitted, WAIT).unwrap_err(),
        ErrorKind::NotFound,
        "partition -1",
    );
    let absent = TopicPartition { topic: unique("absent"), partition: 0 };
    names(
        &admin.watermarks(std::slice::from_ref(&absent), Isolation::ReadCommitted, WAIT).unwrap_err(),
        ErrorKind::NotFound,
        &absent.topic,
    );
    names(
        &admin.watermarks(&[partition(0), absent.clone()], Isolation::ReadCommitted, WAIT).unwrap_err(),
        ErrorKind::NotFound,
        &absent.topic,
    );
}

#[test]
fn offsets_are_found_by_time_and_the_end_where_there_is_none() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "times", 2, &[]);
    let at = |timestamp| kafi_core::OwnedRecord { timestamp, ..record(&topic.name, 0, "k", "v") };
    write(&storage, &[at(1000), at(3000), at(2000), at(5000)]);
    let mut admin = storage.admin().unwrap();
    let cases = [(0, 0), (1000, 0), (1001, 1), (3000, 1), (3001, 3), (5001, 4), (-5, 0)];
    let times: Vec<_> = cases.iter().map(|(time, _)| position(&topic.name, 0, *time)).collect();
    let expected: Vec<_> = cases.iter().map(|(_, offset)| position(&topic.name, 0, *offset)).collect();
    assert_eq!(admin.offsets_for_times(&times, WAIT).unwrap(), expected, "a partition may be asked for several times");
    assert_eq!(admin.offsets_for_times(&[position(&topic.name, 1, 0)], WAIT).unwrap(), [position(&topic.name, 1, 0)]);
    let absent = unique("absent");
    names(&admin.offsets_for_times(&[position(&absent, 0, 0)], WAIT).unwrap_err(), ErrorKind::NotFound, &absent);
}

#[test]
fn records_are_deleted_before_an_offset_or_all() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "delete", 2, &[]);
    write(&storage, &(0..10).map(|i| record(&topic.name, i % 2, "k", "v")).collect::<Vec<_>>());
    let mut admin = storage.admin().unwrap();
    let before = [position(&topic.name, 1, -1), position(&topic.name, 0, 2)];
    assert_eq!(
        admin.delete_records(&before, WAIT).unwrap(),
        [position(&topic.name, 1, 5), position(&topic.name, 0, 2)]
    );
    assert_eq!(read_topic(&storage, &topic.name).len(), 3);
    names(
        &admin.delete_records(&[position(&topic.name, 0, 6)], WAIT).unwrap_err(),
        ErrorKind::OutOfRange,
        "partition 0",
    );
    names(&admin.delete_records(&[position(&topic.name, 2, 0)], WAIT).unwrap_err(), ErrorKind::NotFound, "partition 2");
    let absent = unique("absent");
    names(&admin.delete_records(&[position(&absent, 0, 0)], WAIT).unwrap_err(), ErrorKind::NotFound, &absent);
}

#[test]
fn groups_are_listed_set_and_deleted() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "groups", 2, &[]);
    write(&storage, &(0..10).map(|i| record(&topic.name, i % 2, "k", "v")).collect::<Vec<_>>());
    let (mut admin, group) = (storage.admin().unwrap(), unique("group"));
    names(&admin.group_offsets(&group, WAIT).unwrap_err(), ErrorKind::NotFound, &group);
    names(&admin.delete_group(&group, WAIT).unwrap_err(), ErrorKind::NotFound, &group);
    let offsets = [CommittedOffset::new(&topic.name, 0, 3), CommittedOffset::new(&topic.name, 1, 4)];
    admin.alter_group_offsets(&group, &offsets, WAIT).unwrap();
    assert_eq!(admin.group_offsets(&group, WAIT).unwrap(), offsets);
    admin.alter_group_offsets(&group, &[position(&topic.name, 1, 1).into()], WAIT).unwrap();
    assert_eq!(admin.group_offsets(&group, WAIT).unwrap()[1].offset, 1);
    let listed = admin.groups(WAIT).unwrap();
    assert!(listed.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(listed.iter().find(|listed| listed.name == group).unwrap().state, "Empty");
    // While a member is alive, nobody else may change it.
    let mut member =
        storage.consumer(&ConsumerOptions { group: Some(group.clone()), ..ConsumerOptions::default() }).unwrap();
    member.subscribe(std::slice::from_ref(&topic.name), WAIT).unwrap();
    let mut batch = kafi_core::Batch::new();
    assert_eq!(member.poll(&mut batch, WAIT).unwrap(), kafi_core::Polled::Records);
    names(&admin.alter_group_offsets(&group, &offsets, WAIT).unwrap_err(), ErrorKind::Conflict, &group);
    names(&admin.delete_group(&group, WAIT).unwrap_err(), ErrorKind::Conflict, &group);
    assert_eq!(admin.groups(WAIT).unwrap().iter().find(|listed| listed.name == group).unwrap().state, "Stable");
    member.close(WAIT).unwrap();
    admin.delete_group(&group, WAIT).unwrap();
    assert!(admin.groups(WAIT).unwrap().iter().all(|listed| listed.name != group));
}

#[test]
fn a_group_is_described_with_its_members() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "described", 2, &[]);
    write(&storage, &[record(&topic.name, 0, "k", "v")]);
    let (mut admin, group) = (storage.admin().unwrap(), unique("group"));
    names(&admin.group(&group, WAIT).unwrap_err(), ErrorKind::NotFound, &group);
    let properties = vec![("client.id".to_string(), "somebody".to_string())];
    let mut member = storage
        .consumer(&ConsumerOptions { group: Some(group.clone()), properties, ..ConsumerOptions::default() })
        .unwrap();
    member.subscribe(std::slice::from_ref(&topic.name), WAIT).unwrap();
    let mut batch = kafi_core::Batch::new();
    assert_eq!(member.poll(&mut batch, WAIT).unwrap(), kafi_core::Polled::Records);
    let alive = admin.group(&group, WAIT).unwrap();
    assert_eq!((alive.name.as_str(), alive.state.as_str(), alive.members.len()), (group.as_str(), "Stable", 1));
    let described = &alive.members[0];
    assert!(
        described.id.starts_with("somebody-")
            && described.client_id == "somebody"
            && described.host.contains("127.0.0.1"),
        "{described:?}"
    );
    assert_eq!(described.partitions, [0, 1].map(|partition| TopicPartition { topic: topic.name.clone(), partition }));
    member.commit(&[position(&topic.name, 0, 1).into()], WAIT).unwrap();
    member.close(WAIT).unwrap();
    let left = admin.group(&group, WAIT).unwrap();
    assert_eq!((left.state.as_str(), left.members), ("Empty", Vec::new()));
    admin.delete_group(&group, WAIT).unwrap();
}

#[test]
fn brokers_and_their_settings() {
    let storage = cluster(&[]);
    let mut admin = storage.admin().unwrap();
    let described = admin.cluster(WAIT).unwrap();
    assert_eq!(described.id, storage.identity(WAIT).unwrap());
    let broker = &described.brokers[0];
    assert!(described.brokers.iter().any(|broker| broker.id == described.controller), "{described:?}");
    assert!(broker.port > 0 && !broker.host.is_empty(), "{described:?}");
    let setting = "log.cleaner.delete.retention.ms";
    let get = |admin: &mut dyn kafi_core::Admin| {
        let settings = admin.broker_config(broker.id, WAIT).unwrap();
        assert!(settings.is_sorted_by(|a, b| a.name < b.name));
        settings.into_iter().find(|entry| entry.name == setting).unwrap()
    };
    let change = |value: Option<&str>| [ConfigChange { name: setting.into(), value: value.map(String::from) }];
    admin.alter_broker_config(broker.id, &change(Some("86400001")), WAIT).unwrap();
    let changed = get(admin.as_mut());
    admin.alter_broker_config(broker.id, &change(None), WAIT).unwrap();
    assert_eq!((changed.value.as_deref(), changed.default), (Some("86400001"), false));
    let back = get(admin.as_mut());
    assert_eq!((back.value.as_deref(), back.default), (Some("86400000"), true));
    names(&admin.alter_broker_config(broker.id, &change(Some("often")), WAIT).unwrap_err(), ErrorKind::Usage, "broker");
    names(&admin.broker_config(4711, WAIT).unwrap_err(), ErrorKind::NotFound, "broker 4711");
    names(&admin.alter_broker_config(4711, &change(None), WAIT).unwrap_err(), ErrorKind::NotFound, "broker 4711");
}

#[test]
fn a_cluster_is_known_by_its_id() {
    let storage = cluster(&[]);
    let id = storage.identity(WAIT).unwrap();
    assert!(id.len() >= 16, "{id}");
    assert_eq!(cluster(&[("client.id", "other")]).identity(WAIT).unwrap(), id);
    assert_eq!((storage.name(), storage.scheme()), ("test", "kafka"));
    assert!(storage.capabilities().contains(Capabilities::CONSUME_REBALANCE | Capabilities::PRODUCE_HEADERS));
    assert!(!storage.capabilities().contains(Capabilities::PRODUCE_KEEP_OFFSETS));
    let version = kafi_cluster::version();
    assert!(version.librdkafka.starts_with("2.") && version.features.contains("ssl"), "{version:?}");
    assert_eq!(version.features.trim(), version.features);
}

/// A string as the protocol has it.
fn string(text: &str) -> Vec<u8> {
    [&i16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// Bytes as the protocol has them.
fn block(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Sends a request by hand and returns what follows the number in the answer.
fn ask(broker: &mut TcpStream, request: i16, version: i16, fields: &[Vec<u8>]) -> Vec<u8> {
    let head = [&request.to_be_bytes()[..], &version.to_be_bytes(), &7_i32.to_be_bytes(), &string("by-hand")].concat();
    broker.write_all(&block(&[head, fields.concat()].concat())).unwrap();
    let mut size = [0; 4];
    broker.read_exact(&mut size).unwrap();
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
    broker.read_exact(&mut answer).unwrap();
    answer.split_off(4)
}

/// Joins a group by hand, and gives its member an assignment that is none.
fn join_damaged(group: &str) -> TcpStream {
    let mut broker = TcpStream::connect(brokers()).unwrap();
    broker.set_read_timeout(Some(WAIT)).unwrap();
    let int = |number: i32| number.to_be_bytes().to_vec();
    let protocols = [int(1), string("range"), block(&[0; 10])].concat();
    let joined =
        ask(&mut broker, 11, 2, &[string(group), int(30_000), int(30_000), string(""), string("consumer"), protocols]);
    // Throttle time, error, generation, protocol, leader, and at last the member.
    assert_eq!(joined[4..6], [0, 0], "it joins");
    let generation = joined[6..10].to_vec();
    let skip = |at: usize| at + 2 + usize::from(u16::from_be_bytes([joined[at], joined[at + 1]]));
    let member = skip(skip(10));
    let member = joined[member..skip(member)].to_vec();
    let assignments = [int(1), member.clone(), block(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 1])].concat();
    let synced = ask(&mut broker, 14, 0, &[string(group), generation, member, assignments]);
    assert_eq!(synced[..2], [0, 0], "its assignment is taken");
    broker
}

#[test]
fn a_group_that_cannot_be_described_hides_no_other() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "described", 1, &[]);
    let [good, damaged, missing] = ["good", "damaged", "missing"].map(unique);
    let mut admin = storage.admin().unwrap();
    admin.alter_group_offsets(&good, &[CommittedOffset::new(&topic.name, 0, 0)], WAIT).unwrap();
    let _member = join_damaged(&damaged);
    let described = admin.describe_groups(&[damaged.clone(), good.clone(), missing.clone()], WAIT).unwrap();
    let of = |index: usize| described[index].as_ref().unwrap_err();
    assert!(of(0).to_string().contains(&damaged), "{:?}", of(0));
    assert_eq!(described[1].as_ref().unwrap().name, good);
    assert_eq!(of(2).kind(), ErrorKind::NotFound, "{:?}", of(2));
    let listed = admin.list_groups(WAIT).unwrap();
    assert!(
        listed.1.is_empty() && [&good, &damaged].iter().all(|name| listed.0.iter().any(|group| group.name == **name))
    );
    admin.delete_group(&good, WAIT).unwrap();
}
