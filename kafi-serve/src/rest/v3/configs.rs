//! The settings of topics and brokers.

use kafi_core::{Admin, ConfigChange, ConfigEntry, ErrorKind, Json, Result as CoreResult};

use crate::answer::{Answered, Asked, Reply};
use crate::failure::{Failure, Refusal};
use crate::rest::codes;
use crate::rest::encoding::plain;
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;
use crate::rest::v3::topics::only_checks;

/// Whose settings they are.
enum Owner<'a> {
    Topic(&'a str),
    Broker(i32),
}

pub fn of_topic(api: &V3, asked: &Asked) -> Answered {
    list(api, asked, &topic(asked))
}

pub fn one_of_topic(api: &V3, asked: &Asked) -> Answered {
    one(api, asked, &topic(asked))
}

pub fn set_of_topic(api: &V3, asked: &Asked) -> Answered {
    set(api, asked, &topic(asked))
}

pub fn reset_of_topic(api: &V3, asked: &Asked) -> Answered {
    reset(api, asked, &topic(asked))
}

pub fn alter_topic(api: &V3, asked: &Asked) -> Answered {
    alter(api, asked, &topic(asked))
}

pub fn of_broker(api: &V3, asked: &Asked) -> Answered {
    list(api, asked, &broker(asked)?)
}

pub fn one_of_broker(api: &V3, asked: &Asked) -> Answered {
    one(api, asked, &broker(asked)?)
}

pub fn set_of_broker(api: &V3, asked: &Asked) -> Answered {
    set(api, asked, &broker(asked)?)
}

pub fn reset_of_broker(api: &V3, asked: &Asked) -> Answered {
    reset(api, asked, &broker(asked)?)
}

pub fn alter_broker(api: &V3, asked: &Asked) -> Answered {
    alter(api, asked, &broker(asked)?)
}

/// The settings of all topics.
pub fn of_all_topics(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topics = api.0.pools.admin(|admin| admin.topics(&[], api.0.timeout()))?;
    list_of_all(api, &place, topics.iter().map(|topic| Owner::Topic(&topic.name)))
}

/// The settings of all brokers.
pub fn of_all_brokers(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let brokers = api.0.pools.admin(|admin| admin.cluster(api.0.timeout()))?.brokers;
    list_of_all(api, &place, brokers.iter().map(|broker| Owner::Broker(broker.id)))
}

/// The settings that all brokers share, of which storages know nothing.
pub fn of_cluster(api: &V3, asked: &Asked) -> Answered {
    Place::of(api, asked)?;
    let why = "settings of all brokers together are not there; those of one are at brokers/{id}/configs";
    Err(Refusal::of_status(501, why).into())
}

