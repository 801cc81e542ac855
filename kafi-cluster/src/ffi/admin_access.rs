//! Requests about rules of access.

use std::ffi::{CString, c_int};
use std::ptr::NonNull;

use kafi_core::{Acl, AclFilter, AclOperation, AclPattern, AclPermission, AclResource, Error, ErrorKind, Result};

use super::client::{Client, Pending};
use super::raw::{self, rd_kafka_admin_op_t as Op};
use super::{Deadline, TextBuffer, cstring, text};
use crate::error;

/// librdkafka's number for "any of them".
const ANY: c_int = 1;

/// librdkafka's numbers, which are Kafka's.
const RESOURCES: &[(c_int, AclResource)] =
    &[(2, AclResource::Topic), (3, AclResource::Group), (4, AclResource::Cluster), (5, AclResource::TransactionalId)];
const PATTERNS: &[(c_int, AclPattern)] = &[(2, AclPattern::Match), (3, AclPattern::Literal), (4, AclPattern::Prefixed)];
const OPERATIONS: &[(c_int, AclOperation)] = &[
    (2, AclOperation::All),
    (3, AclOperation::Read),
    (4, AclOperation::Write),
    (5, AclOperation::Create),
    (6, AclOperation::Delete),
    (7, AclOperation::Alter),
    (8, AclOperation::Describe),
    (9, AclOperation::ClusterAction),
    (10, AclOperation::DescribeConfigs),
    (11, AclOperation::AlterConfigs),
    (12, AclOperation::IdempotentWrite),
];
const PERMISSIONS: &[(c_int, AclPermission)] = &[(2, AclPermission::Deny), (3, AclPermission::Allow)];

/// A rule or a filter of librdkafka's, freed on drop. The two are the same type.
struct Binding(NonNull<raw::rd_kafka_AclBinding_t>);

// SAFETY: a rule is plain data and owned by one.
unsafe impl Send for Binding {}

impl Drop for Binding {
    fn drop(&mut self) {
        // SAFETY: it is owned.
        unsafe { raw::rd_kafka_AclBinding_destroy(self.0.as_ptr()) }
    }
}

