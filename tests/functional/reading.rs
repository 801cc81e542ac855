//! What of a topic is read: limits, partitions, offsets, several topics.

use kafi::{ErrorKind, Kafi, NewTopic, Outgoing};

use crate::support::{T, integers, memory, numbers, on_both};

/// Makes the topic `t` with three partitions; partition `p` holds the values `10 * p` to `10 * p + 4`.
fn three_partitions(c: &Kafi) {
    c.create(&NewTopic::new(T).partitions(3)).unwrap();
    let message = |number: i64| Outgoing::new(number).partition((number / 10) as i32);
    c.produce(T, (0..3).flat_map(|p| (0..5).map(move |n| 10 * p + n)).map(message)).unwrap();
}

fn sorted(reader: kafi::TopicReader) -> kafi::Result<Vec<i64>> {
    let mut numbers = reader.map(|m| m.value.int()).collect()?;
    numbers.sort();
    Ok(numbers)
}

#[test]
fn limits_count_messages_in_all() {
    on_both(|mut c| {
        c.settings_mut().consume_batch_size = 2;
        three_partitions(&c);
        for max in [0, 1, 2, 7, 15, 100] {
            let read = sorted(c.topic(T).max(max)).unwrap();
            assert_eq!(read.len() as u64, max.min(15));
            // The first ones of each partition.
            for p in 0..3 {
                let of_partition: Vec<i64> = read.iter().copied().filter(|n| n / 10 == p).collect();
                assert_eq!(of_partition, (10 * p..10 * p + of_partition.len() as i64).collect::<Vec<_>>());
            }
        }
        assert_eq!(c.head(T, 4).unwrap().len(), 4);
    });
}

#[test]
fn partitions_are_chosen() {
    on_both(|c| {
        three_partitions(&c);
        assert_eq!(sorted(c.topic(T).partitions(&[2])).unwrap(), [20, 21, 22, 23, 24]);
        assert_eq!(sorted(c.topic(T).partitions(&[2, 0, 2])).unwrap(), [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]);
        assert_eq!(sorted(c.topic(T).partitions(&[])).unwrap(), [0; 0]);
        let error = sorted(c.topic(T).partitions(&[0, 3])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "read: topic t, partition 3: the topic has partitions 0 to 2");
    });
}

#[test]
fn offsets_are_chosen() {
    on_both(|c| {
        three_partitions(&c);
        let read = |specs: &[&str]| sorted(c.topic(T).offsets(specs)?);
        assert_eq!(read(&["1:3"]).unwrap(), [1, 2, 11, 12, 21, 22]);
        assert_eq!(read(&["-1"]).unwrap(), [4, 14, 24]);
        assert_eq!(read(&["+4"]).unwrap(), [4, 14, 24]);
        assert_eq!(read(&["end", "1=3"]).unwrap(), [13, 14]);
        assert_eq!(read(&["end"]).unwrap(), [0; 0]);
        assert_eq!(read(&["5"]).unwrap(), [0; 0]);
        assert_eq!(read(&["first"]).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(read(&["3=0"]).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(read(&["6"]).unwrap_err().kind(), ErrorKind::OutOfRange);

        c.delete_records(T, 1, 3).unwrap();
        let error = read(&["1"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert!(error.to_string().contains("partition 1"), "{error}");
        let with_gap = c.topic(T).offsets(&["1"]).unwrap().options(|options| options.consumer.allow_gap = true);
        assert_eq!(sorted(with_gap).unwrap(), [1, 2, 3, 4, 13, 14, 21, 22, 23, 24]);
    });
}

#[test]
fn the_end_is_the_one_seen_at_the_start() {
    on_both(|mut c| {
        c.settings_mut().consume_batch_size = 1;
        numbers(&c, 3);
        // Each message that is read makes another one.
        let same = c.clone();
        let read = c.topic(T).map(move |m| same.produce(T, [m.value.clone()]).and(m.value.int())).collect().unwrap();
        assert_eq!(read, [0, 1, 2]);
        assert_eq!(integers(&c, T).len(), 6);
    });
}

#[test]
fn several_topics_are_read_together() {
    on_both(|c| {
        for topic in ["a", "b", "c"] {
            c.create(&NewTopic::new(topic).partitions(2)).unwrap();
            c.produce(topic, [topic, topic].map(|value| Outgoing::new(value).partition(1))).unwrap();
        }
        let read = |topics: &[&str]| {
            let mut read = c.topics_named(topics).map(|m| Ok((m.topic.to_string(), m.offset))).collect()?;
            read.sort();
            Ok::<_, kafi::Error>(read)
        };
        let of = |topic: &str| [(topic.to_string(), 0), (topic.to_string(), 1)];
        assert_eq!(read(&["c", "a"]).unwrap(), [of("a"), of("c")].concat());
        assert_eq!(read(&["a", "a"]).unwrap(), of("a"));
        assert_eq!(read(&[]).unwrap(), []);
        assert_eq!(read(&["a", "none"]).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(c.topics_named(&[] as &[&str]).to(&c, "d").unwrap().read, 0);
        assert_eq!(c.watermarks("d").unwrap().len(), 1);
    });
}

#[test]
fn an_empty_topic_has_no_messages() {
    on_both(|c| {
        c.touch(T).unwrap();
        assert_eq!(c.cat(T).unwrap(), []);
        assert_eq!(c.tail(T, 3).unwrap(), []);
        assert_eq!(c.topic(T).to(&c, "copy").unwrap().written, 0);
        assert!(c.exists("copy").unwrap());
        assert_eq!(c.cat("none").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_message_is_shown_as_its_envelope() {
    let c = memory();
    c.touch(T).unwrap();
    c.produce(T, [Outgoing::new(kafi::json!({"a": [19.990]})).key("k").timestamp(5).header("h", "x")]).unwrap();
    let line = r#"{"topic":"t","partition":0,"offset":0,"timestamp":5,"timestamp_type":"create","headers":[{"key":"h","value":"x"}],"key":"k","value":{"a":[19.99]}}"#;
    assert_eq!(c.cat(T).unwrap()[0].to_string(), line);
}

#[test]
fn many_partitions_that_are_quiet_are_followed_all_the_same() {
    let (c, _folder) = crate::support::folder();
    c.create(&kafi::NewTopic::new(T).partitions(300)).unwrap();
    let cancel = kafi::Cancel::new();
    let options = kafi::ReadOptions { follow: true, cancel: cancel.clone(), ..kafi::ReadOptions::default() };
    let writer = c.clone();
    let (seen, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Longer than it takes for all to be quiet, and to each of them in turn.
            std::thread::sleep(std::time::Duration::from_millis(2500));
            for partition in [299, 0, 150, 299] {
                writer.produce(T, [kafi::Outgoing::new(i64::from(partition)).partition(partition)]).unwrap();
                assert_eq!(heard.recv().unwrap(), partition);
            }
            cancel.cancel();
        });
        kafi::shell::cat(kafi::shell::TopicsToRead::new(c.storage(), &[T.into()], &options), |batch| {
            batch.iter().for_each(|record| seen.send(record.partition).unwrap());
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    });
}
