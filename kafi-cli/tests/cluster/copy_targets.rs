//! What a copy makes of its targets on a real broker: what comes along, and what cannot be made.

use crate::broker::{Broker, kafka_tool, variable};

#[test]
fn messages_without_a_timestamp_stay_so() {
    let broker = Broker::new();
    broker.sandbox.write(
        "lines",
        r#"{"topic":"t","partition":0,"offset":0,"timestamp":-1,"timestamp_type":"create","headers":[],"key":"k","value":"none"}
{"topic":"t","partition":0,"offset":1,"timestamp":0,"timestamp_type":"create","headers":[],"key":"k","value":"1970"}
{"topic":"t","partition":0,"offset":2,"timestamp":-1,"timestamp_type":"create","headers":[],"key":null,"value":"none again"}
"#,
    );
    broker.text("kafi touch k:@t --config retention.ms=-1 && kafi produce k:@t --json -q < lines");
    broker.text("kafi cp k:@t k:@u -q && kafi cp k:@t ./folder/ -q && kafi cp ./folder/@t ./folder/again -q && kafi cp ./folder/again k:@v -q");
    for address in ["k:@t", "k:@u", "./folder/@t", "./folder/again", "k:@v"] {
        assert_eq!(
            broker.text(&format!(r#"kafi cat {address} --json | sed 's/"topic":"[^"]*"/"topic":"t"/' | diff - lines"#)),
            "",
            "{address}"
        );
    }
}

#[test]
fn a_topic_that_cannot_be_made_keeps_no_other_from_it() {
    let broker = Broker::new();
    for topic in ["a", "s.x", "s_x", "z"] {
        broker.text(&format!("echo {topic} | kafi produce ./s/@{topic} --create -q"));
    }
    let seen = broker.seen(
        "kafi cp './s/@*' k: --config retention.ms=-1; echo $?; kafi ls 'k:@*'; kafi cat 'k:@*' --order partition",
    );
    let (failed, rest) = seen.split_once(" is not copied: ").unwrap();
    assert_eq!(failed.lines().last(), Some("! error: topic @s_x"), "{seen}");
    assert!(rest.lines().next().unwrap().contains("collides"), "{seen}");
    assert!(seen.starts_with("1\n@a\n@s.x\n@z\na\ns.x\nz\n"), "{seen}");
    assert!(seen.contains("! 3 read, 3 written, 0 failed in 0.0 s\n! error: copy: 1 of 4 topics was not copied, for the reasons above\n"), "{seen}");
}

#[test]
fn what_decides_whether_messages_fit_comes_along_and_the_rest_is_said() {
    let broker = Broker::new();
    let settings = "--config compression.type=zstd --config max.message.bytes=3000000 --config retention.ms=-1";
    broker.text(&format!("kafi touch k:@t {settings} --config segment.bytes=20000000 --config cleanup.policy=compact"));
    broker.text("head -c 2500000 /dev/zero | tr '\\0' x | kafi produce k:@t -k k -q");
    let left =
        "these settings of its source: cleanup.policy=compact segment.bytes=20000000; --with-config takes them along";
    assert_eq!(
        broker.seen("kafi cp k:@t ./folder/"),
        format!("! warning: topic @t is created without {left}\n! 1 read, 1 written, 0 failed in 0.0 s\n")
    );
    broker.text("kafi cp ./folder/@t k:@back -q && kafi cp k:@t k:@twin -q && kafi cp k:@t k:@whole --with-config -q && kafi cp ./folder/@t ./folder/b -q && kafi cp ./folder/b k:@far -q");
    let of = |topic: &str, setting: &str| {
        broker.text(&format!("kafi config k:@{topic} {setting} --json | sed 's/.*\"value\":\"\\([^\"]*\\)\".*/\\1/'"))
    };
    for topic in ["back", "twin", "whole", "far"] {
        assert_eq!(
            (of(topic, "compression.type").trim(), of(topic, "max.message.bytes").trim()),
            ("zstd", "3000000"),
            "{topic}"
        );
    }
    assert_eq!((of("twin", "cleanup.policy").trim(), of("whole", "cleanup.policy").trim()), ("delete", "compact"));
    // What is asked for by name wins.
    broker.text("kafi cp k:@t k:@own --config compression.type=lz4 --config max.message.bytes=5000000 -q");
    assert_eq!((of("own", "compression.type").trim(), of("own", "max.message.bytes").trim()), ("lz4", "5000000"));
}

#[test]
fn a_copy_needs_no_leave_to_look_at_settings() {
    let broker = Broker::new();
    let config = format!(
        "kafka:\n  bootstrap.servers: {}\n  security.protocol: sasl_plaintext\n  sasl.mechanism: SCRAM-SHA-256\n  sasl.username: alice\n  sasl.password: ${{ALICE}}\n",
        variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT")
    );
    broker.sandbox.write("configs/clusters/alice.yaml", config);
    broker.text("kafi touch k:@t --config retention.ms=-1 && kafi touch k:@u --config retention.ms=-1 && seq 10 | kafi produce k:@t -q");
    let prefix = broker.line("@t");
    let prefix = prefix.strip_suffix('t').unwrap();
    let allow = [
        "org.apache.kafka.tools.AclCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--add",
        "--allow-principal",
        "User:alice",
    ];
    let what = ["--operation", "Read", "--operation", "Write", "--operation", "Describe", "--operation", "Create"];
    kafka_tool(&[&allow[..], &what, &["--resource-pattern-type", "prefixed", "--topic", prefix]].concat());
    let alice = format!("ALICE={}", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
    for (from, to) in [
        ("alice:@t", "alice:@u"),
        ("alice:@t", "alice:@new"),
        ("alice:@t", "./folder/"),
        ("./folder/@t", "alice:@back"),
    ] {
        let seen = broker.seen(&format!("{alice} kafi cp {from} {to}"));
        assert!(seen.ends_with("! 10 read, 10 written, 0 failed in 0.0 s\n"), "{from} {to}: {seen}");
        assert_eq!(seen.contains("is not looked at"), to.starts_with("alice"), "{from} {to}: {seen}");
    }
    let asked = broker.seen(&format!("{alice} kafi cp alice:@t alice:@more --with-config; echo $?"));
    assert!(asked.starts_with("1\n! error: "), "{asked}");
}
