//! `file cp`: copies files between storages and the local file system.

use std::path::PathBuf;

use clap::Parser;
use kafi::{Error, ErrorKind, FileAddress, Result, StorageAddress};

use super::{BYTES_TIMEOUT, each_block, expanded, parsed};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::summary::Summary;
use crate::verb::Verb;

/// Copy files to, from, and between storages
#[derive(Parser)]
pub struct CpArgs {
    /// The files (prod:x.csv, s3://bucket/x.csv, ./x.csv), or globs on a storage; then where to: a file, or a storage or folder
    /// that keeps their names (prod:, prod:reports/, ./)
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    addresses: Vec<String>,
}

impl Verb for CpArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (to, from) = self.addresses.split_last().expect("there are at least two");
        let sources = expanded(context, parsed(from)?)?;
        let destination = Destination::of(to)?;
        if let (Destination::File(_), [_, _, ..]) = (&destination, sources.as_slice()) {
            let error = Error::new(ErrorKind::Usage, "copy files", "several files cannot become one");
            return Err(error.with("to", to).hint("a storage (prod:) or a folder (./) keeps their names"));
        }
        let (summary, mut bytes) = (Summary::start(), 0);
        context.begin_job();
        for source in &sources {
            let mut reader = context.registry.open_file(source, TIMEOUT)?;
            let mut writer = context.registry.create_file(&destination.of_source(source), TIMEOUT)?;
            let whole = each_block(context, reader.as_mut(), |block| {
                bytes += block.len() as u64;
                writer.write(block, BYTES_TIMEOUT)
            });
            if !matches!(whole, Ok(true)) {
                // The first error is the one that counts.
                let _ = writer.abort(TIMEOUT);
                return whole.map(|_| Exit::Interrupted);
            }
            writer.finish(BYTES_TIMEOUT)?;
        }
        summary.count("copied", sources.len() as u64).count("bytes", bytes).say(context);
        Ok(Exit::Done)
    }
}

/// Where files go.
enum Destination {
    File(FileAddress),
    /// The names are kept in this folder.
    Folder(PathBuf),
    /// The names are kept on this storage, behind what they begin with.
    Storage(StorageAddress, String),
}

impl Destination {
    fn of(text: &str) -> Result<Self> {
        Ok(match FileAddress::parse(text)? {
            FileAddress::Local(path) if text.ends_with('/') || path.is_dir() => Self::Folder(path),
            FileAddress::Storage { storage, name } if name.is_empty() || name.ends_with('/') => {
                Self::Storage(storage, name)
            }
            FileAddress::Standard => {
                let error = Error::new(ErrorKind::Usage, "copy files", "- is not the name of a file here");
                return Err(error.hint("kafi file cat prints files"));
            }
            address => Self::File(address),
        })
    }

    fn of_source(&self, source: &FileAddress) -> FileAddress {
        match self {
            Self::File(address) => address.clone(),
            Self::Folder(path) => FileAddress::Local(path.join(source.base_name())),
            Self::Storage(storage, begin) => {
                FileAddress::Storage { storage: storage.clone(), name: format!("{begin}{}", source.base_name()) }
            }
        }
    }
}
