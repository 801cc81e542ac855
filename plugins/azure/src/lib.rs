//! `kafi-azure` as a plugin: topics in a container.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo = PluginInfo {
    name: "azure",
    version: env!("CARGO_PKG_VERSION"),
    storages: &[StorageInfo::of(StorageKind::AzureBlob)],
};

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    kafi_azure::open(&opening.name, &opening.properties(StorageKind::AzureBlob))
}

kafi_core::export_storage!(INFO, open);
