//! Avro: payloads to JSON text and back, with a schema that is compiled once.
//!
//! [`Schema`] is read from its JSON; [`Reader`] turns payloads into JSON text, straight from the bytes; [`Writer`] does
//! the reverse. All are made once and used for many messages; none knows where a schema comes from, or how a payload
//! names it ([`wire`](crate::wire)).
//!
//! # How types are written as JSON
//! | Avro | JSON in the readable form |
//! |---|---|
//! | `int`, `long` | a number; read also from a string of its digits |
//! | `float`, `double` | the shortest number that reads back as the same; NaN and the infinities are the strings `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `bytes`, `fixed`, `duration` | a string of the characters 0 to 255 |
//! | `decimal` | a number with all its digits; read also from a string of it |
//! | dates, times, timestamps | the number that is stored |
//! | `uuid` | its text, also for a `fixed` |
//! | `enum` | its symbol |
//! | union | the bare value where its kind of JSON tells the branch, else `{"branch": value}`; both are read |
//!
//! What was read and is written again is the same payload, if it was one as writers make it: lists in one block,
//! numbers in as few bytes as they need.
//!
//! # Limits
//! Values nest no deeper than [`Json::DEPTH_MAX`](kafi_core::Json::DEPTH_MAX), schemas are no larger than
//! [`Schema::TEXT_BYTES_MAX`], a payload becomes no more than 256 MiB of JSON, and a count that it claims is checked
//! against its bytes. Decimals of more than 4096 digits are bytes.

mod canonical;
mod columns;
mod decimal;
mod form;
mod input;
mod logical;
mod lookup;
mod output;
mod parse;
mod program;
mod read;
mod resolve;
mod schema;
mod times;
mod union;
mod write;

pub(crate) use columns::column_type;
pub use form::Form;
pub use read::Reader;
pub use schema::Schema;
pub(crate) use schema::{NodeId, Record, RecordField, Shape};
pub use write::Writer;
