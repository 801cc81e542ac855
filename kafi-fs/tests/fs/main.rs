//! Emulated Kafka in folders and in memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod damage;
mod dumper;
mod foreign;
mod groups;
mod links;
mod log;
mod processes;
mod round_trip;
mod support;
