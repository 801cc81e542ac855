//! The same app over every storage, and one whose storage is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafi::app::{App, Json, Key, Meta, OnError, Order, Output, Retries, Route};
use kafi::{Config, Kafi, NewTopic, Outgoing, Plugins, Registry, StorageKind};
use kafi_testkit::servers::toxiproxy::Proxy;
use kafi_testkit::servers::variable;

use crate::places::{Places, WAIT, read, unique};
use crate::plugin;

const MESSAGES: u32 = 90;

#[test]
fn an_app_over_all_storages() {
    let places = Places::open(&Registry::new());
    for (name, kafi) in
        [("Kafka", &places.kafka), ("folder", &places.folder), ("S3", &places.s3), ("Azure", &places.azure)]
    {
        stops_and_goes_on(name, kafi);
    }
}

fn topic(kafi: &Kafi, name: &str, partitions: i32) -> String {
    let name = unique(name);
    kafi.create(&NewTopic::new(&name).partitions(partitions).config("retention.ms", "-1")).unwrap();
    name
}

/// An app that keeps keys in order, tries again, sets aside what cannot be handled, and waits where it is full; it is
/// stopped half way.
fn stops_and_goes_on(storage: &str, kafi: &Kafi) {
    let (input, out, letters) = (topic(kafi, "app-in", 3), topic(kafi, "app-out", 2), topic(kafi, "app-dlq", 1));
    let group = unique("app");
    kafi.produce(&input, (0..MESSAGES).map(|n| (format!("k{}", n % 10), n))).unwrap();
    let run = |stops_at: Option<u32>| {
        let mut app = App::new(&group, kafi).in_work_max(8, 1 << 20).consumer_batch_size(5);
        let stop = app.stop();
        let handler = move |Json(n): Json<u32>, Key(key): Key<String>, meta: Meta| {
            if Some(n) == stops_at {
                stop.cancel();
            }
            match n {
                13 => Err("thirteen"),
                _ if n % 20 == 7 && meta.attempt == 1 => Err("later"),
                _ => Ok(Output::new(n.to_string()).key(key)),
            }
        };
        let route = Route::new(&input).publish_to(out.as_str()).accepts("json").order(Order::Key).concurrency(4);
        let route = route.retry(Retries::fixed(2, Duration::from_millis(5)));
        app = app.route(route.on_error(OnError::DeadLetter(letters.clone())).handle(handler));
        if stops_at.is_some() { app.run_until_stopped() } else { app.run_to_end() }.unwrap()
    };
    let first = run(Some(30));
    assert!(first.consumed < u64::from(MESSAGES), "{storage}: {first:?}");
    let second = run(None);
    let handled = first.processed + first.dead_letters + second.processed + second.dead_letters;
    assert_eq!(handled, u64::from(MESSAGES), "{storage}: each once: {first:?} {second:?}");
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
    let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for record in read(kafi, &out) {
        by_key.entry(text(&record.key)).or_default().push(text(&record.value).parse().unwrap());
    }
    assert!(by_key.values().all(|numbers| numbers.is_sorted()), "{storage}: {by_key:?}");
    let all: BTreeSet<u32> = by_key.values().flatten().copied().collect();
    assert_eq!(all, (0..MESSAGES).filter(|n| *n != 13).collect(), "{storage}");
    let dead: Vec<String> = read(kafi, &letters).iter().map(|record| text(&record.value)).collect();
    assert_eq!(dead, ["13"], "{storage}");
    let committed: i64 = kafi.group_offsets(&group).unwrap().iter().map(|offset| offset.offset).sum();
    assert_eq!(committed, i64::from(MESSAGES), "{storage}");
}

