//! `rm`: deletes topics.

use clap::Parser;
use kafi::{Error, ErrorKind, Result};

use crate::address::{list, open_topics};
use crate::args::{ConfirmArgs, TopicsArgs};
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete topics
#[derive(Parser)]
pub struct RmArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// Delete topics of the storage's own too, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_topics(context, &self.topics.addresses)?;
        // Everything is looked up before anything is deleted.
        for opened in &opened {
            let topics = opened.kafi.admin()?.topics(&opened.topics, TIMEOUT)?;
            if let Some(topic) = topics.iter().find(|topic| topic.internal && !self.internal) {
                let error = Error::new(
                    ErrorKind::Usage,
                    "delete topics",
                    "this is a topic of the storage's own, which it does not work without",
                );
                return Err(error
                    .with("topic", &topic.name)
                    .with("storage", &opened.storage)
                    .hint("--internal deletes it all the same"));
            }
        }
        let topics = list(opened.iter().map(|opened| (&opened.storage, &opened.topics)));
        if !self.confirm.allow("delete topics", &format!("delete {topics}, with all messages?"))? {
            return Ok(Exit::Failed);
        }
        let mut several = Several::new(opened.iter().map(|opened| opened.topics.len()).sum());
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for topic in &opened.topics {
                several.add(admin.delete_topic(topic, TIMEOUT))?;
            }
        }
        Ok(several.exit())
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}
