//! What a crash leaves of an app: the rows of docs/concepts/crash-points.md, a test each.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafi_app::testing::{Fault, Step, TestApp};
use kafi_app::{App, Json, Key, Meta, OnError, Order, Output, Retries, Route};
use kafi_core::{CommittedOffset, Error, ErrorKind, NewTopic};
use kafi_shell::{Kafi, Outgoing};

use crate::support::{Place, broker, folder, memory, settled};

/// Runs a case over memory and a folder.
fn emulated(case: impl Fn(&Place)) {
    case(&memory());
    case(&folder());
}

/// An app that publishes what it reads, and counts what it handles.
fn echo(kafi: &Kafi) -> (TestApp, Arc<AtomicU32>) {
    let handled = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&handled);
    let handler = move |Json(n): Json<u32>| {
        counted.fetch_add(1, Ordering::SeqCst);
        Json(n)
    };
    (TestApp::new(App::new("echo", kafi).process("in", "out", "json", "json", handler)).unwrap(), handled)
}

/// The app crashes after this step with the third of four messages, of which two were committed before, and starts
/// again. Gives what it handled and wrote in all.
fn crashed_after(step: Step, place: &Place) -> (u32, Vec<u64>) {
    let (mut test, handled) = echo(&place.kafi);
    test.send("in", [1, 2].map(Outgoing::new)).unwrap();
    assert_eq!(test.run_until_idle().unwrap().processed, 2);
    assert_eq!(test.committed("in", 0).unwrap(), Some(2));
    test.inject(Fault::crash().after(step, 1));
    test.send("in", [3].map(Outgoing::new)).unwrap();
    test.run_until_idle().unwrap();
    assert!(!test.is_running(), "{step:?}: it has crashed");
    test.send("in", [4].map(Outgoing::new)).unwrap();
    test.run_until_idle().unwrap();
    assert!(test.is_running());
    assert_eq!(test.committed("in", 0).unwrap(), Some(4));
    (handled.load(Ordering::SeqCst), numbers(&test))
}

fn numbers(test: &TestApp) -> Vec<u64> {
    test.outputs("out").unwrap().iter().map(|value| value.int().unwrap() as u64).collect()
}

#[test]
fn after_it_was_read() {
    emulated(|place| assert_eq!(crashed_after(Step::Read, place), (4, vec![1, 2, 3, 4])));
}

#[test]
fn after_it_was_handled() {
    emulated(|place| assert_eq!(crashed_after(Step::Handled, place), (5, vec![1, 2, 3, 4])));
}

#[test]
fn after_its_outputs_were_written() {
    emulated(|place| assert_eq!(crashed_after(Step::Produced, place), (5, vec![1, 2, 3, 3, 4])));
}

#[test]
fn after_its_outputs_were_reported() {
    emulated(|place| assert_eq!(crashed_after(Step::Reported, place), (5, vec![1, 2, 3, 3, 4])));
}

#[test]
fn after_it_was_committed() {
    emulated(|place| assert_eq!(crashed_after(Step::Committed, place), (4, vec![1, 2, 3, 4])));
}

#[test]
fn while_it_waits_to_be_tried_again() {
    emulated(|place| {
        let tries = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&tries);
        let handler = move |Json(n): Json<u32>, Key(key): Key<String>, meta: Meta| {
            seen.lock().unwrap().push((n, meta.attempt));
            if n == 1 && meta.attempt < 3 { Err("later") } else { Ok(Output::new(n.to_string()).key(key)) }
        };
        let route = Route::new("in").publish_to("out").accepts("json").order(Order::Key);
        let route = route.retry(Retries::fixed(5, Duration::from_secs(60))).handle(handler);
        let mut test = TestApp::new(App::new("parked", &place.kafi).route(route)).unwrap();
        test.send("in", (0..4).map(|n| (format!("k{n}"), n))).unwrap();
        test.run_for(Duration::from_secs(90)).unwrap();
        let commits = test.commits();
        let CommittedOffset { offset, metadata, .. } = commits.last().unwrap();
        assert_eq!((*offset, metadata.is_empty()), (1, false), "what lies behind it is kept beside the offset");
        test.crash();
        tries.lock().unwrap().clear();
        test.run_until_idle().unwrap();
        assert_eq!(*tries.lock().unwrap(), [(1, 1), (1, 2), (1, 3)], "it begins anew, and alone");
        assert_eq!(test.committed("in", 0).unwrap(), Some(4));
        let mut values = place.values("out");
        values.sort();
        assert_eq!(values, ["0", "1", "2", "3"]);
        assert_eq!(test.elapsed(), Duration::from_secs(90 + 120));
    });
}

