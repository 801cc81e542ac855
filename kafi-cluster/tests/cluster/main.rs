//! Real Kafka, with real brokers, and with such as only answer what a test wants.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod administration;
mod authentication;
mod common;
mod coordinators;
mod finite;
mod groups;
mod round_trip;
mod trouble;
mod writing;
