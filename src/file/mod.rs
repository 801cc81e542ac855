//! Files on storages and in the local file system, under one kind of name.

mod address;
#[cfg(feature = "files")]
mod bridge;
mod local;

use std::time::Duration;

use kafi_core::{Error, ErrorKind, FileReader, FileWriter, Result};

use crate::registry::Registry;

pub use address::FileAddress;
#[cfg(feature = "files")]
pub use bridge::FileBridge;

impl Registry {
    /// Opens a file to be read, of a storage or of the local file system. Blocks up to `timeout`.
    ///
    /// # Errors
    /// `NotFound` where there is none; `Usage` for `-`, which cannot be read in parts, for what is no regular file, and
    /// for an address without a name; what opening the storage fails with.
    pub fn open_file(&self, address: &FileAddress, timeout: Duration) -> Result<Box<dyn FileReader>> {
        match address {
            FileAddress::Standard => Err(standard("read file")),
            FileAddress::Local(path) => local::open(path),
            FileAddress::Storage { storage, name } => {
                self.open_address(storage)?.storage().files()?.open(name, timeout)
            }
        }
    }

    /// Begins a file, on a storage or in the local file system, which appears when it is finished, as a whole or not at
    /// all; what is no regular file, such as a pipe, is written to as it is. Blocks up to `timeout`.
    ///
    /// # Errors
    /// `Usage` for `-`, a folder, and an address without a name; `NotFound` for a local folder that is missing; what
    /// opening the storage fails with.
    pub fn create_file(&self, address: &FileAddress, timeout: Duration) -> Result<Box<dyn FileWriter>> {
        match address {
            FileAddress::Standard => Err(standard("create file")),
            FileAddress::Local(path) => local::create(path),
            FileAddress::Storage { storage, name } => {
                self.open_address(storage)?.storage().files()?.create(name, timeout)
            }
        }
    }
}

fn standard(operation: &'static str) -> Error {
    Error::new(ErrorKind::Usage, operation, "- is not the name of a file here")
}
