//! The arguments that many commands share; each command's own stand in its file.

use std::ffi::OsString;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, ValueEnum};
use kafi::{
    Error, ErrorKind, GroupOptions, GroupUse, Isolation, Kafi, OffsetReset, Offsets, Order, ReadOptions, Registry,
    Result, Type, Writer,
};

use crate::address::Opened;
use crate::commands::Command;
use crate::context::Context;

/// What stands below the list of the verbs.
const ADDRESSES: &str = "An ADDRESS is STORAGE:TOPIC (prod:orders), a topic of the default storage (orders), a folder (./backup/orders), or a URL (kafka://host:9092/orders).";

/// The Swiss army knife for Kafka: the same verbs over real Kafka, and over topics in folders and in memory.
#[derive(Parser)]
#[command(name = "kafi", version = crate::commands::version_text(), after_help = ADDRESSES)]
#[command(subcommand_required = true, disable_help_flag = true, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "General")]
pub struct CommonArgs {
    /// Print machine-readable JSON, one document a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Explain on stderr what is done, and errors with their causes
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Read and print times in UTC instead of local time
    #[arg(long, global = true)]
    pub utc: bool,
    /// Print colours: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: ColorChoice,
    /// Set a property of the Kafka client (librdkafka's names), as kcat does; repeatable
    #[arg(short = 'X', long = "property", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub properties: Vec<(String, String)>,
    /// Open storages by this plugin, before what is built in; repeatable
    #[cfg(feature = "plugins")]
    #[arg(long = "plugin", global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub plugins: Vec<std::path::PathBuf>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

impl CommonArgs {
    /// What opens storages, with the properties that were given.
    pub fn registry(&self, properties: Vec<(String, String)>) -> Registry {
        let registry = Registry::new().with_properties(properties);
        #[cfg(feature = "plugins")]
        let registry = registry.with_plugins(kafi::Plugins::of_process(self.plugins.clone()));
        registry
    }
}

/// When colours are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// What every command takes that reads messages.
#[derive(Args)]
#[command(next_help_heading = "Reading")]
pub struct ReadArgs {
    /// Where to read: start, end, N, -N (last N), +N (skip N), N:M, :M, @TIME, @T1:T2; P=SPEC for one partition;
    /// repeatable. With -g start or end: where partitions without a committed offset begin
    #[arg(short, long = "offset", value_name = "SPEC", allow_hyphen_values = true)]
    offsets: Vec<String>,
    /// Only these partitions, such as 0,3-5
    #[arg(short, long = "partition", value_name = "LIST", value_parser = partition_list)]
    partitions: Option<PartitionList>,
    /// Only messages with exactly this key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Which messages of transactions to read
    #[arg(long, value_name = "LEVEL", default_value = "read_committed")]
    isolation: IsolationArg,
    /// How many partitions to read in parallel
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Warn instead of fail where offsets were deleted
    #[arg(long)]
    allow_gap: bool,
    /// Warn instead of fail where a segment is damaged, and go on behind
    #[arg(long)]
    skip_corrupt: bool,
    /// The most bytes that one stored batch may take in memory [default: 268435456, or consume.batch.bytes.max of the
    /// configuration]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range((1 << 20)..(1 << 31)))]
    batch_bytes_max: Option<u64>,
    /// Read as a member of consumer group G, from its committed offsets, and commit what is done
    #[arg(short, long, value_name = "G", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub group: Option<String>,
    /// With -g: look from the committed offsets on, without joining the group, and commit nothing
    #[arg(long, requires = "group")]
    no_commit: bool,
}

/// The order of `cat`, `head`, and `grep`.
#[derive(Args)]
#[command(next_help_heading = "Reading")]
pub struct OrderArgs {
    /// Print partition after partition, or all by time, instead of as they are read
    #[arg(long, value_name = "ORDER")]
    order: Option<OrderArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArg {
    Partition,
    Time,
}

/// The limit of `cat`, `grep`, `wc`, and `cp`; `head` and `tail` have their own.
#[derive(Args)]
#[command(next_help_heading = "Reading")]
pub struct LimitArgs {
    /// Stop after N messages in all
    #[arg(short = 'n', long = "max", value_name = "N")]
    pub max: Option<u64>,
    /// Go on at the end, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
}

/// How patient `produce` and `cp` are with their target.
#[derive(Args)]
#[command(next_help_heading = "Writing")]
pub struct WriteArgs {
    /// How many seconds the target may acknowledge nothing, as while it restarts, before that is an error
    #[arg(long, value_name = "SECONDS", default_value_t = Writer::STALL_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    timeout: u64,
}

impl WriteArgs {
    /// The same as a time.
    pub fn stall_limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// What every command takes that looks into keys and values.
#[derive(Args, Clone, Copy)]
#[command(next_help_heading = "Reading")]
pub struct TypeArgs {
    /// The type of keys and values: bytes, str, json, auto
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = type_named)]
    pub both: Option<Type>,
    /// The type of keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub key_type: Option<Type>,
    /// The type of values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub value_type: Option<Type>,
}

/// A list of partitions, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionList(pub Vec<i32>);

/// The names of Kafka's isolation levels.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum IsolationArg {
    ReadCommitted,
    ReadUncommitted,
}

