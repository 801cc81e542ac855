//! The command line over a real broker. `KAFI_TEST_KAFKA` says where one is; without it the project's script starts
//! one. A missing broker is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the tests over folders use more of it")]
mod support;

mod access;
mod administration;
mod broker;
mod copy_targets;
mod copying;
mod errors;
mod functions;
mod group_kinds;
mod group_offsets;
mod leaders;
mod membership;
mod refusals;
mod resuming;
mod secrets;
mod unreachable;
mod verbs;
mod whole_topics;
mod wiped;
