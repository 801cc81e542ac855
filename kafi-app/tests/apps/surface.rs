//! What handlers take, return, and are told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kafi_app::{App, Batch, Bytes, Headers, Json, Key, Meta, Output, Route, State};
use kafi_core::{ErrorKind, Json as JsonValue, Result, Type, Value, json};
use kafi_shell::Outgoing;

use crate::support::{everywhere, header, memory, text};

fn add_one(input: Value) -> Result<(JsonValue, String)> {
    let number = input["number"].int()?;
    Ok((json!({"result": number + 1}), number.to_string()))
}

#[test]
fn the_seed_s_example_runs_everywhere() {
    everywhere(|place| {
        let (foo, bar, app) = (place.topic("foo", 2), place.topic("bar", 1), place.name("myapp"));
        place.kafi.produce(&foo, (0..100).map(|n| (n.to_string(), json!({"number": n})))).unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let run = || {
            let seen = Arc::clone(&seen);
            App::new(&app, &place.kafi)
                .consumer_timeout(5)
                .consumer_batch_size(7)
                .process(&foo, bar.as_str(), "json", "json", add_one)
                .on_processed(move |_, seconds| {
                    assert!(seconds >= 0.0);
                    seen.fetch_add(1, Ordering::Relaxed);
                })
                .run_to_end()
                .unwrap()
        };
        let done = run();
        assert_eq!((done.consumed, done.processed, done.published, done.failed), (100, 100, 100, 0));
        assert_eq!(seen.load(Ordering::Relaxed), 100);
        let made = place.messages(&bar);
        let results: BTreeMap<String, String> =
            made.iter().map(|message| (text(&message.key), text(&message.value))).collect();
        assert_eq!(results.len(), 100);
        assert_eq!(results["41"], r#"{"result":42}"#);
        let committed: i64 = place.committed(&app).iter().map(|offset| offset.offset).sum();
        assert_eq!(committed, 100);
        assert_eq!(run().consumed, 0, "everything is committed");
    });
}

#[test]
fn a_handler_takes_what_it_wants_and_returns_what_it_likes() {
    let place = memory();
    let (input, out, other) = (place.topic("in", 1), place.topic("out", 2), place.topic("other", 1));
    let message = Outgoing::new(json!([1, 2])).key("k").header("h", "x").header("traceparent", "00-a-b-01");
    place.kafi.produce(&input, [message.timestamp(7)]).unwrap();
    let to = other.clone();
    let all = move |list: Json<Vec<u32>>,
                    Key(key): Key<String>,
                    Headers(headers): Headers,
                    meta: Meta,
                    bytes: Bytes,
                    state: State<u32>| {
        assert_eq!((key.as_str(), headers.as_headers().len(), meta.timestamp, meta.attempt), ("k", 2, 7, 1));
        let sum: u32 = list.0.iter().sum::<u32>() + *state.0;
        vec![
            Output::new(sum.to_string()).key(key).partition(1).timestamp(9).header("sum", "yes"),
            Output::new(bytes.0).topic(to.as_str()).header("traceparent", "mine"),
        ]
    };
    let app = App::new("all", &place.kafi).state(39u32);
    let app = app
        .process(&input, out.as_str(), "json", "str", all)
        .process(&input, (), "json", "json", |_: Value| ())
        .process(&input, other.as_str(), Type::Json, "json", |Key(key): Key<Option<Vec<u8>>>| key.map(Json))
        .process(&input, other.as_str(), Type::Json, "auto", |value: Option<Bytes>| value);
    let done = app.run_to_end().unwrap();
    assert_eq!((done.consumed, done.processed, done.published), (1, 4, 4));
    let made = &place.messages(&out)[0];
    assert_eq!((text(&made.value).as_str(), made.partition, made.timestamp), ("42", 1, 9));
    assert_eq!((header(made, "sum"), header(made, "traceparent")), ("yes".into(), "00-a-b-01".into()));
    let mut others = place.values(&other);
    others.sort();
    assert_eq!(others, ["[1,2]", "[1,2]", "[107]"]);
    let own = place.messages(&other).into_iter().find(|m| header(m, "traceparent") == "mine");
    assert_eq!(own.unwrap().headers.as_headers().len(), 1);
}

#[test]
fn what_is_wrong_with_an_app_is_said_before_it_runs() {
    let place = memory();
    let check = |app: App| {
        let error = app.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        error.to_string()
    };
    let app = || App::new("wrong", &place.kafi);
    assert_eq!(check(app()), "start app: it has no routes");
    assert!(check(app().route(Route::new("t"))).contains("route t: it has no handler"));
    assert!(check(app().process("t", "u", "jsn", "json", |_: Value| ())).contains("jsn"));
    assert!(check(app().process("a b", "u", "json", "json", |_: Value| ())).contains("a b"));
    let state = check(app().process("t", "u", "json", "json", |_: State<u64>| ()));
    assert!(state.contains("State<u64>, which is not set"), "{state}");
    let letters = kafi_app::OnError::DeadLetter("t".into());
    assert!(check(app().route(Route::new("t").on_error(letters).handle(|_: Value| ()))).contains("dead letters"));
    let missing = app().process("missing", "u", "json", "json", |_: Value| ()).run_to_end().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
}

#[test]
fn several_messages_may_be_handled_at_once() {
    everywhere(|place| {
        let (input, out) = (place.topic("in", 1), place.topic("out", 1));
        place.kafi.produce(&input, (0..10).map(Outgoing::new)).unwrap();
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let sum = move |Batch(numbers): Batch<Json<u32>>| {
            seen.lock().unwrap().push(numbers.len());
            if numbers.iter().any(|number| number.0 == 5) {
                return Err("not five");
            }
            Ok(Json(numbers.iter().map(|number| number.0).sum::<u32>()))
        };
        let route = Route::new(&input).publish_to(out.as_str()).accepts("json").returns("json");
        let route = route.on_error(kafi_app::OnError::Skip).retry(kafi_app::Retries::none()).handle_batch(4, sum);
        let done = App::new(place.name("batch"), &place.kafi).route(route).run_to_end().unwrap();
        // The second batch fails, so that its messages are handled one by one; only one of them fails then.
        assert_eq!(*sizes.lock().unwrap(), [4, 4, 1, 1, 1, 1, 2]);
        assert_eq!((done.processed, done.skipped), (9, 1));
        assert_eq!(place.values(&out), ["6", "4", "6", "7", "17"]);
    });
}

/// What an app says at a path.
pub fn asked(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn an_app_tells_how_it_goes() {
    everywhere(|place| {
        let (input, out) = (place.topic("in", 2), place.topic("out", 1));
        place.kafi.produce(&input, (0..20).map(Outgoing::new)).unwrap();
        let (told, heard) = std::sync::mpsc::channel();
        let handler = |Json(n): Json<u32>| if n == 7 { Err("seven") } else { Ok(Json(n)) };
        let route =
            Route::new(&input).publish_to(out.as_str()).retry(kafi_app::Retries::fixed(2, std::time::Duration::ZERO));
        let app =
            App::new(place.name("told"), &place.kafi).on_error(kafi_app::OnError::Skip).route(route.handle(handler));
        let app = app.http("127.0.0.1:0").on_http(move |address| told.send(address).unwrap());
        let stop = app.stop();
        let runs = std::thread::spawn(move || app.run_until_stopped());
        let address = heard.recv().unwrap();
        let route = format!("{{topic=\"{input}\",route=\"0\"}}");
        let of_route = |name: &str, value: u32| format!("kafi_app_{name}{route} {value}\n");
        let lags = [0, 1].map(|n| format!("kafi_app_lag{{topic=\"{input}\",partition=\"{n}\"}} 0\n"));
        let [first, second] = &lags;
        let processed = of_route("processed_total", 19);
        let wanted = [
            processed.as_str(),
            "kafi_app_undone 0\n",
            "kafi_app_published_total 19\n",
            first.as_str(),
            second.as_str(),
        ];
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut said = String::new();
        let is_told =
            |said: &str| wanted.iter().all(|line| said.contains(line)) && !said.contains("kafi_app_commits_total 0\n");
        while !is_told(&said) && std::time::Instant::now() < until {
            said = asked(address, "/metrics");
        }
        for line in [
            "HTTP/1.1 200 OK".to_string(),
            format!("kafi_app_consumed_total{{topic=\"{input}\"}} 20\n"),
            of_route("failed_total", 2),
            of_route("retried_total", 1),
            of_route("skipped_total", 1),
            of_route("dead_letters_total", 0),
            of_route("waiting", 0),
            of_route("busy", 0),
            of_route("handler_seconds_count", 19),
            format!("kafi_app_handler_seconds_bucket{{topic=\"{input}\",route=\"0\",le=\"+Inf\"}} 19\n"),
            "kafi_app_partitions 2\n".to_string(),
            "kafi_app_commit_failures_total 0\n".to_string(),
        ] {
            assert!(said.contains(&line), "{line} in {said}");
        }
        let number = |start: &str| {
            let found = said.lines().filter_map(|line| line.strip_prefix(start)?.trim().parse::<u64>().ok());
            found.sum::<u64>()
        };
        assert!(number("kafi_app_commits_total") > 0 && number("kafi_app_commit_seconds_count") > 0, "{said}");
        let committed = |n| number(&format!("kafi_app_committed_offset{{topic=\"{input}\",partition=\"{n}\"}}"));
        assert_eq!(committed(0) + committed(1), 20, "{said}");
        assert!(asked(address, "/livez").ends_with("\r\n\r\nok\n"));
        assert!(asked(address, "/readyz?x=1").starts_with("HTTP/1.1 200 OK"));
        assert!(asked(address, "/else").starts_with("HTTP/1.1 404"));
        stop.cancel();
        runs.join().unwrap().unwrap();
        assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
    });
}
