//! Requests about groups.

use std::time::Duration;

use kafi_core::{CommittedOffset, Group, GroupDescription, GroupMember, Result, TopicPartition};

use super::admin::answers_of;
use super::client::{Client, Pending};
use super::events::Event;
use super::lists::{self, PartitionEntry, PartitionList};
use super::raw::{self, RawTopicPartition, rd_kafka_admin_op_t as Op};
use super::{Deadline, cstring, text};
use crate::error;

/// What a broker says of a committed offset.
pub(crate) struct GroupAnswer {
    /// The offset is negative where there is none.
    pub(crate) committed: CommittedOffset,
    /// The error code; 0 is none.
    pub(crate) error: i32,
}

impl GroupAnswer {
    /// The committed offset, if there is one.
    pub(crate) fn found(self, operation: &'static str) -> Result<Option<CommittedOffset>> {
        let Self { committed, error } = self;
        match error {
            0 => Ok(Some(committed).filter(|committed| committed.offset >= 0)),
            code => Err(error::from_code(operation, code).with("topic", committed.topic).with("partition", committed.partition)),
        }
    }
}

impl Client {
    /// All groups, in any order.
    pub(crate) fn groups(&self, operation: &'static str, deadline: Deadline) -> Result<Vec<Group>> {
        let pending = self.start(Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, deadline.left(), |rk, options, queue| {
            // SAFETY: `start` passes valid pointers.
            unsafe { raw::rd_kafka_ListConsumerGroups(rk, options, queue) }
        });
        let event = self.wait(operation, &pending, deadline)?;
        let (mut errors_count, mut count) = (0, 0);
        // SAFETY: the event is the answer to this request; all parts live as long as it.
        unsafe {
            let result = raw::rd_kafka_event_ListConsumerGroups_result(event.as_ptr());
            let errors = raw::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut errors_count);
            if errors_count > 0 {
                return Err(from_object(operation, *errors));
            }
            let groups = raw::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut count);
            let group = |index| {
                let listing = *groups.add(index);
                let state = raw::rd_kafka_consumer_group_state_name(raw::rd_kafka_ConsumerGroupListing_state(listing));
                Group { name: text(raw::rd_kafka_ConsumerGroupListing_group_id(listing)), state: text(state) }
            };
            Ok((0..count).map(group).collect())
        }
    }

    /// What groups are doing, and their members, in any order; each is asked for once. Brokers call a group that is not there dead.
    pub(crate) fn describe_groups(&self, operation: &'static str, groups: &[&str], deadline: Deadline) -> Result<Vec<Result<GroupDescription>>> {
        let pending = self.start_describe_groups(operation, groups, deadline.left())?;
        let event = self.wait(operation, &pending, deadline)?;
        Ok(descriptions(operation, &event))
    }

    /// Asks for the same; the brokers have this long.
    pub(crate) fn start_describe_groups(&self, operation: &'static str, groups: &[&str], timeout: Duration) -> Result<Pending> {
        let names: Vec<_> = groups.iter().map(|group| cstring(operation, "group", group)).collect::<Result<_>>()?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        Ok(self.start(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout, |rk, options, queue| {
            // SAFETY: `start` passes valid pointers; the array and its names outlive the call, which copies them.
            unsafe { raw::rd_kafka_DescribeConsumerGroups(rk, pointers.as_mut_ptr(), pointers.len(), options, queue) }
        }))
    }

    /// What [`start_describe_groups`](Self::start_describe_groups) asked for, without waiting longer than this; `None` if it is not there yet.
    pub(crate) fn take_descriptions(&self, operation: &'static str, pending: &Pending, timeout_ms: i32) -> Result<Option<Vec<Result<GroupDescription>>>> {
        Ok(self.take(operation, pending, timeout_ms)?.map(|event| descriptions(operation, &event)))
    }

    /// Asks for the committed offsets of a group: of these partitions, or of all.
    pub(crate) fn start_group_offsets(&self, operation: &'static str, group: &str, partitions: Option<&PartitionList>, deadline: Deadline) -> Result<Pending> {
        let group = cstring(operation, "group", group)?;
        let pending = self.start(Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, deadline.left(), |rk, options, queue| {
            let list = partitions.map_or(std::ptr::null(), |list| list.as_ptr().cast_const());
            // SAFETY: `start` passes valid pointers; name, list and the array of one are copied; the request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list);
                raw::rd_kafka_ListConsumerGroupOffsets(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_ListConsumerGroupOffsets_destroy(request);
            }
        });
        Ok(pending)
    }

    /// Waits for what [`start_group_offsets`](Self::start_group_offsets) asked for; partitions without an offset have a negative one.
    pub(crate) fn wait_group_offsets(&self, operation: &'static str, pending: &Pending, deadline: Deadline) -> Result<Vec<GroupAnswer>> {
        let event = self.wait(operation, pending, deadline)?;
        group_offsets(operation, &event)
    }

    /// The same without waiting longer than this; `None` if it is not there yet.
    pub(crate) fn take_group_offsets(&self, operation: &'static str, pending: &Pending, timeout_ms: i32) -> Result<Option<Vec<GroupAnswer>>> {
        self.take(operation, pending, timeout_ms)?.map(|event| group_offsets(operation, &event)).transpose()
    }

    /// Sets committed offsets of a group that has no live members; returns what became of each.
    pub(crate) fn alter_group_offsets(&self, operation: &'static str, group: &str, offsets: &PartitionList, deadline: Deadline) -> Result<Vec<GroupAnswer>> {
        let group = cstring(operation, "group", group)?;
        let pending = self.start(Op::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, deadline.left(), |rk, options, queue| {
            // SAFETY: `start` passes valid pointers; name, list and the array of one are copied; the request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), offsets.as_ptr());
                raw::rd_kafka_AlterConsumerGroupOffsets(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
            }
        });
        let event = self.wait(operation, &pending, deadline)?;
        let mut count = 0;
        // SAFETY: the event is the answer to this request.
        unsafe {
            let result = raw::rd_kafka_event_AlterConsumerGroupOffsets_result(event.as_ptr());
            let groups = raw::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &raw mut count);
            group_results(operation, groups, count)
        }
    }

    /// Deletes a group that has no live members.
    pub(crate) fn delete_group(&self, operation: &'static str, group: &str, deadline: Deadline) -> Result<()> {
        let group = cstring(operation, "group", group)?;
        let pending = self.start(Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS, deadline.left(), |rk, options, queue| {
            // SAFETY: `start` passes valid pointers; the name and the array of one are copied; the request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_DeleteGroup_new(group.as_ptr());
                raw::rd_kafka_DeleteGroups(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_DeleteGroup_destroy(request);
            }
        });
        let event = self.wait(operation, &pending, deadline)?;
        let mut count = 0;
        // SAFETY: the event is the answer to this request.
        unsafe {
            let groups = raw::rd_kafka_DeleteGroups_result_groups(raw::rd_kafka_event_DeleteGroups_result(event.as_ptr()), &raw mut count);
            group_results(operation, groups, count).map(|_| ())
        }
    }

    /// Commits as the member that this client is; the answer comes through the queue.
    pub(crate) fn commit(&self, operation: &'static str, offsets: &PartitionList, deadline: Deadline) -> Result<()> {
        let queue = self.queue();
        // SAFETY: all pointers are valid, and the list is copied. Without a callback the answer is an event.
        let code = unsafe { raw::commit_queue(self.rk(), offsets.as_ptr(), queue.as_ptr(), std::ptr::null(), std::ptr::null_mut()) };
        if code != 0 {
            return Err(error::from_code(operation, code));
        }
        loop {
            if let Some(event) = queue.next_event(deadline.left_ms(i32::MAX)) {
                let (code, why) = event.error_text();
                // SAFETY: the event is the answer to a commit, whose list lives as long as it.
                let answers = unsafe { answers_of(raw::rd_kafka_event_topic_partition_list(event.as_ptr())) };
                let failed = answers.iter().find(|answer| answer.error != 0);
                return match (code, failed) {
                    (0, None) => Ok(()),
                    (0, Some(answer)) => Err(error::from_code(operation, answer.error).with("topic", &answer.topic).with("partition", answer.partition)),
                    (code, _) => Err(error::with_text(operation, code, &self.redact(&why))),
                };
            }
            if deadline.is_over() {
                return Err(error::timed_out(operation));
            }
        }
    }
}

