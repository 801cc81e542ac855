//! Functions over messages, written in jq.
//!
//! A [`Function`] is compiled once and run for each message. It does what jq 1.8 does, sees only its message, and keeps
//! to its [`Limits`].

#![deny(missing_docs)]

mod bytes;
mod change;
mod fold;
mod function;
mod jaq;
mod limits;
mod making;
mod message;
mod needs;
mod number;
mod options;
mod program;
mod step;
mod steps;
mod syntax;
mod through;
mod value;

pub use change::{Change, NewPart};
pub use fold::{Fold, Folding};
pub use function::{Function, Tier, excerpt};
pub use limits::Limits;
pub use message::{MessageView, Part, write_seen};
pub use options::FunctionOptions;
pub use program::{Asked, Program};
pub use step::{Step, Steps};
pub use steps::BatchSteps;
