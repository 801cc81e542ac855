//! `map`: print, or write elsewhere, the message that a function makes of each.

use clap::Parser;
use kafi::Result;

use crate::commands::applied::AppliedArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Print, or write elsewhere, the message that a function makes of each
#[derive(Parser)]
pub struct MapArgs {
    #[command(flatten)]
    applied: AppliedArgs,
}

impl Verb for MapArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        self.applied.run("map", context)
    }

    fn addresses(&self) -> Vec<String> {
        self.applied.addresses()
    }
}
