//! Emulated Kafka on a store of objects: topics, partitions, offsets, and consumer groups on S3, Azure Blob, or
//! anything else that answers an [`ObjectIo`].
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use kafi_core::{Batch, NewTopic, ProducerOptions, Record, Storage, TopicPartition};
//! use kafi_objects::{MemoryObjects, ObjectOptions};
//!
//! # fn main() -> kafi_core::Result<()> {
//! let wait = Duration::from_secs(10);
//! let storage = kafi_objects::open("bucket", "mem", Arc::new(MemoryObjects::new()), ObjectOptions::default());
//! let mut admin = storage.admin()?;
//! admin.create_topic(&NewTopic::new("orders"), wait)?;
//!
//! let mut batch = Batch::new();
//! batch.push(Record::new("orders", Some(b"k1"), Some(b"hello")));
//! let mut producer = storage.producer(&ProducerOptions::default())?;
//! producer.produce(&batch, 0, 1, wait)?;
//! producer.close(wait)?;
//!
//! let watermarks = admin.watermarks(&[TopicPartition { topic: "orders".into(), partition: 0 }], Default::default(), wait)?;
//! assert_eq!(watermarks[0].high, 1);
//! # Ok(()) }
//! ```
//!
//! # What lies where
//!
//! ```text
//! topics/<topic>/topic.json                                name, id, partitions, settings, time of creation
//! topics/<topic>/<id>/<partition>/<20 digits>.log          record batches, one after another
//! topics/<topic>/<id>/<partition>/head.json                the newest object and the end, as of some time
//! topics/<topic>/<id>/<partition>/start.json               the log start, once records were deleted
//! topics/<topic>/<id>/<partition>/times/<20 digits>.json   the latest timestamps of up to 1,000 objects
//! groups/<group>.json                                      committed offsets, and who the live member is
//! files/<name>                                             files beside the topics, of any content; large ones are written in parts
//! ```
//!
//! A `.log` object is a segment as in a folder, and Apache Kafka's tools read it. It is named by the offset at which
//! the log ended when it was written, so the objects form a chain without holes; with kept offsets its first record may
//! lie higher. Its metadata are `end` (the offset after its last record), `mintime`, `maxtime`, `writer`, `sequence`,
//! `merged` (when others were merged into it), and `check` (a checksum of these, its name, and its length). Objects
//! that were copied without their metadata are read all the same, and cost a few requests more. All other objects are
//! JSON. `head.json` and `times/` can be deleted at any time.
//!
//! # What is promised
//!
//! - *Delivered* means that the store has answered the put of the object, and that the topic was still there while that
//!   was written.
//! - An object is put only if there is none of its name. So two producers never claim the same offsets: whoever is
//!   refused goes on behind the other. A put whose answer was lost is recognised by writer and sequence, and not made
//!   twice.
//! - A message is tried for [`delivery_timeout_ms`](ObjectOptions::delivery_timeout_ms). What fails then may have been
//!   written all the same, if the store was silent; the error says so. Until then a flush that runs out of time is *not
//!   yet* done, and says what it waits for.
//! - A store that cannot be reached or is busy is no error of a consumer that follows, however long that takes; one
//!   that reads up to an end waits for two minutes.
//! - A producer that is killed leaves whole objects or none. Up to one object that was not reported may be there.
//! - Whatever is old, missing, or wrong in `head.json` costs requests and changes no answer.
//! - Whatever else is damaged, missing, or does not belong there is an error that names the object, or changes no
//!   answer; never less than there is without a word. What the objects of a log, its topic, and its groups may have has
//!   a bound, and so has the time that goes by before it is said.
//! - Nothing is deleted by itself.
//!
//! There is no thread that writes in the background: like that of a folder, a producer that is never called again
//! writes nothing more. It writes when it is flushed, when an object is large enough (`segment.bytes` of the topic, 8
//! MiB by default), and when it is called and something has waited for a second.
//!
//! # Merging small objects
//!
//! Small flushes make small objects. `Admin::operation("merge", argument)` with the argument `{"topic": "t"}` puts
//! neighbours together, in one partition with `"partition": 0`, up to `"bytes_max"` (default: the size of the topic's
//! objects). The first of a run is overwritten with all of them; the others are deleted `"grace_ms"` later (default:
//! 60,000), for which the call waits if its time-out allows. What is left is deleted by the next merge. The answer
//! tells, for each partition, the `objects` that were there, how many were `merged` into others, how many of these are
//! `deleted`, and how many are `left`.
//!
//! Messages can be read, written, and merged meanwhile. A grace time below a minute is safe only where nobody else is
//! at work: readers and producers believe what they know for up to 20 seconds. The newest object is never merged and
//! never deleted, because it shows where the log ends.
//!
//! `Admin::operation("size", argument)` counts `objects` and `bytes` by listing. [`Topic`](kafi_core::Topic) does not
//! tell the bytes of partitions on objects.
//!
//! # What it costs
//!
//! | what | requests |
//! |---|---|
//! | write 1 GB in objects of 8 MiB | 120 puts, 120 looks at `topic.json` beside them, a `head.json` a second at most |
//! | flush a partition | a put, a look at `topic.json` (one for all partitions), a `head.json` a second at most |
//! | read 1 GB in objects of 8 MiB | 120 gets; a listing for each 1,000 objects; 4 to begin with, for each partition |
//! | begin in the middle of 10,000 objects | 1 to 3 listings if the position is among the newest messages or begins an object, else up to 12 |
//! | wait at the end | a get each second at most; a listing, a look at the topic and at the log start every 10 seconds |
//! | list the topics | a listing for each 1,000 topics, a get each |
//! | the watermarks of a partition | 5 with a `head.json`; without, a listing for each 1,000 objects at most, and one more |
//! | find a time | a listing and a get for each 1,000 objects; the first time, a look at each object up to the hit |
//! | commit | 3: the topic, the group, and the put |
//! | merge | a get for each small object, a put for each large one that is made, two looks for each that goes, and two gets more if an earlier merge left it |
//!
//! # Groups
//!
//! A group has one live member, which says in `groups/<group>.json` that it lives whenever it commits, and with its
//! polls at least every 10 seconds. A second one gets `Conflict`. One that was closed or dropped makes room at once;
//! one that died after [`member_timeout_ms`](ObjectOptions::member_timeout_ms). If it comes back after another took
//! over, it gets `Fenced`, and commits nothing. A member that says that it lives for longer than ten minutes counts as
//! none. The clocks of the machines must agree to within a few seconds. Committed offsets have the format of folders.
//!
//! # How to bring a store
//!
//! Implement [`ObjectIo`] and call [`open`]. The store must be consistent: a get, a stat, or a listing that begins
//! after a put or a delete has ended sees it. Errors need not name topic or partition, which are added here. For a
//! store behind an asynchronous client, implement [`requests::Service`] instead: single requests, of which [`requests`]
//! makes an [`ObjectIo`] that tries again, reads on, and keeps its deadlines.

mod admin;
mod append;
mod config;
mod consumer;
mod delete;
mod fetch;
mod files;
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
mod properties;
mod read;
pub mod requests;
mod said;
mod scan;
mod shared;
mod storage;
mod tail;
mod tasks;
#[cfg(test)]
mod tests;
mod time;
mod times;
mod topics;

pub use config::ObjectOptions;
pub use io::{Listed, Listing, ObjectIo, ObjectStat, Part, Precondition, Put, PutRequest};
pub use memory::{MemoryObjects, Requests};
pub use properties::Properties;
pub use said::said;
pub use storage::{ObjectStorage, open};
