//! `app check`: whether a file describes an app.

use std::path::PathBuf;

use clap::Parser;
use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Say whether a file describes an app: its keys, types, functions, policies, and the names of its storages
#[derive(Parser)]
pub struct CheckArgs {
    /// The file
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

impl Verb for CheckArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (file, _) = super::read(context, &self.file)?;
        context.say(&format!("{} reads {}: nothing is wrong", file.name(), file.topics().join(", ")));
        Ok(Exit::Done)
    }
}
