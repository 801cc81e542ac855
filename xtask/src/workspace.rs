//! Where things are.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Result;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}

/// Cargo's target folder, wherever it was told to have it: the running xtask lies in it, or in `deps` when it is a
/// test.
pub fn target() -> Result<PathBuf> {
    let xtask = env::current_exe().map_err(|error| format!("the path of xtask: {error}"))?;
    let folders = xtask.ancestors().skip(1);
    let profile = folders.into_iter().find(|folder| !folder.ends_with("deps"));
    let target =
        profile.and_then(Path::parent).ok_or_else(|| format!("{}: not in a target folder", xtask.display()))?;
    Ok(target.to_path_buf())
}

/// What lies in a folder, in the order of the names.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort();
    Ok(entries)
}

/// A folder in the target folder that is empty at first and gone at last. What an interrupted run left is removed by
/// the next.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder of this name.
    pub fn create(name: &str) -> Result<Self> {
        let path = target()?.join(name);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        if path.exists() {
            fs::remove_dir_all(&path).map_err(failed)?;
        }
        fs::create_dir_all(&path).map_err(failed)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: not removed: {error}", self.0.display());
        }
    }
}
