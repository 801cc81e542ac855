//! Files that break a promise.

use std::time::Duration;

use kafi_core::{ErrorKind, FileInfo, FileReader, FileWriter, Files, Result};

use super::Break;

pub struct BrokenFiles {
    pub inner: Box<dyn Files>,
    pub how: Break,
}

impl Files for BrokenFiles {
    fn list(&mut self, prefix: &str, timeout: Duration) -> Result<Vec<FileInfo>> {
        let mut listed = self.inner.list(prefix, timeout)?;
        if self.how == Break::FilesAreReversed {
            listed.reverse();
        }
        Ok(listed)
    }

    fn open(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileReader>> {
        let opened = match self.inner.open(name, timeout) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.how == Break::MissingFileIsEmpty => {
                let mut writer = self.inner.create("empty", timeout)?;
                writer.finish(timeout)?;
                self.inner.open("empty", timeout)?
            }
            opened => opened?,
        };
        Ok(Box::new(BrokenReader { inner: opened, how: self.how }))
    }

    fn create(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileWriter>> {
        let name = if self.how == Break::AnyFileNameIsFine { name.trim_matches(['/', '.', '~', '\\']) } else { name };
        Ok(Box::new(BrokenWriter { inner: self.inner.create(name, timeout)?, how: self.how }))
    }

    fn delete(&mut self, name: &str, timeout: Duration) -> Result<()> {
        match self.inner.delete(name, timeout) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.how == Break::MissingFileIsDeleted => Ok(()),
            deleted => deleted,
        }
    }
}

struct BrokenReader {
    inner: Box<dyn FileReader>,
    how: Break,
}

impl FileReader for BrokenReader {
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn read_at(&mut self, at: u64, into: &mut [u8], timeout: Duration) -> Result<usize> {
        match self.how {
            Break::RangesBegin => self.inner.read_at(0, into, timeout),
            Break::RangesAreShort if into.len() > 1 => {
                let half = into.len() / 2;
                self.inner.read_at(at, &mut into[..half], timeout)
            }
            _ => self.inner.read_at(at, into, timeout),
        }
    }
}

struct BrokenWriter {
    inner: Box<dyn FileWriter>,
    how: Break,
}

impl FileWriter for BrokenWriter {
    fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        match self.how {
            Break::LargeWritesAreCut => self.inner.write(&bytes[..bytes.len().min(1 << 20)], timeout),
            Break::FinishedGoesOn => self.inner.write(bytes, timeout).or(Ok(())),
            _ => self.inner.write(bytes, timeout),
        }
    }

    fn finish(&mut self, timeout: Duration) -> Result<()> {
        self.inner.finish(timeout)
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        if self.how == Break::AbortFinishes {
            // What is finished already is not finished again.
            return self.inner.finish(timeout).or(Ok(()));
        }
        self.inner.abort(timeout)
    }
}

impl Drop for BrokenWriter {
    fn drop(&mut self) {
        if self.how == Break::DropFinishes {
            let _ = self.inner.finish(Duration::from_secs(2));
        }
    }
}
