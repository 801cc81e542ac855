//! Real Kafka as a storage, through librdkafka.
//!
//! [`open`] takes librdkafka's properties, every one of them; a few have other defaults here, which suit what Kafi
//! does:
//!
//! | property | default here | why |
//! | --- | --- | --- |
//! | `partitioner` | `murmur2_random` | a key has one partition everywhere: in the Java clients, in Kafi's own logs |
//! | `enable.idempotence`, `enable.gapless.guarantee` | `true` | after a message that fails, no later one of its partition is written |
//! | `message.timeout.ms` | `0` | no message is given up while later ones may still be written; `produce` says when nothing goes on |
//! | `message.max.bytes` | 1 GB | the broker decides what is too large |
//! | `queue.buffering.max.kbytes` | the most there can be | the producer counts what is under way by itself, 32 MB by default, and takes a larger message, too |
//! | `enable.auto.commit` | `false` | Kafi commits what was handled |
//! | `fetch.wait.max.ms`, `queued.*`, `fetch.*.max.bytes` | from the options | finite reads end at once, memory stays within `buffer_bytes_max` |
//! | `reconnect.backoff.ms` | `20` | the first connection to a broker waits for half of it |
//! | `enable.metrics.push` | `false` | nothing is reported to anybody |
//!
//! `enable.partition.eof`, `auto.offset.reset`, `enable.auto.offset.store`, `isolation.level` and (for consumers)
//! `group.id` follow from how a consumer is made and used, and are not taken from the properties. `transactional.id` is
//! refused: whoever writes in transactions says it when the producer is made.
//!
//! **Reading** assigned partitions speaks to no group's coordinator, also where the consumer has a group; offsets are
//! then committed from outside, which a live member of the group prevents (`Fenced`). Members follow every change of
//! their group in `poll`. `close` commits nothing, and neither does `poll`, unless `enable.auto.commit` asks for it:
//! then what earlier polls returned counts as handled.
//!
//! librdkafka makes each message in a thread of its own and Kafi frees it in another, which glibc's allocator is slow at.
//! A program that reads much gains by another one that C gets, too, as the binary `kafi` has it: mimalloc with its
//! feature `override`, with which two million messages took 0.9 s where they took 1.3 s.
//!
//! **What passes** is waited for: calls ask again for as long as brokers say that a leader or a coordinator is on the
//! move, up to their time-out.
//!
//! **One of several brokers that cannot be reached** does not matter for what the others hold: what every broker can
//! answer is asked where there is a connection, and of others as well where that one is silent for a second; changes go
//! the same way, since brokers pass them on to the controller. What is asked about several partitions
//! (`watermarks_of_each`, `offsets_for_times_of_each`) has an answer for each, and a silent leader is waited for at
//! most 10 s, and half of the call's time-out, once others have answered.
//!
//! **Writing** is idempotent, and stops after a failure: once a message is refused, everything that is under way fails
//! with it (kind `Cancelled` where it was not the reason), for all partitions, and so does what is handed over before
//! the report of the failure was fetched. After that writing goes on. A message that librdkafka never took (missing
//! topic or partition, bad header) stops its own topic only. With `enable.idempotence=false` a later message may be
//! written after an earlier one has failed. Ordinals of messages that named no partition count in the order of
//! delivery. A missing topic is an error, and never made by writing to it.
//!
//! **Writing in transactions** uses one client for all transactions of a producer. A message that fails, or a topic that
//! takes smaller batches than the client makes, spoils the transaction as a whole; after it is aborted the next one may
//! begin. Whoever reads the committed offsets of a group to go on from there waits while a transaction is about to
//! change them.
//!
//! librdkafka's log lines go to the `log` crate under the target `librdkafka`. What it calls an error is mostly a
//! connection that it sets up again by itself, so those lines come as `info`; errors that matter come back from calls.
//!
//! Messages with a zero byte in the name of a header are refused when producing, because most clients end the name
//! there when they read it.

#![deny(missing_docs)]

mod access;
mod admin;
mod config;
mod consumer;
mod coordinators;
mod each;
mod error;
mod ffi;
mod headers;
mod health;
mod kinds;
mod made;
mod member;
mod offsets;
mod part;
mod producer;
mod refusal;
mod retry;
mod security;
mod session;
mod settled;
mod storage;
mod tokens;
mod writer;

use std::sync::Arc;

use kafi_core::{Result, Storage, StorageKind};

pub use storage::CAPABILITIES;

/// The scheme of its addresses: `kafka://host:port`.
pub const SCHEME: &str = StorageKind::Kafka.scheme();

/// librdkafka as it was built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its version, as in `2.12.1`.
    pub librdkafka: String,
    /// What it was built with (`builtin.features`), with commas between: compressions, kinds of authentication.
    pub features: String,
}

/// Opens a cluster under `name`, with librdkafka's properties. Checks them one by one and speaks to no broker.
///
/// # Errors
/// `Config` for an unknown property, a bad value, or missing brokers.
///
/// ```
/// let properties = [("bootstrap.servers".to_string(), "localhost:9092".to_string())];
/// let storage = kafi_cluster::open("local", &properties)?;
/// assert_eq!((storage.name(), storage.scheme()), ("local", "kafka"));
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    Ok(Arc::new(storage::KafkaStorage::new(config::Settings::new(name, properties)?)))
}

/// The version of librdkafka and what it was built with.
pub fn version() -> Version {
    let features = ffi::Conf::new().get("builtin.features").unwrap_or_default();
    Version { librdkafka: ffi::version(), features: features.trim().to_string() }
}
