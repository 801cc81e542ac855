//! The storage: what it can do, and who it is.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Admin, Capabilities, Consumer, ConsumerOptions, Producer, ProducerOptions, Result, Storage};

use crate::SCHEME;
use crate::admin::RestAdmin;
use crate::client::{Client, end_of};
use crate::consumer::RestConsumer;
use crate::producer::RestProducer;

/// Kafka behind a REST Proxy.
pub(crate) struct RestStorage(pub Arc<Client>);

impl Storage for RestStorage {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        crate::CAPABILITIES
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        let server = self.0.server(end_of(timeout))?;
        Ok(server.cluster.unwrap_or_else(|| self.0.config.base.clone()))
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(RestConsumer::new(Arc::clone(&self.0), options)?))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(Box::new(RestProducer::new(Arc::clone(&self.0), options)?))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(RestAdmin::new(Arc::clone(&self.0))))
    }
}
