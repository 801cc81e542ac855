//! What becomes of messages that fail.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafi_app::{App, Json, Key, Meta, OnError, Order, Output, Retries, Route};
use kafi_core::{ErrorKind, NewTopic, Value};
use kafi_shell::Outgoing;

use crate::support::{Place, broker, everywhere, folder, header, memory, text};

fn numbers(place: &Place, topic: &str, count: u32) {
    place.kafi.produce(topic, (0..count).map(|n| (format!("k{n}"), n))).unwrap();
}

fn soon(attempts: u32) -> Retries {
    Retries::fixed(attempts, Duration::from_millis(10))
}

#[test]
fn what_fails_is_tried_again_and_then_becomes_a_dead_letter() {
    everywhere(|place| {
        let (input, out, letters) = (place.topic("in", 1), place.topic("out", 1), place.topic("dlq", 1));
        numbers(place, &input, 10);
        let tries = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&tries);
        let handler = move |Json(n): Json<u32>, meta: Meta| {
            seen.lock().unwrap().push((n, meta.attempt));
            match (n, meta.attempt) {
                (3, 1 | 2) => Err("later".to_string()),
                (5, _) => Err("never".to_string()),
                (7, _) => panic!("seven"),
                _ => Ok(Output::new(n.to_string())),
            }
        };
        let route = Route::new(&input).publish_to(out.as_str()).accepts("json");
        let route = route.retry(soon(3)).on_error(OnError::DeadLetter(letters.clone())).handle(handler);
        let app = place.name("retries");
        let done = App::new(&app, &place.kafi).route(route).run_to_end().unwrap();
        assert_eq!((done.processed, done.failed, done.dead_letters, done.published), (8, 8, 2, 10));
        // One after another: what is tried again holds up what lies behind it.
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        for n in 0..10 {
            wanted.extend((1..=if [3, 5, 7].contains(&n) { 3 } else { 1 }).map(|attempt| (n, attempt)));
        }
        assert_eq!(*tries.lock().unwrap(), wanted);
        assert_eq!(place.values(&out), ["0", "1", "2", "3", "4", "6", "8", "9"]);
        let dead = place.messages(&letters);
        assert_eq!(dead.iter().map(|m| text(&m.value)).collect::<Vec<_>>(), ["5", "7"]);
        assert_eq!(dead[0].key, Value::from(b"k5"));
        let said =
            ["topic", "partition", "offset", "attempts", "app"].map(|n| header(&dead[0], &format!("kafi.error.{n}")));
        assert_eq!(said, [input.clone(), "0".into(), "5".into(), "3".into(), app.clone()]);
        assert!(header(&dead[0], "kafi.error.message").ends_with("never"));
        assert!(header(&dead[1], "kafi.error.message").ends_with("the handler panicked: seven"));
        assert!(header(&dead[1], "kafi.error.time").parse::<u64>().unwrap() > 1_700_000_000_000);
        assert_eq!(place.committed(&app)[0].offset, 10);
    });
}

