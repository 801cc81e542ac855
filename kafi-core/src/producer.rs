//! Writing messages.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::consumer::{CommittedOffset, GroupMetadata};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Shown;

/// How a producer is made.
#[derive(Clone)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct ProducerOptions {
    /// Writes the messages at their own offsets, which must rise within each partition, with gaps where they have gaps.
    /// Default: false, the storage assigns offsets.
    pub keep_offsets: bool,
    /// Writes a message that has no timestamp as one without, where otherwise it gets the time of the write. Default:
    /// false. A topic on a broker that sets the time by itself goes on doing so.
    #[cfg_attr(feature = "plugin", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub keep_timestamps: bool,
    /// The codec for batches (`none`, `gzip`, `snappy`, `lz4`, `zstd`) where neither properties nor the configuration
    /// name one. A storage that compresses as its topics' settings say takes no notice. Default: the storage's.
    #[cfg_attr(feature = "plugin", serde(skip_serializing_if = "Option::is_none"))]
    pub compression: Option<String>,
    /// Properties of the client underneath (librdkafka's names), winning over those of the configuration.
    pub properties: Vec<(String, String)>,
    /// About how many bytes of messages a client that queues them holds until they are acknowledged, but for a single
    /// larger message. Concerns Kafka; logs have settings of their own. Default:
    /// [`BUFFER_BYTES_MAX`](ProducerOptions::BUFFER_BYTES_MAX).
    pub buffer_bytes_max: u64,
    /// The name under which the producer writes in [transactions](Producer#transactions), and in nothing else; of two
    /// with the same name the later one fences the other. Default: none, it writes without transactions.
    #[cfg_attr(feature = "plugin", serde(skip_serializing_if = "Option::is_none"))]
    pub transactional_id: Option<String>,
}

impl ProducerOptions {
    /// 32 MiB.
    pub const BUFFER_BYTES_MAX: u64 = 32 << 20;

    /// Refuses what asks for transactions, for a storage that has none.
    ///
    /// # Errors
    /// `Unsupported` names the storage.
    pub fn refuse_transactions(&self, storage: &str) -> Result<()> {
        if self.transactional_id.is_none() {
            return Ok(());
        }
        Err(Error::unsupported(storage, "write in transactions").hint("transactions are Kafka's: kafka://…"))
    }
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            keep_offsets: false,
            keep_timestamps: false,
            compression: None,
            properties: Vec::new(),
            buffer_bytes_max: Self::BUFFER_BYTES_MAX,
            transactional_id: None,
        }
    }
}

impl fmt::Debug for ProducerOptions {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keep_offsets, keep_timestamps, compression, properties, buffer_bytes_max, transactional_id } = self;
        let mut shown = f.debug_struct("ProducerOptions");
        shown
            .field("keep_offsets", keep_offsets)
            .field("keep_timestamps", keep_timestamps)
            .field("compression", compression);
        shown.field("properties", &Shown(properties)).field("buffer_bytes_max", buffer_bytes_max);
        shown.field("transactional_id", transactional_id).finish()
    }
}

/// The key under which the error of a message that failed may say which one it is: its index, from 0, among all
/// messages that were handed over under its token. A storage adds it to the context of the error where it chose the
/// partition itself, so that `first` does not tell.
pub const MESSAGE_CONTEXT: &str = "message";

/// What became of messages that were handed over. Each message has exactly one report, also where its topic is deleted
/// while it is under way.
///
/// One report covers a run of neighbouring messages: the `count` messages from the `first`-th on, among those that came
/// under this token for this topic and partition.
#[derive(Debug)]
pub struct Report {
    /// The caller's word for the call of [`produce`](Producer::produce), or for several calls in a row.
    pub token: u64,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition they went to, or were meant for; -1 if it was never chosen.
    pub partition: i32,
    /// The ordinal of the first message, from 0.
    pub first: u64,
    /// How many messages this report covers; at least 1.
    pub count: u64,
    /// What became of them.
    pub delivery: Delivery,
}

/// The outcome of a run of messages.
#[derive(Debug)]
pub enum Delivery {
    /// Written durably; the first message has this offset, and without kept offsets the others follow it without a gap.
    At(i64),
    /// Written durably, at offsets that are not known.
    Unknown,
    /// Not written, or not known to be.
    Failed(Error),
}

