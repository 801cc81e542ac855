//! `kafi-restproxy` as a plugin: Kafka behind a REST Proxy.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo = PluginInfo {
    name: "restproxy",
    version: env!("CARGO_PKG_VERSION"),
    storages: &[StorageInfo::of(StorageKind::RestProxy)],
};

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    kafi_restproxy::open(&opening.name, &opening.properties(StorageKind::RestProxy))
}

kafi_core::export_storage!(INFO, open);
