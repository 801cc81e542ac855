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
    entry::<ls::LsArgs>("ls"),
    entry::<touch::TouchArgs>("touch"),
    entry::<rm::RmArgs>("rm"),
    entry::<watermarks::WatermarksArgs>("watermarks"),
    entry::<offsets::OffsetsArgs>("offsets"),
    entry::<config::ConfigArgs>("config"),
    entry::<partitions::PartitionsArgs>("partitions"),
    entry::<delete_records::DeleteRecordsArgs>("delete-records"),
    entry::<recreate::RecreateArgs>("recreate"),
    // Messages.
    entry::<produce::ProduceArgs>("produce"),
    entry::<cat::CatArgs>("cat"),
    entry::<head::HeadArgs>("head"),
    entry::<tail::TailArgs>("tail"),
    entry::<cp::CpArgs>("cp"),
    entry::<grep::GrepArgs>("grep"),
    entry::<wc::WcArgs>("wc"),
    entry::<diff::DiffArgs>("diff"),
    // Functions over messages.
    entry::<map::MapArgs>("map"),
    entry::<filter::FilterArgs>("filter"),
    entry::<flatmap::FlatmapArgs>("flatmap"),
    entry::<fold::FoldArgs>("fold"),
    entry::<foreach::ForeachArgs>("foreach"),
    entry::<zip::ZipArgs>("zip"),
    entry::<stat::StatArgs>("stat"),
    entry::<repeat::RepeatArgs>("repeat"),
    entry::<join::JoinArgs>("join"),
    entry::<compact::CompactArgs>("compact"),
    // Microservices.
    #[cfg(feature = "app")]
    app::APP,
    #[cfg(feature = "app")]
    dlq::DLQ,
    // Groups, schemas, servers, files, storages, and Kafi itself.
    group::GROUP,
    #[cfg(feature = "serde")]
    entry::<registry::RegistryArgs>("registry"),
    #[cfg(feature = "serve")]
    entry::<serve::ServeArgs>("serve"),
    #[cfg(feature = "files")]
    entry::<export::ExportArgs>("export"),
    #[cfg(feature = "files")]
    entry::<import::ImportArgs>("import"),
    file::FILE,
    storage::STORAGE,
    entry::<cluster::ClusterArgs>("cluster"),
    topic::TOPIC,
    entry::<elect::ElectArgs>("elect"),
    acl::ACL,
    user::USER,
    #[cfg(feature = "plugins")]
    plugin::PLUGIN,
    entry::<completion::CompletionArgs>("completion"),
    entry::<man::ManArgs>("man"),
    entry::<reference::ReferenceArgs>("reference"),
    entry::<version::VersionArgs>("version"),
];
