//! A member of a group: which partitions come and go, and where they start.
//!
//! A rebalance is librdkafka's to decide and the caller's to carry out. librdkafka calls back on a thread of its own, in
//! the midst of a poll, and waits until it is told `assign` or `unassign`. If that were done in the callback, partitions
//! would go while messages of them still wait to be handed out, or were handed out and are not committed; so the
//! callback only notes what is owed ([`ffi::rebalance`](crate::ffi)), and the member pays it between two polls:
//!
//! ```text
//!                 assigned                        answers are here
//!   idle ───────────────────────▶ joining ───────────────────────────▶ reading
//!    ▲   ▲                       │   ▲ │                                │    │
//!    │   │ all go                │   │ └─ "later": ask again (60 s) ─┐  │    │ others come, or some go
//!    │   └───────────────────────┘   └────────────────────────────────┘  │    │ (cooperative): the rest is read on
//!    │                                                                   │    ▼
//!    │      the next poll gives them up      between two polls      revoking
//!    └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! *joining*: where a partition starts needs two answers, the group's committed offset (from its coordinator) and the
//! partition's bounds (from its leader). Both are asked for without waiting, so that a poll keeps its time-out and other
//! partitions are read meanwhile; only then is `assign` called, with offsets. librdkafka would look up the committed
//! offset by itself, but reset silently where it is not in the log any more, which is to be an error or a warning.
//!
//! *revoking*: a poll during which a revocation comes returns what it has. Until the next poll the partitions are still
//! this member's, which is the time in which the caller commits; that poll begins by giving them up. Whoever takes
//! longer than `max.poll.interval.ms` is fenced by the coordinator, and its commits are refused.
//!
//! *whether it is stable* cannot be told from what the member has: with the cooperative assignors, and with KIP-848, a
//! member is given its share in pieces, and one to which nothing falls is told nothing. Then the group is asked
//! ([`Settled`]).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafi_core::{CommittedOffset, ConsumerOptions, Isolation, Position, Result, TopicPartition};

use crate::coordinators::Coordinators;
use crate::error::{self, local};
use crate::ffi::{Client, Deadline, GroupAnswer, PartitionList, Pending, Rebalance, Revoked};
use crate::offsets::PendingEnds;
use crate::part::{Part, lost};
use crate::retry::is_for_later;
use crate::session::Session;
use crate::settled::Settled;

const OPERATION: &str = "join group";
/// How long each request of a join may take; a poll that is shorter goes on with it at the next one.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long brokers may say "later" before that is an error, and the pause between two questions.
const LATER_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// What a member subscribes to, and how.
pub(crate) struct Subscription<'a> {
    pub(crate) group: String,
    pub(crate) topics: &'a [String],
    /// The partitions of the topics right now.
    pub(crate) first: Vec<TopicPartition>,
    /// Whether the user asked librdkafka to commit from time to time.
    pub(crate) commits_by_itself: bool,
    /// Whether the broker tells a member only what it gives and takes (KIP-848).
    pub(crate) is_told_changes_only: bool,
}

/// The state of a member.
pub(crate) struct Member {
    group: String,
    coordinators: Coordinators,
    start_at_earliest: bool,
    allow_gap: bool,
    isolation: Isolation,
    /// Whether the user asked librdkafka to commit from time to time.
    commits_by_itself: bool,
    /// Whether the broker tells a member only what it gives and takes (KIP-848), and so nothing where nothing falls to
    /// it.
    is_told_changes_only: bool,
    joining: Option<Joining>,
    /// What it has subscribed to.
    topics: BTreeSet<String>,
    /// The partitions of its first topics when it subscribed. Those that came later are read from their start.
    first: Vec<TopicPartition>,
    /// What was last said to fall to this member, if anything was.
    settled: Option<Settled>,
}

/// Partitions that came, and what is asked about them.
struct Joining {
    partitions: Vec<TopicPartition>,
    since: Instant,
    ask_at: Instant,
    requests: Option<Requests>,
    committed: Option<Vec<CommittedOffset>>,
}

/// The questions about new partitions.
struct Requests {
    coordinator: Client,
    committed: Pending,
    ends: PendingEnds,
}

