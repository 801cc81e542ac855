//! `man`: manual pages, one for each verb. Hidden, since packages install them.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use kafi::{Error, Result};

use crate::args::Cli;
use crate::commands::Verb;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct ManArgs {
    /// The folder to write them to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Verb for ManArgs {
    fn run(&self, _context: &Context) -> Result<Exit> {
        let failed = |error| Error::io("write manual pages", error).with("folder", self.folder.display());
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), &self.folder).map_err(failed)?;
        Ok(Exit::Done)
    }
}
