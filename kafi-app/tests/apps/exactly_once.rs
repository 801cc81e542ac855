//! Exactly once: transactions with the offsets inside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafi_app::{App, Done, Json, Key, OnError, Order, Output, Retries, Route};
use kafi_core::{Cancel, ErrorKind, NewTopic, Result, Value};
use kafi_shell::Kafi;
use kafi_testkit::servers;

use crate::support::{Place, broker, memory, settled, text};

fn numbers(place: &Place, topic: &str, count: u32) {
    place.kafi.produce(topic, (0..count).map(|n| (format!("k{}", n % 37), n))).unwrap();
}

/// The numbers of a topic, once as many messages are committed.
fn committed(place: &Place, topic: &str, count: usize) -> Vec<u32> {
    let seen = || place.values(topic).iter().map(|value| value.parse().unwrap()).collect::<Vec<u32>>();
    let mut values = settled(seen, |values| values.len() >= count);
    values.sort();
    values
}

fn route(topics: [&str; 2], order: Order) -> Route {
    let handler = |Key(key): Key<String>, Json(n): Json<u32>| Output::new(n.to_string()).key(key);
    Route::new(topics[0]).publish_to(topics[1]).order(order).concurrency(4).handle(handler)
}

#[test]
fn it_is_refused_where_there_are_no_transactions() {
    let (place, cluster) = (memory(), broker());
    let (input, out) = (place.topic("in", 1), place.topic("out", 1));
    let refused = |app: App| app.exactly_once().run_to_end().unwrap_err();
    let plain = || route([&input, &out], Order::Partition);
    let error = refused(App::new("refused", &place.kafi).route(plain()));
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("mem"), "{error}");
    let error = refused(App::new("refused", &cluster.kafi).producer(&place.kafi).route(plain()));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = refused(App::new("refused", &cluster.kafi).route(plain()).route(plain()));
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("one route for each topic"), "{error}");
    let other = [("bootstrap.servers".to_string(), servers::variable("KAFI_TEST_KAFKA_PAIR").to_string())];
    let other = Kafi::new(kafi_cluster::open("other", &other).unwrap(), Default::default());
    let error = refused(App::new("refused", &cluster.kafi).producer(&other).route(plain()));
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("one cluster"), "{error}");
}

#[test]
fn each_message_has_its_output_once_whatever_the_order() {
    let place = broker();
    for (name, order) in [("partition", Order::Partition), ("key", Order::Key), ("none", Order::None)] {
        let (input, out) = (place.topic(&format!("in-{name}"), 3), place.topic(&format!("out-{name}"), 2));
        numbers(&place, &input, 2_000);
        let run = || {
            let app = App::new(place.name(name), &place.kafi).exactly_once();
            app.transactions_of(300, Duration::from_millis(50))
                .route(route([&input, &out], order))
                .run_to_end()
                .unwrap()
        };
        let done = run();
        assert_eq!((done.consumed, done.processed, done.published), (2_000, 2_000, 2_000));
        assert_eq!(committed(&place, &out, 2_000), (0..2_000).collect::<Vec<_>>());
        let committed: i64 = place.committed(&place.name(name)).iter().map(|offset| offset.offset).sum();
        assert_eq!(committed, 2_000);
        assert_eq!(run(), Done::default());
        if order != Order::None {
            let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            for message in place.messages(&out) {
                by_key.entry(text(&message.key)).or_default().push(text(&message.value).parse().unwrap());
            }
            assert!(by_key.values().all(|numbers| numbers.is_sorted()), "{by_key:?}");
        }
    }
}

