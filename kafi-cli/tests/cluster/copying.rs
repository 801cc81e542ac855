//! The main job: a topic of a real broker copied into a folder and back, losing nothing.

use crate::broker::{Broker, kafka_tool, variable};
use crate::support::messages::nasty;
use crate::support::wait_until;

fn sorted(lines: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines.lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn every_field_of_every_message_survives_the_way_into_a_folder_and_back() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 --config retention.ms=-1");
    let produced = broker.sandbox.run_with(&broker.line("kafi produce k:@t --json"), nasty().as_bytes());
    assert_eq!(crate::support::seen(&produced), "! {\"written\":9,\"seconds\":0.0}\n");
    let on_kafka = broker.text("kafi cat k:@t --json");
    assert_eq!(sorted(&on_kafka.replace("\"@t\"", "\"t\"")), sorted(&nasty()));

    assert_eq!(broker.seen("kafi cp k:@t ./folder/"), "! 9 read, 9 written, 0 failed in 0.0 s\n");
    assert_eq!(sorted(&broker.text("kafi cat ./folder/@t --json")), sorted(&on_kafka));

    let warned = "! warning: topic @back is created with retention.ms=-1, so that nothing of the copy is deleted for its age; --config retention.ms=… sets another\n";
    assert_eq!(broker.seen("kafi cp ./folder/@t k:@back"), format!("{warned}! 9 read, 9 written, 0 failed in 0.0 s\n"));
    assert_eq!(sorted(&broker.text("kafi cat k:@back --json").replace("@back", "@t")), sorted(&on_kafka));
    // From Kafka to Kafka too, and through two threads.
    broker.text("kafi cp k:@t k:@again --threads 2 -q");
    assert_eq!(sorted(&broker.text("kafi cat k:@again --json").replace("@again", "@t")), sorted(&on_kafka));
}

#[test]
fn kafkas_own_consumer_sees_what_was_copied() {
    let broker = Broker::new();
    broker.sandbox.write(
        "lines",
        r#"{"timestamp":1732660705555,"key":"k","headers":[{"key":"h","value":"1"},{"key":"h","value":null}],"value":"first"}
{"timestamp":1732660705000,"key":null,"value":"second"}
{"timestamp":1732660705001,"key":"","value":null}
"#,
    );
    broker.text("kafi touch ./folder/@t && kafi produce ./folder/@t --json -q < lines && kafi cp ./folder/@t k:@t -q");
    let topic = broker.line("@t");
    let mut arguments = vec![
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server",
        variable("KAFI_TEST_KAFKA"),
        "--topic",
        &topic,
    ];
    arguments.extend(["--from-beginning", "--max-messages", "3", "--timeout-ms", "30000"]);
    for property in ["timestamp", "key", "headers", "offset", "partition"] {
        arguments.push("--formatter-property");
        arguments.push(match property {
            "timestamp" => "print.timestamp=true",
            "key" => "print.key=true",
            "headers" => "print.headers=true",
            "offset" => "print.offset=true",
            _ => "print.partition=true",
        });
    }
    let expected = "CreateTime:1732660705555\tPartition:0\tOffset:0\th:1,h:null\tk\tfirst\n\
        CreateTime:1732660705000\tPartition:0\tOffset:1\tNO_HEADERS\tnull\tsecond\n\
        CreateTime:1732660705001\tPartition:0\tOffset:2\tNO_HEADERS\t\tnull\n";
    assert_eq!(kafka_tool(&arguments), expected);
}

#[test]
fn append_times_are_kept_in_a_folder_and_become_create_times_in_kafka() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 --config message.timestamp.type=LogAppendTime && for p in 0 1; do kafi produce k:@t $p -p $p -q; done");
    let source = broker.text("kafi cat k:@t --json");
    assert_eq!(source.matches("\"timestamp_type\":\"append\"").count(), 2, "{source}");
    broker.text("kafi cp k:@t ./folder/ -q");
    assert_eq!(sorted(&broker.text("kafi cat ./folder/@t --json")), sorted(&source));

    let said = broker.seen("kafi cp ./folder/@t k:@back --config retention.ms=-1 --threads 2");
    let warning = "! warning: the source's append times become create times: k takes no others\n";
    assert_eq!(said, format!("{warning}! 2 read, 2 written, 0 failed in 0.0 s\n"));
    let back = broker.text("kafi cat k:@back --json");
    assert_eq!(sorted(&back), sorted(&source.replace("@t", "@back").replace("append", "create")));

    // A target that would overwrite the times is refused, unless that is all right.
    broker.text("kafi touch k:@stamps --partitions 2 --config message.timestamp.type=LogAppendTime");
    let refused = "! error: copy: topic @stamps: the target has message.timestamp.type=LogAppendTime and would overwrite the timestamps\n! hint: pass --ignore-timestamp if that is all right\n? 2\n";
    assert_eq!(broker.seen("kafi cp ./folder/@t k:@stamps"), refused);
    assert_eq!(
        broker.text("kafi wc k:@stamps -q --json"),
        "{\"storage\":\"k\",\"topic\":\"@stamps\",\"messages\":0,\"key_bytes\":0,\"value_bytes\":0,\"tombstones\":0}\n"
    );
    assert_eq!(
        broker.seen("kafi cp ./folder/@t k:@stamps --ignore-timestamp"),
        "! 2 read, 2 written, 0 failed in 0.0 s\n"
    );
}

