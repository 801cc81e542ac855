//! Version 3 of the REST Proxy API: administration, and producing in streams.

use std::io::{BufRead, BufReader, Read, Write};

use kafi_core::Json;

use crate::support::{Answer, Serving};

/// The cluster, and its path.
fn cluster(serving: &Serving) -> String {
    let clusters = serving.get("/v3/clusters").json();
    assert_eq!(clusters["kind"], "KafkaClusterList");
    format!("/v3/clusters/{}", clusters["data"][0]["cluster_id"].str().unwrap())
}

/// The objects of an answer, past the lengths of its chunks.
fn lines(answer: &Answer) -> Vec<Json> {
    answer.body.lines().filter(|line| line.starts_with('{')).map(|line| Json::parse(line).unwrap()).collect()
}

#[test]
fn topics_are_made_changed_and_deleted() {
    let serving = Serving::rest();
    let path = cluster(&serving);
    let body = r#"{"topic_name":"t","partitions_count":2,"configs":[{"name":"compression.type","value":"gzip"}]}"#;
    let made = serving.post(&format!("{path}/topics"), body);
    assert_eq!((made.status, made.json()["partitions_count"].clone()), (201, 2.into()), "{made:?}");
    let again = serving.post(&format!("{path}/topics"), body);
    assert_eq!(again.refusal(), (400, 40002));
    assert_eq!(serving.get(&format!("{path}/topics")).json()["data"][0]["topic_name"], "t");
    assert_eq!(
        serving.ask("PATCH", &format!("{path}/topics/t"), &[], r#"{"partitions_count":3}"#).json()["partitions_count"],
        3
    );
    assert_eq!(serving.get(&format!("{path}/topics/t/partitions")).json()["data"].len(), 3);
    assert_eq!(serving.get(&format!("{path}/topics/t/partitions/2")).json()["partition_id"], 2);
    assert_eq!(serving.get(&format!("{path}/topics/t/partitions/9")).refusal(), (404, 40403));
    let setting = format!("{path}/topics/t/configs/compression.type");
    assert_eq!(serving.get(&setting).json()["value"], "gzip");
    assert_eq!(serving.put(&setting, r#"{"value":"zstd"}"#).status, 204);
    let alter = r#"{"data":[{"name":"compression.type","operation":"DELETE"},{"name":"retention.ms","value":"1000"}]}"#;
    assert_eq!(serving.post(&format!("{path}/topics/t/configs:alter"), alter).status, 204);
    assert_eq!(serving.get(&format!("{path}/topics/t/configs/retention.ms")).json()["value"], "1000");
    assert_eq!(serving.delete(&format!("{path}/topics/t")).status, 204);
    assert_eq!(serving.get(&format!("{path}/topics/t")).refusal(), (404, 40403));
    assert_eq!(serving.get("/v3/clusters/other/topics").refusal(), (404, 404));
    assert_eq!(serving.get(&format!("{path}/brokers/0")).json()["broker_id"], 0);
    assert_eq!(serving.get(&format!("{path}/acls")).refusal(), (501, 501));
}

/// What Confluent documents as required, path by path.
#[test]
fn what_is_documented_is_there() {
    let serving = Serving::rest();
    serving.make_topic("t", 2);
    let path = cluster(&serving);
    serving.post(
        &format!("{path}/topics/t/records"),
        &r#"{"partition_id":1,"value":{"type":"STRING","data":"a"}}"#.repeat(5),
    );
    serving.post("/consumers/g", r#"{"name":"i","format":"binary","auto.offset.reset":"earliest"}"#);
    serving.post("/consumers/g/instances/i/subscription", r#"{"topics":["t"]}"#);
    while serving.get("/consumers/g/instances/i/records?timeout=1000").json().is_empty() {}
    serving.post("/consumers/g/instances/i/offsets", "");
    let consumers = serving.get(&format!("{path}/consumer-groups/g/consumers")).json();
    let member = consumers["data"][0]["consumer_id"].str().unwrap();
    let group = ["consumer-groups/g", &format!("consumer-groups/g/consumers/{member}")];
    let cluster = path.rsplit_once('/').unwrap().1;
    for (end, kind, name, members) in [
        (
            "",
            "KafkaCluster",
            "",
            "controller acls brokers broker_configs consumer_groups topics partition_reassignments",
        ),
        ("brokers/0", "KafkaBroker", "broker=0", "broker_id host port configs partition_replicas"),
        (
            "topics/t",
            "KafkaTopic",
            "topic=t",
            "topic_name is_internal replication_factor partitions_count partitions configs partition_reassignments",
        ),
        ("topics/t/configs/retention.ms", "KafkaTopicConfig", "topic=t/config=retention.ms", CONFIG),
        ("topics/t/partitions/1", "KafkaPartition", "topic=t/partition=1", "topic_name leader replicas reassignment"),
        (
            "topics/t/partitions/1/replicas/0",
            "KafkaReplica",
            "topic=t/partition=1/replica=0",
            "topic_name partition_id broker_id is_leader is_in_sync broker",
        ),
        (
            group[0],
            "KafkaConsumerGroup",
            "consumer-group=g",
            "is_simple partition_assignor state coordinator consumers lag_summary",
        ),
        (
            &format!("{}/lag-summary", group[0]),
            "KafkaConsumerGroupLagSummary",
            "consumer-group=g/lag-summary",
            "max_lag_consumer_id max_lag_client_id max_lag_topic_name max_lag_partition_id max_lag total_lag max_lag_consumer max_lag_partition",
        ),
        (
            &format!("{}/lags/t/partitions/1", group[0]),
            "KafkaConsumerLag",
            "consumer-group=g/lag=t/partition=1",
            "topic_name partition_id current_offset log_end_offset lag consumer_id client_id",
        ),
        (
            group[1],
            "KafkaConsumer",
            &format!("consumer-group=g/consumer={member}"),
            "consumer_id client_id assignments",
        ),
    ] {
        let path = format!("{path}/{end}");
        let found = serving.get(path.trim_end_matches('/'));
        let json = found.json();
        assert_eq!(json["kind"], kind, "{end}: {found:?}");
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        assert_eq!(json["metadata"]["resource_name"], format!("crn:///kafka={cluster}{name}"), "{end}");
        for member in members.split(' ').chain(["cluster_id"]) {
            assert!(json.get(member).is_some(), "{end} has no {member}: {json}");
        }
        // Each link leads to what is there.
        for (_, value) in json.members() {
            let Some(link) = value.get("related").map(|link| link.str().unwrap()) else { continue };
            let to = link.strip_prefix("http://localhost").unwrap();
            let status = serving.get(to).status;
            let expected: &[u16] = match to.rsplit('/').next() {
                Some("acls" | "broker-configs" | "configs") if kind != "KafkaTopic" => &[501],
                Some("reassignment") if kind == "KafkaPartition" => &[404],
                _ => &[200],
            };
            assert!(expected.contains(&status), "{end}: {to}: {status}");
        }
    }
    for (end, kind, count) in [
        ("brokers", "KafkaBrokerList", 1),
        ("brokers/0/partition-replicas", "KafkaReplicaList", 2),
        ("topics", "KafkaTopicList", 1),
        (
            "topics/-/configs",
            "KafkaTopicConfigList",
            serving.get(&format!("{path}/topics/t/configs")).json()["data"].len(),
        ),
        ("topics/-/partitions/-/reassignment", "KafkaReassignmentList", 0),
        ("topics/t/partitions/-/reassignment", "KafkaReassignmentList", 0),
        ("topics/t/partitions", "KafkaPartitionList", 2),
        ("topics/t/partitions/0/replicas", "KafkaReplicaList", 1),
        ("consumer-groups/g/lags", "KafkaConsumerLagList", 1),
        (&format!("{}/assignments", group[1]), "KafkaConsumerAssignmentList", 0),
    ] {
        let list = serving.get(&format!("{path}/{end}")).json();
        assert_eq!((list["kind"].clone(), list["data"].len()), (kind.into(), count), "{end}: {list}");
        assert_eq!(list["metadata"]["self"], format!("http://localhost{path}/{end}"));
    }
    for (end, refusal) in [
        ("brokers/7", (404, 404)),
        ("brokers/-/configs", (501, 501)),
        ("broker-configs/a", (501, 501)),
        ("topics/x/configs", (404, 40403)),
        ("topics/x/partitions/-/reassignment", (404, 40403)),
        ("topics/t/partitions/0/replicas/7", (404, 404)),
        ("topics/t/partitions/0/reassignment", (404, 404)),
        ("consumer-groups/g/lags/t/partitions/7", (404, 404)),
        ("consumer-groups/g/consumers/x", (404, 404)),
        (&format!("{}/assignments/t/partitions/7", group[1]), (404, 404)),
    ] {
        assert_eq!(serving.get(&format!("{path}/{end}")).refusal(), refusal, "{end}");
    }
}

/// The members of every setting.
const CONFIG: &str = "topic_name name value is_default is_read_only is_sensitive source synonyms";

#[test]
fn what_is_only_checked_is_not_done() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    let create = |body: &str| serving.post(&format!("{path}/topics"), body);
    let checked = create(r#"{"topic_name":"n","partitions_count":3,"replication_factor":1,"validate_only":true}"#);
    assert_eq!((checked.status, checked.json()["partitions_count"].clone()), (200, 3.into()), "{checked:?}");
    assert_eq!(serving.get(&format!("{path}/topics/n")).status, 404);
    for bad in [
        r#"{"topic_name":"t","validate_only":true}"#,
        r#"{"topic_name":"n","validate_only":true,"configs":[{"name":"nonsense","value":"1"}]}"#,
        r#"{"topic_name":"n","validate_only":true,"replication_factor":3}"#,
        r#"{"topic_name":"a/b","validate_only":true}"#,
    ] {
        assert_eq!(create(bad).refusal(), (400, 40002), "{bad}");
    }
    assert_eq!(
        create(r#"{"topic_name":"n","replicas_assignments":[{"partition_id":0,"broker_ids":[0]}]}"#).status,
        501
    );
    let made = create(r#"{"topic_name":"n","validate_only":false,"configs":[{"name":"retention.ms","value":null}]}"#);
    assert_eq!(made.status, 201);
    assert!(made.head.contains(&format!("location: http://localhost{path}/topics/n\r\n")), "{made:?}");

    let alter = |topic: &str, name: &str| {
        let body = format!(r#"{{"data":[{{"name":"{name}","value":"1"}}],"validate_only":true}}"#);
        serving.post(&format!("{path}/topics/{topic}/configs:alter"), &body)
    };
    assert_eq!(alter("t", "retention.ms").status, 204);
    assert_ne!(serving.get(&format!("{path}/topics/t/configs/retention.ms")).json()["value"], "1");
    assert_eq!(alter("t", "nonsense").refusal(), (404, 404));
    assert_eq!(alter("x", "retention.ms").refusal(), (404, 40403));
}

/// Bodies with a member that is missing, or is something else than it should be.
#[test]
fn what_has_the_wrong_shape_is_refused() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    serving.post("/consumers/g", r#"{"name":"i"}"#);
    for (end, body) in [
        (format!("{path}/topics"), r#"{"topic_name":"n","configs":[{"value":"1"}]}"#),
        (format!("{path}/topics"), r#"{"topic_name":"n","configs":[{"name":7,"value":"1"}]}"#),
        (format!("{path}/topics"), r#"{"topic_name":["n"]}"#),
        (format!("{path}/topics/t/configs:alter"), r#"{"data":[{"value":"1"}]}"#),
        (format!("{path}/topics/t/configs:alter"), r#"{"data":[7]}"#),
        (format!("{path}/topics/t/configs:alter"), r#"{"data":[{"name":{},"operation":"DELETE"}]}"#),
        ("/topics/t".into(), r#"{"records":[{"value":"eA==","partition":"x"}]}"#),
        ("/topics/t".into(), r#"{"records":[7,{"partition":{}}]}"#),
        ("/consumers/g/instances/i/subscription".into(), r#"{"topics":[7]}"#),
        ("/consumers/g/instances/i/subscription".into(), r#"{"topic_pattern":7}"#),
    ] {
        let answer = serving.post(&end, body);
        assert!(matches!(answer.refusal(), (400, 400 | 40002) | (422, 422)), "{end} {body}: {answer:?}");
    }
    for record in [
        r#"{"headers":[{"name":7}]}"#,
        r#"{"headers":[{"name":"h","value":7}]}"#,
        r#"{"partition_id":"x"}"#,
        r#"{"timestamp":[]}"#,
        r#"{"value":{"schema_id":"x","data":1}}"#,
        r#"{"value":7}"#,
        r#"{"value":{"datum":7}}"#,
        r#"{"key":"k","value":null}"#,
    ] {
        let answer = serving.post(&format!("{path}/topics/t/records"), record);
        assert_eq!(lines(&answer)[0]["error_code"], 400, "{record}: {answer:?}");
    }
}

#[test]
fn a_record_without_a_type_has_that_of_its_schema() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    let records = [
        // There is no schema yet.
        r#"{"value":{"data":1}}"#,
        r#"{"value":{"type":"JSONSCHEMA","schema":"{\"type\":\"integer\"}","data":1}}"#,
        r#"{"value":{"data":2}}"#,
        r#"{"value":{"schema_version":1,"data":3}}"#,
        r#"{"key":{"schema_id":1,"data":null},"value":{"schema_id":1,"data":4}}"#,
        r#"{"value":{"schema":"\"int\"","data":5}}"#,
        r#"{"value":{"data":null}}"#,
        r#"{"value":{"schema_id":77,"data":6}}"#,
        r#"{"value":{"type":"JSONSCHEMA","data":"none"}}"#,
        r#"{"value":{"type":"AVRO","schema":"{","data":7}}"#,
    ];
    let answer = serving.post(&format!("{path}/topics/t/records"), &records.concat());
    let lines = lines(&answer);
    let codes: Vec<i64> = lines.iter().map(|line| line["error_code"].int().unwrap()).collect();
    assert_eq!(codes, [42207, 200, 200, 200, 200, 400, 200, 42207, 400, 42205], "{answer:?}");
    for line in &lines[1..5] {
        assert_eq!(
            (line["value"]["type"].clone(), line["value"]["schema_id"].clone()),
            ("JSONSCHEMA".into(), 1.into())
        );
    }
}

#[test]
fn records_are_answered_one_by_one() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    let records = r#"{"key":{"type":"BINARY","data":"a2V5"},"value":{"type":"JSON","data":{"a":[1,2]}},"headers":[{"name":"h","value":"eA=="},{"name":"n","value":null}],"timestamp":"2021-02-05T19:14:42.123Z"}
        {"value":{"type":"NOTHING","data":""}} {"value":{"type":"STRING","data":"ü"}}{"partition_id":7,"value":{"type":"BINARY","data":""}}
        {"value":null}"#;
    let answer = serving.post(&format!("{path}/topics/t/records"), records);
    assert_eq!(answer.status, 200);
    let lines = lines(&answer);
    let codes: Vec<i64> = lines.iter().map(|line| line["error_code"].int().unwrap()).collect();
    assert!(codes[0] == 200 && codes[1] == 400 && codes[2] == 200 && codes[3] != 200 && codes[4] == 200, "{codes:?}");
    assert_eq!(lines[0]["timestamp"], "2021-02-05T19:14:42.123Z");
    assert_eq!(
        (lines[0]["key"]["size"].clone(), lines[2]["offset"].clone(), lines[4]["offset"].clone()),
        (3.into(), 1.into(), 2.into())
    );
    let batch = r#"{"entries":[{"id":"1","value":{"type":"STRING","data":"x"}},{"id":"2","value":{"type":"BINARY","data":"?"}}]}"#;
    let answer = serving.post(&format!("{path}/topics/t/records:batch"), batch);
    assert_eq!((answer.status, answer.json()["successes"][0]["offset"].clone()), (207, 3.into()), "{answer:?}");
    assert_eq!(answer.json()["failures"][0]["id"], "2");
    for bad in [r#"{"entries":[]}"#, r#"{"entries":[{"id":"1","value":null},{"id":"1","value":null}]}"#] {
        assert_eq!(serving.post(&format!("{path}/topics/t/records:batch"), bad).refusal(), (422, 42208), "{bad}");
    }
    assert_eq!(serving.post(&format!("{path}/topics/x/records"), "{}").refusal(), (404, 40403));

    let read = r#"{"format":"binary","auto.offset.reset":"earliest"}"#;
    serving.post("/consumers/g", &read.replace('{', "{\"name\":\"i\","));
    serving.post("/consumers/g/instances/i/assignments", r#"{"partitions":[{"topic":"t","partition":0}]}"#);
    let first = serving.get("/consumers/g/instances/i/records?timeout=5000&kafi.all=true").json()[0].to_string();
    let expected = r#"{"topic":"t","key":"a2V5","value":"eyJhIjpbMSwyXX0=","partition":0,"offset":0,"timestamp":1612552482123,"headers":[["aA==","eA=="],["bg==",null]]}"#;
    assert_eq!(first, expected);
}

#[test]
fn a_stream_is_answered_while_it_goes_on() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    let mut stream = serving.connect();
    let head = format!(
        "POST {path}/topics/t/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut send = |text: &str| stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).unwrap();
    // Cut within a record.
    send(r#"{"value":{"type":"STRING","data":"a"}}{"value":{"type":"#);
    let first = next_line(&mut reader);
    assert!(first.contains("\"offset\":0"), "{first}");
    send(r#""STRING","data":"b"}}"#);
    let second = next_line(&mut reader);
    assert!(second.contains("\"offset\":1"), "{second}");
    send("nonsense");
    assert!(next_line(&mut reader).contains("\"error_code\":400"));
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!(serving.get("/topics/t/partitions/0/offsets").json()["end_offset"], 2);
}

/// What comes behind a record that failed is read, and neither written nor answered, if that is asked for.
#[test]
fn a_stream_halts_behind_a_failure() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    for (query, written) in [("", 2), ("?kafi.halt=true", 3)] {
        let mut stream = serving.connect();
        let head = format!(
            "POST {path}/topics/t/records{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut send = |text: &str| stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).unwrap();
        let good = r#"{"value":{"type":"STRING","data":"a"}}"#;
        send(good);
        assert!(next_line(&mut reader).contains("\"error_code\":200"));
        send(r#"{"partition_id":7,"value":null}"#);
        assert!(!next_line(&mut reader).contains("\"error_code\":200"));
        send(good);
        stream.write_all(b"0\r\n\r\n").unwrap();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.contains("\"error_code\":200"), query.is_empty(), "{query}: {rest}");
        assert_eq!(serving.get("/topics/t/partitions/0/offsets").json()["end_offset"], written, "{query}");
    }
}

/// The next line of an answer that has an object, past heads and lengths of chunks.
fn next_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the answer ended");
    }
    line
}

#[test]
fn groups_and_their_lags_are_told() {
    let serving = Serving::rest();
    serving.make_topic("t", 1);
    let path = cluster(&serving);
    serving.post(&format!("{path}/topics/t/records"), &r#"{"value":{"type":"STRING","data":"a"}}"#.repeat(5));
    serving.post("/consumers/g", r#"{"name":"i","format":"binary"}"#);
    serving.post("/consumers/g/instances/i/subscription", r#"{"topics":["t"]}"#);
    let commit = r#"{"offsets":[{"topic":"t","partition":0,"offset":1}]}"#;
    assert_eq!(serving.post("/consumers/g/instances/i/offsets", commit).status, 204);
    serving.delete("/consumers/g/instances/i");
    let groups = serving.get(&format!("{path}/consumer-groups")).json();
    assert_eq!(groups["data"][0]["consumer_group_id"], "g");
    assert_eq!(serving.get(&format!("{path}/consumer-groups/g")).json()["state"], "EMPTY");
    let lags = serving.get(&format!("{path}/consumer-groups/g/lags")).json();
    assert_eq!((lags["data"][0]["current_offset"].clone(), lags["data"][0]["lag"].clone()), (2.into(), 3.into()));
    assert_eq!(serving.get(&format!("{path}/consumer-groups/g/lag-summary")).json()["total_lag"], 3);
    assert_eq!(serving.get(&format!("{path}/consumer-groups/x")).refusal(), (404, 404));
}
