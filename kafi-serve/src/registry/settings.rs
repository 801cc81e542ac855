//! Configurations and modes.

use kafi_core::{Error, ErrorKind, Json};
use kafi_serde::registry::{Code, Mode, RegistryConfig};

use crate::answer::{Answered, Asked};
use crate::registry::{RegistryApi, body};

pub fn config(api: &RegistryApi, asked: &Asked) -> Answered {
    Ok(read_config(api, asked, asked.flag("defaultToGlobal"))?.to_json().into())
}

pub fn set_config(api: &RegistryApi, asked: &Asked) -> Answered {
    let config = RegistryConfig::from_json(&asked.object()?)?;
    api.registry.set_config(api.subject(asked).as_deref(), &config, api.timeout())?;
    Ok(config.to_request().into())
}

/// Answers with what there was.
pub fn delete_config(api: &RegistryApi, asked: &Asked) -> Answered {
    let config = read_config(api, asked, false).map_err(|error| of_subject(error, api, asked))?;
    api.registry.delete_config(api.subject(asked).as_deref(), api.timeout())?;
    Ok(config.to_json().into())
}

pub fn mode(api: &RegistryApi, asked: &Asked) -> Answered {
    let mode = api.registry.mode(api.subject(asked).as_deref(), asked.flag("defaultToGlobal"), api.timeout())?;
    Ok(of_mode(mode))
}

pub fn set_mode(api: &RegistryApi, asked: &Asked) -> Answered {
    let mode: Mode = body::word(asked, "mode")?.parse()?;
    api.registry.set_mode(api.subject(asked).as_deref(), mode, asked.flag("force"), api.timeout())?;
    Ok(of_mode(mode))
}

/// Answers with what there was.
pub fn delete_mode(api: &RegistryApi, asked: &Asked) -> Answered {
    let subject = api.subject(asked);
    let mode = api.registry.mode(subject.as_deref(), false, api.timeout());
    let mode = mode.map_err(|error| of_subject(error, api, asked))?;
    api.registry.delete_mode(subject.as_deref(), api.timeout())?;
    Ok(of_mode(mode))
}

/// Where there is nothing to delete it is the subject that is said to be missing, as by Confluent's registry.
fn of_subject(error: Error, api: &RegistryApi, asked: &Asked) -> Error {
    match api.subject(asked) {
        Some(subject) if error.kind() == ErrorKind::NotFound => {
            Code::SubjectNotFound.error("delete setting", format!("Subject '{subject}' not found."))
        }
        _ => error,
    }
}

fn read_config(api: &RegistryApi, asked: &Asked, inherited: bool) -> kafi_core::Result<RegistryConfig> {
    api.registry.config(api.subject(asked).as_deref(), inherited, api.timeout())
}

fn of_mode(mode: Mode) -> crate::answer::Reply {
    Json::object([("mode", Json::from(mode.as_str()))]).into()
}
