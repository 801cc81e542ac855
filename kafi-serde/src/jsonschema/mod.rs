//! JSON Schema: payloads that are JSON text, validated both ways.
//!
//! [`Schema`] is compiled once, by the crate jsonschema, from its text and the documents that it refers to. [`Reader`]
//! and [`Writer`] validate and change nothing: the payload is the text. The values are looked at in the text, without a
//! tree of them.
//!
//! # Limits
//! Schemas are no larger than 16 MiB, and apply no more than a million others to one value, a thousand of them one
//! through another. What is wrong with a value is not said beyond 12 levels, only that something is; a pattern tries
//! again at most 100,000 times, and what takes it longer is not valid. Numbers are compared as 64-bit integers or
//! floating point where they are bounded, and are passed on with all their digits. Nothing is ever fetched.

mod codec;
mod columns;
mod limits;
mod node;
mod references;
mod schema;

pub use codec::{Reader, Writer};
pub(crate) use references::references_of;
pub use schema::Schema;
pub(crate) use schema::{draft_of, value_of};
