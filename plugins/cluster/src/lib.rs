//! `kafi-cluster` as a plugin: real Kafka.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo = PluginInfo {
    name: "cluster",
    version: env!("CARGO_PKG_VERSION"),
    storages: &[StorageInfo::of(StorageKind::Kafka)],
};

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    kafi_cluster::open(&opening.name, &opening.properties(StorageKind::Kafka))
}

kafi_core::export_storage!(INFO, open);
