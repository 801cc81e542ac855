//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Result, Storage};
use tokio::sync::Semaphore;

use crate::metrics::Metrics;
use crate::options::ServeOptions;

/// How long the storage may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// What all requests share.
pub struct App {
    pub options: ServeOptions,
    pub metrics: Metrics,
    /// One for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// One for each request that may work on a thread.
    pub working: Arc<Semaphore>,
    storage: Arc<dyn Storage>,
}

impl App {
    pub fn new(storage: Arc<dyn Storage>, options: ServeOptions) -> Self {
        let connections = Arc::new(Semaphore::new(options.limits.connections_max.max(1)));
        let working = Arc::new(Semaphore::new(options.limits.working_max.max(1)));
        Self { options, metrics: Metrics::default(), connections, working, storage }
    }

    /// Asks the storage who it is. Blocks.
    pub fn is_ready(&self) -> Result<()> {
        self.storage.identity(READY_TIMEOUT).map(drop)
    }
}
