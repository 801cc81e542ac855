//! Consumers that share topics as members of a group.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::*;
use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, Membership, Polled, Position, Settings,
    Storage, TopicPartition,
};

const TICK: Duration = Duration::from_millis(100);

fn member(storage: &Arc<dyn Storage>, group: &str, topic: &str, options: ConsumerOptions) -> Box<dyn Consumer> {
    let mut consumer = storage.consumer(&ConsumerOptions { group: Some(group.into()), ..options }).unwrap();
    consumer.subscribe(&[topic.to_string()], WAIT).unwrap();
    consumer
}

/// Polls until `count` messages have come, and returns where they were.
fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<(i32, i64)> {
    let (mut seen, mut batch, deadline) = (Vec::new(), Batch::new(), Instant::now() + WAIT);
    while seen.len() < count {
        assert!(Instant::now() < deadline, "{count} messages come: {seen:?}");
        if consumer.poll(&mut batch, TICK).unwrap() == Polled::Records {
            seen.extend(batch.iter().map(|record| (record.partition, record.offset)));
        }
    }
    seen
}

fn ten_each(storage: &Arc<dyn Storage>, topic: &str, partitions: i32) {
    write(
        storage,
        &(0..10 * partitions).map(|i| record(topic, i % partitions, "k", &i.to_string())).collect::<Vec<_>>(),
    );
}

fn both(topic: &str) -> [TopicPartition; 2] {
    [0, 1].map(|partition| TopicPartition { topic: topic.into(), partition })
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let storage = cluster(&[]);
    let (topic, group) = (TestTopic::new(&storage, "resume", 2, &[]), unique("resume"));
    ten_each(&storage, &topic.name, 2);
    let mut consumer = member(&storage, &group, &topic.name, ConsumerOptions::default());
    assert_eq!(consumer.committed(&both(&topic.name), WAIT).unwrap(), []);
    take(consumer.as_mut(), 20);
    let mut positions = consumer.positions();
    positions.sort();
    assert_eq!(positions.iter().map(|p| (p.partition, p.offset)).collect::<Vec<_>>(), [(0, 10), (1, 10)]);
    consumer.seek(&Position { offset: 8, ..positions[1].clone() }, WAIT).unwrap();
    assert_eq!(take(consumer.as_mut(), 2), [(1, 8), (1, 9)]);
    let commit = [CommittedOffset::new(&topic.name, 0, 4), CommittedOffset::new(&topic.name, 1, 7)];
    consumer.commit(&commit, WAIT).unwrap();
    assert_eq!(consumer.committed(&both(&topic.name), WAIT).unwrap(), commit);
    consumer.close(WAIT).unwrap();
    let mut again = member(&storage, &group, &topic.name, ConsumerOptions::default());
    let mut seen = take(again.as_mut(), 9);
    seen.sort();
    let expected: Vec<_> = (4..10).map(|offset| (0, offset)).chain((7..10).map(|offset| (1, offset))).collect();
    assert_eq!(seen, expected);
    again.close(WAIT).unwrap();
    storage.admin().unwrap().delete_group(&group, WAIT).unwrap();
}

#[test]
fn without_a_commit_a_group_starts_at_either_end() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "start", 1, &[]);
    ten_each(&storage, &topic.name, 1);
    let options = ConsumerOptions { start_at_earliest: false, ..ConsumerOptions::default() };
    let mut latest = member(&storage, &unique("latest"), &topic.name, options);
    let (mut batch, deadline) = (Batch::new(), Instant::now() + WAIT);
    while latest.positions().is_empty() {
        assert_eq!(latest.poll(&mut batch, TICK).unwrap(), Polled::Timeout);
        assert!(Instant::now() < deadline, "it joins");
    }
    assert_eq!(latest.positions()[0].offset, 10);
    ten_each(&storage, &topic.name, 1);
    assert_eq!(take(latest.as_mut(), 10), (10..20).map(|offset| (0, offset)).collect::<Vec<_>>());
    let mut earliest = member(&storage, &unique("earliest"), &topic.name, ConsumerOptions::default());
    assert_eq!(take(earliest.as_mut(), 20)[0], (0, 0));
}

