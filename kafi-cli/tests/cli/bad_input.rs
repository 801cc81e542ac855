//! Bad input and what it gets: one clear line, at most one hint, and the right exit code. What needs a broker is in
//! `cluster/errors.rs`.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use crate::support::{Sandbox, seen, wait_until};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/orders.yaml", "local:\n  root.dir: data\n");
    sandbox.write("configs/locals/blocked.yaml", "local:\n  root.dir: plain/below\n");
    sandbox.write("configs/locals/unknown.yaml", "local:\n  root.dri: data\n");
    sandbox.write("configs/clusters/malformed.yaml", "kafka:\n  bootstrap.servers: \"h:1\n");
    sandbox.write("configs/clusters/twice.yaml", "kafka:\n  bootstrap.servers: h:1\n  bootstrap.servers: h:2\n");
    sandbox
        .write("configs/clusters/unset.yaml", "kafka:\n  bootstrap.servers: h:1\n  sasl.password: ${KAFI_NOT_SET}\n");
    sandbox.write("plain", "x");
    sandbox.write("lines", "{\"value\":1}\n{\"value\":2}\n{\"valu\":3}\n{\"value\":4}\n");
    sandbox.text("kafi produce orders:t a --create -q && kafi touch -q orders:small --config max.message.bytes=100");
    sandbox
}

/// As [`sandbox`], with a topic of three batches, of which the second is damaged.
fn sandbox_with_damage() -> Sandbox {
    let sandbox = sandbox();
    sandbox.text("kafi touch -q orders:torn");
    for values in [&["one", "two"][..], &["three", "four", "five"], &["six"]] {
        // The times are fixed, and with them the checksums.
        let lines: String = values.iter().map(|value| format!("{{\"timestamp\":1,\"value\":\"{value}\"}}\n")).collect();
        sandbox.write("batch", lines);
        sandbox.text("kafi produce orders:torn --json -l batch -q");
    }
    let segment = sandbox.path("data/topics/torn/0/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(4).position(|window| window == b"four").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
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
        ! error: read offset: offset @yesterdy: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms (ten digits: seconds), RFC 3339, a date, a date and time, a time of day, now, today, yesterday, or -1h30m for ago)
        ? 2
        $ kafi cat orders:t -o 99999999999999999999
        ! error: read offset: offset 99999999999999999999: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms (ten digits: seconds), RFC 3339, a date, a date and time, a time of day, now, today, yesterday, or -1h30m for ago)
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
        ! error: produce: topic small, partition 0, input line 1: a batch of 570 bytes is larger than max.message.bytes, 100
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

/// Where, how much is lost, and what can still be read; and a flag that reads it.
#[test]
fn a_damaged_segment() {
    sandbox_with_damage().check(
        r#"
        $ kafi cat orders:torn
        one
        two
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 1
        $ kafi cat orders:torn --skip-corrupt
        one
        two
        six
        ! warning: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can; skipped
        $ kafi head orders:torn -n 2
        one
        two
        $ kafi tail orders:torn -n 2
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offset 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 1
        $ kafi grep i orders:torn
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 2
        $ kafi grep i orders:torn --skip-corrupt
        six
        ! warning: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can; skipped
        ! 3 read, 1 found in 0.0 s
        $ kafi wc orders:torn
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 1
        $ kafi wc orders:torn --skip-corrupt
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        torn          3          0            9           0
        ! warning: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can; skipped
        ! 3 read in 0.0 s
        $ kafi cp orders:torn orders:copy
        ! 2 read, 2 written, 0 failed in 0.0 s
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 1
        $ kafi cp orders:torn orders:copy --resume
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 1
        $ kafi cp orders:torn orders:copy --resume --skip-corrupt
        ! warning: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can; skipped
        ! 1 read, 1 written, 0 failed in 0.0 s
        $ kafi cat orders:copy
        one
        two
        six
        $ kafi diff orders:torn orders:copy
        ! error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can
        ! hint: read around it with --skip-corrupt, or restore the file from a backup
        ? 2
        $ kafi diff orders:torn orders:copy --skip-corrupt
        ! warning: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can; skipped
        ! 3 compared, 0 different in 0.0 s
        $ kafi cat orders:torn -o 5
        six
        "#,
    );
}

