//! Requests that mean no good end in a clear status of 4xx, and the server goes on.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kafi_serve::Limits;

use crate::support::{Serving, read_answer};

fn small() -> Serving {
    Serving::with_limits(Limits {
        body_bytes_max: 1000,
        wait: Duration::from_millis(300),
        connections_max: 4,
        ..Limits::default()
    })
}

#[test]
fn a_body_without_end_is_refused() {
    let serving = small();
    let head = "POST /subjects/a/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    // One that says how long it is, and one that does not.
    let said = serving.raw(&format!("{head}Content-Length: 99999999999\r\n\r\n{{"));
    assert_eq!(said.refusal(), (413, 413));
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let unsaid = serving.raw(&format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(20)));
    assert_eq!(unsaid.refusal(), (413, 413));
    // And one that does not come.
    let never = serving.raw(&format!("{head}Content-Length: 100\r\n\r\n{{"));
    assert_eq!(never.refusal(), (408, 408));
    let encoded = serving.raw(&format!("{head}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"));
    assert_eq!(encoded.refusal(), (415, 415));
    assert_eq!(serving.get("/subjects").status, 200);
}

#[test]
fn names_with_tricks_are_names() {
    let serving = Serving::new();
    let body = r#"{"schema":"\"int\""}"#;
    for name in ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", ".", "a%00b", "%0d%0aX-A:%20b", "a%3Fb%23c", ":.%2F..%2F:a"] {
        let answer = serving.post(&format!("/subjects/{name}/versions"), body);
        assert!(matches!(answer.status, 200 | 422), "{name}: {answer:?}");
    }
    assert_eq!(serving.get("/subjects/%ff/versions").refusal(), (400, 400));
    assert_eq!(serving.get(&format!("/subjects/{}", "a/".repeat(5000))).status, 404);
    let deep = format!(r#"{{"schema":{}}}"#, "[".repeat(100_000));
    assert_eq!(serving.post("/subjects/deep/versions", &deep).status, 400);
    let deep = format!(r#"{{"schema":"{}"}}"#, r#"{\"type\":\"array\",\"items\":"#.repeat(20_000));
    assert_eq!(serving.post("/subjects/deep/versions", &deep).refusal(), (422, 42201));
}

#[test]
fn what_is_no_http_ends() {
    let serving = small();
    for garbage in [
        "\x16\x03\x01\x02\x00\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = serving.raw(garbage);
        assert!((400..500).contains(&answer.status), "{garbage:?}: {answer:?}");
    }
    let endless =
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(5000));
    assert!(matches!(serving.raw(&endless).status, 431 | 400));
}

#[test]
fn connections_that_say_nothing_make_room() {
    let serving = small();
    let silent: Vec<_> = (0..4).map(|_| serving.connect()).collect();
    let mut slow = serving.connect();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut BufReader::new(slow)).status, 200);
    drop(silent);
}

