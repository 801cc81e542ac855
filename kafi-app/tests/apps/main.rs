//! The same cases over memory, a folder, and a real broker.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used)]

mod away;
mod concurrency;
mod crashes;
mod exactly_once;
mod failures;
mod members;
mod refused;
mod support;
mod surface;
mod testing;
#[cfg(feature = "tracing")]
mod traces;
