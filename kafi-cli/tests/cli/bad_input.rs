//! Bad input and what it gets: one clear line, at most one hint, and the right exit code. What needs a broker is in `cluster/errors.rs`.

use std::process::Stdio;

use crate::support::{Sandbox, seen};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/orders.yaml", "local:\n  root.dir: data\n");
    sandbox.write("configs/locals/blocked.yaml", "local:\n  root.dir: plain/below\n");
    sandbox.write("configs/locals/unknown.yaml", "local:\n  root.dri: data\n");
    sandbox.write("configs/clusters/malformed.yaml", "kafka:\n  bootstrap.servers: \"h:1\n");
    sandbox.write("configs/clusters/twice.yaml", "kafka:\n  bootstrap.servers: h:1\n  bootstrap.servers: h:2\n");
    sandbox.write("configs/clusters/unset.yaml", "kafka:\n  bootstrap.servers: h:1\n  sasl.password: ${KAFI_NOT_SET}\n");
    sandbox.write("plain", "x");
    sandbox.write("lines", "{\"value\":1}\n{\"value\":2}\n{\"valu\":3}\n{\"value\":4}\n");
    sandbox.text("kafi produce orders:t a --create -q && kafi touch -q orders:small --config max.message.bytes=100");
    sandbox
}

/// Each line is seen exactly so.
#[test]
fn table() {
    sandbox().check(
        r#"
        $ kafi ls order:
        ! error: read configuration: storage order, looked in .: no configuration has this name, did you mean orders?
        ? 2
        $ kafi cat order:t
        ! error: read configuration: storage order, looked in .: no configuration has this name, did you mean orders?
        ? 2
        $ kafi cat orders:tt
        ! error: find topic: topic tt, storage orders: no such topic
        ! hint: did you mean orders:t?
        ? 1
        $ kafi cat orders:t --ofset 1
        ! error: read arguments: unexpected argument '--ofset' found
        ! hint: did you mean --offset?
        ? 2
        $ kafi cat orders:t -p 3
        ! error: read: topic t, partition 3: the topic has one partition: 0
        ? 1
        $ kafi cat orders:t -o 7
        ! error: resolve offsets: topic t, partition 0, asked 7, available 0 to 1: the offsets 1 to 6 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi cat orders:t -o 9:3
        ! error: read offset: offset 9:3: the range ends before it begins
        ? 2
        $ kafi cat orders:t -o @yesterdy
        ! error: read offset: offset @yesterdy: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms, RFC 3339, date, date and time, or -1h30m for ago)
        ? 2
        $ kafi cat orders:t -o 99999999999999999999
        ! error: read offset: offset 99999999999999999999: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms, RFC 3339, date, date and time, or -1h30m for ago)
        ? 2
        $ kafi ls malformed:
        ! error: read configuration: file ./configs/clusters/malformed.yaml: found unexpected end of stream at line 3 column 1, while scanning a quoted scalar at line 2 column 22
        ? 2
        $ kafi ls twice:
        ! error: read configuration: file ./configs/clusters/twice.yaml: kafka: the key bootstrap.servers stands here a second time at line 3 column 3
        ? 2
        $ kafi ls unknown:
        ! error: read configuration: file ./configs/locals/unknown.yaml, section local, key root.dri: unknown key, did you mean root.dir?
        ? 2
        $ kafi ls unset:
        ! error: read configuration: file ./configs/clusters/unset.yaml, section kafka, key sasl.password: the environment variable KAFI_NOT_SET is not set
        ? 2
        $ kafi produce orders:e --create --json -l lines -q
        ! error: read envelope: column 2, input line 3: there is no member valu
        ! hint: did you mean value?
        ? 1
        $ kafi cat orders:e
        1
        2
        $ head -c 500 /dev/zero | tr '\0' x | kafi produce orders:small
        ! error: produce: topic small, partition 0: a batch of 570 bytes is larger than max.message.bytes, 100
        ! hint: raise max.message.bytes of the topic, or compress it
        ? 1
        $ kafi touch blocked:x
        ! error: create topic: path plain/below/topics/x, topic x: not a directory
        ? 1
        $ kafi ls blocked:
        ! error: list topics: path plain/below/topics: not a directory
        ? 1
        $ kafi produce orders:t < /
        ! error: read: file stdin: it is a folder, not a file
        ? 2
        $ kafi produce orders:t -l /
        ! error: read: file /: it is a folder, not a file
        ? 2
        $ kafi produce orders:t -l plain/below
        ! error: read: file plain/below: not a directory
        ? 1
        "#,
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let seen = seen(&sandbox().run("set -o pipefail; seq 200000 | kafi produce orders:n --create -q; kafi cat orders:n | head -n 1; echo ${PIPESTATUS[1]}"));
    assert_eq!(seen, "1\n0\n");
}

#[test]
fn interrupted_twice() {
    let sandbox = sandbox();
    let mut running = sandbox.start(&["cat", "orders:t", "--follow"], Stdio::null(), "out", "err");
    sandbox.wait_for("out", "a\n");
    running.interrupt();
    // It may have ended between the two.
    if !running.has_ended() {
        running.interrupt();
    }
    assert_eq!(running.exit_code(), 130);
    assert!(!sandbox.read("err").contains("panicked"), "{}", sandbox.read("err"));
}
