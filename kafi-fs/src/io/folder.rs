//! Files in a folder of the local file system.
//!
//! Others may be able to write into the folder. So what lies there is opened from the root on without following links,
//! and nothing but regular files is opened: a link could lead Kafi to overwrite any file that it may write, and a pipe
//! would make it wait. Linux does that in one call; elsewhere, and where that call says anything but that it worked or
//! that there is nothing, each folder on the way is opened after the other.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode};
use rustix::io::Errno;

use super::{Access, FileId, Io, IoFile, Stat};

/// What the system takes away from the mode of a new file or folder, it takes from these.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// How a folder is opened.
const FOLDER_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A tree of files below one folder, which need not exist yet.
pub(crate) struct FolderIo {
    root: PathBuf,
    /// The root as it was opened last, and what it was then.
    held: Mutex<Option<(Arc<OwnedFd>, rustix::fs::Stat)>>,
}

impl FolderIo {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, held: Mutex::new(None) }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// The root, opened; once more only where another folder has its name by now. It may be a link: whoever runs Kafi
    /// named it.
    fn root(&self) -> rustix::io::Result<Arc<OwnedFd>> {
        let now = rustix::fs::stat(&self.root)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // What is held open keeps its number.
        if let Some((root, _)) =
            held.as_ref().filter(|(_, known)| (known.st_dev, known.st_ino) == (now.st_dev, now.st_ino))
        {
            return Ok(Arc::clone(root));
        }
        let root = Arc::new(rustix::fs::open(&self.root, FOLDER_FLAGS, Mode::empty())?);
        let stat = rustix::fs::fstat(&*root)?;
        *held = Some((Arc::clone(&root), stat));
        Ok(root)
    }

    /// Opens what lies at `path`, which is not empty, with one call of the system. `None` where that has no such call,
    /// or where going there step by step tells why it cannot.
    fn open_at_once(&self, path: &str, flags: OFlags, mode: Mode) -> Option<io::Result<OwnedFd>> {
        match self.root().and_then(|root| open_without_links(&root, path, flags, mode)) {
            Ok(opened) => Some(Ok(opened)),
            Err(Errno::NOENT) => Some(Err(Errno::NOENT.into())),
            Err(_) => None,
        }
    }

    /// Opens a folder.
    fn folder(&self, folder: &str) -> io::Result<OwnedFd> {
        if !folder.is_empty()
            && let Some(opened) = self.open_at_once(folder, FOLDER_FLAGS | OFlags::NOFOLLOW, Mode::empty())
        {
            return opened;
        }
        self.folder_by_steps(folder)
    }

    fn folder_by_steps(&self, folder: &str) -> io::Result<OwnedFd> {
        let root = rustix::fs::open(&self.root, FOLDER_FLAGS, Mode::empty())?;
        let flags = FOLDER_FLAGS | OFlags::NOFOLLOW;
        let mut parts = folder.split('/').filter(|part| !part.is_empty());
        parts.try_fold(root, |at, part| {
            rustix::fs::openat(&at, part, flags, Mode::empty()).map_err(|errno| no_folder(&at, part, errno))
        })
    }

    /// The folder of `path`, opened, and the name in it.
    fn place<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.folder(folder)?, name))
    }
}

impl Io for FolderIo {
    fn display(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    fn identity(&self) -> io::Result<String> {
        let path = match std::fs::canonicalize(&self.root) {
            // Without a slash at its end, as it will be once it is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::path::absolute(&self.root)?.components().collect()
            }
            other => other?,
        };
        Ok(path.display().to_string())
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn IoFile>> {
        // Not waiting matters for pipes, and changes nothing for regular files.
        let common = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR | OFlags::CREATE,
            Access::Create => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        let mode = if flags.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() };
        let opened = match self.open_at_once(path, common | flags, mode) {
            Some(opened) => Ok(opened?),
            None => {
                let (folder, name) = self.place(path)?;
                rustix::fs::openat(&folder, name, common | flags, mode)
            }
        };
        let file: File = match opened {
            Ok(file) => file.into(),
            Err(Errno::LOOP | Errno::MLINK) => return Err(irregular(FileType::Symlink)),
            // A pipe that nobody reads, and a socket.
            Err(Errno::NXIO | Errno::OPNOTSUPP) => return Err(irregular(FileType::Fifo)),
            Err(Errno::ISDIR) => return Err(irregular(FileType::Directory)),
            Err(errno) => return Err(errno.into()),
        };
        match FileType::from_raw_mode(file.metadata()?.mode() as RawMode) {
            FileType::RegularFile => Ok(Arc::new(FolderFile(file))),
            other => Err(irregular(other)),
        }
    }

