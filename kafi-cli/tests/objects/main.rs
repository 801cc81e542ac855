//! The command line over S3 and Azure Blob Storage. `KAFI_TEST_S3` and `KAFI_TEST_AZURE` say where servers are; without
//! them the project's scripts start them. A missing server is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the tests over folders use more of it")]
mod support;

mod errors;
mod files;
mod places;
mod resuming;
mod verbs;
mod whole_topics;
