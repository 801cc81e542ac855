//! Groups of a real broker: by type and state, single offsets, and lag, also as Apache Kafka's own tools see them.

use std::process::Stdio;

use crate::broker::{Broker, compact, kafka_tool, request, variable};
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
    assert!(broker.seen("kafi group show k:@shared").contains(UNKNOWN_KIND));
    broker.text("kafi group rm k:@shared -y");
    assert_eq!(broker.text("kafi group ls 'k:@*'"), "");
}

const UNKNOWN_KIND: &str = "of a kind that librdkafka does not know (share or streams)";

/// A heartbeat of a member of a group of Kafka Streams (KIP-1071, version 0), as Kafka's own client sends it: 0 joins, -1
/// leaves. Its program reads one topic.
fn heartbeat(broker: &Broker, group: &str, topic: &str, epoch: i32) {
    let mut body = [compact(&broker.line(group)), compact("member")].concat();
    body.extend(epoch.to_be_bytes());
    body.extend([0, 0, 0, 0, 0, 0]);
    body.extend(if epoch == 0 { 30_000_i32 } else { -1 }.to_be_bytes());
    if epoch == 0 {
        // The program: its version, and one part, which reads the topic, and neither keeps nor shuffles anything.
        body.extend([1, 0, 0, 0, 0, 2]);
        body.extend([compact("0"), vec![2], compact(&broker.line(topic))].concat());
        body.extend([1, 1, 1, 1, 1, 0, 0]);
        // Nothing is assigned yet.
        body.extend([1, 1, 1]);
        body.extend([compact("process"), vec![0xff, 1, 0, 0]].concat());
    } else {
        body.extend([0xff, 0, 0, 0, 0, 0xff, 0, 0, 0]);
    }
    body.extend([0, 0]);
    let answer = request(broker.servers, 88, &body);
    // Behind how long it was held back.
    assert_eq!(answer[4..6], [0, 0], "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn groups_of_streams_are_known_by_what_they_have_committed() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config retention.ms=-1 && seq 5 | kafi produce k:@t -q");
    heartbeat(&broker, "@app", "@t", 0);
    // Before it commits, a broker says the same of it as of a share group.
    assert_eq!(broker.text("kafi group ls k:@app -l").lines().count(), 2);
    assert!(broker.seen("kafi group show k:@app").contains(UNKNOWN_KIND));
    let refused = broker.seen("kafi group rm k:@app -y");
    assert!(refused.contains("the group has live members") && refused.ends_with("? 1\n"), "{refused}");
    let refused = broker.seen("kafi group reset k:@app @t -o 2 --execute -q");
    assert!(refused.contains("the group has live members") && refused.ends_with("? 1\n"), "{refused}");
    heartbeat(&broker, "@app", "@t", -1);
    broker.text("kafi group reset k:@app @t -o 2 --execute -q");

    let listed = kafka_tool(&["org.apache.kafka.tools.GroupsCommand", "--bootstrap-server", broker.servers, "--list"]);
    let of_tool = listed.lines().find(|line| line.starts_with(&broker.line("@app"))).unwrap();
    assert_eq!(of_tool.split_whitespace().skip(1).collect::<Vec<_>>(), ["Streams", "streams"]);
    let listed = broker.text("kafi group ls k:@app -l");
    let row = listed.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row, "@app streams streams - - 1 3");
    assert_eq!(broker.text("kafi group ls 'k:@*' --type streams"), "@app\n");
    assert_eq!(
        broker.text("kafi group lag 'k:@*' --by group --json"),
        "{\"storage\":\"k\",\"group\":\"@app\",\"partitions\":1,\"lag\":3}\n"
    );
    let shown = broker.seen("kafi group show k:@app --json");
    assert!(
        shown.contains("\"state\":null,\"topic\":\"@t\",\"partition\":0,\"committed\":2,\"end\":5,\"lag\":3,"),
        "{shown}"
    );
    assert!(
        shown
            .ends_with("! warning: group @app is of Kafka Streams, whose state and members librdkafka does not tell\n")
    );
    broker.text("kafi group rm k:@app -y");
    assert_eq!(broker.text("kafi group ls 'k:@*'"), "");
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
