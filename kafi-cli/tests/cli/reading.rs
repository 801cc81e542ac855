//! What is read: offsets, partitions, limits, types, and going on at the end.

use std::process::Stdio;

use crate::support::{Sandbox, wait_until};

/// Messages `0` to `9` in partition 0 at the times 1000, 2000, …, and `a` to `c` in partition 1 from 2500 on.
fn numbers() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut lines = String::new();
    for number in 0..10 {
        lines.push_str(&format!("{{\"partition\":0,\"timestamp\":{},\"value\":\"{number}\"}}\n", (number + 1) * 1000));
    }
    for (index, letter) in ["a", "b", "c"].iter().enumerate() {
        lines.push_str(&format!("{{\"partition\":1,\"timestamp\":{},\"value\":\"{letter}\"}}\n", 2500 + index * 1000));
    }
    sandbox.write("lines", lines);
    sandbox.text("kafi touch t --partitions 2 -q && kafi produce t --json -q < lines");
    sandbox
}

#[test]
fn offsets() {
    let sandbox = numbers();
    for (arguments, expected) in [
        ("", "0123456789abc"),
        ("-o start", "0123456789abc"),
        ("-o end", ""),
        ("-o 2", "23456789c"),
        ("-o 2:", "23456789c"),
        ("--offset 3:", "3456789"),
        ("-o -1", "9c"),
        ("-o -2", "89bc"),
        ("-o -100", "0123456789abc"),
        ("-o +2", "23456789c"),
        ("-o +100", ""),
        ("-o 1:3", "12bc"),
        ("-o :1", "0a"),
        ("-o 3:3", ""),
        ("-o @0", "0123456789abc"),
        ("-o @3500", "3456789bc"),
        ("-o @3000:5000", "23bc"),
        ("-o @3000..5000", "23bc"),
        ("-o @1970-01-01T00:00:09Z", "89"),
        ("-o @1970-01-01T02:00:09", "89"),
        ("--utc -o @1970-01-01T00:00:09", "89"),
        ("-o @1970-01-01T00:00:02Z:1970-01-01T00:00:04Z", "12ab"),
        ("-o @1970-01-01", "0123456789abc"),
        ("-o @1970-01-02", ""),
        ("-o @-1h30m", ""),
        ("-o 0=7:", "789abc"),
        ("-o 0=end -o 1=-1", "c"),
        ("-o end -o 1=1:2", "b"),
        ("-p 1", "abc"),
        ("-p 0,1 -o 0=9", "9abc"),
        ("-p 0-1 -o -1", "9c"),
        ("-o @today", ""),
        ("-o @yesterday..now", ""),
        ("-o @0000000005", "456789"),
        ("-o @0000000003..0000000005", "23bc"),
        ("-n 0", ""),
        ("-n 3", "012"),
        ("-p 1 -n 100", "abc"),
        ("-p 1 --max 2 -o 1", "bc"),
        ("--threads 1", "0123456789abc"),
        ("-p 1 --isolation read_uncommitted", "abc"),
    ] {
        assert_eq!(sandbox.text(&format!("kafi cat t {arguments}")).replace('\n', ""), expected, "cat t {arguments}");
    }
    let mut parallel: Vec<char> = sandbox.text("kafi cat t --threads 2").chars().filter(|c| *c != '\n').collect();
    parallel.sort_unstable();
    assert_eq!(String::from_iter(parallel), "0123456789abc");
}

#[test]
fn offsets_that_are_not_there() {
    numbers().check(
        r#"
        $ kafi cat t -o 5
        ! error: resolve offsets: topic t, partition 1, asked 5, available 0 to 3: the offsets 3 to 4 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi cat t -o 5 --allow-gap
        5
        6
        7
        8
        9
        ! warning: topic t, partition 1, asked 5, available 0 to 3: the offsets 3 to 4 are not there yet: taking 3
        $ kafi cat t -o 5 --allow-gap -q
        5
        6
        7
        8
        9
        $ kafi cat t -o 1:99
        ! error: resolve offsets: topic t, partition 0, asked 99, available 0 to 10: the offsets 10 to 98 are not there yet
        ! hint: --allow-gap takes what is there
        ? 1
        $ kafi cat t -p 2
        ! error: read: topic t, partition 2: the topic has partitions 0 to 1
        ? 1
        $ kafi cat t -p 0 -o 1=3
        ! error: resolve offsets: partition 1: an offset names this partition, but it is not among those to read
        ? 2
        $ kafi cat t -o 5:2
        ! error: read offset: offset 5:2: the range ends before it begins
        ? 2
        $ kafi cat t -o five
        ! error: read offset: offset five: this is no offset; allowed are start, end, N, -N, +N, N:M, :M, @T, @T1:T2, @T1..T2, or P=… for one partition (T = epoch ms (ten digits: seconds), RFC 3339, a date, a date and time, a time of day, now, today, yesterday, or -1h30m for ago)
        ? 2
        $ kafi cat t -o beginning 2>&1 | tail -n 1; kafi wc t -o latest 2>&1 | tail -n 1; kafi offsets t -o 0=now 2>&1 | tail -n 1
        hint: did you mean start?
        hint: did you mean end?
        hint: did you mean @now?
        $ kafi cat t -o 1 -o 2
        ! error: read offset: offset 2: there is an offset for these partitions already
        ? 2
        $ kafi cat t -p x
        ! error: read arguments: invalid value 'x' for '--partition <LIST>': "x" is no partition
        ? 2
        $ kafi cat t -p 3-1
        ! error: read arguments: invalid value '3-1' for '--partition <LIST>': "3-1" runs backwards
        ? 2
        "#,
    );
}

