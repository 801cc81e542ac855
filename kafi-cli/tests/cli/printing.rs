//! What is printed: bare values, envelopes, formats, tables, and what a terminal gets.

use crate::support::{Running, Sandbox, seen};

/// Two messages: one with everything, one without anything.
fn two() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "lines",
        r#"{"timestamp":1732660705555,"headers":[{"key":"h","value":"x"},{"key":"h","value":null}],"key":"k","value":{"id": 1.50, "b":[true,null]}}
{"timestamp":1732660705556,"key":null,"value":null}
"#,
    );
    sandbox.text("kafi touch t -q && kafi produce t --json -q < lines");
    sandbox
}

#[test]
fn a_pipe_gets_values_and_nothing_else() {
    two().check(
        r#"
        $ kafi cat t
        {"id": 1.50, "b":[true,null]}

        $ kafi cat t -Z
        {"id": 1.50, "b":[true,null]}
        NULL
        $ kafi cat t -D '--\n'
        {"id": 1.50, "b":[true,null]}--
        --
        $ kafi cat t -D '\x00\t'
        {"id": 1.50, "b":[true,null]}\x00\x09\x00\x09⌁
        $ kafi cat t -K :
        k:{"id": 1.50, "b":[true,null]}
        :
        $ kafi cat t -K '\t' -Z
        k\x09{"id": 1.50, "b":[true,null]}
        NULL\x09NULL
        $ kafi cat t -K= -D';' -Z
        k={"id": 1.50, "b":[true,null]};NULL=NULL;⌁
        "#,
    );
}

#[test]
fn envelopes() {
    two().check(
        r#"
        $ kafi cat t --json
        {"topic":"t","partition":0,"offset":0,"timestamp":1732660705555,"timestamp_type":"create","headers":[{"key":"h","value":"x"},{"key":"h","value":null}],"key":"k","value":{"id": 1.50, "b":[true,null]}}
        {"topic":"t","partition":0,"offset":1,"timestamp":1732660705556,"timestamp_type":"create","headers":[],"key":null,"value":null}
        $ kafi cat t --json -t json -n 1
        ! error: read JSON: line 1, column 1, topic t, field key, partition 0, offset 0: this is not JSON: a value is missing
        ? 1
        $ kafi cat t --json -t str -n 1
        {"topic":"t","partition":0,"offset":0,"timestamp":1732660705555,"timestamp_type":"create","headers":[{"key":"h","value":"x"},{"key":"h","value":null}],"key":"k","value":"{\"id\": 1.50, \"b\":[true,null]}"}
        $ kafi cat t --json -Z -o 1
        {"topic":"t","partition":0,"offset":1,"timestamp":1732660705556,"timestamp_type":"create","headers":[],"key":null,"value":null}
        $ kafi cat t --json -F %v
        ! error: read arguments: --json prints one envelope a line, which -F, -K, and -D cannot change
        ? 2
        $ printf '\xff\x00:\xc3\xa4\xfe\n 1\n"x"\n1\nnull\n[1]\n{"a":1} \n\n' | kafi produce u --create -K: -q && kafi cat u --json | cut -d, -f 6-
        "headers":[],"key":null,"key_base64":"/wA=","value":null,"value_base64":"w6T+"}
        "headers":[],"key":null,"value":" 1"}
        "headers":[],"key":null,"value":"\"x\""}
        "headers":[],"key":null,"value":"1"}
        "headers":[],"key":null,"value":"null"}
        "headers":[],"key":null,"value":[1]}
        "headers":[],"key":"{\"a\"","value":"1} "}
        "headers":[],"key":null,"value":""}
        $ kafi cat u --json -t json -n 2
        ! error: read text: topic u, field key, partition 0, offset 0: byte 0 is not UTF-8
        ! hint: the type bytes takes anything
        ? 1
        $ kafi cat u --json --value-type json --key-type bytes -o 1 | cut -d, -f 7-
        "key":null,"value":1,"value_raw":" 1"}
        "key":null,"value":"x","value_raw":"\"x\""}
        "key":null,"value":1}
        "key":null,"value":null,"value_raw":"null"}
        "key":null,"value":[1]}
        ! error: read JSON: line 1, column 2, topic u, field value, partition 0, offset 6: this is not JSON: there is more after the end of the value
        "#,
    );
}

