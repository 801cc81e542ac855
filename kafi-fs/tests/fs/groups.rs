//! Consumer groups.

use std::time::Duration;

use crate::support::*;
use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, OwnedRecord, Polled, Position, Storage,
    TopicPartition,
};
use kafi_fs::LogStorage;

fn member(storage: &LogStorage, group: &str) -> Box<dyn Consumer> {
    storage.consumer(&ConsumerOptions { group: Some(group.into()), ..ConsumerOptions::default() }).unwrap()
}

fn position(topic: &str, offset: i64) -> Position {
    Position { topic: topic.into(), partition: 0, offset }
}

fn offset(topic: &str, offset: i64) -> CommittedOffset {
    CommittedOffset::new(topic, 0, offset)
}

fn groups(storage: &LogStorage) -> Vec<(String, String)> {
    admin(storage).groups(WAIT).unwrap().into_iter().map(|group| (group.name, group.state)).collect()
}

#[test]
fn a_group_goes_on_where_it_committed() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        deliver(storage, &messages("t", 10, 10));
        let mut batch = Batch::with_limits(4, 1 << 20);
        let mut first = member(storage, "g");
        first.subscribe(&["t".into()], WAIT).unwrap();
        assert_eq!(first.poll(&mut batch, WAIT).unwrap(), Polled::Records);
        first.commit(&CommittedOffset::all(&first.positions()), WAIT).unwrap();
        first.poll(&mut batch, WAIT).unwrap();
        first.close(WAIT).unwrap();
        let mut second = member(storage, "g");
        second.subscribe(&["t".into()], WAIT).unwrap();
        second.poll(&mut batch, WAIT).unwrap();
        assert_eq!(batch.get(0).offset, 4);
        let asked = [TopicPartition { topic: "t".into(), partition: 0 }];
        assert_eq!(second.committed(&asked, WAIT).unwrap(), [offset("t", 4)]);
        assert_eq!(member(storage, "other").committed(&asked, WAIT).unwrap(), []);
    });
}

#[test]
fn a_group_without_commits_starts_where_the_options_say() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        deliver(storage, &messages("t", 10, 10));
        for (start_at_earliest, expected) in [(true, 0), (false, 10)] {
            let options = ConsumerOptions { group: Some("g".into()), start_at_earliest, ..ConsumerOptions::default() };
            let mut consumer = storage.consumer(&options).unwrap();
            consumer.subscribe(&["t".into()], WAIT).unwrap();
            assert_eq!(consumer.positions(), [position("t", expected)]);
        }
    });
}

#[test]
fn a_member_gets_partitions_that_are_added() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let options =
            ConsumerOptions { group: Some("g".into()), start_at_earliest: false, ..ConsumerOptions::default() };
        let mut consumer = storage.consumer(&options).unwrap();
        consumer.subscribe(&["t".into()], WAIT).unwrap();
        admin(storage).create_partitions("t", 3, WAIT).unwrap();
        deliver(storage, &[OwnedRecord { partition: 2, ..message("t", "new", 1) }]);
        let mut batch = Batch::new();
        assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
        assert_eq!((batch.len(), batch.get(0).partition, batch.get(0).offset), (1, 2, 0));
        consumer.commit(&CommittedOffset::all(&consumer.positions()), WAIT).unwrap();
        assert_eq!(
            consumer.committed(&[TopicPartition { topic: "t".into(), partition: 2 }], WAIT).unwrap()[0].offset,
            1
        );
    });
}

#[test]
fn a_second_member_is_told_so_until_the_first_leaves() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut first = member(storage, "g");
        first.subscribe(&["t".into()], WAIT).unwrap();
        first.subscribe(&["t".into()], WAIT).unwrap();
        assert_eq!(groups(storage), [("g".to_string(), "Stable".to_string())]);
        let mut second = member(storage, "g");
        let error = second.subscribe(&["t".into()], Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().starts_with("join group: group g: it has a live member"), "{error}");
        for refused in [
            second.commit(&[offset("t", 0)], Duration::ZERO),
            admin(storage).alter_group_offsets("g", &[offset("t", 0)], Duration::ZERO),
            admin(storage).delete_group("g", Duration::ZERO),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        }
        member(storage, "elsewhere").subscribe(&["t".into()], WAIT).unwrap();
        first.close(WAIT).unwrap();
        second.subscribe(&["t".into()], WAIT).unwrap();
        drop(second);
        assert!(groups(storage).is_empty(), "nobody is there, and nothing was committed");
    });
}

