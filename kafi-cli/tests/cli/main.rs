//! The command line over folders, by what a person types and sees.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod administration;
#[cfg(feature = "app")]
mod apps;
mod bad_input;
mod carried;
mod comparing;
mod completion;
mod copying;
mod decoded;
mod errors;
mod files;
mod function_verbs;
mod functions;
mod group_offsets;
mod group_sources;
mod joins;
mod limits;
mod membership;
#[cfg(feature = "plugins")]
mod plugins;
mod printing;
mod producing;
mod programs;
mod reading;
// It describes all features.
#[cfg(feature = "plugins")]
mod reference;
mod schemas;
mod searching;
mod secrets;
mod settings;
mod storages;
mod topics;
#[cfg(feature = "plugins")]
mod trust;
mod whole_topics;
mod written;
