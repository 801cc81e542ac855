//! The host's side: what crossed becomes plain traits again.

mod admin;
mod consumer;
mod files;
mod producer;

use std::panic;
use std::sync::Arc;
use std::time::Duration;

use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
use kafi_abi::{Failure, LogSink, PluginRef, StorageBox};
use log::{Level, LevelFilter, Record};
use serde::Deserialize;

use super::Opening;
use super::failure::rebuild;
use super::files::FilesV1;
use super::json::{from_text, to_text};
pub use super::library::Library;
use crate::admin::Admin;
use crate::capability::Capabilities;
use crate::config::{ConfigKey, StorageInfo};
use crate::consumer::{Consumer, ConsumerOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::files::Files;
use crate::producer::{Producer, ProducerOptions};
use crate::storage::Storage;

/// What a loaded plugin says of itself. It lives as long as the process, as its library does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The version of kafi-core that it was built with.
    pub kafi_core: &'static str,
    /// The storages that it opens.
    pub storages: &'static [StorageInfo],
}

#[derive(Deserialize)]
struct AnnouncedText {
    name: String,
    version: String,
    #[serde(default)]
    kafi_core: String,
    storages: Vec<StorageText>,
}

#[derive(Deserialize)]
struct StorageText {
    scheme: String,
    #[serde(default)]
    section: Option<String>,
    #[serde(default)]
    folder: Option<String>,
    #[serde(default)]
    keys: Vec<KeyText>,
    #[serde(default)]
    takes_any_key: bool,
}

#[derive(Deserialize)]
struct KeyText {
    name: String,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    meaning: String,
}

/// What the plugin says of itself. Its texts are kept for good: this is for once per library.
///
/// # Errors
/// `Unexpected` for what cannot be understood.
pub fn announced(plugin: PluginRef) -> Result<Announced> {
    let text: AnnouncedText = from_text(&plugin.announce()())?;
    let storage = |storage: StorageText| StorageInfo {
        scheme: kept(storage.scheme),
        section: storage.section.map(kept),
        folder: storage.folder.map(kept),
        keys: storage.keys.into_iter().map(key).collect::<Vec<_>>().leak(),
        takes_any_key: storage.takes_any_key,
    };
    let storages = text.storages.into_iter().map(storage).collect::<Vec<_>>().leak();
    if storages.is_empty() {
        return Err(Error::new(ErrorKind::Unexpected, "load plugin", "it announces no storage"));
    }
    Ok(Announced { name: kept(text.name), version: kept(text.version), kafi_core: kept(text.kafi_core), storages })
}

fn key(key: KeyText) -> ConfigKey {
    ConfigKey { name: kept(key.name), default: key.default.map(kept), meaning: kept(key.meaning) }
}

fn kept(text: String) -> &'static str {
    text.leak()
}

/// Opens a storage of a plugin; its log lines go where those of the host go. Does not speak to a server.
///
/// # Errors
/// Those of the plugin.
pub fn open(plugin: PluginRef, library: Library, opening: &Opening) -> Result<Arc<dyn Storage>> {
    let text = to_text(opening)?;
    let sink =
        LogSink { level_max: LevelFilter::to_level(&log::max_level()).map_or(0, |level| level as u32), line: log_line };
    let opened = plugin.open()(RStr::from(text.as_str()), sink);
    Ok(storage(received(opened)?, library))
}

/// The storage that crossed.
pub fn storage(inner: StorageBox, library: Library) -> Arc<dyn Storage> {
    let (name, scheme) = (inner.name().to_string(), inner.scheme().to_string());
    let (capabilities, files) = (Capabilities::from_plugin_interface(inner.capabilities()), files::table_of(&inner));
    // Whatever it says, files that do not cross are not there.
    let capabilities = if files.is_some() { capabilities } else { capabilities.without(Capabilities::FILES) };
    Arc::new(ImportedStorage { inner, library, name, scheme, capabilities, files })
}

/// Takes a log line of a plugin.
extern "C" fn log_line(level: u32, target: RStr<'_>, line: RStr<'_>) {
    let level = Level::iter().nth(level.saturating_sub(1) as usize).unwrap_or(Level::Trace);
    let logged = panic::catch_unwind(|| {
        log::logger().log(&Record::builder().level(level).target(&target).args(format_args!("{line}")).build());
    });
    // A line that cannot be written is lost, which is better than the end of the plugin's thread.
    drop(logged);
}

fn received<T>(result: RResult<T, Failure>) -> Result<T> {
    result.into_result().map_err(rebuild)
}

/// A time-out as it crosses.
fn nanoseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)
}

struct ImportedStorage {
    inner: StorageBox,
    library: Library,
    name: String,
    scheme: String,
    capabilities: Capabilities,
    files: Option<FilesV1>,
}

impl Storage for ImportedStorage {
    fn name(&self) -> &str {
        &self.name
    }

    fn scheme(&self) -> &str {
        &self.scheme
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        received(self.inner.identity(nanoseconds(timeout))).map(RString::into_string)
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let inner = received(self.inner.consumer(to_text(options)?.as_str().into()))?;
        Ok(Box::new(consumer::Imported { inner, library: self.library }))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        // A plugin that is older does not know that it is asked for them.
        if !self.capabilities.contains(Capabilities::PRODUCE_TRANSACTIONS) {
            options.refuse_transactions(&self.name)?;
        }
        let inner = received(self.inner.producer(to_text(options)?.as_str().into()))?;
        Ok(Box::new(producer::Imported::new(inner)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(admin::Imported { inner: received(self.inner.admin())?, storage: self.name.clone() }))
    }

    fn files(&self) -> Result<Box<dyn Files>> {
        match self.files {
            Some(table) => Ok(Box::new(files::Imported::of(table)?)),
            None => Err(Error::unsupported(&self.name, "keep files")),
        }
    }
}

/// An admin client by itself, for tests.
#[cfg(test)]
pub(super) fn admin_of(inner: kafi_abi::AdminBox) -> Box<dyn Admin> {
    Box::new(admin::Imported { inner, storage: "test".into() })
}
