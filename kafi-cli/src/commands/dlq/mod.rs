//! `dlq`: dead letters, those of Kafi's apps and verbs, of Kafka Connect, of Kafka Streams, of Spring, and of Kafka's share groups.

mod ls;
mod replay;
mod show;

use std::ops::ControlFlow;
use std::sync::Arc;

use kafi::app::Letter;
use kafi::{Kafi, Progress, ReadOptions, Record, Result, format_local, shell};

use crate::context::Context;
use crate::output::Cell;
use crate::verb::{Entry, entry};

/// What can be done with dead letters.
pub const DLQ: Entry = Entry::Verbs {
    name: "dlq",
    about: "List dead letters, show what failed and why, and put them back",
    verbs: &[entry::<ls::LsArgs>("ls"), entry::<show::ShowArgs>("show"), entry::<replay::ReplayArgs>("replay")],
};

/// Hands each dead letter of these topics to `each`, until that breaks.
fn read_letters(
    context: &Context,
    kafi: &Kafi,
    topics: &[String],
    mut each: impl FnMut(&Record<'_>, &Letter) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let progress = Arc::<Progress>::default();
    let options = ReadOptions { cancel: context.cancel.clone(), progress, ..kafi.read_options() };
    context.begin_job();
    shell::cat(shell::TopicsToRead::new(kafi.storage(), topics, &options), |batch| {
        for record in batch.iter() {
            if let Some(letter) = Letter::of(&record)
                && each(&record, &letter)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
    .map(drop)
}

/// A time, for people and for programs.
fn time(context: &Context, epoch_ms: i64) -> Cell {
    if epoch_ms < 0 {
        return Cell::Unknown;
    }
    Cell::Json { shown: format_local(epoch_ms, context.output.utc), json: epoch_ms.to_string() }
}
