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
        "#,
    );
}

#[test]
fn a_storage_alone_means_all_its_topics() {
    let sandbox = source();
    sandbox.check(
        r#"
        $ kafi cp ./a/ ./b/ && kafi ls ./b/
        t
        u
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi touch ./a/w && kafi cp --resume ./a/ ./b/ && kafi ls ./b/
        t
        u
        w
        ! 0 read, 0 written, 0 failed in 0.0 s
        $ kafi cp ./a/ ./a/u ./c/ --dry-run --json | cut -d, -f 3,7-
        "partition":0,"target":"./c/t"}
        "partition":1,"target":"./c/t"}
        "partition":0,"target":"./c/u"}
        "partition":0,"target":"./c/w"}
        $ kafi cp ./a/ ./c
        ! error: copy: address "./c": several sources need a storage as target, which keeps their names
        ! hint: a folder ends with a slash: ./c/
        ? 2
        $ kafi cp ./empty/ ./d/; ls d 2>&1
        ls: cannot access 'd': No such file or directory
        ! 0 read, 0 written, 0 failed in 0.0 s
        ? 2
        "#,
    );
}

#[test]
fn one_topic_that_cannot_be_copied_keeps_no_other_from_it() {
    let sandbox = source();
    sandbox.check(
        r#"
        $ kafi produce ./a/v y --create -q && kafi produce ./b/u mine --create -q && kafi cp './a/*' ./b/ && kafi ls ./b/
        ! error: topic u is not copied: copy: topic u: the target holds 1 messages already (pass --resume to go on where this copy stopped, or --append to write behind them, at new offsets)
        ! 4 read, 4 written, 0 failed in 0.0 s
        ! error: copy: 1 of 3 topics was not copied, for the reasons above
        ? 1
        $ kafi ls ./b/; kafi cat ./b/u ./b/v
        t
        u
        v
        mine
        y
        $ kafi cp ./a/t ./a/gone ./a/v ./c/ -q; echo $?; kafi ls ./c/
        1
        t
        v
        ! error: topic gone is not copied: find topic: topic gone, storage ./a: no such topic (`kafi touch` creates a topic, and so does --create when producing)
        ! error: copy: 1 of 3 topics was not copied, for the reasons above
        $ kafi cp ./a/gone ./a/gone2 ./c/
        ! error: topic gone is not copied: find topic: topic gone, storage ./a: no such topic (`kafi touch` creates a topic, and so does --create when producing)
        ! error: topic gone2 is not copied: find topic: topic gone2, storage ./a: no such topic (`kafi touch` creates a topic, and so does --create when producing)
        ! error: copy: 2 of 2 topics were not copied, for the reasons above
        ? 1
        $ kafi touch ./a/t ./a/new ./a/v; echo $?; kafi ls ./a/
        1
        new
        t
        u
        v
        ! error: create topic: topic t, storage ./a: it exists already
        ! hint: --exist-ok leaves it as it is
        ! error: create topic: topic v, storage ./a: it exists already
        ! hint: --exist-ok leaves it as it is
        "#,
    );
}

