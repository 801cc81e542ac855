//! Copies out of a real broker that are killed, resumed, and shared.

use std::process::Stdio;

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::wait_until;

/// The messages of the topics that are copied.
const MESSAGES: usize = 40_000;

/// How many copies are killed.
const ROUNDS: usize = 5;

/// Makes the topic `@t` with numbered messages in three partitions.
fn source() -> Broker {
    let broker = Broker::new();
    broker.text(&format!("kafi touch k:@t --partitions 3 --config retention.ms=-1 && seq {MESSAGES} | sed 's/.*/&:message &/' | kafi produce k:@t -K: -q"));
    broker
}

/// The lines of a topic, without its name, sorted by partition and offset.
fn lines(broker: &Broker, address: &str) -> Vec<(u64, u64, String)> {
    let number = |line: &str, name: &str| {
        let rest = &line[line.find(name).unwrap() + name.len()..];
        rest[..rest.find(',').unwrap()].parse().unwrap()
    };
    let text = broker.text(&format!("kafi cat {address} --json"));
    let line = |line: &str| {
        (
            number(line, "\"partition\":"),
            number(line, "\"offset\":"),
            line[line.find("\"partition\"").unwrap()..].to_string(),
        )
    };
    let mut lines: Vec<_> = text.lines().map(line).collect();
    lines.sort();
    lines
}

/// The bytes of the segments in a folder of the sandbox.
fn bytes(broker: &Broker, folder: &str) -> u64 {
    let sum = broker.sandbox.run(&broker.line(&format!("cat {folder}/*/*.log 2> /dev/null | wc -c")));
    String::from_utf8(sum.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_copy_into_a_folder_that_is_killed_goes_on_exactly_where_it_was() {
    let broker = source();
    let expected = lines(&broker, "k:@t");
    assert_eq!(expected.len(), MESSAGES);
    let (from, to) = (broker.line("k:@t"), broker.line("./folder/@t"));
    for round in 0..ROUNDS {
        let before = bytes(&broker, "folder/topics/@t");
        let mut child =
            broker.sandbox.start(&["cp", &from, &to, "--resume", "--rate", "20000"], Stdio::null(), "out", "err");
        // Each round dies at another place.
        let wanted = before + 1 + 60_000 * (round as u64 % 3);
        wait_until("something to be written", || bytes(&broker, "folder/topics/@t") >= wanted);
        child.0.kill().unwrap();
        let copied = lines(&broker, "./folder/@t");
        assert!(!copied.is_empty() && copied.len() < MESSAGES, "round {round}: {} messages", copied.len());
        let of_partition = |lines: &[(u64, u64, String)], partition| {
            lines.iter().filter(|line| line.0 == partition).cloned().collect::<Vec<_>>()
        };
        for partition in 0..3 {
            assert!(
                of_partition(&expected, partition).starts_with(&of_partition(&copied, partition)),
                "round {round}, partition {partition}"
            );
        }
    }
    let said = broker.seen("kafi cp k:@t ./folder/ --resume");
    assert!(said.starts_with("! ") && said.contains(" written, 0 failed in ") && !said.contains("! 0 read"), "{said}");
    assert!(lines(&broker, "./folder/@t") == expected);
    assert_eq!(broker.seen("kafi cp k:@t ./folder/ --resume"), "! 0 read, 0 written, 0 failed in 0.0 s\n");
}

#[test]
fn the_folder_says_what_it_is_a_copy_of() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 k:@u && echo 1 | kafi produce k:@t -p 1 -q && echo 2 | kafi produce k:@u -q && kafi cp k:@t ./folder/ -q");
    let noted = broker.text("grep -o '\"kafi.source.[a-z]*\": *\"[^\"]*\"' folder/topics/@t/topic.json");
    assert!(
        noted.contains("\"kafi.source.topic\": \"@t\"") && noted.contains("\"kafi.source.partitions\": \"0:0 1:0\""),
        "{noted}"
    );
    let why = "! error: resume: topic @t: the target is a copy of another source: topic @t of ";
    let refused = broker.seen("kafi cp k:@u ./folder/@t --resume");
    assert!(refused.starts_with(why), "{refused}");
    // Its id tells a topic that was made anew.
    broker.text("kafi rm -y k:@t");
    wait_until("the topic to be gone", || broker.text("kafi ls 'k:@*'") == "@u\n");
    broker.text("kafi touch k:@t --partitions 2 && echo 1 | kafi produce k:@t -p 1 -q");
    let refused = broker.seen("kafi cp k:@t ./folder/ --resume");
    assert!(refused.contains("a topic of the same name that was deleted since"), "{refused}");
}

#[test]
fn a_copy_into_kafka_goes_on_behind_what_was_delivered() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config retention.ms=-1 && seq 10 | kafi produce k:@t -q && kafi touch k:@copy --config retention.ms=-1");
    assert_eq!(broker.seen("kafi cp k:@t k:@copy --resume -n 4"), "! 4 read, 4 written, 0 failed in 0.0 s\n");
    assert!(broker.seen("kafi cp k:@t k:@copy --resume --dry-run").ends_with("0     4  10         6  k:@copy\n"));
    assert_eq!(broker.seen("kafi cp k:@t k:@copy --resume"), "! 6 read, 6 written, 0 failed in 0.0 s\n");
    assert_eq!(broker.seen("kafi cp k:@t k:@copy --resume"), "! 0 read, 0 written, 0 failed in 0.0 s\n");
    assert_eq!(broker.text("kafi cat k:@copy -F '%v;'"), "1;2;3;4;5;6;7;8;9;10;");
    // Without it a copy appends, and out of a folder it is the same.
    assert_eq!(broker.seen("kafi cp k:@t k:@copy -n 1"), "! 1 read, 1 written, 0 failed in 0.0 s\n");
    broker.text("kafi cp k:@t ./folder/ -q && kafi touch k:@back --config retention.ms=-1");
    assert_eq!(broker.seen("kafi cp ./folder/@t k:@back --resume -n 3"), "! 3 read, 3 written, 0 failed in 0.0 s\n");
    assert_eq!(broker.seen("kafi cp ./folder/@t k:@back --resume"), "! 7 read, 7 written, 0 failed in 0.0 s\n");
}

