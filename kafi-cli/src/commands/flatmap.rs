//! `flatmap`: print, or write elsewhere, the messages that a function makes of each: none, one, or many.

use clap::Parser;
use kafi::Result;

use crate::commands::applied::AppliedArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Print, or write elsewhere, the messages that a function makes of each: none, one, or many
#[derive(Parser)]
pub struct FlatmapArgs {
    #[command(flatten)]
    applied: AppliedArgs,
}

impl Verb for FlatmapArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        self.applied.run("flatmap", context)
    }

    fn addresses(&self) -> Vec<String> {
        self.applied.addresses()
    }
}
