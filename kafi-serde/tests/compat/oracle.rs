//! Random pairs of Avro schemas, compared here and by Apache's own `SchemaCompatibility`, which
//! `tests/servers/avro` runs.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use kafi_serde::Format;
use serde_json::{Value, json};

use crate::{compare, kinds};

const PAIRS: u64 = 4000;

#[test]
fn apache_gives_the_same_answers() {
    let pairs: Vec<(String, String)> = (0..PAIRS).map(pair).collect();
    let lines: String = pairs.iter().map(|(reader, writer)| format!("{reader}\t{writer}\n")).collect();
    let answers = ask(lines);
    assert_eq!(answers.len(), pairs.len());
    let (mut fitting, mut others, mut without) = (0, 0, 0);
    for ((reader, writer), answer) in pairs.iter().zip(&answers) {
        let here = compare(Format::Avro, reader, writer);
        if let Some(reason) = answer.strip_prefix("error ") {
            // It has no answer for what is no schema, for it a default of another type, too, and for a field that could
            // be several.
            let is_so = reason.starts_with("Invalid default")
                || here.map_or(true, |found| kinds(&found).contains(&"READER_FIELD_AMBIGUOUS"));
            assert!(is_so, "{reader}\n{writer}\n{reason}");
            without += 1;
            continue;
        }
        let found = here.unwrap_or_else(|error| panic!("{reader}\n{writer}\n{answer}: {error}"));
        let kinds: BTreeSet<&str> = kinds(&found).into_iter().collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        assert_eq!(kinds.join(","), *answer, "reader {reader}\nwriter {writer}\n{found:?}");
        *if found.is_empty() { &mut fitting } else { &mut others } += 1;
    }
    let is_mixed = fitting > PAIRS / 5 && others > PAIRS / 5;
    assert!(is_mixed && without < PAIRS / 5, "{fitting} fit, {others} do not, {without} without an answer");
}

/// What Apache says to each line.
fn ask(lines: String) -> Vec<String> {
    let script = kafi_testkit::servers::script("avro");
    let mut command = Command::new(script);
    let process = command.arg("compare").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut process = process.expect("tests/servers/avro can be run");
    let mut input = process.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect()
}

/// A schema, and the same with some changes.
fn pair(seed: u64) -> (String, String) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let writer = Maker { random: &mut random, defined: Vec::new() }.schema(3);
    let mut reader = writer.clone();
    for _ in 0..1 + random.below(3) {
        change(&mut reader, &mut random);
    }
    if random.below(2) == 0 {
        (reader.to_string(), writer.to_string())
    } else {
        (writer.to_string(), reader.to_string())
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

struct Maker<'a> {
    random: &'a mut Random,
    defined: Vec<String>,
}

impl Maker<'_> {
    fn schema(&mut self, depth: usize) -> Value {
        match self.random.below(if depth == 0 { 4 } else { 11 }) {
            0..=2 => json!(PRIMITIVES[self.random.below(8)]),
            3 | 4 => match self.defined.len() {
                0 => json!("int"),
                known => json!(self.defined[self.random.below(known)]),
            },
            5 => json!({"type": "array", "items": self.schema(depth - 1)}),
            6 => json!({"type": "map", "values": self.schema(depth - 1)}),
            7 => self.union(depth - 1),
            8 => {
                let name = self.name('F');
                json!({"type": "fixed", "name": name, "size": 1 + self.random.below(3)})
            }
            9 => {
                let name = self.name('E');
                let count = 1 + self.random.below(4);
                let mut value = json!({"type": "enum", "name": name, "symbols": &["A", "B", "C", "D"][..count]});
                if self.random.below(3) == 0 {
                    value["default"] = json!("A");
                }
                value
            }
            _ => {
                let name = self.name('R');
                let count = self.random.below(4);
                let fields: Vec<Value> = (0..count)
                    .map(|at| {
                        let name = ["a", "b", "c", "d"][at];
                        json!({"name": name, "type": self.schema(depth - 1)})
                    })
                    .collect();
                json!({"type": "record", "name": name, "fields": fields})
            }
        }
    }

    fn name(&mut self, kind: char) -> String {
        let name = format!("{}{kind}{}", ["", "x.", "y."][self.random.below(3)], self.defined.len());
        self.defined.push(name.clone());
        name
    }

    fn union(&mut self, depth: usize) -> Value {
        let mut kinds = BTreeSet::new();
        let mut branches = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let branch = self.schema(depth);
            let kind = branch.as_str().or(branch["name"].as_str()).or(branch["type"].as_str()).map(str::to_string);
            if kind.is_some_and(|kind| kinds.insert(kind)) {
                branches.push(branch);
            }
        }
        Value::Array(branches)
    }
}

