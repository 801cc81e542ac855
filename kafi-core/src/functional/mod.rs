//! Reading and writing in bulk: the one place for batching, limits, progress, and cancellation, and the lazy pipes of
//! messages on top of it.
//!
//! What users need of it stands at the root of the crate. The rest is for who writes verbs: what is to be read in
//! absolute offsets ([`plan`]), readers of it ([`readers_of`]), which read ahead in threads of their own ([`pump`]), or
//! in an order ([`read_in_order`]); what begins again after what passes ([`Backoff`]).

mod account;
mod again;
mod aside;
mod coding;
mod conversion;
mod done;
mod draft;
mod failures;
mod group;
mod later;
mod ledger;
mod notes;
mod options;
mod order;
mod pipe;
mod place;
mod plan;
mod progress;
mod pump;
mod reader;
mod sorted;
mod stage;
mod topic;
mod tracked;
mod transaction;
mod windows;
mod writer;

pub use crate::message::push_headers;
pub use again::{Backoff, caught, may_pass};
pub use aside::SetAside;
pub use coding::{BatchDecoder, BatchEncoder, TextDecoder, topic_names};
pub use conversion::{BatchConverter, Conversion, Recoder, Recoding};
pub use draft::DoneDraft;
pub use failures::Failures;
pub use group::start_at_committed;
pub use later::TopicFilter;
pub use notes::CommitNotes;
pub use options::{GroupOptions, GroupUse, Order, ReadOptions};
pub use order::read_in_order;
pub use pipe::{Copied, Pipe, Target};
pub use place::Place;
pub use plan::{TopicFailure, partitions_of, partitions_of_each, plan};
pub use progress::{Cancel, Limit, Progress};
pub use pump::{pump, pump_helped, pump_settling};
pub use reader::{Next, readers_of};
pub use reader::{Reader, readers};
pub use topic::TopicReader;
pub use writer::{OnDelivery, Writer};
