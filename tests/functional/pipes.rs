//! Functions over messages, and the ends of pipes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use kafi::{Cancel, Error, ErrorKind, Message, NewTopic, Outgoing, Result, Target, Type, Value, json};

use crate::support::{T, bounds, integers, memory, numbers, on_both};

#[test]
fn functions_are_applied_in_order() {
    on_both(|c| {
        numbers(&c, 6);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let see = |what: &'static str| {
            let seen = Arc::clone(&seen);
            move |m: &Message| seen.lock().unwrap().push(format!("{what} {}", m.value))
        };
        let (filtered, mapped, flatmapped) = (see("filter"), see("map"), see("flatmap"));
        let pipe = c
            .topic(T)
            .filter(move |m| {
                filtered(m);
                Ok(m.value.int()? % 2 == 1)
            })
            .map(move |mut m| {
                mapped(&m);
                m.value = (m.value.int()? * 10).into();
                Ok(m)
            })
            .flatmap(move |m| {
                flatmapped(&m);
                // None, one, and many.
                let times = (m.value.int()? / 20) as usize;
                Ok(vec![m; times])
            });
        assert_eq!(pipe.map(|m| m.value.int()).collect().unwrap(), [30, 50, 50]);
        let expected = "filter 0, filter 1, map 1, flatmap 10, filter 2, filter 3, map 3, flatmap 30, filter 4, filter 5, map 5, flatmap 50";
        assert_eq!(seen.lock().unwrap().join(", "), expected);
    });
}

#[test]
fn ends_see_every_message_once_from_the_first_to_the_last() {
    on_both(|mut c| {
        // More messages than one batch holds.
        c.settings_mut().consume_batch_size = 7;
        numbers(&c, 100);
        let expected: Vec<i64> = (0..100).collect();
        assert_eq!(integers(&c, T), expected);
        let folded = c.topic(T).foldl(Vec::new(), |mut all, m| {
            all.push(m.value.int()?);
            Ok(all)
        });
        assert_eq!(folded.unwrap(), expected);
        let mut seen = Vec::new();
        assert_eq!(c.topic(T).foreach(|m| m.value.int().map(|number| seen.push(number))).unwrap(), 100);
        assert_eq!(seen, expected);
        let mut looped = Vec::new();
        for message in c.topic(T) {
            looped.push(message.unwrap().value.int().unwrap());
        }
        assert_eq!(looped, expected);
    });
}

#[test]
fn zip_foldl_ends_with_the_shorter_one() {
    on_both(|c| {
        numbers(&c, 5);
        c.touch("u").unwrap();
        c.produce("u", [json!(10), json!(11), json!(12)]).unwrap();
        let pairs = |mut all: Vec<(i64, i64)>, left: Message, right: Message| {
            all.push((left.value.int()?, right.value.int()?));
            Ok(all)
        };
        let zip = |left: &str, right: &str| c.topic(left).zip_foldl(c.topic(right), Vec::new(), pairs).unwrap();
        assert_eq!(zip(T, "u"), [(0, 10), (1, 11), (2, 12)]);
        assert_eq!(zip("u", T), [(10, 0), (11, 1), (12, 2)]);
        let doubled =
            c.topic("u")
                .map(|m| m.value.int())
                .zip_foldl(c.topic(T).map(|m| m.value.int()), 0, |sum, left, right| Ok(sum + left * right));
        assert_eq!(doubled.unwrap(), 11 + 24);
    });
}

/// Fails at the number 3.
fn not_three(m: &Message) -> Result<()> {
    if m.value == 3 { Err(Error::function("three")) } else { Ok(()) }
}

#[test]
fn the_first_failure_of_a_function_ends_the_pipe() {
    on_both(|c| {
        numbers(&c, 6);
        static CALLS: AtomicU64 = AtomicU64::new(0);
        CALLS.store(0, Ordering::Relaxed);
        let fail = |m: &Message| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            not_three(m)
        };
        let topic = || c.topic(T);
        let results = [
            topic().map(move |m| fail(&m)).collect().err(),
            topic().filter(move |m| fail(m).map(|()| true)).collect().err(),
            topic().flatmap(move |m| fail(&m).map(|()| vec![m])).collect().err(),
            topic().foldl((), |(), m| fail(&m)).err(),
            topic().foreach(|m| fail(&m)).err(),
            topic().zip_foldl(topic(), (), |(), _, right| fail(&right)).err(),
        ];
        for error in results {
            assert_eq!(error.unwrap().to_string(), "function: three");
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), 6 * 4);
    });
}

#[test]
fn after_a_failure_nothing_more_is_written() {
    on_both(|mut c| {
        c.settings_mut().produce_batch_size = 2;
        numbers(&c, 100);
        let error = c.topic(T).map(|m| not_three(&m).map(|()| m)).to(&c, "copy").unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Function, "function: three"));
        let written = integers(&c, "copy");
        assert!([0, 1, 2].starts_with(&written), "{written:?}");
    });
}

#[test]
fn a_missing_target_is_made_like_the_source() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        let message = |bla: i64, partition| {
            Outgoing::new(json!({"bla": bla}))
                .key("k")
                .partition(partition)
                .timestamp(1000 - bla)
                .header("h", "x")
                .header("h", "")
        };
        c.produce(T, [message(1, 2), message(2, 0), message(3, 2)]).unwrap();
        let copied = c.topic(T).to(&c, "copy").unwrap();
        assert_eq!((copied.read, copied.written), (3, 3));
        let with_name = |m: Message| Ok(Message { topic: "copy".into(), ..m });
        assert_eq!(c.cat("copy").unwrap(), c.topic(T).map(with_name).collect().unwrap());
        assert_eq!(bounds(&c, "copy"), [(0, 1), (0, 0), (0, 2)]);

        // Into one that exists it appends, also into the one that it reads, whose end was fixed before.
        assert_eq!(c.topic("copy").to(&c, "copy").unwrap().written, 3);
        assert_eq!(bounds(&c, "copy"), [(0, 2), (0, 0), (0, 4)]);
    });
}

