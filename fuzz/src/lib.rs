//! What must hold for any bytes at all: nothing panics, and what is understood is understood in one way only.

#![allow(clippy::unwrap_used, reason = "whatever does not hold is a panic, which is what a fuzzer looks for")]

pub mod avro;
pub mod batches;
pub mod buckets;
pub mod compat;
pub mod config;
pub mod envelope;
pub mod folders;
pub mod functions;
pub mod http;
pub mod offsets;
pub mod oracle;
pub mod protobuf;
pub mod registry;
pub mod schemas;
pub mod tables;
