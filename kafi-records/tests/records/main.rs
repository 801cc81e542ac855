//! Encoder and decoder together, next to another implementation, and against damage.

// The helpers beside the tests fail as the tests do.
#![allow(clippy::unwrap_used)]

mod damage;
mod fuzzed;
mod generator;
mod java;
mod limits;
mod oracle;
mod portions;
mod round_trip;
mod special;
