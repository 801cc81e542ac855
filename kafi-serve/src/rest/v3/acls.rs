//! Rules of access.

use std::fmt::Display;
use std::str::FromStr;

use kafi_core::{Acl, AclFilter, AclPattern, AclResource, Error, Json};

use crate::answer::{Answered, Asked, Reply};
use crate::failure::{Failure, Refusal};
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;

pub fn list(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let filter = filter(asked)?;
    let acls = api.0.pools.admin(|admin| admin.acls(&filter, api.0.timeout()))?;
    Ok(place.list("KafkaAclList", &["acls"], acls.iter().map(|acl| of_acl(&place, acl))).into())
}

pub fn create(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let acl = read(&asked.object()?)?;
    let location = Some(link(&place, &acl));
    Ok(Reply { location, ..create_all(api, &[acl])? })
}

pub fn create_several(api: &V3, asked: &Asked) -> Answered {
    Place::of(api, asked)?;
    let json = asked.object()?;
    let list = json.get("data").ok_or_else(|| Refusal::of_status(400, "the body has no data"))?;
    create_all(api, &list.iter().map(read).collect::<Result<Vec<_>, _>>()?)
}

/// Deletes the rules that the query means. One that means all of them is a mistake, most likely.
pub fn delete(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    for name in ["resource_type", "pattern_type", "operation", "permission"] {
        if asked.query(name).is_none() {
            return Err(Refusal::of_status(400, format!("the query has no {name}")).into());
        }
    }
    let filter = filter(asked)?;
    let mut answers = api.0.pools.admin(|admin| admin.delete_acls(&[filter], api.0.timeout()))?;
    let deleted = answers.pop().unwrap_or_else(|| Ok(Vec::new()))?;
    Ok(Json::object([("data", Json::array(deleted.iter().map(|acl| of_acl(&place, acl))))]).into())
}

fn create_all(api: &V3, acls: &[Acl]) -> Answered {
    let answers = api.0.pools.admin(|admin| admin.create_acls(acls, api.0.timeout()))?;
    answers.into_iter().collect::<kafi_core::Result<Vec<()>>>()?;
    Ok(Reply { status: 201, ..Reply::nothing() })
}

fn read(json: &Json) -> Result<Acl, Failure> {
    let text = |name: &str| -> Result<&str, Failure> {
        let text = json.get(name).and_then(|value| value.str().ok());
        text.ok_or_else(|| Refusal::of_status(400, format!("the body has no {name}")).into())
    };
    let resource: AclResource = text("resource_type")?.parse()?;
    let name = match (resource, json.get("resource_name")) {
        // There is one cluster, which Kafka calls so.
        (AclResource::Cluster, None) => "kafka-cluster".to_string(),
        _ => text("resource_name")?.to_string(),
    };
    Ok(Acl {
        resource,
        name,
        pattern: text("pattern_type")?.parse()?,
        principal: text("principal")?.into(),
        host: text("host")?.into(),
        operation: text("operation")?.parse()?,
        permission: text("permission")?.parse()?,
    })
}

fn filter(asked: &Asked) -> Result<AclFilter, Failure> {
    let text = |name: &str| asked.query(name).filter(|text| !text.is_empty()).map(str::to_string);
    Ok(AclFilter {
        resource: wanted(asked, "resource_type")?,
        name: text("resource_name"),
        pattern: wanted::<AclPattern>(asked, "pattern_type")?,
        principal: text("principal"),
        host: text("host"),
        operation: wanted(asked, "operation")?,
        permission: wanted(asked, "permission")?,
    })
}

/// A word of the query; without it, or with that for any, all are meant.
fn wanted<T: FromStr<Err = Error>>(asked: &Asked, name: &str) -> Result<Option<T>, Failure> {
    match asked.query(name) {
        None | Some("" | "ANY" | "any" | "UNKNOWN") => Ok(None),
        Some(text) => Ok(Some(text.parse()?)),
    }
}

fn of_acl(place: &Place, acl: &Acl) -> Json {
    let metadata = Json::object([("self", Json::from(link(place, acl)))]);
    Json::object([
        ("kind", Json::from("KafkaAcl")),
        ("metadata", metadata),
        ("cluster_id", Json::from(&place.cluster)),
        ("resource_type", Json::from(word(acl.resource))),
        ("resource_name", Json::from(&acl.name)),
        ("pattern_type", Json::from(word(acl.pattern))),
        ("principal", Json::from(&acl.principal)),
        ("host", Json::from(&acl.host)),
        ("operation", Json::from(word(acl.operation))),
        ("permission", Json::from(word(acl.permission))),
    ])
}

/// The address of a rule: the query that finds it.
fn link(place: &Place, acl: &Acl) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("resource_type", &word(acl.resource))
        .append_pair("resource_name", &acl.name)
        .append_pair("pattern_type", &word(acl.pattern))
        .append_pair("principal", &acl.principal)
        .append_pair("host", &acl.host)
        .append_pair("operation", &word(acl.operation))
        .append_pair("permission", &word(acl.permission))
        .finish();
    format!("{}?{query}", place.link(&["acls"]))
}

/// A word of Kafka's as this API writes it.
fn word(word: impl Display) -> String {
    word.to_string().to_ascii_uppercase().replace('-', "_")
}
