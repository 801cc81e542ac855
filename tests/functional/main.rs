//! The functional layer, the verbs over bytes, and the handle, in memory and in a folder.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used)]

mod add_ons;
mod administration;
#[cfg(feature = "jq")]
mod allocations;
mod consumers;
mod copies;
mod copy_targets;
mod diffs;
mod done;
mod groups;
mod joins;
mod mirrors;
mod orders;
mod outlived;
mod pipes;
mod producers;
mod reading;
mod resuming;
mod support;
mod verbs;
mod watched;
mod writers;
