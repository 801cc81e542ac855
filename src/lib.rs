//! Kafi, the Swiss army knife for Kafka: one API over real Kafka, and over emulated Kafka on a local folder, on S3, on
//! Azure Blob, or in memory.
//!
//! A storage is opened by its address: the name of a configuration file (`local`, `clusters/local`), a folder
//! (`./data/`), `mem:`, or a URL (`kafka://localhost:9092`, `s3://bucket/prefix/`). What comes back is a [`Kafi`],
//! which does everything: it lists, makes, and deletes topics, produces and consumes messages, searches, copies, and
//! transforms them.
//!
//! # Example: produce, transform, and search
//!
//! ```
//! use kafi::json;
//!
//! let c = kafi::open("mem:")?;
//! c.touch("snacks")?;
//!
//! let mut p = c.producer("snacks")?;
//! p.produce(("1", json!({"name": "cookie", "calories": 500.0})))?;
//! p.produce(("2", json!({"name": "cake", "calories": 260.0})))?;
//! p.close()?;
//!
//! let light = c.topic("snacks").filter(|m| Ok(m.value["calories"].float()? < 300.0)).collect()?;
//! assert_eq!(light[0].value["name"], "cake");
//!
//! let copied = c.topic("snacks").map(|mut m| { m.value["name"] = "timtam".into(); Ok(m) }).to(&c, "timtams")?;
//! assert_eq!((copied.read, copied.written), (2, 2));
//! assert_eq!(c.grep("timtams", "timtam")?.0.len(), 2);
//! # Ok::<(), kafi::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | default | brings | needs |
//! |---|---|---|---|
//! | `fs` | yes | emulated Kafka on a folder and in memory | a C compiler, for zstd |
//! | `cluster` | no | real Kafka through librdkafka | a C compiler, OpenSSL's headers, pkg-config |
//! | `vendored` | no | `cluster`, with OpenSSL built from its source and linked in | a C compiler, perl, some minutes |
//! | `s3` | no | emulated Kafka on S3 | a C compiler, for TLS |
//! | `azure` | no | emulated Kafka on Azure Blob Storage | a C compiler, for TLS |
//! | `restproxy` | no | Kafka behind a REST Proxy | a C compiler, for TLS |
//! | `serde` | no | Avro, Protobuf, and JSON Schema; schema registries over HTTP and in a topic | a C compiler, for TLS |
//! | `serve` | no | the REST Proxy and Schema Registry APIs over any storage; with it `serde` | a C compiler, for TLS |
//! | `files` | no | topics as files: CSV, TSV, JSON | a C compiler, for zstd |
//! | `xml`, `xlsx` | no | `files`, with XML, with workbooks of Excel | a C compiler, for zstd |
//! | `parquet`, `feather`, `orc` | no | `files`, with Parquet, with Feather, with ORC | a C compiler, for zstd |
//! | `app` | no | microservices | |
//! | `tracing` | no | `app`, with spans of the crate tracing | |
//! | `jq` | no | functions over messages in jq | |
//! | `plugins` | no | storages from dynamic libraries | |
//!
//! Everything blocks, and takes or derives a time-out; from async code use a blocking task.

mod address;
mod file;
mod linked;
#[cfg(feature = "plugins")]
mod loading;
#[cfg(feature = "plugins")]
mod plugins;
mod registry;
mod registry_address;
mod schema_registry;

pub use address::{Address, DEFAULT_FOLDER, DEFAULT_STORAGE_VARIABLE, StorageAddress, default_storage};
pub use file::FileAddress;
#[cfg(feature = "files")]
pub use file::FileBridge;
/// Microservices: handlers of messages, with retries and dead letters.
#[cfg(feature = "app")]
pub use kafi_app as app;
pub use kafi_core::*;
/// Topics as files.
#[cfg(feature = "files")]
pub use kafi_files as files;
/// Functions over messages in jq.
#[cfg(feature = "jq")]
pub use kafi_jq as jq;
#[cfg(feature = "jq")]
pub use kafi_jq::{
    BatchSteps, Fold, Folding, Function, FunctionOptions, Program, Step as FunctionStep, Steps as FunctionSteps,
};
/// The formats of schema registries, and what can be asked of one.
pub use kafi_serde as serde;
/// Servers over any storage.
#[cfg(feature = "serve")]
pub use kafi_serve as serve;
/// The verbs over bytes.
pub use kafi_shell as shell;
pub use kafi_shell::{
    CompactOptions, CompactOrder, Compacted, CopyOptions, CopyResult, Counts, DiffField, DiffOptions, DiffSide, Diffed,
    Difference, Finished, Glob, GrepFields, GrepOptions, GroupLag, Join, JoinEmit, JoinHow, JoinKey, JoinOptions,
    JoinPair, JoinRows, JoinSide, Joined, JoinedSide, Kafi, MemberPath, ObjectMerger, OffsetChange, Outgoing,
    PartitionCounts, Pattern, PatternOptions, Recreation, SizeStats, SizedMessage, Texts, TopicConsumer, TopicProducer,
    TopicSink, merge_objects, subject_name,
};
#[cfg(feature = "plugins")]
pub use plugins::{PLUGINS_VARIABLE, Plugin, PluginFile, Plugins};
pub use registry::Registry;
pub use registry_address::{SCHEMA_REGISTRY_VARIABLE, schema_registry_address};

/// Opens a storage: `local`, `clusters/local`, `./data/`, `mem:`, `kafka://host:9092`; an empty text is the default
/// storage. Does not speak to a server. Each `mem:` that is opened this way is a new one; a [`Registry`] shares it.
///
/// # Errors
/// `NotFound` for a name without a configuration, `Usage` for what is no address, `Config` for a bad configuration,
/// `Unsupported` for a kind that was not compiled in.
pub fn open(storage: &str) -> Result<Kafi> {
    Registry::new().open(storage)
}

/// The version of librdkafka and the features that it was built with, where it was compiled in.
pub fn librdkafka_version() -> Option<String> {
    #[cfg(feature = "cluster")]
    {
        let version = kafi_cluster::version();
        Some(format!("{} ({})", version.librdkafka, version.features))
    }
    #[cfg(not(feature = "cluster"))]
    None
}

/// The example of the README is compiled and run as this one is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// As is that of the reference of functions.
#[cfg(all(doctest, feature = "jq"))]
#[doc = include_str!("../docs/reference/jq.md")]
struct Functions;

/// As are those of the guide to microservices.
#[cfg(all(doctest, feature = "app"))]
#[doc = include_str!("../docs/guides/apps.md")]
struct Apps;
