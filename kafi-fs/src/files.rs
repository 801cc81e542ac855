//! Files beside the topics: `files/<name>`.
//!
//! A file is written to `files/~<id>`, whose lock its writer holds, and gets its name when it is whole and durable. What
//! has such a name and is not locked was left behind by a crash; the next writer removes it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, FileInfo, FileReader, FileWriter, Files, Result, check_file_name};

use crate::emulated::topic_file::new_id;
use crate::error::io_error;
use crate::io::{Access, Io, IoFile};

const FOLDER: &str = "files";

/// The files of a folder, or of a storage in memory.
pub(crate) struct LogFiles {
    io: Arc<dyn Io>,
    /// The storage's name, for messages.
    storage: Arc<str>,
}

impl LogFiles {
    pub(crate) fn new(io: Arc<dyn Io>, storage: Arc<str>) -> Self {
        Self { io, storage }
    }

    fn failed(&self, operation: &'static str, path: &str, error: io::Error) -> Error {
        io_error(operation, self.io.display(path), error)
    }

    fn missing(&self, operation: &'static str, name: &str) -> Error {
        let error = Error::new(ErrorKind::NotFound, operation, "there is no such file");
        error.with("file", name).with("storage", &self.storage)
    }

    /// Opens a file that is there.
    fn existing(&self, operation: &'static str, name: &str) -> Result<Arc<dyn IoFile>> {
        check_file_name(name)?;
        let path = path(name);
        match self.io.open(&path, Access::Read) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(self.missing(operation, name))
            }
            Err(_) if self.io.is_folder(&path).unwrap_or(false) => Err(self.missing(operation, name)),
            opened => opened.map_err(|error| self.failed(operation, &path, error)),
        }
    }

    /// Adds what lies in the folder `below` (nothing, or something that ends in a slash) and can have the prefix.
    fn walk(&self, below: &str, prefix: &str, found: &mut Vec<FileInfo>) -> Result<()> {
        let folder = format!("{FOLDER}/{below}");
        let folder = folder.trim_end_matches('/');
        let failed = |error| self.failed("list files", folder, error);
        for entry in self.io.list(folder).map_err(failed)? {
            let name = format!("{below}{entry}");
            if check_file_name(&name).is_err() {
                continue;
            }
            if self.io.is_folder(&path(&name)).map_err(failed)? {
                let within = format!("{name}/");
                if within.starts_with(prefix) || prefix.starts_with(&within) {
                    self.walk(&within, prefix, found)?;
                }
            } else if name.starts_with(prefix) {
                // What is no regular file, and what has just gone, is no file of ours.
                let Ok(file) = self.io.open(&path(&name), Access::Read) else { continue };
                found.push(FileInfo { len: file.len().map_err(failed)?, name });
            }
        }
        Ok(())
    }

    /// Makes a file that has no name yet, with its lock held.
    fn new_file(&self) -> io::Result<(String, Arc<dyn IoFile>)> {
        self.io.create_folder(FOLDER)?;
        loop {
            let path = format!("{FOLDER}/~{}", new_id());
            let file = self.io.open(&path, Access::Create)?;
            // Another writer may have taken it for one that was left behind, before the lock was held.
            if file.try_lock()? && self.io.stat(&path)?.is_some() {
                return Ok((path, file));
            }
        }
    }

    /// Removes what crashes left behind. What cannot be removed is left for the next one.
    fn sweep(&self) {
        let names = self.io.list(FOLDER).unwrap_or_default();
        for path in names.iter().filter(|name| name.starts_with('~')).map(|name| path(name)) {
            // To be written it would be made where another one has just removed it.
            let Ok(file) = self.io.open(&path, Access::Read) else { continue };
            if file.try_lock().unwrap_or(false) && self.io.remove(&path).is_err() {
                log::debug!("{} cannot be removed", self.io.display(&path));
            }
        }
    }
}

/// The path of a file, or of what lies where a file could.
fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

impl Files for LogFiles {
    fn list(&mut self, prefix: &str, _timeout: Duration) -> Result<Vec<FileInfo>> {
        let mut found = Vec::new();
        self.walk("", prefix, &mut found)?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn open(&mut self, name: &str, _timeout: Duration) -> Result<Box<dyn FileReader>> {
        let file = self.existing("open file", name)?;
        let path = self.io.display(&path(name));
        let bytes = file.len().map_err(|error| io_error("open file", path.clone(), error))?;
        Ok(Box::new(LogFileReader { file, bytes, path }))
    }

    fn create(&mut self, name: &str, _timeout: Duration) -> Result<Box<dyn FileWriter>> {
        check_file_name(name)?;
        self.sweep();
        let (temporary, file) = self.new_file().map_err(|error| self.failed("create file", &path(name), error))?;
        let state = State::Open(file);
        Ok(Box::new(LogFileWriter { io: Arc::clone(&self.io), temporary, path: path(name), len: 0, state }))
    }

    fn delete(&mut self, name: &str, _timeout: Duration) -> Result<()> {
        self.existing("delete file", name)?;
        let path = path(name);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let removed = self.io.remove(&path).and_then(|()| self.io.sync_folder(folder));
        removed.map_err(|error| self.failed("delete file", &path, error))
    }
}

/// Holds its file open, so that it goes on showing what it was.
struct LogFileReader {
    file: Arc<dyn IoFile>,
    bytes: u64,
    path: String,
}

impl FileReader for LogFileReader {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, at: u64, into: &mut [u8], _timeout: Duration) -> Result<usize> {
        // Systems refuse places that no file reaches.
        if at >= self.bytes {
            return Ok(0);
        }
        self.file.read_at(into, at).map_err(|error| io_error("read file", self.path.clone(), error))
    }
}

