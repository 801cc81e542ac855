//! How an app does, for who asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::{CommittedOffset, Position, TopicPartition, Watermarks};

use crate::engine::clock::Clock;

/// The upper bounds of the histogram of how long something takes, in microseconds.
pub(crate) const BOUNDS_US: [u64; 10] =
    [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// The thread that reads looks round at least this often, unless it hangs.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// What was read of partitions is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long something took, each time.
#[derive(Default)]
pub(crate) struct Histogram {
    pub(crate) counts: [AtomicU64; BOUNDS_US.len()],
    pub(crate) all: AtomicU64,
    pub(crate) sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, took: Duration, messages: u64) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX) / messages.max(1);
        if let Some(slot) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.counts[slot].fetch_add(messages, Ordering::Relaxed);
        }
        self.all.fetch_add(messages, Ordering::Relaxed);
        self.sum_us.fetch_add(us.saturating_mul(messages), Ordering::Relaxed);
    }
}

/// How it goes, as the thread that reads has seen it last.
pub(crate) struct Pulse {
    clock: Clock,
    begun: Instant,
    /// How long nothing may go on while there is something to do.
    stall_max: Duration,
    /// When it looked round last, and when something had come of messages or none were in hand, in milliseconds since
    /// it began.
    round_ms: AtomicU64,
    progress_ms: AtomicU64,
    /// What had come of messages by then.
    progress: AtomicU64,
    /// Whether the group has said what falls to this member.
    pub(crate) has_joined: AtomicBool,
    /// The outputs that wait for their reports.
    pub(crate) in_flight: AtomicU64,
    /// The messages that lie behind what was committed, of those that were read.
    pub(crate) undone: AtomicU64,
    pub(crate) commits: Histogram,
    pub(crate) commit_failures: AtomicU64,
    stands: Mutex<Stands>,
}

/// Where the partitions stand that are ours.
#[derive(Default)]
struct Stands {
    looked_at: Option<Instant>,
    by_partition: BTreeMap<(String, i32), Stand>,
}

struct Stand {
    /// The next offset to read, and since when it is that.
    read: i64,
    read_since: Instant,
    /// The committed offset behind which something is not done, and since which question it is that.
    stuck: Option<(i64, Instant)>,
}

impl Pulse {
    pub(crate) fn new(clock: Clock, stall_max: Duration) -> Self {
        Self {
            begun: clock.now(),
            clock,
            stall_max,
            round_ms: AtomicU64::new(0),
            progress_ms: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            has_joined: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            undone: AtomicU64::new(0),
            commits: Histogram::default(),
            commit_failures: AtomicU64::new(0),
            stands: Mutex::default(),
        }
    }

    /// Takes note of a look round: how many threads are at work, and how much has come of messages so far.
    pub(crate) fn beat(&self, busy: usize, progress: u64) {
        let now = u64::try_from((self.clock.now() - self.begun).as_millis()).unwrap_or(u64::MAX);
        self.round_ms.store(now, Ordering::Relaxed);
        if busy == 0 || self.progress.swap(progress, Ordering::Relaxed) != progress {
            self.progress_ms.store(now, Ordering::Relaxed);
        }
    }

    /// Takes note of where partitions stand, now and then, or at once where some came or went.
    pub(crate) fn look(&self, at_once: bool, reached: impl FnOnce() -> Vec<Position>) {
        let (now, mut stands) = (self.clock.now(), self.stands());
        let is_due = stands.looked_at.is_none_or(|last| now.saturating_duration_since(last) >= LOOK_EVERY);
        if !is_due && !at_once {
            return;
        }
        stands.looked_at = Some(now);
        let mut before = std::mem::take(&mut stands.by_partition);
        for Position { topic, partition, offset } in reached() {
            let new = Stand { read: offset, read_since: now, stuck: None };
            let mut stand = before.remove(&(topic.clone(), partition)).unwrap_or(new);
            if stand.read != offset {
                (stand.read, stand.read_since) = (offset, now);
            }
            stands.by_partition.insert((topic, partition), stand);
        }
    }