#[test]
fn several_topics_go_into_a_folder_and_come_back() {
    let broker = Broker::new();
    let mut lines = String::from("set -e\n");
    for (topic, partitions) in [("a-1", 1), ("a-2", 3), ("b", 1)] {
        lines.push_str(&format!(
            "kafi touch k:@{topic} --partitions {partitions} --config retention.ms=-1; seq -f {topic}-%g 100 | kafi produce k:@{topic} -q\n"
        ));
    }
    broker.text(&lines);
    let before = broker.text("kafi cat k:@a-1 --json; kafi cat k:@a-2 --json");
    assert_eq!(broker.seen("kafi cp 'k:@a-*' ./folder/"), "! 200 read, 200 written, 0 failed in 0.0 s\n");
    assert_eq!(broker.text("kafi ls ./folder/"), "@a-1\n@a-2\n");
    broker.text("kafi rm -y 'k:@a-*'");
    wait_until("the topics to be gone", || broker.text("kafi ls 'k:@a-*'").is_empty());
    broker.text("kafi cp './folder/*' k: -q");
    assert_eq!(broker.text("kafi ls 'k:@*'"), "@a-1\n@a-2\n@b\n");
    assert_eq!(sorted(&broker.text("kafi cat k:@a-1 --json; kafi cat k:@a-2 --json")), sorted(&before));
}

#[test]
fn a_folder_keeps_the_offsets() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t && seq 10 | kafi produce k:@t -q && kafi cp k:@t ./folder/ -o 4:8 -q");
    assert_eq!(broker.text("kafi cat ./folder/@t -F '%o %v;'"), "4 5;5 6;6 7;7 8;");
    assert_eq!(
        broker.text("kafi watermarks ./folder/@t --json"),
        "{\"storage\":\"./folder\",\"topic\":\"@t\",\"partition\":0,\"low\":4,\"high\":8,\"messages\":4}\n"
    );
    let refused = "! error: copy: topic @t: the target holds 4 messages already\n! hint: pass --resume to go on where this copy stopped, or --append to write behind them, at new offsets\n? 1\n";
    assert_eq!(broker.seen("kafi cp k:@t ./folder/"), refused);
    // Into Kafka a copy appends.
    broker.text("kafi cp ./folder/@t k:@t -q");
    assert_eq!(broker.text("kafi cat k:@t -o 9 -F '%o %v;'"), "9 10;10 5;11 6;12 7;13 8;");
}

#[test]
fn a_target_whose_retention_would_delete_the_messages_is_refused() {
    let broker = Broker::new();
    broker.sandbox.write("lines", "{\"timestamp\":1000,\"value\":\"old\"}\n");
    broker.text("kafi touch ./folder/@t && kafi produce ./folder/@t --json -q < lines && kafi touch k:@week --config retention.ms=604800000");
    let why = "retention.ms=604800000 would delete messages of the source, which are older than that";
    let hint = "raise retention.ms of the target (-1 keeps everything), or pass --force";
    assert_eq!(
        broker.seen("kafi cp ./folder/@t k:@week"),
        format!("! 1 read, 0 written, 1 failed in 0.0 s\n! error: copy: topic @week: {why}\n! hint: {hint}\n? 2\n")
    );
    assert_eq!(broker.seen("kafi cp ./folder/@t k:@week --force"), "! 1 read, 1 written, 0 failed in 0.0 s\n");
    // So is one that refuses timestamps far from its own time.
    broker.text("kafi touch k:@narrow --config retention.ms=-1 --config message.timestamp.before.max.ms=3600000");
    assert!(
        broker
            .seen("kafi cp ./folder/@t k:@narrow")
            .contains("message.timestamp.before.max.ms=3600000 would refuse messages of the source")
    );
    broker.sandbox.write("lines", "{\"timestamp\":99999999999999,\"value\":\"far away\"}\n");
    broker.text("kafi touch ./folder/@ahead && kafi produce ./folder/@ahead --json -q < lines && kafi touch k:@ahead");
    assert!(
        broker
            .seen("kafi cp ./folder/@ahead k:@ahead")
            .contains("message.timestamp.after.max.ms=3600000 would refuse messages of the source")
    );
    // A target that cp makes keeps everything, unless somebody says otherwise.
    broker.text("kafi cp ./folder/@t k:@made -q");
    assert_eq!(broker.text("kafi cat k:@made"), "old\n");
    assert!(
        broker
            .seen("kafi cp ./folder/@t k:@short --config retention.ms=1000")
            .contains("retention.ms=1000 would delete messages")
    );
}

