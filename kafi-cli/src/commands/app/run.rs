//! `app run`: runs the app that a file describes.

use std::path::PathBuf;

use clap::Parser;
use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::summary::Summary;
use crate::verb::Verb;

/// Run an app until Ctrl-C or SIGTERM: what is being handled then is finished, delivered, and committed
///
/// The file names the app, the storages that it reads and writes, and for each topic its functions in jq, the topic that
/// it publishes to, and what becomes of messages that fail. docs/guides/apps.md has all keys.
#[derive(Parser)]
pub struct RunArgs {
    /// The file
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Stop at the ends of its topics that are seen at the start
    #[arg(long)]
    to_end: bool,
}

impl Verb for RunArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let (file, app) = super::read(context, &self.file)?;
        let app = app.stopped_by(&context.cancel);
        context.begin_job();
        context.say(&format!("{} reads {}", file.name(), file.topics().join(", ")));
        let done = if self.to_end { app.run_to_end() } else { app.run_until_stopped() }?;
        let counts = [
            ("consumed", done.consumed),
            ("processed", done.processed),
            ("failures", done.failed),
            ("skipped", done.skipped),
            ("dead letters", done.dead_letters),
            ("published", done.published),
        ];
        counts.into_iter().fold(summary, |summary, (name, count)| summary.count(name, count)).say(context);
        Ok(Exit::Done)
    }
}
