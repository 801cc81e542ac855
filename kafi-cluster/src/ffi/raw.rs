//! librdkafka's C interface as this crate uses it: the declarations of `rdkafka-sys`, save where they are too narrow.
//!
//! Error codes come from brokers, which may be newer than the bindings, whose enums would then hold values that Rust
//! does not allow. So everything that gives or takes an error code is declared here anew, with plain integers.

use std::ffi::{c_char, c_int, c_void};

pub use rdkafka_sys::*;

/// `rd_kafka_message_t` with the error as a number.
#[repr(C)]
pub struct RawMessage {
    pub err: c_int,
    pub rkt: *mut rd_kafka_topic_t,
    pub partition: i32,
    pub payload: *mut c_void,
    pub len: usize,
    pub key: *mut c_void,
    pub key_len: usize,
    pub offset: i64,
    pub opaque: *mut c_void,
}

/// `rd_kafka_topic_partition_t` with the error as a number.
#[repr(C)]
pub struct RawTopicPartition {
    pub topic: *mut c_char,
    pub partition: i32,
    pub offset: i64,
    pub metadata: *mut c_void,
    pub metadata_size: usize,
    pub opaque: *mut c_void,
    pub err: c_int,
    pub private: *mut c_void,
}

/// `rd_kafka_metadata_topic_t` with the error as a number.
#[repr(C)]
pub struct RawMetadataTopic {
    pub topic: *mut c_char,
    pub partition_cnt: c_int,
    pub partitions: *mut c_void,
    pub err: c_int,
}

/// `rd_kafka_metadata_partition_t` with the error as a number.
#[repr(C)]
pub struct RawMetadataPartition {
    pub id: i32,
    pub err: c_int,
    pub leader: i32,
    pub replica_cnt: c_int,
    pub replicas: *const i32,
    pub isr_cnt: c_int,
    pub isrs: *const i32,
}

/// `rd_kafka_group_info` with the error as a number.
#[repr(C)]
pub struct RawGroupInfo {
    pub broker: rd_kafka_metadata_broker,
    pub group: *mut c_char,
    pub err: c_int,
    pub state: *mut c_char,
    pub protocol_type: *mut c_char,
    pub protocol: *mut c_char,
    pub members: *mut rd_kafka_group_member_info,
    pub member_cnt: c_int,
}

/// The version of librdkafka (as in [`rd_kafka_version`], without the last byte) whose messages look like
/// [`RawInnerMessage`].
const INNER_VERSION: c_int = 0x02_0c_01;

/// `rd_kafka_msg_t`, which a message that librdkafka gives out is the beginning of. It is not part of librdkafka's
/// interface.
#[repr(C)]
pub struct RawInnerMessage {
    pub message: RawMessage,
    pub link: [*mut c_void; 2],
    pub flags: c_int,
    pub timestamp_type: c_int,
    pub timestamp: i64,
    pub headers: *mut rd_kafka_headers_t,
    pub status: c_int,
    pub broker: i32,
    /// Of messages that were read: the headers as they lie in the record, their number included.
    pub header_bytes_len: i32,
    pub header_bytes: *const u8,
}

/// `rd_kafka_metadata_internal_t`, which what `rd_kafka_metadata` gives out is the beginning of, in the same version. It
/// is not part of librdkafka's interface either.
#[repr(C)]
pub struct RawInnerMetadata {
    pub metadata: rd_kafka_metadata,
    pub brokers_sorted: *mut c_void,
    /// As many as there are in `metadata`, by their ids.
    pub brokers: *const RawInnerBroker,
    /// As many as there are in `metadata`, in the same order.
    pub topics: *const RawInnerTopic,
}

/// `rd_kafka_metadata_topic_internal_t`.
#[repr(C)]
pub struct RawInnerTopic {
    pub partitions: *const c_void,
    pub id: RawUuid,
    pub operations: i32,
    pub is_internal: u8,
}

/// `rd_kafka_Uuid_t`: the bits, and its text, which is made when somebody asks for it.
#[repr(C)]
pub struct RawUuid {
    pub bits: [i64; 2],
    pub text: [c_char; 23],
}

