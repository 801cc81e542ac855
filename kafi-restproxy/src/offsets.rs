//! The first and the last offsets of partitions.

use std::time::Instant;

use kafi_core::{Isolation, Result, TopicPartition, Watermarks};

use crate::client::{Call, Client};

/// Low and high watermark of each of these partitions, a request each.
pub(crate) fn watermarks(
    client: &Client,
    partitions: &[TopicPartition],
    isolation: Isolation,
    deadline: Instant,
) -> Result<Vec<Watermarks>> {
    let query = if isolation == Isolation::ReadUncommitted { "?isolation_level=read_uncommitted" } else { "" };
    let ask = |place: &TopicPartition| {
        let number = place.partition.to_string();
        let path = ["topics", &*place.topic, "partitions", &*number, "offsets"];
        let call = Call::get("read watermarks", &path).query(query.into());
        let answer = client.ask(&call.about("topic", &place.topic).about("partition", place.partition), deadline)?;
        let offset = |name: &str| answer[name].int().map_err(|error| client.unexpected("read watermarks", error));
        let (low, high) = (offset("beginning_offset")?, offset("end_offset")?);
        Ok(Watermarks { topic: place.topic.clone(), partition: place.partition, low, high })
    };
    partitions.iter().map(ask).collect()
}
