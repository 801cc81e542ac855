//! Files beside pandas, pyarrow, polars, DuckDB, openpyxl, and lxml: each reads what is written here, with types and
//! values, and what each writes is read here. What they find stands in the texts of this folder, losses included.

use std::fs;
use std::path::Path;

use kafi_testkit::servers;

use crate::support::Sandbox;

const SCHEMA: &str = r#"{"type":"record","name":"T","fields":[
    {"name":"id","type":"long"},{"name":"ratio","type":["null","double"]},
    {"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]},
    {"name":"ok","type":["null","boolean"]},{"name":"name","type":["null","string"]},
    {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
    {"name":"day","type":["null",{"type":"int","logicalType":"date"}]},{"name":"raw","type":["null","bytes"]},
    {"name":"tags","type":{"type":"array","items":"string"}},
    {"name":"inner","type":["null",{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}]}]}"#;

const ROWS: &str = concat!(
    r#"{"id":9007199254740993,"ratio":0.1,"price":19.90,"ok":true,"name":"ä, \"b\"\n","at":1767323045123456,"day":20455,"raw":"ÿ\u0000","tags":["a","b"],"inner":{"x":1}}"#,
    "\n",
    r#"{"id":2,"ratio":null,"price":null,"ok":null,"name":"","at":null,"day":null,"raw":null,"tags":[],"inner":null}"#,
    "\n"
);

/// The program for tables.
fn python() -> String {
    format!("{} {}", servers::variable("KAFI_TEST_FRAMES"), servers::script("frames.py").display())
}

/// Compares with the committed text, or writes that where `KAFI_TEST_RENEW` is set.
fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serializers/frames").join(name);
    if std::env::var_os("KAFI_TEST_RENEW").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    let differs = |(expected, found): &(&str, &str)| expected != found;
    let first = expected.lines().zip(found.lines()).find(differs);
    assert!(expected == found, "{name} is not what is committed; the first line that differs: {first:?}");
}

#[test]
fn others_read_what_is_written() {
    let sandbox = Sandbox::new();
    sandbox.write("t.avsc", SCHEMA);
    sandbox.write("rows.jsonl", ROWS);
    sandbox.text("kafi import rows.jsonl t --create --value-type avro --value-schema @t.avsc -q");
    for suffix in ["csv", "jsonl", "xml", "xlsx", "parquet", "feather", "orc"] {
        sandbox.text(&format!("kafi export t t.{suffix} -q"));
    }
    check("read.txt", &sandbox.text(&format!("{} read .", python())));
}

#[test]
fn what_others_write_is_read() {
    let sandbox = Sandbox::new();
    let files = sandbox.text(&format!("mkdir files && {} write files && ls files", python()));
    let mut found = String::new();
    for file in files.lines() {
        let topic = file.replace('.', "_");
        found.push_str(&format!("{file}\n"));
        found.push_str(&sandbox.text(&format!("kafi import files/{file} {topic} --create -q && kafi cat {topic}")));
    }
    check("written.txt", &found);
}
