//! Messages of several partitions, sorted.

use std::ops::ControlFlow;

use kafi::{ErrorKind, Finished, Kafi, NewTopic, Order, OwnedRecord, Position, ReadOptions, Record, Result, shell};

use crate::support::{T, on_both, position, put, record};

fn read(c: &Kafi, topics: &[&str], options: &ReadOptions) -> Result<(Vec<OwnedRecord>, Finished)> {
    let topics: Vec<String> = topics.iter().map(|topic| topic.to_string()).collect();
    let mut read = Vec::new();
    let finished = shell::cat(shell::TopicsToRead::new(c.storage(), &topics, options), |batch| {
        read.extend(batch.iter().map(|record| record.to_owned()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((read, finished))
}

fn values(records: &[OwnedRecord]) -> String {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

fn order(order: Order, batch_records_max: usize) -> ReadOptions {
    ReadOptions { order, batch_records_max, ..ReadOptions::default() }
}

/// Three partitions; in the second an older message stands behind a newer one, and in the third there are gaps.
fn three(c: &Kafi) {
    c.create(&NewTopic::new(T).partitions(3)).unwrap();
    let records =
        [(0, 0, 10), (0, 1, 30), (0, 2, 50), (1, 0, 30), (1, 1, 20), (1, 2, 50), (2, 7, 5), (2, 9, 30), (2, 10, 50)];
    let records: Vec<_> = records
        .iter()
        .map(|&(partition, offset, time)| record(partition, offset, time, &format!("{partition}:{offset}")))
        .collect();
    put(c, &records, true);
}

#[test]
fn by_time_then_partition_then_offset() {
    on_both(|c| {
        three(&c);
        for batch in [1, 2, 100] {
            let (sorted, finished) = read(&c, &[T], &order(Order::Time, batch)).unwrap();
            assert_eq!(values(&sorted), "2:7 0:0 0:1 1:0 1:1 2:9 0:2 1:2 2:10");
            assert_eq!(finished.reached, [position(0, 3), position(1, 3), position(2, 11)]);
        }
    });
}

#[test]
fn partition_after_partition() {
    on_both(|c| {
        three(&c);
        for batch in [1, 2, 100] {
            let (sorted, finished) = read(&c, &[T], &order(Order::Partition, batch)).unwrap();
            assert_eq!(values(&sorted), "0:0 0:1 0:2 1:0 1:1 1:2 2:7 2:9 2:10");
            assert_eq!(finished.reached, [position(0, 3), position(1, 3), position(2, 11)]);
        }
    });
}

#[test]
fn a_limit_takes_the_first_of_the_order() {
    on_both(|c| {
        three(&c);
        let first = |by, max| {
            let options = ReadOptions { max: Some(max), ..order(by, 2) };
            let (sorted, finished) = read(&c, &[T], &options).unwrap();
            assert_eq!(options.progress.read(), sorted.len() as u64);
            (values(&sorted), finished.reached.iter().map(|at| at.offset).collect::<Vec<_>>())
        };
        assert_eq!(first(Order::Time, 4), ("2:7 0:0 0:1 1:0".into(), vec![2, 1, 8]));
        assert_eq!(first(Order::Partition, 4), ("0:0 0:1 0:2 1:0".into(), vec![3, 1, 7]));
        assert_eq!(first(Order::Time, 0).0, "");
        assert_eq!(first(Order::Partition, 100).0.split(' ').count(), 9);
    });
}

#[test]
fn a_break_ends_it() {
    on_both(|c| {
        three(&c);
        for by in [Order::Time, Order::Partition] {
            let mut batches = 0;
            shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &order(by, 2)), |_| {
                batches += 1;
                Ok(ControlFlow::Break(()))
            })
            .unwrap();
            assert_eq!(batches, 1);
        }
    });
}

#[test]
fn topics_and_chosen_offsets_are_sorted_too() {
    on_both(|c| {
        three(&c);
        c.touch("s").unwrap();
        let in_s =
            |offset, timestamp| OwnedRecord { offset, timestamp, ..Record::new("s", None, Some(b"s")).to_owned() };
        put(&c, &[in_s(0, 10), in_s(1, 40)], true);
        let options = ReadOptions {
            offsets: kafi::Offsets::parse(&["start", "1=2", "2=10"], false).unwrap(),
            ..order(Order::Time, 2)
        };
        assert_eq!(values(&read(&c, &[T], &options).unwrap().0), "0:0 0:1 0:2 1:2 2:10");
        assert_eq!(
            values(&read(&c, &[T, "s"], &order(Order::Time, 2)).unwrap().0),
            "2:7 s 0:0 0:1 1:0 1:1 2:9 s 0:2 1:2 2:10"
        );
        assert_eq!(
            values(&read(&c, &[T, "s"], &order(Order::Partition, 2)).unwrap().0),
            "s s 0:0 0:1 0:2 1:0 1:1 1:2 2:7 2:9 2:10"
        );
    });
}

#[test]
fn what_has_no_end_is_not_sorted() {
    on_both(|c| {
        three(&c);
        for by in [Order::Time, Order::Partition] {
            let error = read(&c, &[T], &ReadOptions { follow: true, ..order(by, 2) }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
        }
    });
}

#[test]
fn what_is_asked_to_stop_stops() {
    on_both(|c| {
        three(&c);
        for by in [Order::Time, Order::Partition] {
            let options = order(by, 1);
            let mut read = 0;
            let finished = shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options), |batch| {
                read += batch.len();
                options.cancel.cancel();
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
            assert!(finished.cancelled && read < 9, "{read}");
            let next: i64 = finished
                .reached
                .iter()
                .map(|Position { partition, offset, .. }| if *partition == 2 { (offset - 7).max(0) } else { *offset })
                .sum();
            assert!(next as usize >= read && finished.reached.len() == 3, "{:?}", finished.reached);
        }
    });
}

#[test]
fn many_messages_come_in_the_order_that_sorting_them_gives() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(7)).unwrap();
        // Times that rise within each partition, with many ties among partitions.
        let records: Vec<_> =
            (0..7_000_i64).map(|n| record((n % 7) as i32, n / 7, (n * 7_919 % 13 + n) / 40, "x")).collect();
        let mut times = [0; 7];
        let records: Vec<_> = records
            .into_iter()
            .map(|mut record| {
                let time = &mut times[record.partition as usize];
                *time = record.timestamp.max(*time);
                record.timestamp = *time;
                record
            })
            .collect();
        put(&c, &records, true);
        let mut expected: Vec<_> = records.iter().map(|r| (r.timestamp, r.partition, r.offset)).collect();
        expected.sort();
        let (sorted, _) = read(&c, &[T], &order(Order::Time, 100)).unwrap();
        assert_eq!(sorted.iter().map(|r| (r.timestamp, r.partition, r.offset)).collect::<Vec<_>>(), expected);
    });
}

