//! S3's objects over a real server, through the cases of all stores.

use std::sync::Arc;

use kafi_objects::ObjectIo;
use kafi_testkit::{objects, servers};

#[test]
fn every_case_of_a_store_of_objects() {
    objects::run(&*open(&[("root.dir", "some/where")]), true);
}

#[test]
fn a_bucket_without_a_root() {
    let io = open(&[("bucket.name", "kafi-test-whole")]);
    objects::run(&*io, false);
    assert_eq!(io.display("a/b"), "s3://kafi-test-whole/a/b");
}

fn open(properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let own = [
        ("endpoint", servers::variable("KAFI_TEST_S3")),
        ("access.key", servers::variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("secret.key", servers::variable("KAFI_TEST_S3_SECRET_KEY")),
        ("bucket.name", "kafi-test"),
        ("bucket.create", "true"),
    ];
    let all =
        own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_s3::open_objects("s3", &all).unwrap()
}
