//! Reading and writing through Kafi beside bare loops over librdkafka, interleaved in one process, against the broker
//! that `KAFI_TEST_KAFKA` names.
//!
//! `cargo bench -p kafi-cluster` prints medians and ratios; `cargo bench -p kafi-cluster -- read` (or `write`,
//! `bare-read`) does one thing once and prints the peak memory of the process. `huge` as a second word takes 200
//! messages of 900 kB instead of 2 million of 100 bytes.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::ffi::{CString, c_void};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use kafi_core::{
    Assignment, Batch, ConsumerOptions, Delivery, Isolation, NewTopic, Polled, ProducerOptions, Record, Storage,
    TopicPartition,
};
use rdkafka_sys::*;

const WAIT: Duration = Duration::from_secs(60);
const ROUNDS: usize = 5;

#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    messages: usize,
    value_bytes: usize,
}

const SMALL: Load = Load { name: "kafi-bench-small", messages: 2_000_000, value_bytes: 100 };
const HUGE: Load = Load { name: "kafi-bench-huge", messages: 200, value_bytes: 900_000 };

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let load = if words.iter().any(|word| word == "huge") { HUGE } else { SMALL };
    let brokers = std::env::var("KAFI_TEST_KAFKA").expect("KAFI_TEST_KAFKA names a broker");
    let storage = kafi_cluster::open("bench", &[("bootstrap.servers".into(), brokers.clone())]).unwrap();
    let end = prepare(storage.as_ref(), load);
    match words.first().map(String::as_str) {
        Some("read") => drop(read(storage.as_ref(), load, end)),
        Some("write") => drop(write(storage.as_ref(), load)),
        Some("bare-read") => drop(bare_read(&brokers, load, end)),
        _ => {
            compare("read", || read(storage.as_ref(), load, end), || bare_read(&brokers, load, end));
            compare("write", || write(storage.as_ref(), load), || bare_write(&brokers, storage.as_ref(), load));
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn compare(what: &str, kafi: impl Fn() -> Duration, bare: impl Fn() -> Duration) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(kafi());
        theirs.push(bare());
    }
    ours.sort();
    theirs.sort();
    let (ours, theirs) = (ours[ROUNDS / 2], theirs[ROUNDS / 2]);
    println!(
        "{what}: kafi {ours:.2?}, bare librdkafka {theirs:.2?}, {:.2} of its speed",
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
}

/// Makes and fills the topic that is read, unless an earlier run has done it, and returns its end.
fn prepare(storage: &dyn Storage, load: Load) -> i64 {
    let mut admin = storage.admin().unwrap();
    let partition = [TopicPartition { topic: load.name.into(), partition: 0 }];
    let end = admin.watermarks(&partition, Isolation::ReadCommitted, WAIT).map_or(0, |watermarks| watermarks[0].high);
    if end == load.messages as i64 {
        return end;
    }
    let _ = admin.delete_topic(load.name, WAIT);
    create(storage, load.name);
    write_to(storage, load, load.name);
    load.messages as i64
}

fn create(storage: &dyn Storage, name: &str) {
    let config = vec![("retention.ms".into(), "-1".into())];
    let topic = NewTopic { partitions: Some(1), replication: Some(1), config, ..NewTopic::new(name) };
    storage.admin().unwrap().create_topic(&topic, WAIT).unwrap();
}

fn read(storage: &dyn Storage, load: Load, end: i64) -> Duration {
    let start = Instant::now();
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&[Assignment { topic: load.name.into(), partition: 0, start: 0, end: Some(end) }], WAIT).unwrap();
    let (mut batch, mut count) = (Batch::new(), 0);
    while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
        count += batch.len();
    }
    assert_eq!(count, load.messages);
    start.elapsed()
}

/// Through a topic of its own, which is deleted afterwards.
fn write(storage: &dyn Storage, load: Load) -> Duration {
    let name = format!("{}-{}", load.name, std::process::id());
    create(storage, &name);
    let elapsed = write_to(storage, load, &name);
    storage.admin().unwrap().delete_topic(&name, WAIT).unwrap();
    elapsed
}

fn write_to(storage: &dyn Storage, load: Load, topic: &str) -> Duration {
    let mut batch = Batch::with_limits(10_000, 1 << 20);
    let value = value(load);
    let mut number = 0;
    let start = Instant::now();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut delivered = 0;
    let mut take = |producer: &mut dyn kafi_core::Producer| {
        for report in producer.reports(Duration::ZERO).unwrap() {
            assert!(matches!(report.delivery, Delivery::At(_)), "{:?}", report.delivery);
            delivered += report.count;
        }
    };
    while number < load.messages {
        batch.clear();
        while !batch.is_full() && number < load.messages {
            let key = format!("{number:012}");
            batch.push(Record {
                partition: 0,
                timestamp: 1_700_000_000_000,
                ..Record::new(topic, Some(key.as_bytes()), Some(&value))
            });
            number += 1;
        }
        let mut from = 0;
        while from < batch.len() {
            from += producer.produce(&batch, from, 1, WAIT).unwrap();
        }
        take(producer.as_mut());
    }
    producer.flush(WAIT).unwrap();
    take(producer.as_mut());
    assert_eq!(delivered as usize, load.messages);
    start.elapsed()
}

