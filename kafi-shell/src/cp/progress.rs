//! What a group on the source keeps of a copy: how far it has come, and into which topic, so that a later run sees
//! where the target was deleted, made anew, or emptied since.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use kafi_core::functional::CommitNotes;
use kafi_core::{Admin, Assignment, CommittedOffset, Error, ErrorKind, Position, Result, Retry, Topic};

use crate::cp::pair::{Held, Note, partitions_of, word};
use crate::cp::route::Routes;

/// What is delivered is committed this often.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// A copy that may go on where a group says.
pub(crate) struct Resumed<'a> {
    /// The group, and the storage that has it.
    pub(crate) group: &'a str,
    pub(crate) storage: &'a str,
    /// Whether the group is there for nothing but this copy.
    pub(crate) is_own: bool,
    pub(crate) source: &'a Topic,
    /// The target's name, and the topic, unless it is missing.
    pub(crate) name: &'a str,
    pub(crate) target: Option<&'a Topic>,
    /// The target's storage and name.
    pub(crate) to: &'a str,
    /// Whether the target's settings let it forget messages.
    pub(crate) forgets: bool,
    pub(crate) allow_gap: bool,
}

impl Resumed<'_> {
    /// The partitions whose committed offsets say where the copy goes on; the others begin as if nothing was committed.
    /// `parts` begin where they would without the group.
    ///
    /// # Errors
    /// `Conflict` where going on would leave out messages that the target does not hold.
    pub(crate) fn check(
        &self,
        committed: &[CommittedOffset],
        parts: &[Assignment],
        admin: &mut dyn Admin,
        timeout: Duration,
    ) -> Result<BTreeSet<i32>> {
        let begun = |offset: &&CommittedOffset| {
            parts.iter().any(|part| part.partition == offset.partition && offset.offset > part.start)
        };
        let all: BTreeSet<i32> = committed.iter().map(|offset| offset.partition).collect();
        if !committed.iter().any(|offset| begun(&offset)) {
            return Ok(all);
        }
        let notes: BTreeMap<i32, Note> = committed
            .iter()
            .filter_map(|offset| {
                Some((offset.partition, Note::parse(&offset.metadata).filter(|note| note.to == self.to)?))
            })
            .collect();
        if notes.values().any(|note| note.source != word(&self.source.id)) {
            return Err(self.refuse(
                "what was committed is of another source: a topic of the same name that was deleted since",
                false,
            ));
        }
        let Some(target) = self.target else {
            return self.begin_anew("was deleted since the copy stopped", &notes, all);
        };
        let held = Held::of(admin, &partitions_of(target), timeout)?;
        let of_target: Vec<&Note> = notes.values().filter(|note| note.target == word(&target.id)).collect();
        if of_target.is_empty() {
            return self.check_unknown(held, &notes, all);
        }
        let (low, end) = (
            of_target.iter().map(|note| note.low).max().unwrap_or(0),
            of_target.iter().map(|note| note.end).max().unwrap_or(0),
        );
        self.check_held(held, low, end)?;
        // A partition that was noted for an earlier topic of this name has not come here yet.
        Ok(all
            .into_iter()
            .filter(|partition| notes.get(partition).is_none_or(|note| note.target == word(&target.id)))
            .collect())
    }

    /// Whether a target of which nothing is noted may be what was copied into.
    fn check_unknown(&self, held: Held, notes: &BTreeMap<i32, Note>, all: BTreeSet<i32>) -> Result<BTreeSet<i32>> {
        let is_empty = held.low == held.end;
        if is_empty && (!notes.is_empty() || held.end == 0) {
            return self.begin_anew("was made anew since the copy stopped", notes, all);
        }
        if !notes.is_empty() {
            let why = format!(
                "the target was made anew since the copy stopped, and holds {} messages that are not known to be of it",
                held.end - held.low
            );
            return self.gap(why).map(|()| all);
        }
        if self.is_own { self.check_held(held, 0, held.end).map(|()| all) } else { Ok(all) }
    }

    /// Whether the target still holds what lay between `low` and `end`.
    fn check_held(&self, held: Held, low: i64, end: i64) -> Result<()> {
        if held.end < end {
            return self.gap(format!(
                "the target has lost messages: it ends {} offsets before the place to which the copy had come",
                end - held.end
            ));
        }
        if held.low == held.end && low < end {
            return self.gap("the target holds nothing of what was copied any more".into());
        }
        if held.low > low {
            let why =
                format!("of what the target held when the copy stopped {} offsets were deleted since", held.low - low);
            if !self.forgets {
                return self.gap(why);
            }
            log::warn!("topic {}: {why}: they are not copied again", self.name);
        }
        Ok(())
    }

    fn begin_anew(&self, what: &str, notes: &BTreeMap<i32, Note>, all: BTreeSet<i32>) -> Result<BTreeSet<i32>> {
        if self.is_own {
            log::warn!("topic {} {what}: everything is copied again", self.name);
            return Ok(BTreeSet::new());
        }
        if notes.is_empty() {
            log::warn!("topic {} is new, and gets only what group {} has not read", self.name, self.group);
            return Ok(all);
        }
        self.gap(format!("the target {what}")).map(|()| all)
    }

    /// What would be left out: an error, unless that is all right.
    fn gap(&self, why: String) -> Result<()> {
        if self.allow_gap {
            log::warn!("topic {}: {why}: going on behind it", self.name);
            return Ok(());
        }
        Err(self.refuse(why, true))
    }

    fn refuse(&self, why: impl Into<String>, may_go_on: bool) -> Error {
        let (group, storage) = (self.group, self.storage);
        let again = match self.is_own {
            true => format!("kafi group rm of {group} on {storage} has everything copied again"),
            false => {
                format!("kafi group reset of {group} on {storage} with -o start --execute has everything copied again")
            }
        };
        let hint = if may_go_on { format!("{again}, --allow-gap goes on without it") } else { again };
        Error::new(ErrorKind::Conflict, "resume", why).with("topic", self.name).hint(hint)
    }
}