/// `rd_kafka_metadata_broker_internal_t`.
#[repr(C)]
pub struct RawInnerBroker {
    pub id: i32,
    pub rack: *const c_char,
}

/// Whether messages look like [`RawInnerMessage`] in the librdkafka that is built in. Otherwise the interface is used,
/// which is slower and loses something: it takes memory for each message just to say that there are no headers, ends
/// their names at a zero byte, writes no timestamp 0, and does not tell racks.
#[inline]
pub fn knows_inner_message() -> bool {
    // SAFETY: it returns a number.
    (unsafe { rd_kafka_version() }) >> 8 == INNER_VERSION
}

const _: () = {
    assert!(size_of::<RawMessage>() == size_of::<rd_kafka_message_t>());
    assert!(size_of::<RawTopicPartition>() == size_of::<rd_kafka_topic_partition_t>());
    assert!(size_of::<RawMetadataTopic>() == size_of::<rd_kafka_metadata_topic_t>());
    assert!(size_of::<RawMetadataPartition>() == size_of::<rd_kafka_metadata_partition_t>());
    assert!(size_of::<RawGroupInfo>() == size_of::<rd_kafka_group_info>());
};

/// What librdkafka calls when the partitions of a group's member change.
pub type RebalanceCallback = unsafe extern "C" fn(
    rk: *mut rd_kafka_t,
    err: c_int,
    partitions: *mut rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
);

