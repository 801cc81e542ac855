//! What every command takes that writes the messages of topics to other topics.

use clap::Args;
use kafi::shell::Rate;
use kafi::{CopyOptions, Error};

use crate::args::values::setting;

/// How the target is made and written.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Writing")]
pub struct CopyArgs {
    /// Go on where the same copy stopped, exactly
    #[arg(long, conflicts_with = "append")]
    resume: bool,
    /// Write behind the messages that a folder holds already, at new offsets
    #[arg(long)]
    append: bool,
    /// Print what would be copied, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Copy at most so many messages a second, or bytes with a unit, such as 10MB
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<Rate>,
    /// Give a target that is created the settings of the source, as far as they are not defaults
    #[arg(long)]
    with_config: bool,
    /// A setting of the target, where it is created, such as retention.ms=7d or segment.bytes=64MB (what Kafka gets is
    /// its own unit: milliseconds, bytes); repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,
    /// Spread the messages by key where the target has another number of partitions
    #[arg(long)]
    repartition: bool,
    /// Give every message the time at which it is written
    #[arg(long)]
    ignore_timestamp: bool,
    /// Copy also where the target's retention would delete messages, or its timestamp limits refuse them
    #[arg(long)]
    force: bool,
    /// Do not create a target that is missing
    #[arg(long)]
    pub no_create: bool,
}

impl CopyArgs {
    /// What was said, and the defaults of all else.
    pub fn options(&self) -> CopyOptions {
        CopyOptions {
            create: !self.no_create,
            config: self.config.clone(),
            with_config: self.with_config,
            append: self.append,
            resume: self.resume,
            repartition: self.repartition,
            ignore_timestamp: self.ignore_timestamp,
            force: self.force,
            rate: self.rate,
            ..CopyOptions::default()
        }
    }

    /// The first of them that was said.
    pub fn said(&self) -> Option<&'static str> {
        let said = [
            ("--resume", self.resume),
            ("--append", self.append),
            ("--dry-run", self.dry_run),
            ("--rate", self.rate.is_some()),
            ("--with-config", self.with_config),
            ("--config", !self.config.is_empty()),
            ("--repartition", self.repartition),
            ("--ignore-timestamp", self.ignore_timestamp),
            ("--force", self.force),
            ("--no-create", self.no_create),
        ];
        said.into_iter().find(|(_, is_said)| *is_said).map(|(option, _)| option)
    }
}

fn rate(text: &str) -> std::result::Result<Rate, String> {
    text.parse().map_err(|error: Error| error.message().to_string())
}