#[test]
fn types_have_names() {
    numbers().check(
        r#"
        $ kafi cat t -t jsn
        ! error: read arguments: invalid value 'jsn' for '--type <TYPE>': there is no such type, did you mean json?
        ? 2
        "#,
    );
}

#[test]
fn types_are_looked_after() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/locals/typed.yaml", "local:\n  root.dir: kafi-data\nkafi:\n  value.type: json\n");
    sandbox.check(
        r#"
        $ printf '{"a": 1.50}\nno json\n' | kafi produce t --create -q; printf 'k:\xff\n' | kafi produce t -K: -q
        $ kafi cat t
        {"a": 1.50}
        no json
        \xff
        $ kafi cat t -t json
        {"a": 1.50}
        ! error: read JSON: line 1, column 1, topic t, field value, partition 0, offset 1: this is not JSON: a value is missing
        ? 1
        $ kafi cat typed:t
        {"a": 1.50}
        ! error: read JSON: line 1, column 1, topic t, field value, partition 0, offset 1: this is not JSON: a value is missing
        ? 1
        $ kafi cat typed:t --value-type bytes -n 2
        {"a": 1.50}
        no json
        $ kafi cat t -t str
        {"a": 1.50}
        no json
        ! error: read text: topic t, field value, partition 0, offset 2: byte 0 is not UTF-8
        ! hint: the type bytes takes anything
        ? 1
        $ kafi cat t --key-type json -o 2
        ! error: read JSON: line 1, column 1, topic t, field key, partition 0, offset 2: this is not JSON: a value is missing
        ? 1
        $ kafi grep . t -t json
        {"a": 1.50}
        ! error: read JSON: line 1, column 1, topic t, field value, partition 0, offset 1: this is not JSON: a value is missing
        ? 2
        "#,
    );
}

#[test]
fn head_and_tail_count_messages_in_all() {
    numbers().check(
        r#"
        $ kafi head t | tr -d '\n'
        0123456789⌁
        $ kafi head t -n 2 | tr -d '\n'
        01⌁
        $ kafi head t -n 2 -o 8 -p 0 | tr -d '\n'
        89⌁
        $ kafi head t -n 0
        $ kafi tail t | tr -d '\n'
        2b3c456789⌁
        $ kafi tail t -n 3 -p 1 | tr -d '\n'
        abc⌁
        $ kafi tail t -n 8 | tr -d '\n'
        3c456789⌁
        $ kafi tail t -n 2 -o :5 -p 0 | tr -d '\n'
        34⌁
        $ kafi tail t -n 0
        $ kafi tail t -n 100 | wc -l
        13
        $ kafi tail t ./other/t
        ! error: read arguments: argument ADDRESS: the newest messages can be told of the topics of one storage only
        ! hint: run tail for each storage
        ? 2
        "#,
    );
}

#[test]
fn an_empty_topic() {
    Sandbox::new().check(
        r#"
        $ kafi touch t -q
        $ kafi cat t; kafi head t; kafi tail t; kafi cat t -o -1; kafi cat t -o @-1h; kafi cat t -o 0; kafi cat t --json
        ! note: no messages at -o @-1h
        $ kafi wc t
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             0          0            0           0
        ! 0 read in 0.0 s
        $ kafi grep x t
        ! 0 read, 0 found in 0.0 s
        ? 1
        $ kafi watermarks t
        TOPIC  PARTITION  LOW  HIGH  MESSAGES
        t              0    0     0         0
        $ kafi cp t u
        ! 0 read, 0 written, 0 failed in 0.0 s
        "#,
    );
}

#[test]
fn following_goes_on_until_ctrl_c_and_says_where_it_stopped() {
    let sandbox = numbers();
    for (arguments, first) in [
        (&["cat", "t", "-f", "-o", "-1"][..], "9"),
        (&["tail", "t", "-n", "5", "-f"], "9"),
        (&["grep", ".", "t", "-f"], "9"),
    ] {
        let mut child = sandbox.start(arguments, Stdio::null(), "out", "err");
        sandbox.wait_for("out", first);
        sandbox.text("kafi produce t later -p 0 -q");
        sandbox.wait_for("out", "later");
        child.interrupt();
        assert_eq!(child.exit_code(), 130, "{arguments:?}");
        let next = sandbox.text("kafi watermarks t --json | head -n 1 | grep -o '\"high\":[0-9]*' | cut -d: -f2");
        let said = format!("stopped; the next offsets are: t 0={} 1=3\n", next.trim());
        assert!(sandbox.read("err").contains(&said), "{arguments:?}: {}", sandbox.read("err"));
    }
}

