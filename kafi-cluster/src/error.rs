//! From Kafka's and librdkafka's error codes to kinds and whether trying again can help.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use kafi_core::{Error, ErrorKind, Retry};

use crate::ffi;

/// librdkafka's own codes, which are negative.
pub(crate) mod local {
    pub(crate) const TRANSPORT: i32 = -195;
    pub(crate) const RESOLVE: i32 = -193;
    pub(crate) const PARTITION_EOF: i32 = -191;
    pub(crate) const UNKNOWN_PARTITION: i32 = -190;
    pub(crate) const UNKNOWN_TOPIC: i32 = -188;
    pub(crate) const ALL_BROKERS_DOWN: i32 = -187;
    pub(crate) const TIMED_OUT: i32 = -185;
    pub(crate) const TIMED_OUT_IN_QUEUE: i32 = -166;
    pub(crate) const WAIT_COORDINATOR: i32 = -180;
    pub(crate) const QUEUE_FULL: i32 = -184;
    pub(crate) const SSL: i32 = -181;
    pub(crate) const AUTHENTICATION: i32 = -169;
    pub(crate) const ASSIGN_PARTITIONS: i32 = -175;
    pub(crate) const REVOKE_PARTITIONS: i32 = -174;
    pub(crate) const STATE: i32 = -172;
    pub(crate) const NO_ENTITY: i32 = -156;
    pub(crate) const PURGE_QUEUE: i32 = -152;
    pub(crate) const PURGE_INFLIGHT: i32 = -151;
    pub(crate) const FATAL: i32 = -150;
    pub(crate) const GAPLESS_GUARANTEE: i32 = -148;
    pub(crate) const AUTO_OFFSET_RESET: i32 = -140;
    pub(crate) const DESTROY_BROKER: i32 = -137;
    pub(crate) const BAD_MESSAGE: i32 = -199;
    pub(crate) const BAD_COMPRESSION: i32 = -198;
}

/// The broker's codes that are acted on by number.
pub(crate) mod broker {
    pub(crate) const OFFSET_OUT_OF_RANGE: i32 = 1;
    pub(crate) const CORRUPT_MESSAGE: i32 = 2;
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i32 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i32 = 5;
    pub(crate) const REQUEST_TIMED_OUT: i32 = 7;
    pub(crate) const NETWORK_EXCEPTION: i32 = 13;
    pub(crate) const MESSAGE_TOO_LARGE: i32 = 10;
    pub(crate) const UNKNOWN_MEMBER_ID: i32 = 25;
    pub(crate) const INVALID_SESSION_TIMEOUT: i32 = 26;
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: i32 = 29;
    pub(crate) const NOT_CONTROLLER: i32 = 41;
    pub(crate) const POLICY_VIOLATION: i32 = 44;
    pub(crate) const SECURITY_DISABLED: i32 = 54;
    pub(crate) const GROUP_ID_NOT_FOUND: i32 = 69;
    pub(crate) const ELECTION_NOT_NEEDED: i32 = 84;
    pub(crate) const INVALID_RECORD: i32 = 87;
}