#[test]
fn what_comes_drop_by_drop_ends() {
    let serving = small();
    for (request, status) in [
        ("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
        (
            "POST /subjects/a/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n                                        ",
            Some("408"),
        ),
    ] {
        let mut stream = serving.connect();
        let (start, drops) = request.split_at(request.len() - 40);
        stream.write_all(start.as_bytes()).unwrap();
        for byte in drops.as_bytes() {
            // The server is gone before all of them are there.
            let _sent = stream.write_all(&[*byte]);
            std::thread::sleep(Duration::from_millis(25));
        }
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ended = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(answer.get(9..12), status, "{answer}");
    }
    assert_eq!(serving.get("/livez").status, 200);
}

/// What a stream of records is answered that goes on with `more` again and again, after a pause each time.
fn stream(serving: &Serving, more: &str, pause: Duration) -> String {
    let clusters = serving.get("/v3/clusters").json();
    let cluster = clusters["data"][0]["cluster_id"].str().unwrap();
    let head = format!(
        "POST /v3/clusters/{cluster}/topics/t/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let mut stream = serving.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{more}\r\n", more.len());
    for _ in 0..40 {
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
        std::thread::sleep(pause);
    }
    let mut answer = Vec::new();
    let _ended = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_record_without_end_is_refused() {
    let limits = Limits { body_bytes_max: 1000, wait: Duration::from_millis(300), ..Limits::default() };
    let serving = Serving::rest_with(limits);
    serving.make_topic("t", 1);
    // One that is too large, one that does not become whole in time, and what is none.
    let pause = Duration::from_millis(25);
    let large = stream(&serving, &"{\"value\":[".repeat(10), Duration::ZERO);
    assert!(large.contains("\"error_code\":413,"), "{large}");
    let slow = stream(&serving, "[", pause);
    assert!(slow.contains("\"error_code\":400,") && slow.contains("object of JSON"), "{slow}");
    let slow = stream(&serving, "{ ", pause);
    assert!(slow.contains("\"error_code\":400,") && slow.contains("in time"), "{slow}");
    assert_eq!(serving.get("/topics/t/partitions/0/offsets").json()["end_offset"], 0);
}

/// A server that takes 7 KiB of bodies at once, and patiently waits for each.
fn narrow() -> Serving {
    let serving = Serving::rest_with(Limits { body_bytes_max: 7_000, bodies_bytes_max: 7 << 10, ..Limits::default() });
    serving.make_topic("t", 1);
    serving
}

/// Begins a request, and waits until others with `body` are refused because of what it holds. Where one of them was there
/// first, it is refused itself, and begun again.
fn holding(serving: &Serving, begun: &str, body: &str) -> TcpStream {
    for _ in 0..1_000 {
        let mut first = serving.connect();
        first.write_all(begun.as_bytes()).unwrap();
        first.set_nonblocking(true).unwrap();
        while first.peek(&mut [0]).is_err() {
            if serving.post("/topics/t", body).status == 503 {
                first.set_nonblocking(false).unwrap();
                return first;
            }
        }
    }
    panic!("nothing is refused");
}

#[test]
fn bodies_take_a_bounded_amount_of_memory_together() {
    let serving = narrow();
    let body = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "eHh4".repeat(1_000));
    let cluster = serving.get("/v3/clusters").json()["data"][0]["cluster_id"].str().unwrap().to_string();
    let value = format!(r#"{{"value":{{"type":"STRING","data":"{}"#, "x".repeat(6_000));
    // A body that is not whole yet, and a record of a stream that is not.
    for (head, begun, rest) in [
        (format!("POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}", body.len()), body.as_str(), ""),
        (
            format!("POST /v3/clusters/{cluster}/topics/t/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6500"),
            &value,
            "\"}}",
        ),
    ] {
        let whole = [begun, rest].concat();
        let (begun, rest) = whole.split_at(whole.len() - 3);
        let head = format!("{head}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
        let padding = if head.contains("6500") { " ".repeat(6_500 - whole.len()) } else { String::new() };
        let mut first = holding(&serving, &format!("{head}{begun}"), &body);
        first.write_all(format!("{rest}{padding}").as_bytes()).unwrap();
        assert_eq!(read_answer(&mut BufReader::new(first)).status, 200);
        assert_eq!(serving.post("/topics/t", &body).status, 200);
    }
    // A stream says so in its answer where a record finds no room before it is whole.
    let head =
        "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 6999\r\n\r\n";
    let _first = holding(&serving, &format!("{head}{}", " ".repeat(6_000)), &body);
    let answer = serving.post(&format!("/v3/clusters/{cluster}/topics/t/records"), &value);
    assert!(answer.status == 200 && answer.body.contains("the server is busy"), "{answer:?}");
}

#[test]
fn topics_and_groups_with_tricks_in_their_names_are_refused_or_names() {
    let serving = Serving::rest();
    let clusters = serving.get("/v3/clusters").json();
    let cluster = clusters["data"][0]["cluster_id"].str().unwrap().to_string();
    for name in ["..", ".", "../../etc/passwd", "a/b", "a\\u0000b", "a b", "\\r\\nX: y", "__proto__/", "ä"] {
        let made = serving.post(&format!("/v3/clusters/{cluster}/topics"), &format!("{{\"topic_name\":\"{name}\"}}"));
        assert!((400..500).contains(&made.status), "{name}: {made:?}");
    }
    for name in ["..%2F..%2Fetc", "%2e%2e", "a%00b", "%0d%0aX-A:%20b", "%ff", &"a".repeat(10_000)] {
        for path in ["topics/*", "topics/*/partitions", "topics/*/partitions/0/offsets"] {
            let answer = serving.get(&format!("/{}", path.replace('*', name)));
            assert!((400..500).contains(&answer.status), "{path} {name}: {answer:?}");
        }
        let written = serving.post(&format!("/topics/{name}"), r#"{"records":[{"value":"eA=="}]}"#);
        assert!((400..500).contains(&written.status), "{name}: {written:?}");
        let group = serving.post(&format!("/consumers/{name}"), r#"{"name":"../i"}"#);
        assert!(group.status == 200 || (400..500).contains(&group.status), "{name}: {group:?}");
        assert!(!group.head.to_lowercase().contains("x-a:"), "{group:?}");
    }
    assert_eq!(serving.get("/topics").json().len(), 0);
}
