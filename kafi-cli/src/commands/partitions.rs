//! `partitions`: adds partitions to topics.

use clap::Parser;
use kafi::Result;

use crate::address::open_topics;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Add partitions to topics
#[derive(Parser)]
pub struct PartitionsArgs {
    /// A topic, or a glob
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// How many partitions it is to have; more than it has
    #[arg(value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    count: i32,
}

impl Verb for PartitionsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        for opened in open_topics(context, std::slice::from_ref(&self.address))? {
            let mut admin = opened.kafi.admin()?;
            for topic in &opened.topics {
                admin.create_partitions(topic, self.count, TIMEOUT)?;
            }
        }
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}
