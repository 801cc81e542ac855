//! Consumer groups of a real broker, also as Apache Kafka's own tools see them.

use std::process::Stdio;

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::wait_until;

/// A topic of two partitions with three messages each, a second apart.
fn six(broker: &Broker) {
    let line = |number: i64| {
        format!("{{\"partition\":{},\"timestamp\":{},\"value\":\"v{number}\"}}\n", number % 2, 1000 * number)
    };
    broker.sandbox.write("lines", (0..6).map(line).collect::<String>());
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1 && kafi produce k:@t --json -q < lines");
}

/// What `group show` says of a partition.
fn shown(partition: i32, committed: i64) -> String {
    let numbers = format!("\"partition\":{partition},\"committed\":{committed},\"end\":3,\"lag\":{}", 3 - committed);
    format!(
        "{{\"storage\":\"k\",\"group\":\"@g\",\"state\":\"Empty\",\"topic\":\"@t\",{numbers},\"member\":null,\"client\":null,\"host\":null,\"leader_epoch\":null,\"metadata\":null}}\n"
    )
}

#[test]
fn groups_are_set_shown_copied_and_deleted() {
    let broker = Broker::new();
    six(&broker);
    // What other groups there are, and so what is near, depends on the tests before.
    let missing = broker.seen("kafi group show k:@g");
    assert!(
        missing.starts_with("! error: describe group: group @g, storage k: no such group\n")
            && missing.ends_with("? 1\n"),
        "{missing}"
    );
    let plan = "{\"storage\":\"k\",\"group\":\"@g\",\"topic\":\"@t\",\"partition\":0,\"from\":null,\"to\":2}\n{\"storage\":\"k\",\"group\":\"@g\",\"topic\":\"@t\",\"partition\":1,\"from\":null,\"to\":1}\n";
    assert_eq!(
        broker.seen("kafi group reset k:@g @t -o @2500 --json"),
        format!("{plan}! nothing is changed yet; --execute does it\n")
    );
    assert_eq!(broker.text("kafi group ls 'k:@*'"), "");
    assert_eq!(broker.text("kafi group reset k:@g @t -o @2500 --json --execute"), plan);
    assert_eq!(broker.text("kafi group show k:@g --json"), shown(0, 2) + &shown(1, 1));
    assert_eq!(
        broker.text("kafi group ls 'k:@*' -l --json"),
        "{\"storage\":\"k\",\"group\":\"@g\",\"type\":\"classic\",\"protocol\":null,\"state\":\"Empty\",\"members\":0,\"partitions\":2,\"lag\":3}\n"
    );
    let group = broker.line("@g");
    let described = kafka_tool(&[
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--describe",
        "--group",
        &group,
    ]);
    let line = described
        .lines()
        .find(|line| line.split_whitespace().nth(2) == Some("1"))
        .unwrap_or_else(|| panic!("{described}"));
    assert_eq!(line.split_whitespace().skip(2).take(4).collect::<Vec<_>>(), ["1", "1", "3", "2"], "{described}");

    broker.text("kafi group reset k:@g -o 1=start --execute");
    assert_eq!(broker.text("kafi group show k:@g --json"), shown(0, 2) + &shown(1, 0));
    assert_eq!(
        broker.seen("kafi group reset k:@g -o 9 --execute"),
        "! error: resolve offsets: topic @t, partition 0, asked 9, available 0 to 3: the offsets 3 to 8 are not there yet\n! hint: --allow-gap takes what is there\n? 1\n"
    );
    // To a folder and back as another group.
    broker.text("kafi cp k:@t ./f/ -q && kafi group cp k:@g ./f/ --execute && kafi group cp ./f/@g k:@h --execute");
    assert_eq!(broker.text("kafi group show ./f/@g --json"), (shown(0, 2) + &shown(1, 0)).replace("\"k\"", "\"./f\""));
    assert_eq!(broker.text("kafi group show k:@h --json"), (shown(0, 2) + &shown(1, 0)).replace("@g", "@h"));
    assert_eq!(broker.text("kafi cat k:@t -g @h -q | sort"), "v1\nv3\nv4\nv5\n");
    assert_eq!(broker.text("kafi group rm -y 'k:@*'"), "");
    wait_until("the groups to be gone", || broker.text("kafi group ls 'k:@*'").is_empty());
}