#[test]
fn a_target_that_keeps_fewer_bytes_than_the_source_has_is_refused() {
    let broker = Broker::new();
    // 6,000 bytes in each of two partitions.
    let line = |number: i32| format!("{{\"partition\":{},\"value\":\"{}\"}}\n", number % 2, "x".repeat(100));
    broker.sandbox.write("lines", (0..120).map(line).collect::<String>());
    broker.text("kafi touch k:@t --partitions 2 -q && kafi produce k:@t --json -q < lines");
    broker.text("kafi touch k:@small --partitions 2 --config retention.ms=-1 --config retention.bytes=5999 -q");
    let refused = broker.seen("kafi cp k:@t k:@small --threads 1");
    let why =
        "retention.bytes=5999 would delete messages of the source, which has more bytes than that for the partition";
    assert!(refused.contains("! error: copy: topic @small, partition ") && refused.contains(why), "{refused}");
    assert!(
        refused.ends_with("! hint: raise retention.bytes of the target (-1 keeps everything), or pass --force\n? 2\n"),
        "{refused}"
    );
    assert_eq!(
        broker.text("kafi cp k:@t k:@small --force -q && kafi wc k:@small --json -q | cut -d, -f 3"),
        "\"messages\":120\n"
    );
    // Each partition has room for its own messages; a folder deletes nothing, and what is compacted only neither.
    broker.text("kafi touch k:@enough --partitions 2 --config retention.ms=-1 --config retention.bytes=6000 -q && kafi cp k:@t k:@enough -q");
    broker.text("kafi cp k:@t ./folder/@kept --config retention.bytes=1 -q");
    broker.text("kafi touch k:@compacted --partitions 2 --config cleanup.policy=compact --config retention.bytes=1 -q");
    assert!(
        !broker.seen("kafi cp k:@t k:@compacted").contains("retention.bytes"),
        "keys are missing, which is another matter"
    );
}

#[test]
fn targets_that_do_not_fit() {
    let broker = Broker::new();
    broker.text("kafi touch k:@three --partitions 3 && kafi touch k:@one && seq 9 | kafi produce k:@three -q && kafi produce k:@three 9 -p 2 -q");
    let refused = broker.seen("kafi cp k:@three k:@one");
    assert!(
        refused.contains("the target has too few partitions (1) for the source (3)") && refused.ends_with("? 2\n"),
        "{refused}"
    );
    assert_eq!(
        broker.seen("kafi cp k:@three k:@three").lines().next(),
        Some("! error: copy: topic @three: source and target are the same topic")
    );
    let missing = broker.seen("kafi cp k:@three k:@nope --no-create");
    assert!(missing.starts_with("! error: copy: topic @nope: no such topic\n"), "{missing}");
    assert_eq!(broker.seen("kafi cp k:@one k:@empty -q"), "");
    assert_eq!(broker.text("kafi ls 'k:@e*'"), "@empty\n");
}

#[test]
fn a_copy_that_follows_ends_in_order() {
    let broker = Broker::new();
    broker.text("kafi touch k:@t --partitions 2 && seq 100 | kafi produce k:@t -q");
    let (source, target) = (broker.line("k:@t"), broker.line("./folder/@t"));
    let mut child = broker.sandbox.start(&["cp", &source, &target, "-f"], std::process::Stdio::null(), "out", "err");
    let copied = |count: usize| {
        broker
            .sandbox
            .run(&broker.line("kafi cat ./folder/@t 2> /dev/null"))
            .stdout
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            == count
    };
    wait_until("the first copy", || copied(100));
    broker.text("seq 100 | kafi produce k:@t -q");
    wait_until("what came later", || copied(200));
    child.interrupt();
    assert_eq!(child.exit_code(), 130);
    let said = broker.sandbox.read("err");
    assert!(
        said.starts_with("stopped; the next offsets are: ") && said.contains("200 read, 200 written, 0 failed in "),
        "{said}"
    );
    assert_eq!(sorted(&broker.text("kafi cat ./folder/@t --json")), sorted(&broker.text("kafi cat k:@t --json")));
}
