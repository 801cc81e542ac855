//! The fuzz targets of `fuzz/`, driven by seeded bytes: words of each grammar, pieces of valid input, and noise. The
//! same seeds in every run.

#![cfg(feature = "fs")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use kafi_core::Record;
use kafi_records::{Compression, Encoder};

use driven::{Random, drive};

#[path = "../fuzz/src/batches.rs"]
mod batches;
#[path = "../fuzz/src/buckets.rs"]
mod buckets;
#[path = "../fuzz/src/config.rs"]
mod config;
mod driven;
#[path = "../fuzz/src/envelope.rs"]
mod envelope;
#[path = "../fuzz/src/folders.rs"]
mod folders;
#[cfg(feature = "serve")]
#[path = "../fuzz/src/http.rs"]
mod http;
#[path = "../fuzz/src/offsets.rs"]
mod offsets;
#[path = "../fuzz/src/tables.rs"]
mod tables;

/// Valid input with a few bytes changed, or cut.
fn damaged(random: &mut Random, mut valid: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.below(4) {
        let at = random.below(valid.len());
        valid[at] = random.below(256) as u8;
    }
    if random.below(4) == 0 {
        valid.truncate(1 + random.below(valid.len()));
    }
    valid
}

#[test]
fn any_batch() {
    drive(4_000, batches::run, |random| {
        if random.below(4) == 0 {
            return random.bytes(200);
        }
        let mut encoder = Encoder::new(Compression::ALL[random.below(Compression::ALL.len())]);
        for offset in 0..1 + random.below(5) as i64 {
            let (key, value) = (random.bytes(20), random.bytes(60));
            let record = Record { timestamp: random.below(9_000) as i64, ..Record::new("t", Some(&key), Some(&value)) };
            assert!(encoder.push(record, offset).unwrap());
        }
        let mut stored = Vec::new();
        encoder.finish(&mut stored).unwrap();
        damaged(random, stored)
    });
}

#[cfg(feature = "serve")]
#[test]
fn any_request() {
    // Valid bodies of several calls, and words of others.
    let bodies = [
        r#"{"partition_id":1,"headers":[{"name":"h","value":"eA=="}],"timestamp":"2026-01-02T03:04:05Z","key":{"type":"STRING","data":"a"},"value":{"type":"JSON","data":{"a":[1]}}} {"value":{"type":"BINARY","data":"eA=="}}"#,
        r#"{"entries":[{"id":"1","value":{"type":"AVRO","schema":"\"int\"","data":1}}]}"#,
        r#"{"topic_name":"u","partitions_count":3,"configs":[{"name":"retention.ms","value":"1"}]}"#,
        r#"{"records":[{"key":"eA==","value":"eA==","partition":0}],"value_schema":"{\"type\":\"string\"}"}"#,
        r#"{"partitions":[{"topic":"t","partition":0}],"offsets":[{"topic":"t","partition":1,"offset":0,"metadata":"m"}]}"#,
        r#"{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; message A { int32 a = 1; }","references":[]}"#,
        r#"{"topics":["t"],"topic_pattern":"t.*","partitions_count":4,"value":"1"}"#,
        r#"{"data":[{"resource_type":"TOPIC","resource_name":"t","pattern_type":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW"}]}"#,
        r#"{"schemaType":"JSON","schema":"{\"type\":\"object\"}","references":[{"name":"n","subject":"a","version":1}],"metadata":{"properties":{}},"id":7}"#,
        r#"{"topic_name":"v","validate_only":true,"replicas_assignments":[],"configs":[{"name":"retention.ms","value":null}]}"#,
        r#"{"key":{"data":null},"value":{"schema_version":1,"data":1}} {"value":{"data":{"a":1}}} {"value":{"schema_id":1,"data":"x"}}"#,
        r#"{"compatibility":"FULL","mode":"IMPORT","data":[{"name":"a","value":"b","operation":"SET"}]}"#,
    ];
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "1",
        "-1",
        "1e99",
        "\"\"",
        "\"t\"",
        "\"\\u0000\"",
        "\"type\":",
        "\"BINARY\"",
        "\"data\":",
        "\"key\":",
        "\"value\":",
        "\"records\":",
        "\"partition_id\":",
        "99999999999",
        "\"offset\":",
        "\"name\":",
        "\"headers\":",
        "\"schema_id\":",
        "\"timestamp\":",
        "\"format\":",
        "../",
        "\"auto.offset.reset\":",
        "\"references\":",
        "\"topics\":",
        "\"topic_pattern\":",
        "\"(a{99}){99}\"",
        "\"operation\":",
        "\"validate_only\":true",
        "\"schema_version\":",
    ];
    drive(1_500, http::run, |random| {
        let mut request = vec![random.below(256) as u8, random.below(12) as u8];
        request.extend(random.bytes(12));
        request.extend(match random.below(4) {
            0 => random.sentence(&words, 40, 20),
            1 => random.bytes(100),
            _ => {
                let body = bodies[random.below(bodies.len())];
                damaged(random, body.as_bytes().to_vec())
            }
        });
        request
    });
}

