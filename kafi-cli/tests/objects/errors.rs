//! What goes wrong with a store of objects is one line, and perhaps a hint.

use std::net::TcpListener;

use crate::places::{Place, on_both, variable};

/// One line of what went wrong, and perhaps a hint, with this in them, and no secrets.
fn is_refused(line: &str, seen: &str, why: &str) {
    let lines: Vec<_> = seen.lines().collect();
    let is_short = lines.len() <= 3 && lines[0].starts_with("! error: ") && lines[1..lines.len() - 1].iter().all(|line| line.starts_with("! hint: "));
    assert!(is_short && seen.contains(why), "{line}: {seen}");
    assert!(matches!(lines[lines.len() - 1], "? 1" | "? 2"), "{line}: {seen}");
    assert!(!seen.contains(variable("s3", "_SECRET_KEY")) && !seen.contains(variable("azure", "_KEY")), "{line}: {seen}");
}

/// What is typed against a storage that is of no use.
fn lines(storage: &str, topic: &str) -> Vec<String> {
    let mut lines: Vec<_> = ["ls", "ls -l", "group ls", "storage check"].map(|verb| format!("kafi {verb} {storage}")).into();
    let verbs = ["cat", "head", "tail", "wc", "watermarks", "touch", "rm -y", "config", "storage merge", "cat -g g"];
    lines.extend(verbs.map(|verb| format!("kafi {verb} {topic}")));
    lines.extend([format!("kafi produce {topic} x"), format!("kafi cp {topic} ./folder/"), format!("kafi cp ./source/t {storage}")]);
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
        all_refused(place, "", &lines(&missing(""), &missing("t")), &format!("there is no such {}", place.bucket_word()));
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
    let wrong = variable("azure", "_CONNECTION_STRING").replace(variable("azure", "_KEY"), "d3Jvbmcta2V5LW9mLXNvbWVib2R5");
    let all = lines(&place.address(""), &place.address("t"));
    all_refused(&place, &format!("export AZURE_STORAGE_CONNECTION_STRING='{wrong}';"), &all, "key or signature");
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let why = "the server cannot be reached: connection refused";
    let place = Place::new("s3");
    for line in ["ls 's3://bucket/@'", "cat 's3://bucket/t@'", "produce 's3://bucket/t@' x"] {
        is_refused(line, &place.seen(&format!("kafi {}", line.replace('@', &format!("?endpoint=http://{address}")))), why);
    }
    let place = Place::new("azure");
    let elsewhere = variable("azure", "_CONNECTION_STRING").replace(variable("azure", "").trim_start_matches("http://").split('/').next().unwrap(), &address);
    for line in ["ls azure://container/", "cat azure://container/t", "produce azure://container/t x"] {
        is_refused(line, &place.seen(&format!("export AZURE_STORAGE_CONNECTION_STRING='{elsewhere}'; kafi {line}")), why);
    }
}

#[test]
fn topics_and_secrets_that_do_not_belong_there() {
    on_both(|place| {
        place.text("kafi touch o:there");
        for verb in ["cat", "tail", "wc", "watermarks", "rm -y", "config", "storage merge", "delete-records -y -o end", "cat -g g"] {
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
