//! What comes out of a join: rows are projected into batches.

use std::ops::ControlFlow;

use kafi_core::{Batch, Failures, HeadersBuf, Record, Result};

use super::options::{JoinHow, JoinPair};
use super::table::record_of;

/// Makes of a row the message, or messages, that come of it.
pub type JoinProject<'a> = dyn FnMut(JoinPair<'_>, &mut Batch) -> Result<()> + 'a;

/// Takes what was made.
pub type JoinEach<'a> = dyn FnMut(&mut Batch) -> Result<ControlFlow<()>> + 'a;

/// Which rows come out, as seen from the side that is built into a table, and the other one, which is probed against it.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) pairs: bool,
    pub(super) built_unmatched: bool,
    pub(super) probed_unmatched: bool,
    pub(super) built_matched: bool,
    pub(super) probed_matched: bool,
}

impl Wanted {
    pub(super) fn of(how: JoinHow, builds_left: bool) -> Self {
        let left_unmatched = matches!(how, JoinHow::Left | JoinHow::Full | JoinHow::Anti);
        let right_unmatched = matches!(how, JoinHow::Right | JoinHow::Full);
        let left_matched = how == JoinHow::Semi;
        Self {
            pairs: !matches!(how, JoinHow::Semi | JoinHow::Anti),
            built_unmatched: if builds_left { left_unmatched } else { right_unmatched },
            probed_unmatched: if builds_left { right_unmatched } else { left_unmatched },
            built_matched: builds_left && left_matched,
            probed_matched: !builds_left && left_matched,
        }
    }
}

/// Where rows go.
pub(super) struct Output<'a> {
    pub(super) topics: [&'a str; 2],
    pub(super) project: &'a mut JoinProject<'a>,
    pub(super) each: &'a mut JoinEach<'a>,
    pub(super) failures: &'a Failures,
    pub(super) batch: Batch,
    pub(super) headers: [HeadersBuf; 2],
    pub(super) rows: u64,
    pub(super) rows_skipped: u64,
    /// Whether nobody wants any more.
    pub(super) is_over: bool,
}

/// A message, or a row that holds one.
#[derive(Clone, Copy)]
pub(super) enum Part<'r> {
    Record(&'r Record<'r>),
    Row(&'r [u8]),
}

impl<'a> Output<'a> {
    pub(super) fn new(
        topics: [&'a str; 2],
        project: &'a mut JoinProject<'a>,
        each: &'a mut JoinEach<'a>,
        failures: &'a Failures,
    ) -> Self {
        let headers = [HeadersBuf::new(), HeadersBuf::new()];
        let batch = Batch::new();
        Self { topics, project, each, failures, batch, headers, rows: 0, rows_skipped: 0, is_over: false }
    }

    /// Puts out a row of these two.
    pub(super) fn put(&mut self, left: Option<Part<'_>>, right: Option<Part<'_>>) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        self.rows += 1;
        let [left_headers, right_headers] = &mut self.headers;
        let left = left.map(|part| part.record(self.topics[0], left_headers));
        let right = right.map(|part| part.record(self.topics[1], right_headers));
        let before = (self.batch.len(), self.batch.header_mark(), self.batch.bytes());
        if let Err(error) = (self.project)(JoinPair { left, right }, &mut self.batch) {
            self.batch.rewind(before.0, before.1, before.2);
            let at = left.or(right).expect("a row has a side");
            let error = error.with("topic", at.topic).with("partition", at.partition).with("offset", at.offset);
            self.failures.take(&at, error)?;
            self.rows_skipped += 1;
        }
        if self.batch.is_full() { self.flush() } else { Ok(()) }
    }

    /// Hands over what was made.
    pub(super) fn flush(&mut self) -> Result<()> {
        if !self.batch.is_empty() && !self.is_over {
            let asked = (self.each)(&mut self.batch);
            self.is_over = !matches!(asked, Ok(ControlFlow::Continue(())));
            self.batch.clear();
            return asked.map(|_| ());
        }
        self.batch.clear();
        Ok(())
    }
}

impl<'r> Part<'r> {
    fn record(self, topic: &'r str, headers: &'r mut HeadersBuf) -> Record<'r> {
        match self {
            Part::Record(record) => *record,
            Part::Row(row) => record_of(topic, row, headers),
        }
    }
}
