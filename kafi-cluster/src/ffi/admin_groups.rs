//! Requests about groups.

use std::time::Duration;

use kafi_core::{
    Broker, CommittedOffset, Error, ErrorKind, Group, GroupDescription, GroupMember, Result, TopicPartition,
};

use super::admin::answers_of;
use super::client::{Client, Pending};
use super::events::Event;
use super::lists::{self, PartitionEntry, PartitionList};
use super::question::set_broker;
use super::raw::{self, RawTopicPartition, rd_kafka_admin_op_t as Op};
use super::{Deadline, cstring, text};
use crate::error;
use crate::retry::{is_for_later, retried};

/// How long brokers are waited for after another one has listed its groups.
const OTHERS_MAX: Duration = Duration::from_secs(10);

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
            code => Err(error::from_code(operation, code)
                .with("topic", committed.topic)
                .with("partition", committed.partition)),
        }
    }
}

impl Client {
    /// The groups that each of these brokers coordinates, in any order; a broker that does not answer is an error with
    /// its number.
    pub(crate) fn groups_of(
        &self,
        operation: &'static str,
        brokers: &[Broker],
        deadline: Deadline,
    ) -> Vec<Result<Vec<Group>>> {
        let started: Vec<Pending> =
            brokers.iter().map(|broker| self.start_groups(broker.id, deadline.left())).collect();
        let mut deadline = deadline;
        let each = brokers.iter().zip(started).map(|(broker, pending)| {
            let mut groups = self.wait(operation, &pending, deadline).and_then(|event| listed(operation, &event));
            if groups.as_ref().is_err_and(is_for_later) {
                groups = self.request(
                    operation,
                    deadline,
                    || Ok(self.start_groups(broker.id, deadline.left())),
                    |event| listed(operation, event),
                );
            }
            if groups.is_ok() {
                deadline = deadline.at_most(OTHERS_MAX);
            }
            groups
                .map_err(|error| error.with("broker", format_args!("{} ({}:{})", broker.id, broker.host, broker.port)))
        });
        each.collect()
    }

    /// Asks a broker for the groups that it coordinates.
    fn start_groups(&self, broker: i32, timeout: Duration) -> Pending {
        self.start(Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, timeout, |rk, options, queue| {
            // SAFETY: `start` passes valid pointers.
            unsafe {
                set_broker(options, broker);
                raw::rd_kafka_ListConsumerGroups(rk, options, queue);
            }
        })
    }

