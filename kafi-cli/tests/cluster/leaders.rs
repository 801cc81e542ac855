//! Leaders of clusters of two and three brokers, and what topics are like, also as Apache Kafka's own tools see them.

use kafi_testkit::servers;

use crate::broker::{Broker, compact, kafka_tool, request, variable};
use crate::support::wait_until;

/// The leaders of a topic, as Kafka's own tool says.
fn leaders_of_the_tool(broker: &Broker, topic: &str) -> Vec<String> {
    let (topic, tool) = (broker.line(topic), "org.apache.kafka.tools.TopicCommand");
    let described = kafka_tool(&[tool, "--bootstrap-server", broker.servers, "--describe", "--topic", &topic]);
    let leader = |line: &str| Some(line.split_once("Leader: ")?.1.split_whitespace().next()?.to_string());
    described.lines().filter_map(leader).collect()
}

/// Sets the replicas of partition 0, the preferred one first: Kafka's own tool for that cannot work while a broker is out
/// of its reach, so that the request is written here (AlterPartitionReassignments, version 0).
fn set_replicas(servers: &str, topic: &str, replicas: [i32; 2]) {
    let mut body = 30_000_i32.to_be_bytes().to_vec();
    body.push(2);
    body.extend(compact(topic));
    body.extend_from_slice(&[2, 0, 0, 0, 0, 3]);
    replicas.iter().for_each(|replica| body.extend_from_slice(&replica.to_be_bytes()));
    body.extend_from_slice(&[0, 0, 0]);
    let answer = request(servers, 45, &body);
    // Behind how long it was held back.
    assert_eq!(answer[4..6], [0, 0], "{answer:?}");
}

/// A cluster of three brokers of its own, which this test starts, and whose brokers it kills.
struct Trio(Broker);

impl Trio {
    fn start() -> Self {
        servers::run(TRIO, &["wipe"]);
        Self(Broker::at(variable("KAFI_TEST_KAFKA_TRIO")))
    }

    /// A topic whose only partition these brokers hold.
    fn create(&self, topic: &str, replicas: &str) {
        let (topic, servers) = (self.0.line(topic), self.0.servers);
        let tool =
            ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", servers, "--create", "--topic", &topic];
        kafka_tool(&[&tool[..], &["--replica-assignment", replicas]].concat());
    }

    /// Waits until a partition is led by this broker, with these replicas in sync.
    fn wait_until_led(&self, topic: &str, leader: i32, in_sync: &str) {
        let line = format!("kafi topic show k:{topic} --json");
        let (leader, in_sync) = (format!("\"leader\":{leader},"), format!("\"in_sync\":[{in_sync}]"));
        wait_until(&format!("{topic}: {leader} {in_sync}"), || {
            let shown = self.0.text(&line);
            shown.contains(&leader) && shown.contains(&in_sync)
        });
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        servers::run(TRIO, &["wipe"]);
    }
}

const TRIO: &str = "kafka_trio";

const NOT_YET: &str = "! nothing is changed yet; --execute does it\n";

#[test]
fn leaders_move_when_brokers_die_and_come_back_with_elections() {
    let trio = Trio::start();
    let broker = &trio.0;
    trio.create("@p", "2:1");
    trio.create("@u", "2:3");
    broker.text("seq 2 | kafi produce k:@u -q");
    // The controller moves the leader; what is written from here on, the replica that is gone does not hold.
    servers::run(TRIO, &["kill", "3"]);
    trio.wait_until_led("@u", 2, "2");
    broker.text("seq 3 5 | kafi produce k:@u -q");
    servers::run(TRIO, &["kill", "2"]);
    trio.wait_until_led("@p", 1, "1");
    wait_until("nobody leads", || broker.text("kafi topic show k:@u --json").contains("\"leader\":-1,"));
    let shown = broker.seen("kafi elect k:@u --unclean");
    let lost = "! warning: messages that the new leaders do not hold are lost, and others get their offsets\n";
    assert!(shown.ends_with(&format!("{lost}{NOT_YET}")), "{shown}");
    let refused = broker.seen("kafi elect k:@u --unclean --execute -q");
    assert!(refused.contains("! error: elect leaders: topic @u, partition 0, storage k: "), "{refused}");
    assert!(refused.ends_with("? 1\n"), "no replica is alive: {refused}");

    servers::run(TRIO, &["start", "3"]);
    let unclean = "kafi elect k:@u --unclean --execute --json";
    let mut seen = String::new();
    wait_until("a replica that is alive leads", || {
        seen = broker.seen(unclean);
        !seen.contains("! error: ")
    });
    let plan = "{\"storage\":\"k\",\"topic\":\"@u\",\"partition\":0,\"leader\":null,\"to\":null,\"replicas\":\"2,3\",";
    assert!(seen.starts_with(plan) && seen.ends_with(lost), "{seen}");
    trio.wait_until_led("@u", 3, "3");
    assert_eq!(leaders_of_the_tool(broker, "@u"), ["3"]);
    assert_eq!(broker.text("kafi cat k:@u"), "1\n2\n", "the others are lost");

    servers::run(TRIO, &["start", "2"]);
    trio.wait_until_led("@p", 1, "1,2");
    let shown = broker.seen("kafi elect k:@p --json");
    let plan = "{\"storage\":\"k\",\"topic\":\"@p\",\"partition\":0,\"leader\":1,\"to\":2,\"replicas\":\"2,1\",\"in_sync\":\"1,2\"}\n";
    assert_eq!(shown, format!("{plan}{NOT_YET}"));
    assert_eq!(broker.seen("kafi elect k:@p --execute --json"), plan);
    trio.wait_until_led("@p", 2, "1,2");
    assert_eq!(leaders_of_the_tool(broker, "@p"), ["2"]);
    assert_eq!(broker.seen("kafi elect k:@p"), "! nothing to change\n");
}

