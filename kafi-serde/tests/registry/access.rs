//! Who we are to a registry: user and password, tokens, certificates.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kafi_core::{ErrorKind, Result};
use kafi_serde::registry::{Deleted, Registry};
use kafi_testkit::servers::scripted::{Scripted, answer};
use tempfile::TempDir;

use crate::{TIMEOUT, open};

fn json(body: &str) -> String {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

/// What the header `Authorization` of a request holds.
fn authorization(request: &str) -> Option<String> {
    let header = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim().to_string())
    });
    header.filter(|header| !header.is_empty())
}

#[test]
fn user_and_password_come_with_each_request() {
    // The base64 of me:s3cret.
    let expected = Some("Basic bWU6czNjcmV0".to_string());
    for more in [
        &[("basic.auth.user.info", "me:s3cret")][..],
        &[("basic.auth.credentials.source", "SASL_INHERIT"), ("sasl.username", "me"), ("sasl.password", "s3cret")],
        &[("basic.auth.credentials.source", "URL")],
    ] {
        let server = Scripted::new(&[json("[]")]);
        let user = if more[0].1 == "URL" { "me:s3cret@" } else { "" };
        let url = format!("http://{user}{}", server.address);
        let items: Vec<(&str, &str)> = [("schema.registry.url", url.as_str())].iter().chain(more).copied().collect();
        open(&items).subjects("", Deleted::Excluded, TIMEOUT).unwrap();
        assert_eq!(authorization(&server.received()[0]), expected, "{more:?}");
    }
}

