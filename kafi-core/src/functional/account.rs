//! The account of what was handed to a producer: each message gets one report, and what failed can be named.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::producer::{Delivery, MESSAGE_CONTEXT, Report};
use crate::record::ANY_PARTITION;

/// What was handed over and is not reported yet, in the order in which it was handed over.
#[derive(Default)]
pub(crate) struct Account {
    handed: VecDeque<Handed>,
    topics: HashMap<String, u32>,
    /// The vectors of what is over.
    spare: Vec<Vec<Run>>,
    in_flight: u64,
    /// Each message up to this token is delivered.
    delivered_through: u64,
}

/// The messages of one token.
struct Handed {
    token: u64,
    taken: u64,
    settled: u64,
    has_failed: bool,
    is_whole: bool,
    runs: Vec<Run>,
}

/// Neighbouring messages for one partition whose offsets follow each other.
#[derive(Clone, Copy)]
struct Run {
    topic: u32,
    partition: i32,
    /// The offset of the first message in its batch; negative where the messages have none.
    offset: i64,
    count: u64,
}

impl Account {
    /// How many messages are under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Each message that was handed over under this token or one before it is delivered.
    pub(crate) fn delivered_through(&self) -> u64 {
        self.delivered_through
    }

    /// Begins the messages of a token, which is higher than those before it.
    pub(crate) fn begin(&mut self, token: u64) {
        let runs = self.spare.pop().unwrap_or_default();
        self.handed.push_back(Handed { token, taken: 0, settled: 0, has_failed: false, is_whole: false, runs });
    }

    /// Takes note of messages that were handed over under the token that was begun last.
    pub(crate) fn take(&mut self, batch: &Batch, from: usize, count: usize) {
        let Some(handed) = self.handed.back_mut() else { return };
        handed.taken += count as u64;
        self.in_flight += count as u64;
        let (mut at, mut topic) = (u32::MAX, 0);
        for meta in &batch.metas()[from..from + count] {
            if meta.topic != at {
                let (name, next) = (&batch.topics()[meta.topic as usize], self.topics.len() as u32);
                at = meta.topic;
                topic = match self.topics.get(name.as_str()) {
                    Some(known) => *known,
                    None => *self.topics.entry(name.clone()).or_insert(next),
                };
            }
            match handed.runs.last_mut() {
                Some(run)
                    if run.topic == topic
                        && run.partition == meta.partition
                        && run.offset_at(run.count) == meta.offset.max(-1) =>
                {
                    run.count += 1
                }
                _ => handed.runs.push(Run { topic, partition: meta.partition, offset: meta.offset.max(-1), count: 1 }),
            }
        }
    }

    /// Says that all messages of the token that was begun last are handed over.
    pub(crate) fn end(&mut self) {
        if let Some(handed) = self.handed.back_mut() {
            handed.is_whole = true;
        }
        self.forget_delivered();
    }

    /// Takes note of a report.
    ///
    /// # Errors
    /// `Unexpected` for a report of messages that were not handed over, or that were reported before.
    pub(crate) fn settle(&mut self, report: &Report) -> Result<()> {
        let first = self.handed.front().map_or(0, |handed| handed.token);
        let handed =
            report.token.checked_sub(first).and_then(|index| self.handed.get_mut(usize::try_from(index).ok()?));
        let Some(handed) = handed.filter(|handed| handed.settled.saturating_add(report.count) <= handed.taken) else {
            let why = format!(
                "the storage reports {} messages that were not handed over, or that it reported before",
                report.count
            );
            return Err(Error::new(ErrorKind::Unexpected, "write", why)
                .with("topic", &report.topic)
                .with("partition", report.partition));
        };
        handed.settled += report.count;
        handed.has_failed |= matches!(report.delivery, Delivery::Failed(_));
        self.in_flight -= report.count;
        Ok(())
    }

    /// Forgets the tokens whose messages are all delivered, up to the first that has others.
    pub(crate) fn forget_delivered(&mut self) {
        while let Some(mut done) =
            self.handed.pop_front_if(|handed| handed.is_whole && handed.settled == handed.taken && !handed.has_failed)
        {
            self.delivered_through = done.token;
            done.runs.clear();
            self.spare.push(done.runs);
        }
    }

    /// Forgets everything that was handed over, once all of it is reported.
    pub(crate) fn forget_all(&mut self) {
        for mut handed in self.handed.drain(..) {
            handed.runs.clear();
            self.spare.push(handed.runs);
        }
        self.in_flight = 0;
    }

