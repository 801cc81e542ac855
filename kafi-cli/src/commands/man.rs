//! `man`: manual pages, one for each verb. Hidden, since packages install them.

use std::path::PathBuf;

use clap::Parser;
use kafi::{Error, Result};

use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// Write the manual pages into a folder
#[derive(Parser)]
#[command(hide = true)]
pub struct ManArgs {
    /// The folder to write them to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Verb for ManArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let failed = |error| Error::io("write manual pages", error).with("folder", self.folder.display());
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to((context.definition)(), &self.folder).map_err(failed)?;
        Ok(Exit::Done)
    }
}
