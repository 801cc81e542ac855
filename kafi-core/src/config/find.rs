//! Finds configuration files by the short names that people type.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kind::StorageKind;
use super::nearest::nearest;
use super::{Config, OPERATION, trust};
use crate::error::{Error, ErrorKind, Result};

const ENDINGS: [&str; 2] = ["yaml", "yml"];

/// A configuration file that was found, and not opened but for its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// The short name: that of the file without its ending.
    pub name: String,
    /// The kind of storage it configures.
    pub kind: StorageKind,
    /// Where it lies.
    pub path: PathBuf,
}

impl ConfigFile {
    /// The name that no other kind shares: `clusters/local`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.kind.folder(), self.name)
    }
}

impl Config {
    /// The folder where configurations are looked for: `$KAFI_HOME`, or the working directory if that is unset or
    /// empty.
    pub fn home() -> PathBuf {
        std::env::var_os("KAFI_HOME").filter(|home| !home.is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    /// Finds and reads the configuration `name` below `home`.
    ///
    /// `local` is looked for as `local.yaml` or `local.yml` in `home` itself, then in all the folders of
    /// `home/configs`; `clusters/local` only in `home/configs/clusters`. A file in `home` itself that belongs to
    /// another program (it is YAML but has no section of a storage) stands back behind one in `configs`.
    ///
    /// Where `home` is the working directory, because nothing else was said, anybody may have written the file. It says
    /// how a storage is spoken to and nothing more: properties that load, run, write, or send away what is not the
    /// storage's ([`power_of`](crate::power_of)) are refused.
    ///
    /// # Errors
    /// `NotFound` for an unknown name, naming the nearest known one; `Usage` for a name that several kinds of storage
    /// share, listing the candidates, and for a name that cannot be one; `Config` for what is refused; else those of
    /// [`from_file`](Config::from_file).
    pub fn find(name: &str, home: &Path) -> Result<Config> {
        Self::find_among(name, home, &StorageKind::ALL)
    }

    /// The same among storages of these kinds, where those of plugins are not to be missed.
    ///
    /// # Errors
    /// Those of [`find`](Config::find).
    pub fn find_among(name: &str, home: &Path, kinds: &[StorageKind]) -> Result<Config> {
        let (folder, short) = match name.split_once('/') {
            Some((folder, short)) => (Some(folder), short),
            None => (None, name),
        };
        let kind = folder.map(|folder| kind_of_folder(name, folder, kinds)).transpose()?;
        if short.is_empty() || short.contains(['/', ':', '\0']) || short.starts_with('.') {
            let message = "the name of a storage is one word without / and :, or folder/name";
            return Err(Error::new(ErrorKind::Usage, OPERATION, message).with("storage", name));
        }
        let own = if kind.is_none() { files_in(home, short) } else { Vec::new() };
        let only = kind.map(|kind| [kind]);
        let configured = configured(home, short, only.as_ref().map_or(kinds, <[_; 1]>::as_slice));
        let config = match (one_of(name, own)?, configured.as_slice()) {
            (None, []) => return Err(not_found(name, home, kinds)),
            (Some(path), []) => Config::from_file_among(&path, kinds)?,
            (Some(path), _) if kind_of_file(&path, kinds).is_some() => Config::from_file_among(&path, kinds)?,
            (_, files) => Config::from_configured(&only_one(name, files)?, kinds)?,
        };
        if !trust::is_trusted(home) {
            trust::refuse_powers(&config)?;
        }
        Ok(config)
    }

    /// All configurations below `home`, sorted by name and kind: those in `home/configs/<folder>`, and in `home` itself
    /// the YAML files with a section of a storage.
    ///
    /// # Errors
    /// `PermissionDenied` or `Io` where a folder cannot be read; a folder that is not there counts as empty.
    pub fn list(home: &Path) -> Result<Vec<ConfigFile>> {
        Self::list_among(home, &StorageKind::ALL)
    }

    /// The same for storages of these kinds.
    ///
    /// # Errors
    /// Those of [`list`](Config::list).
    pub fn list_among(home: &Path, kinds: &[StorageKind]) -> Result<Vec<ConfigFile>> {
        let mut found = Vec::new();
        for (name, path) in yaml_files(home)? {
            if let Some(kind) = kind_of_file(&path, kinds) {
                found.push(ConfigFile { name, kind, path });
            }
        }
        for &kind in kinds {
            for folder in kind.folders() {
                let files = yaml_files(&home.join("configs").join(folder))?;
                found.extend(files.into_iter().map(|(name, path)| ConfigFile { name, kind, path }));
            }
        }
        found.sort_by(|a, b| (&a.name, a.kind, &a.path).cmp(&(&b.name, b.kind, &b.path)));
        Ok(found)
    }

    /// Reads a file of a `configs` folder, whose name says which section must stand in it.
    fn from_configured(file: &ConfigFile, kinds: &[StorageKind]) -> Result<Config> {
        let config = Config::from_file_among(&file.path, kinds)?;
        if config.kind == file.kind {
            return Ok(config);
        }
        let message = format!("a file with the section {} belongs in the folder {}", config.kind, config.kind.folder());
        Err(Error::new(ErrorKind::Config, OPERATION, message).with("file", file.path.display()))
    }
}

fn kind_of_folder(name: &str, folder: &str, kinds: &[StorageKind]) -> Result<StorageKind> {
    StorageKind::with_folder(folder, kinds).ok_or_else(|| {
        let folders = kinds.iter().map(|kind| kind.folder()).collect::<Vec<_>>().join(", ");
        Error::new(
            ErrorKind::Usage,
            OPERATION,
            format!("no kind of storage has the folder {folder}; there are {folders}"),
        )
        .with("storage", name)
    })
}

/// The kind that the file says, or `None` if it cannot be read as a configuration at all.
fn kind_of_file(path: &Path, kinds: &[StorageKind]) -> Option<StorageKind> {
    let text = super::read_text(path).ok()?;
    let sections = super::yaml::sections(&text).ok()?;
    sections.iter().find_map(|(section, _)| StorageKind::with_section(section, kinds))
}

fn files_in(folder: &Path, name: &str) -> Vec<PathBuf> {
    ENDINGS.iter().map(|ending| folder.join(format!("{name}.{ending}"))).filter(|path| path.is_file()).collect()
}

fn configured(home: &Path, name: &str, kinds: &[StorageKind]) -> Vec<ConfigFile> {
    let mut found = Vec::new();
    for &kind in kinds {
        for folder in kind.folders() {
            let paths = files_in(&home.join("configs").join(folder), name);
            found.extend(paths.into_iter().map(|path| ConfigFile { name: name.to_owned(), kind, path }));
        }
    }
    found
}

fn one_of(name: &str, mut paths: Vec<PathBuf>) -> Result<Option<PathBuf>> {
    match paths.len() {
        0 | 1 => Ok(paths.pop()),
        _ => Err(several_files(name, &paths)),
    }
}

fn only_one(name: &str, files: &[ConfigFile]) -> Result<ConfigFile> {
    if let [file] = files {
        return Ok(file.clone());
    }
    let mut names: Vec<String> = files.iter().map(ConfigFile::full_name).collect();
    names.dedup();
    if names.len() == 1 {
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        return Err(several_files(name, &paths));
    }
    let message = format!("several storages have this name: {}", names.join(", "));
    Err(Error::new(ErrorKind::Usage, OPERATION, message)
        .with("storage", name)
        .hint(format!("say which, as in {}:", names[0])))
}

fn several_files(name: &str, paths: &[PathBuf]) -> Error {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let message = format!("several files have this name: {}", paths.join(", "));
    Error::new(ErrorKind::Usage, OPERATION, message).with("storage", name).hint("keep one of them")
}

fn not_found(name: &str, home: &Path, kinds: &[StorageKind]) -> Error {
    // The nearest name is a help, not the matter: a folder that cannot be listed does not hide the first error.
    let known = Config::list_among(home, kinds).unwrap_or_default();
    let names: Vec<String> = if name.contains('/') {
        known.iter().map(ConfigFile::full_name).collect()
    } else {
        known.into_iter().map(|file| file.name).collect()
    };
    let message = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("no configuration has this name, did you mean {near}?"),
        None => "no configuration has this name".to_owned(),
    };
    let error =
        Error::new(ErrorKind::NotFound, OPERATION, message).with("storage", name).with("looked in", home.display());
    if names.is_empty() {
        error.hint("configurations lie in $KAFI_HOME or the working directory, or in its folders configs/clusters, configs/locals, …")
    } else {
        error
    }
}

/// The YAML files of a folder with their short names; hidden ones are not meant.
fn yaml_files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |error| Error::io("list configurations", error).with("folder", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_yaml = path.extension().is_some_and(|found| ENDINGS.iter().any(|ending| found == *ending));
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if is_yaml && !name.starts_with('.') && path.is_file() {
            files.push((name.to_owned(), path));
        }
    }
    Ok(files)
}
