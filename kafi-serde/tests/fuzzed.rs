//! The fuzz targets of `fuzz/` that are about schemas, driven by seeded bytes: words of each grammar, pieces of valid
//! input, and noise. The same seeds in every run.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

#[path = "../../fuzz/src/avro.rs"]
mod avro;
#[path = "../../fuzz/src/compat.rs"]
mod compat;
#[path = "../../tests/driven/mod.rs"]
mod driven;
#[path = "../../fuzz/src/protobuf.rs"]
mod protobuf;
#[path = "../../fuzz/src/registry.rs"]
mod registry;
#[path = "../../fuzz/src/schemas.rs"]
mod schemas;

use driven::drive;

/// Pieces of JSON, and names and values of the schemas.
const JSON: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1",
    b"-1.5",
    b"1e3",
    b"9223372036854775808",
    b"\"x\"",
    b"\"NaN\"",
    b"\"\\u00e9\"",
    b"\"a\":",
    b"\"id\":",
    b"\"o\":",
    b"\"string\":",
    b"\"map\":",
    b"\"null\":",
    b"\"double\":",
    b"\"v\":",
    b"\"next\":",
    b"\"A\"",
    b"\"F\":",
    b"\"y\":",
    b"\"x\":",
    b"\"@type\":",
    b"\"t\":",
    b"\"x/M\"",
    b"\"value\":",
];

#[test]
fn any_avro() {
    let payload: [&[u8]; 16] = [
        b"\0",
        b"\x01",
        b"\x02",
        b"\x03",
        b"\x04",
        b"\x06",
        b"\x08",
        b"\x7f",
        b"\xff",
        b"\x80",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"map",
        b"string",
        b"a",
        b"\xc3\xa4",
        b"\0\0\0\0\0\0\xf8\x7f",
    ];
    let schema: [&[u8]; 24] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\"type\":",
        b"\"record\"",
        b"\"name\":",
        b"\"R\"",
        b"\"fields\":",
        b"\"int\"",
        b"\"string\"",
        b"\"null\"",
        b"\"array\"",
        b"\"items\":",
        b"\"map\"",
        b"\"values\":",
        b"\"fixed\"",
        b"\"size\":",
        b"3",
        b"\"enum\"",
        b"\"symbols\":",
        b"\"logicalType\":\"decimal\"",
        b"\"precision\":4",
    ];
    drive(12_000, avro::run, |random| match random.below(4) {
        0 => random.sentence(&schema, 20, 16),
        1 => [vec![random.below(avro::SCHEMAS.len()) as u8], random.sentence(&JSON, 20, 16)].concat(),
        2 => [vec![random.below(avro::SCHEMAS.len()) as u8], random.bytes(40)].concat(),
        _ => [vec![random.below(avro::SCHEMAS.len()) as u8], random.sentence(&payload, 20, 16)].concat(),
    });
}

#[test]
fn any_protobuf() {
    let payload: [&[u8]; 34] = [
        b"\x08\x01",
        b"\x10\x03",
        b"\x1d\x01\x02\x03\x04",
        b"\x21\0\0\0\0\0\0\xf8\x7f",
        b"\x3a\x01a",
        b"\x42\x02\xff\0",
        b"\x48\x07",
        b"\x52\x02\x08\x05",
        b"\x5a\x02\x01\x02",
        b"\x58\x01",
        b"\x62\0",
        b"\x6a\x02\x10\x01",
        b"\x72\x03\x0a\x01k",
        b"\x72\x05\x12\x03\x08\x80\x01",
        b"\x7a\x04\x08\x05\x12\0",
        b"\x80\x01\x05",
        b"\x8a\x01\0",
        b"\x92\x01\x01x",
        b"\x9a\x01\x07\x0a\x03x/M\x12\0",
        b"\x9a\x01\x05\x0a\x03abc",
        b"\xa2\x01\x02\x08\x01",
        b"\xaa\x01\x04\x08\x01\x10\x01",
        b"\xb2\x01\x05\x0a\x03a_b",
        b"\xba\x01\x09\x0a\x07\x0a\x01k\x12\x02\x20\x01",
        b"\xc2\x01\x02\x08\0",
        b"\xc2\x01\x0b\x32\x09\x0a\x07\x32\x05\x0a\x03\x1a\x01z",
        b"\xca\x01\0",
        b"\xd0\x01\0",
        b"\xd8\x01\0",
        b"\xe2\x01\x02\x20\0",
        b"\xf8\x3f\x01",
        b"\x9b\x06\x08\x01\x9c\x06",
        b"\x0c",
        b"\xff",
    ];
    drive(8_000, protobuf::run, |random| match random.below(4) {
        0 => random.sentence(&JSON, 20, 16),
        1 => random.bytes(60),
        _ => random.sentence(&payload, 20, 16),
    });
}

