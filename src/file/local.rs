//! Files of the local file system, as those of storages are: they appear as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kafi_core::{Error, ErrorKind, FileReader, FileWriter, Result};

/// Opens a regular file, also behind a link.
pub(super) fn open(path: &Path) -> Result<Box<dyn FileReader>> {
    let failed = |error| failed("read file", path, error);
    // Asked before it is opened, which would wait for whoever writes into a pipe.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "it is a folder, not a file" } else { "it is no regular file" };
        return Err(Error::new(ErrorKind::Usage, "read file", what).with("path", path.display()));
    }
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    Ok(Box::new(LocalReader { file, bytes, path: path.to_path_buf() }))
}

struct LocalReader {
    file: File,
    bytes: u64,
    path: PathBuf,
}

impl FileReader for LocalReader {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, at: u64, into: &mut [u8], _timeout: Duration) -> Result<usize> {
        let mut read = 0;
        // Systems refuse places that no file reaches.
        while read < into.len() && at < self.bytes {
            match self.file.read_at(&mut into[read..], at + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read file", &self.path, error)),
            }
        }
        Ok(read)
    }
}

/// Begins a file. It is written beside its place, under a name that nobody can guess, and renamed.
pub(super) fn create(path: &Path) -> Result<Box<dyn FileWriter>> {
    let failed = |error| failed("create file", path, error);
    let known = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        known => Some(known.map_err(failed)?),
    };
    match &known {
        Some(known) if known.is_dir() => {
            let error = Error::new(ErrorKind::Usage, "create file", "it is a folder, not a file");
            return Err(error.with("path", path.display()));
        }
        Some(known) if !known.is_file() => {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(Box::new(LocalWriter { file: Some(file), temporary: None, path: path.to_path_buf() }));
        }
        _ => {}
    }
    // Behind a link lies what is meant.
    let path = if known.is_some() { fs::canonicalize(path).map_err(failed)? } else { path.to_path_buf() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name may be as long as a file system takes already.
    let short: String = name.chars().take(40).collect();
    let temporary = path.with_file_name(format!(".{short}~{:016x}", RandomState::new().hash_one(std::process::id())));
    let file = OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(failed)?;
    let writer = LocalWriter { file: Some(file), temporary: Some(temporary.clone()), path };
    if let Some(known) = known {
        fs::set_permissions(&temporary, known.permissions()).map_err(failed)?;
    }
    Ok(Box::new(writer))
}

struct LocalWriter {
    /// Nothing when it is finished or aborted.
    file: Option<File>,
    /// Where it lies until it is whole; nothing where it is written in place.
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl LocalWriter {
    fn file(&mut self, operation: &'static str) -> Result<&mut File> {
        let over = || Error::new(ErrorKind::Usage, operation, "it is finished or aborted");
        self.file.as_mut().ok_or_else(|| over().with("path", self.path.display()))
    }
}

impl FileWriter for LocalWriter {
    fn write(&mut self, bytes: &[u8], _timeout: Duration) -> Result<()> {
        let written = self.file("write file")?.write_all(bytes);
        written.map_err(|error| failed("write file", &self.path, error))
    }

    fn finish(&mut self, _timeout: Duration) -> Result<()> {
        let file = self.file("finish file")?;
        let synced = file.sync_all();
        let finished = match &self.temporary {
            // A pipe cannot be made durable.
            None => Ok(()),
            Some(temporary) => synced.and_then(|()| fs::rename(temporary, &self.path)).and_then(|()| {
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
                File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
            }),
        };
        finished.map_err(|error| failed("finish file", &self.path, error))?;
        self.file = None;
        Ok(())
    }

    fn abort(&mut self, _timeout: Duration) -> Result<()> {
        let (Some(_), Some(temporary)) = (self.file.take(), &self.temporary) else { return Ok(()) };
        match fs::remove_file(temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("abort file", temporary, error)),
            _ => Ok(()),
        }
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        if let Err(error) = self.abort(Duration::ZERO) {
            log::warn!("{error}");
        }
    }
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> Error {
    Error::io(operation, error).with("path", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn files_appear_whole_and_keep_their_mode() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut writer = create(&path).unwrap();
        writer.write(b"hello", NOW).unwrap();
        assert!(!path.exists());
        drop(writer);
        assert!(names(folder.path()).is_empty());

        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut writer = create(&link).unwrap();
        writer.write(b"hello", NOW).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        writer.finish(NOW).unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions().mode() & 0o777),
            (b"hello".to_vec(), 0o640)
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && names(folder.path()).len() == 2);
        assert_eq!(writer.write(b"", NOW).unwrap_err().kind(), ErrorKind::Usage);

        let mut buffer = [0; 9];
        assert_eq!(open(&link).unwrap().read_at(1, &mut buffer, NOW).unwrap(), 4);
        assert_eq!(&buffer[..4], b"ello");
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nothing/x");
        for (error, kind) in [
            (open(folder.path()).err(), ErrorKind::Usage),
            (create(folder.path()).err(), ErrorKind::Usage),
            (open(&missing).err(), ErrorKind::NotFound),
            (create(&missing).err(), ErrorKind::NotFound),
            (open(Path::new("/dev/null")).err(), ErrorKind::Usage),
        ] {
            let error = error.unwrap();
            assert!(error.kind() == kind && error.to_string().contains("path /"), "{error}");
        }
        let mut writer = create(Path::new("/dev/null")).unwrap();
        writer.write(b"hello", NOW).unwrap();
        writer.finish(NOW).unwrap();
    }
}
