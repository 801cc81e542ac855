//! What becomes of requests when servers and networks fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "another test uses the rest of it")]
mod served;

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, ConsumerOptions, Delivery, ErrorKind, NewTopic, Polled, ProducerOptions, Record, Storage,
};
use kafi_testkit::servers::scripted::{Scripted, answer};
use kafi_testkit::servers::toxiproxy::Proxy;
use kafi_testkit::servers::variable;

const PATIENCE: Duration = Duration::from_secs(60);

const JSON: &str = "Content-Type: application/json\r\n";

fn open(address: &str, items: &[(&str, &str)]) -> Arc<dyn Storage> {
    let mut all = vec![("rest.proxy.url".to_string(), address.to_string())];
    all.extend(items.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())));
    kafi_restproxy::open("rest", &all).unwrap()
}

/// What listing the topics fails with, over a server that answers so.
fn refused(answers: &[String]) -> (ErrorKind, String) {
    let server = Scripted::new(answers);
    let storage = open(&server.address, &[("requests.num.retries", "1"), ("basic.auth.user.info", "me:hunter2")]);
    let error = storage.admin().unwrap().topics(&[], PATIENCE).unwrap_err();
    (error.kind(), format!("{error} {:?}", error.hint_text()))
}

#[test]
fn what_is_no_answer_of_a_rest_proxy_is_said() {
    let page = answer("200 OK", "Content-Type: text/html\r\n", "<html>welcome</html>");
    let (kind, said) = refused(&[page]);
    assert!(kind == ErrorKind::Config && said.contains("an HTML page") && said.contains("REST Proxy?"), "{said}");
    let (kind, said) = refused(&[answer("301 Moved", "Location: https://elsewhere\r\n", "")]);
    assert!(kind == ErrorKind::Config && said.contains("redirect to https://elsewhere"), "{said}");
    let wrong = r#"{"error_code":40101,"message":"me:hunter2 is not known"}"#;
    let (kind, said) = refused(&[answer("401 Unauthorized", JSON, wrong)]);
    assert!(kind == ErrorKind::Authentication && !said.contains("hunter2"), "{said}");
    let (kind, said) = refused(&[answer("500 Oops", JSON, r#"{"error_code":50002,"message":"broken"}"#)]);
    assert!(kind == ErrorKind::Unavailable && said.contains("broken"), "{said}");
    let (kind, said) = refused(&[answer("200 OK", JSON, "{\"data\":")]);
    assert!(kind == ErrorKind::Corrupt && said.contains("no JSON"), "{said}");
}

#[test]
fn what_is_refused_for_now_is_asked_for_again() {
    let clusters = answer("200 OK", JSON, r#"{"data":[{"cluster_id":"c"}]}"#);
    let busy = answer("429 Slow Down", "Retry-After: 0\r\n", r#"{"error_code":429,"message":"later"}"#);
    let written = answer(
        "200 OK",
        JSON,
        "{\"error_code\":200,\"partition_id\":0,\"offset\":5}\r\n{\"error_code\":429,\"message\":\"later\"}\r\n",
    );
    let last = answer("200 OK", JSON, "{\"error_code\":200,\"partition_id\":0,\"offset\":6}\r\n");
    let server = Scripted::new(&[clusters, busy, written, last]);
    let storage = open(&server.address, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::new();
    for value in [b"a", b"b"] {
        batch.push(Record { partition: 0, ..Record::new("t", None, Some(value)) });
    }
    assert_eq!(producer.produce(&batch, 0, 1, PATIENCE).unwrap(), 2);
    producer.flush(PATIENCE).unwrap();
    let reports = producer.reports(Duration::ZERO).unwrap();
    assert!(
        matches!(reports, [report] if report.count == 2 && matches!(report.delivery, Delivery::At(5))),
        "{reports:?}"
    );
    // Only the one that was refused is sent again.
    let requests = server.received();
    assert_eq!(requests.iter().map(|request| request.matches("\"data\"").count()).collect::<Vec<_>>(), [0, 2, 2, 1]);
}

#[test]
fn a_server_with_version_2_only_is_written_to() {
    let unknown = answer("404 Not Found", JSON, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#);
    let topics = answer("200 OK", "Server: old\r\n", "[]");
    let written = answer("200 OK", JSON, r#"{"offsets":[{"partition":1,"offset":7,"error_code":null,"error":null}]}"#);
    let server = Scripted::new(&[unknown, topics, written]);
    let storage = open(&server.address, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.push(Record::new("t", Some(b"k"), None));
    producer.produce(&batch, 0, 1, PATIENCE).unwrap();
    producer.flush(PATIENCE).unwrap();
    let reports = producer.reports(Duration::ZERO).unwrap();
    assert!(
        matches!(reports, [report] if report.partition == 1 && matches!(report.delivery, Delivery::At(7))),
        "{reports:?}"
    );
    assert!(server.received()[2].ends_with(r#"{"records":[{"key":"aw==","value":null}]}"#), "{:?}", server.received());
    let error = storage.admin().unwrap().create_topic(&NewTopic::new("a"), PATIENCE).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("old has version 2"), "{error}");
}

/// Connections are cut again and again while messages are written and read: none is missing, and each has one report.
#[test]
fn cut_connections_lose_nothing() {
    let served = served::Served::new();
    let proxy = Proxy::new(variable("KAFI_TEST_TOXIPROXY"), &served.address);
    let storage = open(&proxy.address, &[]);
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    proxy.poison("limit_data", "downstream", r#"{"bytes":3000000}"#);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::new();
    for number in 0..5000 {
        batch.push(Record { partition: 0, ..Record::new("t", None, Some(format!("{number}").as_bytes())) });
    }
    let mut reported = 0;
    for token in 0..4 {
        let mut from = 0;
        while from < batch.len() {
            from += producer.produce(&batch, from, token, PATIENCE).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        for report in producer.reports(Duration::ZERO).unwrap() {
            assert!(!matches!(report.delivery, Delivery::Failed(_)), "{report:?}");
            reported += report.count;
        }
    }
    assert_eq!(reported, 20_000);
    let admin = &mut storage.admin().unwrap();
    let place = kafi_core::TopicPartition { topic: "t".into(), partition: 0 };
    let end = admin.watermarks(&[place], Default::default(), PATIENCE).unwrap()[0].high;
    assert!(end >= 20_000, "{end}");
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let whole = Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(end) };
    consumer.assign(&[whole], PATIENCE).unwrap();
    let (mut next, mut into) = (0, Batch::new());
    loop {
        match consumer.poll(&mut into, PATIENCE) {
            Ok(Polled::End) => break,
            Ok(_) => {
                for record in into.iter() {
                    assert_eq!(record.offset, next);
                    next += 1;
                }
            }
            Err(error) => assert_eq!(error.retryable(), kafi_core::Retry::Later, "{error:?}"),
        }
    }
    assert_eq!(next, end);
    consumer.close(PATIENCE).unwrap();
}
