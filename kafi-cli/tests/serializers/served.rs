//! The same over `kafi serve`: Confluent's client of registries and its serialisers know nothing of Kafi.

use std::process::Stdio;

use kafi_testkit::servers;

use crate::support::{Running, Sandbox, seen};
use crate::{AVRO_ORDERS, JSON_ORDERS, PROTOBUF_ORDERS, lines};

/// What Confluent's client prints over a registry that has nothing yet.
const SAID: &str = r#"register: 1
register again: 1
register second: 2
protobuf: 3
reference: 4
subjects: ['b', 'proto', 'py-value']
versions: [1, 2]
by id: syntax = "proto3"; message M { int32 a = 1; }
references: [('A', 'py-value', 2)]
latest: 2 2 py-value {"type":"record","name":"A","fields":[{"name":"a","type":"long"}]}
lookup: 1
compatible: False
incompatible: False
refused: 409 40901
no schema: 422 42201
no subject: 404 40401
no version: 404 40402
set level: {'compatibility': 'FULL'}
level: FULL
set config: {'compatibility': 'NONE'}
config: NONE
delete referred: 422 42206
delete version: 1
delete subject: [1]
delete for good: [1]
subjects: ['b', 'py-value']
"#;

/// `kafi serve` over a storage.
pub struct Serve {
    sandbox: Sandbox,
    running: Running,
    address: String,
}

impl Serve {
    /// With its registry.
    pub fn over(address: &str) -> Self {
        Self::with(address, &["--rest", "none", "--registry", "127.0.0.1:0"], "registry of ")
    }

    /// With these arguments, and then a line that begins so, and ends with an address.
    pub fn with(storage: &str, arguments: &[&str], begin: &str) -> Self {
        let sandbox = Sandbox::new();
        let arguments = [&["serve", storage], arguments].concat();
        let running = sandbox.start(&arguments, Stdio::null(), "stdout", "stderr");
        sandbox.wait_for("stderr", " at http");
        let said = sandbox.read("stderr");
        let line = said.lines().find(|line| line.starts_with(begin)).unwrap();
        let address = line.rsplit(' ').next().unwrap().to_string();
        Self { sandbox, running, address }
    }

    /// What a Python program of the tests' servers prints.
    fn python(&self, script: &str, arguments: &str) -> String {
        let (python, script) = (servers::variable("KAFI_TEST_SERIALIZERS"), servers::script(script));
        self.client(&format!("{python} {}", script.display()), arguments)
    }

    /// What any program prints that is given the address and these arguments.
    pub fn client(&self, program: &str, arguments: &str) -> String {
        self.text(&format!("{program} {} {arguments}", self.address))
    }

    /// What a command prints.
    pub fn text(&self, command: &str) -> String {
        self.sandbox.text(command)
    }

    pub fn stop(mut self) {
        self.running.interrupt();
        assert_eq!(self.running.exit_code(), 0, "{}", self.sandbox.read("stderr"));
    }
}

fn serialisers_work_over(storage: &str, topic_of: impl Fn(&str) -> String) {
    let serve = Serve::over(storage);
    serve.sandbox.write("written.jsonl", serve.python("serializers.py", "write"));
    for (kind, expected) in [("avro", AVRO_ORDERS), ("protobuf", PROTOBUF_ORDERS), ("json", JSON_ORDERS)] {
        let topic = topic_of(&format!("python_{kind}"));
        // Kafi reads the schemas from the topic of the same storage, beside the server.
        serve.sandbox.text(&format!("grep python_{kind} written.jsonl | kafi produce {topic} --json --create -q"));
        assert_eq!(serve.sandbox.text(&format!("kafi cat {topic}")), lines(expected), "{topic}");
        let read =
            format!("kafi cat {topic} -t bytes --json | sed 's/\"topic\":\"[^\"]*\"/\"topic\":\"python_{kind}\"/'");
        serve.sandbox.write("read.jsonl", serve.sandbox.text(&read));
        assert_eq!(serve.python("serializers.py", "read < read.jsonl").lines().count(), 2, "{topic}");
    }
    serve.stop();
}