/// While it is full the consumer of a plugin is paused, by name over its interface, and polled, so that the member stays
/// one although its handler is busy for longer than a poll may take.
#[test]
fn a_member_of_a_loaded_storage_that_is_busy_stays_one() {
    let registry = Registry::new().with_plugins(Plugins::named(vec![plugin::library("cluster")]));
    let mut config = Config::new("busy", StorageKind::Kafka);
    let items = [
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA")),
        ("session.timeout.ms", "6000"),
        ("max.poll.interval.ms", "6000"),
    ];
    config.storage = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let kafi = registry.open_config(config).unwrap();
    let (input, out, group) = (topic(&kafi, "busy-in", 2), topic(&kafi, "busy-out", 1), unique("busy"));
    kafi.produce(&input, (0..8).map(|n| Outgoing::new(n).partition(n % 2))).unwrap();
    let (calls, revoked) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (counted, noted) = (Arc::clone(&calls), Arc::clone(&revoked));
    let handler = move |Json(n): Json<u32>| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(if n == 2 { 9_000 } else { 0 }));
        Output::new(n.to_string())
    };
    let app = App::new(&group, &kafi).in_work_max(2, 1 << 20).consumer_batch_size(1);
    let app = app.on_revoke(move |_| noted.store(1, Ordering::SeqCst));
    let done = app.process(&input, out.as_str(), "json", "auto", handler).run_to_end().unwrap();
    assert_eq!((done.processed, calls.load(Ordering::SeqCst), revoked.load(Ordering::SeqCst)), (8, 8, 0));
    let committed: i64 = kafi.group_offsets(&group).unwrap().iter().map(|offset| offset.offset).sum();
    assert_eq!((committed, read(&kafi, &out).len()), (8, 8));
}

/// What is answered at a path.
fn asked(address: SocketAddr, path: &str) -> String {
    answer(ask(address, path))
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n").as_bytes()).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

/// Asks until the answer has this in it.
fn wait_for(address: SocketAddr, path: &str, what: &str) {
    let until = Instant::now() + WAIT;
    loop {
        let said = asked(address, path);
        if said.contains(what) {
            return;
        }
        assert!(Instant::now() < until, "{path}: {what} in {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A storage that does not answer is told of, while the app lives, and says so at once.
#[test]
fn health_tells_of_a_storage_that_is_cut_off() {
    let upstream = variable("KAFI_TEST_S3").trim_start_matches("http://");
    let proxy = Proxy::new(variable("KAFI_TEST_TOXIPROXY"), upstream);
    let (endpoint, root) = (format!("http://{}", proxy.address), unique("health"));
    let mut config = Config::new("health", StorageKind::S3);
    let items = [
        ("endpoint", endpoint.as_str()),
        ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ("bucket.name", "kafi-ring"),
        ("bucket.create", "true"),
        ("root.dir", &root),
    ];
    config.storage = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let kafi = Registry::new().open_config(config).unwrap();
    let (input, out) = (topic(&kafi, "health-in", 1), topic(&kafi, "health-out", 1));
    kafi.produce(&input, [Outgoing::new(1)]).unwrap();
    let (told, heard) = channel();
    let ((began, begun), (goes_on, may_go_on)) = (channel(), channel::<()>());
    let may_go_on = Mutex::new(may_go_on);
    let handler = move |Json(n): Json<u32>| {
        began.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        Json(n + 1)
    };
    let app = App::new(unique("health"), &kafi).http("127.0.0.1:0").on_http(move |at| told.send(at).unwrap());
    let app = app.process(&input, out.as_str(), "json", "json", handler);
    let stop = app.stop();
    let runs = std::thread::spawn(move || app.run_until_stopped());
    let address = heard.recv().unwrap();
    wait_for(address, "/readyz", "200 OK");
    begun.recv().unwrap();

    for kind in ["cut off", "silent"] {
        match kind {
            "silent" => proxy.poison("timeout", "downstream", r#"{"timeout":0}"#),
            _ => proxy.enable(false),
        }
        // The first output of all meets a storage that is away.
        goes_on.send(()).unwrap();
        wait_for(address, "/readyz", "503 Service Unavailable");
        let said = asked(address, "/readyz");
        assert!(said.contains("the storage does not answer"), "{kind}: {said}");
        assert!(asked(address, "/livez").contains("200 OK"), "{kind}");
        assert!(asked(address, "/metrics").contains("kafi_app_consumed_total"), "{kind}");
        // Who asks whether it lives need not wait until somebody else's question has no answer.
        let mut tries = 0..20;
        let is_first = tries.any(|_| {
            let waiting = ask(address, "/readyz");
            assert!(asked(address, "/livez").contains("200 OK"), "{kind}");
            waiting.set_nonblocking(true).unwrap();
            let is_first = waiting.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            waiting.set_nonblocking(false).unwrap();
            answer(waiting);
            is_first
        });
        assert!(is_first, "{kind}");
        match kind {
            "silent" => proxy.cure(),
            _ => proxy.enable(true),
        }
        wait_for(address, "/readyz", "200 OK");
    }
    kafi.produce(&input, [Outgoing::new(2)]).unwrap();
    let until = Instant::now() + WAIT;
    while read(&kafi, &out).len() < 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    stop.cancel();
    assert_eq!(runs.join().unwrap().unwrap().processed, 2, "it rode that out");
}
