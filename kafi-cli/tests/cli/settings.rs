//! What is set: durations, sizes, lists, and the limits of what is read.

use crate::support::{Sandbox, seen};

#[test]
fn durations_and_sizes_become_kafkas_own_units() {
    Sandbox::new().check(
        r#"
        $ kafi touch ./d/t --config retention.ms=7d --config segment.bytes=64MB --config max.message.bytes=1048588 --config cleanup.policy=compact
        $ kafi config ./d/t retention.ms segment.bytes max.message.bytes cleanup.policy
        SETTING            VALUE      DEFAULT
        cleanup.policy     compact    no
        max.message.bytes  1048588    no
        retention.ms       604800000  no
        segment.bytes      64000000   no
        $ kafi config ./d/t retention.ms=1h30m segment.bytes=1GiB retention.bytes=-1; kafi config ./d/t retention.ms segment.bytes retention.bytes
        SETTING          VALUE       DEFAULT
        retention.bytes  -1          no
        retention.ms     5400000     no
        segment.bytes    1073741824  no
        $ kafi cp ./d/t ./e/t --config retention.ms=2w -q && kafi config ./e/t retention.ms
        SETTING       VALUE       DEFAULT
        retention.ms  1209600000  no
        $ kafi config ./d/t retention.ms=7x
        ! error: read setting: setting retention.ms, value 7x: it is a number of milliseconds, or a duration such as 7d or 1h30m
        ? 2
        $ kafi touch ./d/u --config segment.bytes=big
        ! error: read arguments: invalid value 'segment.bytes=big' for '--config <KEY=VALUE>': it is a number of bytes, or a size such as 64MB or 1GiB
        ? 2
        "#,
    );
}

#[test]
fn brokers_may_be_a_list() {
    let sandbox = Sandbox::new();
    sandbox.write("a.yaml", "kafka:\n  bootstrap.servers: [127.0.0.1:1, '127.0.0.1:2']\n");
    sandbox.write("b.yaml", "kafka:\n  bootstrap.servers:\n  - 127.0.0.1:1\n  - 127.0.0.1:2\n");
    sandbox.write("c.yaml", "kafka:\n  bootstrap.servers: 127.0.0.1:1,127.0.0.1:2\n");
    sandbox.write("bad.yaml", "kafka:\n  client.id: [a, b]\n");
    // Which of them is named is a matter of chance.
    for name in ["a", "b", "c"] {
        let seen = seen(&sandbox.run(&format!("kafi ls {name}:")));
        assert!(seen.contains("broker 127.0.0.1:1,") || seen.contains("broker 127.0.0.1:2,"), "{seen}");
    }
    sandbox.check(
        r#"
        $ kafi ls bad:
        ! error: read configuration: file ./bad.yaml: kafka.client.id: invalid type: sequence, expected a single value at line 2 column 14
        ? 2
        "#,
    );
}

#[test]
fn a_registry_that_nobody_needs_is_not_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("x.yaml", "local:\n  root.dir: d\nschema_registry:\n  schema.registry.url: http://127.0.0.1:1\n");
    sandbox.check(
        r#"
        $ kafi touch x:t && kafi produce x:t -q text && kafi cat x:t && kafi ls x:
        text
        t
        "#,
    );
}

