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

use std::sync::atomic::{AtomicBool, Ordering};

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
    Reference,
    /// Print the versions of Kafi and librdkafka
    Version,
}

/// Whether the command keeps 1 for "nothing was found" or "they differ", so that a failure is 2.
static LIKE_GREP: AtomicBool = AtomicBool::new(false);

/// How the command that ran calls a failure.
pub fn fails_with() -> Exit {
    if LIKE_GREP.load(Ordering::Relaxed) { Exit::Usage } else { Exit::Failed }
}

/// Runs a command.
pub fn run(command: Command, context: &Context) -> Result<Exit> {
    LIKE_GREP.store(matches!(command, Command::Grep(_) | Command::Diff(_)), Ordering::Relaxed);
    run_command(&command, context).map_err(|error| match &command {
        Command::Diff(args) => explain(context, error, &[args.left.clone(), args.right.clone()]),
        Command::Grep(args) => explain(context, error, &args.addresses()),
        _ => explain(context, error, addresses(&command)),
    })
}

fn run_command(command: &Command, context: &Context) -> Result<Exit> {
    match command {
        Command::Ls(args) => ls::run(args, context),
        Command::Touch(args) => touch::run(args, context),
        Command::Rm(args) => rm::run(args, context),
        Command::Watermarks(args) => watermarks::run(args, context),
        Command::Offsets(args) => offsets::run(args, context),
        Command::Config(args) => config::run(args, context),
        Command::Partitions(args) => partitions::run(args, context),
        Command::DeleteRecords(args) => delete_records::run(args, context),
        Command::Produce(args) => produce::run(args, context),
        Command::Cat(args) => cat::run(args, context),
        Command::Head(args) => head::run(args, context),
        Command::Tail(args) => tail::run(args, context),
        Command::Cp(args) => cp::run(args, context),
        Command::Grep(args) => grep::run(args, context),
        Command::Wc(args) => wc::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Group(args) => group::run(args, context),
        Command::Storage(args) => storage::run(args, context),
        #[cfg(feature = "plugins")]
        Command::Plugin(args) => plugin::run(args, context),
        Command::Cluster(args) => cluster::run(args, context),
        Command::Completion(args) => completion::run(args),
        Command::Man(args) => man::run(args),
        Command::Reference => reference::run(),
        Command::Version => version::run(context),
    }
}

/// The topics that were typed.
fn addresses(command: &Command) -> &[String] {
    match command {
        Command::Ls(args) => &args.addresses,
        Command::Touch(args) => &args.addresses,
        Command::Rm(args) => &args.addresses,
        Command::Watermarks(args) => &args.addresses,
        Command::Offsets(args) => &args.addresses,
        Command::Config(args) => std::slice::from_ref(&args.address),
        Command::Partitions(args) => std::slice::from_ref(&args.address),
        Command::DeleteRecords(args) => &args.addresses,
        Command::Produce(args) => std::slice::from_ref(&args.address),
        Command::Cat(args) => &args.addresses,
        Command::Head(args) => &args.addresses,
        Command::Tail(args) => &args.addresses,
        Command::Cp(args) => &args.sources,
        Command::Wc(args) => &args.addresses,
        Command::Diff(args) => std::slice::from_ref(&args.left),
        // Its addresses depend on its other arguments.
        Command::Grep(_) => &[],
        Command::Group(args) => args.addresses(),
        #[cfg(feature = "plugins")]
        Command::Plugin(_) => &[],
        Command::Storage(args) => args.addresses(),
        Command::Cluster(_) | Command::Completion(_) | Command::Man(_) | Command::Reference | Command::Version => &[],
    }
}