#[test]
fn formats() {
    two().check(
        r#"
        $ kafi cat t -F '%t[%p]@%o %T %k=%v %s %h %K %S %%\n'
        t[0]@0 1732660705555 k={"id": 1.50, "b":[true,null]} {"id": 1.50, "b":[true,null]} h=x,h= 1 29 %
        t[0]@1 1732660705556 =   -1 -1 %
        $ kafi cat t -F '%k %v|' -Z
        k {"id": 1.50, "b":[true,null]}|NULL NULL|⌁
        $ kafi cat t -F '%k{hex} %v{base64} %k{base64}\n' -n 1
        6b eyJpZCI6IDEuNTAsICJiIjpbdHJ1ZSxudWxsXX0= aw==
        $ kafi cat t -F '%d{%F %T}\t%d{%s}\x41\\\n' -n 1
        2024-11-27 00:38:25\x091732660705A\
        $ kafi cat t -F '%d{%F %T}\n' -n 1 --utc
        2024-11-26 22:38:25
        $ kafi cat t -F '%R%v' -n 1
        \x00\x00\x00\x1d{"id": 1.50, "b":[true,null]}⌁
        $ kafi cat t -F '%q'
        ! error: read format: format "%q": %q is not known; there are %t %p %o %T %k %v %s %h %K %S %R %%, %k{hex} %v{base64} %d{%F %T}
        ? 2
        $ kafi cat t -F '%k{octal}'
        ! error: read format: format "%k{octal}": {octal} is not known; there are {hex} and {base64}
        ? 2
        $ kafi cat t -F '%d'
        ! error: read format: format "%d": %d needs a format of its own, such as %d{%F %T}
        ? 2
        $ kafi cat t -F '\q'
        ! error: read format: format "\\q": this escape is not known; there are \n \t \r \0 \\ \xNN
        ? 2
        $ kafi cat t -K '\x4'
        ! error: read format: format "\\x4": \x needs two hexadecimal digits
        ? 2
        $ kafi cat t -F %v -K :
        ! error: read arguments: the argument '--format <FORMAT>' cannot be used with '-K <DELIMITER>'
        ! hint: usage: kafi cat --format <FORMAT> <ADDRESS>...
        ? 2
        "#,
    );
}

