//! The partitions that are ours: they come, go, and may be read anew.

use std::collections::{BTreeMap, HashSet};

use kafi_core::{Batch, Position};

use crate::engine::Engine;

/// A partition that is ours.
#[derive(Clone, Copy)]
pub(super) struct Ours {
    /// How far it was read when it was looked at.
    pub(super) reached: i64,
    /// Behind the last message that was given to lanes.
    pub(super) given: i64,
    /// What was read of it before this is void: it went meanwhile.
    pub(super) since: u64,
}

impl Engine {
    /// Takes note of the partitions that came and went, and drops what waits of those that went.
    pub(super) fn look_at_partitions(&mut self) {
        if self.reader.changes() == self.changes {
            return;
        }
        (self.changes, self.epoch) = (self.reader.changes(), self.epoch + 1);
        let mut now = BTreeMap::new();
        for Position { topic, partition, offset } in self.reader.reached() {
            let partition = (topic, partition);
            let before = self.ours.get(&partition).copied();
            let ours = before.unwrap_or(Ours { reached: offset, given: i64::MIN, since: self.epoch });
            now.insert(partition, Ours { reached: offset, ..ours });
        }
        let not_in = |some: &BTreeMap<(String, i32), Ours>, others: &BTreeMap<(String, i32), Ours>| {
            let apart = some.iter().filter(|(partition, _)| !others.contains_key(*partition));
            let position = |((topic, partition), ours): (&(String, i32), &Ours)| Position {
                topic: topic.clone(),
                partition: *partition,
                offset: ours.reached,
            };
            apart.map(position).collect::<Vec<_>>()
        };
        let (went, came) = (not_in(&self.ours, &now), not_in(&now, &self.ours));
        if !went.is_empty() {
            self.forget(&went);
            self.common.hooks.revoked(&went);
        }
        if !came.is_empty() {
            self.common.hooks.assigned(&came);
        }
        self.common.pulse.look(true, || self.reader.reached());
        self.ours = now;
    }

    /// Drops what waits of partitions.
    fn forget(&mut self, partitions: &[Position]) {
        let gone: HashSet<(&str, i32)> = partitions.iter().map(|at| (at.topic.as_str(), at.partition)).collect();
        self.tasks.iter().for_each(|task| task.lane.drop_others(|topic, at| !gone.contains(&(topic, at))));
        for at in partitions {
            if let Some(routed) = self.routed.get_mut(&at.topic) {
                routed.done_by.retain(|(partition, _), _| *partition != at.partition);
            }
        }
    }

    /// A partition may go and come back within one poll. It is then read again from the committed offset on, which is
    /// told by nothing else; what was read of it before is void.
    pub(super) fn look_for_repetitions(&mut self, batch: &Batch) {
        let mut again = Vec::new();
        for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let partition = (batch.topics()[first.topic as usize].clone(), first.partition);
            let Some(ours) = self.ours.get_mut(&partition) else { continue };
            if first.offset < ours.given {
                ours.since = self.epoch + 1;
                again.push(Position { topic: partition.0, partition: partition.1, offset: first.offset });
            }
            ours.given = last.offset + 1;
        }
        if !again.is_empty() {
            self.epoch += 1;
            self.forget(&again);
        }
    }
}
