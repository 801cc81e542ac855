//! Messages from stdin, files, and the command line.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::messages::{nasty, without_offsets};
use crate::support::{Running, Sandbox, seen, wait_until};

#[test]
fn lines_keys_headers_and_partitions() {
    Sandbox::new().check(
        r#"
        $ kafi touch t --partitions 2 -q
        $ printf 'a\n\nlast line without its end' | kafi produce t -p 0
        ! 3 written in 0.0 s
        $ kafi cat t -p 0 -F '%o %k %v|\n' -Z
        0 NULL a|
        1 NULL |
        2 NULL last line without its end|
        $ printf 'k1:v1\n:v2\nk3:\nno key\nk:a:b\n' > file; kafi produce t -K: -p 1 -l file -H a=1 -H a= -H b=x=y
        ! 5 written in 0.0 s
        $ kafi cat t -p 1 -F '%k|%v|%h\n' -Z
        k1|v1|a=1,a=,b=x=y
        |v2|a=1,a=,b=x=y
        k3||a=1,a=,b=x=y
        NULL|no key|a=1,a=,b=x=y
        k|a:b|a=1,a=,b=x=y
        $ kafi touch u v w x; kafi produce u 'a value' -k key -H h=1 && kafi cat u -F '%k %v %h\n'
        key a value h=1
        ! 1 written in 0.0 s
        $ kafi produce v --null-value -k gone && kafi produce v '' && kafi cat v -Z -K=
        gone=NULL
        NULL=
        ! 1 written in 0.0 s
        ! 1 written in 0.0 s
        $ printf '/\nx/\n/y\nNULL/NULL\n\n' | kafi produce w -K/ -Z -q; kafi produce w '' -k '' -Z -q; kafi cat w -K/ -Z; kafi wc w -q
        NULL/NULL
        x/NULL
        NULL/y
        NULL/NULL
        NULL/NULL
        NULL/NULL
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        w             6          5            5           4
        $ printf ':\n' | kafi produce w -K: -q; kafi cat w -K/ -Z -o -1
        /
        $ printf 'a;b;;c' | kafi produce x -D';' -q; printf 'd--e' | kafi produce x -D-- -q; printf 'f\0g' | kafi produce x -D '\0' -q; kafi cat x
        a
        b

        c
        d
        e
        f
        g
        $ kafi produce u '{"bla":123}' -k 123 --json
        ! error: produce: with --json key, value, and headers stand in the envelopes
        ? 2
        $ seq 3 | kafi produce u -t json
        ! 3 written in 0.0 s
        $ kafi produce u </dev/null
        ! 0 written in 0.0 s
        "#,
    );
}

#[test]
fn what_cannot_be_produced() {
    Sandbox::new().check(
        r#"
        $ kafi touch t -q
        $ echo x | kafi produce nope
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: --create creates it
        ? 1
        $ echo x | kafi produce nope --create -q && kafi cat nope
        x
        $ kafi produce t x -p 5
        ! error: find partition: topic t, partition 5, storage ./kafi-data: no such partition, the topic has 1
        ? 1
        $ kafi produce t -l nope
        ! error: read: file nope: no such file or directory
        ? 1
        $ kafi produce t < .
        ! error: read: file stdin: it is a folder, not a file
        ? 2
        $ kafi produce t -l .
        ! error: read: file .: it is a folder, not a file
        ? 2
        $ printf '1\n2\nthree\n4\n' | kafi produce t -t json
        ! 2 written in 0.0 s
        ! error: read JSON: line 1, column 1, topic t, field value, input line 3: this is not JSON: a value is missing
        ? 1
        $ kafi cat t
        1
        2
        $ kafi produce t -D '' x
        ! error: read arguments: the argument '-D <DELIMITER>' cannot be used with '[VALUE]'
        ! hint: usage: kafi produce -D <DELIMITER> <ADDRESS> [VALUE]
        ? 2
        $ kafi produce t -k a -K:
        ! error: read arguments: the argument '--key <KEY>' cannot be used with '-K <DELIMITER>'
        ! hint: usage: kafi produce --key <KEY> <ADDRESS> [VALUE]
        ? 2
        $ kafi produce t x --null-value
        ! error: read arguments: the argument '[VALUE]' cannot be used with '--null-value'
        ! hint: usage: kafi produce <ADDRESS> <VALUE>
        ? 2
        $ kafi produce t -H x y
        ! error: read arguments: invalid value 'x' for '--header <KEY=VALUE>': it is written KEY=VALUE
        ? 2
        $ kafi produce ./t/
        ! error: read address: address "./t/": this names a storage, where a topic is wanted
        ! hint: kafi ls ./t/ lists its topics
        ? 2
        $ kafi produce bad/name x
        ! error: read address: address "bad/name": a folder is written ./FOLDER/TOPIC, a storage KIND/NAME:TOPIC
        ? 2
        $ kafi produce 'bad name' x --create
        ! error: check topic name: topic "bad name": ' ' is not allowed: only a-z A-Z 0-9 . _ -
        ? 2
        "#,
    );
}

