//! The files of a plugin's storage.

use std::time::Duration;

use kafi_abi::StorageBox;

use super::super::files::{FILES_V1, FilesV1, Handle};
use super::super::json::from_text;
use super::{nanoseconds, received};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{FileInfo, FileReader, FileWriter, Files};

/// The table of a storage that has one.
pub(super) fn table_of(storage: &StorageBox) -> Option<FilesV1> {
    let table = storage.interface(FILES_V1.into()).cast::<FilesV1>();
    // SAFETY: what a plugin gives out under this name is such a table, which is there as long as the storage is.
    (!table.is_null()).then(|| unsafe { *table })
}

/// A client for files; it does not need the storage.
pub(super) struct Imported {
    table: FilesV1,
    client: Handle,
}

impl Imported {
    /// Makes one of the table of a storage that is there.
    pub(super) fn of(table: FilesV1) -> Result<Self> {
        // SAFETY: the storage is there, and this is its pointer.
        let client = received(unsafe { (table.files)(table.storage) })?;
        Ok(Self { table, client })
    }
}

impl Files for Imported {
    fn list(&mut self, prefix: &str, timeout: Duration) -> Result<Vec<FileInfo>> {
        // SAFETY: the client is one, and nobody else uses it.
        let listed = received(unsafe { (self.table.list)(self.client.state, prefix.into(), nanoseconds(timeout)) })?;
        from_text(&listed)
    }

    fn open(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileReader>> {
        // SAFETY: as for `list`.
        let opened = received(unsafe { (self.table.open)(self.client.state, name.into(), nanoseconds(timeout)) })?;
        Ok(Box::new(ImportedReader { table: self.table, bytes: opened.bytes, file: opened.file }))
    }

    fn create(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileWriter>> {
        // SAFETY: as for `list`.
        let file = received(unsafe { (self.table.create)(self.client.state, name.into(), nanoseconds(timeout)) })?;
        Ok(Box::new(ImportedWriter { table: self.table, file }))
    }

    fn delete(&mut self, name: &str, timeout: Duration) -> Result<()> {
        // SAFETY: as for `list`.
        received(unsafe { (self.table.delete)(self.client.state, name.into(), nanoseconds(timeout)) })
    }
}

struct ImportedReader {
    table: FilesV1,
    file: Handle,
    bytes: u64,
}

impl FileReader for ImportedReader {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, at: u64, into: &mut [u8], timeout: Duration) -> Result<usize> {
        let (start, len) = (into.as_mut_ptr(), into.len());
        // SAFETY: the file is one that is read, nobody else uses it, and `into` is lent for the length of the call.
        let read = unsafe { (self.table.read_at)(self.file.state, at, start, len, nanoseconds(timeout)) };
        usize::try_from(received(read)?).ok().filter(|read| *read <= len).ok_or_else(|| {
            let why = "the plugin says that it read more bytes than were wanted";
            Error::new(ErrorKind::Unexpected, "read file", why)
        })
    }
}

struct ImportedWriter {
    table: FilesV1,
    file: Handle,
}

impl FileWriter for ImportedWriter {
    fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        let (start, len) = (bytes.as_ptr(), bytes.len());
        // SAFETY: the file is one that is written, nobody else uses it, and `bytes` are lent for the length of the call.
        received(unsafe { (self.table.write)(self.file.state, start, len, nanoseconds(timeout)) })
    }

    fn finish(&mut self, timeout: Duration) -> Result<()> {
        // SAFETY: as for `write`.
        received(unsafe { (self.table.finish)(self.file.state, nanoseconds(timeout)) })
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        // SAFETY: as for `write`.
        received(unsafe { (self.table.abort)(self.file.state, nanoseconds(timeout)) })
    }
}