#[test]
fn a_target_without_the_partition_refuses() {
    let c = memory();
    c.create(&NewTopic::new(T).partitions(2)).unwrap();
    c.produce(T, [Outgoing::new(json!(1)).partition(1)]).unwrap();
    c.touch("copy").unwrap();
    let error = c.topic(T).to(&c, "copy").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("partition 1"), "{error}");
    let any = |m: Message| Ok(Message { partition: kafi::ANY_PARTITION, ..m });
    assert_eq!(c.topic(T).map(any).to(&c, "copy").unwrap().written, 1);
}

#[test]
fn a_missing_source_makes_no_target() {
    on_both(|c| {
        let error = c.topic("none").to(&c, "copy").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("none"), "{error}");
        assert_eq!(c.ls().unwrap(), [""; 0]);
    });
}

#[test]
fn types_are_chosen_where_they_are_read_and_written() {
    on_both(|c| {
        c.touch(T).unwrap();
        let mut p = c.producer(T).unwrap().value_type(Type::Bytes).unwrap();
        for value in ["{\"a\": 19.990}", "text", "7"] {
            p.produce(value).unwrap();
        }
        p.produce(b"\xff").unwrap();
        p.close().unwrap();

        let kinds = |type_| c.topic(T).types(type_).map(|m| Ok(format!("{:?}", m.value))).collect();
        assert_eq!(
            kinds(Type::Auto).unwrap(),
            ["Json({\"a\": 19.990})", "Str(\"text\")", "Str(\"7\")", "Bytes([255])"]
        );
        assert_eq!(kinds(Type::Bytes).unwrap()[3], "Bytes([255])");
        let error = kinds(Type::Json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("topic t, field value, partition 0, offset 1"), "{error}");
        assert_eq!(
            c.topic(T).types(Type::Bytes).value_type(Type::Auto).collect().unwrap()[1].value,
            Value::from("text")
        );
        // A loop may leave the message out and go on.
        let good = c.topic(T).value_type(Type::Json).into_iter().filter_map(Result::ok).count();
        assert_eq!(good, 2);

        // What was not changed is written byte for byte, unless another type is asked for.
        c.topic(T).types(Type::Auto).to(&c, "auto").unwrap();
        let bytes = |topic: &str| {
            c.topic(topic).types(Type::Bytes).map(|m| m.value.bytes().map(<[u8]>::to_vec)).collect().unwrap()
        };
        assert_eq!(bytes("auto"), bytes(T));
        c.topic(T).types(Type::Auto).max(3).to_target(Target::new(&c, "json").value_type(Type::Json)).unwrap();
        assert_eq!(bytes("json"), [&b"{\"a\": 19.990}"[..], b"\"text\"", b"\"7\""]);
    });
}

#[test]
fn types_of_the_settings_count() {
    let mut c = memory();
    c.touch(T).unwrap();
    c.settings_mut().value_type = Some("str".into());
    c.produce(T, ["{}"]).unwrap();
    assert_eq!(c.cat(T).unwrap()[0].value, Value::from("{}"));
    c.settings_mut().value_type = None;
    assert_eq!(c.cat(T).unwrap()[0].value, json!({}));
    c.settings_mut().value_type = Some("avro".into());
    // It is no Avro, if this build knows what that is.
    let expected = if cfg!(feature = "serde") { ErrorKind::Corrupt } else { ErrorKind::Unsupported };
    assert_eq!(c.cat(T).unwrap_err().kind(), expected);
}

#[test]
fn another_thread_ends_a_pipe_that_follows() {
    on_both(|c| {
        numbers(&c, 2);
        let cancel = Cancel::new();
        let (seen, sees) = channel();
        thread::scope(|scope| {
            let (reader, theirs) = (c.clone(), cancel.clone());
            let followed = scope.spawn(move || {
                reader
                    .topic(T)
                    .follow()
                    .options(|o| o.cancel = theirs)
                    .foreach(|m| m.value.int().map(|number| seen.send(number).unwrap()))
            });
            assert_eq!([sees.recv().unwrap(), sees.recv().unwrap()], [0, 1]);
            c.produce(T, [json!(2)]).unwrap();
            assert_eq!(sees.recv().unwrap(), 2);
            assert!(!followed.is_finished());
            cancel.cancel();
            assert_eq!(followed.join().unwrap().unwrap(), 3);
        });
        // Who shares a wish that was said already reads nothing.
        assert_eq!(c.topic(T).options(|o| o.cancel = cancel).collect().unwrap(), []);
    });
}

#[test]
fn progress_is_counted() {
    let c = memory();
    numbers(&c, 10);
    let reader = c.topic(T);
    let mut progress = None;
    let reader = reader.options(|options| progress = Some(options.progress.clone()));
    let progress = progress.unwrap();
    assert_eq!((progress.read(), progress.share()), (0, None));
    reader.to(&c, "copy").unwrap();
    assert_eq!((progress.read(), progress.written(), progress.bytes(), progress.share()), (10, 10, 10, Some(1.0)));
}

#[test]
fn a_pipe_outlives_its_handle_and_goes_to_another_thread() {
    on_both(|c| {
        numbers(&c, 3);
        let pipe = c.topic(T).map(|m| m.value.int());
        drop(c);
        assert_eq!(thread::spawn(move || pipe.collect()).join().unwrap().unwrap(), [0, 1, 2]);
    });
}
