//! The least that a program over librdkafka can do to read a topic, or to fill one: what `cargo xtask bench` compares
//! Kafi with.
//!
//! `bare consume BROKERS TOPIC PARTITIONS [FILE]` reads all that is there, into memory, or keys and values into a file.
//! `bare produce BROKERS TOPIC FILE [NAME=VALUE…]` writes the lines `key:value` of a file, with properties of the
//! client.
//! `bare change BROKERS TOPIC TARGET GROUP COUNT` reads so many messages as a group, adds one to a number of each, and
//! writes them; it says how many seconds went by from the first message to the last commit.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::ffi::{CString, c_void};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ptr::null_mut;
use std::time::Instant;

use rdkafka_sys::*;
use serde::{Deserialize, Serialize};

const BUFFER_BYTES: usize = 256 << 10;
const MESSAGES_PER_CALL: usize = 1000;

/// Says that the key decides on the partition, as RD_KAFKA_PARTITION_UA does in C.
const UNASSIGNED: i32 = -1;

/// What the apps that `cargo xtask bench --apps` compares read and write.
#[derive(Deserialize, Serialize)]
struct Order {
    order: u64,
    status: String,
    note: String,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let count = match words.as_slice() {
        ["consume", brokers, topic, partitions] => {
            consume(brokers, topic, partitions.parse().unwrap(), &mut Memory(Vec::with_capacity(1 << 20)))
        }
        ["consume", brokers, topic, partitions, file] => {
            let mut lines = Lines(BufWriter::with_capacity(BUFFER_BYTES, File::create(file).unwrap()));
            let count = consume(brokers, topic, partitions.parse().unwrap(), &mut lines);
            lines.0.flush().unwrap();
            count
        }
        ["produce", brokers, topic, file, properties @ ..] => produce(brokers, topic, file, properties),
        ["change", brokers, topic, target, group, count] => {
            return println!("{}", change(brokers, [topic, target], group, count.parse().unwrap()));
        }
        _ => panic!(
            "usage: bare consume BROKERS TOPIC PARTITIONS [FILE] | bare produce BROKERS TOPIC FILE [NAME=VALUE…] | \
             bare change BROKERS TOPIC TARGET GROUP COUNT"
        ),
    };
    println!("{count}");
}

/// Where messages go.
trait Sink {
    fn put(&mut self, key: &[u8], value: &[u8]);
}

/// A piece of memory that is used again and again.
struct Memory(Vec<u8>);

impl Sink for Memory {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        if self.0.len() >= 1 << 20 {
            self.0.clear();
        }
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value);
    }
}

/// A line a message.
struct Lines(BufWriter<File>);

impl Sink for Lines {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.write_all(key).unwrap();
        self.0.write_all(value).unwrap();
        self.0.write_all(b"\n").unwrap();
    }
}

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
        let client = rd_kafka_new(kind, conf, null_mut(), 0);
        assert!(!client.is_null());
        client
    }
}

/// Starts at absolute offsets and stops at the ends that it saw at first, so that no timer of librdkafka is waited for.
fn consume(brokers: &str, topic: &str, partitions: i32, sink: &mut dyn Sink) -> u64 {
    let properties = [
        ("bootstrap.servers", brokers),
        ("group.id", "bare"),
        ("enable.auto.commit", "false"),
        ("fetch.wait.max.ms", "10"),
        ("fetch.queue.backoff.ms", "0"),
        ("queued.min.messages", "10000000"),
        ("queued.max.messages.kbytes", "65536"),
    ];
    let name = CString::new(topic).unwrap();
    let mut messages = vec![null_mut::<rd_kafka_message_t>(); MESSAGES_PER_CALL];
    let (mut ends, mut open, mut count) = (Vec::new(), 0, 0);
    // SAFETY: handles are valid until they are destroyed at the end; messages are valid until they are destroyed.
    unsafe {
        let rk = client(rd_kafka_type_t::RD_KAFKA_CONSUMER, &properties);
        let list = rd_kafka_topic_partition_list_new(partitions);
        for partition in 0..partitions {
            let (mut low, mut high) = (0, 0);
            let error =
                rd_kafka_query_watermark_offsets(rk, name.as_ptr(), partition, &raw mut low, &raw mut high, 10_000);
            assert_eq!(error, rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR, "{topic} {partition}");
            (*rd_kafka_topic_partition_list_add(list, name.as_ptr(), partition)).offset = low;
            open += usize::from(low < high);
            ends.push(high);
        }
        rd_kafka_assign(rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        let queue = rd_kafka_queue_get_consumer(rk);
        while open > 0 {
            let received = rd_kafka_consume_batch_queue(queue, 5, messages.as_mut_ptr(), messages.len());
            for &message in &messages[..usize::try_from(received).unwrap()] {
                let m = &*message;
                let end = usize::try_from(m.partition).map_or(0, |partition| ends[partition]);
                if m.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && m.offset < end {
                    sink.put(bytes(m.key, m.key_len), bytes(m.payload, m.len));
                    count += 1;
                    open -= usize::from(m.offset + 1 == end);
                }
                rd_kafka_message_destroy(message);
            }
        }
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
    }
    count
}

/// The bytes of a key or value, none where it is null.
///
/// # Safety
///
/// `len` bytes must be readable at `start`, for as long as they are used, unless it is null.
unsafe fn bytes<'a>(start: *mut c_void, len: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(start.cast_const().cast(), len) }
}

