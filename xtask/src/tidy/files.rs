//! The text files of the repository.

use std::fs;
use std::path::Path;

use crate::Result;

/// Folders that are made, not written.
const MADE: [&str; 5] = [".git", ".servers", "target", "kafi-data", "node_modules"];

/// A text file.
pub struct File {
    /// Its path from the root, with slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl File {
    /// Whether it is a program: Rust, or a script that names its interpreter.
    pub fn is_source(&self) -> bool {
        self.path.ends_with(".rs") || self.text.starts_with("#!")
    }

    /// A file for the tests of the rules.
    #[cfg(test)]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// Every text file below `root`, save for what was made; sorted by path.
pub fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    read_folder(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && !MADE.iter().any(|made| path.ends_with(made)) {
            read_folder(root, &path, files)?;
        }
        if !kind.is_file() {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let path = path.strip_prefix(root).expect("the walk began at the root");
        files.push(File { path: path.to_string_lossy().into_owned(), text });
    }
    Ok(())
}
