//! Storages from dynamic libraries: where they are looked for, how they are loaded, and what is said of those that
//! cannot be.
//!
//! Nothing is loaded before a storage is asked for that only a plugin can open. Libraries are never unloaded.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kafi_core::abi::import::{self, Announced, Library};
use kafi_core::abi::kafi_abi::PluginRef;
use kafi_core::abi::kafi_abi::abi_stable::library::{LibraryError, lib_header_from_path};
use kafi_core::abi::{KAFI_ABI, KAFI_ABI_SYMBOL, Opening};
use kafi_core::{Error, ErrorKind, Result, Storage, StorageInfo, StorageKind};

/// The environment variable that names plugins, or folders of them, with colons between.
pub const PLUGINS_VARIABLE: &str = "KAFI_PLUGINS";

const OPERATION: &str = "load plugin";

/// The plugins that can be used: those that were named, which stand before what is linked, and those that are found.
#[derive(Default)]
pub struct Plugins {
    named: Vec<PathBuf>,
    places: Vec<SearchPath>,
    /// Whatever was loaded, or could not be, in the order of the paths.
    named_loaded: OnceLock<Result<Vec<Plugin>>>,
    found_loaded: OnceLock<Found>,
    /// Only one thread loads.
    loading: Mutex<()>,
}

/// Where plugins are looked for.
struct SearchPath {
    path: PathBuf,
    /// What says that it is looked at.
    said_by: &'static str,
    /// Whether it may be a plugin itself, and is missed where it is not there: somebody named it.
    is_named: bool,
}

/// A file that would be loaded as a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What says that it is looked at there: `--plugin`, `KAFI_PLUGINS`, `KAFI_HOME`, `user data`.
    pub said_by: &'static str,
}

#[derive(Default)]
struct Found {
    plugins: Vec<Plugin>,
    failures: Vec<Error>,
}

/// A plugin that is loaded.
#[derive(Clone)]
pub struct Plugin {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says of itself.
    pub announced: Announced,
    module: PluginRef,
    library: Library,
}

impl Plugin {
    /// Loads a plugin. What is not one is never called, but its initialisers run, as for every library.
    ///
    /// # Errors
    /// `Config`, in one line: no such file, no library, no plugin, or one for another version of the interface.
    pub fn load(path: &Path) -> Result<Self> {
        let failed = |error: Error| error.with("plugin", path.display());
        let full = readable(path).map_err(failed)?;
        check_number(number(&full).map_err(failed)?).map_err(failed)?;
        let header = lib_header_from_path(&full).map_err(|error| failed(unfit(&error)))?;
        let module = header.init_root_module::<PluginRef>().map_err(|error| failed(unfit(&error)))?;
        let announced = import::announced(module).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), announced, module, library: Library::new() })
    }

    /// Opens one of its storages. Does not speak to a server.
    ///
    /// # Errors
    /// Those of the plugin.
    pub fn open(&self, opening: &Opening) -> Result<Arc<dyn Storage>> {
        import::open(self.module, self.library, opening)
    }

    fn storage(&self, is_it: impl Fn(&StorageInfo) -> bool) -> Option<&'static StorageInfo> {
        self.announced.storages.iter().find(|storage| is_it(storage))
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).field("announced", &self.announced).finish_non_exhaustive()
    }
}

impl Plugins {
    /// The plugins at these paths, and no others.
    pub fn named(paths: Vec<PathBuf>) -> Self {
        Self { named: paths, ..Self::default() }
    }

    /// The plugins at these paths, and those that `$KAFI_PLUGINS`, the folder `plugins` of an explicit `$KAFI_HOME`,
    /// and that of the user's data have.
    ///
    /// The working directory has no say: whoever filled it would run code.
    pub fn of_process(paths: Vec<PathBuf>) -> Self {
        let listed = env::var_os(PLUGINS_VARIABLE).unwrap_or_default();
        let named = env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        let mut places: Vec<_> =
            named.map(|path| SearchPath { path, said_by: PLUGINS_VARIABLE, is_named: true }).collect();
        let home =
            env::var_os("KAFI_HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join("plugins"));
        let usual = [(home, "KAFI_HOME"), (data_folder().map(|data| data.join("kafi/plugins")), "user data")];
        places.extend(
            usual.into_iter().filter_map(|(path, said_by)| Some(SearchPath { path: path?, said_by, is_named: false })),
        );
        Self { named: paths, places, ..Self::default() }
    }

    /// Looks for plugins at these paths, too, which are plugins or folders of plugins, as if `$KAFI_PLUGINS` named
    /// them.
    pub fn with_places(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.places.extend(paths.into_iter().map(|path| SearchPath {
            path,
            said_by: PLUGINS_VARIABLE,
            is_named: true,
        }));
        self
    }

    /// The folders and files that are looked at, in this order.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        self.named.iter().chain(self.places.iter().map(|place| &place.path)).map(PathBuf::as_path)
    }

