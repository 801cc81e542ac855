//! Every way to prove who one is, against the real broker, and what is told when the proof does not hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::*;
use kafi_core::{Batch, Consumer, ConsumerOptions, Error, ErrorKind, Isolation, OwnedRecord, Polled, Retry, Storage};
use kafi_testkit::servers::kafka_tool;

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

fn open(properties: &[(&str, &str)]) -> Arc<dyn Storage> {
    kafi_cluster::open("test", &pairs(properties)).unwrap()
}

fn admin_password() -> &'static str {
    variable("KAFI_TEST_KAFKA_ADMIN_PASSWORD")
}

/// A user with a password, over a connection that is encrypted or not.
fn sasl(is_encrypted: bool, mechanism: &str, user: &str, password: &str) -> Arc<dyn Storage> {
    let (server, protocol) = match is_encrypted {
        true => ("KAFI_TEST_KAFKA_SASL_SSL", "sasl_ssl"),
        false => ("KAFI_TEST_KAFKA_SASL_PLAINTEXT", "sasl_plaintext"),
    };
    open(&[
        ("bootstrap.servers", variable(server)),
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism),
        ("sasl.username", user),
        ("sasl.password", password),
        ("ssl.ca.location", variable("KAFI_TEST_KAFKA_CA")),
    ])
}

/// TLS, with more properties.
fn tls(ca: &str, properties: &[(&str, &str)]) -> Arc<dyn Storage> {
    let all = [
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SSL")),
        ("security.protocol", "ssl"),
        ("ssl.ca.location", variable(ca)),
    ];
    open(&all.iter().chain(properties).copied().collect::<Vec<_>>())
}

/// TLS with a client's certificate.
fn mutual_tls(user: &str) -> Arc<dyn Storage> {
    let certificate = variable(&format!("KAFI_TEST_KAFKA_{user}_CERTIFICATE"));
    tls(
        "KAFI_TEST_KAFKA_CA",
        &[
            ("ssl.certificate.location", certificate),
            ("ssl.key.location", variable(&format!("KAFI_TEST_KAFKA_{user}_KEY"))),
        ],
    )
}

fn alice(is_encrypted: bool, mechanism: &str) -> Arc<dyn Storage> {
    sasl(is_encrypted, mechanism, "alice", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"))
}

/// Creates a topic, writes it and reads it back, all as one user.
fn writes_and_reads(storage: &Arc<dyn Storage>) {
    let topic = TestTopic::new(storage, "authentication", 1, &[]);
    write(storage, &[record(&topic.name, 0, "k", "v")]);
    let records = read_topic(storage, &topic.name);
    assert_eq!(records.iter().map(|record| record.value.as_deref()).collect::<Vec<_>>(), [Some(&b"v"[..])]);
}

/// One line that shows no secret.
fn is_one_line(error: &Error, secret: &str) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text}");
    assert!(!format!("{text} {error:?} {:?}", error.hint_text()).contains(secret), "{text}");
}

fn allow_alice(what: &[&str]) {
    let allow = [
        "org.apache.kafka.tools.AclCommand",
        "--bootstrap-server",
        brokers(),
        "--add",
        "--allow-principal",
        "User:alice",
    ];
    kafka_tool(&[&allow[..], what].concat());
}

/// That the broker takes this storage for `User:alice`: what is allowed to nobody else by name can be read, and nothing
/// else can be done.
fn is_alice(storage: &Arc<dyn Storage>) {
    let owner = cluster(&[]);
    let topic = TestTopic::new(&owner, "alice", 1, &[]);
    write(&owner, &[record(&topic.name, 0, "k", "for alice")]);
    let denied = storage.admin().unwrap().delete_topic(&topic.name, WAIT).unwrap_err();
    assert_eq!((denied.kind(), denied.retryable()), (ErrorKind::PermissionDenied, Retry::Never), "{denied:?}");
    is_one_line(&denied, variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
    allow_alice(&["--operation", "Read", "--topic", &topic.name]);
    // Brokers learn of a rule a moment after it is made.
    let until = Instant::now() + WAIT;
    while storage.admin().unwrap().topics(std::slice::from_ref(&topic.name), WAIT).is_err() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let records = read_topic(storage, &topic.name);
    assert_eq!(records[0].value.as_deref(), Some(&b"for alice"[..]));
    let denied = storage.admin().unwrap().delete_topic(&topic.name, WAIT).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied, "{denied:?}");
}

/// What comes of reading to the end: the messages, and the error if it ends with one.
fn read_until_refused(consumer: &mut dyn Consumer) -> (Vec<OwnedRecord>, Option<Error>) {
    let (mut records, mut batch, deadline) = (Vec::new(), Batch::new(), Instant::now() + WAIT);
    while Instant::now() < deadline {
        match consumer.poll(&mut batch, Duration::from_secs(1)) {
            Ok(Polled::Records) => records.extend(batch.iter().map(|record| record.to_owned())),
            Ok(Polled::End) => return (records, None),
            Ok(Polled::Timeout) => {}
            Err(error) => return (records, Some(error)),
        }
    }
    panic!("the read ends: {} messages", records.len());
}