/// What each code means to a program. Codes that are not listed are `Unexpected` and not retried.
const KINDS: &[(i32, ErrorKind, Retry)] = {
    use ErrorKind::*;
    use Retry::*;
    &[
        (local::TRANSPORT, Unavailable, Later),
        (local::RESOLVE, Unavailable, Later),
        (local::ALL_BROKERS_DOWN, Unavailable, Later),
        // A list of brokers came without it, as one does while brokers have missed their heartbeats.
        (local::DESTROY_BROKER, Unavailable, Later),
        (local::SSL, Unavailable, Never),
        (local::AUTHENTICATION, Authentication, Never),
        (local::TIMED_OUT, Timeout, Later),
        (-192, Timeout, Exhausted), // _MSG_TIMED_OUT: librdkafka tried for message.timeout.ms.
        (local::TIMED_OUT_IN_QUEUE, Timeout, Later),
        (local::QUEUE_FULL, Unavailable, Later),
        (local::UNKNOWN_PARTITION, NotFound, Never),
        (local::UNKNOWN_TOPIC, NotFound, Never),
        (local::NO_ENTITY, NotFound, Never),
        (local::AUTO_OFFSET_RESET, OutOfRange, Never),
        (local::BAD_MESSAGE, Corrupt, Never),
        (local::BAD_COMPRESSION, Corrupt, Never),
        (local::PURGE_QUEUE, Cancelled, Later),
        (local::PURGE_INFLIGHT, Cancelled, Later),
        (local::FATAL, Cancelled, Later),
        (local::GAPLESS_GUARANTEE, Cancelled, Later),
        (-186, Usage, Never), // _INVALID_ARG
        (local::STATE, Unexpected, Later),
        (local::WAIT_COORDINATOR, Unavailable, Later),
        (-165, Unsupported, Never), // _UNSUPPORTED_FEATURE
        (-147, Fenced, Later),      // _MAX_POLL_EXCEEDED
        (-144, Fenced, Never),      // _FENCED
        (-142, Fenced, Later),      // _ASSIGNMENT_LOST
        (-139, OutOfRange, Never),  // _LOG_TRUNCATION
        (-138, Cancelled, Later),   // _INVALID_DIFFERENT_RECORD: another message of its batch was refused.
        (broker::OFFSET_OUT_OF_RANGE, OutOfRange, Never),
        (broker::CORRUPT_MESSAGE, Corrupt, Never),
        (broker::UNKNOWN_TOPIC_OR_PARTITION, NotFound, Never),
        (broker::LEADER_NOT_AVAILABLE, Unavailable, Later),
        (6, Unavailable, Later), // NOT_LEADER_OR_FOLLOWER
        (broker::REQUEST_TIMED_OUT, Timeout, Later),
        (8, Unavailable, Later), // BROKER_NOT_AVAILABLE
        (9, Unavailable, Later), // REPLICA_NOT_AVAILABLE
        (broker::MESSAGE_TOO_LARGE, TooLarge, Never),
        (broker::NETWORK_EXCEPTION, Unavailable, Later),
        (14, Unavailable, Later), // COORDINATOR_LOAD_IN_PROGRESS
        (15, Unavailable, Later), // COORDINATOR_NOT_AVAILABLE
        (16, Unavailable, Later), // NOT_COORDINATOR
        (17, Usage, Never),       // INVALID_TOPIC_EXCEPTION
        (18, TooLarge, Never),    // RECORD_LIST_TOO_LARGE
        (19, Unavailable, Later), // NOT_ENOUGH_REPLICAS
        (20, Unavailable, Later), // NOT_ENOUGH_REPLICAS_AFTER_APPEND
        (21, Config, Never),      // INVALID_REQUIRED_ACKS
        (22, Fenced, Later),      // ILLEGAL_GENERATION
        (24, Usage, Never),       // INVALID_GROUP_ID
        (broker::UNKNOWN_MEMBER_ID, Fenced, Later),
        (broker::INVALID_SESSION_TIMEOUT, Config, Never),
        (27, Fenced, Later), // REBALANCE_IN_PROGRESS
        (broker::TOPIC_AUTHORIZATION_FAILED, PermissionDenied, Never),
        (30, PermissionDenied, Never), // GROUP_AUTHORIZATION_FAILED
        (31, PermissionDenied, Never), // CLUSTER_AUTHORIZATION_FAILED
        (32, Usage, Never),            // INVALID_TIMESTAMP
        (33, Config, Never),           // UNSUPPORTED_SASL_MECHANISM
        (34, Config, Never),           // ILLEGAL_SASL_STATE
        (35, Unsupported, Never),      // UNSUPPORTED_VERSION
        (36, AlreadyExists, Never),    // TOPIC_ALREADY_EXISTS
        (37, Usage, Never),            // INVALID_PARTITIONS
        (38, Usage, Never),            // INVALID_REPLICATION_FACTOR
        (39, Usage, Never),            // INVALID_REPLICA_ASSIGNMENT
        (40, Usage, Never),            // INVALID_CONFIG
        (broker::NOT_CONTROLLER, Unavailable, Later),
        (42, Usage, Never),       // INVALID_REQUEST
        (43, Unsupported, Never), // UNSUPPORTED_FOR_MESSAGE_FORMAT
        (broker::POLICY_VIOLATION, PermissionDenied, Never),
        (47, Fenced, Never),           // INVALID_PRODUCER_EPOCH
        (51, Unavailable, Later),      // CONCURRENT_TRANSACTIONS
        (53, PermissionDenied, Never), // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        (broker::SECURITY_DISABLED, Unsupported, Never),
        (55, Cancelled, Later),      // OPERATION_NOT_ATTEMPTED
        (56, Unavailable, Later),    // KAFKA_STORAGE_ERROR
        (58, Authentication, Never), // SASL_AUTHENTICATION_FAILED
        (60, Unavailable, Later),    // REASSIGNMENT_IN_PROGRESS
        (68, Conflict, Later),       // NON_EMPTY_GROUP
        (broker::GROUP_ID_NOT_FOUND, NotFound, Never),
        (72, Unavailable, Later),      // LISTENER_NOT_FOUND
        (73, PermissionDenied, Never), // TOPIC_DELETION_DISABLED
        (74, Unavailable, Later),      // FENCED_LEADER_EPOCH
        (75, Unavailable, Later),      // UNKNOWN_LEADER_EPOCH
        (76, Unsupported, Never),      // UNSUPPORTED_COMPRESSION_TYPE
        (78, Unavailable, Later),      // OFFSET_NOT_AVAILABLE
        (80, Unavailable, Later),      // PREFERRED_LEADER_NOT_AVAILABLE
        (81, Fenced, Later),           // GROUP_MAX_SIZE_REACHED
        (82, Fenced, Never),           // FENCED_INSTANCE_ID
        (83, Unavailable, Later),      // ELIGIBLE_LEADERS_NOT_AVAILABLE
        (86, Conflict, Later),         // GROUP_SUBSCRIBED_TO_TOPIC
        (broker::INVALID_RECORD, Usage, Never),
        (88, Unavailable, Later), // UNSTABLE_OFFSET_COMMIT
        (89, Unavailable, Later), // THROTTLING_QUOTA_EXCEEDED
        (90, Fenced, Never),      // PRODUCER_FENCED
        (91, NotFound, Never),    // RESOURCE_NOT_FOUND
        (92, Usage, Never),       // DUPLICATE_RESOURCE
        (93, Usage, Never),       // UNACCEPTABLE_CREDENTIAL
        (100, NotFound, Never),   // UNKNOWN_TOPIC_ID
        (110, Fenced, Later),     // FENCED_MEMBER_EPOCH
        (113, Fenced, Later),     // STALE_MEMBER_EPOCH
    ]
};

