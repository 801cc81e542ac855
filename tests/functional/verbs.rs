//! The verbs over bytes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use kafi::{
    Batch, Cancel, CopyOptions, Error, ErrorKind, GrepFields, GrepOptions, Kafi, NewTopic, Outgoing, Pattern,
    ReadOptions, Value, json, shell,
};

use crate::support::{T, folder, integers, memory, numbers, on_both, position, put, record, values};

/// The newest messages as `partition:offset`.
fn tail(c: &Kafi, count: u64) -> Vec<String> {
    c.tail(T, count).unwrap().iter().map(|m| format!("{}:{}", m.partition, m.offset)).collect()
}

#[test]
fn tail_orders_by_time_then_partition_then_offset() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        put(&c, &[record(0, -1, 10, "0"), record(0, -1, 30, "1"), record(0, -1, 30, "2")], false);
        put(&c, &[record(1, -1, 20, "3"), record(1, -1, 30, "4")], false);
        put(&c, &[record(2, -1, 5, "5"), record(2, -1, 7, "6")], false);
        let all = ["2:0", "2:1", "0:0", "1:0", "0:1", "0:2", "1:1"];
        for count in 0..=9 {
            let from = all.len().saturating_sub(count);
            assert_eq!(tail(&c, count as u64), all[from..], "{count}");
        }
    });
}

#[test]
fn tail_steps_back_over_gaps() {
    on_both(|c| {
        c.touch(T).unwrap();
        put(
            &c,
            &[
                record(0, 0, 1, "0"),
                record(0, 1, 1, "1"),
                record(0, 50, 1, "2"),
                record(0, 10_000, 1, "3"),
                record(0, 500_000, 1, "4"),
            ],
            true,
        );
        assert_eq!(tail(&c, 1), ["0:500000"]);
        assert_eq!(tail(&c, 2), ["0:10000", "0:500000"]);
        assert_eq!(tail(&c, 4), ["0:1", "0:50", "0:10000", "0:500000"]);
        assert_eq!(tail(&c, 100), ["0:0", "0:1", "0:50", "0:10000", "0:500000"]);
        c.delete_records(T, 0, 40).unwrap();
        assert_eq!(tail(&c, 100), ["0:50", "0:10000", "0:500000"]);
    });
}

#[test]
fn tail_follows_without_a_message_twice_or_lost() {
    on_both(|c| {
        numbers(&c, 5);
        let cancel = Cancel::new();
        let (seen, sees) = channel();
        thread::scope(|scope| {
            let options = ReadOptions { follow: true, cancel: cancel.clone(), ..ReadOptions::default() };
            let storage = c.storage();
            let tailing = scope.spawn(move || {
                shell::tail(shell::TopicsToRead::new(storage, &[T.into()], &options), 2, |batch| {
                    values(batch).into_iter().for_each(|value| seen.send(value).unwrap());
                    Ok(ControlFlow::Continue(()))
                })
            });
            assert_eq!([sees.recv().unwrap(), sees.recv().unwrap()], ["3", "4"]);
            c.produce(T, [json!(5), json!(6)]).unwrap();
            assert_eq!([sees.recv().unwrap(), sees.recv().unwrap()], ["5", "6"]);
            cancel.cancel();
            let finished = tailing.join().unwrap().unwrap();
            assert_eq!((finished.cancelled, finished.reached), (true, vec![position(0, 7)]));
        });
        assert_eq!(sees.try_recv().ok(), None);
    });
}

