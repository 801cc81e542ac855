//! Messages as librdkafka gives them, and where they come from.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use kafi_core::{Error, Header, NO_TIMESTAMP, TimestampType};

use super::client::{Client, Queue};
use super::lists::PartitionList;
use super::raw::{self, RawInnerMessage, RawMessage, rd_kafka_timestamp_type_t};
use super::{Deadline, cstring, text};
use crate::{error, headers};

/// How many messages are taken at once; more does not make it faster, and less does.
const FETCHED_MAX: usize = 1000;

/// A topic of a client.
pub(crate) struct TopicHandle {
    topic: NonNull<raw::rd_kafka_topic_t>,
    client: Client,
}

// SAFETY: topics may be used by any thread.
unsafe impl Send for TopicHandle {}

/// Messages that were taken from a queue and not yet passed on.
pub(crate) struct Fetched {
    queue: Queue,
    messages: Vec<*mut RawMessage>,
    next: usize,
}

// SAFETY: messages may be read and freed by any thread.
unsafe impl Send for Fetched {}

/// One message, or one error of a partition.
#[derive(Clone, Copy)]
pub(crate) struct MessageRef<'a>(&'a RawMessage);

impl Client {
    /// The topic of this name, existing or not.
    pub(crate) fn topic(&self, operation: &'static str, name: &str) -> kafi_core::Result<TopicHandle> {
        let c_name = cstring(operation, "topic", name)?;
        // SAFETY: the handle is valid, and the name is copied.
        let topic = unsafe { raw::rd_kafka_topic_new(self.rk(), c_name.as_ptr(), std::ptr::null_mut()) };
        match NonNull::new(topic) {
            Some(topic) => Ok(TopicHandle { topic, client: self.clone() }),
            None => Err(last_error(operation).with("topic", name)),
        }
    }

    /// Joins the group to read these topics.
    pub(crate) fn subscribe(&self, operation: &'static str, topics: &[String]) -> kafi_core::Result<()> {
        let mut list = PartitionList::new();
        for topic in topics {
            list.add(&cstring(operation, "topic", topic)?, -1, -1);
        }
        // SAFETY: handle and list are valid; the list is copied.
        check(operation, unsafe { raw::subscribe(self.rk(), list.as_ptr()) })
    }

    /// Whether partitions come and go one by one, or all at once.
    pub(crate) fn is_cooperative(&self) -> bool {
        // SAFETY: the handle is valid, and the string is static.
        unsafe { text(raw::rd_kafka_rebalance_protocol(self.rk())) == "COOPERATIVE" }
    }

    /// Starts reading these partitions as a member, in addition to those that it has.
    pub(crate) fn assign_more(&self, operation: &'static str, partitions: &PartitionList) -> kafi_core::Result<()> {
        self.has_assigned();
        // SAFETY: handle and list are valid; the list is copied; the error is taken over.
        unsafe { check_object(operation, raw::rd_kafka_incremental_assign(self.rk(), partitions.as_ptr())) }
    }

    /// Stops reading these partitions as a member.
    pub(crate) fn unassign(&self, operation: &'static str, partitions: &PartitionList) -> kafi_core::Result<()> {
        // SAFETY: as above.
        unsafe { check_object(operation, raw::rd_kafka_incremental_unassign(self.rk(), partitions.as_ptr())) }
    }

    /// Reads exactly these partitions as a member.
    pub(crate) fn assign_all(&self, operation: &'static str, partitions: &PartitionList) -> kafi_core::Result<()> {
        self.has_assigned();
        // SAFETY: handle and list are valid; the list is copied.
        check(operation, unsafe { raw::assign(self.rk(), partitions.as_ptr()) })
    }

    /// Marks the offsets that are committed from time to time, where the user asked for that.
    pub(crate) fn store_offsets(&self, offsets: &PartitionList) {
        // SAFETY: as above. Partitions that were revoked meanwhile are refused, which is right.
        unsafe { raw::offsets_store(self.rk(), offsets.as_ptr()) };
    }

    /// Stops asking for more messages of these partitions.
    pub(crate) fn pause(&self, partitions: &PartitionList) {
        // SAFETY: as above. A partition that is not known any more needs no pause.
        unsafe { raw::pause_partitions(self.rk(), partitions.as_ptr()) };
    }

    /// Asks for messages of these partitions again.
    pub(crate) fn resume(&self, partitions: &PartitionList) {
        // SAFETY: as above.
        unsafe { raw::resume_partitions(self.rk(), partitions.as_ptr()) };
    }

