//! Order, parking, time-outs, and what a restart finds done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use kafi_app::{App, Breaker, Json, Key, Meta, OnError, Order, Output, Retries, Route};
use kafi_shell::Outgoing;

use crate::support::{everywhere, memory, patient_broker, text};

/// How many are there at once, and at most.
#[derive(Default)]
struct Crowd {
    now: AtomicU32,
    most: AtomicU32,
}

impl Crowd {
    fn visit(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(1));
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn keys_have_an_order_and_are_handled_at_the_same_time() {
    everywhere(|place| {
        let (input, out) = (place.topic("in", 3), place.topic("out", 1));
        let messages = (0..600).map(|n| (format!("k{}", n % 20), n));
        place.kafi.produce(&input, messages).unwrap();
        let (crowd, active) = (Arc::new(Crowd::default()), Arc::new(Mutex::new(BTreeSet::new())));
        let watched = Arc::clone(&crowd);
        let handler = move |Key(key): Key<String>, Json(n): Json<u32>| {
            assert!(active.lock().unwrap().insert(key.clone()), "a key is handled by one thread at a time");
            watched.visit();
            active.lock().unwrap().remove(&key);
            Output::new(n.to_string()).key(key)
        };
        let route = Route::new(&input).publish_to(out.as_str()).order(Order::Key).concurrency(8).handle(handler);
        let app = place.name("keys");
        let done = App::new(&app, &place.kafi).route(route).run_to_end().unwrap();
        assert_eq!((done.processed, done.failed), (600, 0));
        assert!(crowd.most.load(Ordering::SeqCst) > 1 && crowd.most.load(Ordering::SeqCst) <= 8);
        let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for message in place.messages(&out) {
            by_key.entry(text(&message.key)).or_default().push(text(&message.value).parse().unwrap());
        }
        assert_eq!(by_key.len(), 20);
        assert!(by_key.values().all(|numbers| numbers.len() == 30 && numbers.is_sorted()));
        let committed: i64 = place.committed(&app).iter().map(|offset| offset.offset).sum();
        assert_eq!(committed, 600);
        assert!(place.committed(&app).iter().all(|offset| offset.metadata.is_empty()));
    });
}

#[test]
fn outputs_of_a_key_do_not_overtake_each_other_in_fast_hands() {
    let place = memory();
    let (input, out) = (place.topic("in", 1), place.topic("out", 1));
    place.kafi.produce(&input, (0..6_000).map(|n| (format!("k{}", n % 20), n))).unwrap();
    let handler = move |Json(n): Json<u32>, Key(key): Key<String>| {
        if n % 61 == 0 {
            // The next one of the key is in other hands, while what came of this one is gathered with others.
            thread::yield_now();
        }
        Output::new(n.to_string()).key(key)
    };
    let route = Route::new(&input).publish_to(out.as_str()).order(Order::Key).concurrency(8).handle(handler);
    assert_eq!(App::new("fast", &place.kafi).route(route).run_to_end().unwrap().processed, 6_000);
    let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for message in place.messages(&out) {
        by_key.entry(text(&message.key)).or_default().push(text(&message.value).parse().unwrap());
    }
    assert!(by_key.values().all(|numbers| numbers.len() == 300 && numbers.is_sorted()));
}

#[test]
fn a_key_that_fails_waits_and_others_go_on() {
    everywhere(|place| {
        let (input, out) = (place.topic("in", 1), place.topic("out", 1));
        let messages = (0..60).map(|n| (format!("k{}", n % 3), n));
        place.kafi.produce(&input, messages).unwrap();
        // The first message of a key fails until all of the others' are handled.
        let left = Arc::new(AtomicU32::new(40));
        let handler = move |Key(key): Key<String>, Json(n): Json<u32>| {
            if key == "k1" && n == 1 && left.load(Ordering::SeqCst) > 0 {
                return Err("not yet");
            }
            if key != "k1" {
                left.fetch_sub(1, Ordering::SeqCst);
            }
            Ok(Output::new(n.to_string()).key(key))
        };
        let route = Route::new(&input).publish_to(out.as_str()).order(Order::Key).concurrency(2);
        let route = route.retry(Retries::fixed(0, Duration::from_millis(5))).handle(handler);
        let done = App::new(place.name("parked"), &place.kafi).route(route).run_to_end().unwrap();
        assert_eq!(done.processed, 60);
        let parked = place.messages(&out).into_iter().filter(|message| text(&message.key) == "k1");
        let parked: Vec<u32> = parked.map(|message| text(&message.value).parse().unwrap()).collect();
        assert_eq!(parked, (0..20).map(|n| 3 * n + 1).collect::<Vec<_>>());
    });
}

#[test]
fn what_was_done_beyond_the_committed_offset_is_not_done_again() {
    everywhere(|place| {
        let (input, out, app) = (place.topic("in", 1), place.topic("out", 1), place.name("restart"));
        place.kafi.produce(&input, (0..50).map(|n| (format!("k{n}"), n))).unwrap();
        let others = Arc::new((Mutex::new(0), Condvar::new()));
        let run = |fails: bool| {
            let others = Arc::clone(&others);
            let handler = move |Json(n): Json<u32>| {
                if fails && n == 10 {
                    // It fails once the others are through, and so stops the app.
                    let count = others.0.lock().unwrap();
                    drop(others.1.wait_while(count, |count| *count < 49).unwrap());
                    return Err("ten");
                }
                *others.0.lock().unwrap() += 1;
                others.1.notify_all();
                Ok(Output::new(n.to_string()))
            };
            let route = Route::new(&input).publish_to(out.as_str()).order(Order::Key).concurrency(3);
            App::new(&app, &place.kafi).route(route.retry(Retries::none()).handle(handler)).run_to_end()
        };
        run(true).unwrap_err();
        let committed = &place.committed(&app)[0];
        assert_eq!(committed.offset, 10);
        assert!(committed.metadata.starts_with("kafi-done-1:"), "{}", committed.metadata);
        let done = run(false).unwrap();
        assert_eq!((done.consumed, done.processed), (1, 1), "only the one that failed");
        let mut values: Vec<u32> = place.values(&out).iter().map(|value| value.parse().unwrap()).collect();
        values.sort();
        assert_eq!(values, (0..50).collect::<Vec<_>>());
        let committed = &place.committed(&app)[0];
        assert_eq!((committed.offset, committed.metadata.as_str()), (50, ""));
    });
}

#[test]
fn messages_without_a_key_have_no_order() {
    everywhere(|place| {
        let input = place.topic("in", 1);
        place.kafi.produce(&input, (0..20).map(Outgoing::new)).unwrap();
        let together = Arc::new((Mutex::new(0), Condvar::new()));
        // Four of them wait for each other, which they could not if one came after another.
        let handler = move |_: Json<u32>| {
            let mut count = together.0.lock().unwrap();
            *count += 1;
            together.1.notify_all();
            drop(together.1.wait_while(count, |count| *count < 4).unwrap());
        };
        let route = Route::new(&input).order(Order::Key).concurrency(4).handle(handler);
        assert_eq!(App::new(place.name("keyless"), &place.kafi).route(route).run_to_end().unwrap().processed, 20);
    });
}

#[test]
fn partitions_are_handled_at_the_same_time_and_in_order() {
    let place = memory();
    let (input, out) = (place.topic("in", 4), place.topic("out", 4));
    place.kafi.produce(&input, (0..200).map(|n| Outgoing::new(n).partition(n % 4))).unwrap();
    let together = Arc::new((Mutex::new(0), Condvar::new()));
    let handler = move |Json(n): Json<u32>, meta: Meta| {
        let mut count = together.0.lock().unwrap();
        *count += 1;
        together.1.notify_all();
        drop(together.1.wait_while(count, |count| *count < 4).unwrap());
        Output::new(n.to_string()).partition(meta.partition)
    };
    let route = Route::new(&input).publish_to(out.as_str()).concurrency(4).handle(handler);
    App::new("partitions", &place.kafi).route(route).run_to_end().unwrap();
    let mut by_partition: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for message in place.messages(&out) {
        by_partition.entry(message.partition).or_default().push(text(&message.value).parse().unwrap());
    }
    assert!(by_partition.len() == 4 && by_partition.values().all(|numbers| numbers.is_sorted()));
}

#[test]
fn what_takes_too_long_is_a_failure_and_its_outputs_are_dropped() {
    everywhere(|place| {
        let (input, out, letters) = (place.topic("in", 1), place.topic("out", 1), place.topic("dlq", 1));
        place.kafi.produce(&input, (0..6).map(|n| (format!("k{n}"), n))).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let waits = Arc::clone(&ends);
        let handler = move |Json(n): Json<u32>| {
            while n == 2 && !waits.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(2));
            }
            Output::new(n.to_string())
        };
        let route = Route::new(&input).publish_to(out.as_str()).time_out(Duration::from_millis(300));
        let route = route.retry(Retries::fixed(2, Duration::from_millis(1)));
        let route = route.on_error(OnError::DeadLetter(letters.clone())).handle(handler);
        let done = App::new(place.name("slow"), &place.kafi).route(route).run_to_end().unwrap();
        ends.store(true, Ordering::SeqCst);
        assert_eq!((done.dead_letters, done.processed), (1, 5));
        assert_eq!(
            (place.values(&letters), place.values(&out)),
            (vec!["2".to_string()], ["0", "1", "3", "4", "5"].map(String::from).to_vec())
        );
    });
}

