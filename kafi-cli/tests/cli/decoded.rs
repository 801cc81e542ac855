//! What looks into messages: `wc` and `diff` by what they are decoded to, and dead letters at every end.

use crate::support::Sandbox;

/// Avro in `./a/t`, and the same with other ids in `./b/t`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "order.avsc",
        r#"{"type":"record","name":"Order","fields":[{"name":"bla","type":"int"},{"name":"note","type":"string"}]}"#,
    );
    sandbox.write("other.avsc", r#"{"type":"fixed","name":"Other","size":1}"#);
    sandbox.write("t.jsonl", "{\"bla\":1,\"note\":\"x\"}\n{\"note\":\"y\",\"bla\":2}\n");
    sandbox.text(
        "kafi registry ./b/ register unused-value other.avsc -q > /dev/null
         kafi produce ./a/t --create -q -l t.jsonl --value-schema order.avsc --schema-id-location header
         kafi produce ./a/t -q --null-value -k gone
         kafi cp ./a/t ./b/t -q --from-value-type avro --to-value-type avro --schema-id-location payload",
    );
    sandbox
}

#[test]
fn messages_are_the_same_whatever_names_their_schemas() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi diff ./a/t ./b/t
        ! 3 compared, 0 different in 0.0 s
        $ kafi diff ./a/t ./b/t --ignore-partition
        ! 3 compared, 0 different in 0.0 s
        $ kafi diff ./a/t ./b/t -t bytes --brief
        ? 1
        $ kafi cp ./a/t ./b/json -q --from-value-type avro && kafi diff ./a/t ./b/json --to-value-type json
        ! 3 compared, 0 different in 0.0 s
        $ kafi diff ./b/json ./a/t --from-value-type json --to-value-type avro
        ! 3 compared, 0 different in 0.0 s
        $ kafi produce ./b/j --create -q '{"b": 1, "a":2}' && kafi produce ./a/j --create -q '{"a":2,"b":1}'
        $ kafi diff ./a/j ./b/j --ignore-timestamp -t json
        ! 1 compared, 0 different in 0.0 s
        $ kafi diff ./a/j ./b/j --ignore-timestamp --brief
        ? 1
        $ kafi produce ./a/t -q '{"bla":3,"note":"z"}' --value-schema order.avsc && kafi produce ./b/t -q '{"bla":4,"note":"z"}' --value-schema order.avsc
        $ kafi diff ./a/t ./b/t --ignore-timestamp
        0:3 value
        < {"bla":3,"note":"z"}
        > {"bla":4,"note":"z"}
        ! 4 compared, 1 different in 0.0 s
        ? 1
        $ kafi diff ./a/t ./a/j --value-type avro
        ! error: read schema id: field value, topic j, subject j-value, partition 0, offset 0: it does not begin with the byte 0 or 1, as what a schema registry knows does
        ! hint: for data without an id name the schema: a file, a subject, or an id
        ? 2
        $ kafi diff ./a/t ./a/j -t avro --ignore-partition --on-error skip
        ! error: compare: where messages may stand at any place they may be read several times, and none can be left out
        ? 2
        "#,
    );
}

#[test]
fn bytes_are_counted_as_they_are_stored_or_as_they_are_read() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi wc ./a/t ./b/t --json -q | cut -d, -f2-
        "topic":"t","messages":3,"key_bytes":4,"value_bytes":6,"tombstones":1}
        "topic":"t","messages":3,"key_bytes":4,"value_bytes":16,"tombstones":1}
        $ kafi wc ./a/t ./b/t -t auto --json -q | cut -d, -f2-
        "topic":"t","messages":3,"key_bytes":4,"value_bytes":40,"tombstones":1}
        "topic":"t","messages":3,"key_bytes":4,"value_bytes":40,"tombstones":1}
        $ kafi produce ./a/t -q plain && kafi wc ./a/t --value-type avro --by partition --on-error skip
        TOPIC  PARTITION  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t              0         3          4           40           1
        ! warning: left out: read schema id: field value, topic t, subject t-value, partition 0, offset 3: it does not begin with the byte 0 or 1, as what a schema registry knows does
        ! 4 read, 1 skipped in 0.0 s
        ? 1
        "#,
    );
}

