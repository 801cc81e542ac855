//! What goes wrong: each fault is one clear line, and what may help later is tried again.

use std::net::TcpListener;
use std::time::Duration;

use kafi_core::{ErrorKind, Result};
use kafi_serde::Format;
use kafi_serde::registry::{Code, Deleted, RegisterOptions, Registry, SchemaDefinition, Version};
use kafi_serde::wire::SchemaId;
use kafi_testkit::servers::scripted::{Scripted, answer, endless};

use crate::{TIMEOUT, at, open};

const JSON: &str = "Content-Type: application/vnd.schemaregistry.v1+json\r\n";

fn json(body: &str) -> String {
    answer("200 OK", JSON, body)
}

fn refusal(status: &str, code: u32, message: &str) -> String {
    answer(status, JSON, &format!(r#"{{"error_code":{code},"message":"{message}"}}"#))
}

/// What a registry with these answers makes of a question.
fn ask(answers: &[String]) -> (Scripted, Result<Vec<String>>) {
    let server = Scripted::new(answers);
    let asked = at(&[&server.address]).subjects("", Deleted::Excluded, TIMEOUT);
    (server, asked)
}

/// A port at which nobody listens.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn refusals_are_told_apart_by_kind_and_code() {
    for (status, code, kind) in [
        ("401 Unauthorized", 40101, ErrorKind::Authentication),
        ("403 Forbidden", 40301, ErrorKind::PermissionDenied),
        ("404 Not Found", 40401, ErrorKind::NotFound),
        ("404 Not Found", 40402, ErrorKind::NotFound),
        ("409 Conflict", 409, ErrorKind::Conflict),
        ("409 Conflict", 40901, ErrorKind::Conflict),
        ("422 Unprocessable Entity", 42201, ErrorKind::Usage),
        ("422 Unprocessable Entity", 42205, ErrorKind::PermissionDenied),
        ("418 I'm a teapot", 418, ErrorKind::Usage),
    ] {
        let (server, asked) = ask(&[refusal(status, code, "Words of the server.")]);
        let error = asked.unwrap_err();
        assert_eq!((error.kind(), Code::of(&error)), (kind, Some(code)), "{error}");
        assert!(error.to_string().contains("Words of the server."), "{error}");
        assert!(error.to_string().contains(&format!("registry http://{}", server.address)), "{error}");
        assert_eq!(server.requests(), 1, "{error}");
    }
}

#[test]
fn errors_are_one_line_that_says_where() {
    let server = Scripted::new(&[refusal("404 Not Found", 40401, "Subject 'a\\nb' not found.")]);
    let client = at(&[&server.address]);
    let error = client.version("a", Version::Number(3), false, TIMEOUT).unwrap_err();
    let expected = format!(
        "get version: registry http://{}, subject a, version 3, code 40401: Subject 'a b' not found.",
        server.address
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_no_registry_is_said_so() {
    let page = answer("200 OK", "Content-Type: text/html\r\n", "<!DOCTYPE html><html>Log in</html>");
    let error = ask(&[page]).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("an HTML page instead of JSON"), "{error}");
    assert!(error.hint_text().unwrap().contains("Some have a path"), "{error:?}");

    let error = ask(&[answer("404 Not Found", "Content-Type: text/html\r\n", "<html>no</html>")]).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().ends_with("does not know this call") && !error.to_string().contains("html"), "{error}");

    let redirect = answer("302 Found", "Location: https://elsewhere/login\r\n", "");
    let error = ask(&[redirect]).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("a redirect to https://elsewhere/login"), "{error}");

    for (body, why) in
        [("", "not an array"), ("{}", "not an array"), ("[1]", "its answer cannot be read"), ("[\"a\"", "not an array")]
    {
        let error = ask(&[json(body)]).1.unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(why), "{body:?}: {error}");
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let (server, asked) = ask(&[endless("200 OK", JSON, "[\"")]);
    let error = asked.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // What lies in the buffers of both sockets was sent, too.
    assert!(server.sent() < 256 << 20, "{}", server.sent());
}

