//! Azure Blob Storage over a real server, and where that fails. Where no variable says that the servers run, the
//! project's scripts start them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
mod objects;
mod signature;
