//! Apache Kafka's own log dumper reads what we write. It never fails by its exit code and calls every gap
//! non-consecutive, so its output is read.

use std::path::PathBuf;
use std::process::Command;

use crate::support::*;
use kafi_core::{HeadersBuf, OwnedRecord, Record, TimestampType};
use kafi_testkit::servers;

/// Runs the dumper over segment files, after installing what it needs.
fn dump(files: &[PathBuf]) -> String {
    let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let mut command = Command::new(servers::script("kafka"));
    command.args([
        "tool",
        "org.apache.kafka.tools.DumpLogSegments",
        "--deep-iteration",
        "--print-data-log",
        "--files",
        &files.join(","),
    ]);
    let output = command.env("LC_ALL", "C.UTF-8").output().expect("the script runs");
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(!stdout.contains("invalid bytes") && !stderr.contains("invalid bytes"), "{stderr}");
    stdout
}

/// A batch as the dumper describes it.
#[derive(Debug)]
struct DumpedBatch {
    first: i64,
    last: i64,
    count: usize,
    codec: String,
}

/// Checks the dump of the segments of one partition against its messages, and returns the batches.
fn check(dump: &str, records: &[OwnedRecord]) -> Vec<DumpedBatch> {
    let mut rest = dump;
    let mut records = records.iter();
    let mut batches: Vec<DumpedBatch> = Vec::new();
    while !rest.is_empty() {
        if rest.starts_with("| ") {
            let record = records.next().expect("the dump has no more records than were written");
            let expected = dumped(record);
            assert!(rest.starts_with(&expected), "{:?}… is not {:?}…", cut(rest), cut(&expected));
            let batch = batches.last().expect("a record comes in a batch");
            assert!((batch.first..=batch.last).contains(&record.offset), "{} in {batch:?}", record.offset);
            rest = &rest[expected.len()..];
            continue;
        }
        let (line, after) = rest.split_once('\n').unwrap();
        rest = after;
        if line.starts_with("Dumping ") || line.starts_with("Log starting offset: ") {
            continue;
        }
        assert!(line.starts_with("baseOffset: ") && line.ends_with(" isvalid: true"), "{line}");
        let field =
            |name: &str| line.split_once(&format!("{name}: ")).unwrap().1.split(' ').next().unwrap().to_string();
        let number = |name: &str| field(name).parse::<i64>().unwrap();
        assert_eq!((number("magic"), number("partitionLeaderEpoch"), number("producerId")), (2, 0, -1));
        assert_eq!((field("isTransactional"), field("isControl")), ("false".into(), "false".into()));
        let batch = DumpedBatch {
            first: number("baseOffset"),
            last: number("lastOffset"),
            count: usize::try_from(number("count")).unwrap(),
            codec: field("compresscodec"),
        };
        assert!(batches.last().is_none_or(|before| before.last < batch.first), "{batches:?} {batch:?}");
        batches.push(batch);
    }
    assert_eq!(records.next(), None, "the dump lacks records");
    batches
}

/// A message as the dumper prints it; null is not there, empty is.
fn dumped(record: &OwnedRecord) -> String {
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64);
    let text = |name: &str, bytes: &Option<Vec<u8>>| {
        bytes.as_ref().map_or(String::new(), |bytes| format!(" {name}: {}", String::from_utf8_lossy(bytes)))
    };
    let clock = match record.timestamp_type {
        TimestampType::Create => "CreateTime",
        TimestampType::Append => "LogAppendTime",
    };
    let headers: Vec<_> =
        record.headers.as_headers().iter().map(|header| String::from_utf8_lossy(header.name).into_owned()).collect();
    format!(
        "| offset: {} {clock}: {} keySize: {} valueSize: {} sequence: -1 headerKeys: [{}]{}{}\n",
        record.offset,
        record.timestamp,
        size(&record.key),
        size(&record.value),
        headers.join(","),
        text("key", &record.key),
        text("payload", &record.value)
    )
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The nasty messages, with values that look the same to every decoder of UTF-8.
fn printable(topic: &str) -> Vec<OwnedRecord> {
    let big = |bytes: &mut Vec<u8>| {
        if bytes.len() > 1_000 {
            *bytes = (0..bytes.len()).map(|at| b"0123456789abcdef"[(at * at / 7) % 16]).collect();
        }
    };
    let mut records = nasty(topic);
    for record in &mut records {
        record.key.iter_mut().for_each(big);
        record.value.iter_mut().for_each(big);
    }
    let mut headers = HeadersBuf::new();
    headers.push("same", "1");
    headers.push("same", "2");
    records.push(OwnedRecord {
        headers,
        partition: 0,
        timestamp: 2,
        ..Record::new(topic, Some(b"k\xff"), Some(b"| offset: 0")).to_owned()
    });
    records
}

#[test]
fn every_segment_is_valid_and_shows_what_was_written() {
    let folder = Folder::new();
    let mut expected = Vec::new();
    for codec in CODECS {
        create(&folder.storage, codec, 1, &[("compression.type", codec), ("segment.bytes", "20000")]);
        let records = printable(codec);
        let small: Vec<_> = messages(codec, 5_000, 100);
        for part in [&records[..], &small[..], &records[..]] {
            deliver(&folder.storage, part);
        }
        let all: Vec<_> = records.iter().chain(&small).chain(&records).cloned().collect();
        expected.push((codec, with_offsets(&all, 0..)));

        let kept = format!("kept-{codec}");
        create(&folder.storage, &kept, 1, &[("compression.type", codec), ("segment.bytes", "3000")]);
        // Each batch and each record in it stands behind a gap, and two gaps are too wide for one batch.
        let offsets = (0..).map(|number: i64| 1_000 + number * number + if number < 50 { 0 } else { 5_000_000_000 });
        let records = with_offsets(&messages(&kept, 100, 100), offsets);
        let mut producer = keeping_producer(&folder.storage);
        for part in records.chunks(7) {
            assert_delivered(&produce(&mut *producer, part), part.len());
        }
    }
    for (codec, records) in expected {
        let segments =
            |topic: &str| folder.segments(topic, 0).iter().map(|name| folder.file(topic, 0, name)).collect::<Vec<_>>();
        assert!(segments(codec).len() > 1, "{codec}");
        let batches = check(&dump(&segments(codec)), &records);
        assert!(batches.iter().all(|batch| batch.codec == codec), "{batches:?}");
        assert_eq!(batches.iter().map(|batch| batch.count).sum::<usize>(), records.len());

        let kept = format!("kept-{codec}");
        let records = read(&folder.storage, &kept, 0);
        assert_eq!((records.len(), records[99].offset), (100, 1_000 + 99 * 99 + 5_000_000_000));
        let batches = check(&dump(&segments(&kept)), &records);
        assert!(batches.iter().any(|batch| batch.last - batch.first >= batch.count as i64), "no batch has a gap");
    }
}
