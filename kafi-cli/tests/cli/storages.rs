//! Several storages in one command: what is printed says which is which, and all of them are read.

use std::process::Stdio;

use crate::support::Sandbox;

/// Topics of the same name in two folders.
fn two_folders() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .text("printf 'cake\ncookie\ncake\n' | kafi produce ./a/t --create -q && printf 'cake\nbread\n' | kafi produce ./b/t --create -q && kafi touch ./b/u");
    sandbox
}

#[test]
fn tables_name_the_storages() {
    two_folders().check(
        r#"
        $ kafi ls ./a/ ./b/
        ./a  t
        ./b  t
        ./b  u
        $ kafi ls -l ./a/t './b/*' | tr -s ' ' | cut -d ' ' -f -5
        STORAGE TOPIC PARTITIONS REPLICAS MESSAGES
        ./a t 1 1 3
        ./b t 1 1 2
        ./b u 1 1 0
        $ kafi ls ./b/; kafi ls ./b/t ./b/u
        t
        u
        t
        u
        $ kafi wc ./a/t './b/*'
        STORAGE  TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        ./a      t             3          0           14           0
        ./b      t             2          0            9           0
        ./b      u             0          0            0           0
        total                  5          0           23           0
        ! 5 read in 0.0 s
        $ kafi wc ./a/t ./b/t -n 4 --by partition
        STORAGE  TOPIC  PARTITION  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        ./a      t              0         3          0           14           0
        ./b      t              0         1          0            4           0
        total                             4          0           18           0
        ! 4 read in 0.0 s
        $ kafi watermarks ./a/t ./b/t
        STORAGE  TOPIC  PARTITION  LOW  HIGH  MESSAGES
        ./a      t              0    0     3         3
        ./b      t              0    0     2         2
        $ kafi offsets ./a/t ./b/t -o -1
        STORAGE  TOPIC  PARTITION  OFFSET  END  MESSAGES
        ./a      t              0       2    3         1
        ./b      t              0       1    2         1
        $ kafi cat ./a/t -g g > /dev/null; kafi cat ./b/t -g g -n 1 > /dev/null; kafi group ls ./a/ ./b/
        ./a  g
        ./b  g
        $ kafi group ls -l ./a/ ./b/
        STORAGE  GROUP  STATE  MEMBERS  PARTITIONS  LAG
        ./a      g      Empty        0           1    0
        ./b      g      Empty        0           1    1
        $ kafi group show ./a/g ./b/g
        STORAGE  GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
        ./a      g      Empty  t              0          3    3    0
        ./b      g      Empty  t              0          1    2    1
        $ kafi group show ./b/g
        GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
        g      Empty  t              0          1    2    1
        $ kafi cp ./a/t ./b/t ./c/ --dry-run
        STORAGE  TOPIC  PARTITION  FROM  TO  MESSAGES  TARGET
        ./a      t              0     0   3         3  ./c/t
        ./b      t              0     0   2         2  ./c/t
        $ kafi delete-records ./a/t ./b/t -n 1 -y
        STORAGE  TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
        ./a      t              0    0        1     3        1
        ./b      t              0    0        1     2        1
        "#,
    );
}

