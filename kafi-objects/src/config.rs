//! How a store of objects is opened.

/// How a store of objects is opened; the defaults fit nearly always.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectOptions {
    /// Records of one partition are gathered into batches of about this many bytes before compression. Default: 1 MiB.
    pub batch_bytes_max: usize,
    /// And of at most this many records. Default: 16,384.
    pub batch_records_max: u32,
    /// An object is written when this many bytes of a partition have gathered, after compression, where the topic's
    /// `segment.bytes` is not set. Default: 8 MiB.
    pub object_bytes: u64,
    /// However large `segment.bytes` is, an object is written when it has this many bytes, because it is gathered in
    /// memory. Default: 32 MiB.
    pub object_bytes_max: u64,
    /// What a producer holds in memory at most, over all its partitions, until it is written. Default: 48 MiB.
    pub buffer_bytes_max: u64,
    /// What a producer was given is written at the latest when the first of it is this many milliseconds old, whenever
    /// the producer is called. Default: 1,000.
    pub commit_interval_ms: u64,
    /// How long a message may take from the first attempt to write it until it counts as failed. Whoever writes may
    /// give up before: the writers of `kafi_core` do after 120 s without a report, unless they are told otherwise.
    /// Default: 300,000.
    pub delivery_timeout_ms: u64,
    /// `head.json` of a partition is written at most this often, but in any case when a producer is closed. Default:
    /// 1,000.
    pub head_interval_ms: u64,
    /// The requests that a producer, a consumer, or an admin client has under way at most. Default: 16.
    pub requests_max: usize,
    /// Objects are read in ranges of this many bytes; at least 4 MiB. Default: 8 MiB.
    pub fetch_bytes: u64,
    /// A consumer that waits for new messages looks for them at least this often, in milliseconds. Default: 1,000.
    pub poll_interval_ms: u64,
    /// How long a member of a group is taken for live after its last poll or commit, in milliseconds; at most 300,000.
    /// Default: 30,000.
    pub member_timeout_ms: u64,
    /// What the keys of files begin with, from the storage's root on: nothing, or something that ends in `/`. Default:
    /// `files/`.
    pub files_prefix: String,
    /// How long it is believed where a log ends without a look, in milliseconds. Whoever merges objects leaves more
    /// time than this before deleting those that were merged. Default: 20,000.
    pub(crate) trust_ms: u64,
}

impl ObjectOptions {
    /// The same, with keys of files that begin so.
    pub fn with_files_prefix(self, files_prefix: String) -> Self {
        Self { files_prefix, ..self }
    }
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1 << 20,
            batch_records_max: 16 << 10,
            object_bytes: 8 << 20,
            object_bytes_max: 32 << 20,
            buffer_bytes_max: 48 << 20,
            commit_interval_ms: 1_000,
            delivery_timeout_ms: 300_000,
            head_interval_ms: 1_000,
            requests_max: 16,
            fetch_bytes: 8 << 20,
            poll_interval_ms: 1_000,
            member_timeout_ms: 30_000,
            files_prefix: "files/".into(),
            trust_ms: 20_000,
        }
    }
}
