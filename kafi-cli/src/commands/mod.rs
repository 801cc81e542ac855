//! The commands, one a file.

mod cat;
mod cluster;
mod completion;
mod config;
mod cp;
mod delete_records;
mod diff;
mod grep;
mod group;
mod head;
mod ls;
mod man;
mod merge;
mod offsets;
mod partitions;
#[cfg(feature = "plugins")]
mod plugin;
mod produce;
mod reference;
mod rm;
mod storage;
mod tail;
mod touch;
mod version;
mod watermarks;
mod wc;

use clap::Subcommand;
use kafi::Result;
pub use version::text as version_text;

use crate::address::explain;
use crate::context::Context;
use crate::exit::Exit;

/// What can be done, grouped as in the help.
#[derive(Subcommand)]
pub enum Command {
    /// List topics
    #[command(visible_alias = "l")]
    Ls(ls::LsArgs),
    /// Create topics
    Touch(touch::TouchArgs),
    /// Delete topics
    Rm(rm::RmArgs),
    /// Print the offsets that each partition holds
    Watermarks(watermarks::WatermarksArgs),
    /// Print where offsets, times, and counts lie in each partition
    Offsets(offsets::OffsetsArgs),
    /// Show and change the settings of topics, and of brokers
    Config(config::ConfigArgs),
    /// Add partitions to topics
    Partitions(partitions::PartitionsArgs),
    /// Delete the oldest messages of partitions, up to an offset
    DeleteRecords(delete_records::DeleteRecordsArgs),
    /// Produce messages from stdin, a file, or the command line
    Produce(produce::ProduceArgs),
    /// Print messages
    Cat(cat::CatArgs),
    /// Print the first messages
    Head(head::HeadArgs),
    /// Print the newest messages
    Tail(tail::TailArgs),
    /// Copy topics, with every field of every message
    Cp(cp::CpArgs),
    /// Print the messages that match a regular expression
    Grep(grep::GrepArgs),
    /// Count messages and bytes
    Wc(wc::WcArgs),
    /// Compare two topics message by message
    Diff(diff::DiffArgs),
    /// List consumer groups, and show, set, copy, and delete their offsets
    Group(group::GroupArgs),
    /// List and check storages, and merge what they keep as objects
    Storage(storage::StorageArgs),
    /// List the brokers of a cluster
    Cluster(cluster::ClusterArgs),
    /// List and check plugins, which open storages that are not built in
    #[cfg(feature = "plugins")]
    Plugin(plugin::PluginArgs),
    /// Print the completion script of a shell
    Completion(completion::CompletionArgs),
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man(man::ManArgs),
    /// Print the reference of the command line
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
    /// Print the versions of Kafi and librdkafka
    Version(version::VersionArgs),
}

/// What can be done: its arguments, and what they make of it.
pub trait Verb {
    /// Does it, and says how it ended.
    fn run(&self, context: &Context) -> Result<Exit>;

    /// The topics or groups that were typed, for the hints of errors about them.
    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }

    /// How a failure is called: where 1 stands for "nothing was found" or "they differ", it is 2.
    fn fails_with(&self) -> Exit {
        Exit::Failed
    }
}

impl Command {
    /// What the arguments are of.
    pub fn verb(&self) -> &dyn Verb {
        match self {
            Self::Ls(args) => args,
            Self::Touch(args) => args,
            Self::Rm(args) => args,
            Self::Watermarks(args) => args,
            Self::Offsets(args) => args,
            Self::Config(args) => args,
            Self::Partitions(args) => args,
            Self::DeleteRecords(args) => args,
            Self::Produce(args) => args,
            Self::Cat(args) => args,
            Self::Head(args) => args,
            Self::Tail(args) => args,
            Self::Cp(args) => args,
            Self::Grep(args) => args,
            Self::Wc(args) => args,
            Self::Diff(args) => args,
            Self::Group(args) => args,
            Self::Storage(args) => args,
            Self::Cluster(args) => args,
            #[cfg(feature = "plugins")]
            Self::Plugin(args) => args,
            Self::Completion(args) => args,
            Self::Man(args) => args,
            Self::Reference(args) => args,
            Self::Version(args) => args,
        }
    }
}

/// Does it. What an error says of an address that was mistyped is added to it.
pub fn run(verb: &dyn Verb, context: &Context) -> Result<Exit> {
    verb.run(context).map_err(|error| explain(context, error, &verb.addresses()))
}
