//! Lists of partitions with offsets.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use kafi_core::{CommittedOffset, Position, Result, TopicPartition};

use super::cstring;
use super::raw::{self, RawTopicPartition};

/// A list of partitions, each with an offset and an error.
pub(crate) struct PartitionList(NonNull<raw::rd_kafka_topic_partition_list_t>);

// SAFETY: a list is plain data and owned by one.
unsafe impl Send for PartitionList {}

/// One of its entries.
#[derive(Clone, Copy)]
pub(crate) struct PartitionEntry<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) error: i32,
}

impl PartitionList {
    /// An empty list.
    pub(crate) fn new() -> Self {
        // SAFETY: it has no preconditions.
        let list = unsafe { raw::rd_kafka_topic_partition_list_new(8) };
        Self(NonNull::new(list).expect("librdkafka gives a list"))
    }

    /// A copy of librdkafka's.
    ///
    /// # Safety
    /// `list` must be valid.
    pub(super) unsafe fn copy(list: *const raw::rd_kafka_topic_partition_list_t) -> Self {
        // SAFETY: the caller vouches for it.
        let copy = unsafe { raw::rd_kafka_topic_partition_list_copy(list) };
        Self(NonNull::new(copy).expect("librdkafka copies a list"))
    }

    /// A list of these positions.
    ///
    /// # Errors
    /// `Usage` for a topic with a zero byte.
    pub(crate) fn of_positions(operation: &'static str, positions: &[Position]) -> Result<Self> {
        let mut list = Self::new();
        for position in positions {
            list.add(&cstring(operation, "topic", &position.topic)?, position.partition, position.offset);
        }
        Ok(list)
    }

    /// A list of these partitions, for a question about their offsets.
    ///
    /// # Errors
    /// `Usage` for a topic with a zero byte.
    pub(crate) fn of_partitions(operation: &'static str, partitions: &[TopicPartition]) -> Result<Self> {
        let mut list = Self::new();
        for TopicPartition { topic, partition } in partitions {
            list.add(&cstring(operation, "topic", topic)?, *partition, raw::RD_KAFKA_OFFSET_INVALID.into());
        }
        Ok(list)
    }

    /// A list of these offsets, with what is kept beside them.
    ///
    /// # Errors
    /// `Usage` for a topic with a zero byte.
    pub(crate) fn of_committed(operation: &'static str, offsets: &[CommittedOffset]) -> Result<Self> {
        let mut list = Self::new();
        for CommittedOffset { topic, partition, offset, leader_epoch, metadata } in offsets {
            let entry = list.add(&cstring(operation, "topic", topic)?, *partition, *offset);
            // SAFETY: the entry is valid until the next one is added.
            unsafe { set_beside(entry, *leader_epoch, metadata) };
        }
        Ok(list)
    }

    /// Adds an entry, and returns it; it is valid until the next one is added.
    pub(crate) fn add(&mut self, topic: &CString, partition: i32, offset: i64) -> *mut raw::rd_kafka_topic_partition_t {
        // SAFETY: the list is valid, and the name is copied; the entry that is returned is valid until the next one is
        // added.
        unsafe {
            let entry = raw::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition);
            (*entry.cast::<RawTopicPartition>()).offset = offset;
            entry
        }
    }

    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PartitionEntry<'_>> {
        // SAFETY: the list is valid and borrowed.
        unsafe { entries(self.0.as_ptr()) }
    }

    pub(super) fn as_ptr(&self) -> *mut raw::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: it is owned.
        unsafe { raw::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// The entries of a list of librdkafka's.
///
/// # Safety
/// `list` must be null or stay valid for `'a`.
pub(super) unsafe fn entries<'a>(
    list: *const raw::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = PartitionEntry<'a>> {
    // SAFETY: the caller vouches for the list, and so for its entries.
    unsafe { pointers(list).map(|pointer| entry(pointer)) }
}

/// Where the entries of a list of librdkafka's lie.
///
/// # Safety
/// `list` must be null or valid, and stay so while this is used.
pub(super) unsafe fn pointers(
    list: *const raw::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = *const RawTopicPartition> {
    // SAFETY: the caller vouches for the list, whose array holds `cnt` entries.
    let (first, count) = unsafe {
        list.as_ref().map_or((std::ptr::null(), 0), |list| {
            (list.elems.cast_const().cast::<RawTopicPartition>(), list.cnt as usize)
        })
    };
    (0..count).map(move |index| {
        // SAFETY: the index is below the count.
        unsafe { first.add(index) }
    })
}

/// Puts what is kept beside an offset into an entry, which has nothing there yet.
///
/// # Safety
/// `entry` must be valid.
unsafe fn set_beside(entry: *mut raw::rd_kafka_topic_partition_t, leader_epoch: Option<i32>, metadata: &str) {
    if let Some(leader_epoch) = leader_epoch {
        // SAFETY: the caller vouches for the entry.
        unsafe { raw::rd_kafka_topic_partition_set_leader_epoch(entry, leader_epoch) };
    }
    if metadata.is_empty() {
        return;
    }
    let len = metadata.len();
    // SAFETY: the memory is librdkafka's, which frees it with the entry, and holds `len` bytes.
    unsafe {
        let copy = raw::rd_kafka_mem_malloc(std::ptr::null_mut(), len);
        assert!(!copy.is_null(), "there is memory for {len} bytes");
        std::ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast::<u8>(), len);
        let entry = entry.cast::<RawTopicPartition>();
        ((*entry).metadata, (*entry).metadata_size) = (copy, len);
    }
}

/// What is kept beside the offset of an entry. Brokers hold it as UTF-8.
///
/// # Safety
/// `entry` must be valid.
pub(super) unsafe fn beside(entry: *const RawTopicPartition) -> (Option<i32>, String) {
    // SAFETY: the caller vouches for the entry, whose metadata holds as many bytes as it says.
    unsafe {
        let leader_epoch = raw::rd_kafka_topic_partition_get_leader_epoch(entry.cast());
        let RawTopicPartition { metadata, metadata_size: len, .. } = *entry;
        let metadata: &[u8] =
            if metadata.is_null() { &[] } else { std::slice::from_raw_parts(metadata.cast::<u8>(), len) };
        (Some(leader_epoch).filter(|epoch| *epoch >= 0), String::from_utf8_lossy(metadata).into_owned())
    }
}

/// One entry of librdkafka's. Kafka's names of topics are ASCII.
///
/// # Safety
/// `entry` must be valid for `'a`.
pub(super) unsafe fn entry<'a>(entry: *const RawTopicPartition) -> PartitionEntry<'a> {
    // SAFETY: the caller vouches for it; names end with zero.
    let (entry, topic) = unsafe { (&*entry, CStr::from_ptr((*entry).topic)) };
    PartitionEntry {
        topic: topic.to_str().unwrap_or_default(),
        partition: entry.partition,
        offset: entry.offset,
        error: entry.err,
    }
}