impl Client {
    /// The rules that a filter matches, in any order.
    pub(crate) fn acls(&self, operation: &'static str, filter: &AclFilter, deadline: Deadline) -> Result<Vec<Acl>> {
        let start = || {
            let filter = Binding::of_filter(operation, filter)?;
            Ok(self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBEACLS, deadline.left(), move |rk, options, queue| {
                let filter = &filter;
                // SAFETY: `start_question` passes valid pointers, and the filter is copied.
                unsafe { raw::rd_kafka_DescribeAcls(rk, filter.0.as_ptr(), options, queue) }
            }))
        };
        self.request(operation, deadline, start, |event| {
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the rules live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_DescribeAcls_result(event.as_ptr());
                let acls = raw::rd_kafka_DescribeAcls_result_acls(result, &raw mut count);
                Ok((0..count).map(|index| acl_of(*acls.add(index))).collect())
            }
        })
    }

    /// Makes these rules; an answer for each.
    pub(crate) fn create_acls(
        &self,
        operation: &'static str,
        acls: &[&Acl],
        deadline: Deadline,
    ) -> Result<Vec<Result<()>>> {
        let bindings = acls.iter().map(|acl| Binding::of_acl(operation, acl)).collect::<Result<Vec<_>>>()?;
        let mut pointers: Vec<_> = bindings.iter().map(|binding| binding.0.as_ptr()).collect();
        self.changed(operation, deadline, |broker| {
            let pending =
                self.start_change(Op::RD_KAFKA_ADMIN_OP_CREATEACLS, broker, deadline.left(), |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers; array and rules are copied.
                    unsafe { raw::rd_kafka_CreateAcls(rk, pointers.as_mut_ptr(), pointers.len(), options, queue) }
                });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the results live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_CreateAcls_result(event.as_ptr());
                let results = raw::rd_kafka_CreateAcls_result_acls(result, &raw mut count);
                let result = |index| outcome(operation, raw::rd_kafka_acl_result_error(*results.add(index)));
                self.answers(operation, (0..count).map(result), acls.len())
            }
        })
    }

    /// Deletes the rules that these filters match, of which no two are the same; an answer for each.
    pub(crate) fn delete_acls(
        &self,
        operation: &'static str,
        filters: &[&AclFilter],
        deadline: Deadline,
    ) -> Result<Vec<Result<Vec<Acl>>>> {
        let bindings =
            filters.iter().map(|filter| Binding::of_filter(operation, filter)).collect::<Result<Vec<_>>>()?;
        let mut pointers: Vec<_> = bindings.iter().map(|binding| binding.0.as_ptr()).collect();
        self.changed(operation, deadline, |broker| {
            let pending =
                self.start_change(Op::RD_KAFKA_ADMIN_OP_DELETEACLS, broker, deadline.left(), |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers; array and filters are copied.
                    unsafe { raw::rd_kafka_DeleteAcls(rk, pointers.as_mut_ptr(), pointers.len(), options, queue) }
                });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the results live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_DeleteAcls_result(event.as_ptr());
                let results = raw::rd_kafka_DeleteAcls_result_responses(result, &raw mut count);
                self.answers(operation, (0..count).map(|index| deleted(operation, *results.add(index))), filters.len())
            }
        })
    }

    /// What whoever asks may do with a topic.
    pub(crate) fn topic_operations(
        &self,
        operation: &'static str,
        topic: &str,
        deadline: Deadline,
    ) -> Result<Vec<AclOperation>> {
        let start = || {
            let name = cstring(operation, "topic", topic)?;
            let ask = move |rk: *mut raw::rd_kafka_t,
                            options: *mut raw::rd_kafka_AdminOptions_t,
                            queue: *mut raw::rd_kafka_queue_t| {
                let mut pointer = name.as_ptr();
                // SAFETY: `start_question` passes valid pointers, the name outlives the call, and the collection is
                // copied by it.
                unsafe {
                    with_operations(options);
                    let topics = raw::rd_kafka_TopicCollection_of_topic_names(&raw mut pointer, 1);
                    raw::rd_kafka_DescribeTopics(rk, topics, options, queue);
                    raw::rd_kafka_TopicCollection_destroy(topics);
                }
            };
            Ok(self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, deadline.left(), ask))
        };
        self.request(operation, deadline, start, |event| {
            let (mut count, mut operations_count) = (0, 0);
            // SAFETY: the event is the answer to this request; descriptions and operations live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_DescribeTopics_result(event.as_ptr());
                let topics = raw::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
                if count == 0 {
                    return Err(error::no_topic(operation, topic));
                }
                match raw::error_code(raw::rd_kafka_TopicDescription_error(*topics)) {
                    0 => Ok(operations(raw::topic_operations(*topics, &raw mut operations_count), operations_count)),
                    error::broker::UNKNOWN_TOPIC_OR_PARTITION => Err(error::no_topic(operation, topic)),
                    code => Err(error::from_code(operation, code).with("topic", topic)),
                }
            }
        })
    }

    /// What whoever asks may do with the cluster.
    pub(crate) fn cluster_operations(&self, operation: &'static str, deadline: Deadline) -> Result<Vec<AclOperation>> {
        let start = || {
            Ok(self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, deadline.left(), |rk, options, queue| {
                // SAFETY: `start_question` passes valid pointers.
                unsafe {
                    with_operations(options);
                    raw::rd_kafka_DescribeCluster(rk, options, queue);
                }
            }))
        };
        self.request(operation, deadline, start, |event| {
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the operations live as long as it.
            unsafe {
                let result = raw::rd_kafka_event_DescribeCluster_result(event.as_ptr());
                Ok(operations(raw::cluster_operations(result, &raw mut count), count))
            }
        })
    }

    /// Asks what whoever asks may do with a group.
    pub(crate) fn start_group_operations(&self, operation: &'static str, group: &str) -> Result<Pending> {
        let name = cstring(operation, "group", group)?;
        let mut pointer = name.as_ptr();
        Ok(self.start_at_coordinator(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, |rk, options, queue| {
            // SAFETY: `start_at_coordinator` passes valid pointers; the array of one and its name outlive the call,
            // which copies them.
            unsafe {
                with_operations(options);
                raw::rd_kafka_DescribeConsumerGroups(rk, &raw mut pointer, 1, options, queue);
            }
        }))
    }

    /// Waits for what [`start_group_operations`](Self::start_group_operations) asked for.
    pub(crate) fn wait_group_operations(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Vec<AclOperation>> {
        let event = self.wait(operation, pending, deadline)?;
        let (mut count, mut operations_count) = (0, 0);
        // SAFETY: the event is the answer to this request; descriptions and operations live as long as it.
        unsafe {
            let result = raw::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
            let groups = raw::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
            if count == 0 {
                return Err(Error::new(ErrorKind::Unexpected, operation, "the broker did not answer for this group"));
            }
            outcome(operation, raw::rd_kafka_ConsumerGroupDescription_error(*groups))?;
            Ok(operations(raw::group_operations(*groups, &raw mut operations_count), operations_count))
        }
    }

    /// As many answers as there were questions; an answer that means "later" is one for all, so that they are asked
    /// again, which does no harm to those that were done.
    pub(super) fn answers<T>(
        &self,
        operation: &'static str,
        answers: impl Iterator<Item = Result<T>>,
        count: usize,
    ) -> Result<Vec<Result<T>>> {
        let answers: Vec<Result<T>> = answers.collect();
        if answers.len() != count {
            let why = format!("the broker gave {} answers to {count} questions", answers.len());
            return Err(Error::new(ErrorKind::Unexpected, operation, why));
        }
        match answers.iter().find_map(|answer| answer.as_ref().err().filter(|error| crate::retry::is_for_later(error)))
        {
            Some(later) => Err(error::with_code(later.duplicate(), error::code_of(later).unwrap_or_default())),
            None => Ok(answers),
        }
    }
}