    /// Goes on with these partitions at the offsets of the list.
    pub(crate) fn seek(
        &self,
        operation: &'static str,
        partitions: &PartitionList,
        deadline: Deadline,
    ) -> kafi_core::Result<()> {
        // SAFETY: handle and list are valid, and the error is taken over. The errors of the entries are written by the
        // call.
        unsafe {
            raw::resume_partitions(self.rk(), partitions.as_ptr());
            check_object(
                operation,
                raw::rd_kafka_seek_partitions(self.rk(), partitions.as_ptr(), deadline.left_ms(i32::MAX).max(1)),
            )?;
        }
        match partitions.iter().find(|entry| entry.error != 0) {
            Some(entry) => Err(error::from_code(operation, entry.error)
                .with("topic", entry.topic)
                .with("partition", entry.partition)),
            None => Ok(()),
        }
    }
}

impl TopicHandle {
    pub(super) fn as_ptr(&self) -> *mut raw::rd_kafka_topic_t {
        self.topic.as_ptr()
    }

    /// What messages of this topic name as [`MessageRef::topic_id`].
    pub(crate) fn id(&self) -> usize {
        self.topic.as_ptr() as usize
    }

    /// Starts reading a partition into the queue; what was started before is stopped first, as librdkafka demands it.
    /// It is stopped when the client is destroyed.
    pub(crate) fn start(
        &self,
        operation: &'static str,
        partition: i32,
        offset: i64,
        queue: &Queue,
    ) -> kafi_core::Result<()> {
        if self.client.is_read(self.as_ptr(), partition) {
            // SAFETY: the topic is valid. It waits for librdkafka's own thread only, not for brokers.
            unsafe { raw::rd_kafka_consume_stop(self.as_ptr(), partition) };
        }
        // SAFETY: topic and queue are valid.
        match unsafe { raw::rd_kafka_consume_start_queue(self.as_ptr(), partition, offset, queue.as_ptr()) } {
            0 => {
                self.client.note_read(self.as_ptr(), partition);
                Ok(())
            }
            _ => Err(last_error(operation).with("partition", partition)),
        }
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the client is still there.
        unsafe { raw::rd_kafka_topic_destroy(self.topic.as_ptr()) }
    }
}

impl Fetched {
    /// Nothing yet, from this queue.
    pub(crate) fn new(queue: Queue) -> Self {
        Self { queue, messages: Vec::with_capacity(FETCHED_MAX), next: 0 }
    }

    /// The queue that it is filled from.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Takes what the queue holds, and waits up to `timeout_ms` for a first message, unless some are left that were
    /// taken earlier. Says whether there is any.
    pub(crate) fn fill(&mut self, timeout_ms: i32) -> bool {
        if self.next < self.messages.len() {
            return true;
        }
        self.messages.clear();
        self.next = 0;
        self.take_queued();
        if !self.messages.is_empty() || timeout_ms == 0 {
            return !self.messages.is_empty();
        }
        // A call for many waits out its whole time for the last of them, so that the waiting is done for one.
        // SAFETY: the queue is valid.
        let first = unsafe { raw::rd_kafka_consume_queue(self.queue.as_ptr(), timeout_ms) };
        if first.is_null() {
            return false;
        }
        self.messages.push(first.cast());
        self.take_queued();
        true
    }

    /// Waits up to `timeout_ms` for one message more, whatever is there already, as long as there is room: librdkafka
    /// takes that as a sign of life.
    pub(crate) fn fill_one(&mut self, timeout_ms: i32) {
        if self.next == self.messages.len() {
            self.messages.clear();
            self.next = 0;
        }
        if self.messages.len() < FETCHED_MAX {
            // SAFETY: the queue is valid.
            let message = unsafe { raw::rd_kafka_consume_queue(self.queue.as_ptr(), timeout_ms) };
            if !message.is_null() {
                self.messages.push(message.cast());
            }
        }
    }

    fn take_queued(&mut self) {
        let taken = self.messages.len();
        let room = FETCHED_MAX - taken;
        // SAFETY: there is room for that many after those that are there; on success that many were written.
        unsafe {
            let end = self.messages.as_mut_ptr().add(taken).cast();
            let count = raw::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, end, room);
            self.messages.set_len(taken + usize::try_from(count).unwrap_or(0));
        }
    }

    /// The next message.
    #[inline]
    pub(crate) fn first(&self) -> Option<MessageRef<'_>> {
        // SAFETY: messages from `next` on are valid until they are removed, which borrows `self` mutably.
        self.messages.get(self.next).map(|message| MessageRef(unsafe { &**message }))
    }

    /// Frees the next message.
    #[inline]
    pub(crate) fn remove_first(&mut self) {
        if let Some(message) = self.messages.get(self.next) {
            // SAFETY: it is valid, and freed once, since `next` moves on.
            unsafe { raw::rd_kafka_message_destroy(message.cast()) };
            self.next += 1;
        }
    }

    /// Frees the messages for which `keep` says no.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(MessageRef<'_>) -> bool) {
        let mut kept = self.next;
        for index in self.next..self.messages.len() {
            let message = self.messages[index];
            // SAFETY: messages from `next` on are valid; those that are not kept are freed once and left behind.
            if keep(MessageRef(unsafe { &*message })) {
                self.messages[kept] = message;
                kept += 1;
            } else {
                // SAFETY: as above.
                unsafe { raw::rd_kafka_message_destroy(message.cast()) };
            }
        }
        self.messages.truncate(kept);
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        while self.next < self.messages.len() {
            self.remove_first();
        }
    }
}