impl Joining {
    fn new() -> Self {
        let now = Instant::now();
        Self { partitions: Vec::new(), since: now, ask_at: now, requests: None, committed: None }
    }

    /// Asks anew.
    fn begin_again(&mut self) {
        (self.requests, self.committed) = (None, None);
        self.ask_at = Instant::now() + PAUSE;
    }
}

impl Member {
    pub(crate) fn new(subscription: Subscription<'_>, coordinators: Coordinators, options: &ConsumerOptions) -> Self {
        let Subscription { group, topics, first, commits_by_itself, is_told_changes_only } = subscription;
        let ConsumerOptions { start_at_earliest, allow_gap, isolation, .. } = *options;
        Self {
            group,
            coordinators,
            start_at_earliest,
            allow_gap,
            isolation,
            commits_by_itself,
            is_told_changes_only,
            joining: None,
            topics: topics.iter().cloned().collect(),
            first,
            settled: None,
        }
    }

    /// Takes note of other topics; false if they are the same. The group is asked anew what falls to this member.
    pub(crate) fn changes_topics(&mut self, topics: &[String]) -> bool {
        let topics: BTreeSet<String> = topics.iter().cloned().collect();
        if topics == self.topics {
            return false;
        }
        self.first.retain(|partition| topics.contains(&partition.topic));
        self.topics = topics;
        self.settled = None;
        true
    }

    /// Whether this member has its share of the partitions.
    pub(crate) fn is_stable(&self, session: &Session) -> bool {
        self.settled.as_ref().is_some_and(|settled| !session.client.is_cooperative() || settled.is_settled())
    }

    /// Whether answers about new partitions are awaited.
    pub(crate) fn is_joining(&self) -> bool {
        self.joining.is_some()
    }

    /// Follows the changes of the group, at the start of a poll.
    pub(crate) fn serve(&mut self, session: &mut Session, deadline: Deadline) -> Result<()> {
        if self.commits_by_itself && !session.parts.is_empty() {
            // What was returned by earlier polls counts as handled when the next one begins.
            session.client.store_offsets(&PartitionList::of_positions(OPERATION, &session.positions())?);
        }
        for change in session.client.rebalances() {
            match change {
                Rebalance::Assigned(list) => {
                    self.settled = None;
                    let came = list
                        .iter()
                        .map(|entry| TopicPartition { topic: entry.topic.to_string(), partition: entry.partition });
                    let joining = self.joining.get_or_insert_with(Joining::new);
                    joining.partitions.extend(came);
                    (joining.requests, joining.committed) = (None, None);
                }
                Rebalance::Revoked(revoked) => self.revoke(session, revoked),
            }
        }
        let Some(mut joining) = self.joining.take() else {
            if self.settled.is_none() && self.is_told_changes_only && session.client.is_in_group() {
                self.settled = Some(Settled::new());
            }
            if let Some(settled) = self.settled.as_mut().filter(|_| session.client.is_cooperative()) {
                settled.serve(&session.client, &self.coordinators, &self.group, &self.first, &session.parts);
            }
            return Ok(());
        };
        match self.start_partitions(&mut joining, session, deadline) {
            Ok(true) => {
                self.settled = Some(Settled::new());
                Ok(())
            }
            Ok(false) => {
                self.joining = Some(joining);
                Ok(())
            }
            Err(error) => {
                // A later poll asks anew.
                joining.begin_again();
                self.coordinators.forget();
                let is_for_later = is_for_later(&error) && joining.since.elapsed() < LATER_MAX;
                self.joining = Some(joining);
                if is_for_later { Ok(()) } else { Err(error.with("group", &self.group)) }
            }
        }
    }

    /// Gives up what the group takes back.
    fn revoke(&mut self, session: &mut Session, revoked: Revoked) {
        self.settled = self.settled.take().filter(|_| revoked.others_stay).map(|_| Settled::new());
        let gone = |topic: &str, partition: i32| {
            revoked.partitions.iter().any(|entry| entry.partition == partition && entry.topic == topic)
        };
        if let Some(joining) = &mut self.joining {
            joining.partitions.retain(|p| !gone(&p.topic, p.partition));
            (joining.requests, joining.committed) = (None, None);
        }
        session.fetched.retain(|message| !gone(message.topic(), message.partition()));
        session.parts.retain(|part| !gone(&part.topic, part.partition));
        session.reindex();
        session.client.give_up(revoked);
    }

