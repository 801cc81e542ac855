//! What becomes of requests when servers and networks fail.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, Consumer, ConsumerOptions, Delivery, ErrorKind, NewTopic, Polled, Producer, ProducerOptions,
    Record, Storage,
};
use kafi_serve::{Limits, ServeOptions};
use kafi_testkit::servers::scripted::{Scripted, answer};
use kafi_testkit::servers::toxiproxy::Proxy;
use kafi_testkit::servers::variable;

use crate::{PATIENCE, open, served};

const JSON: &str = "Content-Type: application/json\r\n";

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
    let (kind, said) = refused(&[answer("200 OK", JSON, r#"{"data":[{"cluster_id":"c"}]}"#)]);
    let is_told =
        said.starts_with("list topics: storage ") && said.contains("API promises: path .data[0].partitions_count");
    assert!(kind == ErrorKind::Corrupt && is_told, "{said}");
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

/// By the codes of the documentation, and by those that Confluent's server gives.
#[test]
fn what_version_2_refuses_for_now_is_sent_again() {
    for (code, is_sent_again) in [(2, true), (50003, true), (1, false), (50002, false)] {
        let unknown = answer("404 Not Found", JSON, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#);
        let topics = answer("200 OK", "Server: old\r\n", "[]");
        let refused = format!(r#"{{"offsets":[{{"partition":null,"offset":null,"error_code":{code},"error":"no"}}]}}"#);
        let refused = answer("200 OK", JSON, &refused);
        let written = answer("200 OK", JSON, r#"{"offsets":[{"partition":0,"offset":7}]}"#);
        let server = Scripted::new(&[unknown, topics, refused, written]);
        let mut producer = open(&server.address, &[]).producer(&ProducerOptions::default()).unwrap();
        producer.produce(&numbered(1), 0, 1, PATIENCE).unwrap();
        producer.flush(PATIENCE).unwrap();
        let reports = producer.reports(Duration::ZERO).unwrap();
        let is_written = matches!(reports, [report] if matches!(report.delivery, Delivery::At(7)));
        assert_eq!(is_written, is_sent_again, "{code}: {reports:?}");
    }
}

/// So many messages with numbers, for partition 0 of topic `t`.
fn numbered(count: usize) -> Batch {
    let mut batch = Batch::new();
    for number in 0..count {
        batch.push(Record { partition: 0, ..Record::new("t", None, Some(format!("{number}").as_bytes())) });
    }
    batch
}

/// Writes a batch whole, and gives back how many of its messages were delivered; none may have failed.
fn deliver(producer: &mut dyn Producer, batch: &Batch, token: u64) -> u64 {
    let mut from = 0;
    while from < batch.len() {
        from += producer.produce(batch, from, token, PATIENCE).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let mut delivered = 0;
    for report in producer.reports(Duration::ZERO).unwrap() {
        assert!(!matches!(report.delivery, Delivery::Failed(_)), "{report:?}");
        delivered += report.count;
    }
    delivered
}

/// The end of partition 0 of topic `t`.
fn end_of_topic(storage: &dyn Storage) -> i64 {
    let place = kafi_core::TopicPartition { topic: "t".into(), partition: 0 };
    storage.admin().unwrap().watermarks(&[place], Default::default(), PATIENCE).unwrap()[0].high
}

fn assign(consumer: &mut dyn Consumer, end: i64) {
    let whole = Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(end) };
    consumer.assign(&[whole], PATIENCE).unwrap();
}

/// Reads on from an offset to the end, whatever fails on the way, and sees each offset once.
fn read_on(consumer: &mut dyn Consumer, mut next: i64) -> i64 {
    let mut into = Batch::new();
    loop {
        match consumer.poll(&mut into, PATIENCE) {
            Ok(Polled::End) => return next,
            Ok(_) => {
                for record in into.iter() {
                    assert_eq!(record.offset, next);
                    next += 1;
                }
            }
            Err(error) => assert_eq!(error.retryable(), kafi_core::Retry::Later, "{error:?}"),
        }
    }
}

/// Connections are cut again and again while messages are written and read: none is missing, and each has one report.
#[test]
fn cut_connections_lose_nothing() {
    let served = served::Served::new();
    let proxy = Proxy::new(variable("KAFI_TEST_TOXIPROXY"), served.host());
    let storage = open(&proxy.address, &[]);
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    proxy.poison("limit_data", "downstream", r#"{"bytes":3000000}"#);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let batch = numbered(5000);
    let delivered: u64 = (0..4).map(|token| deliver(&mut *producer, &batch, token)).sum();
    assert_eq!(delivered, 20_000);
    let end = end_of_topic(&*storage);
    assert!(end >= 20_000, "{end}");
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    assign(&mut *consumer, end);
    assert_eq!(read_on(&mut *consumer, 0), end);
    consumer.close(PATIENCE).unwrap();
}

/// A server that is gone in the middle of requests, and another in its place, which knows nothing of instances.
#[test]
fn a_server_that_is_replaced_is_gone_on_with() {
    let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    let first = served::Served::over(Arc::clone(&storage), ServeOptions::default());
    let address = first.host().parse().unwrap();
    let rest = open(&first.address, &[("requests.num.retries", "100")]);
    let batch = numbered(10_000);
    let mut producer = rest.producer(&ProducerOptions::default()).unwrap();
    assert_eq!(deliver(&mut *producer, &batch, 0), 10_000);
    let mut consumer = rest.consumer(&ConsumerOptions::default()).unwrap();
    assign(&mut *consumer, 10_000);
    let mut into = Batch::with_limits(100, 10_000);
    assert!(matches!(consumer.poll(&mut into, PATIENCE), Ok(Polled::Records)));
    let next = into.len() as i64;
    // What is under way when the server goes is answered by the next one, or was answered by the first.
    assert!(producer.produce(&batch, 0, 1, PATIENCE).unwrap() > 0);
    let restarting = std::thread::spawn(move || {
        drop(first);
        std::thread::sleep(Duration::from_millis(300));
        served::Served::at(address, storage, ServeOptions::default())
    });
    assert!(deliver(&mut *producer, &batch, 2) >= 10_000);
    let _second = restarting.join().unwrap();
    assert!(end_of_topic(&*rest) >= 30_000 - 10_000);
    assert_eq!(read_on(&mut *consumer, next), 10_000);
    consumer.close(PATIENCE).unwrap();
}

#[test]
fn slow_answers_are_waited_for_as_long_as_there_is_time() {
    let served = served::Served::new();
    let proxy = Proxy::new(variable("KAFI_TEST_TOXIPROXY"), served.host());
    let storage = open(&proxy.address, &[]);
    proxy.poison("latency", "downstream", r#"{"latency":1500}"#);
    let error = storage.admin().unwrap().topics(&[], Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    assert_eq!(producer.produce(&numbered(1), 0, 0, PATIENCE).unwrap(), 1);
    let error = producer.flush(Duration::from_millis(300)).unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Timeout, kafi_core::Retry::Later), "{error}");
    producer.flush(PATIENCE).unwrap();
    assert_eq!(end_of_topic(&*storage), 1);
}

#[test]
fn a_message_beyond_the_limit_of_the_server_fails_alone() {
    let limits = Limits { body_bytes_max: 10_000, ..Limits::default() };
    let served =
        served::Served::over(Arc::new(kafi_fs::open_memory("mem")), ServeOptions { limits, ..ServeOptions::default() });
    let storage = open(&served.address, &[]);
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = numbered(1);
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(&[b'x'; 20_000])) });
    assert_eq!(producer.produce(&batch, 0, 0, PATIENCE).unwrap(), 2);
    producer.flush(PATIENCE).unwrap();
    let reports = producer.reports(Duration::ZERO).unwrap();
    let [written, failed] = reports else { panic!("{reports:?}") };
    assert!(matches!(written.delivery, Delivery::At(0)), "{reports:?}");
    assert!(matches!(&failed.delivery, Delivery::Failed(error) if error.kind() == ErrorKind::TooLarge), "{reports:?}");
    assert_eq!(deliver(&mut *producer, &numbered(1), 1), 1);
}