/// Changes something somewhere in a schema.
fn change(schema: &mut Value, random: &mut Random) {
    let primitive = PRIMITIVES[random.below(8)];
    match schema {
        Value::String(_) if random.below(2) == 0 => *schema = json!(primitive),
        Value::String(name) => *schema = if name == "null" { json!(["null"]) } else { json!(["null", name]) },
        Value::Array(branches) => match random.below(4) {
            0 if !branches.iter().any(|branch| branch == primitive) => branches.push(json!(primitive)),
            1 if branches.len() > 1 && branches[0].is_string() => _ = branches.remove(0),
            2 => branches.reverse_if_plain(),
            _ if !branches.is_empty() => {
                let at = random.below(branches.len());
                // A name must stay what it is: it may be used behind this.
                if branches[at].is_object() {
                    change(&mut branches[at], random);
                }
            }
            _ => {}
        },
        Value::Object(_) => change_object(schema, random),
        _ => {}
    }
}

trait ReverseIfPlain {
    fn reverse_if_plain(&mut self);
}

impl ReverseIfPlain for Vec<Value> {
    /// Names have to be defined before they are used.
    fn reverse_if_plain(&mut self) {
        if self.iter().all(|branch| branch.as_str().is_some_and(|name| PRIMITIVES.contains(&name))) {
            self.reverse();
        }
    }
}

fn change_object(schema: &mut Value, random: &mut Random) {
    match schema["type"].as_str() {
        Some("array") => change(&mut schema["items"], random),
        Some("map") => change(&mut schema["values"], random),
        Some("fixed") => schema["size"] = json!(1 + random.below(3)),
        Some("enum") => {
            let count = 1 + random.below(4);
            schema["symbols"] = json!(&["A", "B", "C", "D"][..count]);
        }
        _ => change_record(schema, random),
    }
}

fn change_record(schema: &mut Value, random: &mut Random) {
    let Some(fields) = schema["fields"].as_array_mut() else { return };
    let names = ["a", "b", "c", "d", "e"];
    let free = names.into_iter().find(|name| fields.iter().all(|field| field["name"] != *name)).unwrap_or("f");
    match (random.below(6), fields.len()) {
        (0, _) => fields.insert(0, json!({"name": free, "type": "int"})),
        (1, _) => fields.push(json!({"name": free, "type": "int", "default": 1})),
        (2, _) => {
            let symbols = json!({"type": "enum", "name": "Added", "symbols": ["A", "B"], "default": "A"});
            if !fields.iter().any(|field| field["type"]["name"] == "Added") {
                fields.push(json!({"name": free, "type": symbols}));
            }
        }
        (_, 0) => {}
        (3, count) => {
            let field = &mut fields[random.below(count)];
            let old = field["name"].clone();
            field["name"] = json!(free);
            field["aliases"] = if random.below(3) == 0 { json!([old, "b"]) } else { json!([old]) };
        }
        (4, count) => {
            let at = random.below(count);
            // What it defines may be used behind it.
            if fields[at]["type"].is_string() {
                fields.remove(at);
            }
        }
        (_, count) => change(&mut fields[random.below(count)]["type"], random),
    }
}
