//! The file layer below the log: the few operations that it needs, over a folder or over memory.
//!
//! Paths are relative to the root, with `/` between their parts. Nothing here knows what a topic is.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::emulated::topic_file::new_id;

#[cfg(test)]
pub(crate) mod faulty;
mod folder;
mod memory;

pub(crate) use folder::FolderIo;
pub(crate) use memory::MemoryIo;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read; it must exist.
    Read,
    /// To read and write; it is made where it is missing, but its folder is not.
    Write,
    /// To read and write a file that is made now; that there is none is checked by whoever makes it, so that nobody can
    /// put a link there before.
    Create,
}

/// What tells one file from every other that there is at the same time. Once nobody has the file open any longer, a new
/// one may get its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(pub(crate) u64, pub(crate) u64);

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Which file it is.
    pub(crate) id: FileId,
    /// Its length in bytes.
    pub(crate) len: u64,
}

/// A tree of files. Whoever can write into it is not trusted: only regular files are opened, and no link below the root
/// is followed.
pub(crate) trait Io: Send + Sync {
    /// The path as a person writes it, for messages.
    fn display(&self, path: &str) -> String;

    /// What stays the same for as long as it is the same tree.
    fn identity(&self) -> io::Result<String>;

    /// Opens a file. What is no regular file is an error of kind `InvalidData` which says what it is; opening never
    /// waits.
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn IoFile>>;

    /// Makes a file, as with [`Access::Create`], that can be read and written by those who can read and write the file
    /// `like`, where there is one.
    fn create_like(&self, path: &str, like: &str) -> io::Result<Arc<dyn IoFile>>;

    /// Says which file it is and how long; `None` where there is none.
    fn stat(&self, path: &str) -> io::Result<Option<Stat>>;

    /// Whether there is a folder of this path; a link is none.
    fn is_folder(&self, path: &str) -> io::Result<bool>;

    /// The names in a folder, in no order; none where the folder is missing.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Makes a folder and those above it, and makes their names durable.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Gives a file or a folder another name. A file replaces a file; a folder never replaces anything.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; nothing happens where there is none.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Removes a folder with everything in it; nothing happens where there is none.
    fn remove_folder(&self, folder: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// An open file. All methods take `&self`: positions are given, never kept.
pub(crate) trait IoFile: Send + Sync {
    /// Which file it is.
    fn id(&self) -> io::Result<FileId>;

    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads up to `buf.len()` bytes from `at` on; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `at`, making the file longer where needed.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Returns when everything that was written to this file, by anybody, is durable.
    fn sync(&self) -> io::Result<()>;

    /// Takes the advisory lock, if nobody holds it through another opening of the file. Closing the file gives it back.
    fn try_lock(&self) -> io::Result<bool>;

    /// Gives the advisory lock back.
    fn unlock(&self) -> io::Result<()>;
}

/// Holds a file's advisory lock until it is dropped.
pub(crate) struct Lock(Arc<dyn IoFile>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            log::warn!("a file lock could not be given back: {error}");
        }
    }
}

