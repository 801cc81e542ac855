//! Azure's blobs over a real server, through the cases of all stores.

use std::sync::Arc;

use kafi_objects::ObjectIo;
use kafi_testkit::objects;
use kafi_testkit::servers::variable;

#[test]
fn every_case_of_a_store_of_objects() {
    objects::run(
        &*open(&[("connection.string", variable("KAFI_TEST_AZURE_CONNECTION_STRING")), ("root.dir", "some/where")]),
        true,
    );
}

#[test]
fn a_container_without_a_root_by_account_and_key() {
    let account = [
        ("endpoint", variable("KAFI_TEST_AZURE")),
        ("account.name", variable("KAFI_TEST_AZURE_ACCOUNT")),
        ("account.key", variable("KAFI_TEST_AZURE_KEY")),
        ("container.name", "kafi-test-whole"),
    ];
    let io = open(&account);
    objects::run(&*io, false);
    assert_eq!(io.display("a/b"), "azure://kafi-test-whole/a/b");
}

fn open(properties: &[(&str, &str)]) -> Arc<dyn ObjectIo> {
    let own = [("container.name", "kafi-test"), ("container.create", "true")];
    let all =
        own.iter().chain(properties).map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>();
    kafi_azure::open_objects("azure", &all).unwrap()
}
