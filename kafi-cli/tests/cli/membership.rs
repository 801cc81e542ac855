//! Reading as a consumer group, and in an order.

use std::process::Stdio;

use crate::support::{Sandbox, wait_until};

/// `a` to `c` in partition 0 at the times 1, 3, 5, and `x` to `z` in partition 1 at 2, 4, 6.
fn letters() -> Sandbox {
    let sandbox = Sandbox::new();
    let line = |(partition, timestamp, value): (i32, i64, &str)| {
        format!("{{\"partition\":{partition},\"timestamp\":{timestamp},\"value\":\"{value}\"}}\n")
    };
    let letters = [(0, 1, "a"), (0, 3, "b"), (0, 5, "c"), (1, 2, "x"), (1, 4, "y"), (1, 6, "z")];
    sandbox.write("lines", letters.map(line).concat());
    sandbox.text("kafi touch t --partitions 2 -q && kafi produce t --json -q < lines");
    sandbox
}

#[test]
fn a_group_reads_on() {
    letters().check(
        r#"
        $ kafi cat t -g g --no-commit -n 1
        a
        $ kafi head t -g g -n 4
        a
        b
        c
        x
        $ kafi cat t -g g --no-commit -F '%p:%o %v\n'
        1:1 y
        1:2 z
        $ kafi cat t -g g --no-commit -p 0
        $ kafi cat t -g g
        y
        z
        $ kafi cat t -g g
        $ echo d | kafi produce t -p 0 -q && kafi cat t --group g
        d
        $ kafi cat t -g late -o end && echo e | kafi produce t -p 1 -q && kafi cat t -g late
        e
        $ kafi cat t -g g -q -o start
        e
        "#,
    );
}

#[test]
fn what_is_found_and_counted_is_committed() {
    letters().check(
        r#"
        $ kafi grep -m 1 b t -g g
        b
        ! 6 read, 1 found in 0.0 s
        $ kafi cat t -g g
        c
        x
        y
        z
        $ kafi grep -c '[a-z]' t -g counts
        6
        ! 6 read, 6 found in 0.0 s
        $ kafi grep -c '[a-z]' t -g counts
        0
        ! 0 read, 0 found in 0.0 s
        ? 1
        $ kafi wc t -g words -n 4 --json
        {"storage":"./kafi-data","topic":"t","messages":4,"key_bytes":0,"value_bytes":4,"tombstones":0}
        ! {"read":4,"seconds":0.0}
        $ kafi wc t -g words --json
        {"storage":"./kafi-data","topic":"t","messages":2,"key_bytes":0,"value_bytes":2,"tombstones":0}
        ! {"read":2,"seconds":0.0}
        "#,
    );
}

#[test]
fn the_configuration_has_a_say() {
    let sandbox = letters();
    sandbox.write(
        "configs/locals/data.yaml",
        "local:\n  root.dir: ./kafi-data\nkafi:\n  consumer.group.prefix: team-\n  auto.offset.reset: latest\n",
    );
    let never = "local:\n  root.dir: ./kafi-data\nkafi:\n  commit.after.processing: false\n";
    sandbox.write("configs/locals/never.yaml", never);
    sandbox.write("configs/locals/read.yaml", format!("{never}  enable.auto.commit: true\n"));
    sandbox.check(
        r#"
        $ kafi cat data:t -g g && ls kafi-data/groups
        team-g.json
        team-g.lock
        $ kafi cat data:t -g h -o start -n 1
        a
        $ kafi cat data:t -g h -n 1
        b
        $ kafi cat never:t -g i -n 1 && kafi cat never:t -g i -n 1
        a
        a
        $ kafi cat read:t -g i -n 1 && kafi cat read:t -g i -n 1
        a
        b
        "#,
    );
}

