//! What goes wrong with a store of objects is one line, and perhaps a hint.

use std::net::TcpListener;

use crate::places::{Place, on_both, variable};

/// One line of what went wrong, and perhaps a hint, with this in them, and no secrets.
fn is_refused(line: &str, seen: &str, why: &str) {
    let lines: Vec<_> = seen.lines().collect();
    let is_short = lines.len() <= 3
        && lines[0].starts_with("! error: ")
        && lines[1..lines.len() - 1].iter().all(|line| line.starts_with("! hint: "));
    assert!(is_short && seen.contains(why), "{line}: {seen}");
    assert!(matches!(lines[lines.len() - 1], "? 1" | "? 2"), "{line}: {seen}");
    assert!(
        !seen.contains(variable("KAFI_TEST_S3_SECRET_KEY")) && !seen.contains(variable("KAFI_TEST_AZURE_KEY")),
        "{line}: {seen}"
    );
}

/// What is typed against a storage that is of no use.
fn lines(storage: &str, topic: &str) -> Vec<String> {
    let mut lines: Vec<_> =
        ["ls", "ls -l", "group ls", "storage check"].map(|verb| format!("kafi {verb} {storage}")).into();
    let verbs = ["cat", "head", "tail", "wc", "watermarks", "touch", "rm -y", "config", "storage merge", "cat -g g"];
    lines.extend(verbs.map(|verb| format!("kafi {verb} {topic}")));
    lines.extend([
        format!("kafi produce {topic} x"),
        format!("kafi cp {topic} ./folder/"),
        format!("kafi cp ./source/t {storage}"),
    ]);
    lines
}

fn all_refused(place: &Place, before: &str, lines: &[String], why: &str) {
    place.text("test -d source || kafi produce -q --create ./source/t x");
    for line in lines {
        is_refused(line, &place.seen(&format!("{before} timeout 60 {line} < /dev/null")), why);
    }
}

#[test]
fn buckets_that_are_not_there() {
    on_both(|place| {
        let missing = |topic| place.address_in("kafi-cli-missing", topic);
        all_refused(
            place,
            "",
            &lines(&missing(""), &missing("t")),
            &format!("there is no such {}", place.bucket_word()),
        );
    });
}

#[test]
fn wrong_keys() {
    let place = Place::new("s3");
    place.text("kafi touch o:t");
    let all = lines(&place.address(""), &place.address("t"));
    all_refused(&place, "export AWS_SECRET_ACCESS_KEY=wrong-key-of-somebody;", &all, "key");
    let place = Place::new("azure");
    place.text("kafi touch o:t");
    let wrong = variable("KAFI_TEST_AZURE_CONNECTION_STRING")
        .replace(variable("KAFI_TEST_AZURE_KEY"), "d3Jvbmcta2V5LW9mLXNvbWVib2R5");
    let all = lines(&place.address(""), &place.address("t"));
    all_refused(&place, &format!("export AZURE_STORAGE_CONNECTION_STRING='{wrong}';"), &all, "key or signature");
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let why = "the server cannot be reached: connection refused";
    let place = Place::new("s3");
    for line in ["ls 's3://bucket/@'", "cat 's3://bucket/t@'", "produce 's3://bucket/t@' x"] {
        is_refused(
            line,
            &place.seen(&format!("kafi {}", line.replace('@', &format!("?endpoint=http://{address}")))),
            why,
        );
    }
    let place = Place::new("azure");
    let elsewhere = variable("KAFI_TEST_AZURE_CONNECTION_STRING")
        .replace(variable("KAFI_TEST_AZURE").trim_start_matches("http://").split('/').next().unwrap(), &address);
    for line in ["ls azure://container/", "cat azure://container/t", "produce azure://container/t x"] {
        is_refused(
            line,
            &place.seen(&format!("export AZURE_STORAGE_CONNECTION_STRING='{elsewhere}'; kafi {line}")),
            why,
        );
    }
}

