//! `stat`, `repeat`, `recreate`, `compact`.

use crate::support::Sandbox;

/// Three keys, of which one is deleted, and a message without a key.
fn snacks() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines = r#"{"partition":0,"timestamp":1000,"headers":[],"key":"b","value":{"n":1}}
{"partition":0,"timestamp":2000,"headers":[{"key":"h","value":"x"}],"key":"a","value":{"n":2}}
{"partition":1,"timestamp":3000,"headers":[],"key":"c","value":{"n":3}}
{"partition":0,"timestamp":4000,"headers":[],"key":"b","value":{"n":44}}
{"partition":1,"timestamp":5000,"headers":[],"key":"c","value":null}
{"partition":1,"timestamp":900,"headers":[],"key":null,"value":"no key"}
"#;
    sandbox.write("lines", lines);
    sandbox.text("kafi touch t --partitions 2 -q && kafi produce t --json -l lines -q");
    sandbox
}

#[test]
fn stat_shows_the_newest_message_and_sizes() {
    snacks().check(
        r#"
        $ kafi stat t -F '%p:%o %k %v\n'
        0:2 b {"n":44}
        $ kafi stat t -p 0
        {"n":44}
        $ kafi touch u -q; kafi stat u
        $ kafi stat t u --sizes
        TOPIC  MESSAGES  BYTES  AVERAGE  SMALLEST  SMALLEST AT  LARGEST  LARGEST AT
        t             6     42  7.0             1  1:1               10  0:1
        u             0      0  -               -  -                  -  -
        $ kafi stat t --sizes --json
        {"storage":"./kafi-data","topic":"t","messages":6,"bytes":42,"average":7.0,"smallest":1,"smallest_at":"1:1","largest":10,"largest_at":"0:1"}
        $ kafi stat u --sizes --json
        {"storage":"./kafi-data","topic":"u","messages":0,"bytes":0,"average":null,"smallest":null,"smallest_at":null,"largest":null,"largest_at":null}
        $ kafi stat t -g g
        ! error: read arguments: argument -g: what is newest, and how large, is the same for every group
        ? 2
        $ kafi stat none
        ! error: find topic: topic none, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

#[test]
fn repeat_produces_the_newest_once_more() {
    snacks().check(
        r#"
        $ kafi repeat t -n 2
        ! 2 read, 2 written in 0.0 s
        $ kafi cat t -o -1 -F '%p:%o %k %v\n' | sort
        0:3 b {"n":44}
        1:3 c 
        $ kafi repeat t --json
        ! {"read":1,"written":1,"seconds":0.0}
        $ kafi wc t --json
        {"storage":"./kafi-data","topic":"t","messages":9,"key_bytes":8,"value_bytes":43,"tombstones":3}
        ! {"read":9,"seconds":0.0}
        $ kafi repeat none
        ! error: find topic: topic none, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

#[test]
fn recreate_keeps_settings() {
    snacks().check(
        r#"
        $ kafi config t cleanup.policy=compact -q
        $ kafi recreate t
        ! error: delete topics: nobody can be asked here
        ! hint: -y deletes without asking
        ? 2
        $ kafi recreate t -y --config retention=7d
        ! error: set topic configuration: setting retention: there is no such setting
        ! hint: did you mean retention.ms?
        ? 2
        $ kafi recreate t -y --partitions 100000000
        ! error: create topic: topic t: 100000000 partitions are not possible, 1 to 100000 are
        ? 2
        $ kafi recreate t -y && kafi wc t -q
        TOPIC  MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
        t             0          0            0           0
        ! topic t is made again with 2 partitions cleanup.policy=compact
        $ kafi recreate t -y --partitions 1 --config retention.ms=7d
        ! topic t is made again with 1 partition cleanup.policy=compact retention.ms=604800000
        $ kafi recreate none -y
        ! error: find topic: topic none, storage ./kafi-data: no such topic
        ! hint: `kafi touch` creates a topic, and so does --create when producing
        ? 1
        "#,
    );
}

#[test]
fn compact_keeps_the_newest_of_each_key() {
    snacks().check(
        r#"
        $ kafi compact t -K :
        a:{"n":2}
        b:{"n":44}
        ! 6 read, 2 kept, 2 superseded, 1 tombstones, 1 without key in 0.0 s
        $ kafi compact t -K : --order first-seen --keep-tombstones -Z
        b:{"n":44}
        a:{"n":2}
        c:NULL
        ! 6 read, 3 kept, 2 superseded, 1 without key in 0.0 s
        $ kafi compact t --to u --memory 1kB && kafi cat u --json
        {"topic":"u","partition":0,"offset":0,"timestamp":2000,"timestamp_type":"create","headers":[{"key":"h","value":"x"}],"key":"a","value":{"n":2}}
        {"topic":"u","partition":0,"offset":1,"timestamp":4000,"timestamp_type":"create","headers":[],"key":"b","value":{"n":44}}
        ! 6 read, 2 written, 2 superseded, 1 tombstones, 1 without key in 0.0 s
        $ kafi watermarks u --json | wc -l
        2
        $ kafi compact t --json -o 0=1 -p 0
        {"topic":"t","partition":0,"offset":1,"timestamp":2000,"timestamp_type":"create","headers":[{"key":"h","value":"x"}],"key":"a","value":{"n":2}}
        {"topic":"t","partition":0,"offset":2,"timestamp":4000,"timestamp_type":"create","headers":[],"key":"b","value":{"n":44}}
        ! {"read":2,"kept":2,"superseded":0,"seconds":0.0}
        $ kafi compact t --key b
        {"n":44}
        ! 2 read, 1 kept, 1 superseded in 0.0 s
        $ kafi compact t --key b --order first-seen -q
        {"n":44}
        $ kafi compact t --to ./kafi-data/t
        ! error: write: topic t: source and target are the same topic
        ? 2
        $ kafi compact t -f
        ! error: read arguments: argument -f: which message of a key is the newest is known at the end only, and here there is none
        ! hint: join --right table --emit eager -f follows the newest of each key
        ? 2
        $ kafi compact t -g g
        ! error: read arguments: argument -g: a topic is read twice to be compacted, and as a whole
        ? 2
        $ kafi compact '*'
        ! error: compact: address "*": one topic is compacted at a time
        ? 2
        "#,
    );
}