fn produce(brokers: &str, topic: &str, file: &str, more: &[&str]) -> u64 {
    let mut properties = vec![("bootstrap.servers", brokers), ("linger.ms", "5"), ("message.max.bytes", "1000000000")];
    properties.extend(more.iter().map(|property| property.split_once('=').expect("NAME=VALUE")));
    let name = CString::new(topic).unwrap();
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, File::open(file).unwrap());
    let (mut line, mut count) = (Vec::new(), 0);
    // SAFETY: handles are valid until they are destroyed at the end; key and value are copied.
    unsafe {
        let rk = client(rd_kafka_type_t::RD_KAFKA_PRODUCER, &properties);
        let topic = rd_kafka_topic_new(rk, name.as_ptr(), null_mut());
        while lines.read_until(b'\n', &mut line).unwrap() > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let colon = text.iter().position(|&byte| byte == b':').expect("a line is key:value");
            let (key, value) = (&text[..colon], &text[colon + 1..]);
            let flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
            let (start, nothing) = (value.as_ptr().cast_mut().cast::<c_void>(), null_mut());
            let refused =
                rd_kafka_produce(topic, UNASSIGNED, flags, start, value.len(), key.as_ptr().cast(), key.len(), nothing);
            assert_eq!(refused, 0);
            count += 1;
            line.clear();
        }
        rd_kafka_flush(rk, 60_000);
        assert_eq!(rd_kafka_outq_len(rk), 0);
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(rk);
    }
    count
}

/// Offsets are committed by librdkafka's timer, and once more when everything is written.
fn change(brokers: &str, [topic, target]: [&str; 2], group: &str, count: u64) -> f64 {
    let consumer = [
        ("bootstrap.servers", brokers),
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("auto.commit.interval.ms", "1000"),
        ("fetch.wait.max.ms", "10"),
        ("fetch.queue.backoff.ms", "1"),
        ("queued.max.messages.kbytes", "16384"),
    ];
    let producer = [("bootstrap.servers", brokers), ("enable.idempotence", "true"), ("linger.ms", "5")];
    let [topic, target] = [topic, target].map(|name| CString::new(name).unwrap());
    let mut messages = vec![null_mut::<rd_kafka_message_t>(); MESSAGES_PER_CALL];
    let (mut out, mut begun, mut done) = (Vec::new(), None, 0);
    // SAFETY: handles are valid until they are destroyed at the end; messages are valid until they are destroyed; what
    // is produced is copied.
    unsafe {
        let (consumer, producer) = (
            client(rd_kafka_type_t::RD_KAFKA_CONSUMER, &consumer),
            client(rd_kafka_type_t::RD_KAFKA_PRODUCER, &producer),
        );
        rd_kafka_poll_set_consumer(consumer);
        let list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic.as_ptr(), UNASSIGNED);
        rd_kafka_subscribe(consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        let queue = rd_kafka_queue_get_consumer(consumer);
        let target = rd_kafka_topic_new(producer, target.as_ptr(), null_mut());
        while done < count {
            let received = rd_kafka_consume_batch_queue(queue, 5, messages.as_mut_ptr(), messages.len());
            for &message in &messages[..usize::try_from(received).unwrap()] {
                let m = &*message;
                assert_eq!(m.err, rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
                begun.get_or_insert_with(Instant::now);
                let mut order: Order = serde_json::from_slice(bytes(m.payload, m.len)).unwrap();
                order.order += 1;
                out.clear();
                serde_json::to_writer(&mut out, &order).unwrap();
                let flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
                let value = out.as_mut_ptr().cast::<c_void>();
                let refused =
                    rd_kafka_produce(target, UNASSIGNED, flags, value, out.len(), m.key, m.key_len, null_mut());
                assert_eq!(refused, 0);
                rd_kafka_message_destroy(message);
                done += 1;
            }
        }
        rd_kafka_flush(producer, 60_000);
        assert_eq!(rd_kafka_outq_len(producer), 0);
        rd_kafka_commit(consumer, null_mut(), 0);
        let seconds = begun.unwrap().elapsed().as_secs_f64();
        rd_kafka_topic_destroy(target);
        rd_kafka_destroy(producer);
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
        seconds
    }
}
