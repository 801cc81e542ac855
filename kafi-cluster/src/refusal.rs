//! Why messages are not written.

use kafi_core::{Error, ErrorKind, MESSAGE_CONTEXT, Record, Retry};

use crate::error::{self, broker, local};
use crate::ffi::can_write_epoch;
use crate::writer::Topic;

const OPERATION: &str = "write";

/// Why a message was not handed over, where librdkafka has no code for it: beyond the codes that it has.
pub(crate) mod refused {
    pub(crate) const HEADER_NAME: i32 = 100_001;
    pub(crate) const PARTITION: i32 = 100_002;
    pub(crate) const AFTER_FAILURE: i32 = 100_003;
    pub(crate) const OVER_QUEUE: i32 = 100_004;
    pub(crate) const EPOCH: i32 = 100_005;
    pub(crate) const KEYLESS: i32 = 100_006;
}

/// Why a message must not be handed over, if so.
pub(crate) fn objection(topic: &Topic, record: &Record<'_>) -> Option<i32> {
    if topic.handle.is_none() || topic.code != 0 {
        return Some(if topic.code == 0 { broker::UNKNOWN_TOPIC_OR_PARTITION } else { topic.code });
    }
    if topic.is_halted {
        return Some(refused::AFTER_FAILURE);
    }
    if record.partition >= topic.partitions {
        return Some(refused::PARTITION);
    }
    if record.timestamp == 0 && !can_write_epoch() {
        return Some(refused::EPOCH);
    }
    // librdkafka would end the name at the zero byte when it is read.
    let has_zero = !record.headers.is_empty() && record.headers.iter().any(|header| header.name.contains(&0));
    has_zero.then_some(refused::HEADER_NAME)
}

/// The error of a message that was not written.
pub(crate) fn refusal(code: i32, topic: &str, partition: i32, partitions: i32) -> Error {
    let error = match code {
        refused::HEADER_NAME => {
            Error::new(ErrorKind::Usage, OPERATION, "librdkafka cannot write a header whose name holds a zero byte")
        }
        refused::EPOCH => {
            Error::new(ErrorKind::Unsupported, OPERATION, "this version of librdkafka cannot write timestamp 0")
        }
        refused::KEYLESS => {
            let error = Error::new(
                ErrorKind::Usage,
                OPERATION,
                "the topic is compacted (cleanup.policy=compact), where each message needs a key",
            );
            error.hint("give keys with -k KEY or -K DELIMITER")
        }
        refused::PARTITION => return error::no_partition(OPERATION, topic, partition, partitions),
        refused::AFTER_FAILURE => {
            Error::new(ErrorKind::Cancelled, OPERATION, "not written, because an earlier message failed")
                .retry(Retry::Later)
        }
        refused::OVER_QUEUE => {
            let error = Error::new(ErrorKind::TooLarge, OPERATION, "the message is larger than the client's queue");
            error.hint("raise queue.buffering.max.kbytes")
        }
        local::PURGE_QUEUE | local::FATAL | local::GAPLESS_GUARANTEE => {
            Error::new(ErrorKind::Cancelled, OPERATION, "not written, because an earlier message failed")
                .retry(Retry::Later)
        }
        local::PURGE_INFLIGHT => {
            Error::new(ErrorKind::Cancelled, OPERATION, "given up on its way, because an earlier message failed")
                .retry(Retry::Later)
        }
        broker::UNKNOWN_TOPIC_OR_PARTITION | local::UNKNOWN_TOPIC => {
            return error::no_topic(OPERATION, topic).hint("create it with --create");
        }
        broker::MESSAGE_TOO_LARGE => error::from_code(OPERATION, code).hint("raise the topic's max.message.bytes"),
        code => error::from_code(OPERATION, code),
    };
    let error = error.with("topic", topic);
    if partition >= 0 { error.with("partition", partition) } else { error }
}

/// Says which message of its token it was, where its partition does not.
pub(crate) fn named(error: Error, index: Option<u64>) -> Error {
    index.into_iter().fold(error, |error, index| error.with(MESSAGE_CONTEXT, index))
}