#[test]
fn topics_and_secrets_that_do_not_belong_there() {
    on_both(|place| {
        place.text("kafi touch o:there");
        for verb in [
            "cat",
            "tail",
            "wc",
            "watermarks",
            "rm -y",
            "config",
            "storage merge",
            "delete-records -y -o end",
            "cat -g g",
        ] {
            is_refused(verb, &place.seen(&format!("kafi {verb} {}", place.address("missing"))), "topic missing");
        }
        is_refused("produce", &place.seen(&format!("kafi produce {} x", place.address("missing"))), "topic missing");
        assert_eq!(place.text("kafi ls o:"), "there\n");
        let spoken = place.seen("kafi ls 's3://bucket/?secret.key=my-own-secret'");
        is_refused("ls", &spoken, "a secret does not belong into an address");
        assert!(!spoken.contains("my-own-secret"), "{spoken}");
        is_refused("ls", &place.seen("kafi ls 's3://bucket/?endpont=http://x'"), "endpont");
        is_refused("ls", &place.seen("kafi ls s3:///orders"), "missing");
    });
}

#[test]
fn no_secret_is_shown_in_whatever_way_it_is_given() {
    let endpoint = variable("KAFI_TEST_S3");
    let (account, address) = (variable("KAFI_TEST_AZURE_ACCOUNT"), variable("KAFI_TEST_AZURE"));
    // What the secrets would look like, also in parts and decoded.
    let secrets = ["hunter2", "aHVudGVyMg", "aHVu%2FdGVy", "aHVu/dGVy"];
    let configs = [
        (
            "s3s/keys",
            format!(
                "s3:\n  endpoint: {endpoint}\n  access.key: hunter2access\n  secret.key: hunter2secret\n  bucket.name: kafi-cli\n"
            ),
        ),
        (
            "s3s/token",
            format!(
                "s3:\n  endpoint: {endpoint}\n  access.key: hunter2access\n  secret.key: ${{SECRET}}\n  session.token: hunter2token\n"
            ),
        ),
        (
            "s3s/nobody",
            "s3:\n  endpoint: http://127.0.0.1:1\n  access.key: hunter2access\n  secret.key: hunter2secret\n".into(),
        ),
        (
            "azureblobs/key",
            format!(
                "azure_blob:\n  account.name: {account}\n  account.key: aHVudGVyMg==\n  endpoint: {address}\n  container.name: kafi-cli\n"
            ),
        ),
        (
            "azureblobs/signature",
            format!(
                "azure_blob:\n  account.name: {account}\n  sas.token: '?sv=2022-11-02&sp=rwdl&sig=aHVu%2FdGVyaHVudGVy%3D'\n  endpoint: {address}\n"
            ),
        ),
        (
            "azureblobs/string",
            format!(
                "azure_blob:\n  connection.string: BlobEndpoint={address};SharedAccessSignature=sv=2022-11-02&sig=aHVu%2FdGVyaHVudGVy%3D\n"
            ),
        ),
        (
            "azureblobs/nobody",
            format!(
                "azure_blob:\n  account.name: {account}\n  sas.token: sv=1&sig=aHVu%2FdGVyaHVudGVy%3D\n  endpoint: http://127.0.0.1:1/a\n"
            ),
        ),
    ];
    let place = Place::new("s3");
    for (name, text) in configs {
        place.sandbox.write(&format!("configs/{name}.yaml"), text);
        for line in [format!("ls {name}:"), format!("produce {name}:t x")] {
            for flag in ["", "--verbose"] {
                let seen = place.seen(&format!("SECRET=hunter2secret timeout 60 kafi {line} {flag}"));
                assert!(seen.contains("! error: "), "{line} {flag}: {seen}");
                for secret in secrets {
                    assert!(!seen.contains(secret), "{line} {flag}: {seen}");
                }
            }
        }
    }
}