    /// The partitions that are ours.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        let partition =
            |(topic, partition): &(String, i32)| TopicPartition { topic: topic.clone(), partition: *partition };
        self.stands().by_partition.keys().map(partition).collect()
    }

    /// Why it does not live, if it does not: a new process would do better.
    pub(crate) fn is_dead(&self) -> Option<String> {
        let silent = self.since(&self.round_ms);
        if silent > ROUND_MAX {
            return Some(format!("nothing was read, written, or committed for {} s", silent.as_secs()));
        }
        let stands = self.since(&self.progress_ms);
        (stands > self.stall_max).then(|| format!("no handler has returned for {} s", stands.as_secs()))
    }

    /// Why it is not ready, beside that: it has not joined, or a partition stands still. `now` is what the storage says
    /// of the partitions at the moment.
    pub(crate) fn is_stalled(&self, marks: &[Watermarks], committed: &[CommittedOffset]) -> Option<String> {
        if !self.has_joined.load(Ordering::Relaxed) {
            return Some("the group has not said yet which partitions fall to this member".to_string());
        }
        let (now, mut stands) = (self.clock.now(), self.stands());
        for ((topic, partition), stand) in &mut stands.by_partition {
            let is_it = |of: &CommittedOffset| of.topic == *topic && of.partition == *partition;
            let Some(marks) = marks.iter().find(|of| of.topic == *topic && of.partition == *partition) else {
                continue;
            };
            let unread = now.saturating_duration_since(stand.read_since);
            if marks.high > stand.read && unread > self.stall_max {
                let left = marks.high - stand.read;
                return Some(format!(
                    "nothing of topic {topic}, partition {partition} was read for {} s, and {left} messages are there",
                    unread.as_secs()
                ));
            }
            let offset = committed.iter().find(|of| is_it(of)).map_or(marks.low, |of| of.offset);
            let since = stand.stuck.filter(|(at, _)| *at == offset).map_or(now, |(_, since)| since);
            stand.stuck = (stand.read > offset).then_some((offset, since));
            if stand.stuck.is_some() && now.saturating_duration_since(since) > self.stall_max {
                return Some(format!(
                    "nothing of topic {topic}, partition {partition} was committed for {} s, and what was read is not done",
                    now.saturating_duration_since(since).as_secs()
                ));
            }
        }
        None
    }

    /// How long ago this was.
    fn since(&self, ms: &AtomicU64) -> Duration {
        let passed = self.clock.now().saturating_duration_since(self.begun);
        passed.saturating_sub(Duration::from_millis(ms.load(Ordering::Relaxed)))
    }

    fn stands(&self) -> MutexGuard<'_, Stands> {
        self.stands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::VirtualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_partition_that_stands_still_is_told_of() {
        let clock = VirtualClock::new();
        let pulse = Pulse::new(Clock::Virtual(clock.clone()), 5 * MINUTE);
        let pass = |minutes: u32| clock.move_to(clock.now() + minutes * MINUTE);
        let reads = |offset| pulse.look(true, || vec![Position { topic: "t".into(), partition: 3, offset }]);
        let ready = |high, committed| {
            let marks = [Watermarks { topic: "t".into(), partition: 3, low: 0, high }];
            pulse.is_stalled(&marks, &[CommittedOffset::new("t", 3, committed)])
        };
        assert!(ready(0, 0).unwrap().contains("has not said"));
        pulse.has_joined.store(true, Ordering::Relaxed);
        reads(10);
        assert_eq!(ready(10, 10), None);
        // It has nothing to do, for however long.
        pass(60);
        assert_eq!(ready(10, 10), None);
        // What came lies there for too long, unless some of it is read.
        reads(10);
        assert!(ready(12, 10).unwrap().contains("nothing of topic t, partition 3 was read for 3600 s, and 2 messages"));
        reads(11);
        assert_eq!(ready(12, 11), None);
        // What was read is not committed.
        reads(12);
        assert_eq!(ready(12, 11), None);
        pass(6);
        assert!(ready(12, 11).unwrap().contains("was committed for 360 s"));
        assert_eq!(ready(12, 12), None);
    }

    #[test]
    fn who_hangs_does_not_live() {
        let clock = VirtualClock::new();
        let pulse = Pulse::new(Clock::Virtual(clock.clone()), 5 * MINUTE);
        let pass = |minutes: u32| clock.move_to(clock.now() + minutes * MINUTE);
        pulse.beat(1, 1);
        assert_eq!(pulse.is_dead(), None);
        pass(2);
        assert!(pulse.is_dead().unwrap().contains("for 120 s"), "it does not look round");
        pass(4);
        pulse.beat(1, 1);
        assert!(pulse.is_dead().unwrap().contains("no handler has returned for 360 s"));
        pulse.beat(1, 2);
        assert_eq!(pulse.is_dead(), None);
        pass(6);
        pulse.beat(0, 2);
        assert_eq!(pulse.is_dead(), None, "nobody is at work");
    }
}
