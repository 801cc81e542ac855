//! What of a reader is done, where that is said of each offset, in any order.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use crate::consumer::{CommittedOffset, GroupMetadata, Position};
use crate::error::{Result, Retry};
use crate::functional::draft::DoneDraft;
use crate::functional::options::GroupUse;
use crate::functional::reader::{BEGIN_MAX, Reader};

/// Whoever has to know what is done asks again after this long.
const PAUSE: Duration = Duration::from_millis(100);

/// It is an error where there is no answer for so long.
const INSIST_MAX: Duration = Duration::from_secs(120);

impl Reader {
    /// Asks what is done beyond the committed offsets of partitions that came. Where that cannot be answered, it is done
    /// again, unless it is committed with transactions, which are to do nothing twice: then it is asked until it is
    /// answered.
    ///
    /// # Errors
    /// Where it is not answered for too long.
    pub(super) fn resume_done(&mut self) -> Result<()> {
        let came = self.ledger.take_came();
        if came.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let insists = self.options.group.as_ref().is_some_and(|group| group.usage == GroupUse::CommitNothing);
        loop {
            match self.consumer.committed(&came, self.options.timeout.min(BEGIN_MAX)) {
                Ok(committed) => {
                    self.ledger.resume(&committed);
                    return Ok(());
                }
                Err(error) if !insists => {
                    log::warn!("{error}: what is done beyond the committed offsets is done again");
                    return Ok(());
                }
                Err(error) if begun.elapsed() >= INSIST_MAX => return Err(error.retry(Retry::Exhausted)),
                Err(error) => {
                    log::warn!("{error}: asking again what is done beyond the committed offsets");
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Says that the work on these offsets of a partition is done, where it is tracked
    /// ([`ReadOptions::track_done`](crate::functional::ReadOptions::track_done)); of a partition that has gone to
    /// another member that changes nothing.
    pub fn done(&mut self, topic: &str, partition: i32, offsets: Range<i64>) {
        self.ledger.finish(topic, partition, offsets);
    }

    /// Whether the work on something that was read is not said to be done.
    pub fn has_undone(&self) -> bool {
        self.ledger.unfinished() > 0
    }

    /// How many offsets that were read are not said to be done, or lie behind one that is not.
    pub fn undone(&self) -> u64 {
        self.ledger.unfinished()
    }

    /// Takes note that these offsets were committed.
    fn has_committed(&mut self, offsets: &[CommittedOffset]) {
        let position = |offset: &CommittedOffset| Position {
            topic: offset.topic.clone(),
            partition: offset.partition,
            offset: offset.offset,
        };
        self.ledger.committed(&offsets.iter().map(position).collect::<Vec<_>>());
    }

    /// Commits what is done, where that is tracked: for each partition the offset that nothing undone lies before, and
    /// beside it what is done beyond. Blocks until the storage has it.
    ///
    /// # Errors
    /// Those of [`Consumer::commit`](crate::Consumer::commit).
    pub fn commit_done(&mut self) -> Result<()> {
        if let Some(member) = &mut self.member {
            member.commit_begins();
        }
        let mut offsets = self.ledger.finished();
        if !self.options.keep_done {
            offsets.iter_mut().for_each(|offset| offset.metadata.clear());
        }
        if offsets.is_empty() {
            return Ok(());
        }
        self.consumer.commit(&offsets, self.options.timeout)?;
        self.has_committed(&offsets);
        Ok(())
    }

    /// What is done, to be added to and committed with a transaction instead of by the reader; then it is
    /// [adopted](Reader::adopt_done).
    pub fn draft_done(&self) -> DoneDraft {
        self.ledger.draft(self.options.keep_done)
    }

    /// Takes note that this is done and committed.
    pub fn adopt_done(&mut self, draft: DoneDraft) {
        if let Some(member) = &mut self.member {
            member.commit_begins();
        }
        self.ledger.adopt(draft);
    }

    /// What a transaction has to know of this member of a group.
    ///
    /// # Errors
    /// Those of [`Consumer::group_metadata`](crate::Consumer::group_metadata).
    pub fn group_metadata(&mut self) -> Result<GroupMetadata> {
        self.consumer.group_metadata()
    }
}
