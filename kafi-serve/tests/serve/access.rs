//! Who may ask, and what is told of the server itself.

use std::io::{BufReader, Write};
use std::time::Duration;

use kafi_serve::{ServeOptions, Users};

use crate::support::{PATIENCE, Serving, read_answer};

fn with_users() -> Serving {
    Serving::with(ServeOptions { users: Some(Users::parse("alice:secret").unwrap()), ..ServeOptions::default() })
}

#[test]
fn users_are_asked_for() {
    let serving = with_users();
    let get = |path: &str, header: &str| {
        serving.raw(&format!("GET {path} HTTP/1.1\r\nHost: anything.example\r\n{header}Connection: close\r\n\r\n"))
    };
    let refused = get("/subjects", "");
    assert_eq!(refused.refusal(), (401, 40101));
    assert!(refused.head.to_lowercase().contains("www-authenticate: basic"), "{refused:?}");
    assert_eq!(get("/subjects", "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n").status, 401);
    assert_eq!(get("/metrics", "").status, 401);
    assert_eq!(get("/subjects", "Authorization: Basic YWxpY2U6c2VjcmV0\r\n").status, 200);
    assert_eq!(get("/livez", "").body, "ok\n");
}

#[test]
fn a_page_in_a_browser_is_kept_out() {
    let serving = Serving::new();
    let answer = serving.raw("GET /subjects HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.refusal(), (403, 403));
    let form = "POST /subjects/a/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    assert_eq!(serving.raw(form).refusal(), (415, 415));
}

#[test]
fn it_tells_of_itself() {
    let serving = Serving::new();
    assert_eq!((serving.get("/livez").body, serving.get("/readyz").status), ("ok\n".into(), 200));
    serving.get("/subjects/x/versions");
    let metrics = serving.get("/metrics").body;
    assert!(metrics.contains(r#"kafi_http_requests_total{api="registry",method="GET",status="404"} 1"#), "{metrics}");
}

#[test]
fn a_request_under_way_is_answered_when_it_stops() {
    let serving = Serving::new();
    let address = serving.address;
    let mut stream = serving.connect();
    // The head is there, the body comes after the stop.
    let body = r#"{"schema":"\"int\""}"#;
    let head = format!(
        "POST /subjects/a/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    // It reads the body, so the request is under way.
    assert_eq!(read_continue(&mut reader), "HTTP/1.1 100 Continue");
    let stopping = std::thread::spawn(move || serving.server.stop(PATIENCE));
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut reader).json()["id"], 1);
    stopping.join().unwrap().unwrap();
}

fn read_continue(reader: &mut impl std::io::BufRead) -> String {
    let (mut line, mut empty) = (String::new(), String::new());
    reader.read_line(&mut line).unwrap();
    reader.read_line(&mut empty).unwrap();
    line.trim_end().to_string()
}

#[test]
fn one_that_does_not_end_is_cut_off() {
    let serving = Serving::new();
    let mut stream = serving.connect();
    stream.write_all(b"POST /subjects/a/versions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n").unwrap();
    read_continue(&mut BufReader::new(stream.try_clone().unwrap()));
    let error = serving.server.stop(Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), kafi_core::ErrorKind::Timeout);
}
