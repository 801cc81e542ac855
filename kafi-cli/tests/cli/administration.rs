//! Settings, partitions, places, and the deletion of records.

use crate::support::{Sandbox, seen};

/// A topic of two partitions with three messages each, a second apart.
fn six(sandbox: &Sandbox) {
    let line = |number: i64| {
        format!(
            "{{\"partition\":{},\"timestamp\":{},\"key\":\"k{number}\",\"value\":\"v{number}\"}}\n",
            number % 2,
            1000 * number
        )
    };
    sandbox.write("lines", (0..6).map(line).collect::<String>());
    sandbox.text("kafi touch t --partitions 2 -q && kafi produce t --json -q < lines");
}

#[test]
fn offsets_are_looked_up() {
    let sandbox = Sandbox::new();
    six(&sandbox);
    sandbox.check(
        r#"
        $ kafi offsets t
        TOPIC  PARTITION  OFFSET  END  MESSAGES
        t              0       0    3         3
        t              1       0    3         3
        $ kafi offsets t -o @2500
        TOPIC  PARTITION  OFFSET  END  MESSAGES
        t              0       2    3         1
        t              1       1    3         2
        $ kafi offsets t -o @1970-01-01T00:00:02Z:@4500 -p 1 --json
        {"storage":"./kafi-data","topic":"t","partition":1,"offset":1,"end":2,"messages":1}
        $ kafi offsets t -o -1 -o 0=+1 --json
        {"storage":"./kafi-data","topic":"t","partition":0,"offset":1,"end":3,"messages":2}
        {"storage":"./kafi-data","topic":"t","partition":1,"offset":2,"end":3,"messages":1}
        $ kafi offsets t -o 7
        ! error: resolve offsets: topic t, partition 0, asked 7, available 0 to 3: the offsets 3 to 6 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi offsets t -o 7 -p 0 --allow-gap --json
        {"storage":"./kafi-data","topic":"t","partition":0,"offset":3,"end":3,"messages":0}
        ! warning: topic t, partition 0, asked 7, available 0 to 3: the offsets 3 to 6 are not there yet: taking 3
        $ kafi offsets t -p 5
        ! error: read: topic t, partition 5: the topic has partitions 0 to 1
        ? 1
        $ kafi offsets tt
        ! error: find topic: topic tt, storage ./kafi-data: no such topic
        ! hint: did you mean t?
        ? 1
        $ kafi offsets t -o soon | tail -n 1
        ! error: read offset: offset soon: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms (ten digits: seconds), RFC 3339, a date, a date and time, a time of day, now, today, yesterday, or -1h30m for ago)
        "#,
    );
}