#[test]
fn json_names_the_storage_always_and_first() {
    let sandbox = two_folders();
    sandbox.write("configs/locals/store.yaml", "local:\n  root.dir: ./a\n");
    sandbox.check(
        r#"
        $ kafi ls ./a/ --json; kafi ls store: --json; kafi ls locals/store:t --json; KAFI_STORAGE=store kafi ls --json
        {"storage":"./a","topic":"t"}
        {"storage":"store","topic":"t"}
        {"storage":"locals/store","topic":"t"}
        {"storage":"store","topic":"t"}
        $ kafi ls -l store:t --json | cut -d, -f -5; kafi watermarks store:t --json; kafi offsets store:t -o 1 --json
        {"storage":"store","topic":"t","partitions":1,"replicas":1,"messages":3
        {"storage":"store","topic":"t","partition":0,"low":0,"high":3,"messages":3}
        {"storage":"store","topic":"t","partition":0,"offset":1,"end":3,"messages":2}
        $ kafi wc ./b/t store:t --json -q; kafi wc store:t --by partition --json -q
        {"storage":"./b","topic":"t","messages":2,"key_bytes":0,"value_bytes":9,"tombstones":0}
        {"storage":"store","topic":"t","messages":3,"key_bytes":0,"value_bytes":14,"tombstones":0}
        {"storage":"store","topic":"t","partition":0,"messages":3,"key_bytes":0,"value_bytes":14,"tombstones":0}
        $ kafi grep -c cake store:t ./b/t --json; kafi grep -l bread store:t ./b/t --json
        {"storage":"store","topic":"t","messages":2}
        {"storage":"./b","topic":"t","messages":1}
        {"storage":"./b","topic":"t"}
        ! {"read":5,"found":3,"seconds":0.0}
        ! {"read":5,"found":1,"seconds":0.0}
        $ kafi cat store:t -g g -n 1 > /dev/null; kafi group ls store: --json; kafi group ls -l ./a/ --json; kafi group show store:g --json | cut -d, -f -4
        {"storage":"store","group":"g"}
        {"storage":"./a","group":"g","type":null,"protocol":null,"state":"Empty","members":0,"partitions":1,"lag":2}
        {"storage":"store","group":"g","state":"Empty","topic":"t"
        $ kafi group reset store:g -o end --json; kafi group cp store:g ./b/h --allow-gap --json
        {"storage":"store","group":"g","topic":"t","partition":0,"from":1,"to":3}
        {"storage":"./b","group":"h","topic":"t","partition":0,"from":null,"to":0}
        ! nothing is changed yet; --execute does it
        ! nothing is changed yet; --execute does it
        $ kafi config store:t retention.ms --json; kafi cp store:t ./c/ --dry-run --json; kafi delete-records store:t -n 9 -y --json
        {"storage":"store","topic":"t","setting":"retention.ms","value":"-1","default":true}
        {"storage":"store","topic":"t","partition":0,"from":0,"to":3,"messages":3,"target":"./c/t"}
        {"storage":"store","topic":"t","partition":0,"low":0,"new_low":3,"high":3,"deleted":3}
        "#,
    );
}

#[test]
fn grep_counts_on_each_storage() {
    two_folders().check(
        r#"
        $ kafi grep -c cake ./a/t ./b/t ./b/u
        ./a/t:2
        ./b/t:1
        ./b/u:0
        ! 5 read, 3 found in 0.0 s
        $ kafi grep -l cake ./a/t ./b/t ./b/u; kafi grep -l bread ./a/t ./b/t
        ./a/t
        ./b/t
        ./b/t
        ! 5 read, 3 found in 0.0 s
        ! 5 read, 1 found in 0.0 s
        $ kafi grep cake ./a/t ./b/t -m 2; kafi grep e ./a/t ./b/t -n 4 -c
        cake
        cake
        ./a/t:3
        ./b/t:1
        ! 3 read, 2 found in 0.0 s
        ! 4 read, 4 found in 0.0 s
        "#,
    );
}

#[test]
fn all_storages_are_followed() {
    for verb in ["cat", "grep v"] {
        let sandbox = Sandbox::new();
        sandbox.text("kafi touch ./a/t ./b/t ./c/t");
        let arguments: Vec<&str> = verb.split(' ').chain(["-f", "./a/t", "./b/t", "./c/t"]).collect();
        let mut child = sandbox.start(&arguments, Stdio::null(), "out", "err");
        for (folder, value) in [("b", "v1"), ("c", "v2"), ("a", "v3"), ("b", "v4")] {
            sandbox.text(&format!("kafi produce ./{folder}/t {value} -q"));
            sandbox.wait_for("out", &format!("{value}\n"));
        }
        child.interrupt();
        assert_eq!(child.exit_code(), 130, "{verb}");
        let said = sandbox.read("err");
        assert!(
            said.contains("stopped; the next offsets are: t 0=1 on ./a; t 0=2 on ./b; t 0=1 on ./c\n"),
            "{verb}: {said}"
        );
    }
}

#[test]
fn what_follows_several_storages_counts_all_of_them() {
    let sandbox = two_folders();
    for (arguments, expected) in [
        (&["wc", "-f"][..], "./a      t             4"),
        (&["grep", "-c", ".", "-f"][..], "./a/t:4\n./b/t:3\n"),
        (&["grep", "-l", "new", "-f"][..], "./a/t\n./b/t\n"),
    ] {
        sandbox.text("rm -rf a b && printf '1\n2\n3\n' | kafi produce ./a/t --create -q && printf '1\n2\n' | kafi produce ./b/t --create -q");
        let arguments = [arguments, &["./a/t", "./b/t", "--verbose"]].concat();
        let mut child = sandbox.start(&arguments, Stdio::null(), "out", "err");
        // Both are known before more comes.
        sandbox.wait_for("err", "from 0 to no end");
        sandbox.text("kafi produce ./a/t new -q && kafi produce ./b/t new -q");
        std::thread::sleep(std::time::Duration::from_secs(1));
        child.interrupt();
        assert_eq!(child.exit_code(), 130, "{arguments:?}");
        assert!(sandbox.read("out").contains(expected), "{arguments:?}: {}", sandbox.read("out"));
    }
}

#[test]
fn a_limit_and_a_failure_end_all_that_are_followed() {
    let sandbox = two_folders();
    // The limit is about all of them together.
    let mut child = sandbox.start(&["cat", "-f", "-n", "6", "./a/t", "./b/t"], Stdio::null(), "out", "err");
    sandbox.wait_for("out", "bread");
    sandbox.text("kafi produce ./a/t more -q && kafi produce ./b/t more -q");
    assert_eq!(child.exit_code(), 0);
    assert_eq!(sandbox.read("out").lines().count(), 6);
    let mut child = sandbox.start(&["grep", "-f", "-m", "3", "cake", "./a/t", "./b/t"], Stdio::null(), "out", "err");
    assert_eq!(child.exit_code(), 0);
    assert_eq!(sandbox.read("out"), "cake\n".repeat(3));
    // Nobody reads any more; that is seen where a pipe is full.
    sandbox.text("seq 200000 | kafi produce ./large/t --create -q");
    assert_eq!(sandbox.text("kafi cat -f ./large/t ./b/t | head -n 1").lines().count(), 1);
    // One that has an end does not end the other.
    let mut child = sandbox.start(&["cat", "-f", "-o", ":2", "./a/t", "./b/t"], Stdio::null(), "out", "err");
    assert_eq!(child.exit_code(), 0);
    assert_eq!(sandbox.read("out").lines().count(), 4);
    // What one fails with ends both.
    sandbox.check(
        r#"
        $ printf '{"a":1}\n' | kafi produce ./j/t --create -q; kafi touch ./k/t; kafi cat -f -t json ./k/t ./j/t ./b/t 2>&1 | grep -c 'error: read JSON'
        1
        "#,
    );
}

#[test]
fn a_terminal_sees_where_messages_come_from() {
    let sandbox = two_folders();
    let shown = sandbox.text("script -qec 'kafi cat ./a/t ./b/t -o -1 --color never' /dev/null").replace("\r\n", "\n");
    let places: Vec<&str> = shown.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["./a/t:0:2", "./b/t:0:1"]);
}
