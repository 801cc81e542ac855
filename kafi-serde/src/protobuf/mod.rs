//! Protobuf: payloads to JSON text and back, with a schema that is compiled once.
//!
//! [`Schema`] is read from a source with what it imports, or from a set of descriptors; [`Reader`] turns payloads into
//! JSON text, straight from the bytes; [`Writer`] does the reverse. All are made once and used for many messages; none
//! knows where a schema comes from, or how a payload names it ([`wire`](crate::wire)).
//!
//! # How types are written as JSON
//! As Protobuf's own mapping says, with the well-known types, `Any`, groups, and extensions (`"[full.name]"`), save for
//! what [`Form`] chooses:
//!
//! | Protobuf | JSON |
//! |---|---|
//! | integers of 64 bits | numbers with all their digits; as strings where [`Integers::Strings`] are wanted; both are read |
//! | NaN and the infinities | the strings `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `bytes` | base64; read also in its other alphabet, and without padding |
//! | enums | the name of the value, or its number where it has none |
//! | an `Any` of a type that the schema does not have | `{"@type": …, "value": base64 of its bytes}` |
//! | fields that the message does not have | left out, or kept in the member `"@unknown"` |
//!
//! What was read and is written again is the same payload, if it was one as writers make it: fields in the order of
//! their numbers, none twice, defaults left out that nothing tells from none, and unknown fields kept and behind the
//! others.
//!
//! # Limits
//! Messages nest no deeper than [`Json::DEPTH_MAX`](kafi_core::Json::DEPTH_MAX), groups that are unknown than 100,
//! sources are no larger than 16 MiB, and a payload becomes no more than 256 MiB of JSON. Editions are refused. Message
//! sets, a form of before proto2, are messages like others.
//!
//! Protobuf's conformance tests pass (`examples/conformance.rs` is what they talk to), save for those that want unknown
//! names in JSON to be ignored: here they are errors.

mod columns;
mod form;
mod input;
mod output;
mod read;
mod schema;
mod sources;
mod special;
mod special_write;
mod time;
mod types;
mod well_known;
mod write;

pub(crate) use columns::column_type;
pub use form::{Form, Integers};
pub use read::Reader;
pub use schema::{Message, Schema};
pub(crate) use sources::{file_named, imports_of, texts_of};
pub use write::Writer;