#[test]
fn messages_are_sorted() {
    letters().check(
        r#"
        $ kafi cat t --order time | tr '\n' ' '
        a x b y c z ⌁
        $ kafi cat t --order partition -o 1 | tr '\n' ' '
        b c y z ⌁
        $ kafi head t -n 3 --order time
        a
        x
        b
        $ kafi grep '[bxy]' t --order time
        x
        b
        y
        ! 6 read, 3 found in 0.0 s
        $ kafi head t -n 2 -g g && kafi cat t -g g --no-commit --order time
        a
        b
        x
        y
        c
        z
        "#,
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    letters().check(
        r#"
        $ kafi cat t -g g -o 5
        ! error: read arguments: argument -o: with -g the committed offsets say where to read; -o start and -o end say where partitions without one begin
        ! hint: kafi group reset moves committed offsets
        ? 2
        $ kafi cat t -g g -o 0=end
        ! error: read arguments: argument -o: with -g the committed offsets say where to read; -o start and -o end say where partitions without one begin
        ! hint: kafi group reset moves committed offsets
        ? 2
        $ kafi grep a t -g g -p 0
        ! error: read arguments: argument -p: with -g the group says which partitions fall to a member
        ! hint: --no-commit looks into any of them
        ? 2
        $ kafi head t -g g --threads 2
        ! error: read arguments: argument --threads: with -g this is one member of the group
        ! hint: start several: they share the partitions
        ? 2
        $ kafi cat t --no-commit
        ! error: read arguments: the following required arguments were not provided: --group <G>
        ! hint: usage: kafi cat --group <G> --no-commit <ADDRESS>...
        ? 2
        $ kafi cat t -g ''
        ! error: read arguments: a value is required for '--group <G>' but none was supplied
        ? 2
        $ kafi tail t -g g
        ! error: read arguments: argument -g: the newest messages are the same for every group
        ! hint: kafi cat -g reads on from where the group is
        ? 2
        $ kafi wc t ./other/t -g g
        ! error: read arguments: argument -g: the result is printed for all storages at once, and a group is read on one
        ! hint: run it for each storage
        ? 2
        $ kafi cat t --order time -f
        ! error: read arguments: argument --order: with -f there is no end, before which nothing can be sorted
        ? 2
        $ kafi grep a t --order partition -g g
        ! error: read arguments: argument --order: with -g partitions come and go, and cannot be sorted
        ! hint: --no-commit looks at all of them
        ? 2
        $ kafi cat t --order time --threads 2
        ! error: read arguments: argument --order: what --threads read in parallel cannot be sorted
        ? 2
        $ kafi cat t --order size
        ! error: read arguments: invalid value 'size' for '--order <ORDER>'
        ! hint: there are partition, time
        ? 2
        "#,
    );
}

#[test]
fn ctrl_c_commits_what_was_printed() {
    let sandbox = letters();
    let mut reader = sandbox.start(&["cat", "t", "-f", "-g", "g"], Stdio::null(), "out", "err");
    wait_until("six lines", || sandbox.read("out").lines().count() == 6);
    // A folder's group takes one live member.
    sandbox.check(
        r#"
        $ kafi cat t -g g
        ! error: join group: group g: it has a live member, and a group on this kind of storage takes one
        ! hint: stop the other consumer, or use another group
        ? 1
        "#,
    );
    reader.interrupt();
    assert_eq!(reader.exit_code(), 130);
    assert_eq!(sandbox.read("err"), "stopped; the next offsets are: t 0=3 1=3\n");
    assert_eq!(sandbox.text("kafi cat t -g g"), "");
}

#[test]
fn what_nobody_read_is_not_committed() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && seq 1 100000 | kafi produce t -q");
    assert_eq!(sandbox.text("kafi cat t -g g | head -n 1"), "1\n");
    // Far more lies behind the first line than a pipe holds.
    let left: usize = sandbox.text("kafi cat t -g g | wc -l").trim().parse().unwrap();
    assert!(left > 10_000, "{left} lines come again");
    assert_eq!(sandbox.text("kafi cat t -g g"), "");
}

#[test]
fn what_was_killed_is_read_again() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && seq 1 1000 | kafi produce t -q");
    let mut reader = sandbox.start(&["cat", "t", "-f", "-g", "g"], Stdio::null(), "out", "err");
    wait_until("the last line", || sandbox.read("out").ends_with("\n1000\n"));
    reader.0.kill().unwrap();
    reader.0.wait().unwrap();
    // Nothing that was not printed is left out.
    let again = sandbox.text("kafi cat t -g g");
    assert!(format!("{}{again}", sandbox.read("out")).contains("\n999\n1000\n"));
    assert_eq!(sandbox.text("kafi cat t -g g"), "");
}

#[test]
fn topics_that_come_later_are_followed() {
    let sandbox = letters();
    let mut reader = sandbox.start(&["cat", "./kafi-data/t*", "-f", "-g", "g"], Stdio::null(), "out", "err");
    wait_until("six lines", || sandbox.read("out").lines().count() == 6);
    sandbox.text("kafi touch other t2 -q && kafi produce t2 late -q && kafi produce other other -q");
    wait_until("the topic that came later", || sandbox.read("out").contains("late\n"));
    sandbox.text("kafi produce t last -q");
    wait_until("the topic that was there", || sandbox.read("out").contains("last\n"));
    reader.interrupt();
    assert_eq!(reader.exit_code(), 130);
    // What was printed and not yet committed did not come twice.
    assert_eq!(sandbox.read("out").lines().count(), 8);
    assert_eq!(sandbox.text("kafi cat './kafi-data/t*' -g g"), "");
}