#[test]
fn settings_are_shown_and_changed() {
    Sandbox::new().check(
        r#"
        $ kafi touch t u -q && kafi config t | head -n 4
        SETTING                                  VALUE                DEFAULT
        cleanup.policy                           delete               yes
        compression.gzip.level                   -1                   yes
        compression.lz4.level                    9                    yes
        $ kafi config t retention.ms=1000 segment.bytes=1000000
        $ kafi config t retention.ms segment.bytes
        SETTING        VALUE    DEFAULT
        retention.ms   1000     no
        segment.bytes  1000000  no
        $ kafi config t --delete retention.ms compression.type=lz4 compression.type retention.ms
        SETTING           VALUE  DEFAULT
        compression.type  lz4    no
        retention.ms      -1     yes
        $ kafi config t segment.bytes --json
        {"storage":"./kafi-data","topic":"t","setting":"segment.bytes","value":"1000000","default":false}
        $ kafi config '?' compression.type
        TOPIC  SETTING           VALUE     DEFAULT
        t      compression.type  lz4       no
        u      compression.type  producer  yes
        $ kafi config t retention.bytes --color always | cat -v
        ^[[1mSETTING          VALUE  DEFAULT^[[0m
        ^[[2mretention.bytes  -1     yes^[[0m
        $ kafi config t retention.m
        ! error: read settings: topic t, setting retention.m: there is no such setting
        ! hint: did you mean retention.ms?
        ? 2
        $ kafi config t retentionms=5 segment.bytes=20
        ! error: set topic configuration: setting retentionms: there is no such setting
        ! hint: did you mean retention.ms?
        ? 2
        $ kafi config t retention.ms=soon
        ! error: read setting: setting retention.ms, value soon: it is a number of milliseconds, or a duration such as 7d or 1h30m
        ? 2
        $ kafi config t retention.ms=5 --delete retention.ms
        ! error: read arguments: setting "retention.ms": it is changed twice
        ? 2
        $ kafi config t =5
        ! error: read arguments: setting "": a setting is written KEY=VALUE
        ? 2
        $ kafi config t segment.bytes
        SETTING        VALUE    DEFAULT
        segment.bytes  1000000  no
        $ kafi config ./kafi-data/
        ! error: read settings: address "./kafi-data/": a storage has no settings of its own
        ! hint: name a topic, or with --broker ID one of its brokers
        ? 2
        $ kafi config ./kafi-data/ --broker 1 log.retention.ms=5
        ! error: change settings: storage ./kafi-data/: this kind of storage has no brokers
        ? 2
        $ kafi config nope
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

#[test]
fn settings_are_expected_and_those_of_several_topics_planned() {
    Sandbox::new().check(
        r#"
        $ kafi touch t u -q && kafi config t retention.ms=1000 --expect retention.ms=-1
        $ kafi config t retention.ms=7d --expect retention.ms=2s
        ! error: change settings: topic t, setting retention.ms, expected 2000, found 1000: the setting has another value
        ! hint: nothing was changed
        ? 1
        $ kafi config t retention.ms=7d --expect retention.m=2s
        ! error: read settings: topic t, setting retention.m: there is no such setting
        ! hint: did you mean retention.ms?
        ? 2
        $ kafi config '?' retention.ms=5 --delete segment.bytes
        TOPIC  SETTING        FROM        TO
        t      retention.ms   1000        5
        t      segment.bytes  1073741824  -
        u      retention.ms   -1          5
        u      segment.bytes  1073741824  -
        ! nothing is changed yet; --execute does it
        $ kafi config '?' retention.ms=5 --expect retention.ms=1s --execute
        ! error: change settings: topic u, setting retention.ms, expected 1000, found -1: the setting has another value
        ! hint: nothing was changed
        ? 1
        $ kafi config '?' retention.ms=5 --execute --json && kafi config '?' retention.ms
        {"storage":"./kafi-data","topic":"t","setting":"retention.ms","from":"1000","to":"5"}
        {"storage":"./kafi-data","topic":"u","setting":"retention.ms","from":"-1","to":"5"}
        TOPIC  SETTING       VALUE  DEFAULT
        t      retention.ms  5      no
        u      retention.ms  5      no
        "#,
    );
}

#[test]
fn touch_honours_the_retention_of_the_storage() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/short.yaml", "local:\n  root.dir: data\nkafi:\n  retention.ms: 4321\n");
    sandbox.check(
        r#"
        $ kafi touch short:a && kafi config short:a retention.ms --json
        {"storage":"short","topic":"a","setting":"retention.ms","value":"4321","default":false}
        $ kafi touch short:b --config retention.ms=7 && kafi config short:b retention.ms --json
        {"storage":"short","topic":"b","setting":"retention.ms","value":"7","default":false}
        "#,
    );
}

#[test]
fn partitions_are_added() {
    Sandbox::new().check(
        r#"
        $ kafi touch t -q && kafi partitions t 3 && kafi ls -l t --json
        {"storage":"./kafi-data","topic":"t","partitions":3,"replicas":1,"messages":0,"bytes":0}
        $ kafi partitions t 3
        ! error: create partitions: topic t: it has 3 partitions already, and they can only be raised
        ? 2
        $ kafi partitions t 0
        ! error: read arguments: invalid value '0' for '<N>': 0 is not in 1..=2147483647
        ? 2
        $ kafi partitions nope 2
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

#[test]
fn records_are_deleted_by_plan() {
    let sandbox = Sandbox::new();
    six(&sandbox);
    sandbox.check(
        r#"
        $ kafi delete-records t
        ! error: delete records: no offset was given
        ! hint: -o says where: end, N, -N, +N, @TIME, or P=SPEC for one partition; -n N means the oldest N
        ? 2
        $ kafi delete-records t -n 1 -o 2 -y
        ! error: read arguments: the argument '--oldest <N>' cannot be used with '--offset <SPEC>'
        ! hint: usage: kafi delete-records --oldest <N> --yes <ADDRESS>...
        ? 2
        $ kafi delete-records t -n 0
        TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        t              0    0        0     3        0
        t              1    0        0     3        0
        ! nothing to delete
        $ kafi delete-records t -n 2 -p 1
        TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        t              1    0        2     3        2
        ! error: delete records: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi delete-records t -o 1:2 -y
        ! error: delete records: a range of offsets was given, where one place is wanted
        ! hint: write N instead of N:M, and @T instead of @T1:T2
        ? 2
        $ kafi delete-records t -o -1
        TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        t              0    0        2     3        2
        t              1    0        2     3        2
        ! error: delete records: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi delete-records t -o 9 -y
        ! error: resolve offsets: topic t, partition 0, asked 9, available 0 to 3: the offsets 3 to 8 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi cat t | wc -l
        6
        $ kafi delete-records t -o 1=end -y --json
        {"storage":"./kafi-data","topic":"t","partition":1,"low":0,"new_low":3,"high":3,"deleted":3}
        $ kafi cat t
        v0
        v2
        v4
        $ kafi delete-records t -o @1500 -p 0 -y
        TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        t              0    0        1     3        1
        $ kafi delete-records t -o start -y
        TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        t              0    1        1     3        0
        t              1    3        3     3        0
        ! nothing to delete
        $ kafi cat t
        v2
        v4
        "#,
    );
}

#[test]
fn deletions_are_asked_about_on_a_terminal() {
    let sandbox = Sandbox::new();
    six(&sandbox);
    sandbox.text("kafi group reset g t -o end --execute -q");
    for (command, question, rest) in [
        ("kafi delete-records t -o 0=-1", "delete 2 offsets for good? [y/N] ", "kafi offsets t -p 0 --json"),
        ("kafi group rm g", "delete g on ./kafi-data, with all committed offsets? [y/N] ", "kafi group ls"),
    ] {
        let before = sandbox.text(rest);
        let asked = |answer: &str| {
            let output = sandbox.run(&format!("script -qec '{command}' /dev/null <<< {answer}"));
            (seen(&output).contains(question), output.status.code())
        };
        assert_eq!(asked("n"), (true, Some(1)), "{command}");
        assert_eq!(sandbox.text(rest), before, "{command}");
        assert_eq!(asked("y"), (true, Some(0)), "{command}");
        assert_ne!(sandbox.text(rest), before, "{command}");
    }
}
