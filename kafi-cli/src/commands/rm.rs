//! `rm`: deletes topics.

use clap::Args;
use kafi::Result;

use crate::address::open_topics;
use crate::args::TIMEOUT;
use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct RmArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub fn run(args: &RmArgs, context: &Context) -> Result<Exit> {
    let opened = open_topics(context, &args.addresses)?;
    let names: Vec<String> = opened.iter().flat_map(|opened| opened.topics.iter().map(|topic| format!("{topic} on {}", opened.storage))).collect();
    // Everything is looked up before anything is deleted.
    for opened in &opened {
        opened.kafi.admin()?.topics(&opened.topics, TIMEOUT)?;
    }
    if !args.yes && !confirmed("delete topics", &format!("delete {}, with all messages?", names.join(", ")))? {
        return Ok(Exit::Failed);
    }
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        for topic in &opened.topics {
            admin.delete_topic(topic, TIMEOUT)?;
        }
    }
    Ok(Exit::Done)
}
