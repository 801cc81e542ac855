//! A bucket and a container to run in, with roots that no other test has.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::Sandbox;

pub use kafi_testkit::servers::variable;

/// The bucket, and the container, of these tests.
const BUCKET: &str = "kafi-cli";

/// A folder to run in, where `o:` is a root in a store of objects by a configuration file, and `$O` is the same root as
/// an address, with its keys in the environment.
pub struct Place {
    pub sandbox: Sandbox,
    kind: &'static str,
    root: String,
}

/// Runs a test on S3 and on Azure Blob.
pub fn on_both(test: impl Fn(&Place)) {
    for kind in ["s3", "azure"] {
        println!("on {kind}");
        test(&Place::new(kind));
    }
}

impl Place {
    pub fn new(kind: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let root = format!("cli-{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let sandbox = Sandbox::new();
        let place = Self { sandbox, kind, root };
        place.sandbox.write(&format!("configs/{}/o.yaml", place.folder()), place.config());
        place
    }

    fn folder(&self) -> &'static str {
        if self.kind == "s3" { "s3s" } else { "azureblobs" }
    }

    fn config(&self) -> String {
        let root = &self.root;
        if self.kind == "s3" {
            let (endpoint, access, secret) =
                (variable("KAFI_TEST_S3"), variable("KAFI_TEST_S3_ACCESS_KEY"), variable("KAFI_TEST_S3_SECRET_KEY"));
            return format!(
                "s3:\n  endpoint: {endpoint}\n  access.key: {access}\n  secret.key: {secret}\n  bucket.name: {BUCKET}\n  bucket.create: true\n  root.dir: {root}\n"
            );
        }
        let connection = variable("KAFI_TEST_AZURE_CONNECTION_STRING");
        format!(
            "azure_blob:\n  connection.string: {connection}\n  container.name: {BUCKET}\n  container.create: true\n  root.dir: {root}\n"
        )
    }

    /// What the shell needs before a line with addresses: the keys, as their owners' tools call them.
    pub fn keys(&self) -> String {
        if self.kind == "s3" {
            return format!(
                "export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={};",
                variable("KAFI_TEST_S3_ACCESS_KEY"),
                variable("KAFI_TEST_S3_SECRET_KEY")
            );
        }
        format!("export AZURE_STORAGE_CONNECTION_STRING='{}';", variable("KAFI_TEST_AZURE_CONNECTION_STRING"))
    }

    /// The address of a topic below the root, in quotes; none is that of the root.
    pub fn address(&self, topic: &str) -> String {
        self.address_in(BUCKET, topic)
    }

    /// The same in another bucket or container.
    pub fn address_in(&self, bucket: &str, topic: &str) -> String {
        let (kind, root) = (self.kind, &self.root);
        let query = if kind == "s3" { format!("?endpoint={}", variable("KAFI_TEST_S3")) } else { String::new() };
        format!("'{kind}://{bucket}/{root}/{topic}{query}'")
    }

    /// A word for what S3 calls a bucket.
    pub fn bucket_word(&self) -> &'static str {
        if self.kind == "s3" { "bucket" } else { "container" }
    }

    /// Runs a line with `$O/topic` as addresses, with the keys in the environment.
    pub fn seen(&self, line: &str) -> String {
        crate::support::seen(&self.sandbox.run(&format!("{} {line}", self.keys())))
    }

    /// The stdout of a line that is to succeed and say nothing else.
    pub fn text(&self, line: &str) -> String {
        self.sandbox.text(&format!("{} {line}", self.keys()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Also a test that failed leaves no topics behind; those of one that deleted them are gone.
        let _cleaned = self.sandbox.run("kafi rm -y 'o:*'");
    }
}
