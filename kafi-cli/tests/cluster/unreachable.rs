//! A cluster whose list of brokers names one that cannot be reached: what the other one holds is there all the same,
//! and what is missing is named.

use std::thread;

use crate::broker::{Broker, kafka_tool};

const LEADER: &str = "broker 2 (127.0.0.1:1), storage k: its leader cannot be reached: connection refused";

/// Two topics: of `@t` the second partition is led by the broker that cannot be reached, `@u` is all there.
fn pair() -> Broker {
    let broker = Broker::of_pair();
    for (topic, assignment) in [("@t", "1,2"), ("@u", "1")] {
        let topic = broker.line(topic);
        let create = ["--create", "--topic", &topic, "--replica-assignment", assignment, "--config", "retention.ms=-1"];
        kafka_tool(
            &[&["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.servers][..], &create].concat(),
        );
    }
    broker.text("seq 3 | kafi produce k:@t -p 0 -q && seq 4 | kafi produce k:@u -q");
    broker
}

#[test]
fn what_a_broker_holds_that_can_be_reached_is_there() {
    let broker = pair();
    // Whoever is asked first is a matter of luck: brokers name one of them as the controller at random.
    for _ in 0..5 {
        for (line, expected) in [
            ("kafi cat k:@t -p 0", "1\n2\n3\n"),
            (
                "kafi offsets k:@t -p 0 -o end",
                "TOPIC  PARTITION  OFFSET  END  MESSAGES\n@t             0       3    3         0\n",
            ),
            ("kafi config k:@t retention.ms", "SETTING       VALUE  DEFAULT\nretention.ms  -1     no\n"),
            ("kafi config k:@u retention.ms=86400000", ""),
            ("kafi cp k:@u ./copy/u -q && kafi cat ./copy/u && rm -r copy", "1\n2\n3\n4\n"),
            ("kafi ls 'k:@*'", "@t\n@u\n"),
            (
                "kafi touch k:@u",
                "! error: create topic: topic @u, storage k: topic '@u' already exists.\n! hint: --exist-ok leaves it as it is\n? 1\n",
            ),
        ] {
            let seen = broker.seen(line);
            let without_spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(without_spaces(&seen), without_spaces(expected), "{line}: {seen}");
        }
    }
    assert_eq!(
        broker.text(
            "kafi produce k:@t -p 0 4 -q && kafi delete-records -y k:@t -p 0 -o 1 > /dev/null && kafi cat k:@t -p 0"
        ),
        "2\n3\n4\n"
    );
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_there() {
    let broker = pair();
    let lines = [
        ("ls -l 'k:@*'", vec!["@t 2 1 - -", "@u 1 1 4 -"]),
        ("watermarks 'k:@*'", vec!["@t 0 0 3 3", "@u 0 0 4 4"]),
        ("offsets 'k:@*' -o @0", vec!["@t 0 0 3 3", "@u 0 0 4 4"]),
        ("wc --by partition 'k:@*'", vec!["@t 0 3 0 3 0", "@u 0 4 0 4 0", "total 7 0 7 0"]),
        ("cat k:@t", vec!["1", "2", "3"]),
        ("cat --order partition k:@t k:@u", vec!["1", "2", "3", "1", "2", "3", "4"]),
        ("tail -n 2 k:@t", vec!["2", "3"]),
        ("grep 2 k:@u k:@t", vec!["2", "2"]),
        ("cp k:@t k:@u ./copy/", vec![]),
    ];
    let check = |line: &str, expected: &[&str]| {
        let seen = broker.seen(&format!("kafi {line}"));
        let shown = seen.lines().filter(|line| !line.starts_with(['!', '?']) && !line.starts_with("TOPIC"));
        assert_eq!(
            shown.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>(),
            expected,
            "{line}: {seen}"
        );
        let named: Vec<&str> =
            seen.lines().filter(|line| line.starts_with("! error: ") && line.ends_with(LEADER)).collect();
        assert!(matches!(named.as_slice(), [line] if line.contains("topic @t, partition 1, ")), "{line}: {seen}");
        assert!(seen.ends_with(if line.starts_with("grep") { "? 2\n" } else { "? 1\n" }), "{line}: {seen}");
    };
    // A process that waits for a broker which is gone keeps half a core busy, so that few may run at once.
    for lines in lines.chunks(3) {
        thread::scope(|scope| lines.iter().for_each(|(line, expected)| drop(scope.spawn(|| check(line, expected)))));
    }
    assert_eq!(broker.text("kafi cat ./copy/@t ./copy/@u --order partition"), "1\n2\n3\n1\n2\n3\n4\n");
    // Where nothing else is asked for, that is all that is said.
    let seen = broker.seen("kafi cat k:@t -p 1");
    assert!(
        seen.starts_with("! error: ") && seen.ends_with(&format!("{LEADER}\n? 1\n")) && seen.lines().count() == 2,
        "{seen}"
    );
    let seen = broker.seen("kafi cat --order time -p 0 k:@t k:@missing");
    assert!(
        seen.starts_with("1\n2\n3\n! error: ")
            && seen.contains("topic @missing")
            && seen.ends_with("1 topic was not read, for the reason above\n? 1\n"),
        "{seen}"
    );
}
