//! A storage as an app under test sees it: the real one, with faults in between.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Admin, Assignment, Batch, Capabilities, CommittedOffset, Consumer, ConsumerOptions, Delivery, Error, ErrorKind,
    Files, GroupMetadata, MESSAGE_CONTEXT, Membership, Polled, Position, Producer, ProducerOptions, Report, Result,
    Storage, TopicPartition,
};

use crate::testing::fault::{Faults, Step};

/// A storage with faults.
pub(super) struct FaultyStorage {
    inner: Arc<dyn Storage>,
    faults: Arc<Faults>,
}

impl FaultyStorage {
    pub(super) fn around(inner: &Arc<dyn Storage>, faults: &Arc<Faults>) -> Arc<dyn Storage> {
        Arc::new(Self { inner: Arc::clone(inner), faults: Arc::clone(faults) })
    }
}

impl Storage for FaultyStorage {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn scheme(&self) -> &str {
        self.inner.scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        self.inner.identity(timeout)
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        let inner = self.inner.consumer(options)?;
        if options.group.is_none() {
            return Ok(inner);
        }
        Ok(Box::new(FaultyConsumer { inner, faults: Arc::clone(&self.faults) }))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        let inner = self.inner.producer(options)?;
        let faults = Arc::clone(&self.faults);
        let (ready, handed, offsets) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Box::new(FaultyProducer { inner, faults, ready, handed, has_failed: false, offsets }))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        self.inner.admin()
    }

    fn files(&self) -> Result<Box<dyn Files>> {
        self.inner.files()
    }
}

/// A member of a group that others take partitions from.
struct FaultyConsumer {
    inner: Box<dyn Consumer>,
    faults: Arc<Faults>,
}

impl FaultyConsumer {
    /// Goes on with partitions that come back, where the group has committed.
    fn restore(&mut self, timeout: Duration) -> Result<()> {
        for partition in self.faults.take_restored() {
            let (topic, number) = partition.clone();
            let asked = TopicPartition { topic: topic.clone(), partition: number };
            let committed = self.inner.committed(&[asked], timeout)?;
            let offset = committed.first().map_or_else(|| self.faults.began(&partition), |committed| committed.offset);
            self.inner.seek(&Position { topic, partition: number, offset }, timeout)?;
        }
        Ok(())
    }
}

impl Consumer for FaultyConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        self.inner.assign(assignments, timeout)
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.subscribe(topics, timeout)?;
        self.faults.note_began(&self.inner.positions());
        Ok(())
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        self.inner.seek(position, timeout)
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        self.faults.check()?;
        self.restore(timeout)?;
        if self.faults.begin_poll() {
            batch.clear();
            return Ok(Polled::Timeout);
        }
        let polled = self.inner.poll(batch, timeout)?;
        self.faults.note_began(&self.inner.positions());
        if self.faults.any_gone() {
            batch.retain(|record| !self.faults.is_gone(record.topic, record.partition));
        }
        if batch.is_empty() {
            return Ok(if polled == Polled::Records { Polled::Timeout } else { polled });
        }
        self.faults.step(Step::Read)?;
        Ok(polled)
    }

    fn pause(&mut self) -> Result<()> {
        self.inner.pause()
    }

    fn resume(&mut self) -> Result<()> {
        self.inner.resume()
    }

    fn membership(&self) -> Membership {
        if self.faults.is_revoking() { Membership::Revoking } else { self.inner.membership() }
    }

    fn positions(&self) -> Vec<Position> {
        let mut positions = self.inner.positions();
        positions.retain(|at| !self.faults.is_gone(&at.topic, at.partition));
        positions
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.commit(offsets, timeout)?;
        self.faults.note_commits(offsets);
        self.faults.step(Step::Committed)
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.inner.committed(partitions, timeout)
    }

    fn group_metadata(&mut self) -> Result<GroupMetadata> {
        self.inner.group_metadata()
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.inner.close(timeout)
    }
}

/// A producer some of whose messages are not written.
struct FaultyProducer {
    inner: Box<dyn Producer>,
    faults: Arc<Faults>,
    ready: Vec<Report>,
    handed: Vec<Report>,
    /// Whether something has failed of which nobody has been told.
    has_failed: bool,
    /// What is committed with the open transaction.
    offsets: Vec<CommittedOffset>,
}

impl FaultyProducer {
    /// Fails the messages from `from` on: the first with this error, those behind it because of it.
    fn refuse(&mut self, batch: &Batch, from: usize, token: u64, error: Error) {
        let mut error = Some(error.with(MESSAGE_CONTEXT, from));
        for record in batch.iter().skip(from) {
            let because = || Error::new(ErrorKind::Cancelled, "produce", "a message before it has failed");
            let (topic, partition) = (record.topic.into(), record.partition);
            let delivery = Delivery::Failed(error.take().unwrap_or_else(because));
            self.ready.push(Report { token, topic, partition, first: 0, count: 1, delivery });
        }
        self.has_failed = true;
    }
}

impl Producer for FaultyProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        self.faults.check()?;
        if self.has_failed {
            let because = Error::new(ErrorKind::Cancelled, "produce", "a message before it has failed");
            self.refuse(batch, from, token, because);
            return Ok(batch.len() - from);
        }
        let failing = self.faults.failing(batch.iter().skip(from));
        let taken = match failing {
            None => self.inner.produce(batch, from, token, timeout)?,
            Some((index, error)) => {
                let mut before = Batch::new();
                batch.iter().take(from + index).for_each(|record| before.push(record));
                let mut taken = from;
                while taken < before.len() {
                    taken += self.inner.produce(&before, taken, token, timeout)?;
                }
                self.refuse(batch, from + index, token, error);
                batch.len() - from
            }
        };
        self.inner.flush(timeout.max(Duration::from_secs(30)))?;
        self.faults.step(Step::Produced)?;
        Ok(taken)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        self.faults.check()?;
        if !self.ready.is_empty() {
            self.handed = std::mem::take(&mut self.ready);
            self.has_failed = false;
            self.faults.step(Step::Reported)?;
            return Ok(&self.handed);
        }
        let reports = self.inner.reports(timeout)?;
        if !reports.is_empty() {
            self.faults.step(Step::Reported)?;
        }
        Ok(reports)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.flush(timeout)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.inner.close(timeout)
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.init_transactions(timeout)
    }

    fn begin_transaction(&mut self) -> Result<()> {
        self.faults.check()?;
        self.offsets.clear();
        self.inner.begin_transaction()
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<()> {
        self.faults.check()?;
        self.inner.send_offsets_to_transaction(offsets, group, timeout)?;
        self.offsets.extend_from_slice(offsets);
        Ok(())
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.commit_transaction(timeout)?;
        self.faults.note_commits(&self.offsets);
        self.faults.step(Step::Committed)
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<()> {
        self.faults.check()?;
        self.inner.abort_transaction(timeout)
    }
}