enum State {
    Open(Arc<dyn IoFile>),
    Failed,
    Finished,
    Aborted,
}

struct LogFileWriter {
    io: Arc<dyn Io>,
    /// Where it lies until it is whole.
    temporary: String,
    path: String,
    len: u64,
    state: State,
}

impl LogFileWriter {
    fn file(&self, operation: &'static str) -> Result<Arc<dyn IoFile>> {
        let why = match &self.state {
            State::Open(file) => return Ok(Arc::clone(file)),
            State::Failed => "it failed before",
            State::Finished => "it is finished",
            State::Aborted => "it was aborted",
        };
        Err(Error::new(ErrorKind::Usage, operation, why).with("path", self.io.display(&self.path)))
    }

    /// The error of a step, after which there is nothing to be finished any more.
    fn failed(&mut self, operation: &'static str, error: io::Error) -> Error {
        self.state = State::Failed;
        io_error(operation, self.io.display(&self.path), error)
    }
}

impl FileWriter for LogFileWriter {
    fn write(&mut self, bytes: &[u8], _timeout: Duration) -> Result<()> {
        let file = self.file("write file")?;
        file.write_at(bytes, self.len).map_err(|error| self.failed("write file", error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, _timeout: Duration) -> Result<()> {
        let file = self.file("finish file")?;
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let finished = file
            .sync()
            .and_then(|()| self.io.create_folder(folder))
            .and_then(|()| self.io.rename(&self.temporary, &self.path))
            .and_then(|()| self.io.sync_folder(folder));
        finished.map_err(|error| self.failed("finish file", error))?;
        self.state = State::Finished;
        Ok(())
    }

    fn abort(&mut self, _timeout: Duration) -> Result<()> {
        if matches!(self.state, State::Open(_) | State::Failed) {
            let removed = self.io.remove(&self.temporary);
            removed.map_err(|error| self.failed("abort file", error))?;
            self.state = State::Aborted;
        }
        Ok(())
    }
}

impl Drop for LogFileWriter {
    fn drop(&mut self) {
        if let Err(error) = self.abort(Duration::ZERO) {
            log::debug!("a file that is not whole is left for the next writer to remove: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::faulty::FaultyIo;
    use crate::io::{FolderIo, MemoryIo, read_file};

    const NOW: Duration = Duration::ZERO;

    fn files(io: &Arc<dyn Io>) -> LogFiles {
        LogFiles::new(Arc::clone(io), "test".into())
    }

    fn put(io: &Arc<dyn Io>, name: &str, bytes: &[u8]) -> Result<()> {
        let mut writer = files(io).create(name, NOW)?;
        writer.write(bytes, NOW)?;
        writer.finish(NOW)
    }

    #[test]
    fn a_failure_leaves_the_old_file_or_the_new_one() {
        for first in 0.. {
            let (io, plan) = FaultyIo::new();
            let io: Arc<dyn Io> = io;
            put(&io, "a/b", b"old").unwrap();
            plan.fail(first, 1);
            let put = put(&io, "a/b", b"newer");
            let failed = plan.heal();
            let there = read_file(&*io, "files/a/b", 100).unwrap().unwrap();
            assert!(there == b"old" || there == b"newer", "{first}: {there:?}");
            assert!(put.is_err() || there == b"newer");
            if let Err(error) = &put {
                assert!(error.kind() == ErrorKind::NoSpace && error.to_string().contains("mem:files/a/b"), "{error}");
            }
            // Nothing is left of what failed, once there is a next one.
            self::put(&io, "c", b"").unwrap();
            let mut left = io.list("files").unwrap();
            left.sort();
            assert_eq!(left, ["a", "c"], "{first}");
            if !failed {
                assert!(put.is_ok() && first > 5, "each step was tried");
                return;
            }
        }
    }

    #[test]
    fn what_a_crash_left_is_swept_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let both: [Arc<dyn Io>; 2] = [Arc::new(MemoryIo::new()), Arc::new(FolderIo::new(folder.path().join("root")))];
        for io in both {
            let mut writer = files(&io).create("slow", NOW).unwrap();
            writer.write(b"slow", NOW).unwrap();
            io.open("files/~left", Access::Create).unwrap().write_at(b"half", 0).unwrap();
            put(&io, "quick", b"quick").unwrap();
            assert_eq!(io.list("files").unwrap().len(), 2, "the quick one, and the slow one without its name");
            assert_eq!(files(&io).list("", NOW).unwrap().len(), 1);
            writer.finish(NOW).unwrap();
            assert_eq!(read_file(&*io, "files/slow", 100).unwrap().unwrap(), b"slow");
        }
    }

    #[test]
    fn what_others_put_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let io: Arc<dyn Io> = Arc::new(FolderIo::new(folder.path().to_path_buf()));
        put(&io, "a", b"a").unwrap();
        let at = |name: &str| folder.path().join("files").join(name);
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        std::fs::write(at("back\\slash"), "").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let listed = files(&io).list("", NOW).unwrap();
        assert_eq!(listed, [FileInfo { name: "a".into(), len: 1 }]);
        assert_eq!(files(&io).open("link", NOW).err().unwrap().kind(), ErrorKind::Corrupt);
        for name in ["folder", "a/below"] {
            assert_eq!(files(&io).open(name, NOW).err().unwrap().kind(), ErrorKind::NotFound, "{name}");
            assert_eq!(files(&io).delete(name, NOW).err().unwrap().kind(), ErrorKind::NotFound, "{name}");
        }
        assert!(put(&io, "a/below", b"").is_err() && put(&io, "folder", b"").is_err());
    }
}