    fn create_like(&self, path: &str, like: &str) -> io::Result<Arc<dyn IoFile>> {
        let (folder, name) = self.place(like)?;
        let known = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Some(stat),
            Ok(stat) => return Err(irregular(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(errno.into()),
        };
        let (folder, name) = self.place(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name, flags, FILE_MODE)?;
        if let Some(known) = known {
            // Only the system's administrator can give a file away; for everybody else the owner is the same, or stays
            // the one who writes.
            let owner = (rustix::fs::Uid::from_raw(known.st_uid), rustix::fs::Gid::from_raw(known.st_gid));
            let _ = rustix::fs::fchown(&file, Some(owner.0), Some(owner.1));
            rustix::fs::fchmod(&file, Mode::from_raw_mode(known.st_mode & 0o777))?;
        }
        Ok(Arc::new(FolderFile(file.into())))
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        match std::fs::symlink_metadata(self.path(path)) {
            Ok(metadata) => Ok(Some(Stat { id: FileId(metadata.dev(), metadata.ino()), len: metadata.len() })),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_folder(&self, path: &str) -> io::Result<bool> {
        match std::fs::symlink_metadata(self.path(path)) {
            Ok(metadata) => Ok(metadata.is_dir()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let folder = match self.folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        // All our names are ASCII: one that is not UTF-8 is somebody else's file.
        let name = |entry: rustix::io::Result<rustix::fs::DirEntry>| match entry {
            Ok(entry) => entry
                .file_name()
                .to_str()
                .ok()
                .filter(|name| !matches!(*name, "." | ".."))
                .map(|name| Ok(name.to_string())),
            Err(errno) => Some(Err(errno.into())),
        };
        Dir::new(folder)?.filter_map(name).collect()
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        create_folders(&self.root)?;
        let mut made = String::new();
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            let parent = self.folder(&made)?;
            match rustix::fs::mkdirat(&parent, part, FOLDER_MODE) {
                Ok(()) => rustix::fs::fsync(&parent)?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            made = if made.is_empty() { part.to_string() } else { format!("{made}/{part}") };
        }
        // Not that it exists is the trouble, as for a topic that is there already, but that it is something else.
        self.folder(&made).map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.place(from)?, self.place(to)?);
        let is_folder =
            FileType::from_raw_mode(rustix::fs::statat(&from_folder, from, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                == FileType::Directory;
        // The system would let a folder replace an empty one.
        if is_folder && rustix::fs::statat(&to_folder, to, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        Ok(rustix::fs::renameat(&from_folder, from, &to_folder, to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let removed =
            self.place(path).and_then(|(folder, name)| Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?));
        unless_missing(removed)
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        // The way there is looked at here; what lies below is removed without following links.
        unless_missing(self.place(folder).and_then(|_| std::fs::remove_dir_all(self.path(folder))))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.folder(folder)?)?)
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
        other => other.and_then(|()| File::open(parent)?.sync_all()),
    }
}

/// Opens what lies below `root`, where no part of the path is a link.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_without_links(root: &OwnedFd, path: &str, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Linux before 5.6 lacks the call, and what confines a process may forbid it.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Ordering::Relaxed) {
        return Err(Errno::NOSYS);
    }
    let opened = rustix::fs::openat2(root, path, flags, mode, rustix::fs::ResolveFlags::NO_SYMLINKS);
    if matches!(opened, Err(Errno::NOSYS | Errno::PERM)) {
        IS_MISSING.store(true, Ordering::Relaxed);
    }
    opened
}

/// Here the system has no such call.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_without_links(_root: &OwnedFd, _path: &str, _flags: OFlags, _mode: Mode) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// Why `part` cannot be opened as a folder: for a link the system says one thing or another.
fn no_folder(at: &OwnedFd, part: &str, errno: Errno) -> io::Error {
    let is_link = || {
        rustix::fs::statat(at, part, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    };
    match errno {
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR if is_link() => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{part} is a symbolic link, and none is followed below the root of a storage"),
        ),
        _ => errno.into(),
    }
}

/// The error about what lies where a file of ours should.
fn irregular(what: FileType) -> io::Error {
    let what = match what {
        FileType::Symlink => "a symbolic link, and none is followed below the root of a storage",
        FileType::Fifo => "a pipe or a socket, not a file",
        FileType::Directory => "a folder, not a file",
        _ => "not a regular file",
    };
    io::Error::new(io::ErrorKind::InvalidData, format!("it is {what}"))
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read_file;

    #[test]
    fn a_root_that_is_replaced_is_noticed() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        let io = FolderIo::new(root.clone());
        for content in ["old", "new"] {
            assert_eq!(read_file(&io, "a/file", 9).unwrap(), None);
            io.create_folder("a").unwrap();
            io.open("a/file", Access::Create).unwrap().write_at(content.as_bytes(), 0).unwrap();
            assert_eq!(read_file(&io, "a/file", 9).unwrap().as_deref(), Some(content.as_bytes()));
            std::fs::rename(&root, outside.path().join(content)).unwrap();
        }
        assert_eq!(std::fs::read(outside.path().join("old/a/file")).unwrap(), b"old");
    }

    #[test]
    fn both_ways_lead_to_the_same_folder_and_neither_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let io = FolderIo::new(outside.path().to_path_buf());
        io.create_folder("a/b").unwrap();
        std::os::unix::fs::symlink("a", outside.path().join("link")).unwrap();
        let number = |folder: OwnedFd| rustix::fs::fstat(&folder).unwrap().st_ino;
        assert_eq!(number(io.folder("a/b").unwrap()), number(io.folder_by_steps("a/b").unwrap()));
        if let Some(opened) = io.open_at_once("a/b", FOLDER_FLAGS, Mode::empty()) {
            assert_eq!(number(opened.unwrap()), number(io.folder("a/b").unwrap()));
        }
        assert!(io.open_at_once("link/b", FOLDER_FLAGS, Mode::empty()).is_none());
        for error in [io.folder("link/b").unwrap_err(), io.folder_by_steps("link/b").unwrap_err()] {
            assert!(error.to_string().contains("link is a symbolic link"), "{error}");
        }
    }
}
