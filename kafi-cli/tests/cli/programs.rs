//! Programs of one's own: `--through`, and `foreach`.

use std::process::Stdio;

use crate::support::{Sandbox, wait_until};

fn orders() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines = "{\"id\":1,\"country\":\"DE\",\"price\":19.990}\n{\"id\":9007199254740993,\"country\":\"FR\",\"price\":5}\n{ \"id\": 3, \"country\": \"DE\" }\nno json\n";
    sandbox.write("lines", lines);
    sandbox.write(
        "germans_twice",
        r#"while IFS= read -r line; do case $line in *DE*) echo "$line"; echo '{"key":"again"}';; esac; echo; done"#,
    );
    sandbox.write("one_and_out", r#"read -r line; echo "$line"; echo; exit 3"#);
    sandbox.text("kafi touch t -q && kafi produce t -H h=x -l lines -q");
    sandbox
}

#[test]
fn a_program_makes_none_one_or_many_and_what_it_leaves_stays_byte_for_byte() {
    let sandbox = orders();
    sandbox.check(
        r#"
        $ kafi cat t --through 'sed -u G'
        {"id":1,"country":"DE","price":19.990}
        {"id":9007199254740993,"country":"FR","price":5}
        { "id": 3, "country": "DE" }
        no json
        $ kafi cat t --through 'bash germans_twice' -F '%o %k %v %h\n'
        0  {"id":1,"country":"DE","price":19.990} h=x
        0 again {"id":1,"country":"DE","price":19.990} h=x
        2  { "id": 3, "country": "DE" } h=x
        2 again { "id": 3, "country": "DE" } h=x
        $ kafi cat t -o 0:1 --through "sed -u 's/.*/{\"value\":\"\\\\u00fc\",\"headers\":[]}/;G'" --json | grep -o '"headers.*'
        "headers":[],"key":null,"value":"ü"}
        $ kafi cat t --filter '.offset < 2' --through 'sed -u G' --map '.value.price += 1' --jq '[.offset, .value.price]'
        [0,20.99]
        [1,6]
        $ kafi cat t --flatmap '., .' --through 'sed -u G' --filter '.offset > 2' --through 'bash germans_twice' | wc -l
        0
        $ kafi wc t --through 'bash germans_twice' --json
        {"storage":"./kafi-data","topic":"t","messages":4,"key_bytes":10,"value_bytes":132,"tombstones":0}
        ! {"read":4,"seconds":0.0}
        $ kafi cp t u --through 'bash germans_twice'
        ! 4 read, 4 written, 0 failed in 0.0 s
        $ kafi produce u -q -l lines --through 'bash germans_twice'; kafi wc u --json -q
        {"storage":"./kafi-data","topic":"u","messages":8,"key_bytes":20,"value_bytes":264,"tombstones":0}
        "#,
    );
}

#[test]
fn bytes_and_line_breaks_go_through_programs() {
    let sandbox = Sandbox::new();
    sandbox.write("value", "{\"a\": 1,\r\n \"b\": [\n2]}");
    sandbox.check(
        r#"
        $ kafi touch t -q; kafi produce t -q -D '' -l value; printf '\xff\x00' | kafi produce t -q -D '' -k k; kafi produce t -q --null-value
        $ kafi cp t u -q --through 'sed -u G'; kafi diff t u
        ! 3 compared, 0 different in 0.0 s
        $ kafi cat u -o 0:1 --through "sed -u 's/\"a\": 1/\"a\": 2/;G'"
        {"a": 2,   "b": [ 2]}
        "#,
    );
}

#[test]
fn many_messages_wait_for_no_answer() {
    let sandbox = Sandbox::new();
    sandbox.check(
        r#"
        $ kafi touch t -q; seq 20000 | kafi produce t -q; kafi cat t --through 'sed -u G' | sha256sum
        d2aaaad93d4ce1d33de4dd7ecabdcbb50bd7a65de5a9d1f87b4c1ae1ad37c2ab  -
        "#
        .replace(
            "d2aaaad93d4ce1d33de4dd7ecabdcbb50bd7a65de5a9d1f87b4c1ae1ad37c2ab",
            sandbox.text("seq 20000 | sha256sum").split(' ').next().unwrap(),
        )
        .as_str(),
    );
}

