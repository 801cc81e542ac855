//! `grep` and `wc`.

use crate::support::Sandbox;

fn snacks() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.text("kafi touch t u -q && printf 'a:Cookie\nb:cake\nc:timtam\n' | kafi produce t -K: -H taste=sweet -q && kafi produce u 'no cake' -q");
    sandbox
}

#[test]
fn grep_means_what_it_means() {
    snacks().check(
        r#"
        $ kafi grep cake t
        cake
        ! 3 read, 1 found in 0.0 s
        $ kafi grep -i COOKIE t
        Cookie
        ! 3 read, 1 found in 0.0 s
        $ kafi grep -v a t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep 'c.*k' t u
        cake
        no cake
        ! 4 read, 2 found in 0.0 s
        $ kafi grep -c a t
        3
        ! 3 read, 3 found in 0.0 s
        $ kafi grep -c cake t u
        t:1
        u:1
        ! 4 read, 2 found in 0.0 s
        $ kafi grep -c nothing t u
        t:0
        u:0
        ! 4 read, 0 found in 0.0 s
        ? 1
        $ kafi grep -l cake t u
        t
        u
        ! 4 read, 2 found in 0.0 s
        $ kafi grep -l Cookie t u --json
        {"storage":"./kafi-data","topic":"t"}
        ! {"read":4,"found":1,"seconds":0.0}
        $ kafi grep -c cake t u --json
        {"storage":"./kafi-data","topic":"t","messages":1}
        {"storage":"./kafi-data","topic":"u","messages":1}
        ! {"read":4,"found":2,"seconds":0.0}
        $ kafi grep -m 1 a t
        Cookie
        ! 3 read, 1 found in 0.0 s
        $ kafi grep -m 0 a t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep nothing t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep -- -x t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep -e -x t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep -e Cookie -e '^tim' t
        Cookie
        timtam
        ! 3 read, 2 found in 0.0 s
        $ kafi grep -v -e Cookie -e tim t u
        cake
        no cake
        ! 4 read, 2 found in 0.0 s
        $ kafi grep -F 'c.k' t; kafi grep -F -e ake -e ook t -c
        2
        ! 3 read, 0 found in 0.0 s
        ! 3 read, 2 found in 0.0 s
        $ kafi grep -w cak t; kafi grep -w cake t u; kafi grep -wi -e COOKIE -e c t
        cake
        no cake
        Cookie
        timtam
        ! 3 read, 0 found in 0.0 s
        ! 4 read, 2 found in 0.0 s
        ! 3 read, 2 found in 0.0 s
        $ kafi grep -x 'ca..' t u; kafi grep -x cak t; kafi grep -xF -e cake -e 'no cake' t u
        cake
        cake
        no cake
        ! 4 read, 1 found in 0.0 s
        ! 3 read, 0 found in 0.0 s
        ! 4 read, 2 found in 0.0 s
        $ kafi grep '^b$' t --in key
        cake
        ! 3 read, 1 found in 0.0 s
        $ kafi grep sweet t
        ! 3 read, 0 found in 0.0 s
        ? 1
        $ kafi grep sweet t --in headers -c
        3
        ! 3 read, 3 found in 0.0 s
        $ kafi grep 'b|Cookie' t --in key,value 2> /dev/null
        Cookie
        cake
        $ kafi grep cake t --json 2> /dev/null | cut -d, -f 2,3,7-
        "partition":0,"offset":1,"value":"sweet"}],"key":"b","value":"cake"}
        $ kafi grep cake t --format '%o:%v\n'
        1:cake
        ! 3 read, 1 found in 0.0 s
        $ kafi grep . t -n 2
        Cookie
        cake
        ! 2 read, 2 found in 0.0 s
        $ kafi grep cake t -o 2
        ! 1 read, 0 found in 0.0 s
        ? 1
        $ kafi grep cake t > /dev/null && echo found; kafi grep none t 2> /dev/null || echo $?
        found
        1
        ! 3 read, 1 found in 0.0 s
        "#,
    );
}

