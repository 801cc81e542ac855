//! Kafi's traits, types, configuration, and functional layer.

#![deny(missing_docs)]

#[cfg(feature = "plugin")]
pub mod abi;
#[cfg(not(feature = "plugin"))]
mod abi {
    //! Without plugins no batch is ever lent.
    mod foreign_none;
    pub(crate) use foreign_none::Foreign;
}
mod admin;
mod batch;
mod capability;
mod codec;
mod column;
mod config;
mod consumer;
mod envelope;
mod error;
mod files;
pub mod functional;
mod json;
mod message;
mod meta;
mod offsets;
mod partitioner;
mod plain;
mod producer;
mod record;
#[cfg(feature = "runtime")]
mod runtime;
mod schema;
mod secret;
mod storage;
mod time;
mod topic_name;
mod types;
mod units;
mod value;

pub mod json_text {
    //! What codecs read and write JSON text with, without a tree of it.
    //!
    //! ```
    //! use kafi_core::json_text::{Scanner, unescape, write_string};
    //! let mut scanner = Scanner::new(br#"{"a\n": 1.0}"#);
    //! scanner.expect(b'{', "an object must begin with {").unwrap();
    //! let member = scanner.member(true).unwrap().unwrap();
    //! assert!(member.name_escaped && member.value == (8..11));
    //! let mut text = Vec::new();
    //! unescape(r"a\n", &mut text).unwrap();
    //! write_string(&mut text, "a\"b");
    //! assert_eq!(text, b"a\n\"a\\\"b\"");
    //! ```
    pub use crate::json::members::{Members, Shape};
    pub use crate::json::number::{compare_numbers, push_number};
    pub use crate::json::scan::{DEPTH_MAX, Fault, MemberSpan, Scanner};
    pub use crate::json::text::{unescape, write_string};
}

pub use admin::{
    Acl, AclAdmin, AclFilter, AclOperation, AclPattern, AclPermission, AclResource, Admin, AdminBase, Broker,
    BrokerAdmin, Cluster, ConfigAdmin, ConfigChange, ConfigEntry, Election, ElectionAdmin, Group, GroupAdmin,
    GroupDescription, GroupMember, NewScramUser, NewTopic, OffsetAdmin, Partition, ScramMechanism, ScramUser, Topic,
    TopicAdmin, UserAdmin, Watermarks, existing,
};
pub use batch::Batch;
pub use capability::Capabilities;
pub use codec::{Codecs, Coding, Decoded, Decoder, Encoder, MemberSink, Scalar, SchemaHeader, Text};
pub use column::{BytesText, ColumnType, TimeUnit};
pub use config::{
    AddressPlace, Config, ConfigFile, ConfigKey, NamedSchema, OffsetReset, SCHEMA_REGISTRY_KEYS, SchemaSettings,
    Settings, StorageInfo, StorageKind, expand_environment, is_variable, nearest, power_of,
};
pub use consumer::{
    Assignment, CommittedOffset, Consumer, ConsumerOptions, GroupMetadata, Isolation, Membership, Polled, Position,
    TopicPartition,
};
pub use envelope::{EnvelopeReader, EnvelopeSchema, EnvelopeWriter, parse_envelope};
pub use error::{Error, ErrorKind, Result, Retry};
pub use files::{FILE_NAME_LEN_MAX, FileInfo, FileReader, FileWriter, Files, check_file_name};
pub use functional::{
    Cancel, CommitNotes, Conversion, Copied, Failures, GroupOptions, GroupUse, Limit, OnDelivery, Order, Pipe, Place,
    Progress, ReadOptions, Reader, Recoder, Recoding, SetAside, Target, TextDecoder, TopicFilter, TopicReader, Writer,
    pump, pump_helped, pump_settling, readers,
};
pub use json::{Json, JsonKind, JsonPath, Step};
pub use message::{Message, push_texts};
pub use meta::{HeaderMeta, RecordMeta, Span, TimestampType};
pub use offsets::{OffsetSpec, Offsets, ResolveOptions, Resolved, resolve, resolve_each};
pub use partitioner::partition_of;
pub use plain::PlainCodecs;
pub use producer::{Delivery, MESSAGE_CONTEXT, Producer, ProducerOptions, Report};
pub use record::{ANY_PARTITION, Header, Headers, HeadersBuf, NO_TIMESTAMP, OwnedRecord, Record};
#[cfg(feature = "runtime")]
pub use runtime::{Attempts, Runtime, retry_until};
pub use schema::{
    AvroJson, IdLocation, Registration, SchemaOptions, SchemaRef, SchemaVersion, Serde, Serdes, SubjectStrategy,
    TravellingSchema, schema_id_header,
};
pub use secret::{Secrets, Shown, is_secret_key, percent_decoded, shown_value, without_secrets};
pub use storage::Storage;
pub use time::{TimeFormat, format_local, parse_time};
pub use topic_name::{TOPIC_NAME_LEN_MAX, check_topic_name};
pub use types::{Field, Type};
pub use units::{bytes_of, parse_size, setting_value};
pub use value::Value;