    /// Finds out where the new partitions start, and starts them; false if answers are still missing.
    fn start_partitions(&self, joining: &mut Joining, session: &mut Session, deadline: Deadline) -> Result<bool> {
        let client = session.client.clone();
        if joining.partitions.is_empty() {
            self.assign(&client, session, &[])?;
            return Ok(true);
        }
        if joining.requests.is_none() && Instant::now() >= joining.ask_at {
            joining.requests = Some(self.ask(&client, &joining.partitions)?);
        }
        let Some(Requests { coordinator, committed, ends }) = &mut joining.requests else { return Ok(false) };
        let wait_ms = deadline.left_ms(10);
        if joining.committed.is_none() {
            let answers = coordinator.take_group_offsets(OPERATION, committed, wait_ms)?;
            if answers.is_none() && committed.has_taken(REQUEST_MAX) {
                return Err(error::with_code(error::timed_out(OPERATION), local::TIMED_OUT));
            }
            let found = |answers: Vec<GroupAnswer>| {
                answers.into_iter().filter_map(|answer| answer.found(OPERATION).transpose()).collect()
            };
            joining.committed = answers.map(found).transpose()?;
        }
        let Some(committed) = &joining.committed else { return Ok(false) };
        let Some(ends) = ends.take(&client, &joining.partitions, OPERATION, wait_ms)? else { return Ok(false) };
        let mut parts = Vec::new();
        for (partition, (low, high)) in joining.partitions.iter().zip(ends) {
            let stored = committed
                .iter()
                .find(|c| c.topic == partition.topic && c.partition == partition.partition)
                .map(|c| c.offset);
            let next = self.start_of(partition, stored, low, high)?;
            parts.push(Part {
                topic: partition.topic.as_str().into(),
                partition: partition.partition,
                next,
                end: None,
                done: false,
                started: true,
            });
        }
        self.assign(&client, session, &parts)?;
        session.parts.extend(parts);
        session.reindex();
        Ok(true)
    }

    fn ask(&self, client: &Client, partitions: &[TopicPartition]) -> Result<Requests> {
        let deadline = Deadline::after(REQUEST_MAX);
        let coordinator = self.coordinators.client(&self.group)?;
        let committed = coordinator.start_group_offsets(
            OPERATION,
            &self.group,
            Some(&PartitionList::of_partitions(OPERATION, partitions)?),
        )?;
        Ok(Requests {
            coordinator,
            committed,
            ends: PendingEnds::start(client, partitions, self.isolation, deadline, OPERATION)?,
        })
    }

    fn start_of(&self, partition: &TopicPartition, stored: Option<i64>, low: i64, high: i64) -> Result<i64> {
        match stored {
            None if self.start_at_earliest || !self.first.contains(partition) => Ok(low),
            None => Ok(high),
            Some(offset) if offset > high && self.allow_gap => {
                log::warn!(
                    "offset {offset} of {} [{}] lies beyond the end, which is {high}: starting at the end",
                    partition.topic,
                    partition.partition
                );
                Ok(high)
            }
            Some(offset) if offset >= low => Ok(offset),
            Some(offset) if self.allow_gap => {
                log::warn!(
                    "offsets {offset} to {} of {} [{}] are no longer there: starting at {low}",
                    low - 1,
                    partition.topic,
                    partition.partition
                );
                Ok(low)
            }
            Some(offset) => {
                Err(lost(offset, low).with("topic", &partition.topic).with("partition", partition.partition))
            }
        }
    }

    fn assign(&self, client: &Client, session: &Session, parts: &[Part]) -> Result<()> {
        let position =
            |part: &Part| Position { topic: part.topic.to_string(), partition: part.partition, offset: part.next };
        let new: Vec<Position> = parts.iter().map(position).collect();
        if client.is_cooperative() {
            return client.assign_more(OPERATION, &PartitionList::of_positions(OPERATION, &new)?);
        }
        let all: Vec<Position> = session.positions().into_iter().chain(new).collect();
        client.assign_all(OPERATION, &PartitionList::of_positions(OPERATION, &all)?)
    }
}
