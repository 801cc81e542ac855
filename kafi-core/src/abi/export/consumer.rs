//! A plugin's consumer.

use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};
use kafi_abi::{Arena, BatchView, Failure, Text};

use super::super::json::from_text;
use super::super::{layout, name_topics};
use super::guard::{Guarded, guard};
use super::{duration, text, unknown};
use crate::batch::Batch;
use crate::consumer::{Assignment, CommittedOffset, Consumer, Membership, Polled, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Exported(pub(super) Guarded<Box<dyn Consumer>>);

/// What an arena of this library holds.
#[derive(Default)]
struct Lent {
    batch: Batch,
    topics: Vec<Text>,
}

unsafe extern "C" fn release(lent: *mut ()) {
    // SAFETY: arenas of this library are made in `arena` alone, of a box of `Lent`, and each is released once.
    let lent = unsafe { Box::from_raw(lent.cast::<Lent>()) };
    // Nothing in it has a drop of its own that could panic.
    drop(lent);
}

impl Lent {
    fn view(&mut self) -> Result<BatchView> {
        // The host trusts no plugin; a mistake that is found on this side names the better place.
        self.batch.validate()?;
        name_topics(&self.batch, &mut self.topics);
        let (data, records, headers) = self.batch.parts_mut();
        Ok(BatchView::exclusive(data, layout::records_out_mut(records), layout::headers_out(headers), &self.topics))
    }
}

impl kafi_abi::Consumer for Exported {
    fn arena(&self) -> Arena {
        let lent = Box::into_raw(Box::new(Lent::default()));
        // SAFETY: `release` frees such a box, which may happen on any thread, since batches may be sent to any.
        unsafe { Arena::new(lent.cast(), release) }
    }

    fn assign(&mut self, assignments: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure> {
        self.0.call(|consumer| consumer.assign(&from_text::<Vec<Assignment>>(&assignments)?, duration(timeout_ns)))
    }

    fn subscribe(&mut self, topics: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure> {
        self.0.call(|consumer| consumer.subscribe(&from_text::<Vec<String>>(&topics)?, duration(timeout_ns)))
    }

    fn seek(&mut self, position: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure> {
        self.0.call(|consumer| consumer.seek(&from_text::<Position>(&position)?, duration(timeout_ns)))
    }

    fn poll(
        &mut self,
        arena: &mut Arena,
        records_max: u64,
        bytes_max: u64,
        timeout_ns: u64,
    ) -> RResult<kafi_abi::Polled, Failure> {
        // SAFETY: the host hands arenas only to the library that made them, which for this one means in `arena`, and
        // polls with one of them at a time.
        let lent = unsafe { &mut *arena.state().cast::<Lent>() };
        self.0.call(|consumer| {
            let limit = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
            lent.batch.set_limits(limit(records_max), limit(bytes_max));
            let status = match consumer.poll(&mut lent.batch, duration(timeout_ns))? {
                Polled::Records => 0,
                Polled::Timeout => 1,
                Polled::End => 2,
            };
            if (status == 0) == lent.batch.is_empty() {
                return Err(Error::new(
                    ErrorKind::Unexpected,
                    "poll",
                    "the plugin says that there are messages where there are none, or the other way round",
                ));
            }
            Ok(kafi_abi::Polled { status, batch: lent.view()? })
        })
    }

    fn membership(&self) -> u32 {
        let membership = guard(|| Ok(self.0.get().membership()));
        match membership.unwrap_or(Membership::Stable) {
            Membership::Joining => 0,
            Membership::Stable => 1,
            Membership::Revoking => 2,
        }
    }

    fn positions(&self) -> RResult<RString, Failure> {
        guard(|| text(&self.0.get().positions()))
    }

    fn commit(&mut self, positions: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure> {
        self.0.call(|consumer| consumer.commit(&from_text::<Vec<CommittedOffset>>(&positions)?, duration(timeout_ns)))
    }

    fn committed(&mut self, partitions: RStr<'_>, timeout_ns: u64) -> RResult<RString, Failure> {
        self.0.call(|consumer| {
            text(&consumer.committed(&from_text::<Vec<TopicPartition>>(&partitions)?, duration(timeout_ns))?)
        })
    }

    fn close(&mut self, timeout_ns: u64) -> RResult<(), Failure> {
        self.0.call(|consumer| consumer.close(duration(timeout_ns)))
    }

    fn call(&mut self, name: RStr<'_>, _argument: RStr<'_>) -> RResult<RString, Failure> {
        self.0.call(|consumer| {
            match &*name {
                "pause" => consumer.pause()?,
                "resume" => consumer.resume()?,
                "group_metadata" => return text(&consumer.group_metadata()?),
                _ => return Err(unknown(&name)),
            }
            Ok(RString::new())
        })
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        std::ptr::null()
    }
}
