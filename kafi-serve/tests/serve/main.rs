//! The server over a storage in memory: what clients see, and what becomes of requests that mean no good.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod hostile;
mod registry;
mod rest_v2;
mod rest_v3;
mod support;
