//! A consumer that breaks one promise.

use std::time::Duration;

use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, ErrorKind, Membership, Polled, Position, Result,
    TopicPartition,
};

use super::Break;

pub struct BrokenConsumer {
    inner: Box<dyn Consumer>,
    options: ConsumerOptions,
    how: Break,
    assigned: Vec<Assignment>,
    has_ended: bool,
    is_closed: bool,
}

impl BrokenConsumer {
    pub fn new(inner: Box<dyn Consumer>, options: ConsumerOptions, how: Break) -> Self {
        Self { inner, options, how, assigned: Vec::new(), has_ended: false, is_closed: false }
    }
}

impl Consumer for BrokenConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        let mut assignments = assignments.to_vec();
        for assignment in &mut assignments {
            match self.how {
                Break::EndIsDelivered => assignment.end = assignment.end.map(|end| end + 1),
                Break::EndIsLeftOut => assignment.end = assignment.end.map(|end| end - 1),
                Break::StartIsLeftOut => assignment.start += 1,
                _ => {}
            }
        }
        if self.how == Break::AssignAdds {
            let kept = self.assigned.iter().filter(|old| assignments.iter().all(|new| new.topic != old.topic));
            assignments.extend(kept.cloned().collect::<Vec<_>>());
        }
        self.assigned.clone_from(&assignments);
        match (self.inner.assign(&assignments, timeout), self.how) {
            (Err(error), Break::MissingIsEmpty) if error.kind() == ErrorKind::NotFound => {
                self.inner.assign(&[], timeout)
            }
            (Err(error), Break::OutOfRangeIsEmpty) if error.kind() == ErrorKind::OutOfRange => {
                self.inner.assign(&[], timeout)
            }
            (assigned, _) => assigned,
        }
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        let subscribed = self.inner.subscribe(topics, timeout);
        match self.how {
            Break::MembersAreMany if subscribed.is_err() => Ok(()),
            Break::CommittedIsIgnored => {
                subscribed?;
                let starts: Vec<_> =
                    self.inner.positions().into_iter().map(|position| Position { offset: 0, ..position }).collect();
                starts.iter().try_for_each(|start| self.inner.seek(start, timeout))
            }
            _ => subscribed,
        }
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        if self.how == Break::SeekIsIgnored { Ok(()) } else { self.inner.seek(position, timeout) }
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        match self.how {
            Break::BatchIsKept if !batch.is_empty() => return Ok(Polled::Records),
            Break::EndIsForgotten if self.has_ended => {
                batch.clear();
                return Ok(Polled::Timeout);
            }
            Break::ClosedGoesOn if self.is_closed => {
                batch.clear();
                return Ok(Polled::End);
            }
            Break::PollIsLate => std::thread::sleep(Duration::from_secs(1)),
            Break::PollHangs => loop {
                std::thread::park();
            },
            Break::PollPanics => panic!("poll panics"),
            Break::LimitsAreIgnored => batch.set_limits(1_000, 1 << 20),
            _ => {}
        }
        let polled = self.inner.poll(batch, timeout)?;
        self.has_ended |= polled == Polled::End;
        match self.how {
            Break::OrderIsReversed => batch.metas_mut().reverse(),
            Break::OneIsLost if batch.len() > 1 => batch.retain(|record| record.offset != 7),
            _ => {}
        }
        Ok(polled)
    }

    fn membership(&self) -> Membership {
        self.inner.membership()
    }

    fn positions(&self) -> Vec<Position> {
        let mut positions = self.inner.positions();
        if self.how == Break::PositionsAreLast {
            positions.iter_mut().for_each(|position| position.offset = (position.offset - 1).max(0));
        }
        positions
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        if self.how == Break::CommitIsLost { Ok(()) } else { self.inner.commit(offsets, timeout) }
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        let mut committed = self.inner.committed(partitions, timeout)?;
        if self.how == Break::CommittedIsInvented {
            let missing =
                partitions.iter().filter(|asked| committed.iter().all(|found| found.partition != asked.partition));
            committed.extend(
                missing.map(|asked| CommittedOffset::new(&asked.topic, asked.partition, 0)).collect::<Vec<_>>(),
            );
        }
        Ok(committed)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        if self.how == Break::CloseCommits && self.options.group.is_some() && !self.is_closed {
            self.inner.commit(&CommittedOffset::all(&self.inner.positions()), timeout)?;
        }
        self.is_closed = true;
        self.inner.close(timeout)
    }
}