#[test]
fn what_consumers_keep_beside_offsets_comes_along() {
    let broker = Broker::new();
    six(&broker);
    broker.text("kafi cp k:@t ./f/ -q && kafi group reset ./f/@g @t -o 2 --execute");
    broker.text(r#"sed -i 's/"metadata": ""/"leader_epoch": 0, "metadata": "AQ== ä"/' f/groups/@g.json"#);
    broker.text(
        "kafi group cp ./f/@g k:@g --execute && kafi group cp k:@g k:@h --execute && kafi group cp k:@h ./f/ --execute",
    );
    let beside = "\"leader_epoch\":null,\"metadata\":\"AQ== ä\"";
    for group in ["k:@g", "k:@h", "./f/@h"] {
        assert_eq!(broker.text(&format!("kafi group show {group} --json")).matches(beside).count(), 2, "{group}");
    }
    broker.text("kafi group reset k:@h -o 1=start --execute");
    assert_eq!(broker.text("kafi group show k:@h --json").matches(beside).count(), 1);
}

#[test]
fn live_members_are_shown_and_left_alone() {
    let broker = Broker::new();
    six(&broker);
    let (topic, group) = (broker.line("k:@t"), broker.line("@g"));
    let mut child = broker.sandbox.start(
        &["cat", &topic, "-g", &group, "-f", "-X", "client.id=reader"],
        Stdio::null(),
        "out",
        "err",
    );
    broker.sandbox.wait_for("out", "v5");
    broker.sandbox.wait_for("out", "v4");
    wait_until("the member and what it read", || {
        let shown = broker.text("kafi group show k:@g --json");
        shown.matches("\"committed\":3,\"end\":3,\"lag\":0,\"member\":\"reader-").count() == 2
            && shown.matches("\"client\":\"reader\",\"host\":\"").count() == 2
    });
    assert_eq!(
        broker.text("kafi group ls k:@g -l --json"),
        "{\"storage\":\"k\",\"group\":\"@g\",\"type\":\"classic\",\"protocol\":\"consumer\",\"state\":\"Stable\",\"members\":1,\"partitions\":2,\"lag\":0}\n"
    );
    let refused = "! error: change group: group @g: it has 1 live member\n! hint: stop its consumers first\n? 1\n";
    for line in ["kafi group reset k:@g -o start --execute", "kafi group rm -y k:@g"] {
        assert_eq!(broker.seen(line), refused, "{line}");
    }
    let planned = broker.seen("kafi group reset k:@g -o start");
    assert!(
        planned.contains("! warning: change group: group @g: it has 1 live member\n")
            && planned.contains("--execute does it"),
        "{planned}"
    );
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    broker.text("kafi group reset k:@g -o start --execute && kafi group rm -y k:@g");
}

#[test]
fn a_group_goes_on_at_the_same_message_after_backup_and_restore() {
    let broker = Broker::new();
    // The source does not start at 0, and the backup keeps its offsets, but a broker counts anew.
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1 && seq 100 | sed 's/.*/&:v&/' | kafi produce k:@t -K: -q && kafi delete-records -y k:@t -o 10 -q");
    broker.text(
        "kafi cat k:@t -g @g -n 30 -q && kafi cat k:@t -g @all -q && kafi group reset k:@old @t -o start --execute -q",
    );
    let next = |topic: &str, storage: &str, group: &str| {
        let mut lines: Vec<String> = broker
            .text(&format!("kafi cat {storage}{topic} -g {group} --no-commit -q"))
            .lines()
            .map(str::to_string)
            .collect();
        lines.sort();
        lines
    };
    let left = next("@t", "k:", "@g");
    assert!(!left.is_empty() && left.len() < 80);
    let first = next("@t", "k:", "@old");
    broker.text(
        "kafi cp k:@t ./f/ -q && kafi group cp 'k:@*' ./f/ --execute && kafi rm -y k:@t && kafi group rm -y 'k:@*'",
    );
    assert_eq!((next("@t", "./f/", "@g"), next("@t", "./f/", "@old")), (left.clone(), first.clone()));
    broker.text("kafi cp ./f/@t k: --config retention.ms=-1 -q && kafi group cp './f/@*' k: --execute");
    assert_eq!((next("@t", "k:", "@g"), next("@t", "k:", "@old"), next("@t", "k:", "@all")), (left, first, Vec::new()));
}