/// Many partitions of different lengths, with gaps, and some empty; every ninth message is older than the one before
/// it.
fn many(c: &Kafi, topic: &str, partitions: i32, value_bytes: usize) -> Vec<OwnedRecord> {
    c.create(&NewTopic::new(topic).partitions(partitions)).unwrap();
    let mut records = Vec::new();
    for partition in (0..partitions).filter(|partition| partition % 7 != 3) {
        for number in 0..i64::from(partition) * 3 % 50 {
            let time = number * 100 + i64::from(partition) % 13 - if number % 9 == 8 { 500 } else { 0 };
            let value = format!("{partition}:{number}{}", ".".repeat(value_bytes));
            records.push(OwnedRecord {
                topic: topic.into(),
                ..record(partition, number * 5 + i64::from(partition % 4) * 1000, time, &value)
            });
        }
    }
    put(c, &records, true);
    records
}

/// What a merge gives, taken literally: of what comes next of each partition always the first by time, partition, and
/// offset.
fn merged(records: &[OwnedRecord]) -> Vec<OwnedRecord> {
    let mut rest: std::collections::BTreeMap<i32, std::collections::VecDeque<&OwnedRecord>> = Default::default();
    records.iter().for_each(|record| rest.entry(record.partition).or_default().push_back(record));
    let mut sorted = Vec::new();
    while let Some(&partition) =
        rest.iter().filter_map(|(p, rest)| Some((rest.front()?.timestamp, p))).min().map(|(_, p)| p)
    {
        sorted.push(rest.get_mut(&partition).unwrap().pop_front().unwrap().clone());
    }
    sorted
}

#[test]
fn many_partitions_are_sorted_in_windows() {
    on_both(|c| {
        // Small messages, of which a window holds all; and such that each partition takes many windows.
        for (topic, partitions, value_bytes) in [("small", 60, 0), ("large", 40, 60_000)] {
            let records = many(&c, topic, partitions, value_bytes);
            let expected = merged(&records);
            for batch in [7, 10_000] {
                let (sorted, finished) = read(&c, &[topic], &order(Order::Time, batch)).unwrap();
                assert!(sorted == expected, "{topic} {batch}");
                assert_eq!(
                    finished.reached.iter().map(|at| at.offset).collect::<Vec<_>>(),
                    c.watermarks(topic).unwrap().iter().map(|w| w.high).collect::<Vec<_>>()
                );
            }
            let (first, _) = read(&c, &[topic], &ReadOptions { max: Some(100), ..order(Order::Time, 7) }).unwrap();
            assert!(first == expected[..100], "{topic}");
            let mut newest = Vec::new();
            shell::tail(shell::TopicsToRead::new(c.storage(), &[topic.into()], &ReadOptions::default()), 25, |batch| {
                newest.extend(batch.iter().map(|record| record.to_owned()));
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
            let mut by_time: Vec<_> = records.clone();
            by_time.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
            assert!(newest == by_time[by_time.len() - 25..], "{topic}");
        }
    });
}
