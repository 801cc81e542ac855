//! The storages of the ring, and what is read from them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafi::{
    Assignment, Batch, Config, ConsumerOptions, Isolation, Kafi, OwnedRecord, Polled, Registry, StorageKind,
    TopicPartition,
};
use kafi_serve::ServeOptions;
use tempfile::TempDir;

use kafi_testkit::servers::variable;

use crate::served::Served;

/// How long a call may take on a machine that has much to do.
pub const WAIT: Duration = Duration::from_secs(60);

/// One storage of each kind.
pub struct Places {
    /// Real Kafka.
    pub kafka: Kafi,
    /// A folder, which goes with this value.
    pub folder: Kafi,
    /// A bucket.
    pub s3: Kafi,
    /// A container.
    pub azure: Kafi,
    _root: TempDir,
}

/// A REST Proxy before a storage.
pub struct Proxied {
    /// It as a storage.
    pub proxy: Kafi,
    _served: Served,
}

impl Proxied {
    /// Serves a storage, and opens the proxy with `registry`.
    pub fn before(behind: &Kafi, registry: &Registry) -> Self {
        let served = Served::over(behind.shared_storage(), ServeOptions::default());
        let mut config = Config::new("proxy", StorageKind::RestProxy);
        config.storage = vec![("rest.proxy.url".to_string(), served.address.clone())];
        Self { proxy: registry.open_config(config).unwrap(), _served: served }
    }
}

impl Places {
    /// Opens them with `registry`, below roots of their own.
    pub fn open(registry: &Registry) -> Self {
        let (root, own) = (TempDir::new().unwrap(), unique("ring"));
        let open = |kind, items: &[(&str, &str)]| {
            let mut config = Config::new("ring", kind);
            config.storage = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            registry.open_config(config).unwrap()
        };
        let in_bucket = [("bucket.name", "kafi-ring"), ("bucket.create", "true"), ("root.dir", &own)];
        let in_container = [("container.name", "kafi-ring"), ("container.create", "true"), ("root.dir", &own)];
        let keys = [
            ("endpoint", variable("KAFI_TEST_S3")),
            ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
            ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ];
        Self {
            kafka: open(StorageKind::Kafka, &[("bootstrap.servers", variable("KAFI_TEST_KAFKA"))]),
            folder: open(StorageKind::Local, &[("root.dir", &root.path().join("ring").display().to_string())]),
            s3: open(StorageKind::S3, &[&keys[..], &in_bucket].concat()),
            azure: open(
                StorageKind::AzureBlob,
                &[&[("connection.string", variable("KAFI_TEST_AZURE_CONNECTION_STRING"))][..], &in_container].concat(),
            ),
            _root: root,
        }
    }
}

/// A name that no other test has, and no other run.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{name}-{}-{now:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// All messages of a topic, by partition and offset.
pub fn read(kafi: &Kafi, topic: &str) -> Vec<OwnedRecord> {
    let mut admin = kafi.admin().unwrap();
    let topics = admin.topics(&[topic.to_string()], WAIT).unwrap();
    let partitions: Vec<_> =
        topics[0].partitions.iter().map(|p| TopicPartition { topic: topic.into(), partition: p.partition }).collect();
    let ends = admin.watermarks(&partitions, Isolation::ReadCommitted, WAIT).unwrap();
    let whole: Vec<_> = ends
        .into_iter()
        .map(|w| Assignment { topic: w.topic, partition: w.partition, start: w.low, end: Some(w.high) })
        .collect();
    let mut consumer = kafi.storage().consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&whole, WAIT).unwrap();
    let (mut records, mut batch) = (Vec::new(), Batch::new());
    loop {
        match consumer.poll(&mut batch, WAIT).unwrap() {
            Polled::Records => records.extend(batch.iter().map(|record| record.to_owned())),
            Polled::End => break,
            Polled::Timeout => panic!("the read of {topic} ends"),
        }
    }
    consumer.close(WAIT).unwrap();
    // Within a partition the order is that of the read, which is to be that of the offsets.
    records.sort_by_key(|record| record.partition);
    records
}

/// What counts for a topic, whoever set it.
pub fn setting(kafi: &Kafi, topic: &str, name: &str) -> Option<String> {
    let entries = kafi.admin().unwrap().topic_config(topic, WAIT).unwrap();
    entries.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.value)
}

/// What was set for a topic, by name, without what a copy notes about its source.
pub fn settings(kafi: &Kafi, topic: &str) -> Vec<(String, Option<String>)> {
    let entries = kafi.admin().unwrap().topic_config(topic, WAIT).unwrap();
    let mut own: Vec<_> = entries
        .into_iter()
        .filter(|entry| !entry.default && !entry.name.starts_with("kafi."))
        .map(|entry| (entry.name, entry.value))
        .collect();
    own.sort();
    own
}
