//! What failures are in this API.

use kafi_core::{Error, ErrorKind};
use kafi_serde::registry::Code;

use crate::failure::Refusal;

/// There is no such partition.
pub const PARTITION_NOT_FOUND: u32 = 40402;
/// There is no such topic, in version 3.
pub const UNKNOWN_TOPIC_OR_PARTITION: u32 = 40403;
/// There is no such topic, in version 2.
pub const TOPIC_NOT_FOUND: u32 = 40401;
/// There is no such instance of a consumer.
pub const CONSUMER_NOT_FOUND: u32 = 40403;
/// The instance was made for another format.
pub const FORMAT_MISMATCH: u32 = 40601;
/// There is an instance of this name already.
pub const CONSUMER_EXISTS: u32 = 40902;
/// It subscribes and has partitions of its own, which exclude each other.
pub const ILLEGAL_STATE: u32 = 40903;
/// A request has keys of a format with schemas, and names none.
pub const NO_KEY_SCHEMA: u32 = 42201;
/// The same of values.
pub const NO_VALUE_SCHEMA: u32 = 42202;
/// A key or value is not of the format.
pub const CONVERSION: u32 = 42203;
/// A setting of a consumer is none.
pub const BAD_SETTING: u32 = 42204;
/// The schema is none.
pub const INVALID_SCHEMA: u32 = 42205;
/// The schema is not there, or the registry does not take it.
pub const BAD_SCHEMA: u32 = 42207;
/// A list of records to be written together is none.
pub const BAD_BATCH: u32 = 42208;
/// There are as many consumers as there may be.
pub const TOO_MANY_CONSUMERS: u32 = 42901;
/// A request is wrong.
pub const BAD_REQUEST: u32 = 400;
/// What the storage is asked for cannot be.
pub const KAFKA_BAD_REQUEST: u32 = 40002;
/// The storage failed.
pub const KAFKA: u32 = 50002;
/// The storage failed, and may not do so the next time.
pub const KAFKA_RETRIABLE: u32 = 50003;

/// What an error is: a status and a code. `not_found` is that for what is not there.
pub fn explain(error: &Error, not_found: u32) -> Refusal {
    let (status, code) = match error.kind() {
        // What a registry says.
        _ if Code::InvalidSchema.is_of(error) => (422, INVALID_SCHEMA),
        _ if Code::of(error).is_some() => (422, BAD_SCHEMA),
        ErrorKind::NotFound => (404, not_found),
        // A member of the body is missing, or is something else, where it is `Function`.
        ErrorKind::AlreadyExists | ErrorKind::Usage | ErrorKind::Config | ErrorKind::Function => {
            (400, KAFKA_BAD_REQUEST)
        }
        ErrorKind::OutOfRange => (400, 40004),
        ErrorKind::Corrupt => (422, CONVERSION),
        ErrorKind::TooLarge => (413, 413),
        ErrorKind::Authentication => (401, 40101),
        ErrorKind::PermissionDenied => (403, 40301),
        ErrorKind::Conflict | ErrorKind::Fenced => (409, ILLEGAL_STATE),
        ErrorKind::Unsupported => (501, 501),
        // Whether it was done is not known, so that it is no 503, which says that it was not.
        ErrorKind::Unavailable | ErrorKind::Timeout => (500, KAFKA_RETRIABLE),
        _ => (500, KAFKA),
    };
    Refusal::new(status, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_documented_codes() {
        for (kind, expected) in [
            (ErrorKind::NotFound, (404, TOPIC_NOT_FOUND)),
            (ErrorKind::AlreadyExists, (400, KAFKA_BAD_REQUEST)),
            (ErrorKind::Usage, (400, KAFKA_BAD_REQUEST)),
            (ErrorKind::Function, (400, KAFKA_BAD_REQUEST)),
            (ErrorKind::Authentication, (401, 40101)),
            (ErrorKind::PermissionDenied, (403, 40301)),
            (ErrorKind::Timeout, (500, KAFKA_RETRIABLE)),
            (ErrorKind::Unavailable, (500, KAFKA_RETRIABLE)),
            (ErrorKind::Io, (500, KAFKA)),
        ] {
            let refusal = explain(&Error::new(kind, "a", "b"), TOPIC_NOT_FOUND);
            assert_eq!((refusal.status, refusal.code), expected, "{kind:?}");
        }
        for (code, expected) in [(Code::InvalidSchema, INVALID_SCHEMA), (Code::SchemaNotFound, BAD_SCHEMA)] {
            let refusal = explain(&code.error("a", "b"), TOPIC_NOT_FOUND);
            assert_eq!((refusal.status, refusal.code), (422, expected));
        }
    }
}
