//! Version 2 of the REST Proxy API: topics, producing in requests, and consumers that live between requests.

use std::time::{Duration, Instant};

use kafi_core::Json;
use kafi_serve::Limits;

use crate::support::{Answer, PATIENCE, Serving};

const BINARY: &str = "application/vnd.kafka.binary.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";
const AVRO: &str = "application/vnd.kafka.avro.v2+json";
const V2: &str = "application/vnd.kafka.v2+json";

/// A server with a topic of two partitions.
fn with_topic() -> Serving {
    let serving = Serving::rest();
    serving.make_topic("t", 2);
    serving
}

fn produce(serving: &Serving, path: &str, type_: &str, body: &str) -> Answer {
    serving.ask("POST", path, &[("Content-Type", type_)], body)
}

/// An instance of a consumer of group `g`, which has subscribed to `t`; its path.
fn consumer(serving: &Serving, format: &str) -> String {
    let body = format!(r#"{{"format":"{format}","auto.offset.reset":"earliest","auto.commit.enable":"false"}}"#);
    let made = serving.ask("POST", "/consumers/g", &[("Content-Type", V2)], &body).json();
    let path = format!("/consumers/g/instances/{}", made["instance_id"].str().unwrap());
    assert!(made["base_uri"].str().unwrap().ends_with(&path), "{made}");
    let body = r#"{"topics":["t"]}"#;
    assert_eq!(serving.ask("POST", &format!("{path}/subscription"), &[("Content-Type", V2)], body).status, 204);
    path
}

/// Asks until so many messages came.
fn records(serving: &Serving, path: &str, accept: &str, count: usize) -> Vec<Json> {
    let (mut all, start) = (Vec::new(), Instant::now());
    while all.len() < count {
        assert!(start.elapsed() < PATIENCE, "{all:?}");
        let answer = serving.ask("GET", &format!("{path}/records?timeout=200"), &[("Accept", accept)], "");
        assert_eq!(answer.status, 200, "{answer:?}");
        all.extend(answer.json().iter().cloned());
    }
    all
}

#[test]
fn topics_are_described() {
    let serving = with_topic();
    assert_eq!(serving.get("/topics").body, r#"["t"]"#);
    let topic = serving.get("/topics/t").json();
    assert_eq!((topic["name"].clone(), topic["partitions"].len()), ("t".into(), 2));
    assert_eq!(serving.get("/topics/t/partitions/1").json()["partition"], 1);
    assert_eq!(serving.get("/topics/t/partitions/0/offsets").body, r#"{"beginning_offset":0,"end_offset":0}"#);
    assert_eq!(serving.get("/brokers").body, r#"{"brokers":[0]}"#);
    for (path, refusal) in [
        ("/topics/x", (404, 40401)),
        ("/topics/x/partitions/0/offsets", (404, 40401)),
        ("/topics/t/partitions/9/offsets", (404, 40402)),
        ("/topics/t/partitions/x/offsets", (404, 40402)),
        ("/topics/x/partitions/x/offsets", (404, 40401)),
        ("/topics/t/partitions/7", (404, 40402)),
        ("/topics/t/partitions/x", (404, 40402)),
        ("/consumers/g/instances/i/records", (404, 40403)),
    ] {
        assert_eq!(serving.get(path).refusal(), refusal, "{path}");
    }
}

#[test]
fn messages_are_produced_and_consumed_as_bytes() {
    let serving = with_topic();
    let body = r#"{"records":[{"key":"a2V5","value":"dmFsdWU=","partition":1},{"value":"","partition":1},{"key":"","value":null,"partition":1}]}"#;
    let written = produce(&serving, "/topics/t", BINARY, body).json();
    assert_eq!(written["offsets"][2].to_string(), r#"{"partition":1,"offset":2,"error_code":null,"error":null}"#);
    assert_eq!(
        produce(&serving, "/topics/t/partitions/1", BINARY, r#"{"records":[{"value":"Kg=="}]}"#).json()["offsets"][0]["offset"],
        3
    );
    let path = consumer(&serving, "binary");
    let read = records(&serving, &path, BINARY, 4);
    assert_eq!(read[0].to_string(), r#"{"topic":"t","key":"a2V5","value":"dmFsdWU=","partition":1,"offset":0}"#);
    assert_eq!(read[1].to_string(), r#"{"topic":"t","key":null,"value":"","partition":1,"offset":1}"#);
    assert_eq!(read[2].to_string(), r#"{"topic":"t","key":"","value":null,"partition":1,"offset":2}"#);
    assert_eq!(serving.ask("GET", &format!("{path}/records"), &[("Accept", JSON)], "").refusal(), (406, 40601));

    // What was given out is committed, and another instance goes on there.
    let two = r#"{"offsets":[{"topic":"t","partition":1,"offset":1}]}"#;
    assert_eq!(serving.ask("POST", &format!("{path}/offsets"), &[("Content-Type", V2)], two).status, 204);
    let places = r#"{"partitions":[{"topic":"t","partition":1}]}"#;
    let committed = serving.ask("GET", &format!("{path}/offsets"), &[("Content-Type", V2)], places).json();
    assert_eq!(committed["offsets"][0]["offset"], 2);
    assert_eq!(serving.get(&format!("{path}/offsets")).refusal(), (404, 40402));
    assert_eq!(serving.delete(&path).status, 204);
    assert_eq!(serving.delete(&path).refusal(), (404, 40403));
    let path = consumer(&serving, "binary");
    assert_eq!(records(&serving, &path, "*/*", 2)[0]["offset"], 2);
    assert_eq!(serving.ask("POST", &format!("{path}/offsets"), &[], "").status, 204);
    serving.delete(&path);
}

/// More than a storage gives out at a time.
#[test]
fn an_answer_has_all_that_is_there() {
    let serving = with_topic();
    let one = r#"{"value":"","partition":0}"#;
    let body = format!(r#"{{"records":[{}]}}"#, vec![one; 15_000].join(","));
    assert_eq!(produce(&serving, "/topics/t", BINARY, &body).status, 200);
    let path = consumer(&serving, "binary");
    let first = records(&serving, &path, BINARY, 1);
    assert_eq!(first.len(), 15_000);
    assert!(serving.ask("GET", &format!("{path}/records?timeout=1"), &[("Accept", BINARY)], "").json().is_empty());
}

#[test]
fn partitions_are_assigned_and_moved_in() {
    let serving = with_topic();
    let body =
        r#"{"records":[{"value":{"n":1},"partition":0},{"value":[2],"partition":0},{"value":"3","partition":0}]}"#;
    produce(&serving, "/topics/t", JSON, body);
    let made = serving.ask("POST", "/consumers/h", &[("Content-Type", V2)], r#"{"name":"i","format":"json"}"#);
    assert_eq!(made.json()["instance_id"], "i");
    let again = serving.ask("POST", "/consumers/h", &[("Content-Type", V2)], r#"{"name":"i","format":"json"}"#);
    assert_eq!(again.refusal(), (409, 40902));
    let post = |end: &str, body: &str| {
        serving.ask("POST", &format!("/consumers/h/instances/i/{end}"), &[("Content-Type", V2)], body)
    };
    assert_eq!(serving.get("/consumers/h/instances/i/records").refusal(), (409, 40903));
    let place = r#"{"partitions":[{"topic":"t","partition":0}]}"#;
    assert_eq!(post("assignments", place).status, 204);
    assert_eq!(post("subscription", r#"{"topics":["t"]}"#).refusal(), (409, 40903));
    assert_eq!(serving.get("/consumers/h/instances/i/assignments").body, place);
    assert_eq!(post("positions/beginning", place).status, 204);
    let path = "/consumers/h/instances/i";
    let values: Vec<String> =
        records(&serving, path, JSON, 3).iter().map(|record| record["value"].to_string()).collect();
    assert_eq!(values, [r#"{"n":1}"#, "[2]", "\"3\""]);
    assert_eq!(post("positions", r#"{"offsets":[{"topic":"t","partition":0,"offset":2}]}"#).status, 204);
    assert_eq!(records(&serving, path, JSON, 1)[0]["offset"], 2);
    assert_eq!(post("positions", r#"{"offsets":[{"topic":"t","partition":1,"offset":2}]}"#).refusal(), (409, 40903));
    assert_eq!(post("positions/end", place).status, 204);
    assert_eq!(serving.get(&format!("{path}/records?timeout=0")).body, "[]");
    assert_eq!(post("assignments", r#"{"partitions":[{"topic":"x","partition":0}]}"#).refusal().0, 404);
    serving.delete(path);
}

#[test]
fn avro_goes_by_schemas_of_the_registry() {
    let serving = with_topic();
    let body = r#"{"value_schema":"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\",\"string\"]}]}","records":[{"value":{"a":{"string":"x"}},"partition":0},{"value":{"a":null},"partition":0}]}"#;
    let written = produce(&serving, "/topics/t", AVRO, body).json();
    assert_eq!(written["value_schema_id"], 1);
    let by_id = r#"{"value_schema_id":1,"records":[{"value":{"a":{"string":"y"}},"partition":0}]}"#;
    assert_eq!(produce(&serving, "/topics/t", AVRO, by_id).json()["offsets"][0]["offset"], 2);
    for (body, code) in [
        (r#"{"value_schema_id":9,"records":[{"value":{}}]}"#, 42207),
        (r#"{"value_schema":"{","records":[{"value":{}}]}"#, 42205),
        (r#"{"value_schema_id":1,"records":[{"key":1,"value":null}]}"#, 42201),
        (r#"{"key_schema_id":1,"records":[{"value":{"a":null}}]}"#, 42202),
    ] {
        assert_eq!(produce(&serving, "/topics/t", AVRO, body).refusal(), (422, code), "{body}");
    }
    let wrong = r#"{"value_schema_id":1,"records":[{"value":{"b":1}}]}"#;
    assert_eq!(produce(&serving, "/topics/t", AVRO, wrong).status, 422);
    // A schema is a text, and never a file of the server's.
    let file = r#"{"value_schema":"@/etc/passwd","records":[{"value":{}}]}"#;
    let refused = produce(&serving, "/topics/t", AVRO, file);
    assert!(refused.status == 422 && !refused.body.contains("root:"), "{refused:?}");
    let path = consumer(&serving, "avro");
    let read = records(&serving, &path, AVRO, 3);
    assert_eq!(read[0]["value"].to_string(), r#"{"a":{"string":"x"}}"#);
    assert_eq!(read[1]["value"].to_string(), r#"{"a":null}"#);
    serving.delete(&path);
}

#[test]
fn consumers_expire_and_are_not_without_number() {
    let serving = Serving::rest_with(Limits { consumers_max: 2, ..Limits::default() });
    serving.make_topic("t", 1);
    let make = |body: &str| serving.ask("POST", "/consumers/g", &[("Content-Type", V2)], body);
    assert_eq!(make(r#"{"name":"a","consumer.instance.timeout.ms":"1"}"#).status, 200);
    assert_eq!(make(r#"{"name":"b"}"#).status, 200);
    let start = Instant::now();
    let mut refused = make(r#"{"name":"c"}"#);
    assert!(refused.status == 200 || refused.refusal() == (429, 42901), "{refused:?}");
    while refused.status != 200 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
        refused = make(r#"{"name":"c"}"#);
    }
    assert_eq!(serving.get("/consumers/g/instances/a/records").refusal(), (404, 40403));
    for bad in [r#"{"format":"xml"}"#, r#"{"auto.offset.reset":"middle"}"#, r#"{"fetch.min.bytes":"many"}"#] {
        serving.delete("/consumers/g/instances/b");
        assert_eq!(make(bad).refusal(), (422, 42204), "{bad}");
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let serving = with_topic();
    for (type_, body, status) in [
        ("text/plain", "{}", 415),
        ("application/vnd.kafka.xml.v2+json", "{}", 415),
        (BINARY, "{}", 422),
        (BINARY, "[]", 400),
        (BINARY, r#"{"records":[{"value":"?"}]}"#, 422),
        (BINARY, r#"{"records":["eA=="]}"#, 422),
        (BINARY, r#"{"records":[{"value":{"a":1}}]}"#, 422),
        (BINARY, r#"{"records":[{"value":"","partition":9}]}"#, 404),
    ] {
        assert_eq!(produce(&serving, "/topics/t", type_, body).status, status, "{type_} {body}");
    }
    assert_eq!(produce(&serving, "/topics/x", BINARY, r#"{"records":[{"value":""}]}"#).refusal(), (404, 40401));
    assert_eq!(produce(&serving, "/topics/..%2Fx", BINARY, r#"{"records":[{"value":""}]}"#).status / 100, 4);
    assert_eq!(serving.get("/topics/t/partitions/0/offsets").json()["end_offset"], 0);
}

#[test]
fn what_is_asked_again_is_answered_as_before_until_it_is_changed_through_the_server() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let end = || serving.get("/topics/t/partitions/0/offsets").json()["end_offset"].int().unwrap();
    let topics = || serving.get("/topics").json().len();
    assert_eq!((end(), topics()), (0, 1));
    // What others make is seen after that time.
    serving.make_topic("u", 1);
    assert_eq!((end(), topics()), (0, 1));
    // What is not there is asked about each time.
    assert_eq!(serving.get("/topics/v").status, 404);
    serving.make_topic("v", 1);
    assert_eq!(serving.get("/topics/v").status, 200);
    // What is changed here is seen at once: by version 2, in a stream of version 3, and by administration.
    assert_eq!(serving.post("/topics/t", r#"{"records":[{"value":"eA=="}]}"#).status, 200);
    assert_eq!((end(), topics()), (1, 3));
    let clusters = serving.get("/v3/clusters").json();
    let cluster = clusters["data"][0]["cluster_id"].str().unwrap();
    let path = format!("/v3/clusters/{cluster}/topics");
    assert_eq!(serving.post(&format!("{path}/t/records"), r#"{"value":{"type":"BINARY","data":"eA=="}}"#).status, 200);
    assert_eq!(end(), 2);
    assert_eq!(serving.delete(&format!("{path}/u")).status, 204);
    assert_eq!(topics(), 2);
    // Links in answers name the host that was asked.
    let named =
        |host: &str| serving.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).body;
    assert!(
        named("localhost:1").contains("http://localhost:1/") && named("localhost:2").contains("http://localhost:2/")
    );
    // And they are of the type that is wanted.
    for accept in [V2, "application/json", "text/html, application/json;q=0.5, */*;q=0.1"] {
        let answer = serving.ask("GET", "/topics", &[("Accept", accept)], "");
        let expected = if accept == V2 { V2 } else { "application/json" };
        assert!(answer.head.contains(&format!("content-type: {expected}\r\n")), "{accept}: {answer:?}");
    }
    // Groups and consumers are asked each time.
    let committed = || serving.get(&format!("/v3/clusters/{cluster}/consumer-groups")).json()["data"].len();
    assert_eq!(committed(), 0);
    assert_eq!(serving.post("/consumers/g", r#"{"name":"i","auto.offset.reset":"earliest"}"#).status, 200);
    let path = "/consumers/g/instances/i";
    assert_eq!(serving.post(&format!("{path}/subscription"), r#"{"topics":["t"]}"#).status, 204);
    assert_eq!(serving.get(&format!("{path}/records?max_bytes=1")).json().len(), 1);
    assert_eq!(serving.get(&format!("{path}/records?max_bytes=1")).json().len(), 1);
    assert_eq!(serving.post(&format!("{path}/offsets"), "").status, 204);
    assert_eq!(committed(), 1);
}
