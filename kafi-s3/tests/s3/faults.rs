//! S3 behind a network that fails, with wrong keys, and where things are missing.

use std::sync::Arc;

use kafi_core::ErrorKind;
use kafi_objects::{ObjectIo, Precondition};
use kafi_testkit::objects::faults::{Answers, Remote, put};
use kafi_testkit::servers::{scripted, variable};

#[test]
fn every_case_of_a_network_that_fails() {
    remote().run();
}

#[test]
fn wrong_keys() {
    let remote = remote();
    for (access, secret) in
        [("kafi-test-nobody", "wrong-secret"), (variable("KAFI_TEST_S3_ACCESS_KEY"), "wrong-secret")]
    {
        let io = open(&remote.server, &[("access.key", access), ("secret.key", secret)]);
        let remote = Remote { secrets: vec![access.into(), secret.into()], ..self::remote() };
        let error = remote
            .check(&*io, ErrorKind::Authentication, "", |io, deadline| io.get("a", None, &mut Vec::new(), deadline));
        assert!(error.hint_text().unwrap().contains("access.key"), "{error:?}");
        remote.check(&*io, ErrorKind::Authentication, "", |io, deadline| io.list("", "", false, deadline));
        remote.check(&*io, ErrorKind::Authentication, "", |io, deadline| {
            put(io, "a", b"1", Precondition::None, deadline)
        });
    }
}

#[test]
fn a_missing_bucket() {
    let remote = remote();
    let io = || open(&remote.server, &[("bucket.name", "kafi-test-missing"), ("bucket.create", "false")]);
    let (kind, part) = (ErrorKind::NotFound, "there is no such bucket");
    let errors = [
        remote.check(&*io(), kind, part, |io, deadline| io.get("a", None, &mut Vec::new(), deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.stat("a", deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.list("", "", true, deadline)),
        remote.check(&*io(), kind, part, |io, deadline| put(io, "a", b"1", Precondition::Absent, deadline)),
        remote.check(&*io(), kind, part, |io, deadline| io.delete(&["a".into()], deadline)),
    ];
    for error in errors {
        assert!(error.hint_text().unwrap().contains("kafi-test-missing"), "{error:?}");
    }
}

fn remote() -> Remote {
    Remote {
        open: |address| open(address, &[]),
        server: variable("KAFI_TEST_S3").trim_start_matches("http://").to_string(),
        toxiproxy: variable("KAFI_TEST_TOXIPROXY").to_string(),
        secrets: vec![variable("KAFI_TEST_S3_ACCESS_KEY").to_string(), variable("KAFI_TEST_S3_SECRET_KEY").to_string()],
        answers: answers(),
    }
}

fn answers() -> Answers {
    let busy = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    Answers {
        busy: scripted::answer("503 Slow Down", "Content-Type: application/xml\r\n", busy),
        written: scripted::answer("200 OK", "ETag: \"1\"\r\n", ""),
        listing: listing("<IsTruncated>false</IsTruncated>"),
        odd_listings: vec![
            listing("<IsTruncated>true</IsTruncated>"),
            listing("<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
        ],
    }
}

fn open(address: &str, properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let endpoint = format!("http://{address}");
    let own = [
        ("endpoint", endpoint.as_str()),
        ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ("bucket.name", "kafi-test-faults"),
        ("bucket.create", "true"),
    ];
    let all =
        own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_s3::open_objects("s3", &all).unwrap()
}

/// A listing with a and b, and what stands before its end.
fn listing(end: &str) -> String {
    let object = |name: &str| {
        format!(
            "<Contents><Key>{name}</Key><LastModified>2024-11-26T10:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>1</Size></Contents>"
        )
    };
    let (a, b) = (object("a"), object("b"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>{a}{b}{end}</ListBucketResult>"
    )
}
