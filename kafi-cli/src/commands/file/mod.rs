//! `file`: the files that lie on storages beside the topics.

mod cat;
mod cp;
mod ls;
mod rm;

use std::time::Duration;

use kafi::{Error, ErrorKind, FileAddress, FileInfo, FileReader, Files, Glob, Result, StorageAddress};

use crate::context::Context;
use crate::limits::TIMEOUT;
use crate::verb::{Entry, entry};

/// What can be done with files.
pub const FILE: Entry = Entry::Verbs {
    name: "file",
    about: "List, print, copy, and delete the files that storages keep beside their topics",
    verbs: &[
        entry::<ls::LsArgs>("ls"),
        entry::<cat::CatArgs>("cat"),
        entry::<cp::CpArgs>("cp"),
        entry::<rm::RmArgs>("rm"),
    ],
};

/// How long the bytes of a file may take on their way: an outage of a server can be ridden out.
const BYTES_TIMEOUT: Duration = Duration::from_secs(120);

/// Files are read in blocks of so many bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// Reads addresses of files.
fn parsed(texts: &[String]) -> Result<Vec<FileAddress>> {
    texts.iter().map(|text| FileAddress::parse(text)).collect()
}

/// The client for the files of a storage.
fn files_of(context: &Context, storage: &StorageAddress) -> Result<Box<dyn Files>> {
    context.registry.open_address(storage)?.storage().files()
}

/// The files of a storage that a name or a glob means; a `*` also matches slashes. A name is taken as it is.
fn matching(files: &mut dyn Files, glob: &str) -> Result<Vec<FileInfo>> {
    let parsed = Glob::parse(glob)?;
    let plain = glob.find(['*', '?', '[', '{']).map_or(glob, |at| &glob[..at]);
    let mut listed = files.list(plain, TIMEOUT)?;
    listed.retain(|file| parsed.matches(&file.name));
    Ok(listed)
}

/// The addresses with globs replaced by what they match.
fn expanded(context: &Context, addresses: Vec<FileAddress>) -> Result<Vec<FileAddress>> {
    let mut all = Vec::new();
    for address in addresses {
        match &address {
            FileAddress::Storage { storage, name } if address.is_glob() => {
                let found = matching(files_of(context, storage)?.as_mut(), name)?;
                if found.is_empty() {
                    let error = Error::new(ErrorKind::NotFound, "find files", "no file matches");
                    return Err(error.with("address", &address));
                }
                all.extend(
                    found.into_iter().map(|file| FileAddress::Storage { storage: storage.clone(), name: file.name }),
                );
            }
            FileAddress::Storage { name, .. } if name.is_empty() || name.ends_with('/') => {
                let error = Error::new(ErrorKind::Usage, "read address", "this names no file");
                return Err(error
                    .with("address", format_args!("{:?}", address.to_string()))
                    .hint(format!("kafi file ls {address} lists what is there")));
            }
            _ => all.push(address),
        }
    }
    Ok(all)
}

/// Hands over a file block after block, until its end or Ctrl-C; false where that came.
fn each_block(
    context: &Context,
    reader: &mut dyn FileReader,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<bool> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while !context.cancel.is_cancelled() {
        match reader.read_at(at, &mut block, BYTES_TIMEOUT)? {
            0 => return Ok(true),
            read => {
                each(&block[..read])?;
                at += read as u64;
            }
        }
    }
    Ok(false)
}
