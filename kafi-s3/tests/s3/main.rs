//! S3 over a real server, and where that fails. Where no variable says that the servers run, the project's scripts
//! start them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod credentials;
mod faults;
mod objects;
