//! Files in a folder of the local file system.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Access, FileId, Io, IoFile, Stat};

/// A tree of files below one folder, which need not exist yet.
pub(crate) struct FolderIo {
    root: PathBuf,
}

impl FolderIo {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Io for FolderIo {
    fn display(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    fn identity(&self) -> io::Result<String> {
        let path = match std::fs::canonicalize(&self.root) {
            // Without a slash at its end, as it will be once it is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(&self.root)?.components().collect(),
            other => other?,
        };
        Ok(path.display().to_string())
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn IoFile>> {
        let path = self.path(path);
        if access == Access::Read {
            return Ok(Arc::new(FolderFile(File::open(path)?)));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Arc::new(FolderFile(file)))
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        match std::fs::metadata(self.path(path)) {
            Ok(metadata) => Ok(Some(Stat { id: FileId(metadata.dev(), metadata.ino()), len: metadata.len() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        // All our names are ASCII: one that is not UTF-8 is somebody else's file.
        entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        create_folders(&self.path(folder))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        // The system would let a folder replace an empty one.
        if from.is_dir() && to.exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        unless_missing(std::fs::remove_file(self.path(path)))
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        unless_missing(std::fs::remove_dir_all(self.path(folder)))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        sync_folder(&self.path(folder))
    }
}

struct FolderFile(File);

impl IoFile for FolderFile {
    fn id(&self) -> io::Result<FileId> {
        let metadata = self.0.metadata()?;
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buf.len() {
            match self.0.read_at(&mut buf[read..], at + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

/// Makes a folder and those above it, and makes each new name durable.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folders(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match folder.is_dir() {
            true => Ok(()),
            // Not that it exists is the trouble, as for a topic that is there already.
            false => Err(io::ErrorKind::NotADirectory.into()),
        },
        other => other.and_then(|()| sync_folder(parent)),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
