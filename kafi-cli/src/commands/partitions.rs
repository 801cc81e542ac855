//! `partitions`: adds partitions to topics.

use clap::Args;
use kafi::Result;

use crate::address::open_topics;
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct PartitionsArgs {
    /// A topic, or a glob
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// How many partitions it is to have; more than it has
    #[arg(value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    count: i32,
}

pub fn run(args: &PartitionsArgs, context: &Context) -> Result<Exit> {
    for opened in open_topics(context, std::slice::from_ref(&args.address))? {
        let mut admin = opened.kafi.admin()?;
        for topic in &opened.topics {
            admin.create_partitions(topic, args.count, TIMEOUT)?;
        }
    }
    Ok(Exit::Done)
}