#[test]
fn members_share_the_partitions_and_take_over() {
    for properties in [
        pairs(&[]),
        pairs(&[("partition.assignment.strategy", "cooperative-sticky")]),
        pairs(&[("group.protocol", "consumer")]),
    ] {
        let storage = cluster(&[]);
        let (topic, group) = (TestTopic::new(&storage, "share", 4, &[]), unique("share"));
        let options = || ConsumerOptions { properties: properties.clone(), ..ConsumerOptions::default() };
        let mut members =
            [member(&storage, &group, &topic.name, options()), member(&storage, &group, &topic.name, options())];
        let (mut batch, deadline) = (Batch::new(), Instant::now() + WAIT);
        while members.iter().any(|member| member.positions().len() != 2) {
            members.iter_mut().for_each(|member| assert_eq!(member.poll(&mut batch, TICK).unwrap(), Polled::Timeout));
            assert!(Instant::now() < deadline, "each has two partitions: {properties:?}");
        }
        ten_each(&storage, &topic.name, 4);
        let [mut first, mut second] = members;
        let mut seen: HashSet<_> = take(first.as_mut(), 20).into_iter().collect();
        second.close(WAIT).unwrap();
        // What the other had and never committed comes here. What this one had comes again where all partitions are
        // given up and handed out anew, since nothing of it is committed, and stays with it otherwise.
        let is_eager = properties.is_empty();
        while seen.len() < 40 {
            let came = take(first.as_mut(), 1);
            let all = came.len();
            let new = came.into_iter().filter(|place| seen.insert(*place)).count();
            assert!(is_eager || new == all, "{properties:?}: {} of {all} messages came again", all - new);
        }
        first.close(WAIT).unwrap();
    }
}

/// Each way of sharing partitions out.
fn protocols() -> [Vec<(String, String)>; 3] {
    [
        pairs(&[("partition.assignment.strategy", "range")]),
        pairs(&[("partition.assignment.strategy", "cooperative-sticky")]),
        pairs(&[("group.protocol", "consumer")]),
    ]
}

/// Polls all members until all are stable, and returns how many partitions each has. Whoever is stable earlier with
/// less than the others are about to give up fails.
fn settle(members: &mut [Box<dyn Consumer>], partitions: usize) -> Vec<usize> {
    let (mut batch, deadline) = (Batch::new(), Instant::now() + WAIT);
    loop {
        members.iter_mut().for_each(|member| assert_eq!(member.poll(&mut batch, TICK).unwrap(), Polled::Timeout));
        let counts: Vec<usize> = members.iter().map(|member| member.positions().len()).collect();
        if members.iter().all(|member| member.membership() == Membership::Stable)
            && counts.iter().sum::<usize>() == partitions
        {
            return counts;
        }
        assert!(Instant::now() < deadline, "the members are stable: {counts:?}");
    }
}

#[test]
fn a_member_to_which_nothing_falls_knows_it() {
    for properties in protocols() {
        let storage = cluster(&[]);
        let (topic, group) = (TestTopic::new(&storage, "nothing", 1, &[]), unique("nothing"));
        let options = || ConsumerOptions { properties: properties.clone(), ..ConsumerOptions::default() };
        let mut members = vec![member(&storage, &group, &topic.name, options())];
        assert_eq!(members[0].membership(), Membership::Joining, "before the group has taken it in: {properties:?}");
        assert_eq!(settle(&mut members, 1), [1]);
        members.push(member(&storage, &group, &topic.name, options()));
        assert_eq!(members[1].membership(), Membership::Joining, "before the group has taken it in: {properties:?}");
        let begun = Instant::now();
        let mut counts = settle(&mut members, 1);
        println!("{properties:?}: {:?}", begun.elapsed());
        counts.sort_unstable();
        assert_eq!(counts, [0, 1], "{properties:?}");
        // What falls to it later comes.
        let reader = members.iter().position(|member| member.positions().len() == 1).unwrap();
        members.remove(reader).close(WAIT).unwrap();
        assert_eq!(settle(&mut members, 1), [1]);
        members[0].close(WAIT).unwrap();
    }
}