/// Takes the lock of `file`, waiting until `deadline`; `None` when somebody else held it all the time.
pub(crate) fn lock(file: &Arc<dyn IoFile>, deadline: Instant) -> io::Result<Option<Lock>> {
    let mut pause = Duration::from_micros(20);
    loop {
        if file.try_lock()? {
            return Ok(Some(Lock(Arc::clone(file))));
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        // The lock is held for one append, so it is worth asking again soon.
        std::thread::sleep(pause.min(deadline - now));
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// Reads a whole small file; `None` where there is none. One of more than `bytes_max` bytes is an error of kind
/// `InvalidData`.
pub(crate) fn read_file(io: &dyn Io, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match io.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if len > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the file has {len} bytes, where at most {bytes_max} can be"),
        ));
    }
    let mut bytes = vec![0; len];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Writes a whole small file so that a crash leaves the old or the new one: a temporary file, fsync, rename, fsync of
/// the folder. Nobody can guess the name of the temporary file, and it gets the mode of the one that it replaces.
pub(crate) fn replace_file(io: &dyn Io, path: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let temporary = format!("{folder}{}~{}", if folder.is_empty() { "" } else { "/" }, new_id());
    let file = io.create_like(&temporary, path)?;
    let written = file.write_at(bytes, 0).and_then(|()| file.sync()).and_then(|()| io.rename(&temporary, path));
    if let Err(error) = written {
        // What is left of it does no harm, and the first error is the one that counts.
        let _ = io.remove(&temporary);
        return Err(error);
    }
    io.sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(check: impl Fn(&dyn Io)) {
        let folder = tempfile::tempdir().unwrap();
        check(&FolderIo::new(folder.path().join("root")));
        check(&MemoryIo::new());
    }

    #[test]
    fn files_are_written_read_cut_and_replaced() {
        both(|io| {
            assert!(io.list("a").unwrap().is_empty());
            assert!(io.stat("a/b").unwrap().is_none());
            assert_eq!(io.open("a/b", Access::Read).err().unwrap().kind(), io::ErrorKind::NotFound);
            assert_eq!(io.open("a/b", Access::Write).err().unwrap().kind(), io::ErrorKind::NotFound);
            io.create_folder("a").unwrap();
            let file = io.open("a/b", Access::Write).unwrap();
            file.write_at(b"hello", 0).unwrap();
            file.write_at(b"world", 7).unwrap();
            assert_eq!(read_file(io, "a/b", 100).unwrap().unwrap(), b"hello\0\0world");
            file.truncate(4).unwrap();
            file.sync().unwrap();
            let mut buf = [0; 9];
            assert_eq!(file.read_at(&mut buf, 1).unwrap(), 3);
            assert_eq!(file.read_at(&mut buf, 4).unwrap(), 0);
            assert_eq!(file.read_at(&mut buf, 9).unwrap(), 0);
            assert_eq!(io.stat("a/b").unwrap().unwrap(), Stat { id: file.id().unwrap(), len: 4 });
            replace_file(io, "a/b", b"new").unwrap();
            assert_ne!(io.stat("a/b").unwrap().unwrap().id, file.id().unwrap());
            assert_eq!(file.len().unwrap(), 4);
            assert_eq!(io.list("a").unwrap(), ["b"]);
            io.remove("a/b").unwrap();
            io.remove("a/b").unwrap();
            assert!(read_file(io, "a/b", 100).unwrap().is_none());
        });
    }

    #[test]
    fn folders_are_listed_renamed_and_removed() {
        both(|io| {
            io.create_folder("t/new/0").unwrap();
            io.open("t/new/0/x", Access::Write).unwrap();
            io.create_folder("t/old/0").unwrap();
            assert!(io.is_folder("t/new").unwrap() && io.is_folder("t/new/0").unwrap());
            assert!(!io.is_folder("t/new/0/x").unwrap() && !io.is_folder("t/nothing").unwrap());
            assert!(io.rename("t/new", "t/old").is_err());
            io.rename("t/new", "t/fresh").unwrap();
            let mut names = io.list("t").unwrap();
            names.sort();
            assert_eq!(names, ["fresh", "old"]);
            assert_eq!(io.list("t/fresh/0").unwrap(), ["x"]);
            io.sync_folder("t").unwrap();
            io.remove_folder("t/fresh").unwrap();
            io.remove_folder("t/fresh").unwrap();
            assert_eq!(io.list("t").unwrap(), ["old"]);
        });
    }

    #[test]
    fn one_holder_has_the_lock() {
        both(|io| {
            io.create_folder("").unwrap();
            let first = io.open("lock", Access::Write).unwrap();
            let second = io.open("lock", Access::Write).unwrap();
            let held = lock(&first, Instant::now()).unwrap().unwrap();
            assert!(lock(&second, Instant::now()).unwrap().is_none());
            drop(held);
            let held = lock(&second, Instant::now()).unwrap().unwrap();
            assert!(lock(&first, Instant::now()).unwrap().is_none());
            std::mem::forget(held);
            drop(second);
        });
    }
}
