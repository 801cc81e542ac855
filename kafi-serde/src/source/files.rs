//! The files that a schema refers to.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use kafi_core::{ErrorKind, Result};

use super::{at, read_file, text_of};
use crate::format::Format;

/// How many files a schema may refer to.
const FILES_MAX: usize = 1000;

/// How many folders above that of a file what it imports is looked for.
#[cfg(feature = "protobuf")]
const FOLDERS_MAX: usize = 16;

/// The names and texts of what a file refers to, as far as it is found beside it; those first that others need.
pub(super) fn references_of(format: Format, path: &Path, name: &str, text: &str) -> Result<Vec<(String, String)>> {
    let folder = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_path_buf())).unwrap_or_default();
    let mut looking = match format {
        #[cfg(feature = "protobuf")]
        Format::Protobuf => Looking::new(crate::protobuf::imports_of, folder.ancestors().take(FOLDERS_MAX)),
        #[cfg(feature = "jsonschema")]
        Format::JsonSchema => Looking::new(crate::jsonschema::references_of, folder.ancestors().take(1)),
        #[allow(unreachable_patterns, reason = "in some builds there is no other format")]
        _ => return Ok(Vec::new()),
    };
    looking.seen.insert(name.to_string());
    looking.look(name, text)?;
    Ok(looking.found)
}

/// Looks for files, each of which may refer to more.
struct Looking {
    names_in: fn(&str, &str) -> Vec<String>,
    folders: Vec<PathBuf>,
    seen: HashSet<String>,
    found: Vec<(String, String)>,
}

impl Looking {
    fn new<'a>(names_in: fn(&str, &str) -> Vec<String>, folders: impl Iterator<Item = &'a Path>) -> Self {
        Self { names_in, folders: folders.map(Path::to_path_buf).collect(), seen: HashSet::new(), found: Vec::new() }
    }

    /// Looks for what a text refers to. A name that leads out of its folder is not looked for; what is not there is
    /// said when the schema is compiled, where it is known whether it is needed.
    fn look(&mut self, name: &str, text: &str) -> Result<()> {
        for next in (self.names_in)(name, text) {
            if !is_within(&next) || !self.seen.insert(next.clone()) {
                continue;
            }
            let Some(path) = self.folders.iter().map(|folder| folder.join(&next)).find(|path| path.is_file()) else {
                continue;
            };
            if self.seen.len() > FILES_MAX {
                return Err(at(
                    &path,
                    ErrorKind::TooLarge,
                    format!("the schema refers to more than {FILES_MAX} files"),
                ));
            }
            let text = text_of(read_file(&path)?, &path)?;
            self.look(&next, &text)?;
            self.found.push((next, text));
        }
        Ok(())
    }
}

/// Whether a relative name leads to something below the folder that it is relative to.
fn is_within(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|component| matches!(component, Component::Normal(_)))
}
