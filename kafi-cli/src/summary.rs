//! The line at the end of a job, and the offsets that it reached when Ctrl-C cut it short.

use std::time::Instant;

use kafi::{Position, StorageAddress};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::name_of;

/// Counts with their names, in the order in which they are said.
pub struct Summary {
    started: Instant,
    counts: Vec<(&'static str, u64)>,
}

impl Summary {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { started: Instant::now(), counts: Vec::new() }
    }

    /// Adds a count.
    pub fn count(mut self, name: &'static str, count: u64) -> Self {
        self.counts.push((name, count));
        self
    }

    /// Adds how many messages were left out, where any were.
    pub fn skipped(self, count: u64) -> Self {
        if count > 0 { self.count("skipped", count) } else { self }
    }

    /// Says it as a JSON object with these members.
    pub fn say_with(self, context: &Context, members: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        context.say(&format!("{{{members},\"seconds\":{seconds:.3}}}"));
    }

    /// Says it: `3 read, 3 written, 0 failed in 0.1 s`, or the same as a JSON object.
    pub fn say(&self, context: &Context) {
        let seconds = self.started.elapsed().as_secs_f64();
        if context.output.json {
            let fields: Vec<String> = self.counts.iter().map(|(name, count)| format!("\"{name}\":{count}")).collect();
            context.say(&format!("{{{},\"seconds\":{seconds:.3}}}", fields.join(",")));
            return;
        }
        let parts: Vec<String> = self.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        context.say(&format!("{} in {seconds:.1} s", parts.join(", ")));
    }
}

/// How far a job came on a storage, which is named where there are several.
pub struct Reached<'a> {
    pub storage: Option<&'a StorageAddress>,
    pub positions: &'a [Position],
}

/// The exit of a job that read this far; where Ctrl-C cut it short, that is printed.
pub fn ended(context: &Context, reached: &[Reached<'_>]) -> Exit {
    if !context.cancel.is_cancelled() {
        return Exit::Done;
    }
    let on = |reached: &Reached<'_>| {
        let storage = reached.storage.map_or_else(String::new, |storage| format!(" on {}", name_of(storage)));
        format!("{}{storage}", positions(reached.positions))
    };
    let held: Vec<String> = reached.iter().filter(|reached| !reached.positions.is_empty()).map(on).collect();
    match held.as_slice() {
        [] => context.say("stopped; no partitions were held"),
        held => context.say(&format!("stopped; the next offsets are: {}", held.join("; "))),
    }
    Exit::Interrupted
}

/// Partitions and offsets, as `-o` takes them, by topic.
fn positions(reached: &[Position]) -> String {
    let mut line = String::new();
    for (index, position) in reached.iter().enumerate() {
        let same_topic = index > 0 && reached[index - 1].topic == position.topic;
        if !same_topic {
            line.push_str(if index > 0 { "; " } else { "" });
            line.push_str(&position.topic);
        }
        line.push_str(&format!(" {}={}", position.partition, position.offset));
    }
    line
}
