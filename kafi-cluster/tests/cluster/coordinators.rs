//! Leaders and coordinators that move, are being looked for, or cannot be found.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::mock::Mock;
use crate::common::*;
use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, GroupMetadata, Isolation, Polled,
    Producer, ProducerOptions, Record, Result, Retry, Storage, TopicPartition,
};
use rdkafka_sys::rd_kafka_resp_err_t::{self as Code, *};

/// Kafka's numbers of requests.
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const OFFSET_COMMIT: i16 = 8;
const OFFSET_FETCH: i16 = 9;
const FIND_COORDINATOR: i16 = 10;
const END_TXN: i16 = 26;

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
fn a_member_waits_for_a_leader_of_what_falls_to_it() {
    let mock = Mock::new();
    mock.set_up(true);
    let storage = open(&mock);
    storage.producer(&ProducerOptions::default()).and_then(|mut producer| write(producer.as_mut())).unwrap();
    mock.lead(None);
    let mut consumer = storage
        .consumer(&ConsumerOptions { group: Some("g".into()), start_at_earliest: true, ..ConsumerOptions::default() })
        .unwrap();
    consumer.subscribe(&["t".to_string()], WAIT).unwrap();
    let mut batch = Batch::new();
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(consumer.poll(&mut batch, Duration::from_millis(100)).unwrap(), Polled::Timeout);
    }
    mock.lead(Some(1));
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
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

/// A producer that writes in transactions, and has one open with a message that is written.
fn in_transaction(mock: &Mock, id: &str, time_out_ms: &str) -> Box<dyn Producer> {
    let properties = pairs(&[("bootstrap.servers", &mock.servers()), ("transaction.timeout.ms", time_out_ms)]);
    let storage = kafi_cluster::open("test", &properties).unwrap();
    let options = ProducerOptions { transactional_id: Some(id.into()), ..ProducerOptions::default() };
    let mut producer = storage.producer(&options).unwrap();
    producer.init_transactions(WAIT).unwrap();
    begin(producer.as_mut());
    producer
}

/// Begins a transaction with a message.
fn begin(producer: &mut dyn Producer) {
    producer.begin_transaction().unwrap();
    write(producer).unwrap();
}

/// Writes a message.
fn write(producer: &mut dyn Producer) -> Result<()> {
    let mut batch = Batch::new();
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(b"v")) });
    assert_eq!(producer.produce(&batch, 0, 1, WAIT)?, 1);
    producer.flush(WAIT)?;
    producer.reports(WAIT).map(drop)
}

#[test]
fn offsets_of_a_transaction_that_no_coordinator_answers_for_are_given_up() {
    let mock = Mock::new();
    mock.set_up(true);
    let mut producer = in_transaction(&mock, "x", "60000");
    let group = GroupMetadata { group: "g".into(), generation: -1, member: String::new(), instance: None };
    let offsets = [CommittedOffset::new("t", 0, 7)];
    // After three of them librdkafka asks no more.
    mock.fail(FIND_COORDINATOR, &[RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE; 3]);
    let error = producer.send_offsets_to_transaction(&offsets, &group, Duration::from_secs(2)).unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Cancelled, Retry::Later), "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
    producer.abort_transaction(WAIT).unwrap();
    begin(producer.as_mut());
    producer.send_offsets_to_transaction(&offsets, &group, WAIT).unwrap();
    producer.commit_transaction(WAIT).unwrap();
}

#[test]
fn a_commit_without_an_answer_ends_its_producer_and_the_next_one_goes_on() {
    let mock = Mock::new();
    mock.set_up(true);
    let mut producer = in_transaction(&mock, "x", "1000");
    mock.fail(END_TXN, &[RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS; 1000]);
    let slice = Duration::from_millis(300);
    let error = loop {
        let error = producer.commit_transaction(slice).unwrap_err();
        if error.retryable() != Retry::Later {
            break error;
        }
    };
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Timeout, Retry::Never), "{error}");
    // It could be committed, so it is not to be called aborted.
    assert_eq!(producer.abort_transaction(WAIT).unwrap_err().kind(), ErrorKind::Timeout);
    drop(producer);
    mock.mend(END_TXN);
    in_transaction(&mock, "x", "1000").commit_transaction(WAIT).unwrap();
}

#[test]
fn an_abort_without_an_answer_goes_on_with_a_new_client() {
    let mock = Mock::new();
    mock.set_up(true);
    let mut producer = in_transaction(&mock, "x", "1000");
    mock.fail(END_TXN, &[RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS; 1000]);
    producer.abort_transaction(Duration::from_millis(300)).unwrap_err();
    std::thread::sleep(Duration::from_secs(1));
    producer.abort_transaction(WAIT).unwrap();
    mock.mend(END_TXN);
    begin(producer.as_mut());
    producer.commit_transaction(WAIT).unwrap();
}
