//! The cluster and its brokers. A storage without brokers is one broker of itself.

use kafi_core::{Broker, Cluster, ErrorKind, Json};

use crate::answer::{Answered, Asked};
use crate::failure::{Failure, Refusal};
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;

pub fn list(api: &V3, asked: &Asked) -> Answered {
    let place = Place::any(api, asked)?;
    let cluster = of_cluster(api, &place)?;
    // Its own address is that of the list.
    let link = place.link(&[]);
    let link = link.rsplit_once('/').map_or(link.as_str(), |(list, _)| list);
    Ok(place.list_at("KafkaClusterList", link.to_string(), [cluster]).into())
}

pub fn describe(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    Ok(of_cluster(api, &place)?.into())
}

pub fn brokers(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let brokers: Vec<Json> = cluster(api, &place)?.brokers.iter().map(|broker| of_broker(&place, broker)).collect();
    Ok(place.list("KafkaBrokerList", &["brokers"], brokers).into())
}

pub fn broker(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    Ok(of_broker(&place, &find_broker(api, &place, asked)?).into())
}

/// The broker that a request names.
pub fn find_broker(api: &V3, place: &Place, asked: &Asked) -> Result<Broker, Failure> {
    let number = asked.param("broker").parse().ok();
    let found = cluster(api, place)?.brokers.into_iter().find(|broker| Some(broker.id) == number);
    found.ok_or_else(|| Refusal::of_status(404, "Broker cannot be found.").into())
}

/// The brokers of the cluster; of a storage without any, itself.
pub fn cluster(V3(rest): &V3, place: &Place) -> Result<Cluster, Failure> {
    match rest.pools.admin(|admin| admin.cluster(rest.timeout())) {
        Ok(cluster) => Ok(cluster),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let itself = Broker { id: 0, host: "localhost".into(), port: 0, rack: None };
            Ok(Cluster { id: place.cluster.clone(), controller: 0, brokers: vec![itself] })
        }
        Err(error) => Err(error.into()),
    }
}

fn of_cluster(api: &V3, place: &Place) -> Result<Json, Failure> {
    let controller = cluster(api, place)?.controller.to_string();
    Ok(place.resource(
        "KafkaCluster",
        &[],
        [
            ("controller", place.related(&["brokers", &controller])),
            ("acls", place.related(&["acls"])),
            ("brokers", place.related(&["brokers"])),
            ("broker_configs", place.related(&["broker-configs"])),
            ("consumer_groups", place.related(&["consumer-groups"])),
            ("topics", place.related(&["topics"])),
            ("partition_reassignments", place.related(&["topics", "-", "partitions", "-", "reassignment"])),
        ],
    ))
}

fn of_broker(place: &Place, broker: &Broker) -> Json {
    let id = broker.id.to_string();
    place.resource(
        "KafkaBroker",
        &["brokers", &id],
        [
            ("broker_id", Json::from(broker.id)),
            ("host", Json::from(&broker.host)),
            ("port", Json::from(broker.port)),
            ("rack", Json::from(broker.rack.clone())),
            ("configs", place.related(&["brokers", &id, "configs"])),
            ("partition_replicas", place.related(&["brokers", &id, "partition-replicas"])),
        ],
    )
}