#[test]
fn a_whole_input_is_one_message() {
    let sandbox = Sandbox::new();
    let content: Vec<u8> = (0..1_000_003u32).map(|at| (at * 7 % 256) as u8).chain(*b"\n\0\r\nend\n").collect();
    sandbox.write("file", &content);
    sandbox.write("empty", "");
    sandbox.check(
        r#"
        $ kafi produce ./d/t -D '' -l file --create; kafi produce ./d/t -D '' < file; kafi produce ./d/t -D '' -l empty; kafi cat ./d/t -F '%S '
        1000011 1000011 0 ⌁
        ! 1 written in 0.0 s
        ! 1 written in 0.0 s
        ! 1 written in 0.0 s
        $ kafi cat ./d/t -D '' -o :1 | cmp - file; kafi cat ./d/t -D '' -o 1:2 | cmp - file
        $ printf 'key=a\nb=c\n' | kafi produce ./d/u --create -D '' -K= -q; kafi cat ./d/u --json | cut -d, -f 7-
        "key":"key","value":"a\nb=c\n"}
        "#,
    );
}

#[test]
fn a_message_of_100_mb_goes_through() {
    let sandbox = Sandbox::new();
    sandbox.check(
        r#"
        $ head -c 100000000 /dev/zero > file; kafi produce ./d/t -D '' -l file --create && kafi cat ./d/t -D '' | cmp - file
        ! 1 written in 0.0 s
        "#,
    );
}

#[test]
fn keys_come_from_values() {
    Sandbox::new().check(
        r#"
        $ kafi touch t -q
        $ printf '{"id":7,"user":{"name":"A\u006ea"}}\n{"user":{"name":null},"id":[1, 2]}\n' | kafi produce t --key-path .id -q; kafi cat t -F '%k\n'
        7
        [1, 2]
        $ printf '{"id":7,"user":{"name":"A\u006ea"}}\n{"user":{"name":null}}\n' | kafi produce t --key-path .user.name -q; kafi cat t -o 2 -F '%k\n' -Z
        Ana
        NULL
        $ kafi produce t '{"a":[{"b c":"x"}]}' --key-path '.a[0]."b c"' -q; kafi cat t -o -1 -F '%k\n'
        x
        $ printf '{"id":1}\n{"no":2}\n{"id":3}\n' | kafi produce t --key-path .id
        ! 1 written in 0.0 s
        ! error: read JSON: path .id, input line 2: it is missing
        ? 1
        $ printf '{"id":1}\nno json\n' | kafi produce t --key-path .id
        ! 1 written in 0.0 s
        ! error: read JSON: line 1, column 1, input line 2: this is not JSON: a value is missing
        ? 1
        $ kafi produce t '{}' --key-path id
        ! error: read arguments: invalid value 'id' for '--key-path <PATH>': this is no path; it is written like .id, .user.name, .tags[0], or ."a b"
        ? 2
        $ kafi produce t '{}' --key-path .id -k x
        ! error: read arguments: the argument '--key-path <PATH>' cannot be used with '--key <KEY>'
        ! hint: usage: kafi produce --key-path <PATH> <ADDRESS> <VALUE>
        ? 2
        $ echo '{"value":1}' | kafi produce t --key-path .id --json
        ! error: produce: with --json key, value, and headers stand in the envelopes
        ? 2
        "#,
    );
}

