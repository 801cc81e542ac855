//! Topics, partitions, and brokers.

use kafi_core::{Error, ErrorKind, Isolation, Json, Partition, Topic, TopicPartition};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::rest::Rest;
use crate::rest::codes::PARTITION_NOT_FOUND;
use crate::rest::v2::V2;

/// The brokers of a storage that has some.
pub fn brokers(V2(rest): &V2, _asked: &Asked) -> Answered {
    let ids = match rest.pools.admin(|admin| admin.cluster(rest.timeout())) {
        Ok(cluster) => cluster.brokers.into_iter().map(|broker| broker.id).collect(),
        Err(error) if error.kind() == ErrorKind::Unsupported => vec![0],
        Err(error) => return Err(error.into()),
    };
    Ok(Json::object([("brokers", Json::array(ids.into_iter().map(Json::from)))]).into())
}

pub fn list(V2(rest): &V2, _asked: &Asked) -> Answered {
    let topics = rest.pools.admin(|admin| admin.topics(&[], rest.timeout()))?;
    Ok(Json::array(topics.into_iter().map(|topic| Json::from(topic.name))).into())
}

pub fn describe(V2(rest): &V2, asked: &Asked) -> Answered {
    let topic = find(rest, asked.param("topic"))?;
    let settings = match rest.pools.admin(|admin| admin.topic_config(&topic.name, rest.timeout())) {
        Ok(settings) => settings,
        Err(error) if error.kind() == ErrorKind::Unsupported => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let settings = settings.into_iter().map(|entry| (entry.name, Json::from(entry.value)));
    let members = [
        ("name", Json::from(&topic.name)),
        ("configs", Json::object(settings)),
        ("partitions", Json::array(topic.partitions.iter().map(of_partition))),
    ];
    Ok(Json::object(members).into())
}

pub fn partitions(V2(rest): &V2, asked: &Asked) -> Answered {
    let topic = find(rest, asked.param("topic"))?;
    Ok(Json::array(topic.partitions.iter().map(of_partition)).into())
}

pub fn partition(V2(rest): &V2, asked: &Asked) -> Answered {
    let (_, partition) = find_partition(rest, asked)?;
    Ok(of_partition(&partition).into())
}

pub fn offsets(V2(rest): &V2, asked: &Asked) -> Answered {
    let Ok(partition) = asked.param("partition").parse() else { return missing(rest, asked) };
    let place = TopicPartition { topic: asked.param("topic").to_string(), partition };
    let isolation = match asked.query("isolation_level") {
        Some("read_uncommitted") => Isolation::ReadUncommitted,
        _ => Isolation::ReadCommitted,
    };
    let found = match rest.pools.admin(|admin| admin.watermarks(&[place], isolation, rest.timeout())) {
        Err(error) if error.kind() == ErrorKind::NotFound => return missing(rest, asked),
        found => found?,
    };
    let found = found.first().ok_or_else(|| Error::new(ErrorKind::Unexpected, "read offsets", "there are none"))?;
    let members = [("beginning_offset", Json::from(found.low)), ("end_offset", Json::from(found.high))];
    Ok(Json::object(members).into())
}

/// That there is no such topic, or no such partition of it.
fn missing(rest: &Rest, asked: &Asked) -> Answered {
    find_partition(rest, asked)?;
    Err(Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.").into())
}

/// A topic of this name.
pub fn find(rest: &Rest, name: &str) -> Result<Topic, Failure> {
    let mut topics = rest.pools.admin(|admin| admin.topics(&[name.to_string()], rest.timeout()))?;
    topics.pop().ok_or_else(|| Refusal::new(404, super::codes::TOPIC_NOT_FOUND, "Topic not found.").into())
}

fn find_partition(rest: &Rest, asked: &Asked) -> Result<(Topic, Partition), Failure> {
    let topic = find(rest, asked.param("topic"))?;
    let number = asked.param("partition").parse::<i32>().ok();
    let found = topic.partitions.iter().find(|partition| Some(partition.partition) == number).cloned();
    let missing = || Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.");
    let partition = found.ok_or_else(missing)?;
    Ok((topic, partition))
}

fn of_partition(partition: &Partition) -> Json {
    let replica = |id: &i32| {
        Json::object([
            ("broker", Json::from(*id)),
            ("leader", Json::from(*id == partition.leader)),
            ("in_sync", Json::from(partition.in_sync.contains(id))),
        ])
    };
    Json::object([
        ("partition", Json::from(partition.partition)),
        ("leader", Json::from(partition.leader)),
        ("replicas", Json::array(partition.replicas.iter().map(replica))),
    ])
}
