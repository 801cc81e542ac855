//! `man`: manual pages, one for each verb. Hidden, since packages install them.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use kafi::{Error, Result};

use crate::args::Cli;
use crate::exit::Exit;

#[derive(Args)]
pub struct ManArgs {
    /// The folder to write them to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub fn run(args: &ManArgs) -> Result<Exit> {
    let failed = |error| Error::io("write manual pages", error).with("folder", args.folder.display());
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    Ok(Exit::Done)
}
