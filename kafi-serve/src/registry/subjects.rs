//! Subjects and their versions.

use kafi_core::Json;
use kafi_serde::registry::{Against, Code, Deleted, LookupOptions, RegisterOptions, RegisteredSchema, Version};

use crate::answer::{Answered, Asked};
use crate::failure::Failure;
use crate::registry::{RegistryApi, body, in_context, page};

pub fn list(api: &RegistryApi, asked: &Asked) -> Answered {
    let subjects = api.registry.subjects(&prefix(asked), deleted(asked), api.timeout())?;
    Ok(Json::array(page(asked, subjects)?.into_iter().map(Json::from)).into())
}

pub fn look_up(api: &RegistryApi, asked: &Asked) -> Answered {
    let schema = body::schema(&asked.object()?)?;
    let options = LookupOptions { normalize: asked.flag("normalize"), deleted: asked.flag("deleted") };
    Ok(api.registry.lookup(&subject(asked), &schema, options, api.timeout())?.to_json().into())
}

pub fn delete(api: &RegistryApi, asked: &Asked) -> Answered {
    let versions = api.registry.delete_subject(&subject(asked), asked.flag("permanent"), api.timeout())?;
    Ok(Json::array(versions.into_iter().map(Json::from)).into())
}

pub fn versions(api: &RegistryApi, asked: &Asked) -> Answered {
    let versions = api.registry.versions(&subject(asked), deleted(asked), api.timeout())?;
    Ok(Json::array(page(asked, versions)?.into_iter().map(Json::from)).into())
}

pub fn version(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(find(api, asked)?.to_json().into())
}

/// The text of a version as it is. JSON in it is not quoted.
pub fn text(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(find(api, asked)?.schema.text.into())
}

pub fn register(api: &RegistryApi, asked: &Asked) -> Answered {
    let json = asked.object()?;
    let schema = body::schema(&json)?;
    let options = RegisterOptions {
        normalize: asked.flag("normalize"),
        id: body::number(&json, "id")?,
        version: body::number(&json, "version")?,
    };
    let registered = api.registry.register(&subject(asked), &schema, options, api.timeout())?;
    let mut members = vec![("id", Json::from(registered.id))];
    members.extend(registered.version.map(|version| ("version", Json::from(version))));
    members.extend(registered.guid.map(|guid| ("guid", Json::from(guid.to_string()))));
    let mut answer = Json::object(members);
    answer.merge(&schema.to_json())?;
    Ok(answer.into())
}

pub fn delete_version(api: &RegistryApi, asked: &Asked) -> Answered {
    let version = asked.param("version").parse()?;
    let permanent = asked.flag("permanent");
    Ok(Json::from(api.registry.delete_version(&subject(asked), version, permanent, api.timeout())?).into())
}

pub fn referenced_by(api: &RegistryApi, asked: &Asked) -> Answered {
    let ids = api.registry.referenced_by(&subject(asked), asked.param("version").parse()?, api.timeout())?;
    Ok(Json::array(ids.into_iter().map(Json::from)).into())
}

/// The latest version whose metadata has the properties of the query (`key` and `value`, as often as wanted).
pub fn latest_with_metadata(api: &RegistryApi, asked: &Asked) -> Answered {
    let subject = subject(asked);
    let wanted: Vec<(&str, &str)> = asked.queries("key").zip(asked.queries("value")).collect();
    for number in api.registry.versions(&subject, deleted(asked), api.timeout())?.into_iter().rev() {
        let version = api.registry.version(&subject, Version::Number(number), asked.flag("deleted"), api.timeout())?;
        let property = |name: &str| version.schema.metadata.as_ref()?.get("properties")?.get(name)?.str().ok();
        if wanted.iter().all(|(key, value)| property(key) == Some(value)) {
            return Ok(version.to_json().into());
        }
    }
    Err(Code::VersionNotFound.error("get version", "No version has this metadata.").into())
}

pub fn check(api: &RegistryApi, asked: &Asked) -> Answered {
    check_against(api, asked, Against::Version(asked.param("version").parse()?))
}

pub fn check_all(api: &RegistryApi, asked: &Asked) -> Answered {
    check_against(api, asked, Against::Level)
}

fn check_against(api: &RegistryApi, asked: &Asked, against: Against) -> Answered {
    let schema = body::schema(&asked.object()?)?;
    let found = api.registry.check(&subject(asked), &schema, against, api.timeout())?;
    let mut members = vec![("is_compatible", Json::from(found.compatible))];
    if asked.flag("verbose") {
        members.push(("messages", Json::array(found.reasons.into_iter().map(Json::from))));
    }
    Ok(Json::object(members).into())
}

fn find(api: &RegistryApi, asked: &Asked) -> Result<RegisteredSchema, Failure> {
    let version = asked.param("version").parse()?;
    Ok(api.registry.version(&subject(asked), version, asked.flag("deleted"), api.timeout())?)
}

fn subject(asked: &Asked) -> String {
    in_context(asked, asked.param("subject"))
}

/// The prefix of subjects that a request means; without one all of the context of its path.
pub fn prefix(asked: &Asked) -> String {
    in_context(asked, asked.query("subjectPrefix").unwrap_or_default())
}

/// Which versions a request means.
pub fn deleted(asked: &Asked) -> Deleted {
    match (asked.flag("deletedOnly"), asked.flag("deleted")) {
        (true, _) => Deleted::Only,
        (false, true) => Deleted::Included,
        (false, false) => Deleted::Excluded,
    }
}
