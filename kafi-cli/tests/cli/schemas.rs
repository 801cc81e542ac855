//! Types with a schema, by schema files. What a registry adds is tested with one.

use crate::support::Sandbox;

fn with_schemas() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "order.avsc",
        r#"{"type":"record","name":"Order","fields":[{"name":"bla","type":"int"},{"name":"note","type":["null","string"],"default":null}]}"#,
    );
    sandbox.write(
        "order.proto",
        "syntax = \"proto3\"; message Order { int32 bla = 1; optional string note = 2; } message Other { string s = 1; }",
    );
    sandbox.write(
        "order.json",
        r#"{"title":"Order","type":"object","properties":{"bla":{"type":"integer"}},"required":["bla"]}"#,
    );
    sandbox.write("orders.jsonl", "{\"bla\":123}\n{\"bla\":456,\"note\":\"x\"}\n");
    sandbox
}

#[test]
fn every_format_is_written_and_read_by_a_file() {
    let sandbox = with_schemas();
    for (topic, file, type_) in
        [("a", "order.avsc", "avro"), ("p", "order.proto", "pb"), ("j", "order.json", "json_sr")]
    {
        sandbox.text(&format!(
            "kafi produce {topic} --create -q -l orders.jsonl --value-type {type_} --value-schema @{file}"
        ));
        let read = sandbox.text(&format!("kafi cat {topic} --value-schema {file}"));
        let first = read.lines().next().unwrap();
        assert!(first.starts_with("{\"bla\":123"), "{topic}: {read}");
        assert_eq!(
            sandbox
                .text(&format!("kafi grep 456 {topic} --value-type {type_} --value-schema {file} 2>/dev/null"))
                .lines()
                .count(),
            1
        );
        assert_eq!(
            sandbox.text(&format!("kafi tail -n 1 {topic} --value-schema {file}")),
            read.lines().nth(1).unwrap().to_string() + "\n"
        );
    }
    sandbox.check(
        r#"
        $ kafi cat a --value-schema order.avsc -F '%v %S\n'
        {"bla":123,"note":null} 23
        {"bla":456,"note":"x"} 22
        $ kafi cat p --value-schema order.proto
        {"bla":123}
        {"bla":456,"note":"x"}
        $ kafi head -n 1 p --value-schema order.proto --value-message Other
        {"@unknown":"CHs="}
        $ kafi produce a -q --value-schema order.avsc '{"bla":1,"note":{"string":"y"}}'
        $ kafi tail -n 1 a --value-schema order.avsc --avro-json standard
        {"bla":1,"note":{"string":"y"}}
        $ kafi cat a --json | head -n 1 | cut -d, -f7-
        "key":null,"value":{"bla":123,"note":null},"value_schema_id":1}
        $ kafi cat a --json --schemas | head -n 1 | cut -d, -f10-
        "value_schema_id":1,"value_subject":"a-value","value_version":1}
        $ kafi cat p --json | head -n 1 | cut -d, -f7-
        "key":null,"value":{"bla":123},"value_schema_id":2,"value_message":"Order"}
        $ kafi cat a p j --json | kafi produce all --json --create -q && kafi cat a p j > 1 && kafi cat all | cmp - 1
        "#,
    );
}

#[test]
fn without_a_registry_payloads_are_raw() {
    let sandbox = with_schemas();
    sandbox.check(
        r#"
        $ export KAFI_REGISTRY=none; kafi produce r --create -q --value-schema order.proto '{"bla":1}' && kafi cat r | od -An -tx1 | tr -d ' ' && kafi cat r --value-schema order.proto
        08010a
        {"bla":1}
        $ KAFI_REGISTRY=none kafi cat r -t avro
        ! error: read schema id: field value, topic r, partition 0, offset 0: it does not begin with the byte 0 or 1, as what a schema registry knows does
        ! hint: for data without an id name the schema: a file, a subject, or an id
        ? 1
        "#,
    );
}

#[test]
fn a_copy_changes_formats() {
    let sandbox = with_schemas();
    sandbox.text("kafi produce json --create -q -l orders.jsonl");
    sandbox.check(
        r#"
        $ kafi cp json avro --to-value-type avro --to-value-schema @order.avsc
        ! 2 read, 2 written, 0 failed in 0.0 s
        $ kafi cp avro proto --from-value-schema order.avsc --to-value-schema order.proto
        ! 2 read, 2 written, 0 failed in 0.0 s
        $ kafi cp proto back --from-value-type pb --from-value-schema order.proto
        ! 2 read, 2 written, 0 failed in 0.0 s
        $ kafi cat back
        {"bla":123}
        {"bla":456,"note":"x"}
        $ kafi cp avro kept --from-value-schema order.avsc --to-value-type auto -q && kafi diff avro kept -q
        $ kafi cp json sum --to-key-type bytes -q && kafi diff json sum -q
        "#,
    );
}

#[test]
fn what_does_not_fit_stops_is_left_out_or_goes_elsewhere() {
    let sandbox = with_schemas();
    sandbox.write("mixed.jsonl", "{\"bla\":1}\n{\"bla\":\"x\"}\n{\"bla\":3}\n");
    sandbox.text("kafi touch t dead -q && kafi produce json --create -q -l mixed.jsonl");
    sandbox.check(
        r#"
        $ kafi produce t -l mixed.jsonl --value-schema order.avsc
        ! 1 written in 0.0 s
        ! error: encode Avro: path .bla, topic t, field value, input line 2: an int is needed, and it is the string "x"
        ? 1
        $ kafi produce t -l mixed.jsonl --value-schema order.avsc --on-error skip -q
        ? 1
        $ kafi produce t -l mixed.jsonl --value-schema order.avsc --on-error skip --tolerate -q
        $ kafi cat t --value-schema order.avsc | cut -c 1-8 | tr '\n' ' '; echo
        {"bla":1 {"bla":1 {"bla":3 {"bla":1 {"bla":3 
        $ kafi cp json c --to-value-schema order.avsc
        ! 3 read, 1 written, 2 failed in 0.0 s
        ! error: encode Avro: path .bla, topic c, field value, partition 0, offset 1: an int is needed, and it is the string "x"
        ? 1
        $ kafi cp json d --to-value-schema order.avsc --on-error dlq=dead -q
        ? 1
        $ kafi cat dead -F '%v %h\n'
        {"bla":"x"} kafi.error.topic=json,kafi.error.partition=0,kafi.error.offset=1,kafi.error.message=encode Avro: path .bla, topic d, field value, partition 0, offset 1: an int is needed, and it is the string "x"
        $ kafi cat json --value-schema order.avsc --on-error skip -q
        ? 1
        $ kafi cat t --value-schema missing.avsc
        ! error: read schema file: file missing.avsc: no such file or directory
        ? 1
        $ kafi cat t -t json --value-schema order.avsc
        ! error: read arguments: argument --value-type: the type json has no schema, and one is named
        ? 2
        $ kafi produce t -t avro 1
        ! error: choose schema: type avro, topic t, field value: there is no schema to write with, and none travels with the message
        ! hint: --value-schema (of a copy --to-value-schema) names one, --use-latest takes the subject's newest
        ? 2
        "#,
    );
}
