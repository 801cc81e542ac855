//! Storages across a C interface: what a plugin exports, and what the host makes of it. Needs the feature `plugin`.
//!
//! Who writes a plugin implements the plain traits of this crate, and ends with one macro,
//! [`export_storage!`](crate::export_storage):
//!
//! ```
//! use std::sync::Arc;
//! use kafi_core::abi::{Opening, PluginInfo};
//! use kafi_core::{ConfigKey, Error, ErrorKind, Result, Storage, StorageInfo};
//!
//! static INFO: PluginInfo = PluginInfo {
//!     name: "jsonl",
//!     version: env!("CARGO_PKG_VERSION"),
//!     storages: &[StorageInfo {
//!         scheme: "jsonl",
//!         section: Some("jsonl"),
//!         folder: Some("jsonls"),
//!         keys: &[ConfigKey { name: "root.dir", default: Some("."), meaning: "the folder that holds the files" }],
//!         takes_any_key: false,
//!     }],
//! };
//!
//! fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
//!     let root = opening.get("root.dir").unwrap_or(&opening.path);
//!     Err(Error::new(ErrorKind::NotFound, "open storage", "this is only an example").with("folder", root))
//! }
//!
//! kafi_core::export_storage!(INFO, open);
//! # fn main() {}
//! ```
//!
//! Batches cross without a copy: a plugin's arena is lent to the host, and back to the plugin with the next poll; the
//! host's is lent to the plugin for the length of a call. Both sides check what they are lent. Panics of the plugin
//! become errors. The frozen types are those of the crate `kafi-abi`.

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod each_tests;
pub mod export;
mod failure;
mod files;
mod foreign;
pub mod import;
mod json;
mod layout;
mod library;
#[cfg(test)]
mod tests;

use std::fmt;

use kafi_abi::{BatchView, Text};
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::config::{StorageInfo, StorageKind};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Shown;

pub use kafi_abi;
pub use kafi_abi::{KAFI_ABI, KAFI_ABI_SYMBOL};

pub(crate) use foreign::Foreign;

/// What a plugin says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// Its name, one word.
    pub name: &'static str,
    /// Its version, `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The storages that it opens, at least one.
    pub storages: &'static [StorageInfo],
}

/// What a plugin is asked to open.
///
/// It comes either from an address (`scheme://authority/path?key=value`, without the topic), or from a configuration
/// file. `Debug` shows no secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Opening {
    /// The name under which the user knows the storage; it belongs into errors.
    pub name: String,
    /// Which of the plugin's storages is meant.
    pub scheme: String,
    /// The section of the configuration file, or `None` for an address.
    pub section: Option<String>,
    /// Of an address what stands between `://` and the next slash.
    pub authority: String,
    /// Of an address what stands behind the authority, without the topic and the slashes at its ends. For a folder
    /// (`./data/`) its whole path.
    pub path: String,
    /// The properties of the address, or the items of the section, in order, with environment variables put in; without
    /// defaults. The host has checked that the keys are among those that the plugin announces.
    pub items: Vec<(String, String)>,
}

impl Opening {
    /// The value of an item, if it was given.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.items.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The items of the section of `kind`, also where it comes from an address: then its place comes before the
    /// properties.
    pub fn properties(&self, kind: StorageKind) -> Vec<(String, String)> {
        let place = if self.section.is_none() { kind.place_keys(&self.authority, &self.path) } else { Vec::new() };
        place.into_iter().chain(self.items.iter().cloned()).collect()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, scheme, section, authority, path, items } = self;
        f.debug_struct("Opening")
            .field("name", name)
            .field("scheme", scheme)
            .field("section", section)
            .field("authority", authority)
            .field("path", path)
            .field("items", &Shown(items))
            .finish()
    }
}

/// Lets `batch` show what is lent, and checks it.
///
/// # Errors
/// `Corrupt` for metas that point outside of the batch, and for names of topics that are not UTF-8; the batch then
/// shows nothing.
///
/// # Safety
/// As for [`Foreign::show`].
unsafe fn show(batch: &mut Batch, view: BatchView) -> Result<()> {
    // SAFETY: the caller says that the view is alive, and with it the topics' names.
    let topics = unsafe { view.topics() };
    let names = topics.iter().map(|topic| {
        // SAFETY: as above.
        unsafe { topic.as_str() }
            .map_err(|_| Error::new(ErrorKind::Corrupt, "check batch", "the name of a topic is not UTF-8"))
    });
    batch.restart(names)?;
    // SAFETY: as the caller says.
    unsafe { batch.foreign().show(view) }?;
    batch.validate().inspect_err(|_| batch.foreign().hide())
}

/// The names of a batch's topics, to be lent with it; the memory of the list is used again.
fn name_topics(batch: &Batch, names: &mut Vec<Text>) {
    names.clear();
    names.extend(batch.topics().iter().map(|topic| Text::new(topic)));
}