#[test]
fn a_member_is_not_stable_while_others_are_about_to_give_something_up() {
    for properties in protocols() {
        let storage = cluster(&[]);
        let (topic, group) = (TestTopic::new(&storage, "handed", 6, &[]), unique("handed"));
        let options = || ConsumerOptions { properties: properties.clone(), ..ConsumerOptions::default() };
        let mut members = vec![member(&storage, &group, &topic.name, options())];
        assert_eq!(settle(&mut members, 6), [6]);
        members.push(member(&storage, &group, &topic.name, options()));
        let (mut batch, deadline) = (Batch::new(), Instant::now() + WAIT);
        while members[1].membership() != Membership::Stable {
            members.iter_mut().for_each(|member| assert_eq!(member.poll(&mut batch, TICK).unwrap(), Polled::Timeout));
            assert!(Instant::now() < deadline, "the new member is stable: {properties:?}");
        }
        assert_eq!(members[1].positions().len(), 3, "as soon as it is stable it has its share: {properties:?}");
        members.iter_mut().for_each(|member| member.close(WAIT).unwrap());
    }
}

#[test]
fn a_member_that_was_replaced_cannot_commit() {
    let storage = cluster(&[]);
    let (topic, group) = (TestTopic::new(&storage, "fenced", 1, &[]), unique("fenced"));
    ten_each(&storage, &topic.name, 1);
    let fixed =
        || ConsumerOptions { properties: pairs(&[("group.instance.id", "the one")]), ..ConsumerOptions::default() };
    let mut old = member(&storage, &group, &topic.name, fixed());
    take(old.as_mut(), 10);
    let mut new = member(&storage, &group, &topic.name, fixed());
    take(new.as_mut(), 10);
    assert_eq!(old.commit(&CommittedOffset::all(&old.positions()), WAIT).unwrap_err().kind(), ErrorKind::Fenced);
    new.commit(&CommittedOffset::all(&new.positions()), WAIT).unwrap();
}

#[test]
fn assigned_partitions_can_be_committed_for_a_group() {
    let storage = cluster(&[]);
    let (topic, group) = (TestTopic::new(&storage, "assigned", 2, &[]), unique("assigned"));
    ten_each(&storage, &topic.name, 2);
    let options = ConsumerOptions { group: Some(group.clone()), ..ConsumerOptions::default() };
    let mut consumer = storage.consumer(&options).unwrap();
    assert_eq!(consumer.committed(&both(&topic.name), WAIT).unwrap(), []);
    consumer.assign(&[Assignment { topic: topic.name.clone(), partition: 1, start: 0, end: Some(6) }], WAIT).unwrap();
    assert_eq!(read_to_end(consumer.as_mut()).len(), 6);
    consumer.commit(&CommittedOffset::all(&consumer.positions()), WAIT).unwrap();
    let committed = [CommittedOffset::new(&topic.name, 1, 6)];
    assert_eq!(consumer.committed(&both(&topic.name), WAIT).unwrap(), committed);
    consumer.close(WAIT).unwrap();
    assert_eq!(storage.admin().unwrap().group_offsets(&group, WAIT).unwrap(), committed);
    // Closing commits nothing, and a live member keeps others out.
    let mut live = member(&storage, &group, &topic.name, ConsumerOptions::default());
    take(live.as_mut(), 14);
    let mut outside = storage.consumer(&options).unwrap();
    assert_eq!(outside.commit(&committed, WAIT).unwrap_err().kind(), ErrorKind::Fenced);
    live.close(WAIT).unwrap();
    assert_eq!(storage.admin().unwrap().group_offsets(&group, WAIT).unwrap(), committed);
}

