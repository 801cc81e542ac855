//! What goes wrong with a broker is one line.

use std::net::TcpListener;
use std::thread;

use crate::broker::{Broker, variable};

/// What is typed against a broker at `address` that is of no use, each verb in a process of its own. None takes the 10
/// seconds after which `timeout` would end it with 124.
fn first_errors(address: &str) -> Vec<(String, String)> {
    let broker = Broker::new();
    broker.text("kafi produce local a --create -q 2> /dev/null");
    let lines = [
        format!("ls kafka://{address}"),
        format!("cat kafka://{address}/t"),
        format!("wc kafka://{address}/t"),
        format!("touch kafka://{address}/t"),
        format!("produce kafka://{address}/t x"),
        format!("cp kafka://{address}/t copy"),
        format!("cp local kafka://{address}/t"),
        format!("group ls kafka://{address}/"),
        format!("cat -g g kafka://{address}/t"),
        format!("storage check kafka://{address}"),
    ];
    let seen = |line: &String| broker.seen(&format!("timeout 10 kafi {line} < /dev/null"));
    thread::scope(|scope| {
        let running: Vec<_> = lines.iter().map(|line| scope.spawn(move || seen(line))).collect();
        lines.iter().cloned().zip(running.into_iter().map(|seen| seen.join().unwrap())).collect()
    })
}

#[test]
fn a_broker_that_is_not_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (line, seen) in first_errors(&address) {
        let expected = format!("broker {address}, storage kafka://{address}: connection refused\n? 1\n");
        assert!(
            seen.starts_with("! error: ") && seen.ends_with(&expected) && seen.lines().count() == 2,
            "{line}: {seen}"
        );
    }
}

#[test]
fn a_host_that_does_not_exist() {
    for (line, seen) in first_errors("no-such-host.invalid:9092") {
        let expected = "broker no-such-host.invalid:9092, storage kafka://no-such-host.invalid:9092: failed to resolve 'no-such-host.invalid:9092': ";
        assert!(
            seen.starts_with("! error: ")
                && seen.contains(expected)
                && seen.ends_with("\n? 1\n")
                && seen.lines().count() == 2,
            "{line}: {seen}"
        );
    }
}

#[test]
fn a_broker_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (line, seen) in first_errors(&address) {
        let expected = format!("brokers {address}, storage kafka://{address}: no broker answers\n? 1\n");
        assert!(
            seen.starts_with("! error: ") && seen.ends_with(&expected) && seen.lines().count() == 2,
            "{line}: {seen}"
        );
    }
}

#[test]
fn topics_partitions_and_offsets_that_are_not_there() {
    let broker = Broker::new();
    broker.text("kafi touch k:@orders --partitions 2 && kafi produce k:@orders x -p 0 -q");
    for (line, error) in [
        ("cat k:@order", "no such topic\n! hint: did you mean k:@orders?\n? 1"),
        ("wc k:@order", "no such topic\n! hint: did you mean k:@orders?\n? 1"),
        ("grep x k:@order", "no such topic\n! hint: did you mean k:@orders?\n? 2"),
        ("produce k:@order x", "no such topic\n! hint: did you mean k:@orders?\n? 1"),
        ("rm -y k:@order", "no such topic\n! hint: did you mean k:@orders?\n? 1"),
        ("cat 'k:@x*'", "no topic matches\n? 1"),
        ("cat k:@orders -p 2", "partition 2: the topic has partitions 0 to 1\n? 1"),
        (
            "cat k:@orders -p 0 -o 7",
            "asked 7, available 0 to 1: the offsets 1 to 6 are not there yet\n! hint: --allow-gap takes what is there\n? 1",
        ),
        ("produce k:@orders x -p 2", "partition 2: no such partition: the topic has 2\n? 1"),
        ("touch k:@x --config nonsense=1", "nonsense\n? 2"),
        ("touch k:@x --replication 9", "? 2"),
        ("cat k", "did you mean k: ?\n? 1"),
        ("ls k: -X nonsense.property=1", "property nonsense.property: librdkafka has no such property\n? 2"),
        ("ls 'k:' -X acks=nonsense", "? 2"),
    ] {
        let seen = broker.seen(&format!("kafi {line}"));
        assert!(
            seen.starts_with("! error: ") && seen.trim_end().ends_with(error) && seen.lines().count() <= 3,
            "{line}: {seen}"
        );
    }
}