/// One topic that cannot be read keeps no other from being read.
#[test]
fn a_damaged_segment_of_one_of_several_topics() {
    let sandbox = sandbox_with_damage();
    sandbox.text("seq 2 | kafi produce orders:whole --create -q");
    let error = "error: read: topic torn, partition 0, file data/topics/torn/0/00000000000000000000.log, byte 81: a damaged batch (its checksum is 0x7c2ca047, but its bytes give 0x8e20adb9): the offsets 2 to 4 cannot be read, those from 5 on can (read around it with --skip-corrupt, or restore the file from a backup)";
    sandbox.check(&format!(
        r#"
        $ kafi cat orders:torn orders:whole --order partition
        one
        two
        1
        2
        ! {error}
        ! error: read: 1 partition was not read, for the reason above
        ? 1
        $ kafi cat 'orders:[tw]?*' --threads 1 | sort
        1
        2
        one
        two
        ! {error}
        ! error: read: 1 partition was not read, for the reason above
        $ kafi wc orders:torn orders:whole --json
        {{"storage":"orders","topic":"torn","messages":2,"key_bytes":0,"value_bytes":6,"tombstones":0}}
        {{"storage":"orders","topic":"whole","messages":2,"key_bytes":0,"value_bytes":2,"tombstones":0}}
        ! {error}
        ! error: read: 1 partition was not read, for the reason above
        ! {{"read":4,"seconds":0.0}}
        ? 1
        $ kafi grep 2 orders:torn orders:whole
        2
        ! {error}
        ! error: read: 1 partition was not read, for the reason above
        ! 4 read, 1 found in 0.0 s
        ? 2
        $ kafi cp orders:torn orders:whole ./copy/
        ! {error}
        ! 4 read, 4 written, 0 failed in 0.0 s
        ! error: read: 1 partition was not read, for the reason above
        ? 1
        $ kafi cat ./copy/torn ./copy/whole --order partition
        one
        two
        1
        2
        $ kafi cat orders:torn missing:t
        ! error: read configuration: storage missing, looked in .: no configuration has this name
        ? 2
        "#
    ));
}

/// No error: an answer without messages. It is said, since nothing would look like a mistake.
#[test]
fn a_time_behind_the_end() {
    sandbox().check(
        r#"
        $ kafi cat orders:t -o @2999-01-01
        ! note: no messages at -o @2999-01-01
        $ kafi tail orders:t -o @2999-01-01..@2999-02-01
        ! note: no messages at -o @2999-01-01..@2999-02-01
        $ kafi cat orders:t -o 0=@2999-01-01 -q
        $ kafi cat orders:t -o @2999-01-01 --json
        ! note: no messages at -o @2999-01-01
        $ kafi cat orders:t -o end
        $ kafi head orders:t -n 0 -o @1999-01-01
        $ kafi cat orders:t -o @1999-01-01
        a
        "#,
    );
}

/// Root writes everywhere, unless it gives that up.
#[test]
fn a_folder_that_is_not_writable() {
    let sandbox = sandbox();
    sandbox.write(
        "as-anybody",
        "[ $(id -u) = 0 ] || exec \"$@\"\nexec setpriv --bounding-set -dac_override,-dac_read_search -- \"$@\"\n",
    );
    sandbox.text("kafi produce ./locked/t a --create -q && chmod -R a-w locked");
    sandbox.check(
        r#"
        $ sh as-anybody kafi touch ./locked/u
        ! error: create topic: path ./locked/topics/~lock: permission denied
        ! hint: check the owner and the mode of that path
        ? 1
        $ sh as-anybody kafi produce ./locked/t b
        ! error: append: path ./locked/topics/t/0/recovery, topic t, partition 0: permission denied
        ! hint: check the owner and the mode of that path
        ? 1
        $ sh as-anybody kafi cp orders:t ./locked/u
        ! error: create topic: path ./locked/topics/~lock: permission denied
        ! hint: check the owner and the mode of that path
        ? 1
        $ sh as-anybody kafi cat ./locked/t -g g
        ! error: join group: path ./locked/groups/g.lock: permission denied
        ! hint: check the owner and the mode of that path
        ? 1
        $ sh as-anybody kafi cat ./locked/t
        a
        $ chmod -R u+w locked
        "#,
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let seen = seen(&sandbox().run("set -o pipefail; seq 200000 | kafi produce orders:n --create -q; kafi cat orders:n | head -n 1; echo ${PIPESTATUS[1]}"));
    assert_eq!(seen, "1\n0\n");
}

/// The first Ctrl-C lets the batch in hand be finished, for which another process does not give the partition free; the
/// second does not wait for that.
#[test]
fn interrupted_twice() {
    let sandbox = sandbox();
    let mut running = sandbox.start(&["produce", "orders:t"], Stdio::piped(), "out", "err");
    let mut input = running.0.stdin.take().unwrap();
    input.write_all(b"b\n").unwrap();
    wait_until("the first message", || sandbox.text("kafi cat orders:t") == "a\nb\n");
    let held = File::open(sandbox.path("data/topics/t/0/recovery")).unwrap();
    held.lock().unwrap();
    input.write_all(b"c\n").unwrap();
    wait_until("the end of the process", || {
        running.interrupt();
        running.has_ended()
    });
    assert_eq!(running.exit_code(), 130);
    held.unlock().unwrap();
    assert_eq!(sandbox.read("err"), "");
    assert_eq!(sandbox.text("kafi produce orders:t d -q; kafi cat orders:t"), "a\nb\nd\n");
}
