//! `diff`: its exit codes are those of its namesake.

use crate::support::messages::nasty;
use crate::support::{Sandbox, seen};

/// The topic `t` in `./a/` with values in order, a second apart, all in one partition.
fn values(sandbox: &Sandbox, storage: &str, values: &[&str]) {
    let line = |(index, value): (usize, &&str)| {
        format!("{{\"partition\":0,\"timestamp\":{},\"value\":\"{value}\"}}\n", 1000 * (index + 1))
    };
    sandbox.write("lines", values.iter().enumerate().map(line).collect::<String>());
    sandbox.text(&format!("kafi produce {storage}t --create --json -q < lines"));
}

#[test]
fn copies_are_equal() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch ./a/t --partitions 2");
    let produced = sandbox.run_with("kafi produce ./a/t --json -q", nasty().as_bytes());
    assert_eq!(seen(&produced), "");
    sandbox.text("kafi touch ./a/empty --partitions 2 && kafi cp ./a/t ./a/empty ./b/ -q && kafi partitions ./b/t 3");
    sandbox.check(
        r#"
        $ kafi diff ./a/t ./b/t
        ! 9 compared, 0 different in 0.0 s
        $ kafi diff './a/*' ./b/ --threads 2 --json
        ! {"compared":9,"different":0,"seconds":0.0}
        $ kafi diff ./a/t ./b/t --ignore-partition --ignore-offset --ignore-timestamp
        ! 9 compared, 0 different in 0.0 s
        $ kafi diff ./a/t ./b/t -o 1: -p 1 -n 2
        ! 2 compared, 0 different in 0.0 s
        $ kafi diff ./a/empty ./b/empty --brief
        "#,
    );
}