#[test]
fn any_configuration() {
    let words = [
        "kafka:",
        "local:",
        "s3:",
        "kafi:",
        "\n  ",
        "\n",
        " ",
        "bootstrap.servers: ",
        "sasl.password: ",
        "folder: ",
        "f",
        "1",
        "-1",
        "true",
        "${",
        "}",
        "$$",
        "NAME",
        "'",
        "\"",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "{",
        "[",
        "]",
        ", ",
        "# ",
        "!!int ",
        "|",
        ">",
        "? ",
        ": ",
        "consume.batch.size: ",
        "99999999999999999999",
        "\t",
        "---",
        "...",
    ];
    drive(6_000, config::run, |random| random.sentence(&words, 12, 12));
}

#[test]
fn any_envelope() {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"key\":",
        "\"value\":",
        "\"value_base64\":",
        "\"value_raw\":",
        "\"headers\":[",
        "\"topic\":\"t\"",
        "\"offset\":",
        "\"partition\":",
        "null",
        "true",
        "1",
        "-1",
        "1e999",
        "9223372036854775808",
        "\\u00e9",
        "\\ud83d",
        "\\",
        "é",
        " ",
        "\"x\"",
        "\"eA==\"",
        "\"timestamp_type\":\"append\"",
        "\"valu\":",
    ];
    let valid =
        br#"{"topic":"t","partition":0,"offset":17,"timestamp":5,"timestamp_type":"create","headers":[{"key":"h","value":null}],"key":"k","value":{"id":1.0}}"#;
    drive(6_000, envelope::run, |random| match random.below(3) {
        0 => random.sentence(&words, 12, 12),
        1 => damaged(random, valid.to_vec()),
        _ => random.bytes(300),
    });
}

#[test]
fn any_offset_and_time() {
    let words = [
        "start",
        "end",
        "stored",
        "first",
        "last",
        "+",
        "-",
        "@",
        ":",
        "=",
        ",",
        ".",
        "0",
        "7",
        "-1",
        "10",
        "9223372036854775807",
        "99999999999999999999",
        "2024-11-26",
        "T",
        "10:30",
        ":00",
        "Z",
        "+02:00",
        "[Europe/Berlin]",
        "h",
        "m",
        "s",
        "d",
        "w",
        "%Y",
        "%s",
        "%",
        "%f",
        " ",
        "now",
        "today",
        "-1h30m",
    ];
    drive(20_000, offsets::run, |random| random.sentence(&words, 12, 12));
}

#[test]
fn any_file_of_a_folder() {
    drive(150, folders::run, |random| of_a_folder(random, 5));
}

#[test]
fn any_two_files_of_a_folder() {
    drive(50, folders::run_two, |random| of_a_folder(random, 9));
}

/// So many numbers, and what a file of a folder may hold, or noise.
fn of_a_folder(random: &mut Random, numbers: usize) -> Vec<u8> {
    let words = [
        "{",
        "}",
        "\"partitions\":",
        "\"offsets\":[",
        "-1",
        "99999999999",
        "\"topic\":\"t\"",
        ",",
        "null",
        "]",
        "0",
        "\n",
        "7 ",
    ];
    let mut data: Vec<u8> = (0..numbers).map(|_| random.below(256) as u8).collect();
    data.extend(if random.below(2) == 0 { random.bytes(100) } else { random.sentence(&words, 12, 12) });
    data
}

#[test]
fn any_object_of_a_bucket() {
    drive(600, buckets::run, |random| {
        let words = [
            "{",
            "}",
            "\"start\":",
            "\"object\":",
            "\"end\":",
            "-1",
            "7",
            "99999999999",
            "\"times\":[",
            "\"topic\":\"t\"",
            ",",
            "null",
            "]",
            "0",
            "/",
            ".json",
        ];
        let mut data: Vec<u8> = (0..5).map(|_| random.below(256) as u8).collect();
        data.extend(match random.below(3) {
            0 => random.bytes(100),
            1 => random.sentence(&words, 12, 12),
            _ => Vec::new(),
        });
        data
    });
}

#[test]
fn any_table() {
    let words = [
        "a",
        ",",
        "\t",
        "\n",
        "\"",
        "1",
        "-2.50",
        "true",
        "{",
        "}",
        "[",
        "]",
        ":",
        "\"id\":",
        "null",
        "<data>",
        "<row>",
        "<a>",
        "</a>",
        "<b/>",
        "</row>",
        "</data>",
        "&lt;",
        "&#1;",
        "<![CDATA[",
        "]]>",
        "_x0041_",
        "<!--",
        "-->",
        "PK\u{3}\u{4}",
        "PAR1",
        "ARROW1",
        "\u{ff}",
    ];
    let whole: Vec<Vec<u8>> = tables::FORMATS.iter().map(|format| tables::valid(format)).collect();
    drive(900, tables::run, |random| {
        let choice = random.below(tables::FORMATS.len());
        let mut data = vec![choice as u8];
        data.extend(match random.below(3) {
            0 => random.sentence(&words, 12, 30),
            1 => damaged(random, whole[choice].clone()),
            _ => random.bytes(300),
        });
        data
    });
}
