//! The lossless envelope: one message as one line of JSON.
//!
//! `{"topic":"t","partition":0,"offset":17,"timestamp":1732660705555,"timestamp_type":"create","headers":[{"key":"h","value":"x"}],"key":"k","value":{"id":1}}`
//!
//! Null is `null` and empty is `""`. What is not UTF-8 stands as base64 beside a null
//! (`"value":null,"value_base64":"/w=="`). JSON stands as it is, digits and order of the members untouched; where that
//! would not give back the exact bytes (JSON text with line breaks, or the JSON string `"x"` under the type json) the
//! text itself stands beside (`"value_raw":"…"`) and wins when the line is read. What was decoded by a schema stands as
//! JSON whatever it is, with the schema's id behind it (`"value_schema_id":7`).

mod read;
mod write;

pub use read::{EnvelopeReader, EnvelopeSchema, parse_envelope};
pub use write::EnvelopeWriter;

#[cfg(test)]
mod tests;
