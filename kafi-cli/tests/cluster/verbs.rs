//! Every verb on a real broker.

use std::process::Stdio;

use crate::broker::{Broker, variable};
use crate::support::wait_until;

#[test]
fn topics() {
    let broker = Broker::new();
    assert_eq!(
        broker.seen("kafi touch k:@b --partitions 3 && kafi touch k:@a --config retention.ms=-1 --replication 1"),
        ""
    );
    assert_eq!(broker.seen("kafi touch k:@a --exist-ok"), "");
    let existing = broker.seen("kafi touch k:@a");
    assert!(
        existing.starts_with("! error: create topic: topic @a, storage k: ")
            && existing.ends_with("! hint: --exist-ok leaves it as it is\n? 1\n"),
        "{existing}"
    );
    assert_eq!(broker.seen("kafi ls 'k:@*'"), "@a\n@b\n");
    broker.text("kafi produce k:@b x -p 2 -q");
    assert_eq!(
        broker.text("kafi ls 'k:@*' -l --json"),
        "{\"storage\":\"k\",\"topic\":\"@a\",\"partitions\":1,\"replicas\":1,\"messages\":0,\"bytes\":null}\n{\"storage\":\"k\",\"topic\":\"@b\",\"partitions\":3,\"replicas\":1,\"messages\":1,\"bytes\":null}\n"
    );
    assert_eq!(
        broker.text("kafi watermarks k:@b --json | tail -n 1"),
        "{\"storage\":\"k\",\"topic\":\"@b\",\"partition\":2,\"low\":0,\"high\":1,\"messages\":1}\n"
    );
    assert_eq!(broker.seen("kafi rm -y k:@a"), "");
    wait_until("the topic to be gone", || broker.text("kafi ls 'k:@*'") == "@b\n");
    let checked = broker.text("kafi storage check k:");
    assert!(checked.starts_with("storage       k\nkind          kafka\nidentity      "), "{checked}");
}

#[test]
fn addresses_of_the_same_broker() {
    let broker = Broker::new();
    let url = format!("kafka://{}", variable("KAFI_TEST_KAFKA"));
    broker.text(&format!("kafi touch k:@t && kafi produce '{url}/@t?acks=all&client.id=a%20b' x -q"));
    for line in [
        "kafi cat k:@t",
        "kafi cat clusters/k:@t",
        "KAFI_STORAGE=k kafi cat @t",
        "KAFI_STORAGE=clusters/k: kafi cat @t",
        "kafi cat k:@t -X fetch.wait.max.ms=5",
    ] {
        assert_eq!(broker.text(line), "x\n", "{line}");
    }
    assert_eq!(broker.text(&format!("kafi cat {url}/@t")), "x\n");
    assert!(!broker.sandbox.path("kafi-data").exists());
}

#[test]
fn a_folder_and_a_broker_are_followed_together() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t ./a/t");
    let topic = broker.line("k:@t");
    let mut child = broker.sandbox.start(&["cat", "-f", "./a/t", &topic], Stdio::null(), "out", "err");
    for (at, value) in [("k:@t", "v1"), ("./a/t", "v2"), ("k:@t", "v3")] {
        broker.text(&format!("kafi produce {at} {value} -q"));
        broker.sandbox.wait_for("out", &format!("{value}\n"));
    }
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    assert!(broker.sandbox.read("err").contains("t 0=1 on ./a; "), "{}", broker.sandbox.read("err"));
}

