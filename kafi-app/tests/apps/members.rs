//! Several members of a group that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafi_app::{App, Json, Key, Order, Output, Route};
use kafi_core::{Cancel, Result};

use crate::support::{Place, broker, text};

const MESSAGES: u32 = 3_000;

/// A member that runs until it is stopped.
fn member(
    place: &Place,
    name: &str,
    topics: [&str; 2],
    handled: &Arc<AtomicU32>,
) -> (Cancel, thread::JoinHandle<Result<kafi_app::Done>>) {
    let handled = Arc::clone(handled);
    let handler = move |Key(key): Key<String>, Json(n): Json<u32>| {
        thread::sleep(Duration::from_micros(500));
        handled.fetch_add(1, Ordering::SeqCst);
        Output::new(n.to_string()).key(key)
    };
    let [input, out] = topics;
    let route = Route::new(input).publish_to(out).order(Order::Key).concurrency(4).handle(handler);
    let app = App::new(name, &place.kafi).consumer_batch_size(50).in_work_max(200, 1 << 20).route(route);
    (app.stop(), thread::spawn(move || app.run_until_stopped()))
}

#[test]
fn nothing_is_lost_while_members_come_and_go() {
    let place = broker();
    let (input, out, name) = (place.topic("in", 6), place.topic("out", 3), place.name("members"));
    place.kafi.produce(&input, (0..MESSAGES).map(|n| (format!("k{}", n % 101), n))).unwrap();
    let handled = Arc::new(AtomicU32::new(0));
    let start = || member(&place, &name, [&input, &out], &handled);
    let mut members = vec![start()];
    // Each time a few hundred more are handled, one comes, and the oldest goes.
    for round in 1..=5 {
        let until = Instant::now() + Duration::from_secs(60);
        while handled.load(Ordering::SeqCst) < round * 300 && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        members.push(start());
        if round > 2 {
            let (stop, oldest) = members.remove(0);
            stop.cancel();
            oldest.join().unwrap().unwrap();
        }
    }
    let is_done = || {
        let committed = place.kafi.group_offsets(&name).unwrap_or_default();
        committed.iter().map(|offset| offset.offset).sum::<i64>() == i64::from(MESSAGES)
    };
    let until = Instant::now() + Duration::from_secs(120);
    while !is_done() && Instant::now() < until {
        thread::sleep(Duration::from_millis(200));
    }
    for (stop, member) in members {
        stop.cancel();
        member.join().unwrap().unwrap();
    }
    assert!(is_done(), "{:?}", place.committed(&name));
    let values: BTreeSet<u32> = place.messages(&out).iter().map(|m| text(&m.value).parse().unwrap()).collect();
    assert_eq!(values.len() as u32, MESSAGES, "each message has its output");
    let doubled = place.messages(&out).len() as u32 - MESSAGES;
    assert!(doubled < MESSAGES / 2, "{doubled} are doubled");
}