#[test]
fn a_message_that_is_too_large() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config max.message.bytes=100000 && (echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo) > lines");
    let seen = broker.seen("kafi produce k:@t -l lines");
    assert!(seen.contains("! error: ") && seen.ends_with("? 1\n") && seen.lines().count() <= 4, "{seen}");
    assert_eq!(broker.text("kafi cat k:@t"), "first\n");
}

#[test]
fn a_wrong_password_is_one_line_without_it() {
    let broker = Broker::new();
    let servers = variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT");
    let config = |user: &str, password: &str| {
        format!(
            "kafka:\n  bootstrap.servers: {servers}\n  security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: SCRAM-SHA-256\n  sasl.username: {user}\n  sasl.password: {password}\n"
        )
    };
    broker.sandbox.write("configs/clusters/right.yaml", config("admin", variable("KAFI_TEST_KAFKA_ADMIN_PASSWORD")));
    broker.sandbox.write("configs/clusters/wrong.yaml", config("admin", "hunter2"));
    broker.sandbox.write("configs/clusters/alice.yaml", config("alice", "${ALICE}"));
    broker.text("kafi touch right:@t && kafi produce right:@t x -q");
    assert_eq!(broker.text("kafi cat right:@t"), "x\n");
    for flag in ["", " --verbose"] {
        let seen = broker.seen(&format!("timeout 30 kafi cat wrong:@t{flag}"));
        assert!(seen.contains("! error: ") && seen.ends_with("? 1\n") && !seen.contains("hunter2"), "{seen}");
        assert!(!flag.is_empty() || seen.lines().count() <= 3, "{seen}");
    }
    let denied =
        broker.seen(&format!("ALICE={} timeout 30 kafi cat alice:@t", variable("KAFI_TEST_KAFKA_ALICE_PASSWORD")));
    assert!(denied.starts_with("! error: ") && denied.ends_with("? 1\n") && denied.lines().count() <= 3, "{denied}");
    let unset = broker.seen("kafi cat alice:@t");
    assert!(unset.contains("the environment variable ALICE is not set") && unset.ends_with("? 2\n"), "{unset}");
}

#[test]
fn a_message_that_the_broker_refuses_is_told_with_its_place_always() {
    let broker = Broker::new();
    // Characters that no compression brings below the limit.
    let mut state = 1u64;
    let mut character = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    };
    let large: String = (0..20_000).map(|_| character()).collect();
    let lines: String =
        (1..=3000).map(|line| if line == 1500 { format!("{large}\n") } else { format!("line {line}\n") }).collect();
    broker.sandbox.write("lines", lines);
    broker.text("kafi touch k:@t --partitions 4 --config max.message.bytes=10000");
    broker.text("kafi touch f --partitions 1 -q 2> /dev/null && kafi produce f -l lines -q");
    // What fails with it in other partitions may be reported first.
    for _ in 0..5 {
        let produced = broker.seen("kafi produce k:@t -l lines -q");
        assert!(produced.starts_with("! error: write: topic @t, partition "), "{produced}");
        assert!(
            produced.contains(", input line 1500: message size too large\n") && produced.ends_with("\n? 1\n"),
            "{produced}"
        );
    }
    let copied = broker.seen("kafi cp f k:@t -q");
    assert!(
        copied.contains("topic @t, partition 0, source offset 1499: message size too large\n")
            && copied.ends_with("\n? 1\n"),
        "{copied}"
    );
}

#[test]
fn many_small_messages_fit_into_a_topic_with_a_small_limit() {
    let broker = Broker::new();
    broker.text("seq 20000 > lines && kafi touch k:@t f --config max.message.bytes=10000 2> /dev/null");
    assert_eq!(broker.text("kafi produce k:@t -l lines -q && kafi cat k:@t | cmp - lines"), "");
    assert_eq!(broker.text("kafi produce f -l lines -q && kafi cat f | cmp - lines"), "");
    assert_eq!(broker.text("kafi cp f k:@u --config max.message.bytes=1000 -q && kafi cat k:@u | cmp - lines"), "");
}
