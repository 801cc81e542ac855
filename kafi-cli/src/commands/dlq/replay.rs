//! `dlq replay`: puts dead letters back.

use clap::Parser;
use kafi::app::{Letter, Replay, replay};
use kafi::{Batch, BatchSteps, Failures, Function, FunctionStep, FunctionSteps, Record, Result, Serdes, parse_time};

use crate::address::open_topic;
use crate::context::Context;
use crate::exit::Exit;
use crate::summary::Summary;
use crate::verb::Verb;

/// Put dead letters back into the topics that they came from, or into another one, each once
///
/// Which ones were put back is marked by the committed offsets of the group kafi-dlq.TOPIC; `kafi group reset` lets them
/// be put back again. What is not selected stays. The headers that say why a message failed are taken off. Letters of
/// Kafka Streams and of share groups hold no headers of their messages, which are fetched from where they were.
#[derive(Parser)]
pub struct ReplayArgs {
    /// The topic of the dead letters
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Put them into this topic
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Only letters for which this function in jq is neither false nor null
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Only letters whose error contains this text
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Only letters with exactly this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only letters that failed at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only letters that failed before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Put back so many a second at most
    #[arg(long, value_name = "N", value_parser = per_second)]
    rate: Option<f64>,
    /// Say how many would be put back, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Verb for ReplayArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let (letters, topic) = open_topic(context, &self.address)?;
        let target = self.to.as_deref().map(|to| open_topic(context, to)).transpose()?;
        let moment = |text: &Option<String>| text.as_deref().map(|t| parse_time(t, context.output.utc)).transpose();
        let (since, until) = (moment(&self.since)?, moment(&self.until)?);
        let filter = match &self.filter {
            Some(text) => {
                let steps = FunctionSteps::new(vec![FunctionStep::Filter(Function::compile(text)?)], false);
                Some(BatchSteps::open(&steps, letters.place(), &Serdes::default(), &Failures::stop())?)
            }
            None => None,
        };
        let wanted = |record: &Record<'_>, letter: &Letter| {
            let has_error = |text: &String| letter.error.as_ref().is_some_and(|error| error.contains(text.as_str()));
            let is_selected = self.error.as_ref().is_none_or(has_error)
                && self.key.as_ref().is_none_or(|key| record.key == Some(key.as_bytes()))
                && since.is_none_or(|since| letter.time >= since)
                && until.is_none_or(|until| letter.time < until);
            match &filter {
                Some(filter) if is_selected => {
                    let mut batch = Batch::new();
                    batch.push(*record);
                    filter.apply(&mut batch)?;
                    Ok(!batch.is_empty())
                }
                _ => Ok(is_selected),
            }
        };
        context.begin_job();
        let done = replay(&Replay {
            letters: letters.storage(),
            topic: &topic,
            target: target.as_ref().map_or(letters.storage(), |(kafi, _)| kafi.storage()),
            target_topic: target.as_ref().map(|(_, topic)| topic.as_str()),
            wanted: &wanted,
            rate: self.rate,
            is_dry: self.dry_run,
            cancel: context.cancel.clone(),
        })?;
        let replayed = if self.dry_run { "would be replayed" } else { "replayed" };
        let summary = summary.count("read", done.read).count(replayed, done.replayed);
        let stay = done.read - done.replayed - done.unknown;
        let summary = if stay > 0 { summary.count("left", stay) } else { summary };
        let summary =
            if done.bare > 0 { summary.count("without headers, whose messages are gone", done.bare) } else { summary };
        if done.unknown > 0 { summary.count("that do not say where they came from", done.unknown) } else { summary }
            .say(context);
        Ok(if context.cancel.is_cancelled() { Exit::Interrupted } else { Exit::Done })
    }

    fn addresses(&self) -> Vec<String> {
        [Some(self.address.clone()), self.to.clone()].into_iter().flatten().collect()
    }
}

fn per_second(text: &str) -> std::result::Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "this is no number".to_string())?;
    if rate > 0.0 && rate.is_finite() { Ok(rate) } else { Err("the rate is above 0".to_string()) }
}
