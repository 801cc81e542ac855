//! `kafi-cluster` as a plugin: real Kafka.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo =
    PluginInfo { name: "cluster", version: env!("CARGO_PKG_VERSION"), storages: &[StorageInfo::of(StorageKind::Kafka, kafi_cluster::SCHEME)] };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    let mut properties = Vec::new();
    if opening.section.is_none() {
        properties.push(("bootstrap.servers".to_string(), opening.authority.clone()));
    }
    properties.extend(opening.items.iter().cloned());
    kafi_cluster::open(&opening.name, &properties)
}

kafi_core::export_storage!(INFO, open);
