//! Schemas by their ids, and what is there as a whole.

use std::str::FromStr;

use kafi_core::Json;
use kafi_serde::registry::{Code, Deleted, SchemaDefinition, SubjectVersion, Version};
use kafi_serde::wire::{Guid, SchemaId};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::registry::subjects::{deleted, prefix};
use crate::registry::{RegistryApi, in_context, page};

/// The versions of subjects, or the latest ones.
pub fn list(api: &RegistryApi, asked: &Asked) -> Answered {
    let (which, mut all) = (deleted(asked), Vec::new());
    let with_deleted = which != Deleted::Excluded;
    for subject in api.registry.subjects(&prefix(asked), which, api.timeout())? {
        let mut numbers = api.registry.versions(&subject, which, api.timeout())?;
        if asked.flag("latestOnly") {
            numbers.drain(..numbers.len().saturating_sub(1));
        }
        all.extend(numbers.into_iter().map(|number| (subject.clone(), number)));
    }
    let version = |(subject, number): (String, u32)| {
        api.registry.version(&subject, Version::Number(number), with_deleted, api.timeout())
    };
    let versions = page(asked, all)?.into_iter().map(version).collect::<Result<Vec<_>, _>>()?;
    Ok(Json::array(versions.iter().map(|version| version.to_json())).into())
}

pub fn types(api: &RegistryApi, _asked: &Asked) -> Answered {
    Ok(Json::array(api.registry.types(api.timeout())?.into_iter().map(Json::from)).into())
}

pub fn by_id(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(definition(api, asked)?.to_json().into())
}

pub fn text_by_id(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(definition(api, asked)?.text.into())
}

pub fn subjects_of_id(api: &RegistryApi, asked: &Asked) -> Answered {
    let mut subjects: Vec<String> = places(api, asked)?.into_iter().map(|place| place.subject).collect();
    subjects.dedup();
    Ok(Json::array(page(asked, subjects)?.into_iter().map(Json::from)).into())
}

pub fn versions_of_id(api: &RegistryApi, asked: &Asked) -> Answered {
    let place = |place: SubjectVersion| {
        Json::object([("subject", Json::from(place.subject)), ("version", Json::from(place.version))])
    };
    Ok(Json::array(page(asked, places(api, asked)?)?.into_iter().map(place)).into())
}

pub fn by_guid(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(api.registry.schema(SchemaId::Guid(guid(asked)?), None, api.timeout())?.to_json().into())
}

pub fn ids_of_guid(api: &RegistryApi, asked: &Asked) -> Answered {
    let id = |(context, id): (String, u32)| Json::object([("context", Json::from(context)), ("id", Json::from(id))]);
    Ok(Json::array(api.registry.ids_of(guid(asked)?, api.timeout())?.into_iter().map(id)).into())
}

pub fn contexts(api: &RegistryApi, _asked: &Asked) -> Answered {
    Ok(Json::array(api.registry.contexts(api.timeout())?.into_iter().map(Json::from)).into())
}

pub fn delete_context(api: &RegistryApi, asked: &Asked) -> Answered {
    api.registry.delete_context(asked.param("context").trim_matches(':'), api.timeout())?;
    Ok(Json::object::<&str>([]).into())
}

pub fn metadata_id(api: &RegistryApi, _asked: &Asked) -> Answered {
    let cluster = api.served.storage.identity(api.timeout())?;
    let clusters = [("kafka-cluster", Json::from(cluster)), ("schema-registry-cluster", Json::from("schema-registry"))];
    let scope = [("path", Json::array([])), ("clusters", Json::object(clusters))];
    Ok(Json::object([("id", Json::from("")), ("scope", Json::object(scope))]).into())
}

pub fn metadata_version(_api: &RegistryApi, _asked: &Asked) -> Answered {
    let version = concat!("kafi-", env!("CARGO_PKG_VERSION"));
    Ok(Json::object([("version", Json::from(version)), ("commitId", Json::from(""))]).into())
}

/// The schema of the id in the path, in the context of the path or of the subject in the query.
fn definition(api: &RegistryApi, asked: &Asked) -> Result<SchemaDefinition, Failure> {
    let subject = scope(asked);
    Ok(api.registry.schema(SchemaId::Number(id(asked)?), subject.as_deref(), api.timeout())?)
}

/// Where the schema of the id in the path is registered.
fn places(api: &RegistryApi, asked: &Asked) -> Result<Vec<SubjectVersion>, Failure> {
    let mut places = api.registry.versions_of(id(asked)?, deleted(asked), api.timeout())?;
    if let Some(subject) = asked.query("subject").filter(|subject| !subject.is_empty()) {
        let subject = in_context(asked, subject);
        places.retain(|place| place.subject == subject);
    }
    places.sort();
    Ok(places)
}

fn scope(asked: &Asked) -> Option<String> {
    let subject = in_context(asked, asked.query("subject").unwrap_or_default());
    Some(subject).filter(|subject| !subject.is_empty())
}

fn id(asked: &Asked) -> Result<u32, Failure> {
    let id = asked.param("id").parse().ok().filter(|id| i32::try_from(*id).is_ok());
    // What is no number is no path in Confluent's registry either.
    id.ok_or_else(|| Refusal::of_status(404, "HTTP 404 Not Found").into())
}

fn guid(asked: &Asked) -> Result<Guid, Failure> {
    let text = asked.param("guid");
    Guid::from_str(text)
        .map_err(|_| Code::SchemaNotFound.error("get schema", format!("Schema {text} not found")).into())
}
