//! `kafi-azure` as a plugin: topics in a container.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo =
    PluginInfo { name: "azure", version: env!("CARGO_PKG_VERSION"), storages: &[StorageInfo::of(StorageKind::AzureBlob, kafi_azure::SCHEME)] };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    let place = [("container.name".to_string(), opening.authority.clone()), ("root.dir".to_string(), opening.path.clone())];
    let place = place.into_iter().filter(|_| opening.section.is_none());
    kafi_azure::open(&opening.name, &place.chain(opening.items.iter().cloned()).collect::<Vec<_>>())
}

kafi_core::export_storage!(INFO, open);
