//! Apicurio's cases of JSON Schema and Avro. Where its rules are others than those of Confluent's registry, those hold,
//! and the case stands in a list, with what comes out.

use std::collections::BTreeMap;

use kafi_serde::Format;
use serde_json::Value;

use crate::compare;

fn check(format: Format, text: &str, differing: &str) {
    let cases: Value = serde_json::from_str(text).unwrap();
    let differing: BTreeMap<&str, &str> = differing
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(" = ").expect(line))
        .collect();
    let mut actual = BTreeMap::new();
    for (at, case) in cases["tests"].as_array().unwrap().iter().enumerate() {
        let (old, new) = (case["original"].to_string(), case["updated"].to_string());
        let fits = |reader: &str, writer: &str| match compare(format, reader, writer) {
            Ok(found) => found.is_empty(),
            Err(error) => panic!("{case}: {error}"),
        };
        let is = match (fits(&new, &old), fits(&old, &new)) {
            (true, true) => "both",
            (true, false) => "backward",
            (false, true) => "forward",
            (false, false) => "none",
        };
        if case["compatibility"] != is {
            actual.insert(format!("{at} {}", case["id"].as_str().unwrap()), is);
        }
    }
    let actual: BTreeMap<&str, &str> = actual.iter().map(|(name, is)| (name.as_str(), *is)).collect();
    let lines: Vec<String> = actual.iter().map(|(name, is)| format!("{name} = {is}")).collect();
    assert_eq!(actual, differing, "\n{}", lines.join("\n"));
}

#[test]
fn avro() {
    check(Format::Avro, include_str!("../data/apicurio/avro-compatibility.json"), "");
}

#[test]
fn json_schema() {
    let differing = include_str!("../data/apicurio/differing.txt");
    check(Format::JsonSchema, include_str!("../data/apicurio/jsonschema-compatibility.json"), differing);
}