#[test]
fn what_needs_a_group_says_so() {
    let storage = cluster(&[]);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    assert_eq!(consumer.subscribe(&["a".into()], WAIT).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(consumer.commit(&[], WAIT).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(consumer.committed(&[], WAIT).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(consumer.poll(&mut Batch::new(), WAIT).unwrap_err().kind(), ErrorKind::Usage);
    let absent = unique("absent");
    let mut consumer =
        storage.consumer(&ConsumerOptions { group: Some(unique("g")), ..ConsumerOptions::default() }).unwrap();
    let error = consumer.subscribe(std::slice::from_ref(&absent), WAIT).unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains(&absent), "{error}");
}

#[test]
fn a_committed_offset_that_was_deleted_is_told() {
    let storage = cluster(&[]);
    let (topic, group) = (TestTopic::new(&storage, "gone", 1, &[]), unique("gone"));
    ten_each(&storage, &topic.name, 1);
    let mut admin = storage.admin().unwrap();
    admin.alter_group_offsets(&group, &[CommittedOffset::new(&topic.name, 0, 2)], WAIT).unwrap();
    admin.delete_records(&[Position { topic: topic.name.clone(), partition: 0, offset: 5 }], WAIT).unwrap();
    let mut strict = member(&storage, &group, &topic.name, ConsumerOptions::default());
    let (mut batch, deadline) = (Batch::new(), Instant::now() + WAIT);
    let error = loop {
        match strict.poll(&mut batch, TICK) {
            Ok(polled) => assert_eq!(polled, Polled::Timeout),
            Err(error) => break error,
        }
        assert!(Instant::now() < deadline, "it joins");
    };
    assert!(error.kind() == ErrorKind::OutOfRange && error.to_string().contains("offsets 2 to 4"), "{error}");
    strict.close(WAIT).unwrap();
    let mut lax =
        member(&storage, &group, &topic.name, ConsumerOptions { allow_gap: true, ..ConsumerOptions::default() });
    assert_eq!(take(lax.as_mut(), 5)[0], (0, 5));
}

#[test]
fn librdkafka_commits_by_itself_only_where_it_is_asked_to() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "auto", 1, &[]);
    ten_each(&storage, &topic.name, 1);
    let group = unique("auto");
    let properties = pairs(&[("enable.auto.commit", "true"), ("auto.commit.interval.ms", "50")]);
    let mut consumer =
        member(&storage, &group, &topic.name, ConsumerOptions { properties, ..ConsumerOptions::default() });
    take(consumer.as_mut(), 10);
    let partition = [TopicPartition { topic: topic.name.clone(), partition: 0 }];
    let deadline = Instant::now() + WAIT;
    while consumer.committed(&partition, WAIT).unwrap().first().map(|position| position.offset) != Some(10) {
        consumer.poll(&mut Batch::new(), TICK).unwrap();
        assert!(Instant::now() < deadline, "it commits");
    }
}

#[test]
fn a_consumer_rewinds_no_partition_that_was_taken_away() {
    for properties in protocols() {
        // Both members have to share in the same way.
        let storage =
            cluster(&properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>());
        let (topic, group) = (TestTopic::new(&storage, "rewind", 2, &[]), unique("rewind"));
        let three_each =
            || write(&storage, &(0..6).map(|i| record(&topic.name, i % 2, "k", &i.to_string())).collect::<Vec<_>>());
        three_each();
        let settings = Settings { consume_timeout: Some(TICK), ..Settings::default() };
        let mut old = kafi_shell::Kafi::new(Arc::clone(&storage), settings).consumer(&topic.name, &group).unwrap();
        let (mut read, deadline) = (0, Instant::now() + WAIT);
        while read < 6 {
            read += old.consume(6).unwrap().len();
            assert!(Instant::now() < deadline, "the first member gets everything: {properties:?}");
        }
        // Nobody has committed, so that the new one reads its partition from the start.
        let mut new = member(&storage, &group, &topic.name, ConsumerOptions::default());
        let (mut batch, mut taken) = (Batch::new(), Vec::new());
        while taken.len() < 3 {
            // What it keeps it may read again.
            old.consume(3).unwrap();
            new.poll(&mut batch, TICK).unwrap();
            taken.extend(batch.iter().map(|record| record.partition));
            assert!(Instant::now() < deadline, "the new member gets a partition: {properties:?}");
        }
        three_each();
        take(new.as_mut(), 3);
        new.commit(&CommittedOffset::all(&new.positions()), WAIT).unwrap();
        // What it keeps it commits once it has read it as the member that it is now.
        let kept = 1 - taken[0];
        let mut reached = 0;
        while reached < 6 {
            reached = old
                .consume(6)
                .unwrap()
                .iter()
                .filter(|message| message.partition == kept)
                .map(|message| message.offset + 1)
                .max()
                .unwrap_or(reached);
            assert!(Instant::now() < deadline, "the first member reads on: {properties:?}");
        }
        old.commit().unwrap();
        let committed = storage.admin().unwrap().group_offsets(&group, WAIT).unwrap();
        let of = |partition| committed.iter().find(|offset| offset.partition == partition).map(|offset| offset.offset);
        assert_eq!(of(taken[0]), Some(6), "{properties:?}: {committed:?}");
        assert_eq!(of(kept), Some(6), "{properties:?}: {committed:?}");
        old.close().unwrap();
        new.close(WAIT).unwrap();
    }
}