/// What brokers say while leaders and coordinators move, and what becomes of a request on a connection that ends. The
/// same request can succeed a moment later, whatever it asks for, without anybody doing something about it. Not so what
/// others must change first, such as a group that has members.
const LATER: &[i32] = &[
    local::TRANSPORT,
    local::DESTROY_BROKER,
    local::WAIT_COORDINATOR,
    local::TIMED_OUT,
    local::TIMED_OUT_IN_QUEUE,
    broker::LEADER_NOT_AVAILABLE,
    6, // NOT_LEADER_OR_FOLLOWER
    broker::REQUEST_TIMED_OUT,
    8, // BROKER_NOT_AVAILABLE
    9, // REPLICA_NOT_AVAILABLE
    broker::NETWORK_EXCEPTION,
    14, // COORDINATOR_LOAD_IN_PROGRESS
    15, // COORDINATOR_NOT_AVAILABLE
    16, // NOT_COORDINATOR
    19, // NOT_ENOUGH_REPLICAS
    20, // NOT_ENOUGH_REPLICAS_AFTER_APPEND
    broker::NOT_CONTROLLER,
    51, // CONCURRENT_TRANSACTIONS
    56, // KAFKA_STORAGE_ERROR
    72, // LISTENER_NOT_FOUND
    74, // FENCED_LEADER_EPOCH
    75, // UNKNOWN_LEADER_EPOCH
    78, // OFFSET_NOT_AVAILABLE
    88, // UNSTABLE_OFFSET_COMMIT
    89, // THROTTLING_QUOTA_EXCEEDED
];

