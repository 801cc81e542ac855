//! Who we are, and who the server is: users, tokens, and certificates of an authority of our own, over `kafi serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafi_core::{Batch, Error, ErrorKind, NewTopic, ProducerOptions, Record, Result};
use kafi_serve::{ServeOptions, Tls, Users};
use kafi_testkit::servers::variable;

use crate::served::Served;
use crate::{PATIENCE, open};

/// A file of the authority of the tests' broker.
fn authority(name: &str) -> PathBuf {
    Path::new(variable("KAFI_TEST_KAFKA_CA")).with_file_name(name)
}

fn serve(options: ServeOptions) -> Served {
    Served::over(Arc::new(kafi_fs::open_memory("mem")), options)
}

fn with_tls(client_ca: Option<&Path>) -> Served {
    let tls = Tls::read(&authority("broker.pem"), &authority("broker.key"), client_ca).unwrap();
    serve(ServeOptions { tls: Some(tls), ..ServeOptions::default() })
}

/// Makes a topic, and writes a message to it.
fn write(address: &str, items: &[(&str, &str)]) -> Result<()> {
    let storage = open(address, &[&[("requests.num.retries", "0")], items].concat());
    storage.admin()?.create_topic(&NewTopic::new("t").partitions(1), PATIENCE)?;
    let mut producer = storage.producer(&ProducerOptions::default())?;
    let mut batch = Batch::new();
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(b"v")) });
    assert_eq!(producer.produce(&batch, 0, 1, PATIENCE)?, 1);
    producer.flush(PATIENCE)?;
    producer.close(PATIENCE)
}

fn refused(address: &str, items: &[(&str, &str)]) -> Error {
    write(address, items).unwrap_err()
}

#[test]
fn a_server_is_known_by_its_authority() {
    let served = with_tls(None);
    assert!(served.address.starts_with("https://"), "{}", served.address);
    write(&served.address, &[("ssl.ca.location", variable("KAFI_TEST_KAFKA_CA"))]).unwrap();
    for other in [&[("ssl.ca.location", variable("KAFI_TEST_KAFKA_OTHER_CA"))][..], &[]] {
        let error = refused(&served.address, other);
        assert!(
            error.kind() == ErrorKind::Config && error.hint_text().unwrap().contains("ssl.ca.location"),
            "{error:?}"
        );
    }
    // One that speaks no TLS, and one that nothing else is spoken with.
    let error = refused(&served.address.replace("https", "http"), &[]);
    assert!(error.kind() == ErrorKind::Config && error.hint_text().unwrap().contains("https://"), "{error:?}");
    let plain = Served::new();
    let error = refused(&plain.address.replace("http", "https"), &[]);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let ca = variable("KAFI_TEST_KAFKA_CA");
    let served = with_tls(Some(Path::new(ca)));
    let alice = [
        ("ssl.ca.location", ca),
        ("ssl.certificate.location", variable("KAFI_TEST_KAFKA_ALICE_CERTIFICATE")),
        ("ssl.key.location", variable("KAFI_TEST_KAFKA_ALICE_KEY")),
    ];
    write(&served.address, &alice).unwrap();
    // Where the server is gone before the request is written, its reason does not come.
    let is_told = |error: &Error| match error.kind() {
        ErrorKind::Config => error.hint_text().is_some_and(|hint| hint.contains("ssl.certificate.location")),
        kind => kind == ErrorKind::Unavailable,
    };
    let error = refused(&served.address, &alice[..1]);
    assert!(is_told(&error), "{error:?}");
    // The other authority signed no certificate that there is.
    let others = with_tls(Some(Path::new(variable("KAFI_TEST_KAFKA_OTHER_CA"))));
    let error = refused(&others.address, &alice);
    assert!(is_told(&error), "{error:?}");
}

#[test]
fn users_are_known_by_password_or_token() {
    let users = Some(Users::parse("alice:s3cret").unwrap());
    let served = serve(ServeOptions { users, ..ServeOptions::default() });
    for items in [[("basic.auth.user.info", "alice:wrong")], [("bearer.auth.token", "wrong")]] {
        let error = refused(&served.address, &items);
        assert!(error.kind() == ErrorKind::Authentication && !error.to_string().contains("wrong:"), "{error}");
        assert!(error.hint_text().unwrap().contains("bearer.auth.token"), "{error:?}");
    }
    write(&served.address, &[("basic.auth.user.info", "alice:s3cret")]).unwrap();
    open(&served.address, &[("bearer.auth.token", "s3cret")]).admin().unwrap().delete_topic("t", PATIENCE).unwrap();
}

#[test]
fn what_is_no_certificate_is_named() {
    let (pem, key, ca) = (authority("broker.pem"), authority("broker.key"), variable("KAFI_TEST_KAFKA_CA"));
    let said = |certificate: &Path, key: &Path| Tls::read(certificate, key, None).unwrap_err();
    let missing = said(Path::new("nowhere.pem"), &key);
    assert!(missing.kind() == ErrorKind::NotFound && missing.to_string().contains("nowhere.pem"), "{missing}");
    for (error, words) in [
        (said(&key, &key), "it has no certificates in PEM"),
        (said(&pem, &pem), "it has no key in PEM"),
        (said(Path::new(ca), &key), "do not fit each other"),
        (Tls::read(&pem, &key, Some(&key)).unwrap_err(), "it has no certificates in PEM"),
    ] {
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(words), "{words}: {error}");
        assert!(!error.to_string().contains("BEGIN"), "{error}");
    }
}