/// The groups of an answer, in the order in which they were asked for.
fn descriptions(operation: &'static str, event: &Event) -> Vec<Result<GroupDescription>> {
    let mut count = 0;
    // SAFETY: the caller asked for descriptions, so that is what the event holds; all parts live as long as it.
    unsafe {
        let result = raw::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        let groups = raw::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        (0..count).map(|index| description_of(operation, *groups.add(index))).collect()
    }
}

/// # Safety
/// `description` must be valid.
unsafe fn description_of(operation: &'static str, description: *const raw::rd_kafka_ConsumerGroupDescription_t) -> Result<GroupDescription> {
    // SAFETY: the caller vouches for the description, and all its parts live as long as it.
    unsafe {
        let name = text(raw::rd_kafka_ConsumerGroupDescription_group_id(description));
        let failure = raw::rd_kafka_ConsumerGroupDescription_error(description);
        if !failure.is_null() && raw::error_code(failure) != 0 {
            return Err(from_object(operation, failure).with("group", name));
        }
        let members = (0..raw::rd_kafka_ConsumerGroupDescription_member_count(description))
            .map(|index| member_of(raw::rd_kafka_ConsumerGroupDescription_member(description, index)));
        let state = raw::rd_kafka_consumer_group_state_name(raw::rd_kafka_ConsumerGroupDescription_state(description));
        Ok(GroupDescription { name, state: text(state), members: members.collect() })
    }
}