#[test]
fn a_killed_copy_into_kafka_loses_nothing() {
    let broker = source();
    broker.text("kafi touch k:@copy --partitions 3 --config retention.ms=-1");
    let (from, to) = (broker.line("k:@t"), broker.line("k:@copy"));
    let sum = |line: &str, name: &str| -> usize {
        let number = |line: &str| {
            line[line.find(name).unwrap() + name.len()..].split([',', '}']).next().unwrap().parse::<usize>().unwrap()
        };
        broker.text(line).lines().map(number).sum()
    };
    let messages = || sum("kafi watermarks k:@copy --json", "\"messages\":");
    let done = || sum("kafi cp k:@t k:@copy --resume --dry-run --json", "\"from\":");
    let mut twice = 0;
    for _ in 0..2 {
        let before = done();
        let mut child =
            broker.sandbox.start(&["cp", &from, &to, "--resume", "--rate", "5000"], Stdio::null(), "out", "err");
        wait_until("something to be committed", || done() > before);
        let committed = messages();
        wait_until("more to be delivered", || messages() > committed);
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert!(done() < MESSAGES);
        twice += messages() - twice - done();
    }
    broker.text("kafi cp k:@t k:@copy --resume -q");
    assert_delivered(&broker, "k:@copy");
    // Only what was delivered and not committed is there twice, and perhaps what was under way to the broker.
    let copied = messages();
    assert!((MESSAGES..=MESSAGES + twice + 2 * 5_000).contains(&copied), "{copied}, {twice}");
}

/// Each message of the source is there, at least once, and for the first time in the order of its partition.
fn assert_delivered(broker: &Broker, address: &str) {
    let values = |address: &str| broker.text(&format!("kafi cat {address} --order partition -F '%p %v\\n'"));
    let (source, target) = (values("k:@t"), values(address));
    let mut seen = std::collections::HashSet::new();
    let firsts: Vec<&str> = target.lines().filter(|line| seen.insert(*line)).collect();
    assert!(
        firsts == source.lines().collect::<Vec<_>>(),
        "{} of {} messages, or in another order",
        firsts.len(),
        source.lines().count()
    );
}

#[test]
fn a_mirror_takes_new_partitions_and_topics() {
    let broker = Broker::new();
    broker.text("kafi touch k:@m-1 && seq 10 | kafi produce k:@m-1 -q");
    let from = broker.line("k:@m-*");
    let mut child = broker.sandbox.start(&["cp", &from, "./folder/", "-f"], Stdio::null(), "out", "err");
    let count = |topic: &str| {
        broker
            .sandbox
            .run(&broker.line(&format!("kafi cat ./folder/{topic} 2> /dev/null")))
            .stdout
            .split(|b| *b == b'\n')
            .count()
            - 1
    };
    wait_until("the first copy", || count("@m-1") == 10);
    broker.text("kafi touch k:@m-2 k:@other --partitions 2 && seq 10 | kafi produce k:@m-2 -q");
    add_partitions(&broker, "@m-1", "3");
    broker.text("echo new | kafi produce k:@m-1 -p 2 -q");
    wait_until("the new topic and the new partition", || count("@m-2") == 10 && count("@m-1") == 11);
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    let said = broker.sandbox.read("err");
    assert!(said.contains("21 read, 21 written, 0 failed in "), "{said}");
    assert_eq!(broker.text("kafi ls ./folder/"), "@m-1\n@m-2\n");
}