#[test]
fn what_may_help_later_is_tried_again() {
    let busy = || answer("503 Service Unavailable", "", "");
    let (server, asked) = ask(&[busy(), refusal("500 Internal Server Error", 50001, "store"), json(r#"["a"]"#)]);
    assert_eq!((asked.unwrap(), server.requests()), (vec!["a".to_string()], 3));

    let (server, asked) = ask(&[refusal("500 Internal Server Error", 50001, "Error in the backend")]);
    let error = asked.unwrap_err();
    assert_eq!((error.kind(), Code::Store.is_of(&error)), (ErrorKind::Unavailable, true), "{error}");
    assert!(error.message().starts_with("Error in the backend (given up after"), "{error}");
    assert!(server.requests() > 1);
}

#[test]
fn a_registry_that_is_down_is_reported_with_a_hint() {
    let address = closed();
    let error = at(&[&address]).subjects("", Deleted::Excluded, TIMEOUT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().starts_with(&format!("list subjects: registry http://{address}: it cannot be reached: ")),
        "{error}"
    );
    assert!(error.to_string().to_lowercase().contains("connection refused"), "{error}");
    assert!(error.hint_text().unwrap().contains("is the registry running"), "{error:?}");
}

#[test]
fn a_registry_that_does_not_answer_is_waited_for_no_longer_than_allowed() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let error = at(&[&address]).subjects("", Deleted::Excluded, Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let url = format!("http://{address}");
    let impatient = open(&[("schema.registry.url", &url), ("request.timeout.ms", "50")]);
    let error = impatient.subjects("", Deleted::Excluded, Duration::from_secs(1)).unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.message().contains("attempts"), "{error}");
}

#[test]
fn another_address_is_asked_where_one_does_not_answer() {
    let busy = Scripted::new(&[answer("503 Service Unavailable", "", "")]);
    let good = Scripted::new(&[json(r#"["a"]"#)]);
    let client = at(&[&closed(), &busy.address, &good.address]);
    for _ in 0..3 {
        assert_eq!(client.subjects("", Deleted::Excluded, TIMEOUT).unwrap(), ["a"]);
    }
    // Whoever answered is asked first from then on.
    assert_eq!((busy.requests(), good.requests()), (1, 3));

    // What a registry refuses another one is not asked.
    let refusing = Scripted::new(&[refusal("404 Not Found", 40401, "no")]);
    let other = Scripted::new(&[json("[]")]);
    let client = at(&[&refusing.address, &other.address]);
    assert_eq!(client.versions("a", Deleted::Excluded, TIMEOUT).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(other.requests(), 0);
}

#[test]
fn a_deletion_that_may_have_happened_is_not_made_again() {
    let server = Scripted::new(&[refusal("500 Internal Server Error", 50001, "lost"), json("[1]")]);
    let error = at(&[&server.address]).delete_subject("a", false, TIMEOUT).unwrap_err();
    assert_eq!((error.kind(), server.requests()), (ErrorKind::Unavailable, 1), "{error}");

    let server = Scripted::new(&[answer("503 Service Unavailable", "", ""), json("[1]")]);
    assert_eq!(at(&[&server.address]).delete_subject("a", false, TIMEOUT).unwrap(), [1]);
}

#[test]
fn what_does_not_change_is_asked_once() {
    let schema = r#"{"schema":"\"int\""}"#;
    let server = Scripted::new(&[json(schema)]);
    let client = at(&[&server.address]);
    for _ in 0..3 {
        client.schema(SchemaId::Number(1), None, TIMEOUT).unwrap();
        client.schema(SchemaId::Number(2), None, TIMEOUT).unwrap();
        client.schema(SchemaId::Number(1), Some(":.a:x"), TIMEOUT).unwrap();
        client.schema(SchemaId::Number(1), Some(":.a:y"), TIMEOUT).unwrap();
    }
    assert_eq!(server.requests(), 3);

    let server = Scripted::new(&[json(r#"{"id":5}"#), json(r#"{"id":5}"#), json("[1]"), json(r#"{"id":6}"#)]);
    let client = at(&[&server.address]);
    let int = SchemaDefinition::new(Format::Avro, "\"int\"");
    let register = |subject| client.register(subject, &int, RegisterOptions::default(), TIMEOUT).unwrap().id;
    assert_eq!((register("a"), register("a"), register("b"), register("b")), (5, 5, 5, 5));
    assert_eq!(client.delete_subject("a", false, TIMEOUT).unwrap(), [1]);
    assert_eq!((register("a"), server.requests()), (6, 4));

    let server = Scripted::new(&[json(schema)]);
    let url = format!("http://{}", server.address);
    let client = open(&[("schema.registry.url", &url), ("cache.capacity", "1")]);
    for id in [1, 2, 2, 1] {
        client.schema(SchemaId::Number(id), None, TIMEOUT).unwrap();
    }
    assert_eq!(server.requests(), 3);
}

#[test]
fn the_default_context_is_not_all_contexts() {
    let server = Scripted::new(&[json(r#"["b",":.x:a","a",":.y:a"]"#)]);
    let client = at(&[&server.address]);
    let subjects = |prefix| client.subjects(prefix, Deleted::Excluded, TIMEOUT).unwrap();
    assert_eq!(subjects(""), ["a", "b"]);
    assert_eq!(subjects("a"), ["a"]);
    assert_eq!(subjects(":.x:"), [":.x:a"]);
    assert_eq!(subjects(":*:"), [":.x:a", ":.y:a", "a", "b"]);
    assert_eq!(subjects(":*:b"), ["b"]);
}

#[test]
fn types_of_schemas_that_nobody_knows_are_named() {
    let server = Scripted::new(&[json(r#"{"schemaType":"XML","schema":"<a/>"}"#)]);
    let error = at(&[&server.address]).schema(SchemaId::Number(9), None, TIMEOUT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("id 9") && error.to_string().contains("does not know this type"), "{error}");
}
