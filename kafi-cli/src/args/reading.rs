//! What every command takes that reads messages.

use clap::{Args, ValueEnum};
use kafi::{GroupOptions, GroupUse, Isolation, Kafi, OffsetReset, Offsets, Order, ReadOptions, Result};

use crate::args::partitions::PartitionsArgs;
use crate::args::values::refused;
use crate::context::Context;
use crate::limits::TIMEOUT;

/// What every command takes that reads messages.
#[derive(Args, Clone)]
#[command(next_help_heading = "Reading")]
pub struct ReadArgs {
    /// Where to read: start, end, N, -N (last N), +N (skip N), N:M, :M, @TIME, @T1:T2; P=SPEC for one partition;
    /// repeatable. With -g start or end: where partitions without a committed offset begin
    #[arg(short, long = "offset", value_name = "SPEC", allow_hyphen_values = true)]
    offsets: Vec<String>,
    #[command(flatten)]
    partitions: PartitionsArgs,
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
#[derive(Args, Clone)]
#[command(next_help_heading = "Reading")]
pub struct LimitArgs {
    /// Stop after N messages in all
    #[arg(short = 'n', long = "max", value_name = "N")]
    pub max: Option<u64>,
    /// Go on at the end, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
}

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
        let offsets = Offsets::parse(&self.offsets, context.output.utc)?;
        if self.group.is_some() {
            self.check_group()?;
        }
        let mut options = ReadOptions {
            offsets: if self.group.is_some() { Offsets::default() } else { offsets },
            partitions: self.partitions.list(),
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
        if self.partitions.list().is_some() {
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
    pub fn check_whole(&self, storages: usize) -> Result<()> {
        if self.joins() && storages > 1 {
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
    /// Whether an order was asked for.
    pub fn is_said(&self) -> bool {
        self.order.is_some()
    }

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