#[test]
fn a_breaker_lets_one_try_at_a_time_while_everything_fails() {
    let place = memory();
    let input = place.topic("in", 1);
    place.kafi.produce(&input, (0..40).map(|n| (format!("k{n}"), n))).unwrap();
    let (calls, crowd) = (Arc::new(AtomicU32::new(0)), Arc::new(Crowd::default()));
    let watched = Arc::clone(&crowd);
    let handler = move |_: Json<u32>| {
        // After the fifth failure the breaker is open, until the fifteenth call is well.
        let call = calls.fetch_add(1, Ordering::SeqCst);
        if (10..15).contains(&call) {
            watched.visit();
        }
        if call < 15 { Err("down") } else { Ok(()) }
    };
    let route = Route::new(&input).order(Order::Key).concurrency(4).handle(handler);
    let mut route = route.retry(Retries::fixed(0, Duration::from_millis(1)));
    route = route.breaker(Breaker::new(5, Duration::from_millis(5)));
    let done = App::new("breaker", &place.kafi).route(route).run_to_end().unwrap();
    assert_eq!((done.processed, done.failed), (40, 15));
    assert_eq!(crowd.most.load(Ordering::SeqCst), 1);
}

#[test]
fn an_app_that_is_asked_to_stop_finishes_what_is_in_hand() {
    everywhere(|place| {
        let (input, out, name) = (place.topic("in", 1), place.topic("out", 1), place.name("stop"));
        place.kafi.produce(&input, (0..1000).map(Outgoing::new)).unwrap();
        let app = App::new(&name, &place.kafi);
        let stop = app.stop();
        let handler = move |Json(n): Json<u32>| {
            if n == 300 {
                stop.cancel();
            }
            // The wish is seen by the app's own thread.
            while n > 300 && !stop.is_cancelled() {}
            thread::sleep(Duration::from_micros(if n > 300 { 2000 } else { 0 }));
            Output::new(n.to_string())
        };
        let done = app.process(&input, out.as_str(), "json", "auto", handler).run_until_stopped().unwrap();
        assert!(done.processed > 300 && done.processed < 1000, "{done:?}");
        let committed = place.committed(&name)[0].offset;
        assert_eq!((committed as u64, place.values(&out).len() as u64), (done.processed, done.processed));
    });
}

#[test]
fn a_member_that_is_busy_for_longer_than_a_poll_may_take_stays_one() {
    let place = patient_broker(6_000);
    let (input, out, name) = (place.topic("in", 2), place.topic("out", 1), place.name("busy"));
    place.kafi.produce(&input, (0..8).map(|n| Outgoing::new(n).partition(n % 2))).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let handler = move |Json(n): Json<u32>| {
        counted.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(if n == 2 { 9_000 } else { 0 }));
        Output::new(n.to_string())
    };
    let revoked = Arc::new(AtomicU32::new(0));
    let noted = Arc::clone(&revoked);
    let app = App::new(&name, &place.kafi).in_work_max(2, 1 << 20).consumer_batch_size(1);
    let app = app.on_revoke(move |_| noted.store(1, Ordering::SeqCst));
    let done = app.process(&input, out.as_str(), "json", "auto", handler).run_to_end().unwrap();
    assert_eq!((done.processed, calls.load(Ordering::SeqCst), revoked.load(Ordering::SeqCst)), (8, 8, 0));
    let committed: i64 = place.committed(&name).iter().map(|offset| offset.offset).sum();
    assert_eq!((committed, place.values(&out).len()), (8, 8));
}