#[test]
fn every_field_counts() {
    let sandbox = Sandbox::new();
    let base = r#""timestamp":1000,"headers":[{"key":"h","value":"x"}],"key":"k","value":"v""#;
    let fields = [
        (
            r#""timestamp":1000"#,
            r#""timestamp":2000"#,
            "timestamp",
            "1970-01-01T02:00:01.000+02:00",
            "1970-01-01T02:00:02.000+02:00",
        ),
        (r#""value":"x"}"#, r#""value":null}"#, "headers", "h=x", "h=null"),
        (
            r#"{"key":"h","value":"x"}"#,
            r#"{"key":"h","value":"x"},{"key":"h","value":"x"}"#,
            "headers",
            "h=x",
            "h=x h=x",
        ),
        (r#"[{"key":"h","value":"x"}]"#, "[]", "headers", "h=x", "none"),
        (r#""key":"k""#, r#""key":"""#, "key", "k", ""),
        (r#""key":"k""#, r#""key":null"#, "key", "k", "null"),
        (r#""value":"v""#, r#""value":null"#, "value", "v", "null"),
        (r#""value":"v""#, r#""value":"a\u001b\n""#, "value", "v", "a\\x1b\\n"),
    ];
    for (index, (from, to, field, left, right)) in fields.iter().enumerate() {
        sandbox.write("left", format!("{{{base}}}\n"));
        sandbox.write("right", format!("{{{}}}\n", base.replace(from, to)));
        sandbox.text(&format!("kafi produce ./a/t{index} --create --json -q < left && kafi produce ./b/t{index} --create --json -q < right"));
        let output = seen(&sandbox.run(&format!("kafi diff ./a/t{index} ./b/")));
        assert_eq!(output, format!("0:0 {field}\n< {left}\n> {right}\n! 1 compared, 1 different in 0.0 s\n? 1\n"));
        let json = seen(&sandbox.run(&format!("kafi diff ./a/t{index} ./b/ --json -q")));
        assert!(json.starts_with(&format!("{{\"fields\":[\"{field}\"],\"left\":{{\"topic\":\"t{index}\"")), "{json}");
        let equal = if *field == "timestamp" { Some(0) } else { Some(1) };
        assert_eq!(
            sandbox.run(&format!("kafi diff ./a/t{index} ./b/ --ignore-timestamp --brief")).status.code(),
            equal
        );
        assert_eq!(
            sandbox
                .run(&format!("kafi diff ./a/t{index} ./b/ --ignore-partition --ignore-timestamp --brief"))
                .status
                .code(),
            equal
        );
    }
}

#[test]
fn offsets_say_what_belongs_together_or_the_order_does() {
    let sandbox = Sandbox::new();
    values(&sandbox, "./a/", &["one", "two", "three", "four", "five"]);
    values(&sandbox, "./b/", &["one", "three", "4", "five", "six"]);
    // The same messages behind others that are gone: only the offsets differ.
    sandbox.text("kafi produce ./c/t x --create -q && kafi produce ./c/t --json -q < lines && kafi delete-records ./c/t -o 1 -y -q > /dev/null");
    sandbox.check(
        r#"
        $ kafi diff ./a/t ./b/t --ignore-timestamp
        0:1 value
        < two
        > three
        0:2 value
        < three
        > 4
        0:3 value
        < four
        > five
        0:4 value
        < five
        > six
        ! 5 compared, 4 different in 0.0 s
        ? 1
        $ kafi diff ./a/t ./b/t --ignore-timestamp --ignore-offset
        0:1 only in ./a/t
        < two
        0:3 0:2 value
        < four
        > 4
        0:4 only in ./b/t
        > six
        ! 6 compared, 3 different in 0.0 s
        ? 1
        $ kafi diff ./b/t ./c/t --ignore-timestamp
        0:0 only in ./b/t
        < one
        0:1 value
        < three
        > one
        0:2 value
        < 4
        > three
        0:3 value
        < five
        > 4
        0:4 value
        < six
        > five
        0:5 only in ./c/t
        > six
        ! 6 compared, 6 different in 0.0 s
        ? 1
        $ kafi diff ./b/t ./c/t --ignore-offset
        ! 5 compared, 0 different in 0.0 s
        $ kafi diff ./a/t ./b/t --ignore-timestamp -n 1
        ! 1 compared, 0 different in 0.0 s
        $ kafi diff ./a/t ./b/t --ignore-timestamp --brief
        ? 1
        $ kafi diff ./a/t ./b/t --ignore-timestamp | head -n 1
        0:1 value
        ! 5 compared, 4 different in 0.0 s
        $ kafi diff ./a/t ./b/t --ignore-timestamp --color always -o 1 -n 1 -q | cat -v
        0:1 value
        ^[[31m< two^[[0m
        ^[[32m> three^[[0m
        "#,
    );
}

#[test]
fn partitions_do_not_have_to_count() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch ./a/t --partitions 1 && kafi touch ./b/t --partitions 3");
    sandbox.text("seq 1000 | sed 's/$/:x/' | kafi produce ./a/t -K: -q && kafi cat ./a/t --json | kafi produce ./b/t --json --ignore-partition -q");
    sandbox.check(
        r#"
        $ kafi diff ./a/t ./b/t --brief
        ? 1
        $ kafi diff ./a/t ./b/t --ignore-partition
        ! 1000 compared, 0 different in 0.0 s
        $ kafi produce ./b/t -k 17 x -q && kafi produce ./b/t -k new value -p 0 -q && kafi produce ./a/t -k old value -q
        $ kafi diff ./a/t ./b/t --ignore-partition --ignore-timestamp | grep -v :
        < old value
        > 17 x
        > new value
        ! 1003 compared, 3 different in 0.0 s
        $ kafi diff ./a/t ./b/t --ignore-partition -n 5
        ! error: read arguments: the argument '--ignore-partition' cannot be used with '--max <N>'
        ! hint: usage: kafi diff --ignore-partition <LEFT> <RIGHT>
        ? 2
        "#,
    );
}

#[test]
fn what_cannot_be_compared_is_2() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch ./a/t ./a/u ./b/t");
    sandbox.check(
        r#"
        $ kafi diff ./a/t ./b/t -g group
        ! error: read arguments: argument -g: two topics are compared without a consumer group
        ? 2
        $ kafi diff ./a/t ./b/tt
        ! error: find topic: topic tt, storage ./b: no such topic
        ! hint: did you mean ./b/t?
        ? 2
        $ kafi diff ./a/t ./b/nope
        ! error: find topic: topic nope, storage ./b: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        $ kafi diff './a/*' ./b/t
        ! error: compare: address "./b/t": several topics are compared with those of the same names on a storage
        ? 2
        $ kafi diff ./a/t './b/*'
        ! error: compare: address "./b/*": only the first address can be a glob
        ? 2
        $ kafi diff ./a/t
        ! error: read arguments: the following required arguments were not provided: <RIGHT>
        ! hint: usage: kafi diff <LEFT> <RIGHT>
        ? 2
        $ kafi diff ./a/t -o 5 ./b/t
        ! error: resolve offsets: topic t, partition 0, asked 5, available 0 to 0: the offsets 0 to 4 are not there yet
        ! hint: --allow-gap takes what is there
        ? 2
        "#,
    );
}