#[test]
fn grep_finds_in_keys_values_and_headers() {
    on_both(|c| {
        c.touch(T).unwrap();
        let messages = [
            Outgoing::new("apple").key("1"),
            Outgoing::new("pear").key("apple"),
            Outgoing::new("plum").header("apple", "x"),
            Outgoing::new("fig").header("h", "apple"),
            Outgoing::new(Value::Null).key("2"),
        ];
        c.produce(T, messages).unwrap();
        let grep = |options: &GrepOptions| {
            let mut found = Vec::new();
            let (count, _) = shell::grep(
                shell::TopicsToRead::new(c.storage(), &[T.into()], &ReadOptions::default()),
                options,
                |batch| {
                    found.extend(batch.iter().map(|record| record.offset));
                    Ok(ControlFlow::Continue(()))
                },
            )
            .unwrap();
            assert_eq!(count, found.len() as u64);
            found
        };
        let apple = GrepOptions::new(Pattern::new("^.?apple", false).unwrap());
        assert_eq!(grep(&apple), [0, 1]);
        assert_eq!(grep(&GrepOptions { invert: true, ..apple.clone() }), [2, 3, 4]);
        assert_eq!(grep(&GrepOptions { found_max: Some(1), ..apple.clone() }), [0]);
        assert_eq!(grep(&GrepOptions { found_max: Some(0), ..apple.clone() }), [0; 0]);
        let fields = |key, value, headers| GrepOptions { fields: GrepFields { key, value, headers }, ..apple.clone() };
        assert_eq!(grep(&fields(true, false, false)), [1]);
        assert_eq!(grep(&fields(false, true, false)), [0]);
        assert_eq!(grep(&fields(false, false, true)), [2, 3]);

        // One that follows does not wait for more than it looks for.
        let follow = ReadOptions { follow: true, ..ReadOptions::default() };
        let (count, _) = shell::grep(
            shell::TopicsToRead::new(c.storage(), &[T.into()], &follow),
            &GrepOptions { found_max: Some(2), ..apple },
            |_| Ok(ControlFlow::Continue(())),
        )
        .unwrap();
        assert_eq!(count, 2);

        let (found, read) = c.grep(T, "apple").unwrap();
        assert_eq!((found.len(), read), (2, 5));
        let error = c.grep(T, "(").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.to_string(), "read pattern: pattern \"(\": unclosed group");
    });
}

#[test]
fn wc_counts() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        c.produce(
            T,
            [
                Outgoing::new(json!(12345)).key("key"),
                Outgoing::new(Value::Null).key("k"),
                Outgoing::new(Value::Null).key(""),
                Outgoing::new(json!(1)),
            ],
        )
        .unwrap();
        let counts = c.wc(T).unwrap();
        assert_eq!((counts.messages, counts.key_bytes, counts.value_bytes, counts.tombstones), (4, 4, 6, 2));
        c.touch("empty").unwrap();
        let (of_topics, _) = shell::wc(
            shell::TopicsToRead::new(c.storage(), &[T.into(), "empty".into()], &ReadOptions::default()).threads(2),
        )
        .unwrap();
        assert_eq!((of_topics[T], of_topics["empty"]), (counts, kafi::Counts::default()));
        assert_eq!(of_topics.len(), 2);
    });
}

#[test]
fn cat_stops_when_its_function_says_so_or_fails() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(4)).unwrap();
        c.produce(T, (0..400).map(|n: i64| Outgoing::new(n).partition((n % 4) as i32))).unwrap();
        let options = || ReadOptions { batch_records_max: 10, ..ReadOptions::default() };
        let mut batches = 0;
        let cat = shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options()).threads(3), |batch| {
            batches += 1;
            assert_eq!(batch.len(), 10);
            Ok(if batches == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        assert!(!cat.unwrap().cancelled);
        assert_eq!(batches, 2);
        let failed = shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options()).threads(3), |_| {
            Err(kafi::Error::function("no"))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Function);
        // Readers that wait for another message stop, too.
        let follow = ReadOptions { follow: true, ..options() };
        c.create(&NewTopic::new("one").partitions(4)).unwrap();
        c.produce("one", ["message"]).unwrap();
        shell::cat(shell::TopicsToRead::new(c.storage(), &["one".into()], &follow).threads(4), |_| {
            Ok(ControlFlow::Break(()))
        })
        .unwrap();
    });
}

#[test]
fn damage_is_an_error_of_every_verb_unless_it_is_skipped() {
    let (c, folder) = folder();
    numbers(&c, 3);
    let path = folder.path().join("topics").join(T).join("0/00000000000000000000.log");
    c.produce(T, [json!("damaged")]).unwrap();
    c.produce(T, [json!(4)]).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|bytes| bytes == b"damaged").unwrap();
    bytes[at] = b'D';
    std::fs::write(&path, bytes).unwrap();

    let topics = [T.to_string()];
    let options = ReadOptions::default();
    let look_for = GrepOptions::new(Pattern::new("x", false).unwrap());
    let go_on = |_: &mut kafi::Batch| Ok(ControlFlow::Continue(()));
    let results = [
        shell::cat(shell::TopicsToRead::new(c.storage(), &topics, &options).threads(2), go_on).err(),
        shell::grep(shell::TopicsToRead::new(c.storage(), &topics, &options).threads(2), &look_for, go_on).err(),
        shell::wc(shell::TopicsToRead::new(c.storage(), &topics, &options).threads(2)).err(),
        shell::tail(shell::TopicsToRead::new(c.storage(), &topics, &options), 3, go_on).err(),
        c.cp(T, &memory(), T).err(),
        c.topic(T).to(&memory(), T).err(),
        c.cat(T).err(),
    ];
    for error in results {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    let rest = c.topic(T).options(|options| options.consumer.skip_corrupt = true).map(|m| m.value.int()).collect();
    assert_eq!(rest.unwrap(), [0, 1, 2, 4]);
}

