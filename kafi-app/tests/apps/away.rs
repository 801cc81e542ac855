//! Apps whose broker is away: when they start, and while they run.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use kafi_app::{App, Done, Json, Route};
use kafi_core::ErrorKind;
use kafi_shell::Outgoing;
use kafi_testkit::servers;
use kafi_testkit::servers::toxiproxy::Proxy;

use crate::support::{Place, broker, broker_at, settled};
use crate::surface::asked;

/// The broker of the tests as clients see it that can reach it through a proxy only: where it says its address, the
/// proxy's is said.
fn behind_a_proxy() -> (Place, Proxy) {
    let broker: SocketAddr = servers::variable("KAFI_TEST_KAFKA").parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::new(servers::variable("KAFI_TEST_TOXIPROXY"), &listener.local_addr().unwrap().to_string());
    let said = |address: SocketAddr| {
        [address.ip().to_string().as_bytes(), u32::from(address.port()).to_be_bytes().as_slice()].concat()
    };
    let (own, other) = (said(broker), said(proxy.address.parse().unwrap()));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(broker).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                drop(std::io::copy(&mut from, &mut to));
                drop(to.shutdown(Shutdown::Both));
            });
            let (own, other) = (own.clone(), other.clone());
            thread::spawn(move || {
                drop(answers(&server, &client, &own, &other));
                drop(client.shutdown(Shutdown::Both));
            });
        }
    });
    (broker_at(&proxy.address, 300_000), proxy)
}

/// Hands over one answer after another, with the other address instead of its own.
fn answers(mut server: &TcpStream, mut client: &TcpStream, own: &[u8], other: &[u8]) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        server.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        server.read_exact(&mut answer)?;
        let places: Vec<usize> = (0..answer.len()).filter(|at| answer[*at..].starts_with(own)).collect();
        places.into_iter().for_each(|at| answer[at..at + own.len()].copy_from_slice(other));
        client.write_all(&[&length[..], &answer].concat())?;
    }
}

fn adder(place: &Place, name: &str, [input, out]: [&str; 2]) -> App {
    let route = Route::new(input).publish_to(out).handle(|Json(n): Json<u32>| Json(n + 1));
    App::new(place.name(name), &place.kafi).route(route)
}

#[test]
fn an_app_waits_for_a_broker_that_is_away_when_it_starts() {
    let (away, proxy) = behind_a_proxy();
    let there = broker();
    for exactly_once in [false, true] {
        let name = if exactly_once { "exactly" } else { "least" };
        let (input, out) = (there.topic(&format!("in-{name}"), 1), there.topic(&format!("out-{name}"), 1));
        proxy.enable(false);
        let (told, heard) = channel();
        let app = adder(&away, name, [&input, &out]).http("127.0.0.1:0");
        let app = app.on_http(move |address| told.send(address).unwrap());
        let app = if exactly_once { app.exactly_once() } else { app };
        let stop = app.stop();
        let runs = thread::spawn(move || app.run_until_stopped());
        // It lives, and is not ready.
        let address = heard.recv().unwrap();
        assert!(asked(address, "/livez").contains("200 OK"));
        assert!(asked(address, "/readyz").contains("503 Service Unavailable"));
        there.kafi.produce(&input, [1, 2].map(Outgoing::new)).unwrap();
        proxy.enable(true);
        assert_eq!(settled(|| there.values(&out), |values| values.len() == 2), ["2", "3"]);
        let ready = settled(|| asked(address, "/readyz"), |said| said.contains("200 OK"));
        assert!(ready.contains("200 OK"), "{ready}");
        stop.cancel();
        assert_eq!(runs.join().unwrap().unwrap().processed, 2);
    }
}

#[test]
fn an_app_that_waits_for_its_broker_can_be_stopped_and_one_with_an_end_does_not_wait() {
    let (away, proxy) = behind_a_proxy();
    proxy.enable(false);
    let (told, heard) = channel();
    let app = adder(&away, "stopped", ["in", "out"]).http("127.0.0.1:0");
    let app = app.on_http(move |address| told.send(address).unwrap());
    let stop = app.stop();
    let runs = thread::spawn(move || app.run_until_stopped());
    heard.recv().unwrap();
    stop.cancel();
    assert_eq!(runs.join().unwrap().unwrap(), Done::default());
    let error = adder(&away, "ended", ["in", "out"]).run_to_end().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn an_app_is_not_ready_while_its_broker_is_cut_off() {
    let (place, proxy) = behind_a_proxy();
    let (input, out) = (place.topic("in", 1), place.topic("out", 1));
    let (told, heard) = channel();
    let app = adder(&place, "cut", [&input, &out]).http("127.0.0.1:0");
    let app = app.on_http(move |address| told.send(address).unwrap());
    let stop = app.stop();
    let runs = thread::spawn(move || app.run_until_stopped());
    let address = heard.recv().unwrap();
    let becomes = |status: &str| {
        let said = settled(|| asked(address, "/readyz"), |said| said.contains(status));
        assert!(said.contains(status), "{status} in {said}");
        assert!(asked(address, "/livez").contains("200 OK"));
        said
    };
    let there = broker();
    for round in 1..=2_u32 {
        becomes("200 OK");
        proxy.enable(false);
        let said = becomes("503 Service Unavailable");
        assert!(said.contains("the storage does not answer"), "{said}");
        there.kafi.produce(&input, [Outgoing::new(round)]).unwrap();
        proxy.enable(true);
        becomes("200 OK");
        settled(|| there.values(&out), |values| values.len() == round as usize);
        assert_eq!(there.values(&out).len(), round as usize);
    }
    stop.cancel();
    assert_eq!(runs.join().unwrap().unwrap().processed, 2);
}

#[test]
fn an_app_goes_on_that_loses_partitions_while_its_outputs_cannot_be_written() {
    let (away, proxy) = behind_a_proxy();
    let there = broker();
    let (input, out, name) = (there.topic("in", 2), there.topic("out", 1), there.name("losing"));
    let handled = Arc::new(AtomicU32::new(0));
    let member = |outputs: &Place| {
        let handled = Arc::clone(&handled);
        let handler = move |Json(n): Json<u32>| {
            handled.fetch_add(1, Ordering::SeqCst);
            Json(n)
        };
        let app = App::new(&name, &there.kafi).producer(&outputs.kafi).drain_within(Duration::from_secs(1));
        let app = app.route(Route::new(&input).publish_to(out.as_str()).handle(handler));
        (app.stop(), thread::spawn(move || app.run_until_stopped()))
    };
    let send = |number: u32| there.kafi.produce(&input, (0..10).map(|n| Outgoing::new(10 * number + n))).unwrap();
    let distinct = || there.values(&out).into_iter().collect::<BTreeSet<_>>().len();
    let cut_off = member(&away);
    send(0);
    assert_eq!(settled(distinct, |count| *count == 10), 10);
    proxy.enable(false);
    send(1);
    settled(|| handled.load(Ordering::SeqCst), |count| *count == 20);
    let other = member(&there);
    // It gets a partition, with the messages of which nobody has written what came of them.
    settled(|| handled.load(Ordering::SeqCst), |count| *count > 20);
    proxy.enable(true);
    send(2);
    assert_eq!(settled(distinct, |count| *count == 30), 30);
    for (stop, member) in [cut_off, other] {
        stop.cancel();
        member.join().unwrap().unwrap();
    }
}
