//! Groups of a real broker: by type and state, single offsets, and lag, also as Apache Kafka's own tools see them.

use std::process::Stdio;

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::wait_until;

/// What Kafka's own tool says of groups.
fn consumer_groups(arguments: &[&str]) -> String {
    let tool = ["org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server"];
    kafka_tool(&[&tool[..], &[variable("KAFI_TEST_KAFKA")], arguments].concat())
}

#[test]
fn types_and_states_are_those_of_the_broker() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config retention.ms=-1 && seq 5 | kafi produce k:@t -q");
    broker.text("kafi group reset k:@empty @t -o 2 --execute -q");
    let member = |name: &str, protocol: &str| {
        let (topic, group) = (broker.line("k:@t"), broker.line(name));
        let protocol = format!("group.protocol={protocol}");
        let arguments = ["cat", &topic, "-g", &group, "-f", "-q", "-X", &protocol];
        broker.sandbox.start(&arguments, Stdio::null(), name.trim_start_matches('@'), "errors")
    };
    let (classic, consumer) = (member("@classic", "classic"), member("@new", "consumer"));
    let listed = || broker.text("kafi group ls 'k:@*' -l");
    wait_until("both members read", || listed().matches("Stable").count() == 2);
    let rows: Vec<String> =
        listed().lines().map(|line| line.split_whitespace().take(5).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        rows,
        [
            "GROUP TYPE PROTOCOL STATE MEMBERS",
            "@classic classic consumer Stable 1",
            "@empty classic - Empty 0",
            "@new consumer consumer Stable 1"
        ]
    );
    let listed = consumer_groups(&["--list", "--state", "--type"]);
    for (name, words) in
        [("@classic", ["Classic", "Stable"]), ("@new", ["Consumer", "Stable"]), ("@empty", ["Classic", "Empty"])]
    {
        let name = broker.line(name);
        let line = listed.lines().find(|line| line.split_whitespace().next() == Some(&name)).unwrap();
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    for (filter, expected) in [
        ("--type classic", "@classic\n@empty\n"),
        ("--type consumer", "@new\n"),
        ("--state stable --state dead", "@classic\n@new\n"),
        ("--state empty --type classic", "@empty\n"),
    ] {
        assert_eq!(broker.text(&format!("kafi group ls 'k:@*' {filter}")), expected, "{filter}");
    }
    // While somebody reads, offsets of the topic stay.
    let refused = broker.seen("kafi group rm k:@new --topic @t -y");
    assert!(refused.contains("! error: ") && refused.ends_with("? 1\n"), "{refused}");
    drop((classic, consumer));
}

#[test]
fn share_groups_are_listed_and_known_to_be_another_kind() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config retention.ms=-1");
    // It joins, waits for messages, and leaves; the group stays.
    let (topic, group) = (broker.line("@t"), broker.line("@shared"));
    kafka_tool(&[
        "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--topic",
        &topic,
        "--group",
        &group,
        "--timeout-ms",
        "3000",
    ]);
    assert_eq!(broker.text("kafi group ls k:@shared"), format!("{}\n", "@shared"));
    assert_eq!(broker.text("kafi group lag k:@shared"), "");
    for verb in ["show k:@shared", "rm k:@shared -y"] {
        let seen = broker.seen(&format!("kafi group {verb}"));
        assert!(seen.contains("of a kind that librdkafka does not know (share or streams)"), "{seen}");
    }
}

#[test]
fn lag_and_single_offsets_are_those_of_the_tool() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1 && seq 6 | kafi produce k:@t -p 0 -q");
    broker.text("kafi group reset k:@g @t -o 0=2 --execute -q && kafi group reset k:@g @t -o 1=0 --execute -q");
    assert_eq!(
        broker.text("kafi group lag k:@g --by partition --json"),
        "{\"storage\":\"k\",\"group\":\"@g\",\"topic\":\"@t\",\"partition\":0,\"committed\":2,\"end\":6,\"lag\":4}\n\
         {\"storage\":\"k\",\"group\":\"@g\",\"topic\":\"@t\",\"partition\":1,\"committed\":0,\"end\":0,\"lag\":0}\n"
    );
    let described = consumer_groups(&["--describe", "--group", &broker.line("@g")]);
    let topic = broker.line("@t");
    let of_tool: Vec<Vec<&str>> = described
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(1) == Some(&topic.as_str()))
        .map(|fields| fields[2..6].to_vec())
        .collect();
    assert_eq!(of_tool, [["0", "2", "6", "4"], ["1", "0", "0", "0"]], "{described}");
    // Offsets that Kafka's tool exports are taken, and shifted as it shifts them.
    let (group, partition) = (broker.line("@g"), format!("{topic}:0"));
    let exported = consumer_groups(&[
        "--reset-offsets",
        "--group",
        &group,
        "--shift-by",
        "3",
        "--topic",
        &partition,
        "--export",
        "--dry-run",
    ]);
    broker.sandbox.write("exported", exported);
    let plan = broker.text("kafi group reset k:@g --from-file exported --execute --json");
    assert!(plan.contains("\"partition\":0,\"from\":2,\"to\":5}"), "{plan}");
    assert_eq!(
        broker.text("kafi group reset k:@g @t --by -1 -p 0 --execute --json -q").matches("\"to\":4}").count(),
        1
    );
    broker.text("kafi group rm k:@g --topic @t -p 0 -y");
    let described = consumer_groups(&["--describe", "--group", &broker.line("@g")]);
    let left: Vec<&str> = described.lines().filter(|line| line.contains(&topic)).collect();
    assert!(left.len() == 1 && left[0].split_whitespace().nth(2) == Some("1"), "{described}");
}
