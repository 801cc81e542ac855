//! What came of messages: outputs, and the messages that are done once these are delivered.

use kafi_core::{ANY_PARTITION, Batch, Error, HeadersBuf, Record};

use crate::engine::run::Run;
use crate::output::Origin;

/// The headers of a dead letter that say where and why.
const HEADERS: [&str; 7] = [
    "kafi.error.topic",
    "kafi.error.partition",
    "kafi.error.offset",
    "kafi.error.message",
    "kafi.error.attempts",
    "kafi.error.time",
    "kafi.error.app",
];

/// See the [module](self).
pub(crate) struct Load {
    /// The task that it comes from.
    pub(crate) task: usize,
    pub(crate) out: Batch,
    /// What each output comes of.
    pub(crate) origins: Vec<Origin>,
    /// The messages that are done.
    pub(crate) runs: Vec<Run>,
    /// How many those are.
    pub(crate) messages: usize,
    /// Whether more outputs of the same messages follow, so that these are not done with it.
    pub(crate) is_part: bool,
}

/// Why and how a message became a dead letter.
pub(crate) struct Letter<'a> {
    pub(crate) topic: &'a str,
    pub(crate) app: &'a str,
    pub(crate) error: &'a Error,
    pub(crate) attempts: u32,
}

impl Load {
    pub(crate) fn new(task: usize) -> Self {
        Self { task, out: Batch::new(), origins: Vec::new(), runs: Vec::new(), messages: 0, is_part: false }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.out.is_empty()
    }

    /// What comes of the messages with these indexes of the run that is added next.
    pub(crate) fn origin(&self, first: usize, count: usize) -> Origin {
        Origin { run: self.runs.len() as u32, first: first as u32, count: count as u32, is_letter: false }
    }

    /// Adds messages that are done once their outputs, which were added before, are delivered.
    pub(crate) fn add_run(&mut self, run: Run) {
        self.messages += run.len();
        if let Some(last) = self.runs.last_mut()
            && last.join(&run)
        {
            let joined = self.runs.len() as u32;
            self.origins.iter_mut().rev().take_while(|origin| origin.run == joined).for_each(|origin| origin.run -= 1);
            return;
        }
        self.runs.push(run);
    }

    /// Takes back the outputs from this one on.
    pub(crate) fn take_back(&mut self, (records, headers, bytes): (usize, u32, usize)) {
        self.out.rewind(records, headers, bytes);
        self.origins.truncate(records);
    }

    /// Where the next output goes, for [`take_back`](Load::take_back).
    pub(crate) fn mark(&self) -> (usize, u32, usize) {
        (self.out.len(), self.out.header_mark(), self.out.bytes())
    }

    /// Adds a message that failed for the last time, byte for byte, with what there is to say about that.
    pub(crate) fn push_letter(&mut self, record: &Record<'_>, origin: Origin, letter: &Letter<'_>) {
        let mut headers = HeadersBuf::from(record.headers);
        // One that was replayed, and failed again, says what happened last.
        for name in HEADERS {
            headers.remove(name);
        }
        let values = [
            record.topic.to_string(),
            record.partition.to_string(),
            record.offset.to_string(),
            letter.error.to_string(),
            letter.attempts.to_string(),
            now_ms().to_string(),
            letter.app.to_string(),
        ];
        HEADERS.iter().zip(values).for_each(|(name, value)| headers.push(name, value));
        let headers = headers.as_headers();
        self.out.push(Record { topic: letter.topic, partition: ANY_PARTITION, headers, ..*record });
        self.origins.push(Origin { is_letter: true, ..origin });
    }

    /// Takes out messages, and what came of them, of which `keeps` says no.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&Run) -> bool) {
        if self.runs.iter().all(&keeps) {
            return;
        }
        let old = std::mem::replace(self, Self::new(self.task));
        let mut places = Vec::new();
        for run in old.runs {
            places.push(keeps(&run).then_some(self.runs.len() as u32));
            if places.last().is_some_and(Option::is_some) {
                self.messages += run.len();
                self.runs.push(run);
            }
        }
        for (record, origin) in old.out.iter().zip(old.origins) {
            if let Some(run) = places[origin.run as usize] {
                self.out.push(record);
                self.origins.push(Origin { run, ..origin });
            }
        }
    }

    /// Adds another one behind it.
    pub(crate) fn append(&mut self, other: &Self) {
        let before = self.runs.len() as u32;
        other.out.iter().for_each(|record| self.out.push(record));
        self.origins.extend(other.origins.iter().map(|origin| Origin { run: origin.run + before, ..*origin }));
        self.runs.extend_from_slice(&other.runs);
        self.messages += other.messages;
    }
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
}