/// The code that an error was made from: the end of its chain of causes.
#[derive(Debug)]
struct Code(i32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", ffi::name_of(self.0), self.0)
    }
}

impl StdError for Code {}

/// The code that an error was made from, if it was.
pub(crate) fn code_of(error: &Error) -> Option<i32> {
    StdError::source(error).and_then(|source| source.downcast_ref::<Code>()).map(|code| code.0)
}

/// Whether a code means that the same request can succeed a moment later.
pub(crate) fn says_later(code: i32) -> bool {
    LATER.contains(&code)
}

/// Whether a request that ended with this code may have been done all the same.
pub(crate) fn is_unanswered(code: i32) -> bool {
    let local = matches!(code, local::TRANSPORT | local::DESTROY_BROKER | local::TIMED_OUT);
    local || matches!(code, broker::REQUEST_TIMED_OUT | broker::NETWORK_EXCEPTION)
}

/// Whether a code says something of one topic, whatever else was asked for with it.
pub(crate) fn is_about_a_topic(code: i32) -> bool {
    matches!(code, broker::UNKNOWN_TOPIC_OR_PARTITION | broker::TOPIC_AUTHORIZATION_FAILED)
}

/// An error from a code that stands for nothing lasting here, whatever it means elsewhere: the call is done again.
pub(crate) fn for_later(operation: &'static str, code: i32) -> Error {
    let error = from_code(operation, code).retry(Retry::Later);
    if says_later(code) { error } else { with_code(error, broker::LEADER_NOT_AVAILABLE) }
}

/// The same with the code that it comes from.
pub(crate) fn with_code(error: Error, code: i32) -> Error {
    error.source(Code(code))
}

/// The kind of an error code, and whether trying again can help.
pub(crate) fn kind_of(code: i32) -> (ErrorKind, Retry) {
    KINDS
        .iter()
        .find(|(listed, ..)| *listed == code)
        .map_or((ErrorKind::Unexpected, Retry::Never), |(_, kind, retry)| (*kind, *retry))
}

/// An error from a code, in librdkafka's words.
pub(crate) fn from_code(operation: impl Into<Cow<'static, str>>, code: i32) -> Error {
    with_text(operation, code, &ffi::text_of(code))
}

/// An error from a code and the words that came with it, or the code's own if there are none.
pub(crate) fn with_text(operation: impl Into<Cow<'static, str>>, code: i32, text: &str) -> Error {
    let (kind, retry) = kind_of(code);
    let text = if text.is_empty() { ffi::text_of(code) } else { text.to_string() };
    let text = text.strip_prefix("Broker: ").or(text.strip_prefix("Local: ")).unwrap_or(&text);
    let error = with_code(Error::new(kind, operation, lower_first(text)).retry(retry), code);
    match code {
        broker::INVALID_SESSION_TIMEOUT => error.hint(
            "the broker allows what lies between its group.min.session.timeout.ms and its group.max.session.timeout.ms",
        ),
        _ => error,
    }
}

/// A topic that is not there.
pub(crate) fn no_topic(operation: impl Into<Cow<'static, str>>, topic: &str) -> Error {
    Error::new(ErrorKind::NotFound, operation, "no such topic").with("topic", topic)
}

