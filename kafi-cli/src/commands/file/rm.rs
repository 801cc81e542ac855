//! `file rm`: deletes files of storages.

use clap::Parser;
use kafi::{Error, ErrorKind, FileAddress, Result};

use super::{expanded, files_of, parsed};
use crate::args::ConfirmArgs;
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete files of storages
#[derive(Parser)]
pub struct RmArgs {
    /// The files (prod:x.csv, s3://bucket/x.csv), or globs
    #[arg(value_name = "FILE", required = true)]
    addresses: Vec<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let addresses = parsed(&self.addresses)?;
        if let Some(local) = addresses.iter().find(|address| !matches!(address, FileAddress::Storage { .. })) {
            let error = Error::new(ErrorKind::Usage, "delete files", "this names no file of a storage");
            return Err(error.with("file", local).hint("the rm of the system deletes local files"));
        }
        let addresses = expanded(context, addresses)?;
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        if !self.confirm.allow("delete files", &format!("delete {}?", list.join(", ")))? {
            return Ok(Exit::Failed);
        }
        let mut several = Several::new(addresses.len());
        for address in &addresses {
            let FileAddress::Storage { storage, name } = address else { continue };
            several.add(files_of(context, storage)?.delete(name, TIMEOUT))?;
        }
        Ok(several.exit())
    }
}
