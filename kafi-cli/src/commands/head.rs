//! `head`: prints the first messages.

use clap::Parser;
use kafi::Result;

use crate::args::{LimitArgs, ShownArgs, TopicsArgs};
use crate::commands::cat::show;
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Print the first messages
#[derive(Parser)]
pub struct HeadArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// Print N messages in all, the first as they are read
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 10)]
    max: u64,
    #[command(flatten)]
    shown: ShownArgs,
}

impl Verb for HeadArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let limit = LimitArgs { max: Some(self.max), follow: false };
        show(context, &self.topics.addresses, &limit, &self.shown, &self.shown.functions)
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}
