//! Apps under test: a clock that does not wait, and faults on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kafi_app::testing::{Fault, Step, TestApp};
use kafi_app::{App, Breaker, Json, Meta, OnError, Order, Retries, Route};
use kafi_core::{Error, ErrorKind, json};
use kafi_shell::Outgoing;

use crate::support::{Place, broker, folder, memory};
use crate::surface::asked;

const MINUTE: Duration = Duration::from_secs(60);

fn route() -> Route {
    Route::new("in").publish_to("out").accepts("json").returns("json")
}

fn test(place: &Place, route: Route) -> TestApp {
    TestApp::new(App::new("test", &place.kafi).route(route)).unwrap()
}

#[test]
fn retries_rates_and_breakers_do_not_wait() {
    for place in [memory(), folder()] {
        // Four waits: 1, 2, 3 and 3 hours, as the cap says; jitter is a quarter at most, and never more than the cap.
        let handler = |Json(n): Json<u32>, meta: Meta| if meta.attempt < 5 { Err("later") } else { Ok(Json(n)) };
        let retries = Retries::exponential(5, 60 * MINUTE).cap(180 * MINUTE);
        let mut slow = test(&place, route().retry(retries).handle(handler));
        slow.send("in", [7].map(Outgoing::new)).unwrap();
        let done = slow.run_until_idle().unwrap();
        assert_eq!((done.processed, done.failed, slow.outputs("out").unwrap()[0] == 7), (1, 4, true));
        let hours = slow.elapsed().as_secs_f64() / 3600.0;
        assert!((6.75..=9.75).contains(&hours), "{hours} hours");
        slow.stop().unwrap();

        // One a minute, of which the first does not wait.
        let mut paced = test(&place, route().rate(1.0 / 60.0).handle(|Json(n): Json<u32>| Json(n)));
        paced.send("in", [1, 2, 3].map(Outgoing::new)).unwrap();
        assert_eq!((paced.run_for(MINUTE / 2).unwrap().processed, paced.elapsed()), (1, MINUTE / 2));
        assert_eq!((paced.run_until_idle().unwrap().processed, paced.elapsed()), (3, 2 * MINUTE));
        paced.stop().unwrap();

        // Each failure is tried again at once, but for the breaker, which opens with the third.
        let failures = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&failures);
        let handler = move |Json(n): Json<u32>| {
            if counted.fetch_add(1, Ordering::SeqCst) < 5 { Err("down") } else { Ok(Json(n)) }
        };
        let route = route().retry(Retries::fixed(0, Duration::ZERO)).breaker(Breaker::new(3, MINUTE));
        let mut broken = test(&place, route.handle(handler));
        broken.send("in", [1, 2, 3].map(Outgoing::new)).unwrap();
        assert_eq!((broken.run_until_idle().unwrap().failed, broken.elapsed()), (5, 3 * MINUTE));
    }
}

#[test]
fn what_takes_too_long_by_the_clock_is_a_failure() {
    let place = memory();
    let route = route().time_out(MINUTE).retry(Retries::fixed(2, MINUTE)).on_error(OnError::DeadLetter("dlq".into()));
    let route = route.order(Order::Key).concurrency(3);
    let clock = Arc::new(std::sync::OnceLock::<kafi_app::testing::TestClock>::new());
    let sleeps = Arc::clone(&clock);
    let handler = move |Json(minutes): Json<u32>| {
        sleeps.get().unwrap().sleep(minutes * MINUTE);
        Json(minutes)
    };
    let mut test = test(&place, route.handle(handler));
    clock.set(test.clock()).ok().unwrap();
    test.send("in", [("a", 0), ("b", 10), ("c", 0)]).unwrap();
    let done = test.run_until_idle().unwrap();
    assert_eq!((done.processed, done.failed, done.dead_letters), (2, 2, 1));
    // Two attempts of a minute each, and a minute in between.
    assert_eq!(test.elapsed(), 3 * MINUTE);
    let letter = &test.dead_letters("dlq").unwrap()[0];
    assert_eq!((letter.offset, letter.attempts), (Some(1), Some(2)));
    assert!(letter.error.as_ref().unwrap().contains("longer than 60s"), "{letter:?}");
    assert_eq!(test.committed("in", 0).unwrap(), Some(3));
}

