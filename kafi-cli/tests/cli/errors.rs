//! What is typed wrongly gets one line, and at most one hint.

use crate::support::{Sandbox, seen};

#[test]
fn usage() {
    Sandbox::new().check(
        r#"
        $ kafi
        ! error: read arguments: no command was given
        ! hint: kafi --help shows what there is
        ? 2
        $ kafi catt t
        ! error: read arguments: unrecognized subcommand 'catt'
        ! hint: did you mean cat?
        ? 2
        $ kafi xyzzy
        ! error: read arguments: unrecognized subcommand 'xyzzy'
        ! hint: usage: kafi [OPTIONS] <COMMAND>
        ? 2
        $ kafi cat
        ! error: read arguments: the following required arguments were not provided: <ADDRESS>...
        ! hint: usage: kafi cat <ADDRESS>...
        ? 2
        $ kafi cat t --verbos
        ! error: read arguments: unexpected argument '--verbos' found
        ! hint: did you mean --verbose?
        ? 2
        $ kafi cat t --nothing-like-it
        ! error: read arguments: unexpected argument '--nothing-like-it' found
        ! hint: usage: kafi cat <ADDRESS>...
        ? 2
        $ kafi cat t --color=sometimes
        ! error: read arguments: invalid value 'sometimes' for '--color <WHEN>'
        ! hint: there are auto, always, never
        ? 2
        $ kafi cat t --isolation none
        ! error: read arguments: invalid value 'none' for '--isolation <LEVEL>'
        ! hint: there are read_committed, read_uncommitted
        ? 2
        $ kafi cat t -n -1
        ! error: read arguments: unexpected argument '-1' found
        ! hint: usage: kafi cat [OPTIONS] <ADDRESS>...
        ? 2
        $ kafi cat t --max x
        ! error: read arguments: invalid value 'x' for '--max <N>': invalid digit found in string
        ? 2
        $ kafi cat t -o
        ! error: read arguments: a value is required for '--offset <SPEC>' but none was supplied
        ? 2
        $ kafi cat t --threads 0
        ! error: read arguments: invalid value '0' for '--threads <N>': 0 is not in 1..=65535
        ? 2
        $ kafi cat t -q --verbose
        ! error: read arguments: the argument '--quiet' cannot be used with '--verbose'
        ! hint: usage: kafi cat --quiet <ADDRESS>...
        ? 2
        $ kafi touch t --config x
        ! error: read arguments: invalid value 'x' for '--config <KEY=VALUE>': it is written KEY=VALUE
        ? 2
        $ kafi storage
        ! error: read arguments: no command was given
        ! hint: kafi --help shows what there is
        ? 2
        $ kafi storage lss
        ! error: read arguments: unrecognized subcommand 'lss'
        ! hint: did you mean ls?
        ? 2
        $ kafi completion csh
        ! error: read arguments: invalid value 'csh' for '<SHELL>'
        ! hint: there are bash, elvish, fish, zsh
        ? 2
        $ kafi ls -X x
        ! error: read arguments: invalid value for '--property <KEY=VALUE>': it is written KEY=VALUE
        ? 2
        $ kafi ls -X 'sasl.password=${NOT_SET}'
        ! error: read variables: key sasl.password: the environment variable NOT_SET is not set
        ? 2
        $ kafi cat $'\xff'
        ! error: read arguments: invalid UTF-8 was detected in one or more arguments
        ! hint: usage: kafi cat [OPTIONS] <ADDRESS>...
        ? 2
        "#,
    );
}

#[test]
fn verbose_explains() {
    let sandbox = Sandbox::new();
    assert_eq!(
        seen(&sandbox.run("kafi produce u x --create -q && kafi cat u --verbose")),
        "x\n! note: reading topic u, partition 0: from 0 to 1\n"
    );
    let plain = seen(&sandbox.run("kafi produce t -l nope --create"));
    let verbose = seen(&sandbox.run("kafi produce t -l nope --create --verbose"));
    assert!(
        plain.contains("error: read: file nope: no such file or directory") && !plain.contains("caused by"),
        "{plain}"
    );
    assert!(verbose.contains("! caused by: "), "{verbose}");
}

#[test]
fn quiet_keeps_errors() {
    let sandbox = Sandbox::new();
    assert!(seen(&sandbox.run("kafi cat nope -q")).starts_with("! error: "));
    assert_eq!(seen(&sandbox.run("kafi produce t x --create -q && kafi cp t u -q && kafi cat t -o 7 --allow-gap -q && kafi wc t -q > /dev/null")), "");
}

#[test]
fn a_damaged_segment_is_named_and_can_be_skipped() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi produce t first --create -q && kafi produce t second -q && kafi produce t third -q");
    let segment = sandbox.path("kafi-data/topics/t/0/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"second").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let damaged = seen(&sandbox.run("kafi cat t"));
    assert!(
        damaged.starts_with("first\n! error: ")
            && damaged.contains("00000000000000000000.log")
            && damaged.ends_with("? 1\n"),
        "{damaged}"
    );
    let skipped = seen(&sandbox.run("kafi cat t --skip-corrupt"));
    assert!(skipped.starts_with("first\nthird\n! warning: "), "{skipped}");
}
