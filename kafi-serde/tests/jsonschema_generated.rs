//! Generated JSON Schemas with values that they describe: both ways a value passes byte for byte, and one that is no
//! longer as the schema says is refused.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use kafi_core::ErrorKind;
use kafi_serde::jsonschema::{Reader, Schema, Writer};
use serde_json::{Map, Value, json};

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

const NAMES: [&str; 4] = ["a", "b c", "ä", "d/~"];

/// A schema, a value that it describes, and one that it does not.
fn made(random: &mut Random, depth: usize) -> (Value, Value, Value) {
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => {
            let (least, most) = (random.below(100) as i64 - 50, random.below(1 << 40) as i64 + 50);
            let value = least + (random.below(100) as i64).min(most - least);
            let schema = json!({"type": "integer", "minimum": least, "maximum": most});
            (schema, json!(value), json!(least - 1))
        }
        1 => (json!({"type": "number", "multipleOf": 0.5}), json!(random.below(9) as f64 * 0.5), json!(0.3)),
        2 => {
            let least = random.below(4);
            let schema = json!({"type": "string", "minLength": least, "pattern": "^[xé\"\\n]*$"});
            (schema, json!(["x", "é", "\"", "\n"][random.below(4)].repeat(least + random.below(3))), json!("y"))
        }
        3 => (json!({"type": ["boolean", "null"]}), [json!(true), Value::Null][random.below(2)].clone(), json!(0)),
        4 => (
            json!({"enum": [1, "two", {"three": []}]}),
            [json!(1), json!({"three": []})][random.below(2)].clone(),
            json!(2),
        ),
        5 => {
            let (schema, good, bad) = made(random, depth - 1);
            let (count, at) = (1 + random.below(3), random.below(2));
            let mut elements = vec![good.clone(); count];
            elements.insert(at.min(count), bad);
            (json!({"type": "array", "items": schema, "minItems": 1}), json!(vec![good; count]), json!(elements))
        }
        6 => {
            let (schema, good, bad) = made(random, depth - 1);
            // A string of digits alone is nothing that any other schema here describes.
            let schema = json!({"anyOf": [{"const": "0123"}, schema]});
            (schema, [json!("0123"), good][random.below(2)].clone(), bad)
        }
        7 => {
            let (schema, good, bad) = made(random, depth - 1);
            (json!({"$ref": "#/$defs/T", "$defs": {"T": schema}, "$schema": DRAFT}), good, bad)
        }
        _ => object(random, depth),
    }
}

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

fn object(random: &mut Random, depth: usize) -> (Value, Value, Value) {
    let (mut properties, mut good, mut bad) = (Map::new(), Map::new(), Map::new());
    let mut required = Vec::new();
    for name in NAMES.iter().take(1 + random.below(4)) {
        let (schema, value, other) = made(random, depth - 1);
        properties.insert(name.to_string(), schema);
        bad.insert(name.to_string(), other);
        if random.below(2) == 0 {
            required.push(*name);
            good.insert(name.to_string(), value);
        }
    }
    let schema =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    (schema, Value::Object(good), Value::Object(bad))
}

#[test]
fn what_a_schema_describes_passes_both_ways() {
    let mut count = 0;
    for seed in 1..3000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (schema, good, bad) = made(&mut random, 3);
        // References are relative to the whole schema, so that only those at its top lead anywhere.
        let text = schema.to_string();
        if text.matches("$ref").count() > usize::from(schema.get("$ref").is_some()) {
            continue;
        }
        let schema = Arc::new(Schema::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")));
        let (mut writer, mut reader) = (Writer::new(Arc::clone(&schema)), Reader::new(schema));
        let json = if random.below(2) == 0 { good.to_string() } else { serde_json::to_string_pretty(&good).unwrap() };
        let (mut payload, mut again) = (Vec::new(), Vec::new());
        writer.write(&json, &mut payload).unwrap_or_else(|error| panic!("{text} {json}: {error}"));
        reader.read(&payload, &mut again).unwrap();
        assert!(payload == json.as_bytes() && again == payload, "{text} {json}");
        let bad = bad.to_string();
        for refused in [writer.write(&bad, &mut payload), reader.read(bad.as_bytes(), &mut payload)] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt, "{text} {bad}");
        }
        assert_eq!(payload, json.as_bytes(), "what is refused leaves nothing behind");
        count += 1;
    }
    assert!(count > 2000, "{count}");
}