#[test]
fn assigned_consumers_commit_side_by_side() {
    both(|storage| {
        create(storage, "t", 2, &[]);
        let mut consumers: Vec<_> = (0..2).map(|_| member(storage, "g")).collect();
        for (partition, consumer) in consumers.iter_mut().enumerate() {
            let partition = partition as i32;
            consumer.assign(&[Assignment { topic: "t".into(), partition, start: 0, end: None }], WAIT).unwrap();
            consumer.commit(&[CommittedOffset::new("t", partition, 7)], WAIT).unwrap();
        }
        let expected: Vec<_> = (0..2).map(|partition| CommittedOffset::new("t", partition, 7)).collect();
        assert_eq!(admin(storage).group_offsets("g", WAIT).unwrap(), expected);
        assert_eq!(groups(storage), [("g".to_string(), "Empty".to_string())]);
    });
}

#[test]
fn offsets_are_administered() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        create(storage, "u", 1, &[]);
        let mut admin = admin(storage);
        assert_eq!(admin.group_offsets("ä/../g", WAIT).unwrap_err().kind(), ErrorKind::NotFound);
        admin.alter_group_offsets("ä/../g", &[offset("u", 3), offset("t", 5)], WAIT).unwrap();
        admin.alter_group_offsets("ä/../g", &[offset("u", 4)], WAIT).unwrap();
        assert_eq!(admin.group_offsets("ä/../g", WAIT).unwrap(), [offset("t", 5), offset("u", 4)]);
        let missing = admin.alter_group_offsets("ä/../g", &[offset("nowhere", 5)], WAIT).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(admin.alter_group_offsets("ä/../g", &[offset("t", -5)], WAIT).unwrap_err().kind(), ErrorKind::Usage);
        let case = admin.alter_group_offsets("Ä/../G", &[offset("t", 5)], WAIT);
        assert!(case.is_ok(), "other letters, other bytes");
        // Names that differ only in case are two groups.
        admin.alter_group_offsets("ä/../G", &[offset("t", 6)], WAIT).unwrap();
        admin.alter_group_offsets("ä/../G", &[offset("t", 7)], WAIT).unwrap();
        assert_eq!(admin.group_offsets("ä/../G", WAIT).unwrap(), [offset("t", 7)]);
        assert_eq!(admin.group_offsets("ä/../g", WAIT).unwrap(), [offset("t", 5), offset("u", 4)]);
        let groups: Vec<_> = admin.groups(WAIT).unwrap().into_iter().map(|group| group.name).collect();
        assert_eq!(groups, ["Ä/../G", "ä/../G", "ä/../g"]);
        admin.delete_group("ä/../g", WAIT).unwrap();
        assert_eq!(admin.group_offsets("ä/../g", WAIT).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(admin.delete_group("ä/../g", WAIT).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn an_offset_means_nothing_in_a_topic_made_anew() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        admin(storage).alter_group_offsets("g", &[offset("t", 5)], WAIT).unwrap();
        admin(storage).delete_topic("t", WAIT).unwrap();
        assert_eq!(admin(storage).group_offsets("g", WAIT).unwrap(), []);
        create(storage, "t", 1, &[]);
        assert_eq!(admin(storage).group_offsets("g", WAIT).unwrap(), []);
        let mut consumer = member(storage, "g");
        consumer.subscribe(&["t".into()], WAIT).unwrap();
        assert_eq!(consumer.positions(), [position("t", 0)]);
    });
}

#[test]
fn what_needs_a_group_says_so() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut consumer = consumer(storage);
        assert_eq!(consumer.subscribe(&["t".into()], WAIT).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(consumer.commit(&[offset("t", 0)], WAIT).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(consumer.poll(&mut Batch::new(), WAIT).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(member(storage, "g").subscribe(&["x".into()], WAIT).unwrap_err().kind(), ErrorKind::NotFound);
    });
}
