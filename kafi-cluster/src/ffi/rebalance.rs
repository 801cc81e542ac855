//! What a group gives to its member and takes back. Nothing is given up before the member says so, which leaves it the
//! time to commit what is done.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::client::Client;
use super::lists::PartitionList;
use super::{raw, text};
use crate::error::local;

/// A change of the partitions of a group's member.
pub(crate) enum Rebalance {
    /// These came, and are to be assigned.
    Assigned(PartitionList),
    /// These go, and are to be given up.
    Revoked(Revoked),
}

/// Partitions that go.
pub(crate) struct Revoked {
    pub(crate) partitions: PartitionList,
    /// Whether the member keeps its others. Otherwise it has none until it is told.
    pub(crate) others_stay: bool,
}

/// The changes of one client.
#[derive(Default)]
pub(super) struct Rebalances(Mutex<State>);

#[derive(Default)]
struct State {
    changes: VecDeque<Rebalance>,
    owed: Option<Owed>,
    is_closing: bool,
}

/// The call that librdkafka waits for; without it not even a client that is destroyed comes to its end.
struct Owed {
    partitions: PartitionList,
    revoked: bool,
    others_stay: bool,
}

impl Rebalances {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what librdkafka's callback was told.
    ///
    /// # Safety
    /// Handle and list must be those of a callback that is under way.
    pub(super) unsafe fn note(
        &self,
        rk: *mut raw::rd_kafka_t,
        code: c_int,
        partitions: *mut raw::rd_kafka_topic_partition_list_t,
    ) {
        let copy = || {
            // SAFETY: the caller vouches for the list.
            unsafe { PartitionList::copy(partitions) }
        };
        let is_known = matches!(code, local::ASSIGN_PARTITIONS | local::REVOKE_PARTITIONS);
        // SAFETY: the caller vouches for the handle; the string is static.
        let others_stay = is_known && unsafe { text(raw::rd_kafka_rebalance_protocol(rk)) } == "COOPERATIVE";
        let owed = Owed { partitions: copy(), revoked: code != local::ASSIGN_PARTITIONS, others_stay };
        let mut state = self.state();
        if state.is_closing {
            // SAFETY: the caller vouches for the handle.
            unsafe { owed.pay(rk) };
            return;
        }
        let change = if owed.revoked {
            Rebalance::Revoked(Revoked { partitions: copy(), others_stay })
        } else {
            Rebalance::Assigned(copy())
        };
        state.changes.push_back(change);
        state.owed = Some(owed);
    }

    /// From now on nobody is asked.
    ///
    /// # Safety
    /// The handle must be valid.
    pub(super) unsafe fn close(&self, rk: *mut raw::rd_kafka_t) {
        let mut state = self.state();
        state.is_closing = true;
        if let Some(owed) = state.owed.take() {
            // SAFETY: the caller vouches for the handle.
            unsafe { owed.pay(rk) };
        }
    }
}

impl Owed {
    /// # Safety
    /// The handle must be valid.
    unsafe fn pay(self, rk: *mut raw::rd_kafka_t) {
        // SAFETY: the caller vouches for the handle, the list is owned, and errors, which change nothing any more, are
        // taken over.
        unsafe {
            match (self.others_stay, self.revoked) {
                (false, _) => _ = raw::assign(rk, std::ptr::null()),
                (true, true) => {
                    raw::rd_kafka_error_destroy(raw::rd_kafka_incremental_unassign(rk, self.partitions.as_ptr()))
                }
                (true, false) => {
                    raw::rd_kafka_error_destroy(raw::rd_kafka_incremental_assign(rk, self.partitions.as_ptr()))
                }
            }
        }
    }
}

impl Client {
    /// The changes of a member's partitions since the last call.
    pub(crate) fn rebalances(&self) -> VecDeque<Rebalance> {
        std::mem::take(&mut self.rebalance_state().state().changes)
    }

    /// Whether the group has asked for partitions that are not given up yet.
    pub(crate) fn is_revoking(&self) -> bool {
        self.rebalance_state().state().owed.as_ref().is_some_and(|owed| owed.revoked)
    }

    /// Whether the group has taken this member in.
    pub(crate) fn is_in_group(&self) -> bool {
        // SAFETY: the handle is valid, and what it returns is null or freed once.
        unsafe {
            let metadata = raw::rd_kafka_consumer_group_metadata(self.rk());
            if metadata.is_null() {
                return false;
            }
            let generation = raw::rd_kafka_consumer_group_metadata_generation_id(metadata);
            raw::rd_kafka_consumer_group_metadata_destroy(metadata);
            generation > 0
        }
    }

    /// What tells this member from the others; empty before it has a name.
    pub(crate) fn member_id(&self) -> String {
        // SAFETY: the handle is valid, and what it returns is null or a string that is freed once.
        unsafe {
            let id = raw::rd_kafka_memberid(self.rk());
            let copy = text(id);
            if !id.is_null() {
                raw::rd_kafka_mem_free(self.rk(), id.cast());
            }
            copy
        }
    }

    /// Gives up what goes.
    pub(crate) fn give_up(&self, revoked: Revoked) {
        let Revoked { partitions, others_stay } = revoked;
        self.rebalance_state().state().owed = None;
        // SAFETY: the handle is valid, and the list is owned.
        unsafe { Owed { partitions, revoked: true, others_stay }.pay(self.rk()) };
    }

    /// What was asked for is done.
    pub(super) fn has_assigned(&self) {
        self.rebalance_state().state().owed = None;
    }
}
