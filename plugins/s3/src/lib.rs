//! `kafi-s3` as a plugin: topics in a bucket.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo = PluginInfo { name: "s3", version: env!("CARGO_PKG_VERSION"), storages: &[StorageInfo::of(StorageKind::S3, kafi_s3::SCHEME)] };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    let place = [("bucket.name".to_string(), opening.authority.clone()), ("root.dir".to_string(), opening.path.clone())];
    let place = place.into_iter().filter(|_| opening.section.is_none());
    kafi_s3::open(&opening.name, &place.chain(opening.items.iter().cloned()).collect::<Vec<_>>())
}

kafi_core::export_storage!(INFO, open);