impl Binding {
    fn of_acl(operation: &'static str, acl: &Acl) -> Result<Self> {
        let Acl { resource, name, pattern, principal, host, operation: does, permission } = acl;
        let texts = [name, principal, host].map(|text| cstring(operation, "acl", text));
        let [name, principal, host] = texts;
        let (name, principal, host, mut why) = (name?, principal?, host?, TextBuffer::new());
        // SAFETY: all strings end with zero and outlive the call, which copies them; the buffer is valid.
        let new = unsafe {
            raw::acl_binding_new(
                number(RESOURCES, *resource),
                name.as_ptr(),
                number(PATTERNS, *pattern),
                principal.as_ptr(),
                host.as_ptr(),
                number(OPERATIONS, *does),
                number(PERMISSIONS, *permission),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        NonNull::new(new).map(Self).ok_or_else(|| nonsense(operation, &why))
    }

    fn of_filter(operation: &'static str, filter: &AclFilter) -> Result<Self> {
        let given = |text: &Option<String>| text.as_deref().map(|text| cstring(operation, "filter", text)).transpose();
        let (name, principal, host) = (given(&filter.name)?, given(&filter.principal)?, given(&filter.host)?);
        let pointer = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        let mut why = TextBuffer::new();
        // SAFETY: all strings end with zero and outlive the call, which copies them; null means any.
        let new = unsafe {
            raw::acl_filter_new(
                filter.resource.map_or(ANY, |resource| number(RESOURCES, resource)),
                pointer(&name),
                filter.pattern.map_or(ANY, |pattern| number(PATTERNS, pattern)),
                pointer(&principal),
                pointer(&host),
                filter.operation.map_or(ANY, |operation| number(OPERATIONS, operation)),
                filter.permission.map_or(ANY, |permission| number(PERMISSIONS, permission)),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        NonNull::new(new).map(Self).ok_or_else(|| nonsense(operation, &why))
    }
}

/// Lets the answer say what whoever asks may do.
///
/// # Safety
/// `options` must be valid.
unsafe fn with_operations(options: *mut raw::rd_kafka_AdminOptions_t) {
    // SAFETY: the caller vouches for the options; destroying no error is allowed.
    unsafe {
        raw::rd_kafka_error_destroy(raw::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
    }
}

/// # Safety
/// `first` must be null or point to `count` numbers.
unsafe fn operations(first: *const c_int, count: usize) -> Vec<AclOperation> {
    if first.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller vouches for the array.
    let numbers = unsafe { std::slice::from_raw_parts(first, count) };
    let mut operations: Vec<AclOperation> =
        numbers.iter().map(|number| value(OPERATIONS, *number).unwrap_or(AclOperation::Unknown)).collect();
    operations.sort_unstable();
    operations
}

/// # Safety
/// `acl` must be valid.
unsafe fn acl_of(acl: *const raw::rd_kafka_AclBinding_t) -> Acl {
    // SAFETY: the caller vouches for it, and for its texts.
    unsafe {
        Acl {
            resource: value(RESOURCES, raw::acl_resource(acl)).unwrap_or(AclResource::Unknown),
            name: text(raw::rd_kafka_AclBinding_name(acl)),
            pattern: value(PATTERNS, raw::acl_pattern(acl)).unwrap_or(AclPattern::Unknown),
            principal: text(raw::rd_kafka_AclBinding_principal(acl)),
            host: text(raw::rd_kafka_AclBinding_host(acl)),
            operation: value(OPERATIONS, raw::acl_operation(acl)).unwrap_or(AclOperation::Unknown),
            permission: value(PERMISSIONS, raw::acl_permission(acl)).unwrap_or(AclPermission::Unknown),
        }
    }
}

/// What became of a filter.
///
/// # Safety
/// `response` must be valid.
unsafe fn deleted(
    operation: &'static str,
    response: *const raw::rd_kafka_DeleteAcls_result_response_t,
) -> Result<Vec<Acl>> {
    let mut count = 0;
    // SAFETY: the caller vouches for the response, and its rules live as long as it.
    unsafe {
        outcome(operation, raw::rd_kafka_DeleteAcls_result_response_error(response))?;
        let acls = raw::rd_kafka_DeleteAcls_result_response_matching_acls(response, &raw mut count);
        let deleted = |acl: *const raw::rd_kafka_AclBinding_t| {
            outcome(operation, raw::rd_kafka_AclBinding_error(acl)).map(|()| acl_of(acl))
        };
        (0..count).map(|index| deleted(*acls.add(index))).collect()
    }
}

/// # Safety
/// `failure` must be null or valid.
pub(super) unsafe fn outcome(operation: &'static str, failure: *const raw::rd_kafka_error_t) -> Result<()> {
    // SAFETY: the caller vouches for it; asking no error for its code is allowed.
    unsafe {
        match raw::error_code(failure) {
            0 => Ok(()),
            code => Err(error::with_text(operation, code, &text(raw::rd_kafka_error_string(failure)))),
        }
    }
}

/// 0, which librdkafka refuses, for what it has no number for.
fn number<T: Copy + PartialEq>(numbers: &[(c_int, T)], value: T) -> c_int {
    numbers.iter().find(|(_, known)| *known == value).map_or(0, |(number, _)| *number)
}

fn value<T: Copy>(numbers: &[(c_int, T)], number: c_int) -> Option<T> {
    numbers.iter().find(|(known, _)| *known == number).map(|(_, value)| *value)
}

fn nonsense(operation: &'static str, why: &TextBuffer) -> Error {
    Error::new(ErrorKind::Usage, operation, error::lower_first(&why.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_bindings() {
        use raw::rd_kafka_AclOperation_t as Operation;
        use raw::rd_kafka_AclPermissionType_t as Permission;
        use raw::rd_kafka_ResourcePatternType_t as Pattern;
        use raw::rd_kafka_ResourceType_t as Resource;
        for (number, expected) in [
            (number(RESOURCES, AclResource::Topic), Resource::RD_KAFKA_RESOURCE_TOPIC as c_int),
            (number(RESOURCES, AclResource::Group), Resource::RD_KAFKA_RESOURCE_GROUP as c_int),
            (number(RESOURCES, AclResource::Cluster), Resource::RD_KAFKA_RESOURCE_BROKER as c_int),
            (number(RESOURCES, AclResource::TransactionalId), Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID as c_int),
            (number(PATTERNS, AclPattern::Match), Pattern::RD_KAFKA_RESOURCE_PATTERN_MATCH as c_int),
            (number(PATTERNS, AclPattern::Literal), Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL as c_int),
            (number(PATTERNS, AclPattern::Prefixed), Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED as c_int),
            (number(OPERATIONS, AclOperation::All), Operation::RD_KAFKA_ACL_OPERATION_ALL as c_int),
            (
                number(OPERATIONS, AclOperation::IdempotentWrite),
                Operation::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE as c_int,
            ),
            (number(PERMISSIONS, AclPermission::Allow), Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW as c_int),
            (number(PERMISSIONS, AclPermission::Deny), Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY as c_int),
            (number(RESOURCES, AclResource::Unknown), 0),
        ] {
            assert_eq!(number, expected);
        }
    }
}
