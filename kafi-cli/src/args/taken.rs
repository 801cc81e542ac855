//! What every command takes that works on messages, and prints none of them.

use clap::Args;

use crate::args::functions::FunctionArgs;
use crate::args::reading::{LimitArgs, ReadArgs};
use crate::args::types::TextArgs;

/// What of the messages is read, as what, and through which functions.
#[derive(Args)]
pub struct TakenArgs {
    #[command(flatten)]
    pub limit: LimitArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub text: TextArgs,
    #[command(flatten)]
    pub functions: FunctionArgs,
}