#[test]
fn what_fails_is_dead_or_stops_within_its_transaction() {
    let place = broker();
    let (input, letters, name) = (place.topic("in", 1), place.topic("dlq", 1), place.name("fails"));
    let out = place.name("out");
    place.kafi.create(&NewTopic::new(&out).config("max.message.bytes", "2000")).unwrap();
    numbers(&place, &input, 30);
    let run = |stops: bool| {
        let handler = move |Json(n): Json<u32>| match n {
            5 => Err("five"),
            11 => Ok(Output::new(vec![b'0'; 9_000])),
            20 if stops => Err("stop"),
            n => Ok(Output::new(n.to_string())),
        };
        let policy = if stops { OnError::Stop } else { OnError::DeadLetter(letters.clone()) };
        let route = Route::new(&input).publish_to(out.as_str()).retry(Retries::none());
        App::new(&name, &place.kafi).exactly_once().route(route.on_error(policy).handle(handler)).run_to_end()
    };
    let error = run(true).unwrap_err();
    assert!(error.to_string().contains("five"), "{error}");
    assert_eq!(committed(&place, &out, 5), [0, 1, 2, 3, 4]);
    let done = run(false).unwrap();
    assert_eq!((done.dead_letters, done.published), (2, 25));
    let expected: Vec<u32> = (0..30).filter(|n| ![5, 11].contains(n)).collect();
    assert_eq!(committed(&place, &out, 28), expected);
    let dead: Vec<Value> = place.messages(&letters).into_iter().map(|message| message.value).collect();
    assert_eq!(dead.iter().map(text).collect::<Vec<_>>(), ["5", "11"]);
    assert_eq!(place.committed(&name)[0].offset, 30);
}

/// A member that runs until it is stopped.
fn member(
    place: &Place,
    topics: [&str; 2],
    order: Order,
    handled: &Arc<AtomicU32>,
) -> (Cancel, thread::JoinHandle<Result<Done>>) {
    let handled = Arc::clone(handled);
    let handler = move |Key(key): Key<String>, Json(n): Json<u32>| {
        thread::sleep(Duration::from_micros(300));
        handled.fetch_add(1, Ordering::SeqCst);
        Output::new(n.to_string()).key(key)
    };
    let route = Route::new(topics[0]).publish_to(topics[1]).order(order).concurrency(3).handle(handler);
    let app = App::new(place.name("storm"), &place.kafi).exactly_once().consumer_batch_size(100);
    let app = app.in_work_max(400, 1 << 20).transactions_of(200, Duration::from_millis(20)).route(route);
    (app.stop(), thread::spawn(move || app.run_until_stopped()))
}

#[test]
fn nothing_is_doubled_while_members_come_and_go() {
    const MESSAGES: u32 = 4_000;
    let place = broker();
    let (input, out) = (place.topic("in", 6), place.topic("out", 3));
    numbers(&place, &input, MESSAGES);
    let handled = Arc::new(AtomicU32::new(0));
    let orders = [Order::Key, Order::None, Order::Partition];
    let mut members = Vec::new();
    for round in 0..6 {
        members.push(member(&place, [&input, &out], orders[round as usize % 3], &handled));
        let until = Instant::now() + Duration::from_secs(60);
        while handled.load(Ordering::SeqCst) < (round + 1) * 400 && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        if members.len() > 2 {
            let (stop, oldest) = members.remove(0);
            stop.cancel();
            oldest.join().unwrap().unwrap();
        }
    }
    let values = committed(&place, &out, MESSAGES as usize);
    for (stop, member) in members {
        stop.cancel();
        member.join().unwrap().unwrap();
    }
    assert_eq!(values, (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn an_instance_is_fenced_by_a_later_one_of_its_name() {
    let place = broker();
    let (input, out, id) = (place.topic("in", 2), place.topic("out", 1), place.name("id"));
    let start = || {
        let app = App::new(place.name("fenced"), &place.kafi).exactly_once().transactional_id(&id);
        let app = app.route(route([&input, &out], Order::Partition));
        (app.stop(), thread::spawn(move || app.run_until_stopped()))
    };
    let (_, first) = start();
    numbers(&place, &input, 500);
    committed(&place, &out, 500);
    let (stop, second) = start();
    // The first one notices when it has something to write, which it gets for as long as it is a member.
    let mut made = 500;
    let until = Instant::now() + Duration::from_secs(60);
    while !first.is_finished() && Instant::now() < until {
        place.kafi.produce(&input, (made..made + 20).map(|n| (format!("k{n}"), n))).unwrap();
        made += 20;
        thread::sleep(Duration::from_millis(100));
    }
    let error = first.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error:?}");
    assert_eq!(committed(&place, &out, made as usize), (0..made).collect::<Vec<_>>());
    stop.cancel();
    second.join().unwrap().unwrap();
}
