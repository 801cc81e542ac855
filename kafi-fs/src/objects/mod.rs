//! Emulated Kafka on objects: what a store of objects has to answer so that topics can live on it.

mod io;

pub use io::{Listed, Listing, ObjectIo, ObjectStat, Precondition, Put, PutRequest};
