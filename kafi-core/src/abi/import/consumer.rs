//! A consumer of a plugin.

use std::time::Duration;

use kafi_abi::ConsumerBox;

use super::super::json::{from_text, to_text};
use super::super::show;
use super::{Library, nanoseconds, received};
use crate::batch::Batch;
use crate::consumer::{
    Assignment, CommittedOffset, Consumer, GroupMetadata, Membership, Polled, Position, TopicPartition,
};
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Imported {
    pub(super) inner: ConsumerBox,
    pub(super) library: Library,
}

impl Consumer for Imported {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        received(self.inner.assign(to_text(assignments)?.as_str().into(), nanoseconds(timeout)))
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        received(self.inner.subscribe(to_text(topics)?.as_str().into(), nanoseconds(timeout)))
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        received(self.inner.seek(to_text(position)?.as_str().into(), nanoseconds(timeout)))
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        let mut arena = batch.foreign().take_arena(self.library).unwrap_or_else(|| self.inner.arena());
        let (records_max, bytes_max) = (batch.records_max() as u64, batch.bytes_max() as u64);
        let polled = received(self.inner.poll(&mut arena, records_max, bytes_max, nanoseconds(timeout)));
        batch.foreign().keep_arena(self.library, arena);
        let polled = match polled {
            Ok(polled) if polled.status == 0 => polled,
            ended => {
                batch.clear();
                return match ended?.status {
                    1 => Ok(Polled::Timeout),
                    2 => Ok(Polled::End),
                    status => Err(Error::new(
                        ErrorKind::Unexpected,
                        "poll",
                        "the plugin ended a poll in a way that nobody knows",
                    )
                    .with("status", status)),
                };
            }
        };
        // SAFETY: the view is that of the arena which the batch now keeps, exclusive, and stays until that arena is
        // polled into again or dropped; both take it out of the batch first, or drop the batch.
        let shown = unsafe { show(batch, polled.batch) };
        shown.inspect_err(|_| batch.clear())?;
        if batch.is_empty() {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "poll",
                "the plugin says that there are messages where there are none",
            ));
        }
        Ok(Polled::Records)
    }

    fn pause(&mut self) -> Result<()> {
        received(self.inner.call("pause".into(), "".into())).map(drop)
    }

    fn group_metadata(&mut self) -> Result<GroupMetadata> {
        from_text(&received(self.inner.call("group_metadata".into(), "".into()))?)
    }

    fn resume(&mut self) -> Result<()> {
        received(self.inner.call("resume".into(), "".into())).map(drop)
    }

    fn membership(&self) -> Membership {
        match self.inner.membership() {
            0 => Membership::Joining,
            2 => Membership::Revoking,
            _ => Membership::Stable,
        }
    }

    fn positions(&self) -> Vec<Position> {
        let positions = received(self.inner.positions()).and_then(|text| from_text(&text));
        positions.unwrap_or_else(|error| {
            log::error!("{error}");
            Vec::new()
        })
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        received(self.inner.commit(to_text(offsets)?.as_str().into(), nanoseconds(timeout)))
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        from_text(&received(self.inner.committed(to_text(partitions)?.as_str().into(), nanoseconds(timeout)))?)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        received(self.inner.close(nanoseconds(timeout)))
    }
}