unsafe extern "C" {
    #[link_name = "rd_kafka_err2str"]
    pub fn err2str(err: c_int) -> *const c_char;
    #[link_name = "rd_kafka_err2name"]
    pub fn err2name(err: c_int) -> *const c_char;
    #[link_name = "rd_kafka_last_error"]
    pub fn last_error() -> c_int;
    #[link_name = "rd_kafka_error_code"]
    pub fn error_code(error: *const rd_kafka_error_t) -> c_int;
    #[link_name = "rd_kafka_event_error"]
    pub fn event_error(event: *mut rd_kafka_event_t) -> c_int;
    #[link_name = "rd_kafka_topic_result_error"]
    pub fn topic_result_error(result: *const rd_kafka_topic_result_t) -> c_int;
    #[link_name = "rd_kafka_ConfigResource_error"]
    pub fn config_resource_error(resource: *const rd_kafka_ConfigResource_t) -> c_int;
    #[link_name = "rd_kafka_ConfigEntry_source"]
    pub fn config_entry_source(entry: *const rd_kafka_ConfigEntry_t) -> c_int;
    #[link_name = "rd_kafka_metadata"]
    pub fn metadata(
        rk: *mut rd_kafka_t,
        all_topics: c_int,
        only_topic: *mut rd_kafka_topic_t,
        metadata: *mut *const rd_kafka_metadata,
        timeout_ms: c_int,
    ) -> c_int;
    #[link_name = "rd_kafka_subscribe"]
    pub fn subscribe(rk: *mut rd_kafka_t, topics: *const rd_kafka_topic_partition_list_t) -> c_int;
    #[link_name = "rd_kafka_assign"]
    pub fn assign(rk: *mut rd_kafka_t, partitions: *const rd_kafka_topic_partition_list_t) -> c_int;
    #[link_name = "rd_kafka_commit_queue"]
    pub fn commit_queue(
        rk: *mut rd_kafka_t,
        offsets: *const rd_kafka_topic_partition_list_t,
        queue: *mut rd_kafka_queue_t,
        callback: *const c_void,
        opaque: *mut c_void,
    ) -> c_int;
    #[link_name = "rd_kafka_offsets_store"]
    pub fn offsets_store(rk: *mut rd_kafka_t, offsets: *mut rd_kafka_topic_partition_list_t) -> c_int;
    #[link_name = "rd_kafka_pause_partitions"]
    pub fn pause_partitions(rk: *mut rd_kafka_t, partitions: *mut rd_kafka_topic_partition_list_t) -> c_int;
    #[link_name = "rd_kafka_resume_partitions"]
    pub fn resume_partitions(rk: *mut rd_kafka_t, partitions: *mut rd_kafka_topic_partition_list_t) -> c_int;
    #[link_name = "rd_kafka_produce_batch"]
    pub fn produce_batch(
        topic: *mut rd_kafka_topic_t,
        partition: i32,
        flags: c_int,
        messages: *mut RawMessage,
        count: c_int,
    ) -> c_int;
    #[link_name = "rd_kafka_message_headers"]
    pub fn message_headers(message: *const RawMessage, headers: *mut *mut rd_kafka_headers_t) -> c_int;
    #[link_name = "rd_kafka_header_get_all"]
    pub fn header_get_all(
        headers: *const rd_kafka_headers_t,
        index: usize,
        name: *mut *const c_char,
        value: *mut *const c_void,
        value_len: *mut usize,
    ) -> c_int;
    #[link_name = "rd_kafka_purge"]
    pub fn purge(rk: *mut rd_kafka_t, flags: c_int) -> c_int;
    #[link_name = "rd_kafka_fatal_error"]
    pub fn fatal_error(rk: *mut rd_kafka_t, text: *mut c_char, text_len: usize) -> c_int;
    #[link_name = "rd_kafka_conf_set_rebalance_cb"]
    pub fn conf_set_rebalance_cb(conf: *mut rd_kafka_conf_t, callback: Option<RebalanceCallback>);
    #[link_name = "rd_kafka_header_add"]
    pub fn header_add(
        headers: *mut rd_kafka_headers_t,
        name: *const c_char,
        name_len: isize,
        value: *const c_void,
        value_len: isize,
    ) -> c_int;
    #[link_name = "rd_kafka_AclBinding_new"]
    pub fn acl_binding_new(
        resource: c_int,
        name: *const c_char,
        pattern: c_int,
        principal: *const c_char,
        host: *const c_char,
        operation: c_int,
        permission: c_int,
        why: *mut c_char,
        why_len: usize,
    ) -> *mut rd_kafka_AclBinding_t;
    #[link_name = "rd_kafka_AclBindingFilter_new"]
    pub fn acl_filter_new(
        resource: c_int,
        name: *const c_char,
        pattern: c_int,
        principal: *const c_char,
        host: *const c_char,
        operation: c_int,
        permission: c_int,
        why: *mut c_char,
        why_len: usize,
    ) -> *mut rd_kafka_AclBindingFilter_t;
    #[link_name = "rd_kafka_AclBinding_restype"]
    pub fn acl_resource(acl: *const rd_kafka_AclBinding_t) -> c_int;
    #[link_name = "rd_kafka_AclBinding_resource_pattern_type"]
    pub fn acl_pattern(acl: *const rd_kafka_AclBinding_t) -> c_int;
    #[link_name = "rd_kafka_AclBinding_operation"]
    pub fn acl_operation(acl: *const rd_kafka_AclBinding_t) -> c_int;
    #[link_name = "rd_kafka_AclBinding_permission_type"]
    pub fn acl_permission(acl: *const rd_kafka_AclBinding_t) -> c_int;
    #[link_name = "rd_kafka_TopicDescription_authorized_operations"]
    pub fn topic_operations(topic: *const rd_kafka_TopicDescription_t, count: *mut usize) -> *const c_int;
    #[link_name = "rd_kafka_ConsumerGroupDescription_authorized_operations"]
    pub fn group_operations(group: *const rd_kafka_ConsumerGroupDescription_t, count: *mut usize) -> *const c_int;
    #[link_name = "rd_kafka_DescribeCluster_result_authorized_operations"]
    pub fn cluster_operations(cluster: *const rd_kafka_DescribeCluster_result_t, count: *mut usize) -> *const c_int;
    #[link_name = "rd_kafka_ScramCredentialInfo_mechanism"]
    pub fn scram_mechanism(info: *const rd_kafka_ScramCredentialInfo_t) -> c_int;
    #[link_name = "rd_kafka_ConsumerGroupListing_type"]
    pub fn listed_type(group: *const rd_kafka_ConsumerGroupListing_t) -> c_int;
    #[link_name = "rd_kafka_list_groups"]
    pub fn list_groups(
        rk: *mut rd_kafka_t,
        group: *const c_char,
        groups: *mut *const rd_kafka_group_list,
        timeout_ms: c_int,
    ) -> c_int;
}