#[test]
fn a_program_that_fails_loses_nothing() {
    orders().check(
        r#"
        $ kafi cp t u -g g -o start --through 'bash one_and_out'
        ! 4 read, 1 written, 0 failed in 0.0 s
        ! error: run program: program bash one_and_out, topic t, partition 0, offset 1: it ended (exit status: 3) before it had answered
        ? 1
        $ kafi cp t v -g g --through 'sed -u G' -q; kafi cat v -F '%v\n' | tail -n 1
        no json
        $ kafi cat t --through 'bash one_and_out' --on-error skip
        {"id":1,"country":"DE","price":19.990}
        ! error: run program: program bash one_and_out, topic t, partition 0, offset 1: it ended (exit status: 3) before it had answered
        ? 1
        $ kafi cat t --through 'nosuch 2>&-'
        ! error: run program: program nosuch 2>&-, topic t, partition 0, offset 0: it ended (exit status: 127) before it had answered
        ? 1
        $ kafi cat t --through 'cat > /dev/null' --through-timeout 1
        ! error: run program: program cat > /dev/null, topic t, partition 0, offset 0: it says nothing for 1 s
        ! hint: a program answers each line with an empty one behind what it makes, and flushes its output then; --through-timeout lets it think longer
        ? 1
        $ kafi cat t -o 0:1 --through 'echo hello; sed -u G'
        ! error: run function: topic t, partition 0, offset 0: it makes hello, which is not JSON: a value is missing
        ? 1
        $ kafi cat t --through-timeout 1
        ! error: read arguments: the following required arguments were not provided: --through <COMMAND>
        ! hint: usage: kafi cat --through <COMMAND> --through-timeout <SECONDS> <ADDRESS>...
        ? 2
        "#,
    );
}

#[test]
fn a_wrong_line_is_the_failure_of_its_message() {
    orders().check(
        r#"
        $ kafi cat t --through "sed -u '2s/.*/nonsense/;3s/.*/{\"valu\":1}/;G'"
        {"id":1,"country":"DE","price":19.990}
        ! error: run function: topic t, partition 0, offset 1: it makes nonsense, which is not JSON: a value is missing
        ? 1
        $ kafi cat t --through "sed -u '2s/.*/nonsense/;3s/.*/{\"valu\":1}/;G'" --on-error skip --tolerate -q -F '%o\n'
        0
        3
        $ kafi produce u --create -l lines --through "sed -u '2s/.*/7/;G'"
        ! 4 read, 1 written in 0.0 s
        ! error: run function: topic u, input line 2: it makes 7 of a message
        ! hint: a message is an object with any of key, value, headers, timestamp, partition, topic
        ? 1
        "#,
    );
}

#[test]
fn a_program_that_answers_without_end_ends_in_an_error() {
    orders().check(
        r#"
        $ kafi cat t --through 'yes {}' | wc -l
        0
        ! error: run program: program yes {}, topic t, partition 0, offset 0: it makes more than 1000000 values of one message
        $ kafi cat t --through 'read -r line; echo {}; exit 3' -g g -o start
        ! error: run program: program read -r line; echo {}; exit 3, topic t, partition 0, offset 0: it ended (exit status: 3) before it had answered
        ? 1
        $ kafi cat t --through 'yes x'
        ! error: run function: topic t, partition 0, offset 0: it makes x, which is not JSON: a value is missing
        ? 1
        $ kafi cat t --through 'read -r line; while echo bad; do sleep 0.2; done'
        ! error: run function: topic t, partition 0, offset 0: it makes bad, which is not JSON: a value is missing
        ? 1
        $ kafi cat t --through 'read -r line; yes x' --on-error skip
        ! error: run program: program read -r line; yes x, topic t, partition 0, offset 0: it makes more than 1000000 values of one message
        ? 1
        $ kafi cat t --through 'read -r line; while echo bad; do sleep 0.2; done' --through-timeout 1 --on-error skip
        ! error: run program: program read -r line; while echo bad; do sleep 0.2; done, topic t, partition 0, offset 0: it has not ended its answer after 1 s
        ! hint: a program answers each line with an empty one behind what it makes, and flushes its output then; --through-timeout lets it think longer
        ? 1
        "#,
    );
}

#[test]
fn what_is_made_of_a_message_counts_with_what_stays_of_it() {
    let sandbox = Sandbox::new();
    sandbox.write("value", format!("{{\"a\":\"{}\"}}\n", "x".repeat(1 << 20)));
    sandbox.check(
        r#"
        $ kafi touch t -q; kafi produce t -q -l value; kafi cat t --flatmap 'range(1000) | {}' | wc -l
        0
        ! error: run function: topic t, partition 0, offset 0: it makes more than 268435456 bytes of one message
        $ kafi cat t --through 'yes {}' | wc -l
        0
        ! error: run function: topic t, partition 0, offset 0: it makes more than 268435456 bytes of one message
        "#,
    );
}

