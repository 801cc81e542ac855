//! What every command takes that prints the messages of topics one after another.

use clap::Args;

use crate::args::functions::{FunctionArgs, JqArgs};
use crate::args::printing::PrintArgs;
use crate::args::reading::{OrderArgs, ReadArgs};
use crate::args::types::ReadingArgs;

/// What of the messages is read, and how it is printed.
#[derive(Args)]
pub struct ShownArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub order: OrderArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub functions: FunctionArgs,
    #[command(flatten)]
    pub jq: JqArgs,
    #[command(flatten)]
    pub print: PrintArgs,
}