#[test]
fn a_message_may_stop_the_app_which_goes_on_at_it() {
    everywhere(|place| {
        let (input, out, app) = (place.topic("in", 1), place.topic("out", 1), place.name("stops"));
        numbers(place, &input, 10);
        let run = |fails: bool| {
            let handler = move |Json(n): Json<u32>| {
                if fails && n == 6 { Err("no six") } else { Ok(Output::new(n.to_string())) }
            };
            let route = Route::new(&input).publish_to(out.as_str()).retry(soon(2)).handle(handler);
            App::new(&app, &place.kafi).route(route).run_to_end()
        };
        let error = run(true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Function);
        assert!(error.to_string().contains("offset 6: no six"), "{error}");
        assert_eq!(place.committed(&app)[0].offset, 6);
        assert_eq!(run(false).unwrap().processed, 4);
        assert_eq!(place.values(&out), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    });
}

#[test]
fn what_cannot_be_decoded_has_a_policy_of_its_own() {
    everywhere(|place| {
        let (input, letters) = (place.topic("in", 1), place.topic("dlq", 1));
        let mut producer = place.kafi.producer(&input).unwrap().value_type(kafi_core::Type::Bytes).unwrap();
        for value in [Value::from(b"1"), Value::from(b"{"), Value::Null] {
            producer.produce(value).unwrap();
        }
        producer.close().unwrap();
        let route = Route::new(&input).accepts("json").on_decode_error(OnError::DeadLetter(letters.clone()));
        let tried = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tried);
        let route = route.retry(soon(3)).handle(move |_: Json<u32>| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let done = App::new(place.name("decoding"), &place.kafi).route(route).run_to_end().unwrap();
        assert_eq!((done.processed, done.dead_letters, tried.load(Ordering::Relaxed)), (1, 2, 1));
        let dead = place.messages(&letters);
        assert_eq!((dead[0].value.clone(), dead[1].value.clone()), (Value::from(b"{"), Value::Null));
        assert_eq!(header(&dead[0], "kafi.error.attempts"), "1");
    });
}

#[test]
fn as_with_kaf_each_message_has_one_chance_and_errors_are_logged() {
    everywhere(|place| {
        let (input, out, app) = (place.topic("in", 1), place.topic("out", 1), place.name("kaf"));
        numbers(place, &input, 4);
        let handler = |Json(n): Json<u32>| if n == 2 { Err("two") } else { Ok(n.to_string()) };
        let app = App::new(&app, &place.kafi).kaf_compat();
        let done = app.process(&input, out.as_str(), "json", "auto", handler).run_to_end().unwrap();
        assert_eq!((done.processed, done.failed, done.skipped), (3, 1, 1));
        assert_eq!(place.values(&out), ["0", "1", "3"]);
    });
}

#[test]
fn as_with_kaf_what_asks_kafka_is_tried_for_ever() {
    everywhere(|place| {
        let (input, out) = (place.name("in"), place.name("out"));
        let app = App::new(place.name("for-ever"), &place.kafi).kaf_compat();
        let stop = app.stop();
        let app = app.process(&input, out.as_str(), "json", "auto", |Json(n): Json<u32>| n.to_string());
        let runs = std::thread::spawn(move || app.run_until_stopped());
        // Neither the topic that it reads is there, nor, later, the one that it writes.
        std::thread::sleep(Duration::from_millis(50));
        place.topic("in", 1);
        numbers(place, &input, 3);
        std::thread::sleep(Duration::from_millis(300));
        assert!(!runs.is_finished());
        place.topic("out", 1);
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while place.values(&out).len() < 3 && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.cancel();
        runs.join().unwrap().unwrap();
        assert_eq!(place.values(&out), ["0", "1", "2"]);
    });
}

#[test]
fn an_output_that_is_too_large_is_a_failure_of_its_message() {
    for place in &[memory(), folder(), broker()] {
        let (input, letters, app) = (place.topic("in", 1), place.topic("dlq", 1), place.name("large"));
        let out = place.name("out");
        place.kafi.create(&NewTopic::new(&out).partitions(1).config("max.message.bytes", "20000")).unwrap();
        numbers(place, &input, 300);
        let run = |letters: &str| {
            let handler = |Json(n): Json<u32>| {
                let size = if [50, 51, 200].contains(&n) { 30_000 } else { 10 };
                [Output::new(format!("{n} first")), Output::new(format!("{n} {}", "x".repeat(size)))].to_vec()
            };
            let route = Route::new(&input).publish_to(out.as_str()).order(Order::Key).concurrency(4);
            let route = route.on_error(OnError::DeadLetter(letters.to_string())).handle(handler);
            App::new(&app, &place.kafi).route(route).run_to_end()
        };
        // Also a dead letter may be too large: then nothing is left but to stop.
        let small = place.name("small-dlq");
        place.kafi.create(&NewTopic::new(&small).partitions(1).config("max.message.bytes", "100")).unwrap();
        let error = run(&small).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.to_string().contains("write dead letter"), "{error}");
        // Perhaps nothing was committed at all.
        let committed = place.kafi.group_offsets(&app).unwrap_or_default();
        assert!(committed.iter().all(|offset| offset.offset <= 50));

        let done = run(&letters).unwrap();
        assert_eq!(done.dead_letters, 3);
        let mut dead = place.values(&letters);
        dead.sort();
        // What is handed over again because of another one may be written twice.
        dead.dedup();
        assert_eq!(dead, ["200", "50", "51"]);
        assert!(header(&place.messages(&letters)[0], "kafi.error.message").to_lowercase().contains("large"));
        let values = place.values(&out);
        for n in (0..300).filter(|n| ![50, 51, 200].contains(n)) {
            assert!(values.contains(&format!("{n} first")) && values.contains(&format!("{n} xxxxxxxxxx")), "{n}");
        }
        assert_eq!(place.committed(&app)[0].offset, 300);
    }
}

#[test]
fn a_replayed_letter_that_fails_again_says_what_happened_last() {
    let place = memory();
    let (input, letters) = (place.topic("in", 1), place.topic("dlq", 1));
    let old = Outgoing::new(1).key("k").header("kafi.error.message", "old").header("mine", "kept");
    place.kafi.produce(&input, [old]).unwrap();
    let route = Route::new(&input).retry(Retries::none()).on_error(OnError::DeadLetter(letters.clone()));
    let app = App::new("again", &place.kafi).route(route.handle(|_: Key<String>| Err::<(), _>("new")));
    app.run_to_end().unwrap();
    let letter = &place.messages(&letters)[0];
    assert!(header(letter, "kafi.error.message").ends_with("new") && header(letter, "mine") == "kept");
    assert_eq!(letter.headers.as_headers().len(), 8);
}
