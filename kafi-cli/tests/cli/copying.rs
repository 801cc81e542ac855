//! `cp` between folders.

use crate::support::Sandbox;

/// A topic of two partitions with gaps at its start, and one of one.
fn source() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "lines",
        r#"{"partition":0,"timestamp":3,"timestamp_type":"append","headers":[{"key":"h","value":null}],"key":"","value":null}
{"partition":1,"timestamp":2,"key":"k","value":""}
{"partition":1,"timestamp":1,"key":null,"value":"v"}
"#,
    );
    sandbox.text("kafi touch ./a/t --partitions 2 && kafi produce ./a/t --json -q < lines && kafi touch ./a/u && kafi produce ./a/u x -q");
    sandbox
}

#[test]
fn a_copy_is_the_same_in_every_field() {
    let sandbox = source();
    sandbox.check(
        r#"
        $ kafi cp ./a/t ./b/copy
        ! 3 read, 3 written, 0 failed in 0.0 s
        $ kafi cat ./a/t --json > before; kafi cat ./b/copy --json | sed 's/"topic":"copy"/"topic":"t"/' | diff before - && cut -d, -f 2- before
        "partition":0,"offset":0,"timestamp":3,"timestamp_type":"append","headers":[{"key":"h","value":null}],"key":"","value":null}
        "partition":1,"offset":0,"timestamp":2,"timestamp_type":"create","headers":[],"key":"k","value":""}
        "partition":1,"offset":1,"timestamp":1,"timestamp_type":"create","headers":[],"key":null,"value":"v"}
        "#,
    );
}

#[test]
fn one_or_many_into_a_storage_or_a_topic() {
    let sandbox = source();
    sandbox.write("configs/locals/store.yaml", "local:\n  root.dir: store\n");
    sandbox.check(
        r#"
        $ kafi cp './a/*' ./b/ && kafi ls -l ./b/ | sed 's/ *[0-9]* B$//'
        TOPIC  PARTITIONS  REPLICAS  MESSAGES  BYTES
        t               2         1         3
        u               1         1         1
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi cp ./a/t ./a/u store: -q && kafi ls store:
        t
        u
        $ kafi cp ./a/t ./a/v --json
        ! {"read":3,"written":3,"failed":0,"seconds":0.0}
        $ kafi cp ./a/t ./c/ -q && kafi ls ./c/
        t
        $ kafi cp ./a/t
        ! error: read arguments: the following required arguments were not provided: <SOURCE>...
        ! hint: usage: kafi cp <SOURCE>... <TARGET>
        ? 2
        $ kafi cp ./a/nope ./d/; ls d 2>&1
        ls: cannot access 'd': No such file or directory
        ! error: find topic: topic nope, storage ./a: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        $ kafi cp ./a/t ./a/t
        ! error: copy: topic t: source and target are the same topic
        ? 2
        $ kafi cp ./a/t ./a/
        ! error: copy: topic t: source and target are the same topic
        ? 2
        $ kafi cp ./a/t mem:
        ! 3 read, 3 written, 0 failed in 0.0 s
        $ kafi cp ./a/t ./e/ --no-create; ls e 2>&1
        ls: cannot access 'e': No such file or directory
        ! error: copy: topic t: no such topic
        ! hint: create it first, or leave out --no-create
        ? 2
        $ kafi cp ./a/ ./b/
        ! error: read address: address "./a/": this names a storage, where a topic is wanted
        ! hint: kafi ls ./a/ lists its topics
        ? 2
        "#,
    );
}

#[test]
fn a_target_that_holds_messages_is_refused() {
    source().check(
        r#"
        $ kafi cp ./a/u ./b/ -q
        $ kafi cp ./a/u ./b/
        ! error: copy: topic u: the target holds 1 messages already
        ! hint: pass --append to write behind them, at new offsets
        ? 1
        $ kafi cp ./a/u ./b/ --append
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cat ./b/u -F '%o %v\n'
        0 x
        1 x
        $ kafi touch ./b/t && kafi cp ./a/t ./b/
        ! error: copy: topic t: the target has too few partitions (1) for the source (2): keys would change their partitions
        ! hint: copy into a new topic, or add partitions to the target
        ? 2
        $ kafi touch ./c/t --partitions 3 && kafi cp ./a/t ./c/ -q && kafi wc ./c/t -q
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             3          1            1           1
        "#,
    );
}

#[test]
fn offsets_are_kept() {
    source().check(
        r#"
        $ seq 10 | kafi produce ./a/u -q
        $ kafi cp ./a/u ./b/ -o 4:8 && kafi cat ./b/u -F '%o %v\n' && kafi watermarks ./b/u
        4 4
        5 5
        6 6
        7 7
        TOPIC  PARTITION  LOW  HIGH  MESSAGES
        u              0    4     8         4
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi cp ./b/u ./c/ && kafi cat ./c/u -F '%o %v\n'
        4 4
        5 5
        6 6
        7 7
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi cp ./b/u ./d/ -n 2 && kafi watermarks ./d/u
        TOPIC  PARTITION  LOW  HIGH  MESSAGES
        u              0    4     6         2
        ! 2 read, 2 written, 0 failed in 0.0 s
        $ kafi cp ./a/t ./d/ -p 1 && kafi cat ./d/t -F '%p %o %v|\n'
        1 0 |
        1 1 v|
        ! 2 read, 2 written, 0 failed in 0.0 s
        "#,
    );
}

#[test]
fn timestamps_and_settings_of_the_target() {
    source().check(
        r#"
        $ kafi cp ./a/t ./b/ --ignore-timestamp -q && kafi cat ./b/t -o @-1h | wc -l
        3
        $ kafi cp ./a/u ./c/ --config retention.ms=1000 -q && grep -o '"retention.ms": *"[0-9]*"' c/topics/u/topic.json
        "retention.ms": "1000"
        $ kafi cp ./a/u ./c/ --config nonsense
        ! error: read arguments: invalid value 'nonsense' for '--config <KEY=VALUE>': it is written KEY=VALUE
        ? 2
        $ kafi touch ./d/t --partitions 2 --config message.timestamp.type=LogAppendTime && kafi cp ./a/t ./d/ -q && kafi cat ./d/t --json | cut -d, -f 4,5
        "timestamp":3,"timestamp_type":"append"
        "timestamp":2,"timestamp_type":"create"
        "timestamp":1,"timestamp_type":"create"
        "#,
    );
}
