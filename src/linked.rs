//! The storages that are linked into this build: the one list of what a feature brings.

use std::path::Path;
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result, Storage};

/// Opens a storage under a name, with the items of its section.
type Open = fn(&str, &[(String, String)]) -> Result<Arc<dyn Storage>>;

/// What opens a scheme of [`StorageKind`](kafi_core::StorageKind).
const LINKED: &[(&str, Open)] = &[
    #[cfg(feature = "cluster")]
    (kafi_cluster::SCHEME, kafi_cluster::open),
    #[cfg(feature = "s3")]
    (kafi_s3::SCHEME, kafi_s3::open),
    #[cfg(feature = "azure")]
    (kafi_azure::SCHEME, kafi_azure::open),
    #[cfg(feature = "restproxy")]
    (kafi_restproxy::SCHEME, kafi_restproxy::open),
    #[cfg(feature = "fs")]
    (kafi_fs::SCHEME_FILE, kafi_fs::open),
    #[cfg(feature = "fs")]
    (kafi_fs::SCHEME_MEM, |name, _| Ok(Arc::new(kafi_fs::open_memory(name)))),
];

/// Whether what this scheme names is opened without a plugin.
#[cfg(feature = "plugins")]
pub(crate) fn is_linked(scheme: &str) -> bool {
    LINKED.iter().any(|(linked, _)| *linked == scheme)
}

/// The schemes, as they begin addresses.
pub(crate) fn schemes() -> String {
    let begin =
        |scheme: &str| if matches!(scheme, "file" | "mem") { format!("{scheme}:") } else { format!("{scheme}://") };
    LINKED.iter().map(|(scheme, _)| begin(scheme)).collect::<Vec<_>>().join(", ")
}

/// Opens what a scheme names; `kind` is what it is called where this build has nothing for it.
///
/// # Errors
/// `Unsupported`; those of the storage.
pub(crate) fn open(scheme: &str, kind: &str, name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    let (_, open) = LINKED.iter().find(|(linked, _)| *linked == scheme).ok_or_else(|| not_built(kind))?;
    open(name, properties)
}

/// Opens a folder, whose path need not be UTF-8.
///
/// # Errors
/// As for [`open`].
pub(crate) fn open_folder(name: &str, root: &Path) -> Result<Arc<dyn Storage>> {
    #[cfg(feature = "fs")]
    return Ok(Arc::new(kafi_fs::open_folder(name, root, kafi_fs::FolderOptions::default())?));
    #[cfg(not(feature = "fs"))]
    Err(not_built("local").with("folder", root.display()).with("storage", name))
}

fn not_built(kind: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "open storage", "this build of Kafi cannot open this kind of storage")
        .with("kind", kind)
}
