//! Members of groups: they know which partitions they have, without which nobody knows where their part ends.

use kafi_core::{Batch, CommittedOffset, Consumer, ConsumerOptions, Membership, NewTopic, Polled, Position, Record};
use kafi_core::{ProducerOptions, Storage};
use kafi_testkit::servers::scripted::{Scripted, answer};

use crate::{PATIENCE, open, served};

const JSON: &str = "Content-Type: application/json\r\n";

fn member(storage: &dyn Storage) -> Box<dyn Consumer> {
    let options = ConsumerOptions { group: Some("g".into()), start_at_earliest: true, ..ConsumerOptions::default() };
    let mut consumer = storage.consumer(&options).unwrap();
    consumer.subscribe(&["t".into()], PATIENCE).unwrap();
    consumer
}

/// Polls until there are messages, and says how many.
fn read(consumer: &mut dyn Consumer) -> usize {
    let mut batch = Batch::new();
    for _ in 0..100 {
        if consumer.poll(&mut batch, PATIENCE / 60).unwrap() == Polled::Records {
            return batch.len();
        }
    }
    panic!("there are no messages");
}

/// Partitions and offsets, sorted.
fn positions(consumer: &dyn Consumer) -> Vec<(i32, i64)> {
    let mut all: Vec<_> = consumer.positions().iter().map(|at| (at.partition, at.offset)).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_member_knows_its_partitions_with_the_first_messages() {
    let served = served::Served::new();
    let storage = open(&served.address, &[]);
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(3), PATIENCE).unwrap();
    let mut batch = Batch::new();
    for partition in [0, 0, 1] {
        batch.push(Record { partition, ..Record::new("t", None, Some(b"v")) });
    }
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    producer.produce(&batch, 0, 0, PATIENCE).unwrap();
    producer.flush(PATIENCE).unwrap();
    let mut first = member(&*storage);
    assert_eq!((first.membership(), positions(&*first)), (Membership::Joining, vec![]));
    let mut count = read(&mut *first);
    assert_eq!((first.membership(), positions(&*first).len()), (Membership::Stable, 3));
    while count < 3 {
        count += read(&mut *first);
    }
    assert_eq!(positions(&*first), [(0, 2), (1, 1), (2, 0)]);
    let committed: Vec<CommittedOffset> =
        first.positions().into_iter().map(|at| CommittedOffset::new(at.topic, at.partition, at.offset)).collect();
    first.commit(&committed, PATIENCE).unwrap();
    first.close(PATIENCE).unwrap();
    // One that finds nothing more knows it, too.
    let mut second = member(&*storage);
    assert_eq!(second.poll(&mut batch, PATIENCE / 60).unwrap(), Polled::Timeout);
    assert_eq!((second.membership(), positions(&*second)), (Membership::Stable, vec![(0, 2), (1, 1), (2, 0)]));
    second.close(PATIENCE).unwrap();
}

#[test]
fn other_servers_are_asked_what_is_assigned_and_committed() {
    let message = |offset| format!(r#"{{"topic":"t","key":null,"value":"dg==","partition":0,"offset":{offset}}}"#);
    let messages = format!("[{},{}]", message(3), message(4));
    let unknown = r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#;
    let marks = r#"{"beginning_offset":2,"end_offset":9}"#;
    let of = |partitions: [i32; 3]| {
        let one = |partition| format!(r#"{{"topic":"t","partition":{partition}}}"#);
        format!("[{}]", partitions.map(one).join(","))
    };
    let server = Scripted::new(&[
        answer("200 OK", JSON, r#"{"name":"t"}"#),
        answer("200 OK", JSON, r#"{"instance_id":"i","base_uri":"http://elsewhere"}"#),
        answer("200 OK", JSON, ""),
        answer("200 OK", JSON, &messages),
        answer("404 Not Found", JSON, unknown),
        answer("200 OK", JSON, &format!(r#"{{"partitions":{}}}"#, of([0, 1, 2]))),
        answer("200 OK", JSON, r#"{"offsets":[{"topic":"t","partition":1,"offset":6,"metadata":""}]}"#),
        answer("200 OK", JSON, marks),
        answer("200 OK", JSON, marks),
        answer("200 OK", JSON, marks),
        answer("200 OK", JSON, ""),
    ]);
    let storage = open(&server.address, &[]);
    let mut consumer = member(&*storage);
    assert_eq!(read(&mut *consumer), 2);
    assert_eq!(consumer.membership(), Membership::Stable);
    let at = |partition, offset| Position { topic: "t".into(), partition, offset };
    assert_eq!(consumer.positions(), [at(0, 5), at(1, 6), at(2, 2)]);
    consumer.close(PATIENCE).unwrap();
}
