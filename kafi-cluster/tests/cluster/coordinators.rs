//! Leaders and coordinators that move, are being looked for, or cannot be found.

use std::sync::Arc;
use std::time::Duration;

use crate::common::mock::Mock;
use crate::common::*;
use kafi_core::{
    Assignment, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, Isolation, Storage, TopicPartition,
};
use rdkafka_sys::rd_kafka_resp_err_t::{self as Code, *};

/// Kafka's numbers of requests.
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const OFFSET_COMMIT: i16 = 8;
const OFFSET_FETCH: i16 = 9;
const FIND_COORDINATOR: i16 = 10;

/// What a coordinator says that is none, and one that is not ready.
const MOVED: [Code; 3] = [
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
];

fn open(mock: &Mock) -> Arc<dyn Storage> {
    kafi_cluster::open("test", &pairs(&[("bootstrap.servers", &mock.servers())])).unwrap()
}

fn of_group(storage: &Arc<dyn Storage>, group: &str) -> Box<dyn Consumer> {
    storage.consumer(&ConsumerOptions { group: Some(group.into()), ..ConsumerOptions::default() }).unwrap()
}

fn partition() -> TopicPartition {
    TopicPartition { topic: "t".into(), partition: 0 }
}

#[test]
fn a_coordinator_that_moved_is_looked_for_again() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&mock);
    let mut consumer = of_group(&storage, "g");
    mock.fail(OFFSET_FETCH, &MOVED);
    assert_eq!(consumer.committed(&[partition()], WAIT).unwrap(), []);
    mock.fail(OFFSET_COMMIT, &MOVED);
    let offsets = [CommittedOffset::new("t", 0, 7)];
    consumer.commit(&offsets, WAIT).unwrap();
    mock.fail(OFFSET_FETCH, &MOVED);
    assert_eq!(consumer.committed(&[partition()], WAIT).unwrap()[0].offset, 7);
    let error = {
        mock.fail(OFFSET_FETCH, &[RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; 100]);
        consumer.committed(&[partition()], Duration::from_secs(1)).unwrap_err()
    };
    assert!(
        error.kind() == ErrorKind::Unavailable && error.to_string().contains("load"),
        "the last reason is told: {error:?}"
    );
}

#[test]
fn a_coordinator_that_is_not_there_yet_is_waited_for() {
    let mock = Mock::new();
    mock.set_up(true);
    mock.fail(FIND_COORDINATOR, &[RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE; 12]);
    assert_eq!(of_group(&open(&mock), "g").committed(&[partition()], WAIT).unwrap(), []);
}

#[test]
fn a_question_that_was_given_up_does_no_harm_when_the_coordinator_comes_back() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&mock);
    let mut consumer = of_group(&storage, "g");
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: None }], WAIT).unwrap();
    for _ in 0..3 {
        mock.set_up(false);
        consumer.committed(&[partition()], Duration::from_millis(300)).unwrap_err();
        mock.set_up(true);
        assert_eq!(consumer.committed(&[partition()], WAIT).unwrap(), []);
        storage.admin().unwrap().watermarks(&[partition()], Isolation::ReadUncommitted, WAIT).unwrap();
    }
}

#[test]
fn leaders_that_move_are_looked_for_again() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&mock);
    let mut admin = storage.admin().unwrap();
    let moved = [
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
    ];
    for _ in 0..3 {
        mock.fail(LIST_OFFSETS, &moved);
        let found = admin.watermarks(&[partition()], Isolation::ReadUncommitted, WAIT).unwrap();
        assert_eq!((found[0].low, found[0].high), (0, 0));
    }
    mock.fail(METADATA, &[RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 3]);
    assert_eq!(admin.topics(&["t".into()], WAIT).unwrap()[0].partitions.len(), 1);
}

#[test]
fn a_group_that_one_may_not_look_at_is_told_at_once() {
    let alice = kafi_cluster::open(
        "test",
        &pairs(&[
            ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT")),
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "alice"),
            ("sasl.password", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD")),
        ]),
    );
    let alice = alice.unwrap();
    let group = unique("not-alices");
    let topic = TestTopic::new(&cluster(&[]), "not-alices", 1, &[]);
    cluster(&[])
        .admin()
        .unwrap()
        .alter_group_offsets(&group, &[CommittedOffset::new(&topic.name, 0, 0)], WAIT)
        .unwrap();
    // Nobody waits until this is over.
    let long = Duration::from_secs(3600);
    let mut admin = alice.admin().unwrap();
    let errors = [
        admin.group(&group, long).unwrap_err(),
        admin.group_offsets(&group, long).unwrap_err(),
        admin.alter_group_offsets(&group, &[CommittedOffset::new(&topic.name, 0, 0)], long).unwrap_err(),
        admin.delete_group(&group, long).unwrap_err(),
        of_group(&alice, &group)
            .committed(&[TopicPartition { topic: topic.name.clone(), partition: 0 }], long)
            .unwrap_err(),
    ];
    for error in errors {
        assert!(error.kind() == ErrorKind::PermissionDenied, "{error:?}");
    }
    cluster(&[]).admin().unwrap().delete_group(&group, WAIT).unwrap();
}
