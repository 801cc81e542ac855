//! Clients of others over `kafi serve`: Confluent's Go SDK for version 3 of the REST Proxy API, Kafi for Python, and
//! KafkaJS's client of registries.

use kafi_testkit::servers;

use crate::served::Serve;

/// What the Go SDK prints over any storage.
const GO_SAID: &str = "clusters 200 1
cluster 200 true
brokers 200 1
create 201 2 false
create again 400
topic 200 true 2
partitions 200 2
change 204
config 200 4096000 false
record 200 0 0
record 200 1 0
record 200 0 1
record 200 1 1
replicas 200 1
replica 200 true
replicas of broker 200 true
settings 200 true
topics 200 true
groups 200 true
no group 404
delete 204
gone 404
";

/// What Kafi for Python prints over any storage.
const PYTHON_SAID: &str = "exists False
partitions True 2
watermarks {0: (0, 10), 1: (0, 10)}
read True
messages 20
config -1
exists False
";

/// What KafkaJS's client prints over a registry that has nothing yet.
const NODE_SAID: &str = r#"AVRO: 02020278 {"a":1,"b":"x"}
same id: true
found: true
PROTOBUF: 0801120178 {"a":1,"b":"x"}
same id: true
found: true
JSON: 7b2261223a317d {"a":1}
same id: true
found: true
refused: ResponseError 409
missing: ResponseError 404
"#;

fn rest_clients_work_over(storage: &str) {
    let serve = Serve::with(storage, &["--rest", "127.0.0.1:0", "--registry", "none"], "rest of ");
    let name = |client: &str| format!("{client}_{}", std::process::id());
    let go = servers::variable("KAFI_TEST_REST_CLIENTS");
    assert_eq!(serve.client(go, &name("go")), GO_SAID);
    // pandas is in one place, confluent-kafka in another, and Kafi for Python in a third.
    let beside = servers::variable("KAFI_TEST_SERIALIZERS");
    let ask = format!("{beside} -c 'import sysconfig; print(sysconfig.get_paths()[\"purelib\"])'");
    let paths = [servers::variable("KAFI_TEST_REST_CLIENTS_PYTHONPATH"), serve.text(&ask).trim()].join(":");
    let python = servers::variable("KAFI_TEST_FRAMES");
    let client = format!("PYTHONPATH={paths} {python} {}", servers::script("kafi_client.py").display());
    assert_eq!(serve.client(&client, &name("python")), PYTHON_SAID);
    serve.stop();
}

#[test]
fn rest_clients_work_over_a_folder() {
    rest_clients_work_over("./data/");
}

#[test]
fn rest_clients_work_over_a_broker() {
    rest_clients_work_over(&format!("kafka://{}/", servers::variable("KAFI_TEST_KAFKA")));
}

#[test]
fn kafkajs_registry_client_works() {
    let serve = Serve::over("./data/");
    let modules = servers::variable("KAFI_TEST_REST_CLIENTS_NODE_PATH");
    let client = format!("NODE_PATH={modules} node {}", servers::script("registry_client.js").display());
    assert_eq!(serve.client(&client, ""), NODE_SAID);
    serve.stop();
}