/// Writes messages to a storage.
///
/// Messages go to the topic that they name, to their partition (or, with -1, to one that the partitioner chooses:
/// murmur2 of the key as in the Java clients), with their timestamp (with -1, the current time, unless timestamps are
/// kept). Messages to one partition are written in the order in which they were handed over; after the first that
/// fails, no later one of that partition that was handed over before the failure was reported is written.
///
/// ```
/// # fn write(producer: &mut dyn kafi_core::Producer, batch: &kafi_core::Batch) -> kafi_core::Result<()> {
/// use std::time::Duration;
/// let wait = Duration::from_secs(30);
/// let mut from = 0;
/// while from < batch.len() {
///     from += producer.produce(batch, from, 1, wait)?;
/// }
/// producer.flush(wait)?;
/// for report in producer.reports(Duration::ZERO)? {
///     println!("{} messages of {} [{}]: {:?}", report.count, report.topic, report.partition, report.delivery);
/// }
/// # Ok(()) }
/// ```
///
/// # Transactions
///
/// A producer that was made with a [transactional id](ProducerOptions::transactional_id), which takes a storage with
/// the capability [`PRODUCE_TRANSACTIONS`](crate::Capabilities::PRODUCE_TRANSACTIONS), writes in transactions: it
/// [initialises](Producer::init_transactions) them once, and then [begins](Producer::begin_transaction) one after
/// another, produces into it, may [commit offsets](Producer::send_offsets_to_transaction) of a group with it, and
/// [commits](Producer::commit_transaction) or [aborts](Producer::abort_transaction) it. Whoever reads committed messages
/// sees all of a committed transaction, and nothing of others.
///
/// Errors of these calls, and of [`produce`](Producer::produce) within a transaction, are of three kinds. *Not yet* is
/// what it is for [`flush`](Producer::flush): the same call may succeed later, and goes on where it was. `Cancelled`
/// says that the transaction cannot be committed any more: it is to be aborted, after which the next one may begin; that
/// it can be retried says that the same work may then succeed. Any other error is *fatal*; it is `Fenced` where another
/// producer has taken the transactional id, and a `Timeout` where nobody can say whether the transaction was committed:
/// the next producer of the same id settles that when it initialises, and committed offsets of the group tell. After a
/// message that was reported as failed the transaction is to be aborted, too.
///
/// ```
/// # use kafi_core::{Batch, CommittedOffset, GroupMetadata, Producer, Result};
/// # fn write(producer: &mut dyn Producer, batch: &Batch, done: &[CommittedOffset], of: &GroupMetadata) -> Result<()> {
/// use std::time::Duration;
/// let wait = Duration::from_secs(30);
/// producer.init_transactions(wait)?;
/// producer.begin_transaction()?;
/// producer.produce(batch, 0, 1, wait)?;
/// producer.send_offsets_to_transaction(done, of, wait)?;
/// producer.commit_transaction(wait)?;
/// # Ok(()) }
/// ```
pub trait Producer: Send {
    /// Hands over the messages of `batch` from index `from` on, under `token`, and says how many were taken: all of
    /// them, unless the queue was full for all of `timeout`; then possibly fewer or none, and the caller goes on from
    /// there. Never drops a message.
    ///
    /// Neighbouring calls may share a token, and their messages are then counted on. A token does not come again after
    /// another one: storages keep no count of tokens that are over, so the ordinals of its messages would begin at 0
    /// again. A number that is raised with each batch will do.
    ///
    /// The batch is free for reuse when this returns. A message that was taken is not written yet: that is what
    /// [`reports`](Producer::reports) tell.
    ///
    /// # Errors
    /// Only for what concerns the producer as a whole (`Unsupported`, `Fenced`, `Unavailable`), *not yet* or *fatal* as
    /// for [`flush`](Producer::flush); what is wrong with single messages is reported.
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize>;

    /// The reports that came in since the last call; waits up to `timeout` for the first one, not at all if nothing is
    /// under way.
    ///
    /// # Errors
    /// As for [`produce`](Producer::produce).
    fn reports(&mut self, timeout: Duration) -> Result<&[Report]>;

    /// Sends everything and waits until each message has its report, up to `timeout`. The reports are then to be
    /// fetched.
    ///
    /// There are two kinds of errors. *Not yet*: the time is over and reports are still missing, so that the same call
    /// may succeed later. It is a `Timeout`, or any error that says that a [retry](crate::Retry) may help later; best
    /// one that says why nothing goes on, as that a broker cannot be reached. Nothing is lost by it, and whoever calls
    /// goes on calling for as long as he likes. Any other error is *fatal*: what is under way will not be written, and
    /// the producer is of no use any more. What is wrong with single messages is neither; it is reported. The same
    /// holds for [`produce`](Producer::produce), [`reports`](Producer::reports), and [`close`](Producer::close).
    ///
    /// # Errors
    /// *Not yet*, when some reports are still missing; as for [`produce`](Producer::produce).
    fn flush(&mut self, timeout: Duration) -> Result<()>;

    /// Flushes, then frees what the producer holds, within `timeout`. Dropping a producer without it loses what is
    /// under way, and never blocks.
    ///
    /// # Errors
    /// As for [`flush`](Producer::flush).
    fn close(&mut self, timeout: Duration) -> Result<()>;

    /// Makes the producer ready to write in [transactions](Producer#transactions): fences those that had its
    /// transactional id before, and aborts what they left open. Comes once, before the first transaction. Blocks up to
    /// `timeout`.
    ///
    /// # Errors
    /// `Unsupported` without the capability, `Usage` for a producer without a transactional id.
    fn init_transactions(&mut self, _timeout: Duration) -> Result<()> {
        Err(no_transactions())
    }

    /// Begins a transaction. Does not block.
    ///
    /// # Errors
    /// `Usage` where one is open, or none can be.
    fn begin_transaction(&mut self) -> Result<()> {
        Err(no_transactions())
    }

    /// Commits these offsets with the transaction, if that is committed, as the member of a group that `group` names:
    /// where the group has given its partitions to another one meanwhile that is `Cancelled`. A `timeout` that runs out
    /// makes an end of the transaction, too. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [transactions](Producer#transactions).
    fn send_offsets_to_transaction(
        &mut self,
        _offsets: &[CommittedOffset],
        _group: &GroupMetadata,
        _timeout: Duration,
    ) -> Result<()> {
        Err(no_transactions())
    }

    /// Flushes, and commits the transaction, which is certain then, though a reader may see it a moment later only.
    /// Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [transactions](Producer#transactions).
    fn commit_transaction(&mut self, _timeout: Duration) -> Result<()> {
        Err(no_transactions())
    }

    /// Aborts the transaction: messages that wait to be sent are reported as failed (`Cancelled`), and nobody who reads
    /// committed messages sees what was written. Blocks up to `timeout`.
    ///
    /// # Errors
    /// *Not yet* and *fatal*.
    fn abort_transaction(&mut self, _timeout: Duration) -> Result<()> {
        Err(no_transactions())
    }
}

fn no_transactions() -> Error {
    Error::new(ErrorKind::Unsupported, "write in transactions", "this kind of storage has none")
}