fn list_of_all<'a>(api: &V3, place: &Place, owners: impl Iterator<Item = Owner<'a>>) -> Answered {
    let (mut all, mut last) = (Vec::new(), Owner::Topic("-"));
    for owner in owners {
        match read(api, &owner) {
            Ok(entries) => all.extend(entries.iter().map(|entry| owner.entry(place, entry))),
            // It was deleted meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        last = owner;
    }
    Ok(place.list(&format!("{}List", last.kind()), &[last.folder(), "-", "configs"], all).into())
}

fn list(api: &V3, asked: &Asked, owner: &Owner<'_>) -> Answered {
    let place = Place::of(api, asked)?;
    let entries = read(api, owner)?;
    let (kind, name) = (owner.kind(), owner.name());
    let all = entries.iter().map(|entry| owner.entry(&place, entry));
    Ok(place.list(&format!("{kind}List"), &[owner.folder(), &name, "configs"], all).into())
}

fn one(api: &V3, asked: &Asked, owner: &Owner<'_>) -> Answered {
    let place = Place::of(api, asked)?;
    let entries = read(api, owner)?;
    let entry = entries.iter().find(|entry| entry.name == asked.param("name"));
    let entry = entry.ok_or_else(|| Refusal::of_status(404, "Config cannot be found."))?;
    Ok(owner.entry(&place, entry).into())
}

fn set(api: &V3, asked: &Asked, owner: &Owner<'_>) -> Answered {
    let json = asked.object()?;
    let value = json.get("value").filter(|value| !value.is_null()).map(plain);
    change(api, asked, owner, vec![ConfigChange { name: asked.param("name").into(), value }])
}

fn reset(api: &V3, asked: &Asked, owner: &Owner<'_>) -> Answered {
    change(api, asked, owner, vec![ConfigChange { name: asked.param("name").into(), value: None }])
}

fn alter(api: &V3, asked: &Asked, owner: &Owner<'_>) -> Answered {
    let json = asked.object()?;
    let list = json.get("data").ok_or_else(|| Refusal::of_status(400, "the body has no data"))?;
    let read = |json: &Json| {
        let name = json["name"].str().map_err(Failure::from)?.to_string();
        let value = json.get("value").filter(|value| !value.is_null()).map(plain);
        match json.get("operation").map(|operation| plain(operation).to_ascii_uppercase()).as_deref() {
            None | Some("SET" | "") => Ok(ConfigChange { name, value }),
            Some("DELETE") => Ok(ConfigChange { name, value: None }),
            Some(other) => Err(Refusal::of_status(400, format!("operation {other} is neither SET nor DELETE")).into()),
        }
    };
    let changes = list.iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
    if only_checks(&json) {
        return check(api, asked, owner, &changes);
    }
    change(api, asked, owner, changes)
}

/// Whether there are these settings, and they can be changed. Of a value only the storage knows whether it is one.
fn check(api: &V3, asked: &Asked, owner: &Owner<'_>, changes: &[ConfigChange]) -> Answered {
    Place::of(api, asked)?;
    let entries = read(api, owner)?;
    for change in changes {
        let entry = entries.iter().find(|entry| entry.name == change.name);
        let entry = entry.ok_or_else(|| Refusal::of_status(404, format!("Config {} cannot be found.", change.name)))?;
        if entry.read_only {
            let why = format!("{} cannot be changed", change.name);
            return Err(Refusal::new(400, codes::KAFKA_BAD_REQUEST, why).into());
        }
    }
    Ok(Reply::nothing())
}

fn change(api: &V3, asked: &Asked, owner: &Owner<'_>, changes: Vec<ConfigChange>) -> Answered {
    Place::of(api, asked)?;
    let timeout = api.0.timeout();
    api.0.pools.admin(|admin| match owner {
        Owner::Topic(name) => admin.alter_topic_config(name, &changes, timeout),
        Owner::Broker(id) => admin.alter_broker_config(*id, &changes, timeout),
    })?;
    Ok(Reply::nothing())
}

fn read(api: &V3, owner: &Owner<'_>) -> CoreResult<Vec<ConfigEntry>> {
    let timeout = api.0.timeout();
    api.0.pools.admin(|admin: &mut dyn Admin| match owner {
        Owner::Topic(name) => admin.topic_config(name, timeout),
        Owner::Broker(id) => admin.broker_config(*id, timeout),
    })
}

fn topic(asked: &Asked) -> Owner<'_> {
    Owner::Topic(asked.param("topic"))
}

fn broker(asked: &Asked) -> Result<Owner<'static>, Refusal> {
    let id = asked.param("broker").parse();
    id.map(Owner::Broker).map_err(|_| Refusal::of_status(404, "Broker cannot be found."))
}

impl Owner<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Topic(_) => "KafkaTopicConfig",
            Self::Broker(_) => "KafkaBrokerConfig",
        }
    }

    fn folder(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topics",
            Self::Broker(_) => "brokers",
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(name) => (*name).to_string(),
            Self::Broker(id) => id.to_string(),
        }
    }

    fn entry(&self, place: &Place, entry: &ConfigEntry) -> Json {
        let owner = match self {
            Self::Topic(name) => ("topic_name", Json::from(*name)),
            Self::Broker(id) => ("broker_id", Json::from(*id)),
        };
        let source = match (entry.default, self) {
            (true, _) => "DEFAULT_CONFIG",
            (false, Self::Topic(_)) => "DYNAMIC_TOPIC_CONFIG",
            (false, Self::Broker(_)) => "DYNAMIC_BROKER_CONFIG",
        };
        let is_secret = kafi_core::is_secret_key(&entry.name);
        let members = [
            owner,
            ("name", Json::from(&entry.name)),
            ("value", Json::from(entry.value.clone().filter(|_| !is_secret))),
            ("is_read_only", Json::from(entry.read_only)),
            ("is_sensitive", Json::from(is_secret)),
            ("source", Json::from(source)),
            ("synonyms", Json::array([])),
            ("is_default", Json::from(entry.default)),
        ];
        place.resource(self.kind(), &[self.folder(), &self.name(), "configs", &entry.name], members)
    }
}
