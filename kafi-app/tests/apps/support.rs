//! Storages with topics of their own, and what stands in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{CommittedOffset, Message, NewTopic, Storage, Value};
use kafi_shell::Kafi;
use kafi_testkit::servers;
use tempfile::TempDir;

/// A storage, and names that nobody else has there.
pub struct Place {
    pub kafi: Kafi,
    suffix: String,
    _folder: Option<TempDir>,
}

impl Place {
    /// A name that only this test has.
    pub fn name(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// Makes a topic with so many partitions.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        let name = self.name(name);
        self.kafi.create(&NewTopic::new(&name).partitions(partitions).config("retention.ms", "-1")).unwrap();
        name
    }

    /// The values of a topic as text, in the order in which they are read.
    pub fn values(&self, topic: &str) -> Vec<String> {
        self.messages(topic).iter().map(|message| text(&message.value)).collect()
    }

    /// The messages of a topic, as bytes.
    pub fn messages(&self, topic: &str) -> Vec<Message> {
        self.kafi.topic(topic).types(kafi_core::Type::Bytes).collect().unwrap()
    }

    /// What a group has committed.
    pub fn committed(&self, group: &str) -> Vec<CommittedOffset> {
        let mut offsets = self.kafi.admin().unwrap().group_offsets(group, Duration::from_secs(30)).unwrap();
        offsets.sort();
        offsets
    }
}

/// The characters of bytes.
pub fn text(value: &Value) -> String {
    String::from_utf8(value.bytes().unwrap().to_vec()).unwrap()
}

/// The header of this name, as text.
pub fn header(message: &Message, name: &str) -> String {
    let value = message.headers.as_headers().get(name.as_bytes()).unwrap_or_else(|| panic!("no header {name}"));
    String::from_utf8(value.unwrap().to_vec()).unwrap()
}

/// What is seen once it is as it should be, which follows a commit by a moment; after 30 s what is seen then.
pub fn settled<T>(seen: impl Fn() -> T, is_there: impl Fn(&T) -> bool) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let found = seen();
        if is_there(&found) || Instant::now() > until {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a case over memory, a folder, a broker, S3, and Azure Blob Storage.
pub fn everywhere(case: impl Fn(&Place)) {
    [memory, folder, broker, s3, azure].into_iter().for_each(|open| case(&open()));
}

/// A storage in memory.
pub fn memory() -> Place {
    place(Kafi::new(Arc::new(kafi_fs::open_memory("mem")), Default::default()), None)
}

/// A folder.
pub fn folder() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let storage = kafi_fs::open_folder("folder", folder.path(), Default::default()).unwrap();
    place(Kafi::new(Arc::new(storage), Default::default()), Some(folder))
}

/// The broker of the tests.
pub fn broker() -> Place {
    patient_broker(300_000)
}

/// The broker of the tests, where a member may be silent for so long.
pub fn patient_broker(max_poll_interval_ms: u32) -> Place {
    broker_at(servers::variable("KAFI_TEST_KAFKA"), max_poll_interval_ms)
}

/// The broker at an address.
pub fn broker_at(address: &str, max_poll_interval_ms: u32) -> Place {
    let properties = [
        ("bootstrap.servers", address.to_string()),
        ("session.timeout.ms", "6000".to_string()),
        ("max.poll.interval.ms", max_poll_interval_ms.to_string()),
    ];
    let properties = properties.map(|(name, value)| (name.to_string(), value));
    place(Kafi::new(kafi_cluster::open("broker", &properties).unwrap(), Default::default()), None)
}

/// A place of its own in a bucket.
pub fn s3() -> Place {
    let open = |root: &str| {
        let properties = [
            ("endpoint", servers::variable("KAFI_TEST_S3")),
            ("access.key", servers::variable("KAFI_TEST_S3_ACCESS_KEY")),
            ("secret.key", servers::variable("KAFI_TEST_S3_SECRET_KEY")),
            ("bucket.name", "kafi-apps"),
            ("bucket.create", "true"),
            ("root.dir", root),
        ];
        kafi_s3::open("s3", &owned(properties)).unwrap()
    };
    in_a_root(open)
}

/// A place of its own in a container.
pub fn azure() -> Place {
    let open = |root: &str| {
        let properties = [
            ("connection.string", servers::variable("KAFI_TEST_AZURE_CONNECTION_STRING")),
            ("container.name", "kafi-apps"),
            ("container.create", "true"),
            ("root.dir", root),
        ];
        kafi_azure::open("azure", &owned(properties)).unwrap()
    };
    in_a_root(open)
}

fn owned<const N: usize>(properties: [(&str, &str); N]) -> [(String, String); N] {
    properties.map(|(name, value)| (name.to_string(), value.to_string()))
}

fn in_a_root(open: impl Fn(&str) -> Arc<dyn Storage>) -> Place {
    let suffix = unique();
    place_with(Kafi::new(open(suffix.trim_start_matches('-')), Default::default()), None, suffix)
}

fn place(kafi: Kafi, folder: Option<TempDir>) -> Place {
    place_with(kafi, folder, unique())
}

fn place_with(kafi: Kafi, folder: Option<TempDir>, suffix: String) -> Place {
    Place { kafi, suffix, _folder: folder }
}

/// The end of a name that nobody else has.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("-app-{now:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