#[test]
fn grep_fails_with_2() {
    snacks().check(
        r#"
        $ kafi grep x nope
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        $ kafi grep '(' t
        ! error: read pattern: pattern "(": unclosed group
        ? 2
        $ kafi grep '[a' t
        ! error: read pattern: pattern "[a": unclosed character class
        ? 2
        $ kafi grep x t -o 99
        ! error: resolve offsets: topic t, partition 0, asked 99, available 0 to 3: the offsets 3 to 98 are not there yet
        ! hint: --allow-gap takes what is there
        ? 2
        $ kafi grep x
        ! error: read arguments: the following required arguments were not provided: <ADDRESS>...
        ! hint: usage: kafi grep [OPTIONS] <PATTERN> <ADDRESS>...
        ? 2
        $ kafi grep -e x
        ! error: read arguments: no topic was given
        ! hint: usage: kafi grep [OPTIONS] -e <PATTERN>... <ADDRESS>...
        ? 2
        $ kafi grep --colour t
        ! error: read arguments: unexpected argument '--colour' found
        ! hint: did you mean --color?
        ? 2
        $ kafi grep --ignorecase cake t
        ! error: read arguments: unexpected argument '--ignorecase' found
        ! hint: did you mean --ignore-case?
        ? 2
        $ kafi grep -E cake t
        ! error: read arguments: unexpected argument '-E' found
        ! hint: usage: kafi grep [OPTIONS] <PATTERN> <ADDRESS>...
        ? 2
        $ kafi grep -e cake -e '(' t
        ! error: read pattern: pattern "(": unclosed group
        ? 2
        $ kafi grep cake tt -e x
        ! error: find topic: topic tt, storage ./kafi-data: no such topic (did you mean t? `kafi touch` creates a topic, and so does --create when producing)
        ! error: find topic: topic cake, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        $ kafi grep x t --in nowhere
        ! error: read arguments: invalid value 'nowhere' for '--in <FIELDS>'
        ! hint: there are key, value, headers
        ? 2
        "#,
    );
}

#[test]
fn grep_is_quiet_where_only_the_exit_code_is_wanted() {
    let sandbox = snacks();
    sandbox.check(
        r#"
        $ kafi grep -q cake t u; echo $?; kafi grep --quiet nothing t; echo $?; kafi grep -q cake t --json -c; echo $?; kafi grep -qv . t
        0
        1
        0
        ? 1
        $ kafi grep -q '(' t
        ! error: read pattern: pattern "(": unclosed group
        ? 2
        $ kafi grep -q cake nope
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        $ kafi grep -q cake ./other/t t; echo $?; kafi grep -q nothing ./other/t t
        0
        ! error: find topic: topic t, storage ./other: no such topic
        ! error: find topic: topic t, storage ./other: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 2
        "#,
    );
    // It stops at the first: this has no end.
    assert_eq!(sandbox.run("kafi grep -q cake t -f").status.code(), Some(0));
}

#[test]
fn a_format_of_kcat_is_no_topic() {
    snacks().check(
        r#"
        $ kafi cat t -f '%k %v\n'
        ! error: read address: address "%k %v\\n": this is a format, where a topic is wanted
        ! hint: -f goes on at the end; -F takes a format
        ? 2
        $ kafi tail t -f '%t/%p'
        ! error: read address: address "%t/%p": this is a format, where a topic is wanted
        ! hint: -f goes on at the end; -F takes a format
        ? 2
        $ kafi grep x t -f '%s'
        ! error: read address: address "%s": this is a format, where a topic is wanted
        ! hint: -f goes on at the end; --format takes a format
        ? 2
        "#,
    );
}

#[test]
fn grep_looks_into_bytes() {
    let sandbox = Sandbox::new();
    sandbox.run_with("kafi produce t --create -q", b"\xff\x00needle\xfe\nhay\n");
    assert_eq!(sandbox.bytes("kafi grep needle t 2> /dev/null"), b"\xff\x00needle\xfe\n");
    assert_eq!(sandbox.bytes("kafi grep '(?-u)\\xfe' t 2> /dev/null"), b"\xff\x00needle\xfe\n");
}

#[test]
fn wc_counts() {
    snacks().check(
        r#"
        $ kafi produce t -k gone --null-value -q
        $ kafi wc t u
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             4          7           16           1
        u             1          0            7           0
        total         5          7           23           1
        ! 5 read in 0.0 s
        $ kafi wc t -n 2
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             2          2           10           0
        ! 2 read in 0.0 s
        $ kafi wc t -o -1 --json
        {"storage":"./kafi-data","topic":"t","messages":1,"key_bytes":4,"value_bytes":0,"tombstones":1}
        ! {"read":1,"seconds":0.0}
        $ kafi wc nope
        ! error: find topic: topic nope, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}
