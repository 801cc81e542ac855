//! Reading and writing in bulk: the one place for batching, limits, progress, and cancellation, and the lazy pipes of messages on top of it.

mod pipe;
mod progress;
mod pump;
mod reader;
mod topic;
mod writer;

pub use pipe::{Copied, Pipe, Target};
pub use progress::{Cancel, Progress};
pub use pump::pump;
pub use reader::{ReadOptions, Reader, readers};
pub(crate) use reader::{plan, readers_of};
pub use topic::TopicReader;
pub(crate) use pipe::Encoded;
pub(crate) use topic::BatchDecoder;
pub use writer::Writer;
