//! Requests with any name in their path and any body: each is answered with a status that is no fault of the server's,
//! what is refused has a code and words in JSON, and the server goes on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafi_core::{Json, NewTopic, Storage};
use kafi_serde::registry::TopicRegistry;
use kafi_serve::{ServeOptions, Served, Server};

const WAIT: Duration = Duration::from_secs(60);

const JSON: &str = "application/json";

/// API, method, path, and type of the body. A star is the name.
const CALLS: [(usize, &str, &str, &str); 51] = [
    (0, "POST", "/v3/clusters/CLUSTER/topics/t/records", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/topics/t/records:batch", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/topics/*/records", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/topics", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/topics/t/configs:alter", JSON),
    (0, "PUT", "/v3/clusters/CLUSTER/topics/t/configs/*", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/consumer-groups/*/lags", JSON),
    (0, "POST", "/v3/clusters/*/topics", JSON),
    (0, "POST", "/topics/t", "application/vnd.kafka.binary.v2+json"),
    (0, "POST", "/topics/t", "application/vnd.kafka.json.v2+json"),
    (0, "POST", "/topics/t", "application/vnd.kafka.avro.v2+json"),
    (0, "POST", "/topics/*", "application/vnd.kafka.protobuf.v2+json"),
    (0, "POST", "/topics/t/partitions/*", "application/vnd.kafka.jsonschema.v2+json"),
    (0, "POST", "/consumers/*", "application/vnd.kafka.v2+json"),
    (0, "POST", "/consumers/g/instances/i/assignments", "application/vnd.kafka.v2+json"),
    (0, "POST", "/consumers/g/instances/i/positions", "application/vnd.kafka.v2+json"),
    (0, "POST", "/consumers/g/instances/i/offsets", "application/vnd.kafka.v2+json"),
    (1, "POST", "/subjects/*/versions", JSON),
    (1, "POST", "/compatibility/subjects/*/versions/latest", JSON),
    (1, "PUT", "/config/*", JSON),
    (1, "PUT", "/mode/*", JSON),
    (1, "GET", "/subjects/*/versions/1", JSON),
    (0, "PATCH", "/v3/clusters/CLUSTER/topics/t", JSON),
    (0, "PUT", "/v3/clusters/CLUSTER/brokers/*/configs/*", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/brokers/*/configs:alter", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/acls", JSON),
    (0, "POST", "/v3/clusters/CLUSTER/acls:batch", JSON),
    (0, "DELETE", "/v3/clusters/CLUSTER/acls?principal=*&resource_type=*", JSON),
    (0, "POST", "/topics/t", JSON),
    (0, "POST", "/topics/t", "application/vnd.kafka.jsonschema.v2+json"),
    (0, "POST", "/topics/t", "application/vnd.kafka.protobuf.v2+json"),
    (0, "POST", "/consumers/g/instances/s/subscription", "application/vnd.kafka.v2+json"),
    (0, "POST", "/consumers/g/instances/i/positions/end", "application/vnd.kafka.v2+json"),
    (0, "GET", "/consumers/g/instances/i/offsets", "application/vnd.kafka.v2+json"),
    (0, "GET", "/consumers/g/instances/i/records?timeout=1&max_bytes=*", "application/vnd.kafka.v2+json"),
    (1, "POST", "/subjects/*", JSON),
    (1, "POST", "/contexts/*/subjects/*/versions", JSON),
    (1, "POST", "/subjects/a/versions?normalize=true", JSON),
    (1, "POST", "/compatibility/subjects/a/versions?verbose=true", JSON),
    (1, "PUT", "/config", JSON),
    (1, "PUT", "/mode/*?force=true", JSON),
    (1, "GET", "/schemas?subjectPrefix=*&offset=*&limit=*", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/topics/t/partitions/*/replicas/*", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/topics/*/partitions/*/reassignment", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/brokers/*/partition-replicas", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/consumer-groups/*/consumers/*/assignments/*/partitions/*", JSON),
    (0, "GET", "/v3/clusters/CLUSTER/broker-configs/*", JSON),
    (1, "GET", "/subjects/*/versions/latest", JSON),
    (1, "GET", "/contexts/*/schemas/ids/*", JSON),
    (1, "DELETE", "/config/*", JSON),
    (1, "DELETE", "/mode/*", JSON),
];

struct Serving {
    addresses: [SocketAddr; 2],
    cluster: String,
    _server: Server,
}

/// Takes the first byte for the call, the second for the length of the name behind it, and the rest for the body.
pub fn run(data: &[u8]) {
    let [call, length, rest @ ..] = data else { return };
    let (name, body) = rest.split_at(rest.len().min(usize::from(*length) % 64));
    let (api, method, path, content_type) = CALLS[usize::from(*call) % CALLS.len()];
    let name: String = name.iter().map(|byte| format!("%{byte:02X}")).collect();
    let serving = serving();
    let path = path.replace("CLUSTER", &serving.cluster).replace('*', &name);
    let answer = ask(serving.addresses[api], (method, &path, content_type), body);
    check(&answer, &path);
}

fn check(answer: &[u8], path: &str) {
    let text = String::from_utf8_lossy(answer);
    let status: u16 = text[9..12].parse().unwrap_or_else(|_| panic!("{path}: {text}"));
    assert!(status < 500 || status == 501, "{path}: {text}");
    let body = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text}")).1;
    if status >= 400 {
        let json = Json::parse(body).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        assert!(json["error_code"].int().is_ok() && json["message"].str().is_ok(), "{path}: {text}");
    }
}

fn ask(address: SocketAddr, (method, path, content_type): (&str, &str, &str), body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A server that refuses what is too much does not read it all.
    let _sent = stream.write_all(&[head.as_bytes(), body].concat());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// One server for all requests: whatever they did, it answers the next one.
fn serving() -> &'static Serving {
    static SERVING: OnceLock<Serving> = OnceLock::new();
    SERVING.get_or_init(|| {
        let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
        storage.admin().unwrap().create_topic(&NewTopic::new("t").partitions(2), WAIT).unwrap();
        let registry = Arc::new(TopicRegistry::new(Arc::clone(&storage)));
        let any = Some("127.0.0.1:0".parse().unwrap());
        let options = ServeOptions { rest: any, registry: any, ..ServeOptions::default() };
        let server = Server::start(Served { storage, registry }, options).unwrap();
        let addresses = [0, 1].map(|api| server.listeners()[api].address);
        let clusters = ask(addresses[0], ("GET", "/v3/clusters", JSON), b"");
        let clusters = String::from_utf8(clusters).unwrap();
        let cluster = clusters.split("\"cluster_id\":\"").nth(1).unwrap().split('"').next().unwrap().to_string();
        // One is assigned partitions, and one subscribes.
        for instance in [br#"{"name":"i"}"#, br#"{"name":"s"}"#] {
            check(&ask(addresses[0], ("POST", "/consumers/g", JSON), instance), "/consumers/g");
        }
        Serving { addresses, cluster, _server: server }
    })
}
