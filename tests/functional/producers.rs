//! Producers of one topic.

use std::sync::{Arc, Mutex};

use kafi::{
    Delivery, ErrorKind, HeadersBuf, Message, NO_TIMESTAMP, NewTopic, Outgoing, OwnedRecord, TimestampType, Type,
    Value, json,
};

use crate::support::{T, bounds, memory, nasty, numbers, on_both, put, raw, record};

#[test]
fn many_things_can_stand_for_a_message() {
    on_both(|c| {
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap();
        p.produce(json!({"a": 1})).unwrap();
        p.produce(("k", json!([1]))).unwrap();
        p.produce("text").unwrap();
        p.produce((json!({"id": 7}), Value::Null)).unwrap();
        p.produce(("", "")).unwrap();
        p.produce((None::<&str>, 5)).unwrap();
        p.produce(b"[true]").unwrap();
        assert_eq!(p.close().unwrap(), 7);
        let bytes = |bytes: &[u8]| Some(bytes.to_vec());
        let expected = [
            (None, bytes(b"{\"a\":1}")),
            (bytes(b"k"), bytes(b"[1]")),
            (None, bytes(b"\"text\"")),
            (bytes(b"{\"id\":7}"), None),
            (bytes(b""), bytes(b"\"\"")),
            (None, bytes(b"5")),
            (None, bytes(b"[true]")),
        ];
        assert_eq!(raw(&c, T).into_iter().map(|record| (record.key, record.value)).collect::<Vec<_>>(), expected);
    });
}

#[test]
fn a_message_says_what_is_not_left_to_the_defaults() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        let message = Outgoing::new("v")
            .key("k")
            .partition(2)
            .timestamp(5)
            .header("h", "1")
            .header(b"\xff", b"\x00")
            .header("h", "2");
        c.produce(T, [message]).unwrap();
        let sent = &c.cat(T).unwrap()[0];
        let headers: HeadersBuf = [(&b"h"[..], &b"1"[..]), (b"\xff", b"\x00"), (b"h", b"2")].into_iter().collect();
        assert_eq!(
            (sent.partition, sent.timestamp, sent.timestamp_type, &sent.headers),
            (2, 5, TimestampType::Create, &headers)
        );
    });
}

#[test]
fn what_was_read_is_produced_as_it_is() {
    on_both(|mut c| {
        c.settings_mut().value_type = None;
        let source = memory();
        nasty(&source);
        source.cp(T, &c, T).unwrap();
        c.create(&NewTopic::new("u").partitions(2)).unwrap();
        let produced = c.produce("u", c.cat(T).unwrap());
        assert_eq!(produced.unwrap(), 8);
        let without_places = |topic| {
            raw(&c, topic).into_iter().map(|record| OwnedRecord {
                offset: 0,
                timestamp_type: TimestampType::Create,
                ..record
            })
        };
        assert!(without_places(T).eq(without_places("u")));

        // A type that is chosen counts for it, too.
        let mut p = c.producer("u").unwrap().value_type(Type::Json).unwrap();
        p.produce(Message::new("t", "k", "text")).unwrap();
        p.produce(Message { partition: 0, ..c.topic(T).types(Type::Bytes).collect().unwrap().swap_remove(4) })
            .unwrap_err();
        p.close().unwrap();
        let last =
            raw(&c, "u").into_iter().find(|record| record.key.as_deref() == Some(b"k") && record.value.is_some());
        assert_eq!(last.unwrap().value.as_deref(), Some(&b"\"text\""[..]));
    });
}

#[test]
fn what_was_read_without_a_timestamp_stays_without_and_what_is_made_gets_the_time() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        put(&c, &[record(0, 0, NO_TIMESTAMP, "1"), record(0, 1, 5, "2"), record(1, 0, 0, "3")], false);
        let made = |message: Message| {
            Ok(vec![
                Message::new("made", "made", "now"),
                message.clone(),
                Message { timestamp: NO_TIMESTAMP, ..message },
            ])
        };
        c.topic(T).flatmap(made).to(&c, "piped").unwrap();
        c.create(&NewTopic::new("produced").partitions(2)).unwrap();
        c.produce("produced", c.topic(T).flatmap(made).collect().unwrap()).unwrap();
        c.produce(
            "produced",
            [Outgoing::new("now").key("made"), Outgoing::new("now").key("made").timestamp(NO_TIMESTAMP)],
        )
        .unwrap();
        for (topic, count) in [("piped", 3), ("produced", 5)] {
            let (new, old): (Vec<_>, Vec<_>) =
                raw(&c, topic).into_iter().partition(|record| record.key.as_deref() == Some(b"made"));
            assert!(
                new.len() == count && new.iter().all(|record| record.timestamp > 1_700_000_000_000),
                "{topic}: {new:?}"
            );
            let times = |partition| {
                old.iter()
                    .filter(|record| record.partition == partition)
                    .map(|record| record.timestamp)
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                (times(0), times(1)),
                (vec![NO_TIMESTAMP, NO_TIMESTAMP, 5, NO_TIMESTAMP], vec![0, NO_TIMESTAMP]),
                "{topic}"
            );
        }
    });
}