    /// Asks what a group is doing, and for its members. Brokers call a group that is not there dead.
    pub(crate) fn start_describe_group(&self, operation: &'static str, group: &str) -> Result<Pending> {
        let name = cstring(operation, "group", group)?;
        let mut pointer = name.as_ptr();
        Ok(self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, |rk, options, queue| {
            // SAFETY: `start_at_coordinator` passes valid pointers; the array of one and its name outlive the call,
            // which copies them.
            unsafe { raw::rd_kafka_DescribeConsumerGroups(rk, &raw mut pointer, 1, options, queue) }
        }))
    }

    /// Waits for what [`start_describe_group`](Self::start_describe_group) asked for.
    pub(crate) fn wait_description(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<GroupDescription> {
        self.wait(operation, pending, deadline).and_then(|event| description(operation, &event))
    }

    /// The same without waiting longer than this; `None` if it is not there yet.
    pub(crate) fn take_description(
        &self,
        operation: &'static str,
        pending: &Pending,
        timeout_ms: i32,
    ) -> Result<Option<GroupDescription>> {
        self.take(operation, pending, timeout_ms)?.map(|event| description(operation, &event)).transpose()
    }

    /// Asks for the committed offsets of a group: of these partitions, to go on from there, so that those which a
    /// transaction is about to commit are waited for; or of all, as they are.
    pub(crate) fn start_group_offsets(
        &self,
        operation: &'static str,
        group: &str,
        partitions: Option<&PartitionList>,
    ) -> Result<Pending> {
        let group = cstring(operation, "group", group)?;
        let pending =
            self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, |rk, options, queue| {
                let list = partitions.map_or(std::ptr::null(), |list| list.as_ptr().cast_const());
                // SAFETY: `start_at_coordinator` passes valid pointers; name, list and the array of one are copied; the
                // request, and an error if there is one, are freed once.
                unsafe {
                    if partitions.is_some() {
                        raw::rd_kafka_error_destroy(raw::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
                    }
                    let mut request = raw::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list);
                    raw::rd_kafka_ListConsumerGroupOffsets(rk, &raw mut request, 1, options, queue);
                    raw::rd_kafka_ListConsumerGroupOffsets_destroy(request);
                }
            });
        Ok(pending)
    }

    /// Waits for what [`start_group_offsets`](Self::start_group_offsets) asked for; partitions without an offset have a
    /// negative one.
    pub(crate) fn wait_group_offsets(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let event = self.wait(operation, pending, deadline)?;
        group_offsets(operation, &event)
    }

    /// The same without waiting longer than this; `None` if it is not there yet.
    pub(crate) fn take_group_offsets(
        &self,
        operation: &'static str,
        pending: &Pending,
        timeout_ms: i32,
    ) -> Result<Option<Vec<GroupAnswer>>> {
        self.take(operation, pending, timeout_ms)?.map(|event| group_offsets(operation, &event)).transpose()
    }

    /// Sets committed offsets of a group that has no live members.
    pub(crate) fn start_alter_group_offsets(
        &self,
        operation: &'static str,
        group: &str,
        offsets: &PartitionList,
    ) -> Result<Pending> {
        let group = cstring(operation, "group", group)?;
        Ok(self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, |rk, options, queue| {
            // SAFETY: `start_at_coordinator` passes valid pointers; name, list and the array of one are copied; the
            // request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), offsets.as_ptr());
                raw::rd_kafka_AlterConsumerGroupOffsets(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
            }
        }))
    }

    /// Waits for what [`start_alter_group_offsets`](Self::start_alter_group_offsets) asked for; returns what became of
    /// each partition.
    pub(crate) fn wait_altered(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let event = self.wait(operation, pending, deadline)?;
        let mut count = 0;
        // SAFETY: the event is the answer to this request.
        unsafe {
            let result = raw::rd_kafka_event_AlterConsumerGroupOffsets_result(event.as_ptr());
            let groups = raw::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &raw mut count);
            group_results(operation, groups, count)
        }
    }

    /// Deletes the committed offsets of these partitions of a group.
    pub(crate) fn start_delete_group_offsets(
        &self,
        operation: &'static str,
        group: &str,
        partitions: &PartitionList,
    ) -> Result<Pending> {
        let group = cstring(operation, "group", group)?;
        Ok(self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, |rk, options, queue| {
            // SAFETY: `start_at_coordinator` passes valid pointers; name, list and the array of one are copied; the
            // request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), partitions.as_ptr());
                raw::rd_kafka_DeleteConsumerGroupOffsets(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
            }
        }))
    }

    /// Waits for what [`start_delete_group_offsets`](Self::start_delete_group_offsets) asked for; returns what became
    /// of each partition.
    pub(crate) fn wait_deleted_offsets(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let event = self.wait(operation, pending, deadline)?;
        let mut count = 0;
        // SAFETY: the event is the answer to this request.
        unsafe {
            let result = raw::rd_kafka_event_DeleteConsumerGroupOffsets_result(event.as_ptr());
            let groups = raw::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &raw mut count);
            group_results(operation, groups, count)
        }
    }

    /// Deletes a group that has no live members.
    pub(crate) fn start_delete_group(&self, operation: &'static str, group: &str) -> Result<Pending> {
        let group = cstring(operation, "group", group)?;
        Ok(self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS, |rk, options, queue| {
            // SAFETY: `start_at_coordinator` passes valid pointers; the name and the array of one are copied; the
            // request is freed once.
            unsafe {
                let mut request = raw::rd_kafka_DeleteGroup_new(group.as_ptr());
                raw::rd_kafka_DeleteGroups(rk, &raw mut request, 1, options, queue);
                raw::rd_kafka_DeleteGroup_destroy(request);
            }
        }))
    }

    /// Waits for what [`start_delete_group`](Self::start_delete_group) asked for.
    pub(crate) fn wait_deleted_group(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<()> {
        let event = self.wait(operation, pending, deadline)?;
        let mut count = 0;
        // SAFETY: the event is the answer to this request.
        unsafe {
            let groups = raw::rd_kafka_DeleteGroups_result_groups(
                raw::rd_kafka_event_DeleteGroups_result(event.as_ptr()),
                &raw mut count,
            );
            group_results(operation, groups, count).map(|_| ())
        }
    }

    /// Commits as the member that this client is.
    pub(crate) fn commit(&self, operation: &'static str, offsets: &PartitionList, deadline: Deadline) -> Result<()> {
        retried(deadline, || self.commit_once(operation, offsets, deadline))
    }

    /// The answer comes through a queue.
    fn commit_once(&self, operation: &'static str, offsets: &PartitionList, deadline: Deadline) -> Result<()> {
        let queue = self.queue();
        // SAFETY: all pointers are valid, and the list is copied. Without a callback the answer is an event.
        let code = unsafe {
            raw::commit_queue(self.rk(), offsets.as_ptr(), queue.as_ptr(), std::ptr::null(), std::ptr::null_mut())
        };
        if code != 0 {
            return Err(error::from_code(operation, code));
        }
        loop {
            if let Some(event) = queue.next_event(deadline.left_ms(i32::MAX)) {
                let (code, why) = event.error_text();
                // SAFETY: the event is the answer to a commit, whose list lives as long as it.
                let answers = unsafe { answers_of(raw::rd_kafka_event_topic_partition_list(event.as_ptr())) };
                // Where the request as a whole failed, librdkafka says so of all partitions; what is said of a topic is
                // about that one all the same.
                let is_about_some = code == 0 || answers.iter().any(|answer| answer.error == 0);
                let failed = answers
                    .iter()
                    .find(|answer| answer.error != 0)
                    .filter(|answer| is_about_some || error::is_about_a_topic(answer.error));
                return match (code, failed) {
                    (0, None) => Ok(()),
                    (_, Some(answer)) => Err(error::from_code(operation, answer.error)
                        .with("topic", &answer.topic)
                        .with("partition", answer.partition)),
                    (code, None) => Err(error::with_text(operation, code, &self.redact(&why))),
                };
            }
            if deadline.is_over() {
                return Err(error::timed_out(operation));
            }
        }
    }
}

