//! The broker that the tests run against, and what several of them do with it.

pub mod mock;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafi_core::{
    Assignment, Batch, Consumer, ConsumerOptions, Delivery, Isolation, NewTopic, OwnedRecord, Polled, Producer,
    ProducerOptions, Storage, TopicPartition,
};

pub use kafi_testkit::servers::variable;

/// Long enough for anything on a busy machine.
pub const WAIT: Duration = Duration::from_secs(60);

pub fn brokers() -> &'static str {
    variable("KAFI_TEST_KAFKA")
}

pub fn pairs(properties: &[(&str, &str)]) -> Vec<(String, String)> {
    properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// The cluster, with some properties.
pub fn cluster(properties: &[(&str, &str)]) -> Arc<dyn Storage> {
    let all: Vec<_> = [("bootstrap.servers", brokers())].iter().chain(properties).copied().collect();
    kafi_cluster::open("test", &pairs(&all)).unwrap()
}

/// A name that no other test has, and no other run.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{name}-{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A topic that is deleted at the end of its test.
pub struct TestTopic {
    pub name: String,
    storage: Arc<dyn Storage>,
}

impl TestTopic {
    pub fn new(storage: &Arc<dyn Storage>, name: &str, partitions: i32, config: &[(&str, &str)]) -> Self {
        let name = unique(name);
        let config =
            [("retention.ms", "-1")].iter().chain(config).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let topic = NewTopic { partitions: Some(partitions), replication: Some(1), config, ..NewTopic::new(&name) };
        storage.admin().unwrap().create_topic(&topic, WAIT).unwrap();
        Self { name, storage: Arc::clone(storage) }
    }
}

impl Drop for TestTopic {
    fn drop(&mut self) {
        if let Ok(mut admin) = self.storage.admin() {
            // A test may have deleted it.
            let _ = admin.delete_topic(&self.name, WAIT);
        }
    }
}

/// Writes all messages and returns where each run of them went.
pub fn write(storage: &Arc<dyn Storage>, records: &[OwnedRecord]) -> Vec<(i32, u64, u64, i64)> {
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = Batch::with_limits(usize::MAX, 1 << 30);
    records.iter().for_each(|record| batch.push(record.as_record()));
    produce_all(producer.as_mut(), &batch, 1);
    let mut runs = Vec::new();
    for report in producer.reports(Duration::ZERO).unwrap() {
        match &report.delivery {
            Delivery::At(offset) => runs.push((report.partition, report.first, report.count, *offset)),
            other => panic!("{} [{}]: {other:?}", report.topic, report.partition),
        }
    }
    producer.close(WAIT).unwrap();
    runs
}

/// Hands over a whole batch and waits for its reports.
pub fn produce_all(producer: &mut dyn Producer, batch: &Batch, token: u64) {
    let mut from = 0;
    while from < batch.len() {
        from += producer.produce(batch, from, token, WAIT).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

/// What a finite read takes in: every partition from its log start to its end.
pub fn whole(storage: &Arc<dyn Storage>, topic: &str, isolation: Isolation) -> Vec<Assignment> {
    let mut admin = storage.admin().unwrap();
    let topics = admin.topics(&[topic.to_string()], WAIT).unwrap();
    let partitions: Vec<_> =
        topics[0].partitions.iter().map(|p| TopicPartition { topic: topic.into(), partition: p.partition }).collect();
    let watermarks = admin.watermarks(&partitions, isolation, WAIT).unwrap();
    watermarks
        .into_iter()
        .map(|w| Assignment { topic: w.topic, partition: w.partition, start: w.low, end: Some(w.high) })
        .collect()
}

/// Reads assigned partitions up to their ends.
pub fn read(storage: &Arc<dyn Storage>, options: &ConsumerOptions, assignments: &[Assignment]) -> Vec<OwnedRecord> {
    let mut consumer = storage.consumer(options).unwrap();
    consumer.assign(assignments, WAIT).unwrap();
    let records = read_to_end(consumer.as_mut());
    for (position, assignment) in consumer.positions().iter().zip(assignments) {
        assert_eq!(Some(position.offset), assignment.end, "the position is the end: {position:?}");
    }
    consumer.close(WAIT).unwrap();
    records
}

pub fn read_to_end(consumer: &mut dyn Consumer) -> Vec<OwnedRecord> {
    let (mut records, mut batch) = (Vec::new(), Batch::new());
    loop {
        match consumer.poll(&mut batch, WAIT).unwrap() {
            Polled::Records => records.extend(batch.iter().map(|record| record.to_owned())),
            Polled::End => return records,
            Polled::Timeout => panic!("the read ends"),
        }
        batch.validate().unwrap();
    }
}

/// Reads a whole topic.
pub fn read_topic(storage: &Arc<dyn Storage>, topic: &str) -> Vec<OwnedRecord> {
    read(storage, &ConsumerOptions::default(), &whole(storage, topic, Isolation::ReadCommitted))
}

/// A plain message.
pub fn record(topic: &str, partition: i32, key: &str, value: &str) -> OwnedRecord {
    let record = kafi_core::Record::new(topic, Some(key.as_bytes()), Some(value.as_bytes()));
    kafi_core::Record { partition, timestamp: 1_700_000_000_000, ..record }.to_owned()
}
