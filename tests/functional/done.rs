//! When the messages of a group count as done: what is committed, by each end of a pipe and on each way out.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kafi::{Cancel, Error, ErrorKind, GroupOptions, GroupUse, Kafi, Message, NewTopic, Outgoing, Result, TopicReader};

use crate::support::{T, integers, numbers, on_both};

const G: &str = "g";

/// The messages of the topic `t` as the group, a few messages a batch.
fn grouped(c: &Kafi) -> TopicReader {
    grouped_as(c, GroupUse::CommitDone)
}

fn grouped_as(c: &Kafi, usage: GroupUse) -> TopicReader {
    c.topic(T).options(move |options| {
        options.group = Some(GroupOptions { name: G.into(), usage });
        options.batch_records_max = 4;
    })
}

/// What is committed, by partition.
fn committed(c: &Kafi) -> Vec<i64> {
    match c.admin().unwrap().group_offsets(G, Duration::from_secs(9)) {
        Ok(offsets) => offsets.into_iter().map(|committed| committed.offset).collect(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            Vec::new()
        }
    }
}

/// The group has no member any more: an emulated group takes one.
fn is_free(c: &Kafi) {
    c.consumer(T, G).unwrap().close().unwrap();
}

/// Whether each message of a whole loop is there.
fn looped(c: &Kafi) -> Vec<bool> {
    let mut read = Vec::new();
    for message in grouped(c) {
        read.push(message.is_ok());
    }
    read
}

fn stop_at(number: i64) -> impl Fn(&Message) -> Result<()> {
    move |message| if message.value == number { Err(Error::function("no more")) } else { Ok(()) }
}

#[test]
fn what_is_not_written_is_not_done() {
    on_both(|c| {
        numbers(&c, 10);
        c.create(&NewTopic::new("small").config("max.message.bytes", "1")).unwrap();
        let error = grouped(&c).to(&c, "small").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert_eq!(committed(&c), [0; 0]);
        is_free(&c);
        assert_eq!(grouped(&c).to(&c, "large").unwrap().written, 10);
        assert_eq!((committed(&c), integers(&c, "large")), (vec![10], (0..10).collect()));
        is_free(&c);
    });
}

#[test]
fn what_came_before_a_failure_of_a_function_is_written_and_done() {
    on_both(|c| {
        numbers(&c, 10);
        let error = grouped(&c).map(|message| stop_at(6)(&message).map(|()| message)).to(&c, "copy").unwrap_err();
        assert!(error.to_string().contains("no more"), "{error}");
        assert_eq!((committed(&c), integers(&c, "copy")), (vec![6], (0..6).collect()));
        is_free(&c);
        // The whole or nothing.
        let whole = grouped_as(&c, GroupUse::CommitAtEnd).map(|message| stop_at(8)(&message).map(|()| message));
        assert!(whole.to(&c, "copy").is_err());
        assert_eq!(committed(&c), [6]);
        is_free(&c);
    });
}

#[test]
fn foreach_is_done_with_what_its_function_returned_from() {
    on_both(|c| {
        numbers(&c, 10);
        assert!(grouped(&c).foreach(|message| stop_at(5)(&message)).is_err());
        assert_eq!(committed(&c), [5]);
        is_free(&c);
        assert_eq!(grouped(&c).max(2).foreach(|_| Ok(())).unwrap(), 2);
        assert_eq!(committed(&c), [7]);
        let cancel = Cancel::new();
        let stopped = grouped(&c).options(|options| options.cancel = cancel.clone()).foreach(|_| {
            cancel.cancel();
            Ok(())
        });
        assert_eq!((stopped.unwrap(), committed(&c)), (3, vec![10]), "the batch in hand is finished");
        is_free(&c);
    });
}

#[test]
fn what_a_function_leaves_out_is_done_with_what_came_before() {
    on_both(|c| {
        numbers(&c, 10);
        assert_eq!(
            grouped(&c).filter(|message| Ok(message.value == 0)).foreach(|message| stop_at(-1)(&message)).unwrap(),
            1
        );
        assert_eq!(committed(&c), [10]);
        c.admin().unwrap().delete_group(G, Duration::from_secs(9)).unwrap();
        // Message 3 makes two, of which the second fails.
        let twice = grouped(&c).flatmap(|message| Ok([(message.value.int()?, 0), (message.value.int()?, 1)]));
        let failed = twice
            .filter(|item| if *item == (3, 1) { Err(Error::function("no more")) } else { Ok(item.1 == 1) })
            .foreach(|_| Ok(()));
        assert!(failed.is_err());
        assert_eq!(committed(&c), [3]);
        is_free(&c);
    });
}

