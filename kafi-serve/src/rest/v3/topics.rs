//! Topics and their partitions.

use kafi_core::{Error, ErrorKind, Json, NewTopic, Partition, Topic, existing};

use crate::answer::{Answered, Asked, Reply};
use crate::failure::{Failure, Refusal};
use crate::rest::codes::{BAD_REQUEST, UNKNOWN_TOPIC_OR_PARTITION};
use crate::rest::encoding::plain;
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;

pub fn list(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topics = api.0.pools.admin(|admin| admin.topics(&[], api.0.timeout()))?;
    Ok(place.list("KafkaTopicList", &["topics"], topics.iter().map(|topic| of_topic(&place, topic))).into())
}

pub fn create(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let json = asked.object()?;
    let name = json.get("topic_name").and_then(|name| name.str().ok());
    let name = name.ok_or_else(|| Refusal::of_status(400, "the body has no topic_name"))?;
    let mut topic = NewTopic::new(name);
    topic.partitions = number(&json, "partitions_count")?;
    topic.replication = number(&json, "replication_factor")?;
    for setting in json.get("configs").into_iter().flat_map(Json::iter) {
        let name = setting["name"].str()?;
        // One without a value stays as it is by default.
        if let Some(value) = setting.get("value").filter(|value| !value.is_null()) {
            topic = topic.config(name, plain(value));
        }
    }
    if json.get("replicas_assignments").is_some_and(|chosen| !chosen.is_null() && !chosen.is_empty()) {
        return Err(
            Refusal::of_status(501, "replicas_assignments: which brokers have a partition is chosen by Kafka").into()
        );
    }
    if only_checks(&json) {
        return check(api, &place, &topic);
    }
    api.0.pools.admin(|admin| admin.create_topic(&topic, api.0.timeout()))?;
    api.0.pools.forget(name);
    let location = Some(place.link(&["topics", name]));
    Ok(Reply { location, ..Reply::with_status(201, &of_topic(&place, &find(api, name)?)) })
}

/// What would be made, if it could be.
fn check(api: &V3, place: &Place, topic: &NewTopic) -> Answered {
    api.0.pools.admin(|admin| match existing(admin, &topic.name, api.0.timeout())? {
        Some(_) => {
            Err(Error::new(ErrorKind::AlreadyExists, "create topic", "it exists already").with("topic", &topic.name))
        }
        None => admin.check_new_topic(topic, api.0.timeout()),
    })?;
    let count = |number: Option<i32>| i64::from(number.unwrap_or_default());
    let shown = of_name(place, &topic.name, false, count(topic.replication), count(topic.partitions));
    Ok(shown.into())
}

/// Whether a body says that nothing is to be changed.
pub fn only_checks(json: &Json) -> bool {
    json.get("validate_only").is_some_and(|only| only.bool().is_ok_and(|only| only))
}

pub fn describe(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    Ok(of_topic(&place, &find(api, asked.param("topic"))?).into())
}

/// Gives a topic more partitions.
pub fn grow(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let (name, json) = (asked.param("topic"), asked.object()?);
    let count = number(&json, "partitions_count")?;
    let count = count.ok_or_else(|| Refusal::of_status(400, "the body has no partitions_count"))?;
    api.0.pools.admin(|admin| admin.create_partitions(name, count, api.0.timeout()))?;
    api.0.pools.forget(name);
    Ok(of_topic(&place, &find(api, name)?).into())
}

pub fn delete(api: &V3, asked: &Asked) -> Answered {
    Place::of(api, asked)?;
    let name = asked.param("topic");
    api.0.pools.admin(|admin| admin.delete_topic(name, api.0.timeout()))?;
    api.0.pools.forget(name);
    Ok(Reply::nothing())
}

pub fn partitions(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    let all = topic.partitions.iter().map(|partition| of_partition(&place, &topic.name, partition));
    Ok(place.list("KafkaPartitionList", &["topics", &topic.name, "partitions"], all).into())
}

pub fn partition(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    Ok(of_partition(&place, &topic.name, find_partition(&topic, asked.param("partition"))?).into())
}

/// A topic of this name.
pub fn find(V3(rest): &V3, name: &str) -> Result<Topic, Failure> {
    let mut topics = rest.pools.admin(|admin| admin.topics(&[name.to_string()], rest.timeout()))?;
    topics.pop().ok_or_else(missing)
}

/// The partition of this number.
pub fn find_partition<'a>(topic: &'a Topic, number: &str) -> Result<&'a Partition, Failure> {
    let number = number.parse().ok();
    topic.partitions.iter().find(|partition| Some(partition.partition) == number).ok_or_else(missing)
}

fn missing() -> Failure {
    Refusal::new(404, UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.").into()
}

fn number(json: &Json, name: &str) -> Result<Option<i32>, Failure> {
    let Some(value) = json.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let bad = |_: Option<Error>| Refusal::new(400, BAD_REQUEST, format!("{name} is no number"));
    let number = value.int().map_err(|error| bad(Some(error)))?;
    Ok(Some(i32::try_from(number).map_err(|_| bad(None))?))
}

fn of_topic(place: &Place, topic: &Topic) -> Json {
    let replication = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
    of_name(place, &topic.name, topic.internal, replication as i64, topic.partitions.len() as i64)
}

fn of_name(place: &Place, name: &str, internal: bool, replication: i64, partitions: i64) -> Json {
    place.resource(
        "KafkaTopic",
        &["topics", name],
        [
            ("topic_name", Json::from(name)),
            ("is_internal", Json::from(internal)),
            ("replication_factor", Json::from(replication)),
            ("partitions_count", Json::from(partitions)),
            ("partitions", place.related(&["topics", name, "partitions"])),
            ("configs", place.related(&["topics", name, "configs"])),
            ("partition_reassignments", place.related(&["topics", name, "partitions", "-", "reassignment"])),
            ("authorized_operations", Json::array([])),
        ],
    )
}

fn of_partition(place: &Place, topic: &str, partition: &Partition) -> Json {
    let number = partition.partition.to_string();
    let leader = partition.leader.to_string();
    let leads =
        (partition.leader >= 0).then(|| place.related(&["topics", topic, "partitions", &number, "replicas", &leader]));
    place.resource(
        "KafkaPartition",
        &["topics", topic, "partitions", &number],
        [
            ("topic_name", Json::from(topic)),
            ("partition_id", Json::from(partition.partition)),
            ("leader", Json::from(leads)),
            ("replicas", place.related(&["topics", topic, "partitions", &number, "replicas"])),
            ("reassignment", place.related(&["topics", topic, "partitions", &number, "reassignment"])),
        ],
    )
}
