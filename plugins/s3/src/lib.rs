//! `kafi-s3` as a plugin: topics in a bucket.

use std::sync::Arc;

use kafi_core::abi::{Opening, PluginInfo};
use kafi_core::{Result, Storage, StorageInfo, StorageKind};

static INFO: PluginInfo =
    PluginInfo { name: "s3", version: env!("CARGO_PKG_VERSION"), storages: &[StorageInfo::of(StorageKind::S3)] };

fn open(opening: &Opening) -> Result<Arc<dyn Storage>> {
    kafi_s3::open(&opening.name, &opening.properties(StorageKind::S3))
}

kafi_core::export_storage!(INFO, open);