#[test]
fn preferred_leaders_are_elected() {
    let broker = Broker::of_pair();
    // It is there also where its leader is the broker out of reach.
    broker.seen("kafi touch k:@t --replication 2 -q");
    let leader_of = |text: &str| text.split_once("\"leader\":").unwrap().1.split(',').next().unwrap().to_string();
    let leader = leader_of(&broker.text("kafi topic show k:@t --json"));
    assert_eq!(broker.seen("kafi elect k:@t"), "! nothing to change\n", "leaders are the preferred ones at first");
    // The other replica is preferred from here on.
    let (leader, other) = if leader == "1" { (1, 2) } else { (2, 1) };
    set_replicas(broker.servers, &broker.line("@t"), [other, leader]);
    let replicas = format!("\"replicas\":[{other},{leader}]");
    wait_until("the new order", || broker.text("kafi topic show k:@t --json").contains(&replicas));
    let plan = format!(
        "{{\"storage\":\"k\",\"topic\":\"@t\",\"partition\":0,\"leader\":{leader},\"to\":{other},\"replicas\":\"{other},{leader}\",\"in_sync\":\""
    );
    let shown = broker.seen("kafi elect k:@t --json");
    assert!(shown.starts_with(&plan) && shown.ends_with("! nothing is changed yet; --execute does it\n"), "{shown}");
    assert_eq!(leaders_of_the_tool(&broker, "@t"), [leader.to_string()]);
    broker.text("kafi elect k:@t --execute -q");
    wait_until("the preferred leader", || broker.seen("kafi elect k:@t") == "! nothing to change\n");
    assert_eq!(leaders_of_the_tool(&broker, "@t"), [other.to_string()]);
    assert_eq!(leader_of(&broker.text("kafi topic show k:@t --json")), other.to_string());
    // Nobody needs another leader that has one.
    assert_eq!(broker.seen("kafi elect k:@t --unclean --execute"), "! nothing to change\n");
    assert_eq!(
        broker.seen("kafi elect k:@t -p 7"),
        "! error: elect leaders: partition 7: there is no such partition\n? 1\n"
    );
    assert!(broker.seen("kafi elect k:@nope").ends_with("? 1\n"));
}

#[test]
fn topics_are_shown_with_what_is_set_and_what_may_be_done() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1 --config cleanup.policy=compact");
    let shown = broker.text("kafi topic show k:@t --json");
    for expected in [
        "{\"storage\":\"k\",\"topic\":\"@t\",\"id\":\"",
        "\"internal\":false,\"partitions\":[{\"partition\":0,\"leader\":1,\"replicas\":[1],\"in_sync\":[1]},{\"partition\":1,\"leader\":1,\"replicas\":[1],\"in_sync\":[1]}]",
        "\"config\":{\"cleanup.policy\":\"compact\",\"retention.ms\":\"-1\"}",
        "\"operations\":[\"read\",\"write\",\"create\",\"delete\",\"alter\",\"describe\",\"describe-configs\",\"alter-configs\"]}\n",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let table = broker.text("kafi topic show k:@t");
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["topic", "@t"]);
    assert!(words.contains(&vec!["config", "cleanup.policy=compact", "retention.ms=-1"]), "{table}");
    assert_eq!(
        words[words.len() - 3..],
        [
            vec!["TOPIC", "PARTITION", "LEADER", "REPLICAS", "IN", "SYNC"],
            vec!["@t", "0", "1", "1", "1"],
            vec!["@t", "1", "1", "1", "1"]
        ]
    );
    let missing = broker.seen("kafi topic show k:@t k:@nope --json");
    assert!(missing.starts_with("{\"storage\":\"k\",\"topic\":\"@t\",") && missing.ends_with("? 1\n"), "{missing}");
    assert!(missing.contains("! error: list topics: topic @nope, storage k: no such topic\n"), "{missing}");
}

#[test]
fn who_may_not_is_told_so() {
    let broker = Broker::new();
    let (servers, password) = (variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT"), variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
    let sasl = format!(
        "security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: PLAIN\n  sasl.username: alice\n  sasl.password: {password}"
    );
    broker.sandbox.write("configs/clusters/alice.yaml", format!("kafka:\n  bootstrap.servers: {servers}\n  {sasl}\n"));
    broker.text("kafi touch k:@t");
    broker
        .text("kafi acl create k: --principal User:alice --operation describe --resource topic --name @t --execute -q");
    // What she may see is shown; what she may not is named.
    let shown = broker.seen("kafi topic show alice:@t --json");
    assert!(shown.contains("\"config\":null,\"operations\":[\"describe\"]}"), "{shown}");
    assert!(shown.contains("! error: read settings: topic @t, storage alice: ") && shown.ends_with("? 1\n"), "{shown}");
    broker.text("kafi acl rm k: --resource topic --name @t --execute -q");
}
