//! A topic of schemas with any records at all: every reader understands it alike, and a schema can be registered, or one
//! error with a code says why not.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Batch, NewTopic, ProducerOptions, Record, Storage};
use kafi_serde::Format;
use kafi_serde::registry::{
    Code, Deleted, RegisterOptions, RegisteredSchema, Registry, SchemaDefinition, TopicRegistry, Version,
};

const WAIT: Duration = Duration::from_secs(30);

/// Takes each line for a record: its key, and behind a tab its value.
pub fn run(data: &[u8]) {
    let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    let topic = NewTopic::new(TopicRegistry::TOPIC).partitions(1);
    storage.admin().unwrap().create_topic(&topic, WAIT).unwrap();
    let mut batch = Batch::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b'\t');
        let record = Record::new(TopicRegistry::TOPIC, parts.next(), parts.next());
        batch.push(Record { partition: 0, ..record });
    }
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    assert_eq!(producer.produce(&batch, 0, 1, WAIT).unwrap(), batch.len());
    producer.flush(WAIT).unwrap();

    let [one, other] = [0; 2].map(|_| TopicRegistry::new(Arc::clone(&storage)));
    let before = all(&one);
    assert_eq!(all(&other), before);
    let schema = SchemaDefinition::new(Format::Avro, r#"{"type":"fixed","name":"F","size":2}"#);
    match one.register("a", &schema, RegisterOptions::default(), WAIT) {
        Ok(given) => {
            let found = other.version("a", Version::Number(given.version.unwrap()), false, WAIT);
            let found = found.unwrap_or_else(|error| panic!("{given:?}: {error}"));
            assert_eq!(found.id, given.id);
            assert!(before.iter().all(|known| all(&other).contains(known)), "nothing is lost");
        }
        Err(error) => assert!(Code::of(&error).is_some(), "{error:?}"),
    }
    for permanent in [false, true] {
        let _ = other.delete_subject("a", permanent, WAIT);
    }
    assert_eq!(all(&one), all(&TopicRegistry::new(storage)));
}

/// All versions of all subjects.
fn all(registry: &TopicRegistry) -> Vec<RegisteredSchema> {
    let subjects = registry.subjects(":*:", Deleted::Included, WAIT).unwrap();
    let versions = subjects.iter().flat_map(|subject| {
        // Another name for a subject shows what that has.
        let versions = registry.versions(subject, Deleted::Included, WAIT).unwrap_or_default();
        versions.into_iter().filter_map(|version| registry.version(subject, Version::Number(version), true, WAIT).ok())
    });
    versions.collect()
}
