//! Emulated Kafka in a local folder, or in memory: topics, partitions, offsets, keys, headers, timestamps, and consumer
//! groups without a server.
//!
//! Messages are kept in Kafka's own record batch format, so that Apache Kafka's tools can read the segment files, and
//! everything is durable before it is reported as delivered. Several processes can read and write one folder at once.
//!
//! The same on S3, Azure Blob and other stores of objects is the crate `kafi-objects`, which shares [`emulated`] with
//! this one.
//!
//! ```
//! use std::time::Duration;
//! use kafi_core::{Assignment, Batch, ConsumerOptions, NewTopic, Polled, ProducerOptions, Record, Storage};
//!
//! # fn main() -> kafi_core::Result<()> {
//! let wait = Duration::from_secs(10);
//! let storage = kafi_fs::open_memory("mem");
//! storage.admin()?.create_topic(&NewTopic::new("orders"), wait)?;
//!
//! let mut batch = Batch::new();
//! batch.push(Record::new("orders", Some(b"k1"), Some(b"hello")));
//! let mut producer = storage.producer(&ProducerOptions::default())?;
//! producer.produce(&batch, 0, 1, wait)?;
//! producer.flush(wait)?;
//!
//! let mut consumer = storage.consumer(&ConsumerOptions::default())?;
//! consumer.assign(&[Assignment { topic: "orders".into(), partition: 0, start: 0, end: Some(1) }], wait)?;
//! assert_eq!(consumer.poll(&mut batch, wait)?, Polled::Records);
//! assert_eq!(batch.get(0).value, Some(&b"hello"[..]));
//! assert_eq!(consumer.poll(&mut batch, wait)?, Polled::End);
//! # Ok(()) }
//! ```
//!
//! # What lies where
//!
//! ```text
//! <root>/topics/<topic>/topic.json                             name, partitions, settings, id, time of creation
//! <root>/topics/<topic>/<partition>/<20 digits>.log            record batches, one after another; the digits are the first offset
//! <root>/topics/<topic>/<partition>/<20 digits>.kidx           offsets, bytes and times of blocks of 64 KiB; can be rebuilt
//! <root>/topics/<topic>/<partition>/recovery                   segment, length and next offset that are durable; the lock of the partition
//! <root>/topics/<topic>/<partition>/start                      the log start, once records were deleted
//! <root>/topics/<topic>/<partition>/<20 digits>.torn-<n>       what a crash left behind the last whole batch
//! <root>/groups/<group>.json, <group>.lock                     committed offsets; held by the live member
//! <root>/files/<name>                                          files beside the topics, of any content
//! <root>/files/~<32 digits>                                    a file that is not whole yet
//! ```
//!
//! # What is promised
//!
//! - *Delivered* means that fsync returned. Fsync is called for many messages at once: when the producer is flushed,
//!   when it waits for reports, and whenever it is called and enough has gathered (see [`FolderOptions`]). There is no
//!   background thread: a producer that is never called again writes nothing more.
//! - After a crash, what was delivered is there. What no whole batch follows is cut off by the next producer, after
//!   saving it, and ignored by consumers. All else is data and is never cut: damage in it is an error that names file,
//!   byte and offsets, or is skipped on request, and new messages go to another segment. That holds whatever `recovery`
//!   and the indexes say, which come back from other backups than the log, or not at all: what they promise and the log
//!   lacks is an error, too, and where they say less than the log holds, the log counts.
//! - Whoever else can write into the folder is not trusted: only regular files are opened, no link below the root is
//!   followed, the names of temporary files cannot be guessed, what is read is checked as what is written, and what it
//!   makes Kafi read into memory at once is bounded.
//! - An append that fails is taken back. After an fsync that fails, nothing that was under way is reported as
//!   delivered.
//! - Nothing is deleted by itself: settings about retention and compaction are kept, but not acted on.
//!
//! # What topics' settings do
//!
//! `compression.type` (`producer`, the default, compresses nothing), `segment.bytes`, `max.message.bytes` (2147483647
//! by default) and `message.timestamp.type` (whose clock a message *without* a timestamp gets; one that has a timestamp
//! keeps it with its type). All others of Kafka's are checked, kept, and given back.
//!
//! # What is different from a broker
//!
//! A group has one live member. There are no transactions: logs hold what was committed. Names of topics and groups
//! that differ only in case are kept apart also where the file system would take them for one: the second topic lies in
//! a folder `<topic>~<five digits>`, the second group in a file with its capital letters (or its first letter) as
//! `%XX`.

#![deny(missing_docs)]

mod admin;
mod config;
mod consumer;
pub mod emulated;
mod error;
#[cfg(test)]
mod faults;
mod files;
mod groups;
mod io;
mod lane;
mod log;
mod producer;
mod shared;
mod storage;
mod topics;

pub use config::FolderOptions;
pub use storage::{CAPABILITIES, LogStorage, open, open_folder, open_memory};

/// The scheme of folders.
pub const SCHEME_FILE: &str = kafi_core::StorageKind::Local.scheme();

/// The scheme of storages in memory.
pub const SCHEME_MEM: &str = "mem";
