//! Every verb in a bucket and in a container: what is typed, and what is seen, is the same.

use std::process::Stdio;

use crate::places::on_both;
use crate::support::messages::{nasty, without_offsets};

#[test]
fn topics_and_messages() {
    on_both(|place| {
        place.sandbox.check(
            r#"
            $ kafi ls o:
            $ kafi touch o:orders --partitions 2 --config retention.ms=-1 && kafi touch o:empty
            $ kafi touch o:orders
            ! error: create topic: topic orders, storage o: it exists already
            ! hint: --exist-ok leaves it as it is
            ? 1
            $ kafi touch o:orders --exist-ok
            $ printf 'a:1\nb:2\nc:3\nd:4\n' | kafi produce o:orders -K:
            ! 4 written in 0.0 s
            $ kafi produce -q o:orders -k d 5 && kafi produce -q o:orders -k d -p 1 --null-value
            $ kafi ls o:
            empty
            orders
            $ kafi ls -l o:
            TOPIC   PARTITIONS  REPLICAS  MESSAGES  BYTES
            empty            1         1         0  -
            orders           2         1         6  -
            $ kafi cat o:orders -p 0
            1
            2
            3
            $ kafi cat o:orders -p 0 -o 1 -n 1 -K =
            b=2
            $ kafi cat o:orders -p 1 -o -1 --json | cut -d, -f 2,3,7-
            "partition":1,"offset":2,"key":"d","value":null}
            $ kafi head -n 1 -p 1 o:orders
            4
            $ kafi tail -n 2 -F '%p:%o %k\n' o:orders
            1:1 d
            1:2 d
            $ kafi grep '[34]' o:orders --order partition
            3
            4
            ! 6 read, 2 found in 0.0 s
            $ kafi grep nothing -q o:orders
            ? 1
            $ kafi wc o:orders
            TOPIC   MESSAGES  KEY BYTES  VALUE BYTES  TOMBSTONES
            orders         6          6            5           1
            ! 6 read in 0.0 s
            $ kafi watermarks o:orders
            TOPIC   PARTITION  LOW  HIGH  MESSAGES
            orders          0    0     3         3
            orders          1    0     3         3
            $ kafi offsets o:orders -o @2020-01-01
            TOPIC   PARTITION  OFFSET  END  MESSAGES
            orders          0       0    3         3
            orders          1       0    3         3
            $ kafi offsets o:orders -o @2300-01-01 -p 0
            TOPIC   PARTITION  OFFSET  END  MESSAGES
            orders          0       3    3         0
            $ kafi cat o:orders -o 7 -p 0
            ! error: resolve offsets: topic orders, partition 0, asked 7, available 0 to 3: the offsets 3 to 6 are not there yet
            ! hint: --allow-gap takes what is there
            ? 1
            $ kafi rm -y o:orders o:empty
            $ kafi ls o:
            $ kafi cat o:orders
            ! error: find topic: topic orders, storage o: no such topic
            ! hint: `kafi touch` creates a topic, and so does --create when producing
            ? 1
            "#,
        );
    });
}

