//! `kafi-fs` as a plugin: topics in a folder, and in memory.

use std::path::Path;
use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};
use kafi_fs::{FolderOptions, SCHEME_FILE, SCHEME_MEM};

static INFO: PluginInfo = PluginInfo { name: "fs", version: env!("CARGO_PKG_VERSION"), storages: &[FILE, MEM] };
const FILE: StorageInfo = StorageInfo::of(StorageKind::Local, SCHEME_FILE);
const MEM: StorageInfo = StorageInfo { scheme: SCHEME_MEM, section: None, folder: None, keys: &[], takes_any_key: false };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    if opening.scheme == SCHEME_MEM {
        return Ok(Arc::new(kafi_fs::open_memory(&opening.name)));
    }
    let root = if opening.section.is_some() { opening.get("root.dir").unwrap_or(".") } else { &opening.path };
    Ok(Arc::new(kafi_fs::open_folder(&opening.name, Path::new(root), FolderOptions::default())?))
}

kafi_core::export_storage!(INFO, open);
