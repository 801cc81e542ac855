//! The API of Confluent's REST Proxy, versions 2 and 3.

mod codes;
mod encoding;
mod pools;
mod v2;
mod v3;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use kafi_serde::SchemaCodecs;

use crate::app::App;
use crate::options::Served;
use crate::rest::pools::Pools;
use crate::rest::v2::Consumers;

/// What it is called.
pub const NAME: &str = "rest";

/// What both versions share.
pub struct Rest {
    app: Arc<App>,
    served: Served,
    codecs: SchemaCodecs,
    pools: Pools,
    consumers: Consumers,
    /// What the storage is called as a cluster, once it was asked.
    cluster: OnceLock<String>,
}

/// What answers its requests. In the runtime it is called in, consumers are looked after.
pub fn router(app: Arc<App>, served: &Served) -> Router {
    let rest = Arc::new(Rest {
        codecs: SchemaCodecs::new(Some(Arc::clone(&served.registry))),
        pools: Pools::new(Arc::clone(&served.storage)),
        consumers: Consumers::new(app.options.limits.consumers_max),
        served: served.clone(),
        cluster: OnceLock::new(),
        app,
    });
    tokio::spawn(v2::close_expired(Arc::downgrade(&rest)));
    v2::router(Arc::clone(&rest)).merge(v3::router(rest))
}

impl Rest {
    fn timeout(&self) -> Duration {
        self.app.options.limits.call
    }
}