#[test]
fn an_envelope_that_is_none_is_named_by_its_line() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q");
    for (line, error) in [
        ("not json", "? 1"),
        (r#"{"valu":1}"#, "did you mean value?"),
        (r#"{"key":"k"}"#, "there is no value"),
        (r#"{"value":1,"partition":"x"}"#, "this must be an integer"),
        (r#"{"value":null,"value_base64":"*"}"#, "this is not base64"),
        (r#"{"value":1,"value_schema_id":7}"#, "the registry has no schema of this id"),
        (r#"{"value":1,"headers":[{"value":"x"}]}"#, "a header needs a key"),
        (r#"[1]"#, "not a JSON object"),
    ] {
        let output =
            sandbox.run_with("kafi produce t --json", format!("{{\"value\":1}}\n{line}\n{{\"value\":3}}\n").as_bytes());
        let seen = seen(&output);
        assert!(seen.contains(error) && seen.contains("error: ") && seen.lines().count() <= 4, "{line}: {seen}");
        assert!(seen.contains("line 2"), "{line}: {seen}");
        assert!(seen.contains("{\"written\":1,"), "{line}: {seen}");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{line}: {seen}");
    }
    assert_eq!(sandbox.text("kafi cat t"), "1\n".repeat(8));
}

#[test]
fn envelopes_go_round_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t u v --partitions 2 -q && kafi produce u 'what stands before' -q -p 0");
    let output = sandbox.run_with("kafi produce t --json -q", nasty().as_bytes());
    assert_eq!(seen(&output), "");
    let mut lines: Vec<String> = sandbox.text("kafi cat t --json").lines().map(String::from).collect();
    let mut expected: Vec<String> = nasty().lines().map(String::from).collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
    sandbox.text("kafi cat t --json | kafi produce u --json -q");
    let second = sandbox.text("kafi cat u --json -o 0=1:").replace("\"topic\":\"u\"", "\"topic\":\"t\"");
    assert_eq!(without_offsets(&second), without_offsets(&nasty()));
    // The types only say how bytes are shown: what goes in is the same.
    sandbox.text("kafi cat t --json -t str -o 0=0:2 -p 0 | kafi produce v --json -q");
    assert_eq!(
        without_offsets(&sandbox.text("kafi cat v --json").replace("\"v\"", "\"t\"")),
        without_offsets(&sandbox.text("kafi cat t --json -o :2 -p 0"))
    );
    // Nobody's partitions and timestamps are taken unless they are wanted.
    sandbox.text("kafi touch w x -q && kafi cat t --json | kafi produce w --json --ignore-partition -q && kafi cat t --json -p 1 | kafi produce x --json -p 0 --ignore-timestamp -q");
    assert_eq!(sandbox.text("kafi cat w -F '%p %T\\n' | sort -u"), "0 0\n0 1732660705555\n0 5\n");
    assert_eq!(sandbox.text("kafi cat x -o @-1h -F '%p\\n'"), "0\n".repeat(4));
}

#[test]
fn large_messages_and_bytes_of_all_kinds() {
    let sandbox = Sandbox::new();
    let line: Vec<u8> = (0..10_000_000u32).map(|at| if at % 251 == 10 { b'?' } else { (at % 251) as u8 }).collect();
    let mut content = line.clone();
    content.push(b'\n');
    content.extend_from_slice(&line[..900_000]);
    content.extend_from_slice(b"\n\0\n");
    sandbox.write("lines", &content);
    assert_eq!(
        seen(&sandbox.run("kafi produce t --create < lines")),
        "! topics are kept in ./kafi-data ($KAFI_STORAGE names another default)\n! 3 written in 0.0 s\n"
    );
    assert!(sandbox.bytes("kafi cat t") == content);
    assert!(sandbox.bytes("kafi cat t -o 1 -n 1 -D ''") == line[..900_000]);
    sandbox.text("kafi cat t --json | kafi produce u --create --json -q");
    assert!(sandbox.bytes("kafi cat u") == content);
}

#[test]
fn what_comes_slowly_is_delivered_at_once() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q");
    let mut child = sandbox.start(&["produce", "t"], Stdio::piped(), "out", "err");
    let mut stdin = child.0.stdin.take().unwrap();
    stdin.write_all(b"first\nhalf a l").unwrap();
    wait_until("the first line", || sandbox.text("kafi cat t") == "first\n");
    stdin.write_all(b"ine\n").unwrap();
    wait_until("the second line", || sandbox.text("kafi cat t") == "first\nhalf a line\n");
    drop(stdin);
    assert_eq!(child.exit_code(), 0);
    assert!(sandbox.read("err").starts_with("2 written in "));
}

#[test]
fn ctrl_c_ends_a_wait_for_stdin_after_what_was_read_is_written() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && mkfifo fifo");
    // Opened for both, a fifo neither blocks nor ends.
    let fifo = File::options().read(true).write(true).open(sandbox.path("fifo")).unwrap();
    let mut child = sandbox.start(&["produce", "t"], Stdio::from(fifo.try_clone().unwrap()), "out", "err");
    (&fifo).write_all(b"one\ntwo\nnot the whole li").unwrap();
    wait_until("both lines", || sandbox.text("kafi cat t") == "one\ntwo\n");
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    assert!(sandbox.read("err").starts_with("2 written in "), "{}", sandbox.read("err"));
    assert_eq!(sandbox.text("kafi cat t"), "one\ntwo\n");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && mkfifo fifo && seq 100000 | kafi produce t -q");
    let fifo = File::options().read(true).write(true).open(sandbox.path("fifo")).unwrap();
    let out = fifo.try_clone().unwrap();
    // Nobody reads the fifo, so that the first Ctrl-C finds a batch in hand that never goes out.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kafi"));
    let mut child = Running(
        command
            .args(["cat", "t"])
            .current_dir(sandbox.path(""))
            .stdout(Stdio::from(out))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // What comes first shows that it is at work.
    (&fifo).read_exact(&mut [0]).unwrap();
    child.interrupt();
    // It may not have seen the first Ctrl-C when the second comes, which then counts as one.
    wait_until("the end", || {
        child.interrupt();
        child.has_ended()
    });
    assert_eq!(child.exit_code(), 130);
}

#[test]
fn several_producers_at_once() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t --partitions 3 -q");
    sandbox.text("for p in 1 2 3 4; do (seq -f $p-%g 1 2000 | kafi produce t -q) & done; wait");
    let mut lines: Vec<String> = sandbox.text("kafi cat t").lines().map(String::from).collect();
    lines.sort();
    let mut expected: Vec<String> = (1..=4).flat_map(|p| (1..=2000).map(move |n| format!("{p}-{n}"))).collect();
    expected.sort();
    assert_eq!(lines, expected);
}
