//! Beside libraries for Python: Confluent's serialisers, over a registry, and those for tables. What they write is read
//! here, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod frames;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "serve")]
mod foreign;
#[cfg(feature = "serve")]
mod served;

use kafi_testkit::servers;
use support::Sandbox;

const AVRO: &str = r#"{"type":"record","name":"shop.Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"tags","type":{"type":"map","values":"int"}}]}"#;
const PROTO: &str = "syntax = \"proto3\"; package shop; import \"google/protobuf/timestamp.proto\"; message Order { message Line { int64 id = 1; google.protobuf.Timestamp at = 2; } }";
const JSON_SCHEMA: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"required":["id"]}"#;

/// What the messages are as JSON, by format.
const AVRO_ORDERS: [&str; 2] = [
    r#"{"id":123,"note":null,"price":19.90,"tags":{"a":1}}"#,
    r#"{"id":-9007199254740993,"note":"ü","price":-0.05,"tags":{}}"#,
];
const PROTOBUF_ORDERS: [&str; 2] =
    [r#"{"id":123,"at":"1970-01-01T00:00:07Z"}"#, r#"{"id":-9007199254740993,"at":"1970-01-01T00:00:08Z"}"#];
const JSON_ORDERS: [&str; 2] = [r#"{"id":123,"note":""}"#, r#"{"id":-9007199254740993,"note":"ü"}"#];

struct Beside {
    sandbox: Sandbox,
    python: String,
}

impl Beside {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for (name, text) in [("order.avsc", AVRO), ("order.proto", PROTO), ("order.json", JSON_SCHEMA)] {
            sandbox.write(name, text);
        }
        let (registry, python) = (servers::variable("KAFI_TEST_REGISTRY"), servers::variable("KAFI_TEST_SERIALIZERS"));
        let script = servers::script("serializers.py");
        Self { sandbox, python: format!("{python} {} {registry}", script.display()) }
    }

    /// What a line prints beside the registry; `python` in it is the program with its first argument.
    fn text(&self, line: &str) -> String {
        let registry = servers::variable("KAFI_TEST_REGISTRY");
        let line = line.replace("PYTHON", &self.python);
        self.sandbox.text(&format!("set -o pipefail; export KAFI_REGISTRY={registry}; {line}"))
    }
}

fn lines(of: [&str; 2]) -> String {
    format!("{}\n{}\n", of[0], of[1])
}

#[test]
fn what_the_official_serialisers_write_is_read_and_written_again() {
    let beside = Beside::new();
    beside.sandbox.write("written.jsonl", beside.text("PYTHON write"));
    for (topic, expected) in
        [("python_avro", AVRO_ORDERS), ("python_protobuf", PROTOBUF_ORDERS), ("python_json", JSON_ORDERS)]
    {
        beside.text(&format!("grep {topic} written.jsonl | kafi produce {topic} --json --create -q"));
        let type_ = match topic {
            "python_avro" => "avro",
            "python_protobuf" => "pb",
            _ => "json_sr",
        };
        assert_eq!(beside.text(&format!("kafi cat {topic}")), lines(expected), "{topic}");
        assert_eq!(beside.text(&format!("kafi cat {topic} --value-type {type_}")), lines(expected), "{topic}");
        let envelopes = beside.text(&format!("kafi cat {topic} --json --schemas"));
        assert_eq!(envelopes.matches("\"value_schema_id\":").count(), 2, "{envelopes}");
        assert_eq!(envelopes.matches(&format!("\"value_subject\":\"{topic}-value\",\"value_version\":1")).count(), 2);
        // By envelopes, which name the ids, the same bytes come back.
        beside.text(&format!("kafi cat {topic} --json | kafi produce {topic}_again --json --create -q"));
        assert_eq!(beside.text(&format!("kafi diff {topic} {topic}_again -q")), "", "{topic}");
        // A copy that decodes and encodes registers the schema for its target; Apicurio may give it another id then.
        beside.text(&format!("kafi cp {topic} {topic}_copy --from-type auto --to-type auto -q"));
        assert_eq!(beside.text(&format!("kafi cat {topic}_copy --value-type {type_}")), lines(expected), "{topic}");
    }
    assert_eq!(beside.text("kafi cat python_avro -F '%k\\n'"), "\"k0\"\n\"k1\"\n");
    assert_eq!(beside.text("kafi grep -c 9007199254740993 python_protobuf"), "1\n");
}

#[test]
fn what_is_written_here_is_read_by_the_official_deserialisers() {
    let beside = Beside::new();
    for (topic, orders, schema) in [
        (
            "kafi_avro",
            AVRO_ORDERS,
            "--value-type avro --value-schema @order.avsc --key-type avro --key-schema '\"string\"' -K '|'",
        ),
        (
            "kafi_protobuf",
            PROTOBUF_ORDERS,
            "--value-type protobuf --value-schema order.proto --value-message Order.Line",
        ),
        ("kafi_json", JSON_ORDERS, "--value-type jsonschema --value-schema @order.json"),
    ] {
        let key = if topic == "kafi_avro" { "\"k\"|" } else { "" };
        let input: String = orders.iter().map(|order| format!("{key}{order}\n")).collect();
        beside.sandbox.write("input", input);
        beside.text(&format!("kafi produce {topic} --create -q -l input {schema}"));
    }
    let read = beside
        .text("for topic in kafi_avro kafi_protobuf kafi_json; do kafi cat $topic -t bytes --json; done | PYTHON read");
    let expected = r#"{"key": "k", "topic": "kafi_avro", "value": {"id": 123, "note": null, "price": "19.90", "tags": {"a": 1}}}
{"key": "k", "topic": "kafi_avro", "value": {"id": -9007199254740993, "note": "ü", "price": "-0.05", "tags": {}}}
{"key": null, "topic": "kafi_protobuf", "value": {"at": "1970-01-01T00:00:07Z", "id": "123"}}
{"key": null, "topic": "kafi_protobuf", "value": {"at": "1970-01-01T00:00:08Z", "id": "-9007199254740993"}}
{"key": null, "topic": "kafi_json", "value": {"id": 123, "note": ""}}
{"key": null, "topic": "kafi_json", "value": {"id": -9007199254740993, "note": "ü"}}
"#;
    assert_eq!(read, expected);
}

#[test]
fn formats_change_into_one_another() {
    let beside = Beside::new();
    beside.sandbox.write("plain.jsonl", "{\"id\":1}\n{\"id\":2}\n");
    beside.sandbox.write("plain.avsc", r#"{"type":"record","name":"Plain","fields":[{"name":"id","type":"long"}]}"#);
    beside.sandbox.write("plain.proto", "syntax = \"proto3\"; message Plain { int64 id = 1; }");
    beside.sandbox.write("plain.json", JSON_SCHEMA);
    beside.text("kafi produce of_json --create -q -l plain.jsonl");
    let formats = [("json", ""), ("avro", "plain.avsc"), ("protobuf", "plain.proto"), ("jsonschema", "plain.json")];
    for (to, schema) in &formats[1..] {
        beside.text(&format!("kafi cp of_json of_{to} --to-value-type {to} --to-value-schema {schema} -q"));
    }
    for (from, _) in formats {
        for (to, schema) in formats {
            let schema = if schema.is_empty() { String::new() } else { format!("--to-value-schema {schema}") };
            let copy = format!("{from}_to_{to}");
            beside.text(&format!("kafi cp of_{from} {copy} --from-value-type {from} --to-value-type {to} {schema} -q"));
            assert_eq!(beside.text(&format!("kafi diff of_{to} {copy} -q")), "", "{copy}");
        }
    }
}
