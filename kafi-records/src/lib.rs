//! Kafka's record batch format v2 (magic 2): encode, decode, compress, edit headers.
//!
//! A *stored batch* is what Kafka keeps in its logs and sends over the wire: a header of 61 bytes and records,
//! compressed together. This crate turns messages into stored batches ([`Encoder`]) and stored batches into messages
//! ([`Decoder`]), as Apache Kafka does; and it reads and edits headers without a look at the records ([`BatchHeader`],
//! [`set_base_offset`], [`clear_transaction`]). It knows nothing of files and sockets, and nothing in it blocks.
//!
//! # Example: messages to a stored batch, and back
//! ```
//! use kafi_core::{Batch, Record};
//! use kafi_records::{Compression, Decoder, Encoder};
//!
//! # fn main() -> kafi_core::Result<()> {
//! let mut encoder = Encoder::new(Compression::Zstd);
//! for offset in 100..103 {
//!     let fits = encoder.push(Record { timestamp: 1_700_000_000_000, ..Record::new("orders", Some(b"k"), Some(b"v")) }, offset)?;
//!     assert!(fits);
//! }
//! let mut decoder = Decoder::new();
//! let header = encoder.finish(decoder.buffer())?;
//! assert_eq!((header.base_offset, header.last_offset(), header.record_count), (100, 102, 3));
//!
//! decoder.open()?;
//! let mut batch = Batch::new();
//! let topic = batch.topic_index("orders");
//! decoder.read(&mut batch, topic, 0, 101, i64::MAX)?;
//! assert_eq!(batch.iter().map(|record| record.offset).collect::<Vec<_>>(), [101, 102]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is kept, and what is refused
//! Null and empty keys, values, and header values are different; header names may repeat and need not be UTF-8; offsets
//! may have gaps; timestamps are the producer's or the log's. Whatever does not form a batch is one `Corrupt` error
//! with the batch's base offset: the checksum is verified before anything else is believed, and no length that the
//! bytes merely claim decides how much memory is taken.
//!
//! # Compression
//! gzip, snappy, lz4, and zstd, each at its default level, in the frames that Kafka's Java client writes. Reading also
//! takes what librdkafka and others write: snappy without frames, lz4 and zstd frames with checksums and sizes, several
//! gzip members or zstd frames in a row.

#![deny(missing_docs)]

mod compression;
mod decoder;
mod edit;
mod encoder;
mod header;
mod malformed;
mod varint;
mod walk;

pub use compression::Compression;
pub use decoder::Decoder;
pub use edit::{check_crc, clear_transaction, set_base_offset, set_leader_epoch, set_producer};
pub use encoder::Encoder;
pub use header::BatchHeader;

/// What a buffer may keep between batches, in bytes; a single huge batch does not hold its memory for ever.
pub(crate) const KEEP_BYTES_MAX: usize = 8 << 20;