    /// The files that would be loaded, without loading any, and the folders that cannot be looked at.
    pub fn listed(&self) -> Vec<Result<PluginFile>> {
        let (files, failures) = self.files();
        let named = self.named.iter().map(|path| PluginFile { path: path.clone(), said_by: "--plugin" });
        named.chain(files).map(Ok).chain(failures.into_iter().map(Err)).collect()
    }

    /// Loads each plugin that is named or found, and says of each path what became of it.
    pub fn all(&self) -> Vec<Result<Plugin>> {
        let named = self.named.iter().map(|path| Plugin::load(path));
        let found = self.found();
        let mut all: Vec<_> = named.collect();
        all.extend(found.plugins.iter().cloned().map(Ok));
        all.extend(found.failures.iter().map(|error| Err(error.duplicate())));
        all
    }

    /// The plugin for a kind of storage, and what it announces about it. A named plugin stands before what is linked;
    /// one that is found stands behind it, and is not even loaded.
    ///
    /// # Errors
    /// `Config` where two plugins would do, or none would and one cannot be loaded.
    pub(crate) fn find(
        &self,
        what: &str,
        is_linked: bool,
        is_it: impl Fn(&StorageInfo) -> bool,
    ) -> Result<Option<(&Plugin, &'static StorageInfo)>> {
        if let Some(found) = only_one(what, self.loaded_named()?, &is_it)? {
            return Ok(Some(found));
        }
        if is_linked || !self.has_found() {
            return Ok(None);
        }
        let found = self.found();
        match (only_one(what, &found.plugins, &is_it)?, found.failures.first()) {
            (None, Some(failure)) => Err(failure.duplicate().with("looked for", what)),
            (plugin, _) => Ok(plugin),
        }
    }

    /// All kinds of storage that configurations can be of: Kafi's own, and those of plugins; of plugins that are only
    /// found `with_found`.
    ///
    /// # Errors
    /// `Config` where a named plugin cannot be loaded.
    pub(crate) fn kinds(&self, with_found: bool) -> Result<Vec<StorageKind>> {
        let mut kinds = StorageKind::ALL.to_vec();
        let found = if with_found { self.found().plugins.as_slice() } else { &[] };
        for storage in self.loaded_named()?.iter().chain(found).flat_map(|plugin| plugin.announced.storages) {
            if storage.section.is_some_and(|section| kinds.iter().all(|kind| kind.section() != section)) {
                kinds.push(StorageKind::Plugin(storage));
            }
        }
        Ok(kinds)
    }

    /// Whether there are any that were not named.
    pub(crate) fn has_found(&self) -> bool {
        let (files, failures) = self.files();
        !files.is_empty() || !failures.is_empty()
    }

    fn loaded_named(&self) -> Result<&[Plugin]> {
        let loaded = self.named_loaded.get_or_init(|| {
            let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            once(&self.named).into_iter().map(|path| Plugin::load(&path)).collect()
        });
        loaded.as_deref().map_err(Error::duplicate)
    }

    fn found(&self) -> &Found {
        self.found_loaded.get_or_init(|| {
            let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let (files, failures) = self.files();
            let paths: Vec<_> = files.into_iter().map(|file| file.path).collect();
            let mut found = Found { plugins: Vec::new(), failures };
            for path in once(&paths) {
                match Plugin::load(&path) {
                    Ok(plugin) => found.plugins.push(plugin),
                    Err(error) => found.failures.push(error),
                }
            }
            found
        })
    }

    /// The libraries in all places, and what cannot be one.
    fn files(&self) -> (Vec<PluginFile>, Vec<Error>) {
        let (mut files, mut failures) = (Vec::new(), Vec::new());
        for SearchPath { path, said_by, is_named } in &self.places {
            if *is_named && !path.is_dir() {
                files.push(PluginFile { path: path.clone(), said_by });
                continue;
            }
            match libraries(path) {
                Ok(libraries) => files.extend(libraries.into_iter().map(|path| PluginFile { path, said_by })),
                Err(error) => failures.push(error.with("folder", path.display())),
            }
        }
        (files, failures)
    }
}

/// Where the data of this user's programs lies; a relative path is none, since it would lie in the working directory.
fn data_folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))
}

/// The libraries in a folder, sorted; none where there is no folder.
///
/// # Errors
/// `PermissionDenied` for a folder into which everybody can put a library, `Io`.
fn libraries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("look for plugins", error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(|error| Error::io("look for plugins", error))?;
    paths.retain(|path| path.to_string_lossy().ends_with(env::consts::DLL_SUFFIX));
    paths.sort();
    if !paths.is_empty() && is_open_to_all(folder) {
        let error = Error::new(
            ErrorKind::PermissionDenied,
            "look for plugins",
            "everybody may write into this folder, so that nothing in it is loaded",
        );
        return Err(error.hint("chmod o-w the folder, or name the plugin with --plugin"));
    }
    Ok(paths)
}

#[cfg(unix)]
fn is_open_to_all(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_folder: &Path) -> bool {
    false
}

