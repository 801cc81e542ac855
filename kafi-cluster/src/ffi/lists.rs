//! Lists of partitions with offsets.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use kafi_core::{Position, Result};

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

    /// Adds an entry.
    pub(crate) fn add(&mut self, topic: &CString, partition: i32, offset: i64) {
        // SAFETY: the list is valid, and the name is copied; the entry that is returned is valid until the next one is added.
        unsafe {
            let entry = raw::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition).cast::<RawTopicPartition>();
            (*entry).offset = offset;
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
pub(super) unsafe fn entries<'a>(list: *const raw::rd_kafka_topic_partition_list_t) -> impl Iterator<Item = PartitionEntry<'a>> {
    // SAFETY: the caller vouches for the list, whose array holds `cnt` entries.
    let (first, count) =
        unsafe { list.as_ref().map_or((std::ptr::null(), 0), |list| (list.elems.cast_const().cast::<RawTopicPartition>(), list.cnt as usize)) };
    (0..count).map(move |index| {
        // SAFETY: the index is below the count.
        unsafe { entry(first.add(index)) }
    })
}

/// One entry of librdkafka's. Kafka's names of topics are ASCII.
///
/// # Safety
/// `entry` must be valid for `'a`.
pub(super) unsafe fn entry<'a>(entry: *const RawTopicPartition) -> PartitionEntry<'a> {
    // SAFETY: the caller vouches for it; names end with zero.
    let (entry, topic) = unsafe { (&*entry, CStr::from_ptr((*entry).topic)) };
    PartitionEntry { topic: topic.to_str().unwrap_or_default(), partition: entry.partition, offset: entry.offset, error: entry.err }
}
