//! The storage: a cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafi_core::{Admin, Capabilities, Consumer, ConsumerOptions, Error, Producer, ProducerOptions, Result, Storage};

use crate::SCHEME;
use crate::admin::KafkaAdmin;
use crate::config::Settings;
use crate::consumer::KafkaConsumer;
use crate::coordinators::Coordinators;
use crate::ffi::{Client, Deadline};
use crate::producer::KafkaProducer;

/// What this storage can do.
pub const CAPABILITIES: Capabilities = Capabilities::CONSUME
    .union(Capabilities::CONSUME_GROUP)
    .union(Capabilities::CONSUME_REBALANCE)
    .union(Capabilities::CONSUME_TRANSACTIONS)
    .union(Capabilities::PRODUCE)
    .union(Capabilities::PRODUCE_PARTITION)
    .union(Capabilities::PRODUCE_TIMESTAMP)
    .union(Capabilities::PRODUCE_HEADERS)
    .union(Capabilities::PRODUCE_TRANSACTIONS)
    .union(Capabilities::ADMIN_TOPICS)
    .union(Capabilities::ADMIN_PARTITIONS)
    .union(Capabilities::ADMIN_CONFIG)
    .union(Capabilities::ADMIN_DELETE_RECORDS)
    .union(Capabilities::ADMIN_GROUPS)
    .union(Capabilities::ADMIN_TIMES)
    .union(Capabilities::ADMIN_BROKERS)
    .union(Capabilities::ADMIN_ACLS)
    .union(Capabilities::ADMIN_USERS)
    .union(Capabilities::ADMIN_ELECTIONS)
    .union(Capabilities::ADMIN_DELETE_GROUP_OFFSETS);

/// A cluster and how to speak to it.
pub(crate) struct KafkaStorage {
    settings: Settings,
    /// The client for administration, made when it is first needed and shared from then on.
    control: Mutex<Option<Client>>,
    coordinators: Arc<Coordinators>,
}

impl KafkaStorage {
    pub(crate) fn new(settings: Settings) -> Self {
        let coordinators = Arc::new(Coordinators::new(settings.clone(), &[]));
        Self { settings, control: Mutex::new(None), coordinators }
    }

    fn control(&self) -> Result<Client> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*control {
            return Ok(client.clone());
        }
        let client = self.settings.control()?;
        *control = Some(client.clone());
        Ok(client)
    }
}

impl Storage for KafkaStorage {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        let id = self.control()?.cluster_id("identify cluster", Deadline::after(timeout));
        id.map_err(|error| error.with("storage", &self.settings.name))
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(KafkaConsumer::new(self.settings.clone(), options.clone())?))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        if options.keep_offsets {
            return Err(Error::unsupported(&self.settings.name, "keep offsets")
                .hint("a broker assigns offsets by itself: leave out --keep-offsets"));
        }
        Ok(Box::new(KafkaProducer::new(&self.settings, options)?))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(KafkaAdmin::new(self.settings.name.clone(), self.control()?, Arc::clone(&self.coordinators))))
    }
}
