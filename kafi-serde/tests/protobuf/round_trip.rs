//! What is read and written again is the same payload, in all forms, whatever the schema; and prost-reflect reads the
//! same.

use std::sync::Arc;

use kafi_core::Json;
use kafi_serde::protobuf::{Form, Integers, Reader, Schema, Writer};
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::generator::{Random, file, payload};

const FORMS: [Form; 3] = [
    Form { integers: Integers::Numbers, shows_defaults: false, keeps_unknown: false },
    Form { integers: Integers::Strings, shows_defaults: false, keeps_unknown: true },
    Form { integers: Integers::Numbers, shows_defaults: true, keeps_unknown: false },
];

#[test]
fn payloads_come_back_byte_for_byte() {
    for seed in 0..1_500 {
        let mut random = Random::new(seed);
        let file = file(&mut random);
        let schema =
            Arc::new(Schema::parse(&file.text).unwrap_or_else(|error| panic!("seed {seed}: {error}: {}", file.text)));
        let message = schema.first_message().unwrap();
        let mut readers = FORMS.map(|form| Reader::new(Arc::clone(&schema), form));
        let mut writer = Writer::new(Arc::clone(&schema));
        for _ in 0..4 {
            let payload = payload(&mut random, &file, 0, 0);
            for reader in &mut readers {
                let mut json = Vec::new();
                reader
                    .read(message, &payload, &mut json)
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {}", file.text));
                let json = String::from_utf8(json).unwrap();
                Json::parse(json.as_str()).unwrap_or_else(|error| panic!("seed {seed}: {error}: {json}"));
                let mut again = Vec::new();
                writer
                    .write(message, &json, &mut again)
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {json}: {}", file.text));
                assert_eq!(again, payload, "seed {seed}: {json}: {}", file.text);
            }
            damaged(&schema, &mut readers, &payload, &mut random);
        }
    }
}

/// Whatever becomes of a payload, it is JSON or one error; what is kept of unknown fields is written again.
fn damaged(schema: &Arc<Schema>, readers: &mut [Reader], payload: &[u8], random: &mut Random) {
    let mut bytes = payload.to_vec();
    for _ in 0..1 + random.below(3) {
        match random.below(3) {
            0 => bytes.truncate(random.below(bytes.len() + 1)),
            1 => bytes.push(random.next() as u8),
            _ if bytes.is_empty() => {}
            _ => {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
        }
    }
    let message = schema.first_message().unwrap();
    for reader in readers {
        let mut out = Vec::new();
        match reader.read(message, &bytes, &mut out) {
            Ok(()) => drop(Json::parse(String::from_utf8(out).unwrap()).unwrap()),
            Err(error) => assert!(error.kind() == kafi_core::ErrorKind::Corrupt && out.is_empty(), "{error}"),
        }
    }
}

#[test]
fn prost_reflect_reads_the_same() {
    let mut compared = 0;
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let mut file = file(&mut random);
        let mut compiler = protox::Compiler::with_file_resolver(One(file.text.clone()));
        compiler.open_file("f.proto").unwrap();
        let pool = DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).unwrap();
        let descriptor = pool.get_message_by_name("M0").unwrap();
        let schema = Arc::new(Schema::parse(&file.text).unwrap());
        let message = schema.first_message().unwrap();
        let mut reader = Reader::new(Arc::clone(&schema), Form::default());
        for _ in 0..4 {
            // Its maps have no order, so they have no more than one entry. At times all fields stand there twice, so
            // that they are in no order and merged.
            file.entries = 1;
            let mut bytes = payload(&mut random, &file, 0, 0);
            if random.below(2) == 0 {
                file.entries = 0;
                let more = payload(&mut random, &file, 0, 0);
                bytes.extend(more);
            }
            let theirs = DynamicMessage::decode(descriptor.clone(), &*bytes);
            let mut json = Vec::new();
            let ours = reader.read(message, &bytes, &mut json);
            let Ok(theirs) = theirs else {
                continue;
            };
            ours.unwrap_or_else(|error| panic!("seed {seed}: {error}: {}", file.text));
            let json = String::from_utf8(json).unwrap();
            let back = DynamicMessage::deserialize(descriptor.clone(), &mut serde_json::Deserializer::from_str(&json));
            let back = back.unwrap_or_else(|error| panic!("seed {seed}: {error}: {json}: {}", file.text));
            // Compared as bytes, since not a number is never equal.
            assert_eq!(back.encode_to_vec(), theirs.encode_to_vec(), "seed {seed}: {json}: {}", file.text);
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared}");
}

/// A source as the only file that there is.
struct One(String);

impl protox::file::FileResolver for One {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        protox::file::File::from_source(name, &self.0)
    }
}