/// A partition that is not there.
pub(crate) fn no_partition(
    operation: impl Into<Cow<'static, str>>,
    topic: &str,
    partition: i32,
    partitions: i32,
) -> Error {
    let why = format!("no such partition: the topic has {partitions}");
    Error::new(ErrorKind::NotFound, operation, why).with("topic", topic).with("partition", partition)
}

/// The time ran out.
pub(crate) fn timed_out(operation: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Timeout, operation, "the time ran out").retry(Retry::Later)
}

/// The text with a small first letter, unless its first word is an abbreviation or the name of a request.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let is_plain = |word: &str| word.len() > 1 && word.chars().skip(1).all(|c| !c.is_uppercase());
    match (chars.next(), text.split_whitespace().next()) {
        (Some(first), Some(word)) if is_plain(word) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_listed_twice() {
        for (index, (code, ..)) in KINDS.iter().enumerate() {
            assert!(KINDS[..index].iter().all(|(other, ..)| other != code), "{code}");
        }
    }

    #[test]
    fn what_is_tried_again_is_listed_as_such() {
        for code in LATER {
            assert_eq!(kind_of(*code).1, Retry::Later, "{code}");
        }
        let error = from_code("read", 16).with("topic", "t").hint("h");
        assert_eq!(code_of(&error), Some(16));
        assert!(format!("{error:?}").contains("caused by: NOT_COORDINATOR (16)"), "{error:?}");
        assert_eq!(code_of(&timed_out("read")), None);
    }

    #[test]
    fn sentences_go_on_with_a_small_letter_and_names_keep_theirs() {
        for (text, expected) in [
            ("Unknown topic", "unknown topic"),
            ("SASL failed", "SASL failed"),
            ("JoinGroup failed: Broker: x", "JoinGroup failed: Broker: x"),
            ("Ärger", "ärger"),
            ("A", "A"),
            ("", ""),
            ("already", "already"),
        ] {
            assert_eq!(lower_first(text), expected);
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_bindings() {
        use crate::ffi::raw::rd_kafka_resp_err_t::*;
        for (number, code) in [
            (local::TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT),
            (local::RESOLVE, RD_KAFKA_RESP_ERR__RESOLVE),
            (local::PARTITION_EOF, RD_KAFKA_RESP_ERR__PARTITION_EOF),
            (local::UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION),
            (local::UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC),
            (local::ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN),
            (local::TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT),
            (local::QUEUE_FULL, RD_KAFKA_RESP_ERR__QUEUE_FULL),
            (local::SSL, RD_KAFKA_RESP_ERR__SSL),
            (local::AUTHENTICATION, RD_KAFKA_RESP_ERR__AUTHENTICATION),
            (local::ASSIGN_PARTITIONS, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS),
            (local::REVOKE_PARTITIONS, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS),
            (local::NO_ENTITY, RD_KAFKA_RESP_ERR__NOENT),
            (local::PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_QUEUE),
            (local::PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT),
            (local::FATAL, RD_KAFKA_RESP_ERR__FATAL),
            (local::GAPLESS_GUARANTEE, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE),
            (local::AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET),
            (local::BAD_MESSAGE, RD_KAFKA_RESP_ERR__BAD_MSG),
            (local::BAD_COMPRESSION, RD_KAFKA_RESP_ERR__BAD_COMPRESSION),
            (-192, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT),
            (local::TIMED_OUT_IN_QUEUE, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE),
            (-186, RD_KAFKA_RESP_ERR__INVALID_ARG),
            (local::STATE, RD_KAFKA_RESP_ERR__STATE),
            (local::WAIT_COORDINATOR, RD_KAFKA_RESP_ERR__WAIT_COORD),
            (-165, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE),
            (-147, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED),
            (-144, RD_KAFKA_RESP_ERR__FENCED),
            (-142, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST),
        ] {
            assert_eq!(number, code as i32, "{code:?}");
        }
    }
}