#[test]
fn tables() {
    two().check(
        r#"
        $ kafi touch long-name --partitions 12 && kafi produce long-name -k key -p 11 value -q
        $ kafi ls
        long-name
        t
        $ kafi ls --json
        {"storage":"./kafi-data","topic":"long-name"}
        {"storage":"./kafi-data","topic":"t"}
        $ kafi ls -l t long-name | sed 's/ [0-9]* B$/ N B/'
        TOPIC      PARTITIONS  REPLICAS  MESSAGES  BYTES
        t                   1         1         2  N B
        long-name          12         1         1   N B
        $ kafi ls -l t --json | sed 's/"bytes":[0-9]*/"bytes":N/'
        {"storage":"./kafi-data","topic":"t","partitions":1,"replicas":1,"messages":2,"bytes":N}
        $ kafi watermarks t
        TOPIC  PARTITION  LOW  HIGH  MESSAGES
        t              0    0     2         2
        $ kafi watermarks t long-name --json | tail -n 2
        {"storage":"./kafi-data","topic":"long-name","partition":11,"low":0,"high":1,"messages":1}
        {"storage":"./kafi-data","topic":"t","partition":0,"low":0,"high":2,"messages":2}
        $ kafi wc t long-name
        TOPIC      MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t                 2          1           29           1
        long-name         1          3            5           0
        total             3          4           34           1
        ! 3 read in 0.0 s
        $ kafi wc t long-name --json
        {"storage":"./kafi-data","topic":"t","messages":2,"key_bytes":1,"value_bytes":29,"tombstones":1}
        {"storage":"./kafi-data","topic":"long-name","messages":1,"key_bytes":3,"value_bytes":5,"tombstones":0}
        ! {"read":3,"seconds":0.0}
        $ kafi wc t -q
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             2          1           29           1
        $ kafi wc t -q --json
        {"storage":"./kafi-data","topic":"t","messages":2,"key_bytes":1,"value_bytes":29,"tombstones":1}
        "#,
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let sandbox = Sandbox::new();
    sandbox.text("seq 1 200000 > numbers && kafi produce t --create -q < numbers");
    sandbox.check(
        r#"
        $ kafi cat t | head -n 1; echo ${PIPESTATUS[@]}
        1
        0 0
        $ kafi cat t --json | head -c 9; echo " ${PIPESTATUS[@]}"
        {"topic": 0 0
        $ kafi cat t -f | head -n 1; echo ${PIPESTATUS[@]}
        1
        0 0
        $ kafi grep 7 t 2> /dev/null | head -n 1; echo ${PIPESTATUS[@]}
        7
        0 0
        $ kafi head t -n 100000 | head -n 1; echo ${PIPESTATUS[@]}
        1
        0 0
        $ kafi tail t -n 100000 | head -n 1; echo ${PIPESTATUS[@]}
        100001
        0 0
        $ kafi ls -l | true; kafi completion bash | true; kafi --help | true; kafi version | true; kafi storage ls | true; echo ${PIPESTATUS[@]}
        0 0
        $ (sleep 0.1; kafi cat nope 2>&1; echo $? > code) | true; cat code
        1
        "#,
    );
}

#[test]
fn a_full_disk_is_an_error() {
    let sandbox = two();
    for line in ["cat t", "cat t --json", "wc t -q", "ls", "version", "completion zsh", "tail t", "--help"] {
        let output = sandbox.run(&format!("kafi {line} > /dev/full"));
        assert_eq!(seen(&output), "! error: write to stdout: no space left on device\n? 1\n", "{line}");
    }
    let output = sandbox.run("kafi grep . t 2>&1 > /dev/full");
    assert_eq!(seen(&output), "error: write to stdout: no space left on device\n? 2\n");
    // Nobody can be told that nobody can be told.
    assert_eq!(seen(&sandbox.run("kafi cat nope 2> /dev/full")), "? 1\n");
    assert_eq!(seen(&sandbox.run("kafi wc t > /dev/null 2> /dev/full")), "");
}

/// What a terminal shows of a line.
fn terminal(sandbox: &Sandbox, line: &str) -> String {
    // `script` gives the line a terminal; what it prints to its own stdout went through that.
    sandbox.text(&format!("script -qec \"{line}\" /dev/null")).replace('\r', "")
}

#[test]
fn a_terminal_gets_lines_for_people() {
    let sandbox = two();
    let first = "\x1b[2m0:0 2024-11-27T00:38:25.555+02:00 \x1b[0m\x1b[34mk\x1b[0m {\x1b[34m\"id\"\x1b[0m: \x1b[36m1.50\x1b[0m, \x1b[34m\"b\"\x1b[0m:[\x1b[36mtrue\x1b[0m,\x1b[36mnull\x1b[0m]}\x1b[2m  h=x h=null\x1b[0m\n";
    let second = "\x1b[2m0:1 2024-11-27T00:38:25.556+02:00 \x1b[0m\x1b[2mnull\x1b[0m\n";
    assert_eq!(terminal(&sandbox, "kafi cat t"), format!("{first}{second}"));
    let plain = "0:0 2024-11-26T22:38:25.555Z k {\"id\": 1.50, \"b\":[true,null]}  h=x h=null\n";
    assert_eq!(terminal(&sandbox, "kafi head -n 1 t --utc --color never"), plain);
    assert_eq!(terminal(&sandbox, "NO_COLOR=1 kafi head -n 1 t --utc"), plain);
    assert_eq!(terminal(&sandbox, "kafi tail -n 1 t --color=never"), "0:1 2024-11-27T00:38:25.556+02:00 null\n");
    assert_eq!(terminal(&sandbox, "kafi cat t -n 1 -K :"), "k:{\"id\": 1.50, \"b\":[true,null]}\n");
    sandbox.text("kafi touch u && kafi produce u x -q");
    assert!(terminal(&sandbox, "kafi cat t u --color never").contains("u:0:0 "));
}

#[test]
fn what_grep_found_is_marked() {
    let sandbox = two();
    let marked = |line: &str| {
        sandbox
            .text(line)
            .replace("\x1b[1;31m", "<")
            .replace("\x1b[34m", "(")
            .replace("\x1b[36m", "(")
            .replace("\x1b[0m", ")")
    };
    let json = marked("kafi grep 'd.: 1' t 2> /dev/null --color always");
    assert_eq!(json, "{(\"i)<d\")<:)< )<1)(.50), (\"b\"):[(true),(null)]}\n");
    sandbox.text("kafi produce t 'plain text' -q");
    assert_eq!(marked("kafi grep 'in|x' t 2> /dev/null --color always"), "pla<in) te<x)t\n");
    assert_eq!(marked("kafi grep -v 'b' t 2> /dev/null --color always"), "\nplain text\n");
    assert_eq!(marked("kafi grep 'in|x' t 2> /dev/null"), "plain text\n");
}

#[test]
fn a_terminal_shows_what_is_too_wide_in_lines_of_their_own() {
    let sandbox = two();
    assert_eq!(
        terminal(&sandbox, "stty cols 40; kafi watermarks t --color never"),
        "TOPIC  PARTITION  LOW  HIGH  MESSAGES\nt              0    0     2         2\n"
    );
    assert_eq!(
        terminal(&sandbox, "stty cols 30; kafi watermarks t --color never"),
        "topic      t\npartition  0\nlow        0\nhigh       2\nmessages   2\n"
    );
}

#[test]
fn a_pipe_gets_colours_on_request() {
    let sandbox = two();
    assert_eq!(sandbox.text("kafi cat t -o 1 -Z --color=always"), "NULL\n");
    assert!(sandbox.text("NO_COLOR=1 kafi cat t -n 1 --color always").starts_with("{\x1b[34m\"id\"\x1b[0m: "));
    assert_eq!(
        sandbox
            .text("kafi cat t -n 1 --json --color always")
            .matches("\x1b[34m\"topic\"\x1b[0m:\x1b[32m\"t\"\x1b[0m")
            .count(),
        1
    );
    assert!(!sandbox.text("kafi cat t").contains('\x1b'));
}

#[test]
fn nothing_controls_a_terminal() {
    let sandbox = Sandbox::new();
    let evil = "\x1b[2J\u{9b}31m\u{202e}\x07\x7f\r";
    let json = "{\"a\":\"\u{9b}\u{202e}\u{7f}\"}\n";
    sandbox.run_with("kafi produce t --create -q -H \"h=$(printf '\\x1b')\"", json.as_bytes());
    sandbox.run_with("kafi produce t -K: -q", format!("{evil}:{evil}\n").as_bytes());
    sandbox.write("bytes", b"\xff\x9b\xfe\n");
    sandbox.text("kafi produce t -q < bytes");
    for line in [
        "cat t",
        "cat t --json",
        "cat t -K :",
        "cat t -F '%k %v %h %t %R'",
        "cat t -D '\\n'",
        "tail t",
        "grep . t",
        "cat t -t json",
        "cat $(printf 'x\\x1b[2J\\xc2\\x9b')",
    ] {
        let shown = sandbox.run(&format!("script -qec \"kafi {line} --color never\" /dev/null 2>&1"));
        let shown =
            String::from_utf8(shown.stdout).unwrap_or_else(|error| panic!("{line}: {error}")).replace("\r\n", "\n");
        let controls: Vec<char> =
            shown.chars().filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c)).collect();
        assert!(controls.is_empty() && !shown.is_empty(), "{line}: {shown:?}");
    }
    let shown = terminal(&sandbox, "kafi cat t -F '%v|' --color never");
    assert_eq!(shown, r#"{"a":"\x9b\u202e\x7f"}|\x1b[2J\x9b31m\u202e\x07\x7f\r|\xff\x9b\xfe|"#);
    // The envelope stays JSON that means the same.
    assert!(
        terminal(&sandbox, "kafi cat t --json -n 1 --color never").contains(r#""value":{"a":"\u009b\u202e\u007f"}"#)
    );
    // A pipe gets the bytes as they are.
    assert!(sandbox.bytes("kafi cat t").ends_with(b"\xff\x9b\xfe\n"));
}

#[test]
fn nothing_hides_in_what_a_terminal_shows() {
    let sandbox = Sandbox::new();
    let hidden = "a\u{9b}\u{202e}\u{200b}\u{feff}\u{e0041}b";
    let text = r"a\x9b\u202e\u200b\ufeff\u{e0041}b";
    let json = r"a\u009b\u202e\u200b\ufeff\udb40\udc41b";
    sandbox.text(&format!(
        "kafi touch t u && kafi produce t '{hidden}' -k '{hidden}' -H 'h={hidden}' -q && kafi cat t -g 'g{hidden}' > /dev/null && kafi produce u x -q"
    ));
    for (line, expected) in [
        ("group ls", format!("g{text}\n")),
        ("group ls --json", format!("{{\"storage\":\"./kafi-data\",\"group\":\"g{json}\"}}\n")),
        ("group show '*' --json | cut -d, -f 2", format!("\"group\":\"g{hidden}\"\n")),
        ("cat t -F '%k %v %h'", format!("{text} {text} h={text}")),
        ("cat t -D ''", text.to_string()),
        ("diff t u --json 2> /dev/null | wc -l", "1\n".to_string()),
    ] {
        assert_eq!(
            terminal(
                &sandbox,
                &format!("kafi {line} --color never")
                    .replace(" | cut -d, -f 2 --color never", " | cut -d, -f 2")
                    .replace("wc -l --color never", "wc -l")
            ),
            expected,
            "{line}"
        );
    }
    for line in [
        "cat t",
        "cat t --json",
        "tail t",
        "grep b t",
        "group ls -l",
        "group ls -l --json",
        "group show '*'",
        "group show '*' --json",
        "diff t u",
        "diff t u --json",
        &format!("group show '{hidden}'"),
        &format!("cat '{hidden}'"),
        &format!("config t '{hidden}'"),
        &format!("ls './{hidden}/'"),
    ] {
        for color in ["never", "always"] {
            let shown = sandbox.run(&format!("script -qec \"kafi {line} --color {color}\" /dev/null 2>&1"));
            let shown = String::from_utf8(shown.stdout).unwrap();
            let seen: Vec<char> =
                shown.chars().filter(|c| "\u{9b}\u{202e}\u{200b}\u{feff}\u{e0041}".contains(*c)).collect();
            assert!(seen.is_empty(), "{line}: {shown:?}");
        }
    }
    // A pipe gets what is there, and names can be used again.
    assert_eq!(sandbox.text("kafi group ls"), format!("g{hidden}\n"));
    assert_eq!(
        sandbox.text("kafi group ls --json"),
        format!("{{\"storage\":\"./kafi-data\",\"group\":\"g{hidden}\"}}\n")
    );
    assert_eq!(sandbox.text("kafi cat t"), format!("{hidden}\n"));
    assert_eq!(sandbox.text("kafi group show \"$(kafi group ls)\" --json | wc -l"), "1\n");
}

#[test]
fn progress_is_for_terminals_only() {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t -q && mkfifo go");
    // A source that waits for us, so that there is time to show something.
    let slow = "(seq 1000; read line < go; seq 1000) | kafi produce t";
    let mut child = Running(sandbox.shell(&format!("exec script -qfec '{slow}' shown > /dev/null")).spawn().unwrap());
    sandbox.wait_for("shown", "\x1b[K1,000 messages, ");
    sandbox.text("echo > go");
    assert_eq!(child.exit_code(), 0);
    // The line of progress is gone before the summary stands there.
    let shown = sandbox.read("shown");
    assert!(shown.contains("\r\x1b[K2000 written in "), "{shown:?}");

    let mut child =
        Running(sandbox.shell(&format!("exec script -qfec '{slow} -q' quiet > /dev/null")).spawn().unwrap());
    sandbox.text("echo > go");
    assert_eq!(child.exit_code(), 0);
    assert!(!sandbox.read("quiet").contains("messages") && !sandbox.read("quiet").contains("written"));
    assert_eq!(seen(&sandbox.run("seq 2000 | kafi produce t")), "! 2000 written in 0.0 s\n");
}
