//! Copies of bytes along with their schemas: `cp --with-schemas`.

use crate::support::Sandbox;

/// Two folders with registries of their own, which give other ids, and Avro in `a/orders`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let record = |fields: &str| format!(r#"{{"type":"record","name":"Order","fields":[{fields}]}}"#);
    let bla = r#"{"name":"bla","type":"int"}"#;
    sandbox.write("one.avsc", record(bla));
    sandbox.write("two.avsc", record(&format!(r#"{bla},{{"name":"note","type":"string","default":""}}"#)));
    sandbox.write("other.avsc", r#"{"type":"fixed","name":"Other","size":1}"#);
    sandbox.text(
        "kafi registry ./b/ register unused-value other.avsc -q
         kafi touch ./a/orders --partitions 2 -q
         kafi produce ./a/orders -q -p 0 -k k1 --value-schema one.avsc '{\"bla\":1}'
         kafi produce ./a/orders -q -p 1 -k k2 --value-schema two.avsc '{\"bla\":2,\"note\":\"x\"}'
         kafi produce ./a/orders -q -p 1 -k k2 --null-value
         kafi produce ./a/orders -q -p 1 -k k3 --value-schema two.avsc --schema-id-location header '{\"bla\":3,\"note\":\"y\"}'",
    );
    sandbox
}

#[test]
fn ids_are_those_of_the_target_and_a_copy_goes_on() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi cp ./a/orders ./b/orders --with-schemas=value --dry-run --json | cut -d, -f2-
        "topic":"orders","partition":0,"from":0,"to":1,"messages":1,"target":"./b/orders"}
        "topic":"orders","partition":1,"from":0,"to":3,"messages":3,"target":"./b/orders"}
        $ kafi registry ./b/ subjects
        unused-value
        $ kafi cp ./a/orders ./b/orders --with-schemas=value
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi cat ./b/orders --order partition --json --schemas | cut -d, -f2,3,7-
        "partition":0,"offset":0,"key":"k1","value":{"bla":1},"value_schema_id":2,"value_subject":"orders-value","value_version":1}
        "partition":1,"offset":0,"key":"k2","value":{"bla":2,"note":"x"},"value_schema_id":3,"value_subject":"orders-value","value_version":2}
        "partition":1,"offset":1,"key":"k2","value":null}
        "partition":1,"offset":2,"value":null,"value_base64":"Ac23kk6Gzt66kQmcpn4BC3k="}],"key":"k3","value":{"bla":3,"note":"y"},"value_schema_id":3,"value_subject":"orders-value","value_version":2}
        $ kafi produce ./a/orders -q -p 0 -k k4 --value-schema two.avsc '{"bla":4}'
        $ kafi cp ./a/orders ./b/orders --with-schemas=value --resume --dry-run --json | cut -d, -f3-6
        "partition":0,"from":1,"to":2,"messages":1
        "partition":1,"from":3,"to":3,"messages":0
        $ kafi cp ./a/orders ./b/orders --with-schemas=value --resume
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cat ./b/orders -p 0
        {"bla":1}
        {"bla":4,"note":""}
        $ kafi cp ./a/orders ./c/again --with-schemas=value -q && kafi registry ./c/ versions again-value && kafi cat ./c/again -p 0
        1
        2
        {"bla":1}
        {"bla":4,"note":""}
        "#,
    );
}

