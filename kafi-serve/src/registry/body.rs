//! What the bodies of requests to a registry say.

use kafi_core::{Error, Json};
use kafi_serde::Format;
use kafi_serde::registry::{Code, SchemaDefinition};

use crate::answer::Asked;
use crate::failure::{Failure, Refusal};

const READ: &str = "read request";

/// The schema in the body of a request.
pub fn schema(json: &Json) -> Result<SchemaDefinition, Failure> {
    if let Some(other) = json.get("schemaType").filter(|type_| !type_.is_null()) {
        let name = other.str().map_err(invalid)?;
        if name.parse::<Format>().is_err() {
            return Err(Code::InvalidSchema.error(READ, format!("Invalid schema type {name}")).into());
        }
    }
    match json.get("schema").filter(|schema| !schema.is_null()) {
        // What a schema is without its text the registry says.
        None => {
            let mut json = json.clone();
            json.set("schema", "").map_err(invalid)?;
            SchemaDefinition::from_json(&json).map_err(invalid)
        }
        Some(_) => SchemaDefinition::from_json(json).map_err(invalid),
    }
}

/// A number in the body of a request, which must be positive; -1 and null are none.
pub fn number(json: &Json, name: &str) -> Result<Option<u32>, Failure> {
    let Some(value) = json.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let bad = || Refusal::of_status(400, format!("{name} is no positive number"));
    match value.int() {
        Ok(-1) => Ok(None),
        Ok(number @ 1..) => Ok(Some(u32::try_from(number).map_err(|_| bad())?)),
        _ => Err(bad().into()),
    }
}

/// The word that the body of a request has under this name.
pub fn word(asked: &Asked, name: &str) -> Result<String, Failure> {
    let json = asked.object()?;
    let word = json.get(name).and_then(|value| value.str().ok()).map(str::to_string);
    word.ok_or_else(|| Refusal::of_status(400, format!("the body has no {name}")).into())
}

fn invalid(error: Error) -> Failure {
    match Code::of(&error) {
        Some(_) => error.into(),
        None => Code::InvalidSchema.error(READ, error.message().to_string()).into(),
    }
}
