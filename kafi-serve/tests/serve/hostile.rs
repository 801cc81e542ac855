//! Requests that mean no good end in a clear status of 4xx, and the server goes on.

use std::io::{BufReader, Write};
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