fn value(load: Load) -> Vec<u8> {
    (0..load.value_bytes).map(|i| b'a' + (i % 26) as u8).collect()
}

/// A bare client with the limits that Kafi's have.
fn client(kind: rd_kafka_type_t, properties: &[(&str, &str)]) -> *mut rd_kafka_t {
    // SAFETY: all strings end with zero, and the configuration is taken over.
    unsafe {
        let conf = rd_kafka_conf_new();
        for (name, value) in properties {
            let (name, value) = (CString::new(*name).unwrap(), CString::new(*value).unwrap());
            assert_eq!(
                rd_kafka_conf_set(conf, name.as_ptr(), value.as_ptr(), null_mut(), 0),
                rd_kafka_conf_res_t::RD_KAFKA_CONF_OK,
                "{name:?}"
            );
        }
        rd_kafka_new(kind, conf, null_mut(), 0)
    }
}

fn bare_read(brokers: &str, load: Load, end: i64) -> Duration {
    let start = Instant::now();
    let properties = [
        ("bootstrap.servers", brokers),
        ("fetch.wait.max.ms", "10"),
        ("fetch.queue.backoff.ms", "0"),
        ("queued.min.messages", "65536"),
        ("queued.max.messages.kbytes", "16384"),
        ("fetch.message.max.bytes", "2097152"),
    ];
    let (mut arena, mut messages) = (Vec::<u8>::with_capacity(2 << 20), vec![null_mut::<rd_kafka_message_t>(); 1000]);
    // SAFETY: handles are valid until they are destroyed at the end; messages are valid until they are destroyed.
    unsafe {
        let rk = client(rd_kafka_type_t::RD_KAFKA_CONSUMER, &properties);
        let name = CString::new(load.name).unwrap();
        let (mut low, mut high) = (0, 0);
        rd_kafka_query_watermark_offsets(rk, name.as_ptr(), 0, &raw mut low, &raw mut high, 10_000);
        let topic = rd_kafka_topic_new(rk, name.as_ptr(), null_mut());
        let queue = rd_kafka_queue_new(rk);
        rd_kafka_consume_start_queue(topic, 0, low, queue);
        let mut next = low;
        while next < end {
            let count = rd_kafka_consume_batch_queue(queue, 5, messages.as_mut_ptr(), messages.len());
            for message in &messages[..count as usize] {
                let m = &**message;
                if m.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    if arena.len() >= 1 << 20 {
                        arena.clear();
                    }
                    arena.extend_from_slice(std::slice::from_raw_parts(m.key.cast_const().cast(), m.key_len));
                    arena.extend_from_slice(std::slice::from_raw_parts(m.payload.cast_const().cast(), m.len));
                    next = m.offset + 1;
                }
                rd_kafka_message_destroy(*message);
            }
        }
        let elapsed = start.elapsed();
        rd_kafka_consume_stop(topic, 0);
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(rk);
        elapsed
    }
}

fn bare_write(brokers: &str, storage: &dyn Storage, load: Load) -> Duration {
    let name = format!("{}-bare-{}", load.name, std::process::id());
    create(storage, &name);
    let value = value(load);
    let start = Instant::now();
    let properties = [
        ("bootstrap.servers", brokers),
        ("enable.idempotence", "true"),
        ("linger.ms", "5"),
        ("message.max.bytes", "1000000000"),
        ("queue.buffering.max.kbytes", "65536"),
    ];
    // SAFETY: handles are valid until they are destroyed at the end; key and value are copied.
    let elapsed = unsafe {
        let rk = client(rd_kafka_type_t::RD_KAFKA_PRODUCER, &properties);
        let c_name = CString::new(name.as_str()).unwrap();
        let topic = rd_kafka_topic_new(rk, c_name.as_ptr(), null_mut());
        for number in 0..load.messages {
            let key = format!("{number:012}");
            let refused = rd_kafka_produce(
                topic,
                0,
                RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK,
                value.as_ptr().cast_mut().cast::<c_void>(),
                value.len(),
                key.as_ptr().cast(),
                key.len(),
                null_mut(),
            );
            assert_eq!(refused, 0);
        }
        rd_kafka_flush(rk, 60_000);
        assert_eq!(rd_kafka_outq_len(rk), 0);
        let elapsed = start.elapsed();
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(rk);
        elapsed
    };
    storage.admin().unwrap().delete_topic(&name, WAIT).unwrap();
    elapsed
}