#[test]
fn following_stops_at_a_limit() {
    let sandbox = numbers();
    let mut child = sandbox.start(&["cat", "t", "-f", "-o", "end", "-n", "2"], Stdio::null(), "out", "err");
    for value in ["x", "y", "z"] {
        sandbox.text(&format!("kafi produce t {value} -p 0 -q"));
    }
    // Messages that came before it had looked where the end is do not count.
    while !child.has_ended() {
        sandbox.text("kafi produce t more -p 0 -q");
    }
    assert_eq!(child.exit_code(), 0);
    assert_eq!(sandbox.read("out").lines().count(), 2);
}

#[test]
fn ctrl_c_ends_a_copy_in_order_and_says_how_far_it_came() {
    let sandbox = numbers();
    let mut child = sandbox.start(&["cp", "t", "u", "-f"], Stdio::null(), "out", "err");
    let copied = || sandbox.run("kafi cat u").stdout.len() == 26;
    wait_until("the copy", copied);
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    let said = sandbox.read("err");
    assert!(
        said.contains("stopped; the next offsets are: t 0=10 1=3\n")
            && said.contains("13 read, 13 written, 0 failed in "),
        "{said}"
    );
}

#[test]
fn times_of_today_are_local_unless_utc_is_asked_for() {
    let sandbox = Sandbox::new();
    // The middle of the day where the sandbox lies, which is two hours ahead of UTC: a run that sees midnight is the only
    // one that could see another day.
    sandbox.text("kafi touch t -q && for hour in 9 10 11 12; do echo \"{\\\"value\\\":\\\"$hour\\\",\\\"timestamp\\\":$(date -d \"today $hour:30\" +%s)000}\"; done | kafi produce t --json -q");
    assert_eq!(sandbox.text("kafi cat t -o @10:30 | tr '\\n' ' '"), "10 11 12 ");
    assert_eq!(sandbox.text("kafi cat t -o @10:30:00.001:11:31 | tr '\\n' ' '"), "11 ");
    assert_eq!(sandbox.text("kafi cat t -o @9:30..10:30 | tr '\\n' ' '"), "9 ");
    let is_one_day = sandbox.text("date +%F") == sandbox.text("date -u +%F");
    // Before two in the morning it is still yesterday in UTC.
    let since = if is_one_day { "10 11 12 " } else { "9 10 11 12 " };
    assert_eq!(sandbox.text("kafi cat t --utc -o @8:30 | tr '\\n' ' '"), since);
    assert_eq!(sandbox.text("kafi cat t -o @today | tr '\\n' ' '"), "9 10 11 12 ");
    assert_eq!(sandbox.text("kafi cat t -o @yesterday:today"), "");
    assert_eq!(sandbox.text("kafi cat t -o @$(date -d 'today 11:30' +%s) | tr '\\n' ' '"), "11 12 ");
}

#[test]
fn only_messages_with_a_key() {
    let sandbox = Sandbox::new();
    sandbox
        .text("kafi touch t --partitions 2 -q && for p in 0 1; do printf 'a:1\\nb:2\\na:3\\n:4\\nno key\\naa:5\\na:6\\n' | kafi produce t -K: -p $p -q; done");
    sandbox.check(
        r#"
        $ kafi cat t --key a --order partition | tr '\n' ' '
        1 3 6 1 3 6 ⌁
        $ kafi cat t --key '' --order partition
        4
        4
        $ kafi cat t --key A
        $ kafi head t --key a -n 4 --order partition -F '%p:%o '
        0:0 0:2 0:6 1:0 ⌁
        $ kafi tail t --key b
        2
        2
        $ kafi tail t --key a -n 1 -p 0
        6
        $ kafi wc t --key a
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             6          6            6           0
        ! 6 read in 0.0 s
        $ kafi wc t --key a -n 5 --by partition
        TOPIC  PARTITION  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t              0         3          3            3           0
        t              1         2          2            2           0
        total                    5          5            5           0
        ! 5 read in 0.0 s
        $ kafi grep '[36]' t --key a -p 1
        3
        6
        ! 3 read, 2 found in 0.0 s
        $ kafi cat t --key a --threads 2 -n 3 | wc -l
        3
        $ kafi cp t only --key a && kafi wc only -q
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        only          6          6            6           0
        ! 6 read, 6 written, 0 failed in 0.0 s
        $ kafi diff t only --key a --ignore-offset
        ! 6 compared, 0 different in 0.0 s
        $ kafi cp t only --key a --resume
        ! error: copy: only a copy of one source with its partitions keeps the source's offsets, which say where to go on
        ! hint: leave out --resume, or copy each source to a topic of its own without --repartition, --key, and functions
        ? 2
        "#,
    );
    // As a group, what has another key is done, too.
    sandbox.check(
        r#"
        $ kafi cat t -g g --key b
        2
        2
        $ kafi cat t -g g
        $ kafi cat t -g h --key a -n 1 > /dev/null && kafi cat t -g h | wc -l
        12
        "#,
    );
}
