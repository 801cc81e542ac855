//! Reading as members of a group on a real broker.

use std::collections::BTreeSet;
use std::process::Stdio;

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::{Running, wait_until};

/// The committed offsets of a topic's partitions, as Kafka's own tool tells them.
fn committed(group: &str) -> Vec<(i32, i64)> {
    let arguments = [
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--describe",
        "--group",
    ];
    let text = kafka_tool(&[&arguments[..], &[group]].concat());
    let rows = text.lines().filter(|line| line.starts_with(group));
    let mut offsets: Vec<(i32, i64)> = rows
        .filter_map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            // A partition that a member has, but that nothing was committed of yet, has a dash.
            (fields[3] != "-").then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
        })
        .collect();
    offsets.sort_unstable();
    offsets
}

/// Makes `k:@t` with the numbers from 0 to `count - 1` over its partitions.
fn numbers(broker: &Broker, partitions: usize, count: usize) {
    let line = |number| format!("{{\"partition\":{},\"value\":\"{number}\"}}\n", number % partitions);
    broker.sandbox.write("lines", (0..count).map(line).collect::<String>());
    broker.text(&format!("kafi touch k:@t --partitions {partitions} -q && kafi produce k:@t --json -q < lines"));
}

fn start(broker: &Broker, group: &str, more: &[&str], name: &str) -> Running {
    let topic = broker.line("k:@t");
    let arguments: Vec<&str> = ["cat", &topic, "-g", group].iter().chain(more).copied().collect();
    broker.sandbox.start(&arguments, Stdio::null(), name, &format!("{name}.err"))
}

fn lines(broker: &Broker, name: &str) -> Vec<String> {
    broker.sandbox.read(name).lines().map(str::to_string).collect()
}

