//! Topics, storages, and the tool itself.

use crate::support::{Sandbox, seen};

#[test]
fn topics_come_and_go() {
    Sandbox::new().check(
        r#"
        $ kafi touch b a -q && kafi touch a
        ! error: create topic: topic a, storage ./kafi-data: it exists already
        ! hint: --exist-ok leaves it as it is
        ? 1
        $ kafi touch a --exist-ok
        $ kafi touch c --partitions 3 --config retention.ms=1 --config cleanup.policy=compact && kafi watermarks c
        TOPIC  PARTITION  LOW  HIGH  MESSAGES
        c              0    0     0         0
        c              1    0     0         0
        c              2    0     0         0
        $ kafi touch d --replication 2
        ! error: create topic: topic d: 2 replicas are not possible, this storage keeps one
        ? 2
        $ kafi touch e --partitions 0
        ! error: read arguments: invalid value '0' for '--partitions <N>': 0 is not in 1..=2147483647
        ? 2
        $ kafi touch f --config nonsense=1
        ! error: set topic configuration: setting nonsense: there is no such setting
        ! hint: the settings are those of Kafka's topics, such as compression.type or segment.bytes
        ? 2
        $ kafi touch f --config retention.ms=soon
        ! error: read arguments: invalid value 'retention.ms=soon' for '--config <KEY=VALUE>': it is a number of milliseconds, or a duration such as 7d or 1h30m
        ? 2
        $ kafi touch 'a b'
        ! error: check topic name: topic "a b": ' ' is not allowed: only a-z A-Z 0-9 . _ -
        ? 2
        $ kafi touch ''
        ! error: read address: address "": an address cannot be empty
        ? 2
        $ kafi ls; kafi l a; kafi ls nope
        a
        b
        c
        a
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        $ kafi rm a
        ! error: delete topics: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi rm -y a nope; kafi ls
        a
        b
        c
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        $ kafi rm -y a b && kafi ls
        c
        $ kafi rm -y ./kafi-data/
        ! error: read address: address "./kafi-data/": this names a storage, where a topic is wanted
        ! hint: kafi ls ./kafi-data/ lists its topics
        ? 2
        "#,
    );
}

#[test]
fn rm_asks_on_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t u -q");
    let asked = |answer: &str| {
        let output = sandbox.run(&format!("script -qec 'kafi rm t u' /dev/null <<< {answer}"));
        (
            seen(&output).contains("delete t on ./kafi-data, u on ./kafi-data, with all messages? [y/N] "),
            output.status.code(),
        )
    };
    assert_eq!(asked("n"), (true, Some(1)));
    assert_eq!(sandbox.text("kafi ls"), "t\nu\n");
    assert_eq!(asked("y"), (true, Some(0)));
    assert_eq!(sandbox.text("kafi ls"), "");
}

#[test]
fn storages() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/good.yaml", "local:\n  root.dir: data\n");
    sandbox.write("configs/locals/bad.yaml", "local:\n  root.dirr: data\n");
    sandbox.write("configs/locals/env.yaml", "local:\n  root.dir: ${NOT_SET}\n");
    sandbox.write("configs/locals/broken.yaml", "local:\n  root.dir: [\n");
    sandbox.check(
        r#"
        $ kafi storage ls
        STORAGE        KIND   FILE
        locals/bad     local  ./configs/locals/bad.yaml
        locals/broken  local  ./configs/locals/broken.yaml
        locals/env     local  ./configs/locals/env.yaml
        locals/good    local  ./configs/locals/good.yaml
        $ kafi touch good:t && kafi storage check good:
        storage       good
        kind          file
        identity      DIR/data
        topics        1
        capabilities  consume consume_group produce produce_partition produce_timestamp produce_keep_timestamp_type produce_keep_offsets produce_headers produce_keep_forever admin_topics admin_partitions admin_config admin_delete_records admin_groups admin_times admin_notes admin_delete_group_offsets files
        $ kafi storage check good --json
        {"storage":"good","kind":"file","identity":"DIR/data","topics":1,"capabilities":"consume consume_group produce produce_partition produce_timestamp produce_keep_timestamp_type produce_keep_offsets produce_headers produce_keep_forever admin_topics admin_partitions admin_config admin_delete_records admin_groups admin_times admin_notes admin_delete_group_offsets files"}
        $ kafi storage merge good:t
        ! error: merge: storage good: this kind of storage has no such operation
        ? 2
        $ kafi storage merge good:tt
        ! error: find topic: topic tt, storage good: no such topic
        ! hint: did you mean good:t?
        ? 1
        $ kafi cluster good:
        ! error: describe cluster: storage good: this kind of storage has no brokers
        ? 2
        $ kafi cluster
        ! error: describe cluster: storage ./kafi-data: this kind of storage has no brokers
        ? 2
        $ KAFI_STORAGE=good kafi cluster
        ! error: describe cluster: storage good: this kind of storage has no brokers
        ? 2
        $ kafi storage check bad:
        ! error: read configuration: file ./configs/locals/bad.yaml, section local, key root.dirr: unknown key, did you mean root.dir?
        ? 2
        $ kafi storage check env:
        ! error: read configuration: file ./configs/locals/env.yaml, section local, key root.dir: the environment variable NOT_SET is not set
        ? 2
        $ kafi storage check broken:
        ! error: read configuration: file ./configs/locals/broken.yaml: local.root.dir: invalid type: sequence, expected a single value at line 2 column 13
        ? 2
        $ kafi storage check nope:
        ! error: read configuration: storage nope, looked in .: no configuration has this name
        ? 2
        $ kafi storage check good:t
        ! error: read address: address "good:t": this names a topic where a storage is wanted
        ? 2
        $ kafi storage check mem: | head -n 2
        storage       mem
        kind          mem
        $ mkdir empty && cd empty && kafi storage ls
        "#,
    );
}