/// How far a share of a copy has come, for the group that keeps it.
pub(crate) struct GroupProgress {
    /// Commits; `None` where the target itself says how far the copy has come, or members of a group commit by
    /// themselves.
    source: Option<Box<dyn Admin>>,
    /// Asks what the targets hold; `None` where nothing is noted.
    target: Option<Box<dyn Admin>>,
    /// What members of a group commit beside their offsets.
    notes: CommitNotes,
    /// The offsets behind what was handed to the writer, by topic, that are not committed.
    done: HashMap<String, HashMap<i32, i64>>,
    committed_at: Instant,
}

impl GroupProgress {
    pub(crate) fn new(source: Option<Box<dyn Admin>>, target: Option<Box<dyn Admin>>, notes: CommitNotes) -> Self {
        Self { source, target, notes, done: HashMap::new(), committed_at: Instant::now() }
    }

    /// Whether what is handed to the writer is to be noted.
    pub(crate) fn is_kept(&self) -> bool {
        self.target.is_some()
    }

    pub(crate) fn note(&mut self, positions: Vec<Position>) {
        for Position { topic, partition, offset } in positions {
            self.done.entry(topic).or_default().insert(partition, offset);
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.source.is_some() && self.committed_at.elapsed() >= COMMIT_EVERY
    }

    /// Commits everything that was noted, which is delivered by now, or says what members are to commit beside it.
    pub(crate) fn commit(&mut self, routes: &Routes, timeout: Duration) -> Result<()> {
        let Some(target) = &mut self.target else { return Ok(()) };
        let topics: Vec<String> = self.done.keys().cloned().collect();
        for topic in topics {
            let route = &routes[topic.as_str()];
            let note = match route.pair.as_ref().map(|pair| pair.note(target.as_mut(), timeout)).transpose() {
                // It is asked again when more is done.
                Err(error) if error.retryable() == Retry::Later => {
                    log::info!("{error}: what was copied is committed later");
                    continue;
                }
                note => note?.unwrap_or_default(),
            };
            let done = self.done.remove(&topic).unwrap_or_default();
            match (&mut self.source, &route.progress_group) {
                (Some(source), Some(group)) => {
                    let offset = |(partition, offset)| CommittedOffset {
                        metadata: note.clone(),
                        ..CommittedOffset::new(&topic, partition, offset)
                    };
                    source.alter_group_offsets(group, &done.into_iter().map(offset).collect::<Vec<_>>(), timeout)?;
                }
                _ => self.notes.set(&topic, note),
            }
        }
        self.committed_at = Instant::now();
        Ok(())
    }
}
