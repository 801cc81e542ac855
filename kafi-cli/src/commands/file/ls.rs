//! `file ls`: lists the files of storages.

use clap::Parser;
use kafi::{Error, ErrorKind, FileAddress, Result, StorageAddress, default_storage};

use super::{files_of, matching};
use crate::address::several;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List the files of storages
#[derive(Parser)]
pub struct LsArgs {
    /// Storages (prod:, ./data/), what names begin with (prod:reports/), or globs (prod:*.parquet); without any the default storage
    #[arg(value_name = "FILE")]
    addresses: Vec<String>,
    /// Show the bytes of each
    #[arg(short, long)]
    long: bool,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let addresses = match self.addresses.as_slice() {
            [] => vec![(default_storage()?, String::new())],
            addresses => addresses.iter().map(|text| on_storage(text)).collect::<Result<_>>()?,
        };
        let columns: &[&str] = if self.long { &["file", "bytes"] } else { &["file"] };
        let table = Table::of_storages(several(addresses.iter().map(|(storage, _)| storage)), columns);
        let mut table = if self.long { table } else { table.without_names() };
        for (storage, name) in &addresses {
            let mut files = files_of(context, storage)?;
            let is_glob = name.contains(['*', '?', '[', '{']);
            let listed = if is_glob { matching(files.as_mut(), name)? } else { files.list(name, TIMEOUT)? };
            for file in listed {
                let name = Cell::Text(file.name);
                let cells = if self.long { vec![name, Cell::Bytes(file.len)] } else { vec![name] };
                table.row_on(storage, cells);
            }
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

/// The storage that is meant, and what names are to begin with. A folder with a slash at its end is one.
fn on_storage(text: &str) -> Result<(StorageAddress, String)> {
    match FileAddress::parse(text)? {
        FileAddress::Storage { storage, name } => Ok((storage, name)),
        FileAddress::Local(path) if text.ends_with('/') || matches!(text, "." | "..") => {
            Ok((StorageAddress::Folder(path), String::new()))
        }
        _ => {
            let error = Error::new(ErrorKind::Usage, "list files", "this names no storage");
            let error = error.with("address", format_args!("{text:?}"));
            Err(error.hint("a storage is written with its colon (prod:), a folder with a slash at its end (./data/)"))
        }
    }
}
