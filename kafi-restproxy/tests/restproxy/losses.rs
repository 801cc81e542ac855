//! What the API does not carry is said, once, and never lost without a word.

use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, ConsumerOptions, Delivery, HeadersBuf, NO_TIMESTAMP, NewTopic, Polled, ProducerOptions, Record,
    Storage,
};
use kafi_testkit::servers::scripted::{Scripted, answer};
use log::{Level, LevelFilter, Log, Metadata};

use crate::{PATIENCE, served};

const JSON: &str = "Content-Type: application/json\r\n";

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps all warnings.
struct Keeper;

impl Log for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// A storage of this name, whose warnings can be told from those of others.
fn open(name: &str, address: &str) -> Arc<dyn Storage> {
    static KEEPING: Once = Once::new();
    KEEPING.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(LevelFilter::Warn);
    });
    kafi_restproxy::open(name, &[("rest.proxy.url".to_string(), address.to_string())]).unwrap()
}

fn warnings(name: &str) -> Vec<String> {
    let prefix = format!("storage {name}: ");
    WARNINGS.lock().unwrap().iter().filter_map(|said| said.strip_prefix(&prefix).map(str::to_string)).collect()
}

/// Writes these messages twice, all of which are delivered.
fn write(storage: &dyn Storage, options: &ProducerOptions, records: &[Record<'_>]) {
    let mut batch = Batch::new();
    records.iter().for_each(|record| batch.push(*record));
    let mut producer = storage.producer(options).unwrap();
    for token in 0..2 {
        assert_eq!(producer.produce(&batch, 0, token, PATIENCE).unwrap(), batch.len());
        producer.flush(PATIENCE).unwrap();
        let reports = producer.reports(Duration::ZERO).unwrap();
        assert!(reports.iter().all(|report| !matches!(report.delivery, Delivery::Failed(_))), "{reports:?}");
    }
    producer.close(PATIENCE).unwrap();
}

/// All messages of partition 0 of topic `t`, of which there are so many.
fn read(storage: &dyn Storage, end: i64) -> Vec<kafi_core::OwnedRecord> {
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let whole = Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(end) };
    consumer.assign(&[whole], PATIENCE).unwrap();
    let (mut all, mut batch) = (Vec::new(), Batch::new());
    while consumer.poll(&mut batch, PATIENCE).unwrap() == Polled::Records {
        all.extend(batch.iter().map(|record| record.to_owned()));
    }
    consumer.close(PATIENCE).unwrap();
    all
}

/// A copy asks for it, and others do not.
#[test]
fn messages_without_a_timestamp_get_one() {
    let served = served::Served::new();
    let storage = open("times", &served.address);
    storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(1), PATIENCE).unwrap();
    let without = Record { partition: 0, timestamp: NO_TIMESTAMP, ..Record::new("t", None, Some(b"v")) };
    write(&*storage, &ProducerOptions::default(), &[without]);
    assert_eq!(warnings("times"), Vec::<String>::new());
    let copying = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
    write(&*storage, &copying, &[Record { timestamp: 5, ..without }]);
    assert_eq!(warnings("times"), Vec::<String>::new());
    write(&*storage, &copying, &[without, without]);
    assert_eq!(warnings("times"), ["messages without a timestamp get the time at which they are written"]);
    let times: Vec<i64> = read(&*storage, 8).iter().map(|record| record.timestamp).collect();
    assert!(times[2..4] == [5, 5] && times.iter().filter(|time| **time > 1_700_000_000_000).count() == 6, "{times:?}");
}

#[test]
fn version_2_takes_neither_headers_nor_timestamps() {
    let unknown = answer("404 Not Found", JSON, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#);
    let offsets =
        r#"{"offsets":[{"partition":0,"offset":0,"error_code":null},{"partition":0,"offset":1,"error_code":null}]}"#;
    let written = answer("200 OK", JSON, offsets);
    let server = Scripted::new(&[unknown, answer("200 OK", JSON, "[]"), written.clone(), written]);
    let storage = open("old", &server.address);
    let mut headers = HeadersBuf::new();
    headers.push_null("h");
    let record = Record { partition: 0, headers: headers.as_headers(), ..Record::new("t", None, Some(b"v")) };
    write(&*storage, &ProducerOptions::default(), &[record, record]);
    assert_eq!(warnings("old"), ["the server has version 2 only, which carries no headers and timestamps"]);
}

#[test]
fn other_servers_give_out_neither_headers_nor_timestamps() {
    let done = || answer("204 No Content", "", "");
    let message =
        |offset: u32| format!(r#"[{{"topic":"t","key":null,"value":"dg==","partition":0,"offset":{offset}}}]"#);
    let server = Scripted::new(&[
        answer("200 OK", JSON, r#"{"beginning_offset":0,"end_offset":2}"#),
        answer("200 OK", JSON, r#"{"instance_id":"i","base_uri":"http://localhost/"}"#),
        done(),
        done(),
        answer("200 OK", JSON, &message(0)),
        answer("200 OK", JSON, &message(1)),
        done(),
    ]);
    let storage = open("others", &server.address);
    let records = read(&*storage, 2);
    assert_eq!(records.iter().map(|record| record.timestamp).collect::<Vec<_>>(), [NO_TIMESTAMP; 2]);
    assert_eq!(warnings("others"), ["the server gives out messages without their headers and timestamps"]);
}