#[test]
fn an_output_that_fails_by_itself_is_the_failure_of_its_message() {
    for place in [memory(), folder()] {
        let route = route().on_error(OnError::DeadLetter("dlq".into()));
        let mut test = test(&place, route.handle(|Json(n): Json<u32>| vec![Json(n), Json(n + 100)]));
        test.inject(
            Fault::fail_output("out", Error::new(ErrorKind::TooLarge, "produce", "too large")).after(Step::Read, 1),
        );
        test.send("in", [1, 2, 3].map(Outgoing::new)).unwrap();
        let done = test.run_until_idle().unwrap();
        assert_eq!(
            (done.dead_letters, test.outputs("out").unwrap()),
            (1, [2, 102, 3, 103].map(|n| json!(n).into()).to_vec())
        );
        let letter = &test.dead_letters("dlq").unwrap()[0];
        assert_eq!(letter.offset, Some(0));
        assert!(letter.error.as_ref().unwrap().contains("too large"), "{letter:?}");
        assert_eq!(test.committed("in", 0).unwrap(), Some(3));
    }
}

#[test]
fn a_revoked_partition_lets_what_is_in_hand_be_finished_within_its_time() {
    for (minutes, committed) in [(1, Some(1)), (2, None)] {
        let place = memory();
        let clock = Arc::new(std::sync::OnceLock::<kafi_app::testing::TestClock>::new());
        let sleeps = Arc::clone(&clock);
        let handler = move |Json(n): Json<u32>| {
            sleeps.get().unwrap().sleep(n * MINUTE);
            Json(n)
        };
        let app = App::new("revoked", &place.kafi).drain_within(3 * MINUTE / 2).route(route().handle(handler));
        let mut test = TestApp::new(app).unwrap();
        clock.set(test.clock()).ok().unwrap();
        test.inject(Fault::revoke("in", 0).after(Step::Read, 1));
        test.send("in", [Outgoing::new(minutes)]).unwrap();
        test.run_for(MINUTE / 4).unwrap();
        test.run_for(10 * MINUTE).unwrap();
        assert_eq!(test.committed("in", 0).unwrap(), committed, "{minutes} minutes");
    }
}

#[test]
fn an_app_is_tested_over_a_broker_as_well() {
    let place = broker();
    let (input, out) = (place.topic("in", 1), place.topic("out", 1));
    let handler = |Json(n): Json<u32>, meta: Meta| if meta.attempt == 1 { Err("later") } else { Ok(Json(n)) };
    let app = App::new(place.name("tested"), &place.kafi).retry(Retries::fixed(2, 60 * MINUTE));
    let mut test = TestApp::new(app.process(&input, out.as_str(), "json", "json", handler)).unwrap();
    test.send(&input, [1, 2].map(Outgoing::new)).unwrap();
    assert_eq!(test.run_until_idle().unwrap().processed, 2);
    assert_eq!((test.elapsed(), test.committed(&input, 0).unwrap()), (120 * MINUTE, Some(2)));
    test.stop().unwrap();
}

#[test]
fn health_tells_of_who_stands_still() {
    let place = memory();
    let (told, heard) = std::sync::mpsc::channel();
    let clock = Arc::new(std::sync::OnceLock::<kafi_app::testing::TestClock>::new());
    let sleeps = Arc::clone(&clock);
    let handler = move |Json(minutes): Json<u32>| sleeps.get().unwrap().sleep(minutes * MINUTE);
    let app = App::new("health", &place.kafi).http("127.0.0.1:0").on_http(move |address| told.send(address).unwrap());
    let retries = Retries::fixed(0, 20 * MINUTE);
    let app = app.route(Route::new("in").accepts("json").handle(handler)).route(
        // One that fails again and again, so that its partition does not go on.
        Route::new("poison").accepts("json").retry(retries).handle(|_: Json<u32>| Err::<(), _>("poison")),
    );
    let mut test = TestApp::new(app).unwrap();
    clock.set(test.clock()).ok().unwrap();
    test.run_for(MINUTE).unwrap();
    let address = heard.recv().unwrap();
    let says = |path: &str, what: &str| {
        let said = asked(address, path);
        assert!(said.contains(what), "{path}: {what} in {said}");
    };
    says("/livez", "200 OK");
    says("/readyz", "200 OK");

    // A handler hangs: nobody returns, and nothing is committed.
    test.send("in", [Outgoing::new(30)]).unwrap();
    test.run_for(4 * MINUTE).unwrap();
    says("/livez", "200 OK");
    says("/readyz", "200 OK");
    test.run_for(4 * MINUTE).unwrap();
    says("/livez", "503 Service Unavailable");
    says("/readyz", "no handler has returned for");
    test.run_for(30 * MINUTE).unwrap();
    says("/livez", "200 OK");
    says("/readyz", "200 OK");

    // A message that always fails holds up its partition, while others go on: a new process would do no better.
    test.send("poison", [Outgoing::new(1)]).unwrap();
    test.run_for(MINUTE).unwrap();
    says("/readyz", "200 OK");
    test.send("in", [Outgoing::new(0)]).unwrap();
    test.run_for(10 * MINUTE).unwrap();
    says("/livez", "200 OK");
    says("/readyz", "nothing of topic poison, partition 0 was committed for");
    test.stop().unwrap();
}