/// These paths, each file once.
fn once(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let is_new = |path: &&PathBuf| {
        let full = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let is_new = !seen.contains(&full);
        seen.push(full);
        is_new
    };
    paths.iter().filter(is_new).cloned().collect()
}

/// The one plugin that will do.
fn only_one<'a>(
    what: &str,
    plugins: &'a [Plugin],
    is_it: impl Fn(&StorageInfo) -> bool,
) -> Result<Option<(&'a Plugin, &'static StorageInfo)>> {
    let mut fitting = plugins.iter().filter_map(|plugin| Some((plugin, plugin.storage(&is_it)?)));
    match (fitting.next(), fitting.next()) {
        (Some((first, _)), Some((second, _))) => {
            let why = format!(
                "two plugins open this kind of storage: {} and {}",
                first.path.display(),
                second.path.display()
            );
            Err(Error::new(ErrorKind::Config, OPERATION, why)
                .with("storage", what)
                .hint("name the one that is meant with --plugin, or remove the other"))
        }
        (fitting, _) => Ok(fitting),
    }
}

/// The full path of a file that can be read.
fn readable(path: &Path) -> Result<PathBuf> {
    let failed = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_string(),
            io::ErrorKind::PermissionDenied => "it may not be read".to_string(),
            _ => error.to_string(),
        };
        refused(why)
    };
    let full = fs::canonicalize(path).map_err(failed)?;
    if full.is_dir() {
        return Err(refused("it is a folder, where a file is wanted"));
    }
    fs::File::open(&full).map_err(failed)?;
    Ok(full)
}

/// The number of the interface that a library was built with.
fn number(path: &Path) -> Result<u32> {
    // SAFETY: to load a library runs its initialisers, which is what the user asked for by naming it or by putting it
    // where plugins are; nothing else of it is called here.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| {
        let text = chain(&error);
        let why = text.rsplit_once(&format!("{}: ", path.display())).map_or(text.as_str(), |(_, why)| why);
        refused(format!("it is no library that this system can load: {why}"))
    })?;
    // SAFETY: a symbol of this name is a number by the agreement that each plugin keeps; a library of something else
    // that has one is not to be expected.
    let number = unsafe { library.get::<*const u32>(KAFI_ABI_SYMBOL.as_bytes()) };
    let number = number
        .map_err(|_| refused(format!("it is a library, but no plugin of Kafi: it does not say {KAFI_ABI_SYMBOL}")))?;
    // SAFETY: as above; the library is still loaded.
    let number = unsafe { number.read_unaligned() };
    // Whatever a library has started when it was loaded may still run.
    std::mem::forget(library);
    Ok(number)
}

fn check_number(number: u32) -> Result<()> {
    let hint = match number.cmp(&KAFI_ABI) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => "build the plugin anew, with the kafi-core of this Kafi",
        std::cmp::Ordering::Greater => "use a newer Kafi, or a plugin that was built for this one",
    };
    Err(refused(format!(
        "it was built for version {number} of the plugin interface, and this Kafi has version {KAFI_ABI}"
    ))
    .hint(hint))
}

/// Why a library with the right number does not fit all the same.
fn unfit(error: &LibraryError) -> Error {
    let hint = "build the plugin anew, with the kafi-core of this Kafi";
    match error {
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => refused(format!(
            "it was built with version {actual_version} of kafi-abi, and this Kafi has {expected_version}"
        ))
        .hint(hint),
        LibraryError::AbiInstability(text) => refused(format!(
            "its interface is laid out otherwise than version {KAFI_ABI} says: {}",
            differences(&text.to_string())
        ))
        .hint(hint),
        LibraryError::GetSymbolError { .. } => refused("it says KAFI_ABI, but has no root module").hint(hint),
        LibraryError::RootModule { .. } => refused("it failed when it was asked for its root module"),
        _ => refused(
            "abi_stable does not accept it: it was built with another version of abi_stable, or for another system",
        )
        .hint(hint),
    }
}

/// The differences in abi_stable's text about two layouts, which itself has up to 200 kB: each kind of difference once,
/// with the first example.
fn differences(text: &str) -> String {
    const SHOWN_MAX: usize = 3;
    let mut found: Vec<(String, String)> = Vec::new();
    for block in text.split("Error:").skip(1) {
        let mut words = block.split_whitespace();
        let what: Vec<&str> = words.by_ref().take_while(|word| *word != "Expected:").take(12).collect();
        let expected = words.next().unwrap_or("?");
        let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = words
            .find(|word| *word == "Found:")
            .and_then(|_| words.next())
            .filter(|found| is_number(found) && is_number(&expected));
        let what = what.join(" ");
        if !what.is_empty() && found.iter().all(|(known, _)| *known != what) {
            found.push((what, numbers.map_or(String::new(), |found| format!(" (expected {expected}, found {found})"))));
        }
    }
    if found.is_empty() {
        return "abi_stable does not say how".into();
    }
    found.iter().take(SHOWN_MAX).map(|(what, numbers)| format!("{what}{numbers}")).collect::<Vec<_>>().join("; ")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPERATION, why)
}