/// The groups that a broker listed.
fn listed(operation: &'static str, event: &Event) -> Result<Vec<Group>> {
    let (mut errors_count, mut count) = (0, 0);
    // SAFETY: the caller asked for groups, so that is what the event holds; all parts live as long as it.
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
            let is_simple = raw::rd_kafka_ConsumerGroupListing_is_simple_consumer_group(listing) != 0;
            Group {
                name: text(raw::rd_kafka_ConsumerGroupListing_group_id(listing)),
                state: text(state),
                group_type: type_name(raw::listed_type(listing)).to_string(),
                protocol: if is_simple { String::new() } else { "consumer".to_string() },
            }
        };
        Ok((0..count).map(group).collect())
    }
}

/// Kafka's word for a type of groups, where librdkafka knows it.
fn type_name(number: i32) -> &'static str {
    match number {
        1 => "consumer",
        2 => "classic",
        _ => "",
    }
}

/// The one group of an answer.
fn description(operation: &'static str, event: &Event) -> Result<GroupDescription> {
    let mut count = 0;
    // SAFETY: the caller asked for one description, so that is what the event holds; all parts live as long as it.
    unsafe {
        let result = raw::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        let groups = raw::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if count == 0 {
            return Err(Error::new(ErrorKind::Unexpected, operation, "the broker did not answer for this group"));
        }
        description_of(operation, *groups)
    }
}

/// # Safety
/// `description` must be valid.
unsafe fn description_of(
    operation: &'static str,
    description: *const raw::rd_kafka_ConsumerGroupDescription_t,
) -> Result<GroupDescription> {
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
        let assigned =
            if assignment.is_null() { std::ptr::null() } else { raw::rd_kafka_MemberAssignment_partitions(assignment) };
        GroupMember {
            id: text(raw::rd_kafka_MemberDescription_consumer_id(member)),
            client_id: text(raw::rd_kafka_MemberDescription_client_id(member)),
            host: text(raw::rd_kafka_MemberDescription_host(member)),
            partitions: lists::entries(assigned)
                .map(|entry| TopicPartition { topic: entry.topic.to_string(), partition: entry.partition })
                .collect(),
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
unsafe fn group_results(
    operation: &'static str,
    groups: *mut *const raw::rd_kafka_group_result_t,
    count: usize,
) -> Result<Vec<GroupAnswer>> {
    let mut answers = Vec::new();
    for index in 0..count {
        // SAFETY: the caller vouches for the array; everything lives as long as it.
        unsafe {
            let group = *groups.add(index);
            let failure = raw::rd_kafka_group_result_error(group);
            if !failure.is_null() && raw::error_code(failure) != 0 {
                return Err(from_object(operation, failure).with("group", text(raw::rd_kafka_group_result_name(group))));
            }
            answers
                .extend(lists::pointers(raw::rd_kafka_group_result_partitions(group)).map(|entry| group_answer(entry)));
        }
    }
    Ok(answers)
}

/// # Safety
/// `entry` must be valid.
unsafe fn group_answer(entry: *const RawTopicPartition) -> GroupAnswer {
    // SAFETY: the caller vouches for the entry.
    let (PartitionEntry { topic, partition, offset, error }, (leader_epoch, metadata)) =
        unsafe { (lists::entry(entry), lists::beside(entry)) };
    GroupAnswer {
        committed: CommittedOffset { topic: topic.to_string(), partition, offset, leader_epoch, metadata },
        error,
    }
}

/// # Safety
/// `failure` must be valid.
unsafe fn from_object(operation: &'static str, failure: *const raw::rd_kafka_error_t) -> Error {
    // SAFETY: the caller vouches for it.
    unsafe { error::with_text(operation, raw::error_code(failure), &text(raw::rd_kafka_error_string(failure))) }
}