/// An app whose handler refuses everything, so that it becomes a dead letter.
fn refusing(kafi: &Kafi) -> TestApp {
    let route = Route::new("in").retry(Retries::none()).on_error(OnError::DeadLetter("dlq".into()));
    let handler = |_: Json<u32>| Err::<(), _>("no");
    TestApp::new(App::new("refusing", kafi).route(route.accepts("json").handle(handler))).unwrap()
}

#[test]
fn after_a_dead_letter_was_written() {
    emulated(|place| {
        let mut test = refusing(&place.kafi);
        test.inject(Fault::crash().after(Step::Produced, 1));
        test.send("in", [1].map(Outgoing::new)).unwrap();
        test.run_until_idle().unwrap();
        assert_eq!((test.is_running(), test.committed("in", 0).unwrap()), (false, None));
        test.run_until_idle().unwrap();
        let offsets: Vec<_> = test.dead_letters("dlq").unwrap().iter().map(|letter| letter.offset).collect();
        assert_eq!((offsets, test.committed("in", 0).unwrap()), (vec![Some(0), Some(0)], Some(1)));
    });
}

#[test]
fn where_a_dead_letter_cannot_be_written() {
    emulated(|place| {
        let mut test = refusing(&place.kafi);
        test.inject(Fault::fail_output("dlq", Error::new(ErrorKind::TooLarge, "produce", "too large")));
        test.send("in", [1, 2].map(Outgoing::new)).unwrap();
        let error = test.run_until_idle().unwrap_err();
        assert!(error.to_string().contains("a dead letter cannot be written: too large"), "{error}");
        assert_eq!((test.is_running(), test.committed("in", 0).unwrap().unwrap_or(0)), (false, 0));
        test.run_until_idle().unwrap();
        assert_eq!(test.dead_letters("dlq").unwrap().len(), 2);
        assert_eq!(test.committed("in", 0).unwrap(), Some(2));
    });
}

#[test]
fn where_an_output_cannot_be_written() {
    emulated(|place| {
        let (mut test, handled) = echo(&place.kafi);
        test.inject(Fault::fail_output("out", Error::new(ErrorKind::Unavailable, "produce", "no such disk")));
        test.send("in", [1, 2].map(Outgoing::new)).unwrap();
        test.run_until_idle().unwrap_err();
        assert_eq!((numbers(&test), test.committed("in", 0).unwrap().unwrap_or(0)), (vec![], 0));
        test.run_until_idle().unwrap();
        assert_eq!((numbers(&test), test.committed("in", 0).unwrap()), (vec![1, 2], Some(2)));
        assert!(handled.load(Ordering::SeqCst) >= 3);
    });
}

#[test]
fn when_a_partition_is_taken_back() {
    emulated(|place| {
        place.kafi.create(&NewTopic::new("in").partitions(2)).unwrap();
        let (mut test, handled) = echo(&place.kafi);
        test.send("in", (0..4).map(|n| Outgoing::new(n).partition(n % 2))).unwrap();
        // The reports are in, and nothing is committed yet.
        test.inject(Fault::revoke("in", 0).after(Step::Reported, 4));
        test.run_until_idle().unwrap();
        assert_eq!(test.committed("in", 0).unwrap(), Some(2), "what was done is committed before");
        test.send("in", (4..8).map(|n| Outgoing::new(n).partition(n % 2))).unwrap();
        test.run_until_idle().unwrap();
        assert_eq!((test.committed("in", 0).unwrap(), test.committed("in", 1).unwrap()), (Some(2), Some(4)));
        assert_eq!(handled.load(Ordering::SeqCst), 6, "what lies in it is for others");
        test.inject(Fault::restore("in", 0));
        test.run_until_idle().unwrap();
        assert_eq!((handled.load(Ordering::SeqCst), test.committed("in", 0).unwrap()), (8, Some(4)));
        let mut all = numbers(&test);
        all.sort();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    });
}

#[test]
fn when_a_partition_is_lost() {
    emulated(|place| {
        place.kafi.create(&NewTopic::new("in").partitions(2)).unwrap();
        let (mut test, handled) = echo(&place.kafi);
        test.send("in", [Outgoing::new(0).partition(0)]).unwrap();
        test.inject(Fault::lose("in", 0).after(Step::Reported, 1));
        test.run_until_idle().unwrap();
        assert_eq!((numbers(&test), test.commits()), (vec![0], vec![]), "it commits nothing for what it has lost");
        test.inject(Fault::restore("in", 0));
        test.run_until_idle().unwrap();
        assert_eq!((numbers(&test), handled.load(Ordering::SeqCst)), (vec![0, 0], 2), "it is handled again");
        assert_eq!(test.committed("in", 0).unwrap(), Some(1));
    });
}

