//! Consumers of one topic, as members of a group.

use std::thread;
use std::time::Duration;

use kafi::{ErrorKind, Message, NewTopic, OffsetReset, Outgoing, Type, json};

use crate::support::{T, memory, numbers, on_both};

const GROUP: &str = "g";

fn offsets(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.offset).collect()
}

#[test]
fn a_group_goes_on_where_it_committed() {
    on_both(|mut c| {
        c.settings_mut().consume_timeout = Some(Duration::ZERO);
        numbers(&c, 6);
        let consume = |max: usize, commit: bool| {
            let mut consumer = c.consumer(T, GROUP).unwrap();
            let messages = consumer.consume(max).unwrap();
            if commit {
                consumer.commit().unwrap();
            }
            consumer.close().unwrap();
            offsets(&messages)
        };
        assert_eq!(consume(2, false), [0, 1]);
        assert_eq!(consume(2, true), [0, 1]);
        assert_eq!(consume(0, true), [0; 0]);
        assert_eq!(consume(1, true), [2]);

        let mut consumer = c.consumer(T, GROUP).unwrap();
        assert_eq!(offsets(&consumer.consume(2).unwrap()), [3, 4]);
        consumer.commit().unwrap();
        assert_eq!(offsets(&consumer.consume(10).unwrap()), [5]);
        consumer.close().unwrap();
        assert_eq!(consume(10, true), [5]);
        assert_eq!(consume(10, true), [0; 0]);
        assert_eq!(offsets(&c.consumer(T, "other").unwrap().consume(10).unwrap()).len(), 6);
    });
}

#[test]
fn settings_of_consumers_count() {
    on_both(|mut c| {
        c.settings_mut().consume_timeout = Some(Duration::ZERO);
        c.settings_mut().consumer_group_prefix = "team-".into();
        c.settings_mut().enable_auto_commit = true;
        c.settings_mut().consume_batch_size = 2;
        numbers(&c, 5);
        let mut consumer = c.consumer(T, GROUP).unwrap();
        assert_eq!(consumer.consume(3).unwrap().len(), 3);
        consumer.close().unwrap();
        let committed = c.admin().unwrap().group_offsets("team-g", Duration::from_secs(10)).unwrap();
        assert_eq!(committed, [crate::support::position(0, 3).into()]);

        c.settings_mut().auto_offset_reset = OffsetReset::Latest;
        let mut consumer = c.consumer(T, "late").unwrap();
        assert_eq!(consumer.consume(10).unwrap(), []);
        c.produce(T, [json!(5)]).unwrap();
        assert_eq!(offsets(&consumer.consume(1).unwrap()), [5]);
    });
}

#[test]
fn a_message_that_cannot_be_decoded_loses_no_other() {
    on_both(|mut c| {
        c.settings_mut().consume_timeout = Some(Duration::ZERO);
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap().value_type(Type::Bytes).unwrap();
        for value in ["0", "1", "not JSON", "3", "4"] {
            p.produce(value).unwrap();
        }
        p.close().unwrap();

        let mut consumer = c.consumer(T, GROUP).unwrap();
        assert_eq!(offsets(&consumer.consume(5).unwrap()), [0, 1]);
        let error = consumer.consume(5).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("offset 2"), "{error}");
        // What was not returned is not committed.
        consumer.commit().unwrap();
        let committed = c.admin().unwrap().group_offsets(GROUP, Duration::from_secs(10)).unwrap();
        assert_eq!(committed, [crate::support::position(0, 2).into()]);
        // Who goes on all the same leaves out that one alone.
        assert_eq!(offsets(&consumer.consume(1).unwrap()), [3]);
        assert_eq!(offsets(&consumer.consume(5).unwrap()), [4]);
        consumer.close().unwrap();
    });
}

#[test]
fn partitions_are_committed_each() {
    on_both(|mut c| {
        c.settings_mut().consume_timeout = Some(Duration::ZERO);
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        c.produce(T, (0..9).map(|n| Outgoing::new(json!(n)).partition(n % 3))).unwrap();
        let mut consumer = c.consumer(T, GROUP).unwrap();
        let first = consumer.consume(4).unwrap();
        consumer.commit().unwrap();
        consumer.close().unwrap();
        let rest = c.consumer(T, GROUP).unwrap().consume(9).unwrap();
        let mut all: Vec<i64> = first.iter().chain(&rest).map(|m| m.value.int().unwrap()).collect();
        all.sort();
        assert_eq!((first.len(), all), (4, (0..9).collect()));
    });
}

#[test]
fn another_thread_ends_a_consumer_that_waits_for_ever() {
    on_both(|mut c| {
        c.settings_mut().consume_timeout = None;
        numbers(&c, 2);
        let mut consumer = c.consumer(T, GROUP).unwrap();
        let cancel = consumer.cancel();
        assert_eq!(consumer.consume(1).unwrap().len(), 1);
        let waiting = thread::spawn(move || consumer.consume(100));
        c.produce(T, [json!(2)]).unwrap();
        assert!(!waiting.is_finished());
        cancel.cancel();
        // What came before is not lost.
        let messages = offsets(&waiting.join().unwrap().unwrap());
        assert!([1, 2].starts_with(&messages), "{messages:?}");
    });
}

#[test]
fn a_missing_topic_is_said() {
    let c = memory();
    assert_eq!(c.consumer("none", GROUP).err().unwrap().kind(), ErrorKind::NotFound);
}
