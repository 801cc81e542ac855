//! Kafi's traits, types, configuration, and functional layer.

#![deny(missing_docs)]

mod admin;
mod batch;
mod capability;
mod consumer;
mod error;
mod partitioner;
mod producer;
mod record;
mod storage;
mod topic_name;

pub use admin::{Admin, ConfigChange, ConfigEntry, Group, NewTopic, Partition, Topic, Watermarks};
pub use batch::{Batch, RecordMeta, Span};
pub use capability::Capabilities;
pub use consumer::{Assignment, Consumer, ConsumerOptions, Isolation, Polled, Position, TopicPartition};
pub use error::{Error, ErrorKind, Result, Retry};
pub use partitioner::partition_of;
pub use producer::{Delivery, Producer, ProducerOptions, Report};
pub use record::{ANY_PARTITION, Header, HeaderMeta, Headers, HeadersBuf, NO_TIMESTAMP, OwnedRecord, Record, TimestampType};
pub use storage::Storage;
pub use topic_name::{TOPIC_NAME_LEN_MAX, check_topic_name};
