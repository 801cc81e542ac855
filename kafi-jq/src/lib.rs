//! Functions over messages, written in jq.
//!
//! A [`Function`] is compiled once and run for each message. It does what jq 1.8 does, sees only its message, and keeps
//! to its [`Limits`].

#![deny(missing_docs)]

mod bytes;
mod change;
mod function;
mod jaq;
mod limits;
mod message;
mod number;
mod options;
mod steps;
mod value;

pub use change::{Change, NewPart};
pub use function::{Function, Tier, excerpt};
pub use limits::Limits;
pub use message::{MessageView, Part};
pub use options::FunctionOptions;
pub use steps::{BatchSteps, Step, Steps};