#[test]
fn a_fold_is_done_as_a_whole_or_not_at_all() {
    on_both(|c| {
        numbers(&c, 10);
        assert!(grouped(&c).foldl(0, |sum, message| stop_at(9)(&message).map(|()| sum + 1)).is_err());
        assert!(grouped(&c).map(|message| stop_at(9)(&message)).collect().is_err());
        assert_eq!(committed(&c), [0; 0]);
        is_free(&c);
        assert_eq!(grouped(&c).max(3).collect().unwrap().len(), 3);
        assert_eq!(committed(&c), [3]);
        assert_eq!(grouped(&c).foldl(0, |count, _| Ok(count + 1)).unwrap(), 7);
        assert_eq!(committed(&c), [10]);
    });
}

#[test]
fn a_zip_is_done_with_its_pairs() {
    on_both(|c| {
        numbers(&c, 10);
        c.produce("pair", [kafi::json!(0), kafi::json!(1)]).unwrap_or_else(|_| {
            c.touch("pair").unwrap();
            c.produce("pair", [kafi::json!(0), kafi::json!(1)]).unwrap()
        });
        let other = |group: &str| {
            let group = GroupOptions::new(group);
            c.topic("pair").options(move |options| options.group = Some(group))
        };
        let paired = grouped(&c).zip_foldl(other("h"), 0, |count, _, _| Ok(count + 1));
        assert_eq!((paired.unwrap(), committed(&c)), (2, vec![2]), "the third had no partner");
        let failed = grouped(&c).zip_foldl(other("i"), 0, |_, left, _| stop_at(3)(&left).map(|()| 0));
        assert!(failed.is_err());
        assert_eq!(committed(&c), [2]);
        is_free(&c);
        let offsets = c.admin().unwrap().group_offsets("h", Duration::from_secs(9)).unwrap();
        assert_eq!(offsets.iter().map(|committed| committed.offset).collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_loop_is_done_with_a_message_when_it_asks_for_the_next() {
    on_both(|c| {
        numbers(&c, 10);
        for message in grouped(&c) {
            if message.unwrap().value == 3 {
                break;
            }
        }
        assert_eq!(committed(&c), [0; 0], "a pipe that is dropped says nothing");
        let mut pipe = grouped(&c).messages();
        for message in &mut pipe {
            if message.unwrap().value == 4 {
                break;
            }
        }
        pipe.close().unwrap();
        assert_eq!(committed(&c), [5]);
        is_free(&c);
        assert_eq!(looped(&c).iter().filter(|is_ok| **is_ok).count(), 5);
        assert_eq!(committed(&c), [10]);
        is_free(&c);
    });
}

#[test]
fn a_loop_that_goes_on_behind_a_failure_is_done_with_it() {
    on_both(|c| {
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap().value_type(kafi::Type::Bytes).unwrap();
        ["0", "1", "not JSON", "3"].into_iter().for_each(|value| p.produce(value).unwrap());
        p.close().unwrap();
        assert!(grouped(&c).foreach(|_| Ok(())).is_err());
        assert_eq!(committed(&c), [2]);
        is_free(&c);
        assert_eq!((looped(&c), committed(&c)), (vec![false, true], vec![4]));
        is_free(&c);
    });
}

#[test]
fn a_panic_commits_nothing_of_what_it_broke() {
    on_both(|c| {
        numbers(&c, 10);
        let seen = Cell::new(0);
        let broken = catch_unwind(AssertUnwindSafe(|| {
            grouped(&c).foreach(|_| {
                seen.set(seen.get() + 1);
                assert!(seen.get() < 7, "a mistake");
                Ok(())
            })
        }));
        assert!(broken.is_err());
        assert_eq!(committed(&c), [0; 0]);
        assert_eq!(grouped(&c).foreach(|_| Ok(())).unwrap(), 10);
    });
}

#[test]
fn partitions_are_done_each() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        c.produce(T, (0..9).map(|n| Outgoing::new(kafi::json!(n)).partition(n % 3))).unwrap();
        assert!(grouped(&c).foreach(|message| stop_at(8)(&message)).is_err());
        assert_eq!(committed(&c).iter().sum::<i64>(), 8, "partition 2 is read last, and its last message is number 8");
    });
}

#[test]
fn what_fails_in_the_middle_of_a_count_is_not_done() {
    on_both(|c| {
        numbers(&c, 10);
        let mut options = c.read_options();
        options.group = Some(GroupOptions { name: G.into(), usage: GroupUse::CommitAtEnd });
        options.batch_records_max = 4;
        let mut batches = 0;
        let failed = kafi::shell::cat(kafi::shell::TopicsToRead::new(c.storage(), &[T.into()], &options), |_| {
            batches += 1;
            if batches == 2 { Err(Error::function("no more")) } else { Ok(std::ops::ControlFlow::Continue(())) }
        });
        assert!(failed.is_err());
        assert_eq!(committed(&c), [0; 0]);
        is_free(&c);
    });
}