#[test]
fn topics_are_listed_made_and_removed() {
    let c = memory();
    c.touch("b").unwrap();
    c.create(&NewTopic::new("a").partitions(2)).unwrap();
    assert_eq!(c.ls().unwrap(), ["a", "b"]);
    assert_eq!(c.topics().unwrap()[0].partitions.len(), 2);
    assert_eq!(c.touch("a").unwrap_err().kind(), ErrorKind::AlreadyExists);
    c.rm("a").unwrap();
    assert!(!c.exists("a").unwrap() && c.exists("b").unwrap());
    assert_eq!(c.rm("a").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(c.watermarks("a").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn records_are_deleted() {
    on_both(|c| {
        numbers(&c, 5);
        assert_eq!(c.delete_records(T, 0, 3).unwrap(), 3);
        assert_eq!(crate::support::bounds(&c, T), [(3, 5)]);
        assert_eq!(crate::support::integers(&c, T), [3, 4]);
        assert_eq!(c.delete_records(T, 0, 6).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(c.delete_records(T, 0, -1).unwrap(), 5);
        assert_eq!(c.cat(T).unwrap(), []);
    });
}

/// Lets batches overtake each other, were they allowed to.
fn dawdle(batch: &Batch) {
    if batch.get(0).offset % 30 == 0 {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_goes_through_at_once_comes_out_in_order() {
    on_both(|c| {
        numbers(&c, 300);
        let options = ReadOptions { batch_records_max: 10, ..ReadOptions::default() };
        let topics = [T.to_string()];
        let read = |fails_at: Option<&str>| {
            let through = |batch: &mut Batch| {
                dawdle(batch);
                let failed = batch.iter().position(|record| record.value == fails_at.map(str::as_bytes));
                failed.map_or(Ok(()), |index| {
                    batch.truncate(index);
                    Err(Error::new(ErrorKind::Function, "work", "not this one"))
                })
            };
            let mut seen = Vec::new();
            let reading = shell::TopicsToRead::new(c.storage(), &topics, &options).through(&through).at_once(3);
            let read = shell::cat(reading, |batch| {
                seen.extend(values(batch));
                Ok(ControlFlow::Continue(()))
            });
            (seen, read.map(drop).map_err(|error| error.kind()))
        };
        let numbers = |end: i64| (0..end).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(read(None), (numbers(300), Ok(())));
        assert_eq!(read(Some("137")), (numbers(137), Err(ErrorKind::Function)));
        let copying = CopyOptions {
            read: options.clone(),
            through: Some(Arc::new(|batch: &mut Batch, _: &dyn Fn(&str) -> Option<String>| {
                dawdle(batch);
                Ok(())
            })),
            at_once: 3,
            ..CopyOptions::default()
        };
        let pairs = [(T.to_string(), "copy".to_string())];
        assert_eq!(shell::cp(c.storage(), c.storage(), &pairs, &copying).unwrap().copied.written, 300);
        assert_eq!(integers(&c, "copy"), (0..300).collect::<Vec<i64>>());
    });
}

#[test]
fn what_panics_beside_the_reader_is_an_error() {
    on_both(|c| {
        numbers(&c, 100);
        let options = ReadOptions { batch_records_max: 10, ..ReadOptions::default() };
        let topics = [T.to_string()];
        let through = |batch: &mut Batch| -> kafi::Result<()> { panic!("{} is too much", batch.len()) };
        let reading = shell::TopicsToRead::new(c.storage(), &topics, &options).through(&through).at_once(2);
        let error = shell::cat(reading, |_| Ok(ControlFlow::Continue(()))).unwrap_err();
        assert_eq!((error.kind(), error.message().contains("10 is too much")), (ErrorKind::Unexpected, true));
    });
}