#[test]
fn administration_and_groups() {
    on_both(|place| {
        place.sandbox.check(
            r#"
            $ kafi produce -q --create o:t -k a 1 && kafi produce -q o:t -k a 2 && kafi produce -q o:t -k a 3
            $ kafi config o:t retention.ms=5 segment.bytes=1000000
            $ kafi config o:t retention.ms
            SETTING       VALUE  DEFAULT
            retention.ms  5      no
            $ kafi config o:t --delete retention.ms && kafi config o:t retention.ms
            SETTING       VALUE  DEFAULT
            retention.ms  -1     yes
            $ kafi config o:t retention.mss=7
            ! error: set topic configuration: setting retention.mss: there is no such setting
            ! hint: did you mean retention.ms?
            ? 2
            $ kafi partitions o:t 2
            $ kafi partitions o:t 1
            ! error: create partitions: topic t: it has 2 partitions already, and they can only be raised
            ? 2
            $ kafi cat -g g o:t -n 2
            1
            2
            $ kafi group ls o:
            g
            $ kafi group show o:g
            GROUP  STATE  TOPIC  PARTITION  COMMITTED  END  LAG
            g      Empty  t              0          2    3    1
            g      Empty  t              1          0    0    0
            $ kafi group reset o:g t -o -1 -p 0
            GROUP  TOPIC  PARTITION  FROM  TO
            g      t              0     2   2
            ! nothing to change
            $ kafi group reset o:g t -o start -p 0 --execute
            GROUP  TOPIC  PARTITION  FROM  TO
            g      t              0     2   0
            $ kafi group cp o:g o:h --execute
            GROUP  TOPIC  PARTITION  FROM  TO
            h      t              0  -      0
            h      t              1  -      0
            $ kafi group rm -y o:g && kafi group ls o:
            h
            $ kafi storage merge o:t --grace-ms 0
            TOPIC  PARTITION  OBJECTS  MERGED  DELETED  LEFT
            t              0        3       1        1     0
            t              1        0       0        0     0
            $ kafi cat o:t
            1
            2
            3
            $ kafi delete-records -y o:t -o 0=2
            TOPIC  PARTITION  LOW  NEW LOW  HIGH  DELETED
            t              0    0        2     3        2
            $ kafi cat o:t
            3
            $ kafi cluster o:
            ! error: describe cluster: storage o: this kind of storage has no brokers
            ? 2
            "#,
        );
    });
}

/// The same root by its address, with the keys in the environment; and what is spoiled by nothing that copies it.
#[test]
fn addresses_and_copies() {
    on_both(|place| {
        let (root, orders) = (place.address(""), place.address("orders"));
        place.sandbox.write("nasty", nasty());
        place.text(&format!(
            "kafi touch {orders} --exist-ok --partitions 2 2> /dev/null || kafi touch o:orders --partitions 2"
        ));
        assert_eq!(
            place.text(&format!("kafi produce -q --json {orders} < nasty; kafi ls {root}; kafi ls o:")),
            "orders\norders\n"
        );
        let expected = without_offsets(&nasty().replace("\"topic\":\"t\"", "\"topic\":\"orders\""));
        assert!(without_offsets(&place.text(&format!("kafi cat --json {orders}"))) == expected);
        let copied = place.seen(&format!(
            "kafi cp {orders} ./folder/ --with-config && kafi cp ./folder/orders o:copy && kafi cp o:copy o:again"
        ));
        assert_eq!(copied, "! 9 read, 9 written, 0 failed in 0.0 s\n".repeat(3));
        assert_eq!(place.seen("kafi diff ./folder/orders o:again"), "! 9 compared, 0 different in 0.0 s\n");
        assert_eq!(
            place.seen(&format!("kafi cp {orders} ./folder/ --resume")),
            "! 0 read, 0 written, 0 failed in 0.0 s\n"
        );
        let refused = place.seen("kafi cp o:orders o:copy");
        assert!(
            refused
                .starts_with("! error: copy: topic copy: the target holds 9 messages already\n! hint: pass --resume"),
            "{refused}"
        );
        let checked = place.text(&format!("kafi storage check {root}"));
        assert!(checked.starts_with("storage  ") && checked.contains("produce_keep_offsets"), "{checked}");
    });
}

#[test]
fn following() {
    on_both(|place| {
        place.text("kafi touch o:t");
        let mut reader = place.sandbox.start(&["cat", "-f", "o:t"], Stdio::null(), "out", "err");
        for number in 0..3 {
            place.text(&format!("kafi produce -q o:t 'message {number}'"));
            place.sandbox.wait_for("out", &format!("message {number}\n"));
        }
        reader.interrupt();
        assert_eq!(reader.exit_code(), 130);
        assert_eq!(place.sandbox.read("err"), "stopped; the next offsets are: t 0=3\n");
    });
}
