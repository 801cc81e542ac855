//! `head`: prints the first messages.

use clap::Args;
use kafi::Result;

use crate::args::LimitArgs;
use crate::commands::Verb;
use crate::commands::cat::{ShownArgs, show};
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct HeadArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Print N messages in all, the first as they are read
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 10)]
    max: u64,
    #[command(flatten)]
    shown: ShownArgs,
}

impl Verb for HeadArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        show(context, &self.addresses, &LimitArgs { max: Some(self.max), follow: false }, &self.shown)
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}
