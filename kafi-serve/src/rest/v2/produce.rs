//! Producing: a request has messages, and its answer an offset or an error for each.

use kafi_core::{ANY_PARTITION, Batch, Error, Field, Json, JsonKind, NO_TIMESTAMP, Record};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::rest::codes::{self, PARTITION_NOT_FOUND};
use crate::rest::encoding::{FieldWriter, Form, SchemaChoice, plain};
use crate::rest::pools::Written;
use crate::rest::v2::V2;

pub fn produce(V2(rest): &V2, asked: &Asked) -> Answered {
    let form = form(asked)?;
    let json = asked.object()?;
    let topic = asked.param("topic");
    let place = match asked.find_param("partition").map(str::parse::<i32>) {
        Some(Ok(partition @ 0..)) => Some(partition),
        Some(_) => return Err(Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.").into()),
        None => None,
    };
    // A topic that is missing is refused as a whole, before anything is registered for it.
    let partitions = rest.pools.partitions(topic, rest.timeout())?;
    if place.is_some_and(|place| place >= partitions) {
        return Err(Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.").into());
    }
    let records = json.get("records").filter(|records| records.kind() == JsonKind::Array);
    let records = records.ok_or_else(|| Refusal::of_status(422, "the body has no list of records"))?;
    let mut writer = FieldWriter::new(rest, topic);
    let choices = [choice(&json, "key")?, choice(&json, "value")?];
    let mut batch = Batch::new();
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for record in records.iter() {
        key.clear();
        value.clear();
        if record.kind() != JsonKind::Object {
            return Err(Refusal::of_status(422, "a record is an object with key and value").into());
        }
        let parts = ["key", "value"].map(|name| record.get(name).cloned().unwrap_or_default());
        check_schemas(form, &choices, &parts)?;
        let has_key = writer.write(Field::Key, form, &choices[0], &parts[0], &mut key)?;
        let has_value = writer.write(Field::Value, form, &choices[1], &parts[1], &mut value)?;
        let own = match record.get("partition").filter(|partition| !partition.is_null()) {
            Some(partition) => i32::try_from(partition.int()?).unwrap_or(i32::MAX),
            None => ANY_PARTITION,
        };
        if own != ANY_PARTITION && (place.is_some() || !(0..partitions).contains(&own)) {
            return Err(Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.").into());
        }
        let record = Record::new(topic, has_key.then_some(&key), has_value.then_some(&value));
        batch.push(Record { partition: place.unwrap_or(own), timestamp: NO_TIMESTAMP, ..record });
    }
    let written = rest.pools.write(topic, &mut batch, rest.timeout())?;
    let ids = [id(&mut writer, form, Field::Key, &choices[0]), id(&mut writer, form, Field::Value, &choices[1])];
    let members = [
        ("offsets", Json::array(written.iter().map(of_written))),
        ("key_schema_id", Json::from(ids[0])),
        ("value_schema_id", Json::from(ids[1])),
    ];
    Ok(Json::object(members).into())
}

/// The form of keys and values, which the content type names.
fn form(asked: &Asked) -> Result<Form, Refusal> {
    let content_type = asked.header("content-type").unwrap_or_default();
    let form = embedded(content_type).and_then(Form::of_word).filter(|form| *form != Form::Text);
    form.ok_or_else(|| Refusal::of_status(415, "HTTP 415 Unsupported Media Type"))
}

/// The format in `application/vnd.kafka.<format>.v2+json`; of plain JSON it is binary.
pub fn embedded(content_type: &str) -> Option<&str> {
    let bare = content_type.split(';').next().unwrap_or_default().trim();
    match bare {
        "application/json" | "application/vnd.kafka+json" | "application/vnd.kafka.v2+json" => Some("binary"),
        _ => bare.strip_prefix("application/vnd.kafka.")?.strip_suffix(".v2+json"),
    }
}

/// Refuses keys and values whose format has schemas, and of which the request names none.
fn check_schemas(form: Form, choices: &[SchemaChoice; 2], parts: &[Json; 2]) -> Result<(), Refusal> {
    let refusals = [
        (codes::NO_KEY_SCHEMA, "Request includes keys but does not include key schema"),
        (codes::NO_VALUE_SCHEMA, "Request includes values but does not include value schema"),
    ];
    for ((choice, part), (code, why)) in choices.iter().zip(parts).zip(refusals) {
        if matches!(form, Form::Schema(_)) && !part.is_null() && *choice == SchemaChoice::default() {
            return Err(Refusal::new(422, code, why));
        }
    }
    Ok(())
}

fn choice(json: &Json, field: &str) -> Result<SchemaChoice, Failure> {
    let member = |what: &str| json.get(format!("{field}_schema{what}").as_str()).filter(|value| !value.is_null());
    let bad = |_| Refusal::new(422, codes::BAD_SCHEMA, format!("{field}_schema_id is no id"));
    let id = member("_id").map(|id| id.int().ok().and_then(|id| u32::try_from(id).ok()).ok_or(()).map_err(bad));
    // Some clients write a schema as JSON, others as text of JSON.
    let text = member("").map(plain);
    Ok(SchemaChoice { id: id.transpose()?, text, ..SchemaChoice::default() })
}

/// The id that answers name: none where there was no schema to write with.
fn id(writer: &mut FieldWriter<'_>, form: Form, field: Field, choice: &SchemaChoice) -> Option<u32> {
    let Form::Schema(format) = form else { return None };
    if *choice == SchemaChoice::default() {
        return None;
    }
    writer.id(field, format, choice).ok()
}

fn of_written(written: &Result<Written, Error>) -> Json {
    match written {
        Ok((partition, offset)) => Json::object([
            ("partition", Json::from(*partition)),
            ("offset", Json::from(*offset)),
            ("error_code", Json::null()),
            ("error", Json::null()),
        ]),
        Err(error) => {
            // 1 is what will fail again, 2 what may not.
            let code = if error.concerns_all() { 2 } else { 1 };
            Json::object([
                ("partition", Json::null()),
                ("offset", Json::null()),
                ("error_code", Json::from(code)),
                ("error", Json::from(error.to_string())),
            ])
        }
    }
}