#[test]
fn what_names_no_schema_is_refused_or_left_out() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi cp ./a/orders ./b/orders -p 0 --with-schemas
        ! 1 read, 0 written, 1 failed in 0.0 s
        ! error: read schema id: field key, topic orders, partition 0, offset 0: it does not begin with the byte 0 or 1, as what a schema registry knows does
        ! hint: --with-schemas=value leaves the keys as they are
        ? 1
        $ kafi touch ./b/dead -q && kafi produce ./a/orders -q -p 0 plain
        $ kafi cp ./a/orders ./b/orders -p 0 --with-schemas=value --on-error dlq=./b/dead
        ! warning: left out: read schema id: field value, topic orders, partition 0, offset 1: it does not begin with the byte 0 or 1, as what a schema registry knows does
        ! 2 read, 1 written, 0 failed, 1 skipped in 0.0 s
        ? 1
        $ kafi cat ./b/dead -F '%v %h\n'
        plain kafi.error.topic=orders,kafi.error.partition=0,kafi.error.offset=1,kafi.error.message=read schema id: field value, topic orders, partition 0, offset 1: it does not begin with the byte 0 or 1, as what a schema registry knows does
        $ kafi cp ./a/orders ./b/orders --with-schemas=value --to-value-type json
        ! error: read arguments: argument --with-schemas: types are named, too, but what its schema goes along with stays as it is
        ! hint: --from-type auto --to-type auto decodes each message, and registers its schema with the target
        ? 2
        $ kafi cp ./a/orders ./n/orders -p 1 --with-schemas=value --no-register
        ! 3 read, 0 written, 3 failed in 0.0 s
        ! error: carry schema: registry ./n, subject orders-value, topic orders, field value, schema 2, partition 1, offset 0: the target's registry does not have the schema
        ! hint: without --no-register it is carried over
        ? 1
        $ kafi cp ./a/orders ./b/orders --with-schemas=header
        ! error: read arguments: invalid value 'header' for '--with-schemas[=<FIELD>]': it is key or value; without one of them it is both
        ? 2
        $ kafi cp ./a/orders ./b/orders --use-latest
        ! error: read arguments: argument --use-latest: nothing is written with a schema here
        ! hint: --to-value-type avro (protobuf, jsonschema, auto) has values written with one
        ? 2
        $ KAFI_REGISTRY=none kafi cp ./a/orders ./b/orders --with-schemas=value
        ! error: open schema registry: storage ./a: the storage has none
        ! hint: schema.registry.url in the section schema_registry of its configuration names one, and so does $KAFI_REGISTRY
        ? 2
        "#,
    );
}

#[test]
fn a_registry_may_refuse_or_not_know() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi registry ./b/ register orders-value other.avsc
        1
        $ kafi cp ./a/orders ./b/orders --with-schemas=value --on-error skip 2>&1 | grep -c 'left out: '
        3
        $ kafi cp ./a/orders ./d/orders --from-value-type bytes --to-value-type bytes -q && kafi cp ./d/orders ./b/other -p 0 --with-schemas=value
        ! 1 read, 0 written, 1 failed in 0.0 s
        ! error: carry schema: registry ./d, topic orders, field value, schema 1, partition 0, offset 0: the source's registry does not know the schema of this id
        ? 1
        "#,
    );
}

#[test]
fn the_topic_of_the_registry_is_not_copied_beside_its_schemas() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi cp ./a/ ./b/ --with-schemas=value
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi ls ./b/ && kafi registry ./b/ subjects && kafi cat ./b/orders -p 0
        _schemas
        orders
        orders-value
        unused-value
        {"bla":1}
        $ kafi cp ./a/_schemas ./b/ --with-schemas
        ! error: read arguments: argument --with-schemas: the topic _schemas holds the schemas themselves
        ! hint: copy it without --with-schemas, or see kafi registry cp
        ? 2
        $ kafi cp ./a/ ./whole/ -q && kafi cat ./whole/orders -p 0
        {"bla":1}
        "#,
    );
}

#[test]
fn a_copy_that_changes_types_goes_on() {
    let sandbox = sandbox();
    sandbox.check(
        r#"
        $ kafi cp ./a/orders ./b/json --from-value-type avro -q
        $ kafi produce ./a/orders -q -p 0 -k k4 --value-schema two.avsc '{"bla":4}'
        $ kafi cp ./a/orders ./b/json --from-value-type avro --resume --dry-run --json | cut -d, -f3-6
        "partition":0,"from":1,"to":2,"messages":1
        "partition":1,"from":3,"to":3,"messages":0
        $ kafi cp ./a/orders ./b/json --from-value-type avro --resume
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cat ./b/json -p 0 -K:
        k1:{"bla":1}
        k4:{"bla":4,"note":""}
        $ kafi produce ./b/json -q -p 0 -k k5 '{"bla":5}' && kafi produce ./a/orders -q -p 0 -k k5 --value-schema two.avsc '{"bla":5}'
        $ kafi produce ./a/orders -q -p 0 -k k6 --value-schema two.avsc '{"bla":6}'
        $ kafi cp ./a/orders ./b/json --from-value-type avro --resume
        ! error: resume: topic json, partition 0: the message at offset 2 is not the source's: somebody else has written to the target
        ! hint: copy into a new topic, or pass --append to write behind what it holds, at new offsets
        ? 1
        "#,
    );
}