#[test]
fn any_schema() {
    let words: [&[u8]; 34] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\0",
        b"\"$ref\":",
        b"\"#\"",
        b"\"#/properties/a\"",
        b"\"type\":",
        b"\"object\"",
        b"\"string\"",
        b"\"number\"",
        b"\"properties\":",
        b"\"a\":",
        b"\"anyOf\":",
        b"\"allOf\":",
        b"\"not\":",
        b"\"items\":",
        b"\"required\":",
        b"\"pattern\":",
        b"\"^a+$\"",
        b"\"$schema\":",
        b"\"http://json-schema.org/draft-04/schema#\"",
        b"\"enum\":",
        b"1",
        b"\"minimum\":",
        b"true",
        b"null",
        b"\"uniqueItems\":",
        b"\"$id\":",
        b"\"http://h/x\"",
        b"\x01",
    ];
    drive(8_000, schemas::run, |random| {
        match random.below(3) {
        0 => random.bytes(40),
        1 => random.sentence(&words, 20, 16),
        _ => [
            &br##"{"type":"object","properties":{"a":{"$ref":"#"},"b":{"type":"array","uniqueItems":true}},"additionalProperties":false}"##[..],
            b"\0",
            &random.sentence(&JSON, 20, 16),
        ]
        .concat(),
    }
    });
}

/// The old and the new schema of each case of the tables, with some words of either put in the place of others.
#[test]
fn any_two_schemas() {
    let tables =
        [include_str!("compat/avro.txt"), include_str!("compat/protobuf.txt"), include_str!("compat/jsonschema.txt")];
    let cases = tables.map(|table| {
        let texts = |name: &'static str| table.lines().filter_map(move |line| line.strip_prefix(name));
        texts("old ").zip(texts("new ")).collect::<Vec<_>>()
    });
    drive(4_000, compat::run, |random| {
        let format = random.below(3);
        let pick = |random: &mut driven::Random| cases[format][random.below(cases[format].len())];
        let ((old, new), (other, _)) = (pick(random), pick(random));
        let mixed: Vec<&str> = old.split_inclusive([' ', ',', '}']).collect();
        let words: Vec<&str> = other.split_inclusive([' ', ',', '}']).collect();
        let mut text = mixed.clone();
        for _ in 0..random.below(4) {
            text[random.below(mixed.len())] = words[random.below(words.len())];
        }
        [&[format as u8][..], text.concat().as_bytes(), b"\0", new.as_bytes()].concat()
    });
}

#[test]
fn any_topic_of_schemas() {
    let lines: Vec<&str> =
        include_str!("data/schemas-topic.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let words: [&str; 18] = [
        "\"a\"",
        "\"orders-value\"",
        "\":.eu:a\"",
        "\"lines\"",
        "null",
        "0",
        "1",
        "2",
        "2147483647",
        "-1",
        "true",
        "\"SCHEMA\"",
        "\"CONFIG\"",
        "\"MODE\"",
        "\"READONLY\"",
        "\"IMPORT\"",
        "\"\\\"int\\\"\"",
        "\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"F\\\",\\\"size\\\":2}\"",
    ];
    drive(1_500, registry::run, |random| {
        let mut data = String::new();
        for _ in 0..random.below(12) {
            let line = lines[random.below(lines.len())];
            // Values of members become others.
            let mut pieces: Vec<String> = line.split_inclusive([':', ',', '\t']).map(str::to_string).collect();
            for _ in 0..random.below(3) {
                let at = random.below(pieces.len());
                if pieces[at].ends_with(',') {
                    pieces[at] = format!("{},", words[random.below(words.len())]);
                }
            }
            data.push_str(&pieces.concat());
            data.push('\n');
        }
        if random.below(8) == 0 { [data.into_bytes(), random.bytes(40)].concat() } else { data.into_bytes() }
    });
}
