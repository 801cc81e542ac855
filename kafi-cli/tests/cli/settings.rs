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