impl ReadArgs {
    /// What the arguments mean.
    pub fn options(&self, context: &Context, limit: &LimitArgs) -> Result<ReadOptions> {
        let offsets = Offsets::parse(&self.offsets, context.utc)?;
        if self.group.is_some() {
            self.check_group()?;
        }
        let mut options = ReadOptions {
            offsets: if self.group.is_some() { Offsets::default() } else { offsets },
            partitions: self.partitions.clone().map(|list| list.0),
            key: self.key.clone().map(String::into_bytes),
            max: limit.max,
            follow: limit.follow,
            timeout: TIMEOUT,
            cancel: context.cancel.clone(),
            ..ReadOptions::default()
        };
        options.consumer.isolation = match self.isolation {
            IsolationArg::ReadCommitted => Isolation::ReadCommitted,
            IsolationArg::ReadUncommitted => Isolation::ReadUncommitted,
        };
        options.consumer.allow_gap = self.allow_gap;
        options.consumer.skip_corrupt = self.skip_corrupt;
        options.consumer.batch_bytes_max = self.batch_bytes_max.unwrap_or(options.consumer.batch_bytes_max);
        Ok(options)
    }

    /// What goes together with `-g`: where a group reads, its committed offsets and its members decide.
    fn check_group(&self) -> Result<()> {
        if !matches!(self.offsets.iter().map(String::as_str).collect::<Vec<_>>()[..], [] | ["start" | "end"]) {
            let why = "with -g the committed offsets say where to read; -o start and -o end say where partitions without one begin";
            return Err(refused("-o", why).hint("kafi group reset moves committed offsets"));
        }
        if self.no_commit {
            return Ok(());
        }
        if self.partitions.is_some() {
            return Err(refused("-p", "with -g the group says which partitions fall to a member")
                .hint("--no-commit looks into any of them"));
        }
        if self.threads.is_some_and(|threads| threads > 1) {
            return Err(refused("--threads", "with -g this is one member of the group")
                .hint("start several: they share the partitions"));
        }
        Ok(())
    }

    /// The options for one storage, whose configuration has a say in how much memory a batch may take and in how groups
    /// are read.
    pub fn on(&self, kafi: &Kafi, mut options: ReadOptions) -> ReadOptions {
        options.consumer.batch_bytes_max = self.batch_bytes_max.unwrap_or(kafi.settings().consume_batch_bytes_max);
        let Some(group) = &self.group else { return options };
        let settings = kafi.settings();
        let usage = match (self.no_commit, settings.commit_after_processing, settings.enable_auto_commit) {
            (true, _, _) => GroupUse::LookOnly,
            (false, true, _) => GroupUse::CommitDone,
            (false, false, true) => GroupUse::CommitRead,
            (false, false, false) => GroupUse::CommitNothing,
        };
        options.group = Some(GroupOptions { name: format!("{}{group}", settings.consumer_group_prefix), usage });
        options.consumer.start_at_earliest = match self.offsets.first().map(String::as_str) {
            Some(spec) => spec == "start",
            None => settings.auto_offset_reset == OffsetReset::Earliest,
        };
        options
    }

    /// As [`on`](ReadArgs::on), for a command that has done its work on nothing before it has printed its result at the
    /// end.
    pub fn on_whole(&self, kafi: &Kafi, options: ReadOptions) -> ReadOptions {
        let mut options = self.on(kafi, options);
        if let Some(group) = options.group.as_mut().filter(|group| group.usage == GroupUse::CommitDone) {
            group.usage = GroupUse::CommitAtEnd;
        }
        options
    }

