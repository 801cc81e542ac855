//! How a folder is opened.

/// How a folder is opened; the defaults fit nearly always.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderOptions {
    /// Records of one partition are gathered into batches of about this many bytes before compression. Default: 1 MiB.
    pub batch_bytes_max: usize,
    /// And of at most this many records. Default: 16,384.
    pub batch_records_max: u32,
    /// What a producer was given is made durable, and reported as delivered, at the latest when it has gathered this
    /// many bytes. Default: 32 MiB.
    pub commit_bytes_max: u64,
    /// And as soon as the first of it is this many milliseconds old, whenever the producer is called; longer where
    /// fsync is slow, so that at most a fifth of the time goes to waiting for it. Default: 10.
    pub commit_interval_ms: u64,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1 << 20,
            batch_records_max: 16 << 10,
            commit_bytes_max: 32 << 20,
            commit_interval_ms: 10,
        }
    }
}