#[test]
fn a_message_is_read_up_to_a_limit() {
    let sandbox = Sandbox::new();
    let lines = |len: usize| [b"first\n".to_vec(), vec![b'x'; len], b"\nlast\n".to_vec()].concat();
    sandbox.text("kafi touch ./d/t");
    for (line, name) in
        [("kafi produce ./d/t --max-bytes 1MB", "stdin"), ("kafi produce ./d/t --max-bytes 1000000 -l file", "file")]
    {
        sandbox.write("file", lines(1_000_001));
        let refused = seen(&sandbox.run_with(line, &lines(1_000_001)));
        let error = format!("! error: read: file {name}, input line 2: a message is larger than 1000000 bytes");
        assert!(refused.contains(&error) && refused.contains("! hint: --max-bytes allows larger ones"), "{refused}");
        assert_eq!(sandbox.text("kafi cat ./d/t"), "first\n", "what came before is there");
        sandbox.text("kafi delete-records ./d/t -o end -y");
        sandbox.write("file", lines(1_000_000));
        let taken = seen(&sandbox.run_with(line, &lines(1_000_000)));
        assert!(taken.contains("3 written"), "{taken}");
        sandbox.text("kafi delete-records ./d/t -o end -y");
    }
    let envelope = [br#"{"value":""#.to_vec(), vec![b'x'; 1000], br#""}"#.to_vec()].concat();
    let refused = seen(&sandbox.run_with("kafi produce ./d/t --json --max-bytes 1kB", &envelope));
    assert!(refused.contains("larger than 1000 bytes") && refused.contains("? 1"), "{refused}");
}

/// What nobody ends is read no farther than the limit, and takes no more memory.
#[test]
fn a_line_without_an_end_takes_no_memory_without_end() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch ./d/t");
    let refused = seen(&sandbox.run("ulimit -v 1500000; head -c 2G /dev/zero | kafi produce ./d/t"));
    assert!(
        refused.contains("error: read: file stdin, input line 1: a message is larger than 268435456 bytes")
            && refused.ends_with("? 1\n"),
        "{refused}"
    );
}

#[test]
fn what_is_said_of_schemas_may_stand_in_the_configuration() {
    let sandbox = Sandbox::new();
    sandbox.write("order.avsc", r#"{"type":"record","name":"Order","fields":[{"name":"bla","type":["null","int"]}]}"#);
    let storage = |more: &str| format!("local:\n  root.dir: ./data\nkafi:\n  value.type: avro\n{more}");
    sandbox.write("configs/locals/a.yaml", storage("  value.schema: '@order.avsc'\n  subject.name.strategy: record\n"));
    sandbox.write("configs/locals/b.yaml", storage("  auto.register.schemas: false\n  avro.json: standard\n"));
    sandbox.write("configs/locals/c.yaml", storage("  use.latest.version: true\n  schema.id.location: header\n"));
    sandbox.write("configs/locals/bad.yaml", storage("  subject.name.strategy: topics\n"));
    sandbox.check(
        r#"
        $ kafi produce a:t --create -q -k key '{"bla":1}' && kafi registry a: subjects && kafi cat a:t -K:
        Order
        key:{"bla":1}
        $ kafi produce a:t -q '{"bla":2}' --subject-strategy topic && kafi registry a: subjects
        Order
        t-value
        $ kafi cat b:t --max 1 && kafi cat b:t --max 1 --avro-json readable && kafi touch b:u -q
        {"bla":{"int":1}}
        {"bla":1}
        $ kafi produce b:u '{"bla":3}' --value-schema order.avsc 2>&1 | grep -o "Subject 'u-value' not found"
        Subject 'u-value' not found
        $ kafi produce c:t -q -k key '{"bla":4}' && kafi tail c:t -n 1 -F '%k %v\n' && kafi tail c:t -n 1 --json | grep -o __value_schema_id
        key {"bla":4}
        __value_schema_id
        $ kafi ls bad:
        ! error: read configuration: file ./configs/locals/bad.yaml, section kafi, key subject.name.strategy, value topics: must be one of topic record topic-record
        ? 2
        "#,
    );
}

/// A key that nobody can read of is one that nobody sets.
#[test]
fn every_key_is_in_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/configuration.md");
    let reference = std::fs::read_to_string(path).unwrap();
    let keys = kafi::Settings::keys().chain(kafi::SCHEMA_REGISTRY_KEYS);
    for key in keys {
        let default =
            key.default.filter(|default| !default.is_empty()).map_or("".into(), |default| format!("`{default}`"));
        let row = format!("| `{}` | {default} | {} |", key.name, key.meaning.replace('|', "\\|"));
        assert!(reference.contains(&row), "docs/reference/configuration.md lacks\n{row}");
    }
}
