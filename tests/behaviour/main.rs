//! The conformance suite over every storage: one row each. A storage whose server is missing fails.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kafi_core::{Capabilities, Result, Storage};
use kafi_fs::FolderOptions;
use kafi_objects::{MemoryObjects, ObjectOptions};
use kafi_serve::ServeOptions;
use kafi_testkit::conformance::{self, Setup};
use kafi_testkit::servers::variable;

#[path = "../../kafi-restproxy/tests/served/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod served;

use served::Served;

fn main() -> ExitCode {
    let folder = tempfile::TempDir::new().expect("a temporary folder can be made");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
    let proxied = kafi_fs::open_folder("proxied", &folder.path().join("proxied"), FolderOptions::default());
    let proxied = Arc::new(proxied.expect("a folder can be made"));
    let before_folder = Served::over(proxied, ServeOptions::default());
    let nobody = before_folder.unreachable.clone();
    let brokers = cluster(variable("KAFI_TEST_KAFKA")).expect("nobody is asked");
    let before_kafka = Served::over(brokers, ServeOptions::default());
    conformance::main(vec![
        file(folder.path().join("root")),
        mem(),
        objects(),
        kafka(&silent),
        s3(&silent),
        azure(&silent),
        restproxy("restproxy", &before_folder).unreachable(move || proxy("restproxy", &nobody)),
        restproxy_before_kafka(&before_kafka),
    ])
}

fn file(root: PathBuf) -> Setup {
    Setup::new("file", move || Ok(Arc::new(kafi_fs::open_folder("file", &root, FolderOptions::default())?)))
        .expected(expected("file"))
}

fn mem() -> Setup {
    let storage = kafi_fs::open_memory("mem");
    Setup::new("mem", move || Ok(Arc::new(storage.clone()))).expected(expected("mem"))
}

/// What S3 and Azure Blob stand on, over objects in memory.
fn objects() -> Setup {
    let storage = kafi_objects::open("objects", "mem", Arc::new(MemoryObjects::new()), ObjectOptions::default());
    Setup::new("objects", move || Ok(Arc::new(storage.clone()))).expected(expected("objects"))
}

/// `silent` is a port that takes connections and never answers.
fn kafka(silent: &TcpListener) -> Setup {
    let silent = silent.local_addr().expect("an open port has an address").to_string();
    Setup::new("kafka", || cluster(variable("KAFI_TEST_KAFKA")))
        .unreachable(move || cluster(&silent))
        .topic_config("retention.ms", "-1")
        .expected(expected("kafka"))
}

fn cluster(brokers: &str) -> Result<Arc<dyn Storage>> {
    kafi_cluster::open("kafka", &[("bootstrap.servers".to_string(), brokers.to_string())])
}

/// A root of its own for each run, because a listing tells all topics of a storage.
fn s3(silent: &TcpListener) -> Setup {
    let silent = format!("http://{}", silent.local_addr().expect("an open port has an address"));
    let root = own_root();
    let open = |endpoint: &str, root: &str| {
        let (access, secret) = (variable("KAFI_TEST_S3_ACCESS_KEY"), variable("KAFI_TEST_S3_SECRET_KEY"));
        let own = [
            ("endpoint", endpoint),
            ("access.key", access),
            ("secret.key", secret),
            ("bucket.name", "kafi-behaviour"),
            ("root.dir", root),
        ];
        kafi_s3::open("s3", &pairs(&[&own[..], &[("bucket.create", "true")]].concat()))
    };
    Setup::new("s3", move || open(variable("KAFI_TEST_S3"), &root))
        .unreachable(move || open(&silent, ""))
        .expected(expected("s3"))
}

fn azure(silent: &TcpListener) -> Setup {
    let silent = format!("http://{}/account", silent.local_addr().expect("an open port has an address"));
    let root = own_root();
    let open = |endpoint: &str, root: &str| {
        let (account, key) = (variable("KAFI_TEST_AZURE_ACCOUNT"), variable("KAFI_TEST_AZURE_KEY"));
        let own = [
            ("endpoint", endpoint),
            ("account.name", account),
            ("account.key", key),
            ("container.name", "kafi-behaviour"),
            ("root.dir", root),
        ];
        kafi_azure::open("azure", &pairs(&[&own[..], &[("container.create", "true")]].concat()))
    };
    Setup::new("azure", move || open(variable("KAFI_TEST_AZURE"), &root))
        .unreachable(move || open(&silent, ""))
        .expected(expected("azure"))
}

/// A REST Proxy, `kafi serve`, before a storage.
fn restproxy(name: &'static str, served: &Served) -> Setup {
    let address = served.address.clone();
    Setup::new(name, move || proxy(name, &address)).expected(expected(name))
}

/// The same before a cluster, which has more, and does much in another way than a folder.
fn restproxy_before_kafka(served: &Served) -> Setup {
    restproxy("restproxy-kafka", served)
        .topic_config("retention.ms", "-1")
        .also(Capabilities::ADMIN_BROKERS.union(Capabilities::ADMIN_ACLS))
        .leave_out("groups::one_live_member", "a cluster takes several, and shares partitions among them")
        .leave_out("produce::reports_cover_every_message_once", "takes long, and is run before a folder")
        .leave_out("produce::nothing_is_dropped", "takes long, and is run before a folder")
}

fn proxy(name: &str, address: &str) -> Result<Arc<dyn Storage>> {
    kafi_restproxy::open(name, &pairs(&[("rest.proxy.url", address)]))
}

fn own_root() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    format!("run-{:x}-{}", now.as_nanos(), std::process::id())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// The committed list of the cases that a storage does not run.
fn expected(storage: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expected")).join(format!("{storage}.txt"))
}