#[test]
fn a_group_reads_on_and_kafka_knows_where_it_is() {
    let broker = Broker::new();
    let group = broker.line("@g");
    numbers(&broker, 2, 100);
    assert_eq!(broker.text("kafi cat k:@t -g @g --no-commit | wc -l").trim(), "100");
    let first: BTreeSet<String> = broker.text("kafi cat k:@t -g @g -n 30").lines().map(str::to_string).collect();
    assert_eq!(first.len(), 30);
    assert_eq!(committed(&group).iter().map(|(_, offset)| offset).sum::<i64>(), 30);
    let rest: BTreeSet<String> = broker.text("kafi cat k:@t -g @g").lines().map(str::to_string).collect();
    assert_eq!((rest.len(), first.is_disjoint(&rest)), (70, true));
    assert_eq!(committed(&group), [(0, 50), (1, 50)]);
    assert_eq!(broker.text("kafi cat k:@t -g @g"), "");
    // What comes from now on is committed as the beginning.
    assert_eq!(broker.text("kafi cat k:@t -g @late -o end"), "");
    broker.text("kafi produce k:@t -p 1 -q new");
    assert_eq!(broker.text("kafi cat k:@t -g @late"), "new\n");
    assert_eq!(
        broker.seen("kafi wc k:@t -g @g --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"messages\":1,\"key_bytes\":0,\"value_bytes\":3,\"tombstones\":0}\n! {\"read\":1,\"seconds\":0.0}\n"
    );
    assert_eq!(committed(&group), [(0, 50), (1, 51)]);
}

#[test]
fn members_share_the_partitions_and_nothing_comes_twice_when_they_come_and_go_in_order() {
    for strategy in [
        "partition.assignment.strategy=range",
        "partition.assignment.strategy=cooperative-sticky",
        "group.protocol=consumer",
    ] {
        let broker = Broker::new();
        let group = broker.line("@g");
        numbers(&broker, 4, 4000);
        broker.sandbox.write(
            "ticks",
            (0..4).map(|partition| format!("{{\"partition\":{partition},\"value\":\"tick\"}}\n")).collect::<String>(),
        );
        let follow = ["-f", "-X", strategy];
        let mut members = vec![start(&broker, &group, &follow, "one")];
        wait_until("the first messages", || lines(&broker, "one").len() == 4000);
        // The second takes partitions away from the first, which commits before it gives them up.
        members.push(start(&broker, &group, &follow, "two"));
        wait_until("both to have their share", || {
            broker.text("kafi produce k:@t --json -q < ticks");
            !lines(&broker, "two").is_empty()
        });
        // The first goes, and the second goes on with everything.
        members[0].interrupt();
        assert_eq!(members[0].exit_code(), 130, "{strategy}: {}", broker.sandbox.read("one.err"));
        let all =
            || broker.text("kafi wc k:@t --json -q").split(&[':', ','][..]).nth(5).unwrap().parse::<usize>().unwrap();
        let written = all();
        wait_until("everything", || lines(&broker, "one").len() + lines(&broker, "two").len() >= written);
        members[1].interrupt();
        assert_eq!(members[1].exit_code(), 130);
        assert_eq!(
            lines(&broker, "one").len() + lines(&broker, "two").len(),
            written,
            "{strategy}: nothing comes twice"
        );
        assert_eq!(committed(&group).iter().map(|(_, offset)| *offset as usize).sum::<usize>(), written);
    }
}

#[test]
fn when_a_member_is_killed_the_other_goes_on_and_nothing_is_lost() {
    let broker = Broker::new();
    let group = broker.line("@g");
    numbers(&broker, 4, 1000);
    let follow = ["-f", "-X", "session.timeout.ms=6000"];
    let (mut one, mut two) = (start(&broker, &group, &follow, "one"), start(&broker, &group, &follow, "two"));
    let seen = || lines(&broker, "one").into_iter().chain(lines(&broker, "two")).collect::<BTreeSet<String>>();
    wait_until("all messages", || seen().len() == 1000);
    one.0.kill().unwrap();
    one.0.wait().unwrap();
    let later = |number| format!("{{\"partition\":{},\"value\":\"later-{number}\"}}\n", number % 4);
    broker.sandbox.write("later", (0..1000).map(later).collect::<String>());
    broker.text("kafi produce k:@t --json -q < later");
    wait_until("the other to read everything", || {
        lines(&broker, "two").iter().filter(|line| line.starts_with("later-")).collect::<BTreeSet<_>>().len() == 1000
    });
    two.interrupt();
    assert_eq!(two.exit_code(), 130);
    assert_eq!(seen().len(), 2000);
    assert_eq!(committed(&group), [(0, 500), (1, 500), (2, 500), (3, 500)]);
    let err = broker.sandbox.read("two.err");
    assert!(err.ends_with(&broker.line("stopped; the next offsets are: @t 0=500 1=500 2=500 3=500\n")), "{err}");
}

#[test]
fn topics_that_come_later_are_followed() {
    for strategy in [
        "partition.assignment.strategy=range",
        "partition.assignment.strategy=cooperative-sticky",
        "group.protocol=consumer",
    ] {
        let broker = Broker::new();
        let (group, glob) = (broker.line("@g"), broker.line("k:@t*"));
        numbers(&broker, 2, 100);
        // Also a member that begins at the end misses nothing of them.
        let arguments = ["cat", &glob, "-g", &group, "-f", "-o", "end", "-X", strategy];
        let mut member = broker.sandbox.start(&arguments, Stdio::null(), "seen", "err");
        wait_until("the first message", || {
            broker.text("kafi produce k:@t -q tick");
            !lines(&broker, "seen").is_empty()
        });
        broker.text("kafi touch k:@other k:@t2 --partitions 2 -q");
        broker.text("kafi produce k:@t2 -q late && kafi produce k:@other -q other");
        wait_until("the message of the topic that came later", || lines(&broker, "seen").contains(&"late".to_string()));
        broker.text("kafi produce k:@t -q last");
        wait_until("the topic that was there to go on", || lines(&broker, "seen").contains(&"last".to_string()));
        member.interrupt();
        assert_eq!(member.exit_code(), 130, "{strategy}: {}", broker.sandbox.read("err"));
        let seen = lines(&broker, "seen");
        assert_eq!(
            seen.iter().filter(|line| *line != "tick").count(),
            2,
            "{strategy}: nothing comes twice, and nothing of others: {seen:?}"
        );
        assert!(
            seen.iter().filter(|line| *line == "tick").count()
                <= broker.text("kafi grep tick k:@t 2> /dev/null").lines().count(),
            "{strategy}"
        );
    }
}

#[test]
fn a_member_to_which_nothing_falls_ends() {
    let broker = Broker::new();
    let group = broker.line("@g");
    numbers(&broker, 1, 10);
    let mut holder = start(&broker, &group, &["-f"], "one");
    wait_until("all messages", || lines(&broker, "one").len() == 10);
    wait_until("what is done to be committed on the way", || committed(&group) == [(0, 10)]);
    // Whoever only looks does not join.
    assert_eq!(broker.text("kafi cat k:@t -g @g --no-commit"), "");
    // Whichever of the two gets the partition, there is nothing to read, and the one that does not follow ends.
    assert_eq!(broker.text("kafi cat k:@t -g @g"), "");
    holder.interrupt();
    assert_eq!(holder.exit_code(), 130);
}

#[test]
fn group_properties_reach_the_group() {
    let broker = Broker::new();
    numbers(&broker, 1, 3);
    let write = |name: &str, properties: &str, settings: &str| {
        let text =
            format!("kafka:\n  bootstrap.servers: {}\n{properties}kafi:\n{settings}", variable("KAFI_TEST_KAFKA"));
        broker.sandbox.write(&format!("configs/clusters/{name}.yaml"), text);
    };
    // The broker refuses a session as short as this, so that it shows what came to it.
    write("short", "", "  session.timeout.ms: 500\n");
    write("won", "  session.timeout.ms: 6000\n", "  session.timeout.ms: 500\n");
    write("lost", "  session.timeout.ms: 500\n", "  session.timeout.ms: 6000\n");
    write("new", "  group.protocol: consumer\n", "  session.timeout.ms: 45000\n");
    let refused = "! error: read: storage NAME: JoinGroup failed: Broker: Invalid session timeout\n\
                   ! hint: the broker allows what lies between its group.min.session.timeout.ms and its group.max.session.timeout.ms\n? 2\n";
    for (storage, more) in
        [("short", ""), ("lost", ""), ("won", "-X session.timeout.ms=500"), ("k", "-X session.timeout.ms=500")]
    {
        assert_eq!(
            broker.seen(&format!("kafi cat {storage}:@t -g @g {more}")),
            refused.replace("NAME", storage),
            "{storage} {more}"
        );
    }
    for (storage, group, more) in
        [("won", "@g1", ""), ("short", "@g2", "-X session.timeout.ms=6000"), ("new", "@g3", "")]
    {
        assert_eq!(broker.text(&format!("kafi cat {storage}:@t -g {group} {more}")), "0\n1\n2\n", "{storage} {more}");
    }
}

#[test]
fn whoever_fails_leaves_the_group() {
    let broker = Broker::new();
    numbers(&broker, 1, 10);
    broker.text("kafi group reset k:@g @t -o 2 --execute && kafi delete-records -y k:@t -o 5");
    let target = "kafi touch k:@small --config max.message.bytes=60";
    broker.text(target);
    for line in [
        "kafi cat k:@t -g @g",
        "kafi grep 7 k:@t -g @g",
        "kafi grep -c 7 k:@t -g @g",
        "kafi wc k:@t -g @g",
        "kafi cp k:@t k:@copy -g @g",
    ] {
        let refused = broker.seen(line);
        assert!(refused.contains("offsets 2 to 4 are no longer there"), "{line}: {refused}");
        assert!(!broker.text("kafi group show k:@g --json").contains("\"member\":\""), "{line}");
    }
    let line = r#"for n in 1 2 3; do printf '{"value":"%0200d"}\n' $n; done | kafi produce k:@t --json -q"#;
    broker.text(line);
    for line in [
        "kafi cat k:@t -g @g --allow-gap > /dev/full",
        "kafi wc k:@t -g @g --allow-gap > /dev/full",
        "kafi cp k:@t k:@small -g @g --allow-gap --force",
    ] {
        let failed = broker.seen(line);
        assert!(failed.contains("error: ") && failed.ends_with("? 1\n"), "{line}: {failed}");
        assert!(!broker.text("kafi group show k:@g --json").contains("\"member\":\""), "{line}");
    }
    // So that the next one need not wait until the broker has given it up.
    assert_eq!(broker.text("kafi cat k:@t -g @g --allow-gap -n 1"), "5\n");
    broker.text("kafi group rm -y k:@g");
}
