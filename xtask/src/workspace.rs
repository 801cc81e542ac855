//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use crate::Result;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}

/// Cargo's target folder, wherever it was told to have it: the running xtask lies in it, or in `deps` when it is a test.
pub fn target() -> Result<PathBuf> {
    let xtask = env::current_exe().map_err(|error| format!("the path of xtask: {error}"))?;
    let folders = xtask.ancestors().skip(1);
    let profile = folders.into_iter().find(|folder| !folder.ends_with("deps"));
    let target = profile.and_then(Path::parent).ok_or_else(|| format!("{}: not in a target folder", xtask.display()))?;
    Ok(target.to_path_buf())
}