#[test]
fn what_functions_leave_json_keeps_its_schema_in_envelopes() {
    sandbox().check(
        r#"
        $ kafi cat ./b/t --json | grep -o '"key":.*'
        "key":null,"value":{"bla":1,"note":"x"},"value_schema_id":2}
        "key":null,"value":{"bla":2,"note":"y"},"value_schema_id":2}
        "key":"gone","value":null}
        $ kafi cat ./b/t --json --map '.key = "k"' --order time | grep -o '"key":.*'
        "key":"k","value":{"bla":1,"note":"x"},"value_schema_id":2}
        "key":"k","value":{"bla":2,"note":"y"},"value_schema_id":2}
        "key":"k","value":null}
        $ kafi cat ./b/t --json --flatmap 'if .offset == 0 then . else ., (.value = {bla: 3}) end' -n 3 | grep -o '"key":.*'
        "key":null,"value":{"bla":1,"note":"x"},"value_schema_id":2}
        "key":null,"value":{"bla":2,"note":"y"},"value_schema_id":2}
        "key":null,"value":{"bla":3},"value_schema_id":2}
        $ kafi cat ./b/t --json --map '.value_base64 = "/w==" | .value = null' -n 1 | grep -o '"key":.*'
        "key":null,"value":null,"value_base64":"/w=="}
        $ kafi grep y ./b/t --json --map '.key = "k"' 2> /dev/null | grep -o '"key":.*'
        "key":"k","value":{"bla":2,"note":"y"},"value_schema_id":2}
        $ kafi cat ./b/t --json --through 'sed -u G' --map '.' -n 1 | grep -o '"key":.*'
        "key":null,"value":{"bla":1,"note":"x"},"value_schema_id":2}
        $ kafi foreach ./b/t --map '.key = "k"' -n 1 -q -- grep -o '"key":.*'
        "key":"k","value":{"bla":1,"note":"x"},"value_schema_id":2}
        $ kafi export ./b/t - --format jsonl --envelope --map '.key = "k"' -n 1 -q | grep -o '"key":.*'
        "key":"k","value":{"bla":1,"note":"x"},"value_schema_id":2}
        "#,
    );
}

#[test]
fn dead_letters_are_delivered_at_every_end() {
    let sandbox = sandbox();
    // Behind it lies nothing that would be printed.
    sandbox.text("kafi produce ./a/t -q plain && kafi touch ./a/dead -q");
    let mut letters = 0;
    for (line, code) in [
        ("kafi grep -c '\"x\"' ./a/t --value-type avro --on-error dlq=./a/dead -q", 2),
        ("kafi grep nothing ./a/t --value-type avro --on-error dlq=./a/dead", 2),
        ("kafi grep -l x ./a/t --value-type avro --on-error dlq=./a/dead", 2),
        ("kafi grep nothing ./a/t --value-type avro --order time --on-error dlq=./a/dead", 2),
        ("kafi grep nothing ./a/t --value-type avro -g G --on-error dlq=./a/dead", 2),
        ("kafi cat ./a/t --value-type avro --on-error dlq=./a/dead", 1),
        ("kafi cat ./a/t --value-type avro -g H --on-error dlq=./a/dead", 1),
        ("kafi tail ./a/t --value-type avro --on-error dlq=./a/dead", 1),
        ("kafi wc ./a/t --value-type avro -g I --on-error dlq=./a/dead", 1),
        ("kafi diff ./a/t ./b/t --value-type avro --on-error dlq=./a/dead", 2),
        ("kafi cp ./a/t ./b/copy -q --from-value-type avro --on-error dlq=./a/dead", 1),
        ("echo none | kafi produce ./a/t --value-schema order.avsc --on-error dlq=./a/dead", 1),
    ] {
        assert_eq!(sandbox.run(line).status.code(), Some(code), "{line}");
        letters += 1;
        let held = sandbox.text("kafi wc ./a/dead --json -q");
        assert!(held.contains(&format!("\"messages\":{letters},")), "{line}: {held}");
    }
    // What is committed is delivered: a group that lost its dead letter would leave the message out for good.
    assert!(sandbox.text("kafi group show ./a/G --json").contains("\"committed\":4"));
}

#[test]
fn a_topic_of_dead_letters_that_refuses_them_keeps_messages_from_being_done() {
    let sandbox = sandbox();
    sandbox.text("kafi produce ./a/t -q plain && kafi touch ./a/dead -q --config max.message.bytes=20");
    let failed = sandbox.run("kafi grep nothing ./a/t --value-type avro -g G --on-error dlq=./a/dead -q");
    assert_eq!(failed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("max.message.bytes"), "{failed:?}");
    let shown = sandbox.run("kafi group show ./a/G --json");
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("\"committed\":4"), "{shown:?}");
}