/// # Safety
/// `member` must be valid.
unsafe fn member_of(member: *const raw::rd_kafka_MemberDescription_t) -> GroupMember {
    // SAFETY: the caller vouches for the member, and all its parts live as long as it.
    unsafe {
        let assignment = raw::rd_kafka_MemberDescription_assignment(member);
        let assigned = if assignment.is_null() { std::ptr::null() } else { raw::rd_kafka_MemberAssignment_partitions(assignment) };
        GroupMember {
            id: text(raw::rd_kafka_MemberDescription_consumer_id(member)),
            client_id: text(raw::rd_kafka_MemberDescription_client_id(member)),
            host: text(raw::rd_kafka_MemberDescription_host(member)),
            partitions: lists::entries(assigned).map(|entry| TopicPartition { topic: entry.topic.to_string(), partition: entry.partition }).collect(),
        }
    }
}

fn group_offsets(operation: &'static str, event: &Event) -> Result<Vec<GroupAnswer>> {
    let mut count = 0;
    // SAFETY: the caller asked for a group's offsets, so that is what the event holds.
    unsafe {
        let result = raw::rd_kafka_event_ListConsumerGroupOffsets_result(event.as_ptr());
        let groups = raw::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        group_results(operation, groups, count)
    }
}

/// The partitions of the one group that was asked for.
///
/// # Safety
/// `groups` must hold `count` valid results.
unsafe fn group_results(operation: &'static str, groups: *mut *const raw::rd_kafka_group_result_t, count: usize) -> Result<Vec<GroupAnswer>> {
    let mut answers = Vec::new();
    for index in 0..count {
        // SAFETY: the caller vouches for the array; everything lives as long as it.
        unsafe {
            let group = *groups.add(index);
            let failure = raw::rd_kafka_group_result_error(group);
            if !failure.is_null() && raw::error_code(failure) != 0 {
                return Err(from_object(operation, failure).with("group", text(raw::rd_kafka_group_result_name(group))));
            }
            answers.extend(lists::pointers(raw::rd_kafka_group_result_partitions(group)).map(|entry| group_answer(entry)));
        }
    }
    Ok(answers)
}

/// # Safety
/// `entry` must be valid.
unsafe fn group_answer(entry: *const RawTopicPartition) -> GroupAnswer {
    // SAFETY: the caller vouches for the entry.
    let (PartitionEntry { topic, partition, offset, error }, (leader_epoch, metadata)) = unsafe { (lists::entry(entry), lists::beside(entry)) };
    GroupAnswer { committed: CommittedOffset { topic: topic.to_string(), partition, offset, leader_epoch, metadata }, error }
}

/// # Safety
/// `failure` must be valid.
unsafe fn from_object(operation: &'static str, failure: *const raw::rd_kafka_error_t) -> kafi_core::Error {
    // SAFETY: the caller vouches for it.
    unsafe { error::with_text(operation, raw::error_code(failure), &text(raw::rd_kafka_error_string(failure))) }
}
