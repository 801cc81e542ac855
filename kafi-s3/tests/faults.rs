//! S3 behind a network that fails, with wrong keys, and where things are missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../tests/objects/faults.rs"]
mod faults;
#[path = "../../tests/servers/scripted.rs"]
mod scripted;
#[path = "../../tests/servers/server.rs"]
mod server;
#[path = "../../tests/servers/toxiproxy.rs"]
mod toxiproxy;

use std::sync::Arc;

use faults::{Place, put};
use kafi_core::ErrorKind;
use kafi_objects::{ObjectIo, Precondition};

#[test]
fn a_server_that_is_not_there() {
    place().nobody_there();
}

#[test]
fn a_server_that_does_not_answer() {
    place().no_answer();
}

#[test]
fn reads_that_are_cut() {
    place().cut_reads_go_on();
}

#[test]
fn writes_that_are_cut() {
    place().cut_writes_leave_nothing();
}

#[test]
fn answers_that_are_lost() {
    place().lost_answers_are_refusals();
}

#[test]
fn throttling() {
    let busy = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let busy = scripted::answer("503 Slow Down", "Content-Type: application/xml\r\n", busy);
    place().throttling(&busy, &scripted::answer("200 OK", "ETag: \"1\"\r\n", ""));
}

/// A listing with a and b, and what stands before its end.
fn listing(end: &str) -> String {
    let object =
        |name: &str| format!("<Contents><Key>{name}</Key><LastModified>2024-11-26T10:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>1</Size></Contents>");
    let (a, b) = (object("a"), object("b"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>{a}{b}{end}</ListBucketResult>"
    )
}

#[test]
fn listings_that_are_cut() {
    place().cut_listings_are_made_again(&listing("<IsTruncated>false</IsTruncated>"));
}

#[test]
fn listings_that_cannot_be() {
    place().odd_listings_are_errors(&[listing("<IsTruncated>true</IsTruncated>"), listing("<IsTruncated>true</IsTruncated><NextContinuationToken/>")]);
}

#[test]
fn answers_without_end() {
    place().endless_answers_are_bounded(&listing("<IsTruncated>false</IsTruncated>"));
}

#[test]
fn outages() {
    place().outages_are_ridden_out();
}

#[test]
fn wrong_keys() {
    let place = place();
    for (access, secret) in [("kafi-test-nobody", "wrong-secret"), (server::variable("s3", "_ACCESS_KEY"), "wrong-secret")] {
        let io = open(&place.server, &[("access.key", access), ("secret.key", secret)]);
        let place = Place { secrets: vec![access.into(), secret.into()], ..self::place() };
        let error = place.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.get("a", None, &mut Vec::new(), deadline));
        assert!(error.hint_text().unwrap().contains("access.key"), "{error:?}");
        place.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.list("", "", false, deadline));
        place.check(&*io, ErrorKind::Authentication, "", |io, deadline| put(io, "a", b"1", Precondition::None, deadline));
    }
}

#[test]
fn a_missing_bucket() {
    let place = place();
    let io = || open(&place.server, &[("bucket.name", "kafi-test-missing"), ("bucket.create", "false")]);
    let (kind, part) = (ErrorKind::NotFound, "there is no such bucket");
    let errors = [
        place.check(&*io(), kind, part, |io, deadline| io.get("a", None, &mut Vec::new(), deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.stat("a", deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.list("", "", true, deadline)),
        place.check(&*io(), kind, part, |io, deadline| put(io, "a", b"1", Precondition::Absent, deadline)),
        place.check(&*io(), kind, part, |io, deadline| io.delete(&["a".into()], deadline)),
    ];
    for error in errors {
        assert!(error.hint_text().unwrap().contains("kafi-test-missing"), "{error:?}");
    }
}

fn place() -> Place {
    Place {
        open: |address| open(address, &[]),
        server: server::variable("s3", "").trim_start_matches("http://").to_string(),
        toxiproxy: server::variable("toxiproxy", "").to_string(),
        secrets: vec![server::variable("s3", "_ACCESS_KEY").to_string(), server::variable("s3", "_SECRET_KEY").to_string()],
    }
}

fn open(address: &str, properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let endpoint = format!("http://{address}");
    let own = [
        ("endpoint", endpoint.as_str()),
        ("access.key", server::variable("s3", "_ACCESS_KEY")),
        ("secret.key", server::variable("s3", "_SECRET_KEY")),
        ("bucket.name", "kafi-test-faults"),
        ("bucket.create", "true"),
    ];
    let all = own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_s3::open_objects("s3", &all).unwrap()
}