#[test]
fn a_message_without_a_timestamp_stays_one() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "lines",
        r#"{"timestamp":5,"value":"a"}
{"timestamp":-1,"value":"b"}
{"timestamp":-1,"value":"c"}
{"value":"d"}
{"timestamp":0,"value":"e"}
"#,
    );
    sandbox.check(
        r#"
        $ kafi produce ./a/t --json --create < lines; kafi cat ./a/t -F '%T %v\n' | sed 's/^1[0-9]\{12\}/now/'
        5 a
        -1 b
        -1 c
        now d
        0 e
        ! {"written":5,"seconds":0.0}
        $ kafi cp ./a/t ./b/ -q; kafi cp ./a/t ./b/ --append -q; kafi cat ./b/t -F '%T %v\n' | sed 's/^1[0-9]\{12\}/now/'
        5 a
        -1 b
        -1 c
        now d
        0 e
        5 a
        -1 b
        -1 c
        now d
        0 e
        $ kafi diff ./a/t ./b/t -o :5 && kafi cat ./b/t --json > again; kafi produce ./c/t --json --create -q < again; kafi cat ./c/t --json | diff - again
        ! 5 compared, 0 different in 0.0 s
        $ kafi cp ./a/t ./d/ --ignore-timestamp -q; kafi cat ./d/t -F '%T\n' | sed 's/^1[0-9]\{12\}/now/' | sort -u
        now
        $ kafi produce ./e/t --json --create --ignore-timestamp -q < lines; kafi cat ./e/t -F '%T\n' | sed 's/^1[0-9]\{12\}/now/' | sort -u
        now
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
        ! hint: pass --resume to go on where this copy stopped, or --append to write behind them, at new offsets
        ? 1
        $ kafi cp ./a/u ./b/ --append
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cat ./b/u -F '%o %v\n'
        0 x
        1 x
        $ kafi touch ./b/t && kafi cp ./a/t ./b/
        ! error: copy: topic t: the target has too few partitions (1) for the source (2): keys would change their partitions
        ! hint: copy into a new topic, add partitions to the target, or pass --repartition to spread the messages by key
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

#[test]
fn a_copy_goes_on_where_it_stopped() {
    source().check(
        r#"
        $ seq 5 | kafi produce ./a/u -q; kafi cp ./a/u ./b/ -n 2 && kafi cp ./a/u ./b/ --resume && kafi cp ./a/u ./b/ --resume
        ! 2 read, 2 written, 0 failed in 0.0 s
        ! 4 read, 4 written, 0 failed in 0.0 s
        ! 0 read, 0 written, 0 failed in 0.0 s
        $ kafi cat ./a/u --json > before; kafi cat ./b/u --json | diff before - && kafi cp ./a/t ./b/u --resume
        ! error: resume: topic u: the target is a copy of another source: topic u of DIR/a
        ! hint: copy into a new topic, or pass --append to write behind what it holds, at new offsets
        ? 1
        $ kafi cp ./a/u ./b/ --resume --append
        ! error: read arguments: the argument '--resume' cannot be used with '--append'
        ! hint: usage: kafi cp --resume <SOURCE>... <TARGET>
        ? 2
        "#,
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_makes_nothing() {
    source().check(
        r#"
        $ kafi cp ./a/t ./b/copy --dry-run; ls b 2>&1
        TOPIC  PARTITION  FROM  TO  MESSAGES  TARGET
        t              0     0   1         1  ./b/copy
        t              1     0   2         2  ./b/copy
        ls: cannot access 'b': No such file or directory
        ? 2
        $ kafi cp './a/*' ./b/ --dry-run -f -p 0 --json
        {"storage":"./a","topic":"t","partition":0,"from":0,"to":null,"messages":1,"target":"./b/t"}
        {"storage":"./a","topic":"u","partition":0,"from":0,"to":null,"messages":1,"target":"./b/u"}
        $ kafi cp ./a/u ./b/ -q && kafi cp ./a/u ./b/ --dry-run
        ! error: copy: topic u: the target holds 1 messages already
        ! hint: pass --resume to go on where this copy stopped, or --append to write behind them, at new offsets
        ? 1
        $ printf '.value |= {id}' > program; kafi cp ./a/t ./b/copy --dry-run --filter '.offset > 0' --map -L program --through 'sed G'
        TOPIC  PARTITION  FROM  TO  MESSAGES  TARGET    FUNCTIONS
        t              0     0   1         1  ./b/copy  filter .offset > 0, map -L program, through sed G
        t              1     0   2         2  ./b/copy  filter .offset > 0, map -L program, through sed G
        $ kafi cp ./a/u ./b/ --dry-run --filter true --resume
        ! error: copy: only a copy of one source with its partitions keeps the source's offsets, which say where to go on
        ! hint: leave out --resume, or copy each source to a topic of its own without --repartition, --key, and functions
        ? 2
        $ kafi cp ./a/u ./b/ --dry-run --resume
        TOPIC  PARTITION  FROM  TO  MESSAGES  TARGET
        u              0     1   1         0  ./b/u
        "#,
    );
}

#[test]
fn partitions_are_chosen_anew_by_key() {
    source().check(
        r#"
        $ kafi touch ./k/t --partitions 3; for k in a b c d e; do kafi produce ./k/t -k $k $k -q; done; kafi produce ./k/t none -p 2 -q
        $ kafi touch ./k/like --partitions 2; for k in a b c d e; do kafi produce ./k/like -k $k $k -q; done
        $ kafi touch ./k/copy --partitions 2; kafi cp ./k/t ./k/copy --repartition
        ! 6 read, 6 written, 0 failed in 0.0 s
        $ kafi cat ./k/copy -F '%p %v\n' | grep -v none | sort > copy; kafi cat ./k/like -F '%p %v\n' | sort | diff copy - && kafi cat ./k/copy -F '%p %v\n' | grep none
        0 none
        "#,
    );
}

#[test]
fn rates_and_settings() {
    source().check(
        r#"
        $ kafi cp ./a/t ./b/ --rate 1000 && kafi cp ./a/u ./b/ --rate 1MB/s
        ! 3 read, 3 written, 0 failed in 0.0 s
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cp ./a/t ./c/ --rate fast
        ! error: read arguments: invalid value 'fast' for '--rate <N>': a rate is a number of messages a second, or bytes a second with a unit, such as 10MB
        ? 2
        $ kafi touch ./a/set --config compression.type=lz4 --config segment.bytes=1000000; kafi cp ./a/set ./c/ --with-config --config segment.bytes=2000000
        ! 0 read, 0 written, 0 failed in 0.0 s
        $ grep -o '"\(compression\|segment\)[a-z.]*": "[a-z0-9]*"' c/topics/set/topic.json; kafi cp ./a/set ./d/; grep -c 'compression' d/topics/set/topic.json; grep -c segment d/topics/set/topic.json
        "compression.type": "lz4"
        "segment.bytes": "2000000"
        1
        0
        ! warning: topic set is created without these settings of its source: segment.bytes=1000000; --with-config takes them along
        ! 0 read, 0 written, 0 failed in 0.0 s
        ? 1
        "#,
    );
}
