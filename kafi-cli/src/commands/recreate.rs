//! `recreate`: deletes a topic, and makes it again.

use clap::Parser;
use kafi::{Recreation, Result, shell};

use crate::address::open_topic;
use crate::args::{ConfirmArgs, setting};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete a topic with all its messages, and make it again with its partitions and its settings
#[derive(Parser)]
pub struct RecreateArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// How many partitions it gets, in place of those that it has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// A setting that it gets, such as retention.ms=7d or segment.bytes=64MB (what Kafka gets is its own unit:
    /// milliseconds, bytes); repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RecreateArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, topic) = open_topic(context, &self.address)?;
        // A topic that is missing is no question.
        kafi.place().topics(std::slice::from_ref(&topic))?;
        let question = format!("delete {topic}, with all messages, and make it again?");
        if !self.confirm.allow("delete topics", &question)? {
            return Ok(Exit::Failed);
        }
        let anew = Recreation { partitions: self.partitions, config: self.config.clone() };
        let made = shell::recreate(kafi.storage(), &topic, &anew, TIMEOUT)?;
        let settings: Vec<String> = made.config.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let partitions = made.partitions.unwrap_or(1);
        let plural = if partitions == 1 { "partition" } else { "partitions" };
        context.say(&format!("topic {topic} is made again with {partitions} {plural}{}", settings.concat()));
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}
