//! The verbs, one a file. A new one is its file, and a line in the list.

mod acl;
#[cfg(feature = "app")]
mod app;
mod applied;
mod cat;
mod cluster;
mod compact;
mod completion;
mod config;
mod cp;
mod delete_records;
mod diff;
#[cfg(feature = "app")]
mod dlq;
mod elect;
#[cfg(feature = "files")]
mod export;
mod file;
mod filter;
mod flatmap;
mod fold;
mod foreach;
mod grep;
mod group;
mod head;
#[cfg(feature = "files")]
mod import;
mod join;
mod ls;
mod man;
mod map;
mod offsets;
mod partitions;
#[cfg(feature = "plugins")]
mod plugin;
mod produce;
mod recreate;
mod reference;
#[cfg(feature = "serde")]
mod registry;
mod repeat;
mod rm;
#[cfg(feature = "serve")]
mod serve;
mod stat;
mod storage;
mod tail;
mod topic;
mod touch;
mod user;
mod version;
mod watermarks;
mod wc;
mod zip;

pub use version::text as version_text;

use crate::verb::{Entry, entry};

/// What can be done, grouped as in the help.
pub const VERBS: &[Entry] = &[
    // Topics.
    entry::<ls::LsArgs>(),
    entry::<touch::TouchArgs>(),
    entry::<rm::RmArgs>(),
    entry::<watermarks::WatermarksArgs>(),
    entry::<offsets::OffsetsArgs>(),
    entry::<config::ConfigArgs>(),
    entry::<partitions::PartitionsArgs>(),
    entry::<delete_records::DeleteRecordsArgs>(),
    entry::<recreate::RecreateArgs>(),
    // Messages.
    entry::<produce::ProduceArgs>(),
    entry::<cat::CatArgs>(),
    entry::<head::HeadArgs>(),
    entry::<tail::TailArgs>(),
    entry::<cp::CpArgs>(),
    entry::<grep::GrepArgs>(),
    entry::<wc::WcArgs>(),
    entry::<diff::DiffArgs>(),
    // Functions over messages.
    entry::<map::MapArgs>(),
    entry::<filter::FilterArgs>(),
    entry::<flatmap::FlatmapArgs>(),
    entry::<fold::FoldArgs>(),
    entry::<foreach::ForeachArgs>(),
    entry::<zip::ZipArgs>(),
    entry::<stat::StatArgs>(),
    entry::<repeat::RepeatArgs>(),
    entry::<join::JoinArgs>(),
    entry::<compact::CompactArgs>(),
    // Microservices.
    #[cfg(feature = "app")]
    app::APP,
    #[cfg(feature = "app")]
    dlq::DLQ,
    // Groups, schemas, servers, files, storages, and Kafi itself.
    group::GROUP,
    #[cfg(feature = "serde")]
    entry::<registry::RegistryArgs>(),
    #[cfg(feature = "serve")]
    entry::<serve::ServeArgs>(),
    #[cfg(feature = "files")]
    entry::<export::ExportArgs>(),
    #[cfg(feature = "files")]
    entry::<import::ImportArgs>(),
    file::FILE,
    storage::STORAGE,
    entry::<cluster::ClusterArgs>(),
    topic::TOPIC,
    entry::<elect::ElectArgs>(),
    acl::ACL,
    user::USER,
    #[cfg(feature = "plugins")]
    plugin::PLUGIN,
    entry::<completion::CompletionArgs>(),
    entry::<man::ManArgs>(),
    entry::<reference::ReferenceArgs>(),
    entry::<version::VersionArgs>(),
];
