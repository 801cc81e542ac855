//! Settings, partitions, offsets, and the deletion of records of a real broker, also as Apache Kafka's own tools see
//! them.

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

#[test]
fn settings_of_topics() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config segment.bytes=1048576");
    assert_eq!(
        broker.text("kafi config k:@t segment.bytes max.message.bytes=1000000"),
        "SETTING        VALUE    DEFAULT\nsegment.bytes  1048576  no\n"
    );
    broker.text("kafi config k:@t retention.ms=123456 cleanup.policy=compact,delete --delete segment.bytes");
    assert_eq!(
        broker.text("kafi config k:@t retention.ms segment.bytes cleanup.policy max.message.bytes --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"setting\":\"cleanup.policy\",\"value\":\"compact,delete\",\"default\":false}\n\
         {\"storage\":\"k\",\"topic\":\"@t\",\"setting\":\"max.message.bytes\",\"value\":\"1000000\",\"default\":false}\n\
         {\"storage\":\"k\",\"topic\":\"@t\",\"setting\":\"retention.ms\",\"value\":\"123456\",\"default\":false}\n\
         {\"storage\":\"k\",\"topic\":\"@t\",\"setting\":\"segment.bytes\",\"value\":\"1073741824\",\"default\":true}\n"
    );
    let described = kafka_tool(&[
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--describe",
        "--entity-type",
        "topics",
        "--entity-name",
        &broker.line("@t"),
    ]);
    assert!(
        described.contains("retention.ms=123456 ")
            && described.contains("max.message.bytes=1000000 ")
            && !described.contains("segment.bytes"),
        "{described}"
    );
    let all = broker.text("kafi config k:@t");
    assert!(all.lines().count() > 20 && all.lines().skip(1).is_sorted(), "{all}");
    assert_eq!(
        broker.seen("kafi config k:@t retention.m"),
        "! error: read settings: topic @t, setting retention.m: there is no such setting\n! hint: did you mean retention.ms?\n? 2\n"
    );
    let unknown = broker.seen("kafi config k:@t retentionms=5");
    assert!(
        unknown.starts_with("! error: change settings: topic @t, storage k: ")
            && unknown.ends_with("! hint: did you mean retention.ms?\n? 2\n"),
        "{unknown}"
    );
    // What looks like a duration is read before the broker is asked, which refuses the rest.
    let bad = broker.seen("kafi config k:@t retention.ms=soon");
    assert!(
        bad.starts_with("! error: read setting: setting retention.ms, value soon: ") && bad.ends_with("\n? 2\n"),
        "{bad}"
    );
    let bad = broker.seen("kafi config k:@t cleanup.policy=soon");
    assert!(bad.starts_with("! error: change settings: topic @t, storage k: ") && bad.ends_with("\n? 2\n"), "{bad}");
}

#[test]
fn brokers() {
    let broker = Broker::new();
    let address = variable("KAFI_TEST_KAFKA");
    let (host, port) = address.rsplit_once(':').unwrap();
    let identity = broker.text("kafi storage check k: --json");
    let id = identity.split("\"identity\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(
        broker.text("kafi cluster k: --json"),
        format!(
            "{{\"storage\":\"k\",\"cluster\":\"{id}\",\"broker\":1,\"host\":\"{host}\",\"port\":{port},\"rack\":null,\"controller\":true}}\n"
        )
    );
    let table = broker.text("kafi cluster k:");
    let shown: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        shown,
        [vec!["CLUSTER", "BROKER", "HOST", "PORT", "CONTROLLER"], vec![id, "1", host, port, "yes"]],
        "no broker has a rack"
    );
}

#[test]
fn settings_of_brokers() {
    let broker = Broker::new();
    assert_eq!(
        broker.text("kafi config k: --broker 1 node.id log.cleaner.dedupe.buffer.size --json"),
        "{\"storage\":\"k\",\"setting\":\"log.cleaner.dedupe.buffer.size\",\"value\":\"16777216\",\"default\":false,\"read_only\":false}\n\
         {\"storage\":\"k\",\"setting\":\"node.id\",\"value\":\"1\",\"default\":false,\"read_only\":true}\n"
    );
    let shown =
        broker.text("kafi config k: --broker 1 log.cleaner.min.compaction.lag.ms=1 log.cleaner.min.compaction.lag.ms");
    broker.text("kafi config k: --broker 1 --delete log.cleaner.min.compaction.lag.ms");
    assert_eq!(
        shown,
        "SETTING                            VALUE  DEFAULT  READ ONLY\nlog.cleaner.min.compaction.lag.ms  1      no       no\n"
    );
    assert_eq!(
        broker.text("kafi config k: --broker 1 log.cleaner.min.compaction.lag.ms --json"),
        "{\"storage\":\"k\",\"setting\":\"log.cleaner.min.compaction.lag.ms\",\"value\":\"0\",\"default\":true,\"read_only\":false}\n"
    );
    let fixed = broker.seen("kafi config k: --broker 1 node.id=2");
    assert!(
        fixed.starts_with("! error: change settings: broker 1, storage k: ") && fixed.ends_with("? 2\n"),
        "{fixed}"
    );
    assert_eq!(
        broker.seen("kafi config k: --broker 4711"),
        "! error: read settings: broker 4711, storage k: no such broker\n! hint: the brokers are: 1\n? 1\n"
    );
    // What the broker keeps to itself stays there.
    assert!(!broker.text("kafi config k: --broker 1 --json").contains(variable("KAFI_TEST_KAFKA_STORE_PASSWORD")));
}

