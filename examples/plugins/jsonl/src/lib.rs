//! JSON-lines files as topics: a read-only storage for Kafi, as a plugin.
//!
//! A folder is a storage, and each file `NAME.jsonl` in it the topic `NAME`, with one partition. A line is a message,
//! and its offset the number of the line, from 0. A line that is an envelope, as `kafi cat --json` prints it, is read
//! as that message; any other JSON object is a value without a key. Empty lines are gaps. A last line that has no line
//! break yet counts as soon as it is a whole object.
//!
//! ```sh
//! cargo build --release
//! kafi --plugin target/release/libkafi_jsonl.so cat jsonl://./logs/access
//! ```

#![deny(missing_docs)]

mod admin;
mod consumer;
mod folder;
mod lines;
mod storage;

use std::path::Path;
use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{ConfigKey, Error, ErrorKind, Result, Storage, StorageInfo};

pub use storage::{CAPABILITIES, JsonlStorage};

/// The scheme of its addresses: `jsonl://FOLDER/TOPIC`.
pub const SCHEME: &str = "jsonl";

static INFO: PluginInfo = PluginInfo {
    name: "jsonl",
    version: env!("CARGO_PKG_VERSION"),
    storages: &[StorageInfo {
        scheme: SCHEME,
        section: Some("jsonl"),
        folder: Some("jsonls"),
        keys: &[ConfigKey { name: "root.dir", default: Some("."), meaning: "the folder that holds the files" }],
        takes_any_key: false,
    }],
};

/// Opens the folder that an address or a configuration names. Nothing is read yet.
///
/// # Errors
/// `Config` for what is no folder.
pub fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    // `jsonl://./logs/access` has the authority `.` and the path `logs`, `jsonl:///var/logs/access` an empty authority.
    let of_address = || match (opening.authority.as_str(), opening.path.as_str()) {
        (authority @ ("." | ".."), "") => authority.to_string(),
        (authority, path) => format!("{authority}/{path}"),
    };
    let root = if opening.section.is_some() { opening.get("root.dir").unwrap_or(".").to_string() } else { of_address() };
    if !Path::new(&root).is_dir() {
        let error = Error::new(ErrorKind::Config, "open storage", "there is no such folder");
        return Err(error.with("storage", &opening.name).with("folder", root));
    }
    Ok(Arc::new(JsonlStorage::new(&opening.name, Path::new(&root))))
}

kafi_core::export_storage!(INFO, open);
