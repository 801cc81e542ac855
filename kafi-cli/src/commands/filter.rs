//! `filter`: print, or write elsewhere, the messages that a function keeps.

use clap::Parser;
use kafi::Result;

use crate::commands::applied::AppliedArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Print, or write elsewhere, the messages that a function keeps
#[derive(Parser)]
pub struct FilterArgs {
    #[command(flatten)]
    applied: AppliedArgs,
}

impl Verb for FilterArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        self.applied.run("filter", context)
    }

    fn addresses(&self) -> Vec<String> {
        self.applied.addresses()
    }
}
