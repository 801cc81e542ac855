//! Reading as a consumer group: where it begins, what is committed and when, and who may read.

use std::cell::Cell;
use std::ops::ControlFlow;

use kafi::{
    Batch, Error, ErrorKind, Finished, GroupOptions, GroupUse, Kafi, NewTopic, Outgoing, ReadOptions, Result,
    pump_settling, readers, shell,
};

use crate::support::{T, numbers, on_both, position, values};

const G: &str = "g";

/// Reads as the group, two messages a batch.
fn options(usage: GroupUse) -> ReadOptions {
    ReadOptions { group: Some(GroupOptions { name: G.into(), usage }), batch_records_max: 2, ..ReadOptions::default() }
}

fn cat(c: &Kafi, options: &ReadOptions, each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>) -> Result<Finished> {
    shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], options).threads(4), each)
}

/// What is there to read.
fn read(c: &Kafi, options: &ReadOptions) -> Vec<String> {
    let mut read = Vec::new();
    cat(c, options, |batch| {
        read.extend(values(batch));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    read
}

fn committed(c: &Kafi) -> Vec<(i32, i64)> {
    match c.admin().unwrap().group_offsets(G, std::time::Duration::from_secs(9)) {
        Ok(offsets) => offsets.into_iter().map(|at| (at.partition, at.offset)).collect(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            Vec::new()
        }
    }
}

/// Makes the topic `t` with two partitions; partition `p` holds the values `10 * p` to `10 * p + 4`.
fn two_partitions(c: &Kafi) {
    c.create(&NewTopic::new(T).partitions(2)).unwrap();
    c.produce(
        T,
        (0..2).flat_map(|p| (0..5).map(move |n| 10 * p + n)).map(|n: i64| Outgoing::new(n).partition((n / 10) as i32)),
    )
    .unwrap();
}

#[test]
fn a_group_reads_on_where_it_is() {
    on_both(|c| {
        two_partitions(&c);
        let done = options(GroupUse::CommitDone);
        assert_eq!(read(&c, &ReadOptions { max: Some(7), ..done.clone() }), ["0", "1", "2", "3", "4", "10", "11"]);
        assert_eq!(committed(&c), [(0, 5), (1, 2)]);
        let finished = cat(&c, &done, |batch| {
            assert!(values(batch).iter().all(|value| ["12", "13", "14"].contains(&value.as_str())));
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!(finished.unwrap().reached, [position(0, 5), position(1, 5)]);
        assert_eq!(committed(&c), [(0, 5), (1, 5)]);
        assert_eq!(read(&c, &done), [""; 0]);
        c.produce(T, [Outgoing::new(99_i64).partition(1)]).unwrap();
        assert_eq!(read(&c, &done), ["99"]);
    });
}

#[test]
fn the_end_is_the_one_seen_at_the_start_and_no_more_is_committed() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        // Each by itself, since what is stored as one batch is read in one go.
        (0..21_i64).for_each(|n| assert_eq!(c.produce(T, [Outgoing::new(n).partition(i32::from(n > 0))]).unwrap(), 1));
        let mut seen = 0;
        // Each message that is read makes another one, in the partition that comes to its end first.
        cat(&c, &ReadOptions { batch_records_max: 1, ..options(GroupUse::CommitDone) }, |batch| {
            seen += batch.len();
            c.produce(T, [Outgoing::new("new").partition(0)]).map(|_| ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(seen, 21);
        assert_eq!(committed(&c), [(0, 1), (1, 20)]);
        assert_eq!(read(&c, &options(GroupUse::CommitDone)).len(), 21);
    });
}

#[test]
fn what_fails_is_read_again() {
    on_both(|c| {
        numbers(&c, 6);
        let mut batches = 0;
        let failed = cat(&c, &options(GroupUse::CommitDone), |_| {
            batches += 1;
            if batches == 2 {
                Err(Error::new(ErrorKind::Function, "print", "out of paper"))
            } else {
                Ok(ControlFlow::Continue(()))
            }
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Function);
        assert_eq!(committed(&c), [(0, 2)]);
        assert_eq!(read(&c, &options(GroupUse::CommitDone)), ["2", "3", "4", "5"]);
    });
}

#[test]
fn a_break_commits_as_far_as_the_batch_then_holds_messages() {
    on_both(|c| {
        numbers(&c, 6);
        for (kept, expected) in [(0, Vec::new()), (1, vec![(0, 1)])] {
            cat(&c, &options(GroupUse::CommitDone), |batch| {
                batch.truncate(kept);
                Ok(ControlFlow::Break(()))
            })
            .unwrap();
            assert_eq!(committed(&c), expected);
        }
        assert_eq!(read(&c, &options(GroupUse::CommitDone)), ["1", "2", "3", "4", "5"]);
    });
}

#[test]
fn nothing_is_committed_before_it_is_settled() {
    on_both(|c| {
        numbers(&c, 12);
        let settled = Cell::new(0);
        let opened = || readers(c.storage(), &[T.into()], &options(GroupUse::CommitDone), 1).unwrap();
        // Longer than it takes until offsets are committed on the way.
        let each = |_: &mut Batch| {
            std::thread::sleep(std::time::Duration::from_millis(700));
            Ok(ControlFlow::Continue(()))
        };
        let refused = || {
            settled.set(settled.get() + 1);
            Err(Error::new(ErrorKind::Unavailable, "deliver", "nobody is there"))
        };
        let failed = pump_settling(opened(), |_| Ok(()), each, refused);
        assert_eq!(failed.map(|_| ()).unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(settled.get(), 2);
        assert_eq!(committed(&c), []);
        // On the way it is committed as far as it was settled, here by a job that then never ends in order.
        let seen = Cell::new(0);
        let each = |batch: &mut Batch| {
            seen.set(seen.get() + batch.len());
            each(batch)
        };
        let settle = || {
            settled.set(seen.get());
            Ok(())
        };
        drop(pump_settling(opened(), |_| Ok(()), each, settle).unwrap());
        assert!(settled.get() >= 2, "it is asked on the way");
        assert_eq!(committed(&c), [(0, settled.get() as i64)]);
    });
}

#[test]
fn what_is_committed_is_chosen() {
    on_both(|c| {
        numbers(&c, 4);
        assert_eq!(read(&c, &options(GroupUse::CommitNothing)).len(), 4);
        assert_eq!(read(&c, &options(GroupUse::LookOnly)).len(), 4);
        assert_eq!(committed(&c), []);
        assert_eq!(read(&c, &ReadOptions { max: Some(1), ..options(GroupUse::CommitAtEnd) }), ["0"]);
        assert_eq!(committed(&c), [(0, 1)]);
        assert_eq!(read(&c, &ReadOptions { max: Some(1), ..options(GroupUse::CommitRead) }), ["1"]);
        assert_eq!(committed(&c), [(0, 2)]);
        assert_eq!(read(&c, &options(GroupUse::LookOnly)), ["2", "3"]);
        assert_eq!(committed(&c), [(0, 2)]);
    });
}

#[test]
fn counts_are_committed_after_they_are_told() {
    on_both(|c| {
        numbers(&c, 4);
        let at_end = options(GroupUse::CommitAtEnd);
        let refused = shell::wc_then(shell::TopicsToRead::new(c.storage(), &[T.into()], &at_end), None, |counts, _| {
            assert_eq!(counts[T].values().map(|counts| counts.messages).sum::<u64>(), 4);
            Err(Error::new(ErrorKind::Io, "print", "out of paper"))
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(committed(&c), []);
        assert_eq!(shell::wc(shell::TopicsToRead::new(c.storage(), &[T.into()], &at_end)).unwrap().0[T].messages, 4);
        assert_eq!(committed(&c), [(0, 4)]);
    });
}

#[test]
fn partitions_without_a_committed_offset_begin_at_either_end() {
    on_both(|c| {
        two_partitions(&c);
        let one = position(1, 3).into();
        c.admin().unwrap().alter_group_offsets(G, &[one], std::time::Duration::from_secs(9)).unwrap();
        let mut latest = options(GroupUse::LookOnly);
        latest.consumer.start_at_earliest = false;
        assert_eq!(read(&c, &latest), ["13", "14"]);
        latest.group = Some(GroupOptions::new(G));
        assert_eq!(read(&c, &latest), ["13", "14"]);
        // The end at which it began is committed too, so that what comes is read next time.
        assert_eq!(committed(&c), [(0, 5), (1, 5)]);
        c.produce(T, [Outgoing::new(5_i64).partition(0)]).unwrap();
        assert_eq!(read(&c, &latest), ["5"]);
    });
}

#[test]
fn a_second_member_is_refused_where_a_group_takes_one_but_may_look() {
    on_both(|c| {
        numbers(&c, 4);
        let mut live = c.consumer(T, G).unwrap();
        assert_eq!(live.consume(2).unwrap().len(), 2);
        live.commit().unwrap();
        let refused = cat(&c, &options(GroupUse::CommitDone), |_| Ok(ControlFlow::Continue(())));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(read(&c, &options(GroupUse::LookOnly)), ["2", "3"]);
        live.close().unwrap();
        assert_eq!(read(&c, &options(GroupUse::CommitDone)), ["2", "3"]);
    });
}

#[test]
fn what_a_group_decides_is_not_asked_for() {
    on_both(|c| {
        numbers(&c, 4);
        let refused = |options: ReadOptions| cat(&c, &options, |_| Ok(ControlFlow::Continue(()))).unwrap_err().kind();
        let offsets = kafi::Offsets::parse(&["2"], false).unwrap();
        assert_eq!(refused(ReadOptions { offsets, ..options(GroupUse::LookOnly) }), ErrorKind::Usage);
        assert_eq!(
            refused(ReadOptions { partitions: Some(vec![0]), ..options(GroupUse::CommitDone) }),
            ErrorKind::Usage
        );
        assert_eq!(
            refused(ReadOptions { order: kafi::Order::Time, ..options(GroupUse::CommitDone) }),
            ErrorKind::Usage
        );
        assert_eq!(read(&c, &ReadOptions { partitions: Some(vec![0]), ..options(GroupUse::LookOnly) }).len(), 4);
        assert_eq!(committed(&c), []);
    });
}

#[test]
fn messages_whose_work_succeeded_are_done_where_a_later_one_fails() {
    on_both(|c| {
        numbers(&c, 5);
        let reader = || c.topic(T).options(|own| *own = options(GroupUse::CommitDone));
        let broken = reader().foreach(|m| {
            if m.value.int()? < 3 { Ok(()) } else { Err(Error::new(ErrorKind::Function, "work", "three")) }
        });
        assert_eq!(broken.unwrap_err().kind(), ErrorKind::Function);
        assert_eq!(committed(&c), [(0, 3)]);
        assert_eq!(reader().map(|m| m.value.int()).collect().unwrap(), [3, 4]);
        assert_eq!(committed(&c), [(0, 5)]);
    });
}