#[test]
fn when_it_is_asked_to_stop() {
    emulated(|place| {
        let (mut test, handled) = echo(&place.kafi);
        test.send("in", [1, 2, 3].map(Outgoing::new)).unwrap();
        test.run_until_idle().unwrap();
        let done = test.stop().unwrap();
        assert_eq!((done.processed, test.is_running(), test.committed("in", 0).unwrap()), (3, false, Some(3)));
        test.run_until_idle().unwrap();
        assert_eq!(handled.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn between_two_routes_of_a_topic() {
    emulated(|place| {
        let app = App::new("two", &place.kafi)
            .process("in", "out", "json", "json", |Json(n): Json<u32>| Json(n))
            .process("in", "other", "json", "json", |Json(n): Json<u32>| Json(n));
        let mut test = TestApp::new(app).unwrap();
        test.inject(Fault::crash().after(Step::Produced, 1));
        test.send("in", [1].map(Outgoing::new)).unwrap();
        test.run_until_idle().unwrap();
        test.run_until_idle().unwrap();
        let written = [test.outputs("out").unwrap().len(), test.outputs("other").unwrap().len()];
        assert!(written == [2, 1] || written == [1, 2], "{written:?}");
        assert_eq!(test.committed("in", 0).unwrap(), Some(1));
    });
}

/// An app with exactly once crashes after this step with its second message, and starts again. Gives how often it handled
/// a message, and what others see of its outputs.
fn crashed_exactly_once(step: Step) -> (u32, Vec<String>) {
    let place = broker();
    let (input, out) = (place.topic("in", 1), place.topic("out", 1));
    let handled = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&handled);
    let handler = move |Json(n): Json<u32>| {
        counted.fetch_add(1, Ordering::SeqCst);
        Json(n)
    };
    let app = App::new(place.name("once"), &place.kafi).exactly_once().transactional_id(place.name("id"));
    let mut test = TestApp::new(app.process(&input, out.as_str(), "json", "json", handler)).unwrap();
    test.send(&input, [1].map(Outgoing::new)).unwrap();
    test.run_until_idle().unwrap();
    assert_eq!(settled(|| test.committed(&input, 0).unwrap(), |offset| *offset == Some(1)), Some(1));
    test.inject(Fault::crash().after(step, 1));
    test.send(&input, [2].map(Outgoing::new)).unwrap();
    test.run_until_idle().unwrap();
    assert!(!test.is_running(), "{step:?}: it has crashed");
    test.send(&input, [3].map(Outgoing::new)).unwrap();
    test.run_until_idle().unwrap();
    assert!(test.is_running());
    assert_eq!(settled(|| test.committed(&input, 0).unwrap(), |offset| *offset == Some(3)), Some(3));
    assert_eq!(test.commits().last().map(|committed| committed.offset), Some(3));
    test.stop().unwrap();
    (handled.load(Ordering::SeqCst), settled(|| place.values(&out), |values| values.len() >= 3))
}

#[test]
fn before_its_transaction_begins() {
    assert_eq!(crashed_exactly_once(Step::Handled), (4, ["1", "2", "3"].map(String::from).to_vec()));
}

#[test]
fn within_its_transaction() {
    assert_eq!(crashed_exactly_once(Step::Produced), (4, ["1", "2", "3"].map(String::from).to_vec()));
}

#[test]
fn before_its_transaction_is_committed() {
    assert_eq!(crashed_exactly_once(Step::Reported), (4, ["1", "2", "3"].map(String::from).to_vec()));
}

#[test]
fn after_its_transaction_was_committed() {
    assert_eq!(crashed_exactly_once(Step::Committed), (3, ["1", "2", "3"].map(String::from).to_vec()));
}

#[test]
fn each_row_of_the_page_has_its_test() {
    let page = include_str!("../../../docs/concepts/crash-points.md");
    let source = include_str!("crashes.rs");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains(" | `")).collect();
    assert!(rows.len() >= 12, "{rows:?}");
    for row in &rows {
        let test = row.trim_end_matches(" |").rsplit(" | ").next().unwrap().trim_matches('`');
        assert!(source.contains(&format!("fn {test}()")), "{test} is no test");
    }
    let tests = source.lines().filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("() {"));
    for test in tests.filter(|test| *test != "each_row_of_the_page_has_its_test") {
        assert!(rows.iter().any(|row| row.contains(&format!("`{test}`"))), "{test} has no row");
    }
}
