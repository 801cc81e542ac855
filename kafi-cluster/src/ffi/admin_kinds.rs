//! Groups that are not of consumers: those of Connect, and of kinds that librdkafka does not know.

use std::time::Duration;

use kafi_core::{Group, Result};

use super::client::Client;
use super::raw::{self, RawGroupInfo};
use super::{Deadline, text};
use crate::error;

/// What librdkafka says where some brokers have not answered in time.
const PARTIAL: i32 = -158;

/// What older requests say of a group of a kind that they do not know.
const DEAD: &str = "Dead";

impl Client {
    /// All groups, of whichever kind, of the brokers that answer: with Connect's the protocol and state are known, of
    /// kinds that are newer than librdkafka 2.12.1 (share, streams) only the name. It lists consumers by another
    /// request, which leaves out all others.
    pub(crate) fn groups_of_all_kinds(
        &self,
        operation: &'static str,
        deadline: Deadline,
        at_most: Duration,
    ) -> Result<Vec<Group>> {
        let mut list = std::ptr::null();
        let timeout_ms = deadline.at_most(at_most).left_ms(i32::MAX).max(1);
        // SAFETY: the handle is valid; no name means all groups; the pointer is written where there are any.
        let code = unsafe { raw::list_groups(self.rk(), std::ptr::null(), &raw mut list, timeout_ms) };
        if code != 0 && code != PARTIAL {
            return Err(error::from_code(operation, code));
        }
        if list.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the list holds as many groups as it says, and is freed once, after the last use.
        unsafe {
            let groups = (*list).groups.cast_const().cast::<RawGroupInfo>();
            let found = (0..(*list).group_cnt as usize).map(|index| group_of(groups.add(index))).collect();
            raw::rd_kafka_group_list_destroy(list);
            Ok(found)
        }
    }
}

/// # Safety
/// `info` must be valid.
unsafe fn group_of(info: *const RawGroupInfo) -> Group {
    // SAFETY: the caller vouches for it, and its texts live as long as it.
    unsafe {
        let (name, protocol, state) = (text((*info).group), text((*info).protocol_type), text((*info).state));
        let is_known = !protocol.is_empty() && state != DEAD;
        Group {
            name,
            state: if is_known { state } else { String::new() },
            group_type: if is_known { "classic".to_string() } else { String::new() },
            protocol,
        }
    }
}
