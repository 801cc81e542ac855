//! What a broker refuses is told in words that help, and ends what it is about.

use crate::broker::{Broker, kafka_tool, variable};

fn alice(broker: &Broker) {
    let (servers, password) = (variable("KAFI_TEST_KAFKA_SASL_PLAINTEXT"), variable("KAFI_TEST_KAFKA_ALICE_PASSWORD"));
    let config = format!(
        "kafka:\n  bootstrap.servers: {servers}\n  security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: PLAIN\n  sasl.username: alice\n  sasl.password: {password}\n"
    );
    broker.sandbox.write("configs/clusters/alice.yaml", config);
}

fn allow(what: &[&str]) {
    let acl = [
        "org.apache.kafka.tools.AclCommand",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--add",
        "--allow-principal",
        "User:alice",
    ];
    kafka_tool(&[&acl[..], what].concat());
}

#[test]
fn a_topic_that_may_not_be_read_ends_what_has_no_end_and_keeps_nothing_else_from_being_read() {
    let broker = Broker::new();
    alice(&broker);
    broker.text("for t in k:@may k:@not; do kafi touch $t --partitions 2 -q; seq 3000 | kafi produce $t -q; done");
    let topic = |name: &str| broker.line(&format!("@{name}"));
    allow(&["--operation", "Read", "--topic", &topic("may")]);
    allow(&["--operation", "Describe", "--topic", &topic("not")]);
    allow(&["--operation", "Read", "--group", &topic("group")]);
    for (line, lines) in [
        ("cat alice:@may alice:@not", Some(3000)),
        ("cat alice:@not alice:@may", Some(3000)),
        ("cat 'alice:@*'", Some(3000)),
        ("wc alice:@may alice:@not | grep '@may .*3000'", Some(1)),
        ("grep 1 alice:@may alice:@not", Some(1542)),
        ("head -n 100000 alice:@may alice:@not", Some(3000)),
        ("tail -n 100000 alice:@may alice:@not", Some(3000)),
        ("cat --order time alice:@may alice:@not", Some(3000)),
        ("cat --order partition alice:@may alice:@not", Some(3000)),
        ("cp alice:@may alice:@not ./copy/ && exit 3; kafi cat ./copy/@may", Some(3000)),
        ("cp -n 100000 'alice:@*' ./copy/ && exit 3; kafi cat ./copy/@may", Some(3000)),
        ("cat -f alice:@may alice:@not", None),
        ("cat -g @group alice:@may alice:@not", None),
        ("grep -g @group nothing alice:@may alice:@not", None),
        ("wc -g @group alice:@may alice:@not", None),
        ("cp -g @group alice:@may alice:@not ./copy/", None),
        ("wc -g @group --no-commit alice:@may alice:@not", None),
        ("cp -f alice:@may alice:@not ./mirror/", None),
        ("diff alice:@may alice:@not", None),
        ("cat alice:@not", Some(0)),
    ] {
        for _ in 0..3 {
            let seen = broker.seen(&format!(
                "rm -rf copy mirror; (set -o pipefail; timeout 60 kafi {line}) 2> said > read; code=$?; grep error said; wc -l < read; exit $code"
            ));
            assert!(seen.contains("@not") && seen.contains("authorization failed"), "{line}: {seen}");
            let code = if line.contains("exit 3") {
                0
            } else if line.starts_with("grep") || line.starts_with("diff") {
                2
            } else {
                1
            };
            assert!(seen.ends_with(&format!("? {code}\n")) || code == 0 && !seen.contains("? "), "{line}: {seen}");
            assert!(lines.is_none_or(|lines| seen.contains(&format!("\n{lines}\n"))), "{line}: {seen}");
        }
    }
}

#[test]
fn that_a_topic_may_not_be_read_is_told_also_where_its_commit_is_refused_first() {
    let broker = Broker::new();
    alice(&broker);
    broker.text("kafi touch k:@not --partitions 2 -q; seq 9 | kafi produce k:@not -q");
    broker.text(
        "kafi touch k:@may -q; head -c 20000000 /dev/zero | tr '\\0' x | fold -w 100000 | kafi produce k:@may -q",
    );
    let topic = |name: &str| broker.line(&format!("@{name}"));
    allow(&["--operation", "Read", "--topic", &topic("may")]);
    allow(&["--operation", "Describe", "--topic", &topic("not")]);
    allow(&["--operation", "Read", "--group", &topic("group")]);
    // Offsets are committed each second, and whoever takes the output takes longer.
    for _ in 0..3 {
        let seen =
            broker.seen("timeout 60 kafi cat -g @group alice:@may alice:@not 2> said | (sleep 2; cat > /dev/null); cat said; kafi group rm -y k:@group -q");
        assert!(seen.contains("error: read: topic @not") && seen.contains("authorization failed"), "{seen}");
    }
    // Where nothing is read, the commit says what it is about.
    let seen = broker.seen("kafi group reset alice:@group @not -o start --execute");
    assert!(seen.contains("topic @not") && seen.contains("authorization failed"), "{seen}");
}

#[test]
fn compacted_topics_say_so() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --config cleanup.policy=compact -q && kafi produce k:@t -k a 1 -q && kafi produce k:@t -k a 2 -q");
    let seen = broker.seen("kafi delete-records -y k:@t -o 1");
    assert!(
        seen.contains("the topic is compacted")
            && seen.contains("hint: set cleanup.policy=compact,delete")
            && seen.ends_with("? 1\n"),
        "{seen}"
    );
    let seen = broker.seen("kafi produce k:@t without-a-key");
    assert!(
        seen.contains("the topic is compacted") && seen.contains("needs a key") && seen.contains("hint: give keys"),
        "{seen}"
    );
    assert_eq!(broker.text("kafi wc --json k:@t | head -n 1 | jq .messages"), "2\n");
}

#[test]
fn topics_of_the_brokers_own_are_deleted_only_when_that_is_said() {
    let broker = Broker::new();
    // So that it is there.
    broker.text("kafi touch k:@t -q && kafi group reset k:@g @t -o start --execute -q && kafi group rm -y k:@g -q");
    let seen = broker.seen("kafi rm -y k:@t k:__consumer_offsets");
    assert!(
        seen.contains("topic __consumer_offsets, storage k:")
            && seen.contains("hint: --internal")
            && seen.ends_with("? 2\n"),
        "{seen}"
    );
    assert_eq!(broker.text("kafi ls k:@t"), "@t\n", "nothing is deleted");
    assert_eq!(broker.text("kafi ls -a k: | grep -c '^__consumer_offsets$'"), "1\n");
}

#[test]
fn files_and_mechanisms_that_are_missing_are_named_before_anything_is_asked() {
    let broker = Broker::new();
    let line = "timeout 9 kafi ls kafka://127.0.0.1:1/ -X security.protocol=sasl_ssl";
    let seen = broker.seen(&format!(
        "{line} -X sasl.mechanism=PLAIN -X sasl.username=u -X sasl.password=p -X ssl.ca.location=/no/such/ca.pem"
    ));
    assert!(
        seen.contains("property ssl.ca.location, file /no/such/ca.pem")
            && seen.contains("no such file or directory")
            && seen.ends_with("? 2\n"),
        "{seen}"
    );
    let seen = broker.seen(&format!("{line} -X sasl.username=u -X sasl.password=p"));
    assert!(
        seen.contains("property sasl.mechanism")
            && seen.contains("hint: set sasl.mechanism to PLAIN")
            && seen.ends_with("? 2\n"),
        "{seen}"
    );
}