impl<'a> MessageRef<'a> {
    /// The error code; 0 for a message.
    #[inline]
    pub(crate) fn error(self) -> i32 {
        self.0.err
    }

    /// The words of the error.
    pub(crate) fn error_text(self) -> String {
        // SAFETY: the message is valid, and its string lives as long as it.
        unsafe { text(raw::rd_kafka_message_errstr((&raw const *self.0).cast())) }
    }

    /// A number for the topic that stays the same while the client has it; 0 for errors of no partition.
    #[inline]
    pub(crate) fn topic_id(self) -> usize {
        self.0.rkt as usize
    }

    /// The topic's name; empty for errors of no partition.
    pub(crate) fn topic(self) -> &'a str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the topic is valid while the message is. Kafka's names of topics are ASCII.
        unsafe { CStr::from_ptr(raw::rd_kafka_topic_name(self.0.rkt)) }.to_str().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn partition(self) -> i32 {
        self.0.partition
    }

    #[inline]
    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    #[inline]
    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives null or as many bytes as it says, which live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    #[inline]
    pub(crate) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: as above.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// Milliseconds since 1970, or -1, and whose clock they come from.
    #[inline]
    pub(crate) fn timestamp(self) -> (i64, TimestampType) {
        let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, and the kind is one of the library's own.
        let timestamp = unsafe { raw::rd_kafka_message_timestamp((&raw const *self.0).cast(), &raw mut kind) };
        match kind {
            rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => (NO_TIMESTAMP, TimestampType::Create),
            rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => (timestamp, TimestampType::Create),
            rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => (timestamp, TimestampType::Append),
        }
    }

    /// Passes on each header in order. `knows_inner` is [`raw::knows_inner_message`].
    ///
    /// # Errors
    /// The error code, where the headers do not form what they should.
    #[inline]
    pub(crate) fn for_each_header(self, knows_inner: bool, each: impl FnMut(Header<'a>)) -> Result<(), i32> {
        if !knows_inner {
            return self.for_each_copied_header(each);
        }
        // SAFETY: messages of this version of librdkafka look like this, and the bytes live as long as the message.
        let bytes = unsafe {
            let inner = &*(&raw const *self.0).cast::<RawInnerMessage>();
            bytes(inner.header_bytes.cast_mut().cast(), usize::try_from(inner.header_bytes_len).unwrap_or(0))
        };
        match bytes {
            // Most messages have none.
            None | Some([] | [0]) => Ok(()),
            Some(bytes) => headers::for_each(bytes, each).ok_or(error::local::BAD_MESSAGE),
        }
    }

    fn for_each_copied_header(self, mut each: impl FnMut(Header<'a>)) -> Result<(), i32> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is valid; the headers belong to it and are parsed at the first call.
        match unsafe { raw::message_headers(self.0, &raw mut headers) } {
            0 => {}
            error::local::NO_ENTITY => return Ok(()),
            code => return Err(code),
        }
        for index in 0.. {
            let (mut name, mut value, mut value_len) = (std::ptr::null(), std::ptr::null::<c_void>(), 0);
            // SAFETY: all pointers are valid; names end with zero; values are null or hold as many bytes as is said.
            unsafe {
                if raw::header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut value_len) != 0 {
                    break;
                }
                each(Header { name: CStr::from_ptr(name).to_bytes(), value: bytes(value.cast_mut(), value_len) });
            }
        }
        Ok(())
    }
}

/// # Safety
/// `start` must be null or point to `len` bytes that live for `'a`.
#[inline]
unsafe fn bytes<'a>(start: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller vouches for it.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast_const().cast(), len) })
}

fn last_error(operation: &'static str) -> Error {
    // SAFETY: it reads a variable of this thread.
    error::from_code(operation, unsafe { raw::last_error() })
}

fn check(operation: &'static str, code: i32) -> kafi_core::Result<()> {
    if code == 0 { Ok(()) } else { Err(error::from_code(operation, code)) }
}

/// # Safety
/// `failure` must be null or valid, and is taken over.
unsafe fn check_object(operation: &'static str, failure: *mut raw::rd_kafka_error_t) -> kafi_core::Result<()> {
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: the caller vouches for it, and it is freed once.
    unsafe {
        let failed = error::with_text(operation, raw::error_code(failure), &text(raw::rd_kafka_error_string(failure)));
        raw::rd_kafka_error_destroy(failure);
        Err(failed)
    }
}