#[test]
fn a_folder_that_is_not_one() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "no folder");
    sandbox.check(
        r#"
        $ kafi touch ./file/t
        ! error: open storage: storage ./file, path ./file: it is a file, not a folder
        ? 2
        $ kafi ls ./file/
        ! error: list topics: path ./file/topics: not a directory
        ? 1
        $ kafi ls ./nothing/
        $ kafi produce ./nothing/t x
        ! error: find topic: topic t, storage ./nothing: no such topic
        ! hint: --create creates it
        ? 1
        "#,
    );
}

#[test]
fn the_tool_itself() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    for command in ["version", "--version", "-V"] {
        let text = sandbox.text(&format!("kafi {command}"));
        assert!(text.starts_with(&format!("kafi {version}\nlibrdkafka ")) && text.lines().count() == 2, "{text}");
    }
    let json = sandbox.text("kafi version --json");
    assert!(json.starts_with(&format!("{{\"kafi\":\"{version}\",\"librdkafka\":")) && !json.contains("\\u"), "{json}");
    for command in ["--help", "-h", "help", "help cp", "cp --help", "storage --help"] {
        let help = sandbox.text(&format!("kafi {command}"));
        assert!(help.contains("Usage: kafi"), "{command}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{command}");
    }
}

/// One topic that cannot be read hides no other: it is named, and the exit code says it.
#[test]
fn a_damaged_topic_hides_no_other() {
    let sandbox = Sandbox::new();
    sandbox.check(
        r#"
        $ kafi touch -q good strange late && seq 3 | kafi produce -q good && echo '{"id":"a","partitions":2147483647,"created":1}' > kafi-data/topics/strange/topic.json
        $ echo x > kafi-data/topics/late/0/start
        $ kafi ls
        good
        late
        ! error: read topic: topic strange, path ./kafi-data/topics/strange/topic.json: the file is damaged: it says 2147483647 partitions, where 1 to 100000 are possible
        ! hint: restore the file from a backup; the messages are beside it
        ? 1
        $ kafi ls -l
        TOPIC  PARTITIONS  REPLICAS  MESSAGES  BYTES
        good            1         1         3   85 B
        late            1         1         -    0 B
        ! error: read topic: topic strange, path ./kafi-data/topics/strange/topic.json: the file is damaged: it says 2147483647 partitions, where 1 to 100000 are possible
        ! hint: restore the file from a backup; the messages are beside it
        ! error: read log start: topic late, partition 0, path ./kafi-data/topics/late/0/start: there is no offset in the file
        ! hint: write the first offset that counts into that file, or remove it to read from the first segment on
        ? 1
        $ kafi ls 'good*' -l
        TOPIC  PARTITIONS  REPLICAS  MESSAGES  BYTES
        good            1         1         3   85 B
        $ kafi ls './kafi-data/*' 2>/dev/null
        good
        late
        ? 1
        "#,
    );
}

#[test]
fn topics_are_shown() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t --partitions 2 --config retention.ms=7d -q && kafi touch u -q");
    sandbox.check(
        r#"
        $ kafi topic show t u | sed 's/^id .*/id          ID/'
        topic       t
        id          ID
        internal    no
        partitions  2
        config      retention.ms=604800000

        topic       u
        id          ID
        internal    no
        partitions  1
        config      -

        TOPIC  PARTITION  LEADER  REPLICAS  IN SYNC
        t              0       0  0         0
        t              1       0  0         0
        u              0       0  0         0
        $ kafi topic show u --json | sed 's/"id":"[^"]*"/"id":"ID"/'
        {"storage":"./kafi-data","topic":"u","id":"ID","internal":false,"partitions":[{"partition":0,"leader":0,"replicas":[0],"in_sync":[0]}],"config":{},"operations":null}
        $ kafi topic show v
        ! error: find topic: topic v, storage ./kafi-data: no such topic
        ! hint: did you mean t?
        ? 1
        $ kafi elect t
        ! error: elect leaders: storage ./kafi-data: this kind of storage has no brokers that could lead
        ? 2
        "#,
    );
}