    /// Refuses several storages where one result is printed for all, before which no group's offsets may be committed.
    pub fn check_whole(&self, opened: &[Opened]) -> Result<()> {
        if self.joins() && opened.len() > 1 {
            return Err(refused("-g", "the result is printed for all storages at once, and a group is read on one")
                .hint("run it for each storage"));
        }
        Ok(())
    }

    /// Says that there was nothing to read where times were asked for: they may be mistaken, which an empty answer does
    /// not show.
    pub fn say_nothing_then(&self, context: &Context) {
        if self.offsets.iter().any(|spec| spec.contains('@')) {
            context.say(&format!("note: no messages at -o {}", self.offsets.join(" -o ")));
        }
    }

    /// Whether messages are read as a member of a group.
    pub fn joins(&self) -> bool {
        self.group.is_some() && !self.no_commit
    }

    /// How many threads read, where the user did not say: one, which keeps the messages in the order in which they
    /// come.
    pub fn threads(&self) -> usize {
        self.threads.map_or(1, usize::from)
    }
}

impl OrderArgs {
    /// Adds the order to the options.
    pub fn apply(&self, read: &ReadArgs, options: &mut ReadOptions) -> Result<()> {
        let Some(order) = self.order else { return Ok(()) };
        if options.follow {
            return Err(refused("--order", "with -f there is no end, before which nothing can be sorted"));
        }
        if read.joins() {
            return Err(refused("--order", "with -g partitions come and go, and cannot be sorted")
                .hint("--no-commit looks at all of them"));
        }
        if read.threads() > 1 {
            return Err(refused("--order", "what --threads read in parallel cannot be sorted"));
        }
        options.order = match order {
            OrderArg::Partition => Order::Partition,
            OrderArg::Time => Order::Time,
        };
        Ok(())
    }
}

/// An argument that does not go together with another.
pub fn refused(argument: &'static str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read arguments", why).with("argument", argument)
}

/// Lets `-K=` and `-D=` mean the delimiter `=`, as in kcat, where clap would take the sign for a part of its own
/// grammar.
pub fn keep_equals(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if ["-K=", "-D="].iter().any(|start| text.starts_with(start)) => {
            format!("{}={}", &text[..2], &text[2..]).into()
        }
        _ => argument,
    }
}

/// How long a question to a storage may take, so that a broker that is not there is reported within 10 seconds.
pub const TIMEOUT: Duration = Duration::from_secs(8);

/// Reads `KEY=VALUE`.
pub fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
        _ => Err("it is written KEY=VALUE".into()),
    }
}

/// Reads a setting, `KEY=VALUE`, in which durations and sizes become numbers.
pub fn setting(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = key_value(text)?;
    let value = kafi::setting_value(&key, &value).map_err(|error| error.message().to_string())?;
    Ok((key, value))
}

/// Reads a size.
pub fn size(text: &str) -> std::result::Result<u64, String> {
    kafi::parse_size(text).map_err(|error| error.message().to_string())
}

/// Reads a size that is not 0.
pub fn size_of_something(text: &str) -> std::result::Result<u64, String> {
    size(text).and_then(|bytes| if bytes == 0 { Err("it is 0".into()) } else { Ok(bytes) })
}

fn type_named(text: &str) -> std::result::Result<Type, String> {
    text.parse().map_err(|error: kafi::Error| {
        let message = error.to_string();
        let why = message.rsplit(": ").next().unwrap_or_default().to_string();
        error.hint_text().map_or(why.clone(), |hint| format!("{why}, {hint}"))
    })
}

/// Reads a list such as `0,3-5`.
pub fn partition_list(text: &str) -> std::result::Result<PartitionList, String> {
    const PARTITIONS_MAX: i32 = 100_000;
    let number = |text: &str| {
        text.parse::<i32>()
            .ok()
            .filter(|n| (0..PARTITIONS_MAX).contains(n))
            .ok_or_else(|| format!("{text:?} is no partition"))
    };
    let mut list = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) if number(first)? <= number(last)? => list.extend(number(first)?..=number(last)?),
            Some(_) => return Err(format!("{part:?} runs backwards")),
            None => list.push(number(part)?),
        }
    }
    list.sort_unstable();
    list.dedup();
    Ok(PartitionList(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_numbers_and_ranges() {
        assert_eq!(partition_list("0,3-5,4").unwrap().0, [0, 3, 4, 5]);
        for bad in ["", "a", "-1", "5-3", "1,,2", "999999"] {
            assert!(partition_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