#[test]
fn ctrl_c_waits_for_no_program_that_does_not_answer() {
    let sandbox = orders();
    sandbox.write("answers_once", "read -r line; echo \"$line\"; echo; touch waits; exec sleep 100");
    // Of a batch that is not answered nothing counts as done, but for what a program has acknowledged.
    for (arguments, left) in [
        (&["cat", "t", "-g", "g", "-o", "start", "--through", "bash answers_once"][..], "4\n"),
        (&["foreach", "t", "-g", "h", "-o", "start", "--", "bash", "answers_once"], "3\n"),
    ] {
        let mut child = sandbox.start(arguments, Stdio::null(), "out", "err");
        wait_until("the program", || sandbox.run("rm waits").status.success());
        child.interrupt();
        assert_eq!(child.exit_code(), 130, "{arguments:?}");
        assert!(sandbox.read("err").contains("it had not answered when it was to stop"), "{}", sandbox.read("err"));
        assert_eq!(sandbox.text(&format!("kafi cat t -g {} --no-commit | wc -l", arguments[3])), left, "{arguments:?}");
    }
}

#[test]
fn foreach_prints_what_a_program_says_at_once() {
    let sandbox = orders();
    let arguments = ["foreach", "t", "-g", "g", "--", "bash", "-c", "read -r line; echo said; exec sleep 100"];
    let mut child = sandbox.start(&arguments, Stdio::null(), "out", "err");
    sandbox.wait_for("out", "said");
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
}

#[test]
fn foreach_gives_each_message_to_a_program() {
    orders().check(
        r#"
        $ kafi foreach t -o 1:2 -- cat | grep -o '"headers".*'
        "headers":[{"key":"h","value":"x"}],"key":null,"value":{"id":9007199254740993,"country":"FR","price":5}}
        ! 1 read in 0.0 s
        $ kafi foreach t --filter '.offset == 1' -q -- grep -o '"offset":[0-9]*'
        "offset":1
        $ kafi foreach t -q -- grep -q FR
        $ kafi foreach t -q -- sh -c 'cat > /dev/null; exit 3'
        ! error: run program: program sh -c cat > /dev/null; exit 3: it ended with exit status: 3
        ? 1
        $ kafi foreach t -q -- ./nosuch
        ! error: start program: program ./nosuch: no such file or directory
        ? 1
        $ kafi foreach t ./other/t -- cat
        ! error: read arguments: argument ADDRESS: a program gets the topics of one storage
        ! hint: run it for each storage
        ? 2
        "#,
    );
}

#[test]
fn foreach_commits_what_was_acknowledged() {
    orders().check(
        r#"
        $ kafi foreach t -g g -o start -q -- bash -c 'for i in 1 2; do read -r line; echo "took $i"; echo; done; exit 3'
        took 1
        took 2
        ! error: run program: program bash -c for i in 1 2; do read -r line; echo "took $i"; echo; done; exit 3: it ended (exit status: 3) before it had answered
        ? 1
        $ kafi cat t -g g --no-commit -F '%o\n'
        2
        3
        $ kafi foreach t -g g -q -- sed -un 's/.*"offset":\([0-9]*\).*/took \1/;p;s/.*//;p'
        took 2
        took 3
        $ kafi cat t -g g -F '%o\n'
        $ kafi foreach t -g h -o start --silence 1 -q -- sleep 100
        ! error: run program: program sleep 100: it says nothing for 1 s
        ! hint: a program acknowledges each line with an empty one, and flushes its output then; --silence lets it take longer
        ? 1
        $ kafi foreach t -g h -o start --silence 1 -q -- sh -c 'read -r line; while echo x; do sleep 0.2; done' > said; echo $?; uniq said
        1
        x
        ! error: run program: program read -r line; while echo x; do sleep 0.2; done: it has not ended its answer after 1 s
        ! hint: a program acknowledges each line with an empty one, and flushes its output then; --silence lets it take longer
        $ kafi foreach t -g h -o start -q -- sh -c 'read -r line; yes x' | uniq
        x
        ! error: run program: program read -r line; yes x: it makes more than 1000000 values of one message
        "#,
    );
}
