//! What librdkafka's metadata say of brokers and topics.

use std::ffi::c_int;
use std::ops::Deref;

use kafi_core::{Broker, Cluster, Partition};

use super::client::Client;
use super::raw::{self, RawInnerMetadata, RawMetadataPartition, RawMetadataTopic};
use super::text;

/// What the cluster says about a topic that was asked for.
pub(crate) struct TopicAnswer {
    pub(crate) name: String,
    /// The error code; 0 is none.
    pub(crate) error: i32,
    pub(crate) id: String,
    pub(crate) internal: bool,
    pub(crate) partitions: Vec<Partition>,
}

/// What `rd_kafka_metadata` answers.
pub(super) struct Metadata(pub(super) *const raw::rd_kafka_metadata);

impl Deref for Metadata {
    type Target = raw::rd_kafka_metadata;

    fn deref(&self) -> &Self::Target {
        // SAFETY: it is valid until it is dropped.
        unsafe { &*self.0 }
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        // SAFETY: it is freed once, here.
        unsafe { raw::rd_kafka_metadata_destroy(self.0) };
    }
}

/// The names of the topics in an answer.
pub(super) fn topic_names_of(metadata: &raw::rd_kafka_metadata) -> Vec<String> {
    let topics = metadata.topics.cast_const().cast::<RawMetadataTopic>();
    // SAFETY: there are as many topics as the metadata says, and their names live as long as it.
    (0..metadata.topic_cnt as usize).map(|index| unsafe { text((*topics.add(index)).topic) }).collect()
}

/// The topics in an answer of the version of librdkafka that was checked.
pub(super) fn topics_of(metadata: &raw::rd_kafka_metadata) -> Vec<TopicAnswer> {
    let topics = metadata.topics.cast_const().cast::<RawMetadataTopic>();
    // SAFETY: in this version the metadata is the beginning of a `RawInnerMetadata`, with as many topics in it as beside
    // it; those, their partitions, and the lists of these are as long as they say, and live as long as the metadata.
    unsafe {
        let inner = (*std::ptr::from_ref(metadata).cast::<RawInnerMetadata>()).topics;
        let ids = |ids: *const i32, count: c_int| (0..count as usize).map(|index| *ids.add(index)).collect();
        let topic = |index: usize| {
            let (topic, inner) = (&*topics.add(index), inner.add(index));
            let partition = |index: usize| {
                let partition = &*topic.partitions.cast_const().cast::<RawMetadataPartition>().add(index);
                Partition {
                    partition: partition.id,
                    leader: partition.leader,
                    replicas: ids(partition.replicas, partition.replica_cnt),
                    in_sync: ids(partition.isrs, partition.isr_cnt),
                    bytes: None,
                }
            };
            TopicAnswer {
                name: text(topic.topic),
                error: topic.err,
                id: id_of((&raw const (*inner).id).cast()),
                internal: (*inner).is_internal != 0,
                partitions: (0..topic.partition_cnt as usize).map(partition).collect(),
            }
        };
        (0..metadata.topic_cnt as usize).map(topic).collect()
    }
}

/// The text of a topic's id; empty where there is none.
///
/// # Safety
/// `id` must be valid, or null.
pub(super) unsafe fn id_of(id: *const raw::rd_kafka_Uuid_t) -> String {
    // SAFETY: the caller vouches for it.
    unsafe {
        let is_set = !id.is_null()
            && (raw::rd_kafka_Uuid_most_significant_bits(id), raw::rd_kafka_Uuid_least_significant_bits(id)) != (0, 0);
        if is_set { text(raw::rd_kafka_Uuid_base64str(id)) } else { String::new() }
    }
}

/// The cluster as the metadata of this client says.
pub(super) fn cluster_of(client: &Client, metadata: &raw::rd_kafka_metadata) -> Cluster {
    // SAFETY: there are as many brokers as the metadata says, their strings live as long as it, and in the version that
    // was checked it is the beginning of a `RawInnerMetadata`, with as many brokers. The handle is valid, and the id of
    // the cluster is freed once.
    unsafe {
        let count = metadata.broker_cnt as usize;
        let inner = raw::knows_inner_message().then(|| &*std::ptr::from_ref(metadata).cast::<RawInnerMetadata>());
        let rack_of = |id: i32| {
            let mut known = inner.map(|inner| (0..count).map(|index| &*inner.brokers.add(index)))?;
            let rack = known.find(|broker| broker.id == id)?.rack;
            (!rack.is_null()).then(|| text(rack))
        };
        let brokers = (0..count).map(|index| {
            let broker = &*metadata.brokers.add(index);
            Broker { id: broker.id, host: text(broker.host), port: broker.port as u16, rack: rack_of(broker.id) }
        });
        let brokers = brokers.collect();
        // Both came with the metadata, so that nobody waits for them.
        let controller = raw::rd_kafka_controllerid(client.rk(), 0);
        let id = raw::rd_kafka_clusterid(client.rk(), 0);
        let cluster = Cluster { id: text(id), controller, brokers };
        raw::rd_kafka_mem_free(client.rk(), id.cast());
        cluster
    }
}