#[test]
fn keys_have_the_partition_that_java_gives_them() {
    let c = memory();
    c.create(&NewTopic::new(T).partitions(10)).unwrap();
    c.produce(T, (0..50).map(|n| (format!("key-{n}"), n))).unwrap();
    for message in c.cat(T).unwrap() {
        assert_eq!(message.partition, kafi::partition_of(message.key.str().unwrap().as_bytes(), 10), "{message}");
    }
}

#[test]
fn messages_are_there_after_flush_and_close() {
    on_both(|mut c| {
        c.settings_mut().produce_batch_size = 3;
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap();
        for n in 0..4 {
            p.produce(json!(n)).unwrap();
        }
        assert_eq!(p.flush().unwrap(), 4);
        assert_eq!(bounds(&c, T), [(0, 4)]);
        p.produce(json!(4)).unwrap();
        assert_eq!((p.flush().unwrap(), p.flush().unwrap()), (5, 5));
        p.produce(json!(5)).unwrap();
        assert_eq!(p.close().unwrap(), 6);
        assert_eq!(crate::support::integers(&c, T), [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn what_cannot_be_encoded_is_left_out_alone() {
    on_both(|c| {
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap();
        p.produce(("a", json!(1))).unwrap();
        assert_eq!(p.produce((b"\xff", json!(2))).unwrap_err().kind(), ErrorKind::Corrupt);
        let error = p.produce(("b", b"no JSON")).unwrap_err();
        assert!(error.to_string().contains("topic t, field value"), "{error}");
        p.produce(("c", json!(3))).unwrap();
        assert_eq!(p.close().unwrap(), 2);
        assert_eq!(raw(&c, T).iter().map(|record| record.key.as_deref().unwrap()).collect::<Vec<_>>(), [b"a", b"c"]);

        let mut p = c.producer(T).unwrap().key_type(Type::Bytes).unwrap().value_type(Type::Bytes).unwrap();
        p.produce((b"\xff", b"no JSON")).unwrap();
        assert_eq!(p.close().unwrap(), 1);
    });
}

/// Produces to partitions, and returns what the reports said: token, partition, first, count, and offset or kind of
/// error.
#[test]
fn each_message_has_its_report() {
    on_both(|mut c| {
        c.settings_mut().produce_batch_size = 4;
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let theirs = reports.clone();
        let mut p = c.producer(T).unwrap().on_delivery(move |report| {
            let Delivery::At(offset) = report.delivery else { panic!("{report:?}") };
            assert_eq!(&*report.topic, T);
            theirs.lock().unwrap().push((report.partition, offset, report.count));
        });
        for n in 0..10 {
            p.produce(Outgoing::new(json!(n)).partition(n % 2)).unwrap();
        }
        assert_eq!(p.close().unwrap(), 10);
        for partition in 0..2 {
            let mut next = 0;
            for (_, offset, count) in reports.lock().unwrap().iter().filter(|report| report.0 == partition) {
                assert_eq!(*offset, next);
                next += *count as i64;
            }
            assert_eq!(next, 5);
        }
    });
}

#[test]
fn failures_are_reported_and_nothing_is_written_twice() {
    on_both(|mut c| {
        c.settings_mut().produce_batch_size = 2;
        c.touch(T).unwrap();
        let failed = Arc::new(Mutex::new(Vec::new()));
        let theirs = failed.clone();
        let mut p = c.producer(T).unwrap().on_delivery(move |report| {
            if let Delivery::Failed(error) = &report.delivery {
                theirs.lock().unwrap().push((report.partition, report.count, error.kind()));
            }
        });
        p.produce(Outgoing::new(json!(0)).partition(0)).unwrap();
        // The batch is full, handed over, and its second message refused.
        let error = p.produce(Outgoing::new(json!(1)).partition(9)).and_then(|()| p.flush().map(drop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("topic t, partition 9"), "{error}");
        assert_eq!(*failed.lock().unwrap(), [(9, 1, ErrorKind::NotFound)]);

        // The failure was said once; what comes after it is written.
        p.produce(json!(2)).unwrap();
        assert_eq!(p.close().unwrap(), 2);
        assert_eq!(crate::support::integers(&c, T), [0, 2]);
    });
}

#[test]
fn a_topic_must_be_there() {
    on_both(|c| {
        let error = c.produce("none", ["x"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("topic none"), "{error}");
        assert_eq!(c.ls().unwrap(), [""; 0]);
        assert_eq!(c.produce("none", [""; 0]).unwrap(), 0);
    });
}

#[test]
fn several_producers_share_a_topic() {
    on_both(|c| {
        numbers(&c, 0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let c = &c;
                scope.spawn(move || c.produce(T, (0..250).map(|n| json!(1000 * thread + n))).unwrap());
            }
        });
        let all = crate::support::integers(&c, T);
        for thread in 0..4 {
            let of_thread = all.iter().copied().filter(|n| n / 1000 == thread);
            assert!(of_thread.eq(1000 * thread..1000 * thread + 250));
        }
        assert_eq!(all.len(), 1000);
    });
}