#[test]
fn confluents_registry_client_gets_what_confluents_registry_gives() {
    let serve = Serve::over("./data/");
    assert_eq!(serve.python("registry_client.py", ""), SAID);
    serve.stop();
}

/// Confluent's client knows the server by its authority, and knows nothing where that is another one.
#[test]
fn confluents_registry_client_speaks_tls() {
    let ca = servers::variable("KAFI_TEST_KAFKA_CA");
    let [certificate, key] = ["broker.pem", "broker.key"].map(|name| ca.replace("ca.pem", name));
    let arguments = ["--rest", "none", "--registry", "127.0.0.1:0", "--tls-cert", &certificate, "--tls-key", &key];
    let serve = Serve::with("./data/", &arguments, "registry of ");
    assert!(serve.address.starts_with("https://"), "{}", serve.address);
    assert_eq!(serve.python("registry_client.py", ca), SAID);
    let python = servers::variable("KAFI_TEST_SERIALIZERS");
    let script = servers::script("registry_client.py");
    let other = servers::variable("KAFI_TEST_KAFKA_OTHER_CA");
    let refused = serve.sandbox.run(&format!("{python} {} {} {other}", script.display(), serve.address));
    assert!(!refused.status.success() && seen(&refused).contains("CERTIFICATE_VERIFY_FAILED"), "{}", seen(&refused));
    serve.stop();
    let sandbox = Sandbox::new();
    let alone = sandbox.run(&format!("kafi serve ./data/ --tls-cert {certificate}"));
    assert!(alone.status.code() == Some(2) && seen(&alone).contains("--tls-key"), "{}", seen(&alone));
}

#[test]
fn confluents_serialisers_work_over_a_folder() {
    serialisers_work_over("./data/", |topic| format!("./data/{topic}"));
}

#[test]
fn confluents_serialisers_work_over_a_broker() {
    let brokers = servers::variable("KAFI_TEST_KAFKA");
    serialisers_work_over(&format!("kafka://{brokers}/"), |topic| {
        format!("kafka://{brokers}/{topic}_{}", std::process::id())
    });
}

#[test]
fn others_than_this_machine_are_served_with_users_only() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run("kafi serve ./data/ --rest none --registry 0.0.0.0:0");
    assert_eq!(refused.status.code(), Some(2), "{}", seen(&refused));
    assert!(
        seen(&refused).contains("hint: --auth-file or --tls-client-ca names who may, --insecure lets everybody"),
        "{}",
        seen(&refused)
    );
    let missing = sandbox.run("kafi serve ./data/ --rest none --registry 0.0.0.0:0 --auth-file nowhere");
    assert!(seen(&missing).contains("error: read users: file nowhere: "), "{}", seen(&missing));
    let no_address = sandbox.run("kafi serve ./data/ --rest none --registry nonsense");
    assert_eq!(no_address.status.code(), Some(2), "{}", seen(&no_address));
}

/// What a plain client prints over any storage.
const REST_SAID: &str = "made 201 1
again 400
stream 200 1000 True 999
avro 200 1000
consumer 200
subscribe 204
read 1001 True azc= eyJuIjogN30=
commit 204
committed 990
deleted 204
lag 11
topic gone 204 404
";

fn a_plain_client_works_over(storage: &str) {
    let serve = Serve::with(storage, &["--rest", "127.0.0.1:0", "--registry", "none"], "rest of ");
    let name = format!("rest_{}", std::process::id());
    assert_eq!(serve.python("rest_client.py", &name), REST_SAID);
    serve.stop();
}

#[test]
fn a_plain_client_works_over_a_folder() {
    a_plain_client_works_over("./data/");
}

#[test]
fn a_plain_client_works_over_a_broker() {
    a_plain_client_works_over(&format!("kafka://{}/", servers::variable("KAFI_TEST_KAFKA")));
}