#[test]
fn a_wrong_password_is_a_hint_and_never_shown() {
    let told = r#"{"error_code":40101,"message":"me:s3cret is wrong"}"#;
    let server = Scripted::new(&[answer("401 Unauthorized", "Content-Type: application/json\r\n", told)]);
    let url = format!("http://me:s3cret@{}", server.address);
    let error = open(&[("schema.registry.url", &url)]).subjects("", Deleted::Excluded, TIMEOUT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.message().starts_with("it does not accept who we are: "), "{error}");
    assert!(error.hint_text().unwrap().contains("basic.auth.user.info"), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_token_comes_with_each_request() {
    let server = Scripted::new(&[json("[]")]);
    let url = format!("http://{}", server.address);
    let items = [
        ("schema.registry.url", url.as_str()),
        ("bearer.auth.credentials.source", "STATIC_TOKEN"),
        ("bearer.auth.token", "t0ken"),
        ("bearer.auth.logical.cluster", "lsrc-1"),
        ("bearer.auth.identity.pool.id", "pool-1"),
    ];
    open(&items).subjects("", Deleted::Excluded, TIMEOUT).unwrap();
    let request = server.received().remove(0);
    assert_eq!(authorization(&request).as_deref(), Some("Bearer t0ken"));
    let request = request.to_lowercase();
    assert!(
        request.contains("target-sr-cluster: lsrc-1") && request.contains("confluent-identity-pool-id: pool-1"),
        "{request}"
    );
}

/// A client whose tokens come from `issuer`.
fn with_tokens(server: &Scripted, issuer: &Scripted) -> Result<Vec<String>> {
    let (url, issuer) = (format!("http://{}", server.address), format!("http://{}/token", issuer.address));
    let client = open(&[
        ("schema.registry.url", url.as_str()),
        ("bearer.auth.credentials.source", "OAUTHBEARER"),
        ("bearer.auth.issuer.endpoint.url", &issuer),
        ("bearer.auth.client.id", "me"),
        ("bearer.auth.client.secret", "s3cret"),
        ("bearer.auth.scope", "a b"),
    ]);
    client.subjects("", Deleted::Excluded, TIMEOUT)?;
    client.subjects("", Deleted::Excluded, TIMEOUT)
}

#[test]
fn tokens_are_issued_kept_and_issued_again() {
    let token = |name: &str| json(&format!(r#"{{"access_token":"{name}","expires_in":3600}}"#));
    let (server, issuer) = (Scripted::new(&[json("[]")]), Scripted::new(&[token("one"), token("two")]));
    with_tokens(&server, &issuer).unwrap();
    let asked = issuer.received();
    assert_eq!((asked.len(), authorization(&asked[0]).as_deref()), (1, Some("Basic bWU6czNjcmV0")));
    assert!(asked[0].ends_with("grant_type=client_credentials&scope=a%20b"), "{}", asked[0]);
    let bearers: Vec<_> = server.received().iter().map(|request| authorization(request)).collect();
    assert_eq!(bearers, [Some("Bearer one".to_string()), Some("Bearer one".to_string())]);

    // A token that was withdrawn is replaced once.
    let refused = answer("401 Unauthorized", "", "");
    let (server, issuer) =
        (Scripted::new(&[json("[]"), refused.clone(), json("[]")]), Scripted::new(&[token("one"), token("two")]));
    with_tokens(&server, &issuer).unwrap();
    let last = server.received().pop().unwrap();
    assert_eq!((issuer.requests(), authorization(&last).as_deref()), (2, Some("Bearer two")));
    let (server, issuer) = (Scripted::new(&[refused]), Scripted::new(&[token("one")]));
    assert_eq!(with_tokens(&server, &issuer).unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!((server.requests(), issuer.requests()), (1, 1));
}

#[test]
fn an_issuer_that_refuses_is_named() {
    let server = Scripted::new(&[json("[]")]);
    let refusal = answer("400 Bad Request", "", r#"{"error":"invalid_client"}"#);
    for (answer, why) in [(refusal, "invalid_client"), (json("{}"), "no access_token")] {
        let issuer = Scripted::new(&[answer]);
        let error = with_tokens(&server, &issuer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        let (line, place) = (error.to_string(), format!("issuer http://{}/token", issuer.address));
        assert!(line.contains(&place) && line.contains(why) && !line.contains("s3cret"), "{line}");
    }
    assert_eq!(server.requests(), 0);
}

/// A server behind TLS that has one subject, and asks for a certificate. It ends with its test.
struct Secure {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Secure {
    /// OpenSSL's own server, with keys that its tool has made.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["ca", "other"] {
            openssl(
                path,
                &format!(
                    "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem"
                ),
            );
        }
        fs::write(path.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
        for name in ["server", "client"] {
            openssl(path, &format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
            openssl(
                path,
                &format!(
                    "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san -out {name}.pem"
                ),
            );
        }
        fs::write(path.join("subjects"), json(r#"["a"]"#)).unwrap();
        let command = "s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -HTTP";
        let mut process = Command::new("openssl")
            .args(command.split(' '))
            .current_dir(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:")?.trim().parse().ok()).unwrap();
        // What it says about connections must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port, folder }
    }

    fn ask(&self, items: &[(&str, &str)]) -> Result<Vec<String>> {
        let url = format!("https://127.0.0.1:{}", self.port);
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let files: Vec<String> = items.iter().map(|(_, name)| file(name)).collect();
        let mut all = vec![("schema.registry.url", url.as_str())];
        all.extend(items.iter().zip(&files).map(|((key, _), path)| (*key, path.as_str())));
        open(&all).subjects("", Deleted::Excluded, TIMEOUT)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn certificates_are_checked_both_ways() {
    let server = Secure::new();
    let (ca, certificate, key) =
        (("ssl.ca.location", "ca.pem"), ("ssl.certificate.location", "client.pem"), ("ssl.key.location", "client.key"));
    assert_eq!(server.ask(&[ca, certificate, key]).unwrap(), ["a"]);

    // One that we do not trust.
    for items in [&[certificate, key][..], &[("ssl.ca.location", "other.pem"), certificate, key]] {
        let error = server.ask(items).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(error.hint_text().unwrap().contains("ssl.ca.location"), "{error:?}");
    }
    // One that does not trust us.
    let error = server.ask(&[ca]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
