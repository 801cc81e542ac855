//! `kafi-fs` as a plugin: topics in a folder, and in memory.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};
use kafi_fs::SCHEME_MEM;

static INFO: PluginInfo = PluginInfo { name: "fs", version: env!("CARGO_PKG_VERSION"), storages: &[FILE, MEM] };
const FILE: StorageInfo = StorageInfo::of(StorageKind::Local);
const MEM: StorageInfo =
    StorageInfo { scheme: SCHEME_MEM, section: None, folder: None, keys: &[], takes_any_key: false };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    if opening.scheme == SCHEME_MEM {
        return Ok(Arc::new(kafi_fs::open_memory(&opening.name)));
    }
    kafi_fs::open(&opening.name, &opening.properties(StorageKind::Local))
}

kafi_core::export_storage!(INFO, open);