#[test]
fn reading() {
    let broker = Broker::new();
    let mut lines = String::new();
    for number in 0..10 {
        lines.push_str(&format!(
            "{{\"partition\":0,\"timestamp\":{},\"key\":\"k\",\"value\":\"{number}\"}}\n",
            (number + 1) * 1000
        ));
    }
    for (index, letter) in ["a", "b", "c"].iter().enumerate() {
        lines.push_str(&format!("{{\"partition\":1,\"timestamp\":{},\"value\":\"{letter}\"}}\n", 2500 + index * 1000));
    }
    broker.sandbox.write("lines", lines);
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1 && kafi produce k:@t --json -q < lines");
    for (line, expected) in [
        ("cat k:@t", "0123456789abc"),
        ("cat k:@t -o 2:", "23456789c"),
        ("cat k:@t -o -1", "9c"),
        ("cat k:@t -o end", ""),
        ("cat k:@t -o +2 -p 1", "c"),
        ("cat k:@t -o 1:3", "12bc"),
        ("cat k:@t -o @3500", "3456789bc"),
        ("cat k:@t -o @3000:5000", "23bc"),
        ("cat k:@t -o @1971-01-01", ""),
        ("cat k:@t -o 0=7: -o 1=end", "789"),
        ("cat k:@t -n 3 -p 0", "012"),
        ("cat k:@t --isolation read_uncommitted --threads 2 -p 1", "abc"),
        ("head k:@t -n 2 -p 0", "01"),
        ("tail k:@t -n 5", "c456789".get(2..).unwrap()),
        ("tail k:@t -n 8", "3c456789"),
        ("grep '[3-5]|c' k:@t", "345c"),
        ("grep -c k k:@t", "10"),
        ("cat k:@t --key k", "0123456789"),
        ("cat k:@t --key k -n 4 -o 2:", "2345"),
        ("cat k:@t --key K", ""),
        ("tail k:@t --key k -n 2", "89"),
        ("grep -e 7 -e c k:@t --key k", "7"),
        ("cat k:@t -o @0000000003..0000000005", "23bc"),
    ] {
        let mut seen: Vec<char> = broker.text(&format!("kafi {line}")).chars().filter(|c| *c != '\n').collect();
        let mut expected: Vec<char> = expected.chars().collect();
        if !line.starts_with("tail") {
            // Partitions come as they are read.
            seen.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(seen, expected, "{line}");
    }
    assert_eq!(
        broker.text("kafi wc k:@t -q --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"messages\":13,\"key_bytes\":10,\"value_bytes\":13,\"tombstones\":0}\n"
    );
    assert_eq!(broker.text("kafi cat k:@t | head -n 1; echo ${PIPESTATUS[@]}").lines().last(), Some("0 0"));
}

#[test]
fn following_ends_with_the_offsets_reached() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t && kafi produce k:@t first -q");
    let topic = broker.line("k:@t");
    let mut child = broker.sandbox.start(&["cat", &topic, "-f"], Stdio::null(), "out", "err");
    broker.sandbox.wait_for("out", "first");
    broker.text("kafi produce k:@t second -q");
    broker.sandbox.wait_for("out", "second");
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    assert_eq!(broker.sandbox.read("err"), broker.line("stopped; the next offsets are: @t 0=2\n"));
}

#[test]
fn producing_waits_for_every_report() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 3");
    assert_eq!(broker.seen("seq 100000 | kafi produce k:@t"), "! 100000 written in 0.0 s\n");
    assert_eq!(
        broker.text("kafi wc k:@t -q --json"),
        "{\"storage\":\"k\",\"topic\":\"@t\",\"messages\":100000,\"key_bytes\":0,\"value_bytes\":488895,\"tombstones\":0}\n"
    );
    // A key has the same partition everywhere.
    broker.text("kafi touch k:@keys --partitions 7 && kafi touch ./f/keys --partitions 7 && seq 50 > keys");
    broker
        .text("sed 's/$/:x/' keys | kafi produce k:@keys -K: -q && sed 's/$/:x/' keys | kafi produce ./f/keys -K: -q");
    assert_eq!(
        broker.text("kafi cat k:@keys -F '%k %p\\n' | sort"),
        broker.text("kafi cat ./f/keys -F '%k %p\\n' | sort")
    );
    broker.text("for p in 1 2 3; do (seq -f $p-%g 1000 | kafi produce k:@keys -p 0 -q) & done; wait");
    assert_eq!(broker.text("kafi cat k:@keys -p 0 | grep -- - | sort | uniq | wc -l").trim(), "3000");
}

#[test]
fn what_comes_slowly_is_delivered_at_once() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t && mkfifo fifo");
    let fifo = std::fs::File::options().read(true).write(true).open(broker.sandbox.path("fifo")).unwrap();
    let topic = broker.line("k:@t");
    let mut child = broker.sandbox.start(&["produce", &topic], Stdio::from(fifo.try_clone().unwrap()), "out", "err");
    std::io::Write::write_all(&mut &fifo, b"one\ntwo\nhalf").unwrap();
    wait_until("both lines", || broker.text("kafi cat k:@t") == "one\ntwo\n");
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    assert!(broker.sandbox.read("err").starts_with("2 written in "));
}
