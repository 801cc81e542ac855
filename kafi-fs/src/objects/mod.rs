//! Emulated Kafka on objects: what a store of objects has to answer so that topics can live on it, and the storage on top of that.

mod admin;
mod append;
mod config;
mod consumer;
mod delete;
mod fetch;
mod groups;
mod io;
mod lane;
mod locate;
mod log;
mod memory;
mod merge;
mod operations;
mod parse;
mod place;
mod producer;
mod read;
mod storage;
mod tasks;
#[cfg(test)]
mod tests;
mod time;
mod times;
mod topics;

pub use config::ObjectOptions;
pub use io::{Listed, Listing, ObjectIo, ObjectStat, Precondition, Put, PutRequest};
pub use memory::{MemoryObjects, Requests};
pub use storage::{ObjectStorage, open};
