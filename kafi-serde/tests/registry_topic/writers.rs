//! Several writers at the same moment: threads with registries of their own, and processes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;

use kafi_core::Storage;
use kafi_serde::registry::{CompatibilityLevel, Deleted, Registry, TopicRegistry, Version};

use crate::{WAIT, avro, everywhere, kafka, register, unique};

const FOLDER: &str = "KAFI_REGISTRY_TEST_FOLDER";
const CHILD: &str = "KAFI_REGISTRY_TEST_CHILD";

const WRITERS: usize = 4;
const SCHEMAS: usize = 6;

/// Registers schemas of one's own in two subjects, and one that everybody has.
fn write(registry: &dyn Registry, writer: usize) {
    for at in 0..SCHEMAS {
        let schema = avro(&format!("w{writer} s{at}"));
        let (id, version) = register(registry, ["a", "b"][at % 2], &schema).unwrap();
        let found = registry.version(["a", "b"][at % 2], Version::Number(version), false, WAIT).unwrap();
        assert_eq!((found.id, found.schema), (id, schema), "what was given stays");
        register(registry, "shared", &avro(&format!("s{at}"))).unwrap();
    }
}

/// What everybody sees in the end: no version is missing, and no id stands for two schemas.
fn check(registries: &[TopicRegistry]) {
    let all = |registry: &TopicRegistry| {
        let mut seen = BTreeMap::new();
        for subject in registry.subjects("", Deleted::Included, WAIT).unwrap() {
            for version in registry.versions(&subject, Deleted::Included, WAIT).unwrap() {
                let found = registry.version(&subject, Version::Number(version), true, WAIT).unwrap();
                seen.insert((subject.clone(), version), (found.id, found.schema.text));
            }
        }
        seen
    };
    let seen = all(&registries[0]);
    for other in &registries[1..] {
        assert_eq!(all(other), seen);
    }
    let count = WRITERS * SCHEMAS / 2;
    for (subject, count) in [("a", count), ("b", count), ("shared", SCHEMAS)] {
        let versions: Vec<u32> = seen.keys().filter(|key| key.0 == subject).map(|key| key.1).collect();
        assert_eq!(versions, (1..=count as u32).collect::<Vec<_>>(), "{subject}");
    }
    let ids: BTreeSet<u32> = seen.values().map(|value| value.0).collect();
    let texts: BTreeSet<&str> = seen.values().map(|value| value.1.as_str()).collect();
    let pairs: BTreeSet<(u32, &str)> = seen.values().map(|value| (value.0, value.1.as_str())).collect();
    assert_eq!((ids.len(), pairs.len()), (texts.len(), texts.len()));
}

#[test]
fn threads_with_registries_of_their_own_take_different_ids() {
    everywhere(|open| {
        open().set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
        let registries: Vec<TopicRegistry> = (0..WRITERS).map(|_| open()).collect();
        let start = Barrier::new(WRITERS);
        thread::scope(|scope| {
            for (writer, registry) in registries.iter().enumerate() {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    write(registry, writer);
                });
            }
        });
        let mut all = registries;
        all.push(open());
        check(&all);
    });
}

#[test]
fn processes_at_one_folder_take_different_ids() {
    if let (Ok(folder), Ok(child)) = (std::env::var(FOLDER), std::env::var(CHILD)) {
        let storage = kafi_fs::open_folder("folder", folder.as_ref(), Default::default()).unwrap();
        return write(&TopicRegistry::new(Arc::new(storage)), child.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = kafi_fs::open_folder("folder", folder.path(), Default::default()).unwrap();
        TopicRegistry::new(Arc::new(storage) as Arc<dyn Storage>)
    };
    open().set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
    let children: Vec<_> = (0..WRITERS)
        .map(|child| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "writers::processes_at_one_folder_take_different_ids"]);
            command.env(FOLDER, folder.path()).env(CHILD, child.to_string()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    check(&[open()]);
}

#[test]
fn a_registry_shared_by_threads_is_used_by_one_at_a_time() {
    let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
    let registry = TopicRegistry::new(Arc::clone(&storage));
    registry.set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let registry = &registry;
            scope.spawn(move || write(registry, writer));
        }
    });
    check(&[registry, TopicRegistry::new(storage)]);
}

/// Where a record is only written at the end that was read, none is there that does not count.
#[test]
fn nothing_that_lost_is_written_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || -> Arc<dyn Storage> { Arc::new(kafi_fs::open_folder("folder", folder.path(), Default::default()).unwrap()) };
    TopicRegistry::new(open()).set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
    let start = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (registry, start) = (TopicRegistry::new(open()), &start);
            scope.spawn(move || {
                start.wait();
                write(&registry, writer);
            });
        }
    });
    let records = crate::dump::records(&*open(), TopicRegistry::TOPIC);
    let keys: BTreeSet<&String> = records.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), records.len());
}

/// On Kafka the later of two records counts for compaction, so the one that lost is followed by the one that won.
#[test]
fn what_won_stands_last_in_a_real_topic() {
    let topic = unique("schemas");
    let start = Barrier::new(2);
    let open = || TopicRegistry::in_topic(kafka(), &topic);
    open().set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
    thread::scope(|scope| {
        for writer in 0..2 {
            let (registry, start) = (open(), &start);
            scope.spawn(move || {
                for at in 0..SCHEMAS {
                    start.wait();
                    register(&registry, "a", &avro(&format!("w{writer} s{at}"))).unwrap();
                }
            });
        }
    });
    let registry = open();
    let mut last = BTreeMap::new();
    for (key, value) in crate::dump::records(&*kafka(), &topic) {
        last.insert(key, value);
    }
    for version in registry.versions("a", Deleted::Included, WAIT).unwrap() {
        let found = registry.version("a", Version::Number(version), false, WAIT).unwrap();
        let key = format!(r#"{{"keytype":"SCHEMA","subject":"a","version":{version},"magic":1}}"#);
        let value = kafi_core::Json::parse(last[&key].clone().unwrap()).unwrap();
        assert_eq!(value.get("schema").unwrap().str().unwrap(), found.schema.text, "{version}");
    }
}
