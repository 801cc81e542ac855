//! `touch`: creates topics.

use clap::Parser;
use kafi::{Address, ErrorKind, NewTopic, Result};

use crate::address::{FirstUse, hint_at_storage, open_topic};
use crate::args::setting;
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Create topics
#[derive(Parser)]
pub struct TouchArgs {
    /// The topics
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// How many partitions; without it the storage's default (1 in folders)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas; without it the storage's default
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(i32).range(1..))]
    replication: Option<i32>,
    /// A setting of the topic, such as retention.ms=7d or segment.bytes=64MB (what Kafka gets is its own unit:
    /// milliseconds, bytes); repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,
    /// Topics that exist already are left as they are
    #[arg(long)]
    exist_ok: bool,
}

impl Verb for TouchArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut several = Several::new(self.addresses.len());
        for text in &self.addresses {
            several.add(touch(self, text, context))?;
        }
        Ok(several.exit())
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

fn touch(args: &TouchArgs, text: &str, context: &Context) -> Result<()> {
    let (kafi, topic) = open_topic(context, text)?;
    hint_at_storage(context, &kafi, text)?;
    let first_use = FirstUse::of(&Address::parse(text)?.storage);
    let new = NewTopic {
        partitions: args.partitions,
        replication: args.replication,
        config: args.config.clone(),
        ..NewTopic::new(topic)
    };
    match kafi.create_within(&new, TIMEOUT) {
        Err(error) if args.exist_ok && error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(error.hint("--exist-ok leaves it as it is"));
        }
        result => result?,
    }
    first_use.say(context);
    Ok(())
}
