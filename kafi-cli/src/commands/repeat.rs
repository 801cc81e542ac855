//! `repeat`: produces the newest messages of a topic once more.

use std::sync::Arc;

use clap::Parser;
use kafi::{Progress, ReadOptions, Result, shell};

use crate::address::open_topic;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::summary::Summary;
use crate::verb::Verb;

/// Produce the newest messages of a topic to it once more: each in its partition, with its key, value, and headers, and
/// the time now
#[derive(Parser)]
pub struct RepeatArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The N newest messages in all, in the order of their timestamps
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 1)]
    max: u64,
}

impl Verb for RepeatArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let (kafi, topic) = open_topic(context, &self.address)?;
        let progress = Arc::<Progress>::default();
        let options = ReadOptions {
            timeout: TIMEOUT,
            cancel: context.cancel.clone(),
            progress: Arc::clone(&progress),
            ..kafi.read_options()
        };
        context.begin_job();
        let repeated = shell::repeat(kafi.storage(), &topic, self.max, &options)?;
        let (read, written) = (repeated.len() as u64, progress.written());
        summary.count("read", read).count("written", written).say(context);
        Ok(if context.cancel.is_cancelled() && written < read { Exit::Interrupted } else { Exit::Done })
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}