#[test]
fn partitions_offsets_and_deleted_records() {
    let broker = Broker::new();
    six(&broker);
    assert_eq!(
        broker.text("kafi offsets k:@t -o @2500 --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"partition\":0,\"offset\":2,\"end\":3,\"messages\":1}\n{\"storage\":\"k\",\"topic\":\"@t\",\"partition\":1,\"offset\":1,\"end\":3,\"messages\":2}\n"
    );
    let plan = "TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED\n@t             0    0        2     3        2\n@t             1    0        2     3        2\n";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let refused = broker.seen("kafi delete-records k:@t -o -1");
    assert_eq!(
        squeezed(&refused),
        squeezed(&format!(
            "{plan}! error: delete records: nobody can be asked here\n! hint: -y deletes without asking\n? 2\n"
        ))
    );
    assert_eq!(broker.text("kafi cat k:@t | wc -l"), "6\n");
    assert_eq!(squeezed(&broker.text("kafi delete-records k:@t -o -1 -y")), squeezed(plan));
    assert_eq!(broker.text("kafi cat k:@t | sort"), "v4\nv5\n");
    assert_eq!(
        broker.text("kafi delete-records k:@t -o 0=end -y --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"partition\":0,\"low\":2,\"new_low\":3,\"high\":3,\"deleted\":1}\n"
    );
    assert_eq!(broker.text("kafi cat k:@t"), "v5\n");

    broker.text("kafi partitions k:@t 4");
    assert_eq!(broker.text("kafi offsets k:@t --json | wc -l"), "4\n");
    let fewer = broker.seen("kafi partitions k:@t 2");
    assert!(
        fewer.starts_with("! error: create partitions: topic @t, storage k: ") && fewer.ends_with("? 2\n"),
        "{fewer}"
    );
    broker.text("kafi produce k:@t x -p 3 -q");
    assert_eq!(broker.text("kafi cat k:@t -p 3"), "x\n");
}

#[test]
fn copies_are_compared_with_their_source() {
    let broker = Broker::new();
    six(&broker);
    broker.text("kafi cp k:@t ./f/ -q && kafi cp k:@t k:@u -q");
    for line in ["kafi diff k:@t ./f/", "kafi diff k:@t k:@u --threads 2", "kafi diff ./f/@t k:@t --ignore-partition"] {
        assert_eq!(broker.seen(line), "! 6 compared, 0 different in 0.0 s\n", "{line}");
    }
    broker.text("kafi produce k:@u more -p 1 -q");
    assert_eq!(
        broker.seen("kafi diff k:@t k:@u"),
        "1:3 only in k:@u\n> more\n! 7 compared, 1 different in 0.0 s\n? 1\n"
    );
    let missing = broker.seen("kafi diff k:@t k:@absent");
    assert!(
        missing.starts_with("! error: list topics: topic @absent, storage k: ") && missing.ends_with("? 2\n"),
        "{missing}"
    );
}

#[test]
fn deleted_offsets_are_not_compared_as_if_they_were_there() {
    let broker = Broker::new();
    six(&broker);
    broker.text("kafi cp k:@t ./f/ -q && kafi delete-records k:@t -o 1 -y -q > deleted");
    wait_until("the deletion", || broker.text("kafi offsets k:@t --json | grep -c '\"offset\":1,'") == "2\n");
    assert_eq!(
        broker.seen("kafi diff k:@t ./f/ --threads 1"),
        "0:0 only in ./f/\n> v0\n1:0 only in ./f/\n> v1\n! 6 compared, 2 different in 0.0 s\n? 1\n"
    );
    assert_eq!(broker.seen("kafi diff k:@t ./f/ -o 1:"), "! 4 compared, 0 different in 0.0 s\n");
}