#[test]
fn what_may_be_described_but_not_read_ends_with_the_refusal_and_loses_nothing_before_it() {
    let owner = cluster(&[]);
    let topics = [TestTopic::new(&owner, "may-read", 2, &[]), TestTopic::new(&owner, "may-describe", 2, &[])];
    for topic in &topics {
        write(&owner, &(0..2000).map(|i| record(&topic.name, i % 2, "k", &i.to_string())).collect::<Vec<_>>());
    }
    allow_alice(&["--operation", "Read", "--topic", &topics[0].name]);
    allow_alice(&["--operation", "Describe", "--topic", &topics[1].name]);
    let alice = alice(false, "PLAIN");
    for round in 0..20 {
        let mut assignments: Vec<_> =
            topics.iter().flat_map(|topic| whole(&alice, &topic.name, Isolation::ReadCommitted)).collect();
        if round % 2 == 1 {
            assignments.reverse();
        }
        let mut consumer = alice.consumer(&ConsumerOptions::default()).unwrap();
        consumer.assign(&assignments, WAIT).unwrap();
        let (records, error) = read_until_refused(consumer.as_mut());
        let error = error.expect("the read ends with the refusal");
        assert!(
            error.kind() == ErrorKind::PermissionDenied && error.to_string().contains(&topics[1].name),
            "{error:?}"
        );
        for partition in [0, 1] {
            let offsets: Vec<_> =
                records.iter().filter(|record| record.partition == partition).map(|record| record.offset).collect();
            assert!(offsets.iter().copied().eq(0..offsets.len() as i64), "nothing is passed over: {offsets:?}");
        }
        consumer.close(WAIT).unwrap();
    }
}

#[test]
fn plain() {
    writes_and_reads(&sasl(false, "PLAIN", "admin", admin_password()));
}

#[test]
fn scram_sha_256() {
    writes_and_reads(&sasl(false, "SCRAM-SHA-256", "admin", admin_password()));
}

#[test]
fn scram_sha_512() {
    writes_and_reads(&sasl(false, "SCRAM-SHA-512", "admin", admin_password()));
}

#[test]
fn every_mechanism_over_tls() {
    for mechanism in MECHANISMS {
        writes_and_reads(&sasl(true, mechanism, "admin", admin_password()));
    }
}

#[test]
fn tls_without_a_certificate() {
    writes_and_reads(&tls("KAFI_TEST_KAFKA_CA", &[]));
}

#[test]
fn mutual_tls_as_one_who_may() {
    writes_and_reads(&mutual_tls("ADMIN"));
}

#[test]
fn the_certificate_says_who_one_is() {
    is_alice(&mutual_tls("ALICE"));
}

#[test]
fn the_user_name_says_who_one_is() {
    is_alice(&alice(true, "SCRAM-SHA-512"));
}

#[test]
fn a_wrong_password_is_one_line_with_every_mechanism() {
    for is_encrypted in [false, true] {
        for mechanism in MECHANISMS {
            for user in ["admin", "nobody-of-this-name"] {
                let error = sasl(is_encrypted, mechanism, user, "hunter2").identity(WAIT).unwrap_err();
                assert_eq!(
                    (error.kind(), error.retryable()),
                    (ErrorKind::Authentication, Retry::Never),
                    "{mechanism} {user} {error:?}"
                );
                is_one_line(&error, "hunter2");
            }
        }
    }
}

#[test]
fn a_broker_of_another_authority_is_refused() {
    let with_password = open(&[
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SASL_SSL")),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "admin"),
        ("sasl.password", admin_password()),
        ("ssl.ca.location", variable("KAFI_TEST_KAFKA_OTHER_CA")),
    ]);
    for storage in [tls("KAFI_TEST_KAFKA_OTHER_CA", &[]), with_password] {
        let error = storage.identity(WAIT).unwrap_err();
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Authentication, Retry::Never), "{error:?}");
        is_one_line(&error, admin_password());
    }
}

#[test]
fn a_certificate_without_its_key_is_told_before_anything_is_sent() {
    let properties = pairs(&[
        ("bootstrap.servers", variable("KAFI_TEST_KAFKA_SSL")),
        ("security.protocol", "ssl"),
        ("ssl.ca.location", variable("KAFI_TEST_KAFKA_CA")),
        ("ssl.certificate.location", variable("KAFI_TEST_KAFKA_ALICE_CERTIFICATE")),
        ("ssl.key.location", variable("KAFI_TEST_KAFKA_ADMIN_KEY")),
    ]);
    let error = kafi_cluster::open("test", &properties).and_then(|storage| storage.identity(WAIT)).unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Config, Retry::Never), "{error:?}");
    is_one_line(&error, admin_password());
}

#[test]
fn who_may_nothing_is_told_so_with_every_mechanism() {
    let owner = cluster(&[]);
    let topic = TestTopic::new(&owner, "forbidden", 1, &[]);
    for is_encrypted in [false, true] {
        for mechanism in MECHANISMS {
            let denied = alice(is_encrypted, mechanism).admin().unwrap().delete_topic(&topic.name, WAIT).unwrap_err();
            assert_eq!(
                (denied.kind(), denied.retryable()),
                (ErrorKind::PermissionDenied, Retry::Never),
                "{mechanism} {denied:?}"
            );
            is_one_line(&denied, variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
        }
    }
}