/// Copies `@t` in three processes of one group, kills one of them, and lets the others end.
fn share(broker: &Broker, to: &str) {
    let (from, to, group) = (broker.line("k:@t"), broker.line(to), broker.line("@g"));
    let start = |number: usize| {
        let arguments =
            ["cp", &from, &to, "-g", &group, "--rate", "2000", "-X", "session.timeout.ms=6000", "--verbose"];
        broker.sandbox.start(&arguments, Stdio::null(), &format!("out{number}"), &format!("err{number}"))
    };
    let mut children: Vec<_> = (0..3).map(start).collect();
    (0..3).for_each(|number| broker.sandbox.wait_for(&format!("err{number}"), "reading topic "));
    let held = || -> usize {
        let seen = broker.sandbox.run(&broker.line(&format!("kafi wc {to} -q --json 2> /dev/null")));
        let text = String::from_utf8(seen.stdout).unwrap();
        text.find("\"messages\":").map_or(0, |at| text[at + 11..].split(',').next().unwrap().parse().unwrap())
    };
    wait_until("a part of the copy", || held() > MESSAGES / 10);
    children.remove(0).0.kill().unwrap();
    for (number, mut child) in children.into_iter().enumerate() {
        assert_eq!(child.exit_code(), 0, "{}", broker.sandbox.read(&format!("err{}", number + 1)));
    }
    // Whatever had fallen to the one that was killed, and was not done, is still the group's to do.
    broker.text(&format!("kafi cp k:@t {to} -g {group} -q"));
}

#[test]
fn three_processes_share_one_copy_into_kafka() {
    let broker = source();
    broker.text("kafi touch k:@copy --partitions 3 --config retention.ms=-1");
    share(&broker, "k:@copy");
    assert_delivered(&broker, "k:@copy");
}

#[test]
fn three_processes_share_one_copy_into_a_folder() {
    let broker = source();
    share(&broker, "./folder/@t");
    assert!(lines(&broker, "./folder/@t") == lines(&broker, "k:@t"));
}

#[test]
fn a_group_that_follows_takes_new_partitions() {
    let broker = Broker::new();
    for target in ["./folder/@t", "k:@copy"] {
        broker.text("kafi touch k:@t --exist-ok && kafi rm -y k:@t");
        wait_until("the topic to be gone", || !broker.text("kafi ls 'k:@*'").contains("@t\n"));
        broker.text("kafi touch k:@t && seq 10 | kafi produce k:@t -q");
        let (from, to, group) = (broker.line("k:@t"), broker.line(target), broker.line("@g"));
        let mut child = broker.sandbox.start(
            &["cp", &from, &to, "-f", "-g", &group, "--config", "retention.ms=-1"],
            Stdio::null(),
            "out",
            "err",
        );
        let count = || {
            broker
                .sandbox
                .run(&broker.line(&format!("kafi cat {target} 2> /dev/null")))
                .stdout
                .iter()
                .filter(|b| **b == b'\n')
                .count()
        };
        wait_until("the first copy", || count() == 10);
        add_partitions(&broker, "@t", "3");
        broker.text("echo new | kafi produce k:@t -p 2 -q");
        wait_until("the new partition", || count() == 11);
        child.interrupt();
        assert_eq!(child.exit_code(), 130);
        let said = broker.sandbox.read("err");
        assert!(said.contains("11 read, 11 written, 0 failed in "), "{said}");
        assert!(lines(&broker, target) == lines(&broker, "k:@t"));
        // What was delivered is committed.
        assert_eq!(
            broker.seen(&format!("kafi cp k:@t {target} -g {group}")),
            "! 0 read, 0 written, 0 failed in 0.0 s\n"
        );
    }
}

#[test]
fn settings_and_partitions_of_a_copy_in_kafka() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 3 --config cleanup.policy=compact --config max.message.bytes=2000000 && seq 100 | sed 's/.*/&:&/' | kafi produce k:@t -K: -q");
    broker.text("kafi cp k:@t k:@copy --with-config --config max.message.bytes=3000000 -q");
    let settings = broker.text(
        "kafi config k:@copy | grep -E '^(cleanup.policy|max.message.bytes|retention.ms) ' | awk '{print $1, $2}'",
    );
    assert_eq!(settings, "cleanup.policy compact\nmax.message.bytes 3000000\nretention.ms -1\n");
    broker.text("kafi touch k:@two --partitions 2 --config retention.ms=-1 && kafi cp k:@t k:@two --repartition -q");
    broker.text("kafi touch k:@fresh --partitions 2 && seq 100 | sed 's/.*/&:&/' | kafi produce k:@fresh -K: -q");
    let placed = |topic: &str| {
        let mut lines: Vec<String> =
            broker.text(&format!("kafi cat k:{topic} -F '%p %k\\n'")).lines().map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(placed("@two"), placed("@fresh"));
}

/// Raises the number of partitions of a topic.
fn add_partitions(broker: &Broker, topic: &str, partitions: &str) {
    let (topic, tool) = (broker.line(topic), "org.apache.kafka.tools.TopicCommand");
    kafka_tool(&[
        tool,
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--alter",
        "--topic",
        &topic,
        "--partitions",
        partitions,
    ]);
}
