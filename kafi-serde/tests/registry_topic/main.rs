//! The registry in a topic: what it answers, over memory, a folder, stores of objects (in memory, S3, Azure Blob), and a
//! real Kafka; what it reads and writes, against a topic as Confluent's registry leaves it; and several writers at once.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

mod cases;
mod compatibility;
mod deletes;
mod dump;
mod writers;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafi_core::{Error, Result, Storage};
use kafi_objects::{MemoryObjects, ObjectOptions};
use kafi_serde::Format;
use kafi_serde::registry::{Code, RegisterOptions, Registry, SchemaDefinition, TopicRegistry};

const WAIT: Duration = Duration::from_secs(60);

/// A name that no other test has.
fn unique(name: &str) -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{}-{time}", std::process::id())
}

fn kafka() -> Arc<dyn Storage> {
    let brokers = kafi_testkit::servers::variable("KAFI_TEST_KAFKA");
    kafi_cluster::open("kafka", &[("bootstrap.servers".into(), brokers.into())]).unwrap()
}

/// A root of its own in the bucket, and in the container, of these tests, where it is made.
fn stores() -> [Arc<dyn Storage>; 2] {
    let variable = kafi_testkit::servers::variable;
    let root = unique("schemas");
    let property = |(key, value): (&str, &str)| (key.to_string(), value.to_string());
    let s3 = [
        ("endpoint", variable("KAFI_TEST_S3")),
        ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ("bucket.name", "kafi-schemas"),
        ("bucket.create", "true"),
        ("root.dir", &root),
    ];
    let azure = [
        ("connection.string", variable("KAFI_TEST_AZURE_CONNECTION_STRING")),
        ("container.name", "kafi-schemas"),
        ("container.create", "true"),
        ("root.dir", &root),
    ];
    [kafi_s3::open("s3", &s3.map(property)).unwrap(), kafi_azure::open("azure", &azure.map(property)).unwrap()]
}

/// Runs a test over memory, a folder, stores of objects, and a real Kafka, each with a topic of its own.
fn everywhere(test: fn(&dyn Fn() -> TopicRegistry)) {
    let memory: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    test(&|| TopicRegistry::new(Arc::clone(&memory)));
    let folder = tempfile::tempdir().unwrap();
    let open = || kafi_fs::open_folder("folder", folder.path(), Default::default()).unwrap();
    test(&|| TopicRegistry::new(Arc::new(open())));
    let objects = Arc::new(MemoryObjects::new());
    let open = || kafi_objects::open("bucket", "mem", Arc::clone(&objects) as _, ObjectOptions::default());
    test(&|| TopicRegistry::new(Arc::new(open())));
    for store in stores() {
        test(&|| TopicRegistry::new(Arc::clone(&store)));
    }
    let topic = unique("schemas");
    test(&|| TopicRegistry::in_topic(kafka(), &topic));
}

fn avro(fields: &str) -> SchemaDefinition {
    let fields: Vec<String> =
        fields.split_whitespace().map(|field| format!(r#"{{"name":"{field}","type":"int"}}"#)).collect();
    let text = format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","));
    SchemaDefinition::new(Format::Avro, text)
}

fn register(registry: &dyn Registry, subject: &str, schema: &SchemaDefinition) -> Result<(u32, u32)> {
    let given = registry.register(subject, schema, RegisterOptions::default(), WAIT)?;
    Ok((given.id, given.version.unwrap()))
}

/// The code that a call is refused with.
fn code<T>(result: Result<T>) -> u32 {
    let error: Error = result.err().expect("it is refused");
    Code::of(&error).unwrap_or_else(|| panic!("{error:?}"))
}
