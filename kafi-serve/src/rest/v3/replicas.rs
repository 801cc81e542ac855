//! Which brokers have which partitions, and which are being moved.

use kafi_core::{ErrorKind, Json, Partition, Topic};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::rest::v3::V3;
use crate::rest::v3::clusters::find_broker;
use crate::rest::v3::listing::Place;
use crate::rest::v3::topics::{find, find_partition};

pub fn list(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    let partition = find_partition(&topic, asked.param("partition"))?;
    let path = ["topics", &*topic.name, "partitions", &*partition.partition.to_string(), "replicas"];
    let all = partition.replicas.iter().map(|broker| of_replica(&place, &topic, partition, *broker));
    Ok(place.list("KafkaReplicaList", &path, all).into())
}

pub fn describe(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    let partition = find_partition(&topic, asked.param("partition"))?;
    let number = asked.param("broker").parse().ok();
    let found = partition.replicas.iter().find(|broker| Some(**broker) == number);
    let broker = found.ok_or_else(|| Refusal::of_status(404, "Replica cannot be found."))?;
    Ok(of_replica(&place, &topic, partition, *broker).into())
}

/// All that a broker has.
pub fn of_broker(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let broker = find_broker(api, &place, asked)?.id;
    let topics = api.0.pools.admin(|admin| admin.topics(&[], api.0.timeout()))?;
    let partitions = topics.iter().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic, partition)));
    let has = partitions.filter(|(_, partition)| partition.replicas.contains(&broker));
    let all = has.map(|(topic, partition)| of_replica(&place, topic, partition, broker));
    Ok(place.list("KafkaReplicaList", &["brokers", &broker.to_string(), "partition-replicas"], all).into())
}

/// The partitions of all topics that are being moved.
pub fn reassignments(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    check_nothing_moves(api)?;
    Ok(place.list("KafkaReassignmentList", &["topics", "-", "partitions", "-", "reassignment"], []).into())
}

/// The same of one topic.
pub fn reassignments_of_topic(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    check_nothing_moves(api)?;
    let path = ["topics", &*topic.name, "partitions", "-", "reassignment"];
    Ok(place.list("KafkaReassignmentList", &path, []).into())
}

/// The same of one partition.
pub fn reassignment(api: &V3, asked: &Asked) -> Answered {
    Place::of(api, asked)?;
    let topic = find(api, asked.param("topic"))?;
    find_partition(&topic, asked.param("partition"))?;
    check_nothing_moves(api)?;
    Err(Refusal::of_status(404, "Reassignment cannot be found.").into())
}

/// Where there are no brokers nothing is moved between them; of a cluster that is not known.
fn check_nothing_moves(api: &V3) -> Result<(), Failure> {
    match api.0.pools.admin(|admin| admin.cluster(api.0.timeout())) {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Refusal::of_status(501, "which partitions are being moved cannot be asked here").into()),
    }
}

fn of_replica(place: &Place, topic: &Topic, partition: &Partition, broker: i32) -> Json {
    let (number, id) = (partition.partition.to_string(), broker.to_string());
    let members = [
        ("topic_name", Json::from(&topic.name)),
        ("partition_id", Json::from(partition.partition)),
        ("broker_id", Json::from(broker)),
        ("is_leader", Json::from(broker == partition.leader)),
        ("is_in_sync", Json::from(partition.in_sync.contains(&broker))),
        ("broker", place.related(&["brokers", &id])),
    ];
    let path = ["topics", &*topic.name, "partitions", &*number, "replicas", &*id];
    place.resource("KafkaReplica", &path, members)
}