    /// The offsets in its batch of the message that a report of a failure begins with, or those among which it is, if
    /// there are some.
    pub(crate) fn offsets_of(&self, report: &Report) -> Option<RangeInclusive<i64>> {
        let first = self.handed.front()?.token;
        let handed = self.handed.get(usize::try_from(report.token.checked_sub(first)?).ok()?)?;
        let topic = *self.topics.get(&*report.topic)?;
        if let Some(index) = message_of(report) {
            return handed.offset_of(index, |_| true);
        }
        if handed.runs.iter().all(|run| run.partition != ANY_PARTITION) {
            return handed.offset_of(report.first, |run| run.topic == topic && run.partition == report.partition);
        }
        let of_topic = || handed.runs.iter().filter(|run| run.topic == topic && run.offset >= 0);
        let (low, high) =
            (of_topic().map(|run| run.offset).min()?, of_topic().map(|run| run.offset_at(run.count - 1)).max()?);
        Some(low..=high)
    }
}

impl Handed {
    /// The offset of the message with this ordinal among those of some runs.
    fn offset_of(&self, ordinal: u64, is_among: impl Fn(&Run) -> bool) -> Option<RangeInclusive<i64>> {
        let mut left = ordinal;
        for run in self.runs.iter().filter(|run| is_among(run)) {
            if left < run.count {
                let offset = run.offset_at(left);
                return (offset >= 0).then_some(offset..=offset);
            }
            left -= run.count;
        }
        None
    }
}

impl Run {
    fn offset_at(&self, index: u64) -> i64 {
        if self.offset < 0 { -1 } else { self.offset + index as i64 }
    }
}

/// Which message of its token failed, where the error says so.
fn message_of(report: &Report) -> Option<u64> {
    let Delivery::Failed(error) = &report.delivery else { return None };
    let (_, index) = error.context().find(|(key, _)| *key == MESSAGE_CONTEXT)?;
    index.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn batch(messages: &[(i32, i64)]) -> Batch {
        let mut batch = Batch::new();
        messages.iter().for_each(|(partition, offset)| {
            batch.push(Record { partition: *partition, offset: *offset, ..Record::new("t", None, None) })
        });
        batch
    }

    fn report(token: u64, partition: i32, first: u64, count: u64, failed: Option<Error>) -> Report {
        Report {
            token,
            topic: "t".into(),
            partition,
            first,
            count,
            delivery: failed.map_or(Delivery::Unknown, Delivery::Failed),
        }
    }

    fn failure() -> Option<Error> {
        Some(Error::new(ErrorKind::TooLarge, "write", "too large"))
    }

    fn handed(account: &mut Account, token: u64, messages: &[(i32, i64)]) {
        account.begin(token);
        account.take(&batch(messages), 0, messages.len());
        account.end();
    }

    #[test]
    fn tokens_are_delivered_in_their_order_and_reports_are_not_doubled() {
        let mut account = Account::default();
        handed(&mut account, 1, &[(0, 5), (0, 6)]);
        handed(&mut account, 2, &[(0, 7)]);
        account.settle(&report(2, 0, 0, 1, None)).unwrap();
        account.forget_delivered();
        assert_eq!((account.delivered_through(), account.in_flight()), (0, 2));
        assert!(account.settle(&report(2, 0, 0, 1, None)).is_err(), "it was reported before");
        assert!(account.settle(&report(3, 0, 0, 1, None)).is_err(), "it was not handed over");
        assert!(account.settle(&report(1, 0, 0, 3, None)).is_err(), "there were two");
        account.settle(&report(1, 0, 0, 2, None)).unwrap();
        account.forget_delivered();
        assert_eq!((account.delivered_through(), account.in_flight()), (2, 0));
        assert!(account.settle(&report(1, 0, 0, 1, None)).is_err(), "it is over");
        handed(&mut account, 3, &[(0, 8)]);
        account.settle(&report(3, 0, 0, 1, failure())).unwrap();
        account.forget_delivered();
        assert_eq!((account.delivered_through(), account.in_flight()), (2, 0), "what failed is not delivered");
    }

    #[test]
    fn what_failed_is_named_as_exactly_as_can_be() {
        let mut account = Account::default();
        handed(&mut account, 1, &[(0, 5), (1, 90), (0, 6), (0, 9), (1, 91)]);
        for (partition, ordinal, offset) in [(0, 0, 5), (0, 1, 6), (0, 2, 9), (1, 0, 90), (1, 1, 91)] {
            assert_eq!(account.offsets_of(&report(1, partition, ordinal, 1, failure())), Some(offset..=offset));
        }
        assert_eq!(account.offsets_of(&report(1, 2, 0, 1, failure())), None);
        // Where the storage chooses, the error may say which it was; otherwise it is one of them.
        handed(&mut account, 2, &[(-1, 20), (-1, 21), (-1, 22)]);
        assert_eq!(account.offsets_of(&report(2, 7, 0, 1, failure())), Some(20..=22));
        let named = failure().map(|error| error.with(MESSAGE_CONTEXT, 1));
        assert_eq!(account.offsets_of(&report(2, 7, 0, 1, named)), Some(21..=21));
        handed(&mut account, 3, &[(-1, -1), (-1, -1)]);
        assert_eq!(account.handed[2].runs.len(), 1);
        assert_eq!(account.offsets_of(&report(3, 0, 0, 1, failure())), None);
    }
}
