//! Every example in `configs/` is read, and says what the documentation says it does.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use kafi_core::{Config, ErrorKind, Settings, StorageKind};

const CHILD: &str = "KAFI_TEST_CHILD";
const VARIABLES: [(&str, &str); 11] = [
    ("KAFI_KAFKA_SERVER", "broker.example:9092"),
    ("KAFI_KAFKA_USERNAME", "alice"),
    ("KAFI_KAFKA_PASSWORD", "hunter2"),
    ("KAFI_SCHEMA_REGISTRY_URL", "https://registry.example"),
    ("KAFI_SCHEMA_REGISTRY_USER_INFO", "alice:hunter2"),
    ("KAFI_REST_PROXY_USER_INFO", "alice:hunter2"),
    ("AWS_ACCESS_KEY_ID", "access"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ("KAFI_AZURE_SAS_TOKEN", "hunter2"),
    ("KAFI_EVENTHUBS_NAMESPACE", "hubs"),
    ("KAFI_EVENTHUBS_CONNECTION_STRING", "hunter2"),
];

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a test of this file again with these variables and no others of ours: a process cannot safely change its own.
fn run_again(test: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().expect("the test knows where it is"));
    child.args([test, "--exact", "--nocapture"]).env(CHILD, "1");
    for (name, _) in VARIABLES {
        child.env_remove(name);
    }
    let output = child.envs(variables.iter().copied()).output().expect("the test can run itself");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn loads_each_example() {
    if !is_child() {
        return run_again("loads_each_example", &VARIABLES);
    }
    let examples = [
        ("clusters/local", StorageKind::Kafka, ("bootstrap.servers", "localhost:9092")),
        ("clusters/ccloud", StorageKind::Kafka, ("bootstrap.servers", "broker.example:9092")),
        ("clusters/eventhubs", StorageKind::Kafka, ("bootstrap.servers", "hubs.servicebus.windows.net:9093")),
        ("clusters/redpanda", StorageKind::Kafka, ("bootstrap.servers", "localhost:19092")),
        ("restproxies/local", StorageKind::RestProxy, ("rest.proxy.url", "http://localhost:8082")),
        ("restproxies/secured", StorageKind::RestProxy, ("basic.auth.user.info", "alice:hunter2")),
        ("locals/local", StorageKind::Local, ("root.dir", "/tmp")),
        ("s3s/local", StorageKind::S3, ("secret.key", "hunter2")),
        ("s3s/aws", StorageKind::S3, ("region", "eu-central-1")),
        ("azureblobs/local", StorageKind::AzureBlob, ("container.name", "test")),
        ("azureblobs/sas", StorageKind::AzureBlob, ("sas.token", "hunter2")),
    ];
    let mut listed: Vec<String> = Config::list(&home()).unwrap().iter().map(|file| file.full_name()).collect();
    let mut names: Vec<String> = examples.iter().map(|(name, ..)| name.to_string()).collect();
    listed.sort();
    names.sort();
    assert_eq!(listed, names, "the files and this test name the same examples");
    for (name, kind, (key, value)) in examples {
        let config = Config::find(name, &home()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((config.kind, config.get(key)), (kind, Some(value)), "{name}");
        let has_registry = config.schema_registry.iter().any(|(key, _)| key == "schema.registry.url");
        // The registry of Event Hubs is of another kind.
        let may_have = matches!(kind, StorageKind::Kafka | StorageKind::RestProxy) && name != "clusters/eventhubs";
        assert_eq!(has_registry, may_have, "{name}");
        assert!(!format!("{config:?}").contains("hunter2"), "{name}");
    }
}

#[test]
fn an_unset_variable_is_named() {
    if !is_child() {
        return run_again("an_unset_variable_is_named", &[("KAFI_KAFKA_SERVER", "broker.example:9092")]);
    }
    let error = Config::find("clusters/ccloud", &home()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains(
            "ccloud.yaml, section kafka, key sasl.username: the environment variable KAFI_KAFKA_USERNAME is not set"
        ),
        "{text}"
    );
}

#[test]
fn the_local_cluster_spells_out_the_defaults() {
    let settings = Config::find("clusters/local", &home()).unwrap().settings;
    let spelled_out = Settings {
        consume_timeout: Some(Duration::from_secs(1)),
        key_type: Some("str".into()),
        value_type: Some("json".into()),
        ..Settings::default()
    };
    assert_eq!(settings, spelled_out);
}

#[test]
fn a_shared_short_name_lists_the_candidates() {
    let error = Config::find("local", &home()).unwrap_err();
    assert!(
        error.to_string().contains("clusters/local, restproxies/local, locals/local, s3s/local, azureblobs/local"),
        "{error}"
    );
}
