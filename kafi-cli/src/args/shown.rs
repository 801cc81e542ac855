//! What every command takes that prints the messages of topics one after another.

use clap::Args;
use kafi::Result;

use crate::args::functions::{FunctionArgs, JqArgs};
use crate::args::printing::PrintArgs;
use crate::args::reading::{OrderArgs, ReadArgs};
use crate::args::types::ReadingArgs;
use crate::args::values::refused;

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

impl ShownArgs {
    /// Refuses what would be printed where nothing is, and an order where partitions stay.
    pub fn refuse_to_print(&self) -> Result<()> {
        let said =
            [("--jq", self.jq.is_said()), ("-F, -K, -D, -Z", self.print.is_said()), ("--order", self.order.is_said())];
        match said.into_iter().find(|(_, is_said)| *is_said) {
            None => Ok(()),
            Some((argument, _)) => Err(refused(argument, "with --to nothing is printed")),
        }
    }
}
