//! What every emulated Kafka is made of, whatever its bytes lie on: topics' and groups' files, what messages become
//! before they are written, and partitions that are read in turns.
//!
//! A folder and memory are built of it in this crate, stores of objects in `kafi-objects`. It is public for that crate,
//! and changes with it: to bring a storage of your own, implement `ObjectIo` of `kafi-objects`, or the traits of
//! `kafi-core`.

pub mod clock;
pub mod group_file;
pub mod intake;
pub mod reading;
pub mod segment_name;
pub mod topic_config;
pub mod topic_file;
pub mod turns;
