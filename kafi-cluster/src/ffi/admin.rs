//! Requests about the cluster, topics, and offsets.

use std::ffi::{CStr, CString};
use std::time::Duration;

use kafi_core::{Cluster, Error, ErrorKind, Isolation, NewTopic, Partition, Result};

use super::admin_metadata::{Metadata, TopicAnswer, cluster_of, id_of, topic_names_of, topics_of};
use super::client::{Client, Pending};
use super::events::Event;
use super::lists::{self, PartitionList};
use super::question::set_broker;
use super::raw::rd_kafka_admin_op_t as Op;
use super::raw::{self, RawTopicPartition};
use super::{Deadline, TextBuffer, cstring, text};
use crate::error;
use crate::retry::retried;

/// No topic can be called like that.
const NO_TOPIC: &CStr = c".";

/// What the name of a topic that is only checked ends with, and how long names may be.
const CHECKED_AS: &str = ".kafi-check";
const NAME_MAX: usize = 249;

/// An offset that was asked for.
pub(crate) struct OffsetAnswer {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// The error code; 0 is none.
    pub(crate) error: i32,
}

impl Client {
    /// The id of the cluster.
    pub(crate) fn cluster_id(&self, operation: &'static str, deadline: Deadline) -> Result<String> {
        self.describe_cluster(operation, deadline).map(|cluster| cluster.id)
    }

    /// Asks whether a broker is there, and gives it this long.
    ///
    /// The question is about a topic that cannot be: librdkafka 2.12.1 ends the process where the answer to
    /// `rd_kafka_DescribeCluster` names neither brokers nor topics, as a broker does before the controller knows it, and
    /// once that has missed its heartbeats.
    pub(crate) fn start_probe(&self, operation: &'static str, timeout: Duration) -> Result<Pending> {
        self.start_describe_topics(operation, &[NO_TOPIC.to_str().unwrap_or_default()], timeout)
    }

    /// The cluster and its brokers.
    pub(crate) fn describe_cluster(&self, operation: &'static str, deadline: Deadline) -> Result<Cluster> {
        self.probe(operation, deadline)?;
        self.metadata(operation, false, deadline, |metadata| cluster_of(self, metadata))
    }

    /// Waits until a broker answers; what is wrong with brokers is seen meanwhile.
    fn probe(&self, operation: &'static str, deadline: Deadline) -> Result<()> {
        self.request(operation, deadline, || self.start_probe(operation, deadline.left()), |_| Ok(()))
    }

    /// All topics, with what is wrong with single ones.
    pub(crate) fn all_topics(&self, operation: &'static str, deadline: Deadline) -> Result<Vec<TopicAnswer>> {
        // The list itself does not see why brokers cannot be reached; this does.
        self.probe(operation, deadline)?;
        if raw::knows_inner_message() {
            return self.metadata(operation, true, deadline, topics_of);
        }
        let names = self.metadata(operation, true, deadline, topic_names_of)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() { Ok(Vec::new()) } else { self.describe_topics_once(operation, &names, deadline) }
    }

    /// What `read` makes of the brokers, with all topics or without any.
    fn metadata<T>(
        &self,
        operation: &'static str,
        all_topics: bool,
        deadline: Deadline,
        read: impl FnOnce(&raw::rd_kafka_metadata) -> T,
    ) -> Result<T> {
        retried(deadline, || {
            self.ask_metadata(all_topics, deadline.left_ms(i32::MAX).max(1)).map_err(|code| {
                self.note_events();
                let known = self.health().last_error(operation);
                known.map_or_else(|| error::from_code(operation, code), |error| error::with_code(error, code))
            })
        })
        .map(|metadata| read(&metadata))
    }

    /// Asks a broker for the brokers, with all topics or without any, once; the error is a code.
    pub(super) fn ask_metadata(&self, all_topics: bool, timeout_ms: i32) -> std::result::Result<Metadata, i32> {
        let mut metadata = std::ptr::null();
        // Without a topic to ask for librdkafka asks for all of them as well.
        let no_topic = if all_topics {
            std::ptr::null_mut()
        } else {
            // SAFETY: the handle and the name are valid.
            unsafe { raw::rd_kafka_topic_new(self.rk(), NO_TOPIC.as_ptr(), std::ptr::null_mut()) }
        };
        // SAFETY: the handle is valid, and so is the topic, if there is one, until it is given back, once. The metadata
        // is written on success only, and is then the caller's.
        unsafe {
            let code = raw::metadata(self.rk(), i32::from(all_topics), no_topic, &raw mut metadata, timeout_ms);
            if !no_topic.is_null() {
                raw::rd_kafka_topic_destroy(no_topic);
            }
            if code == 0 { Ok(Metadata(metadata)) } else { Err(code) }
        }
    }

    /// Describes these topics, missing ones too, in any order; asks again where leaders are on the move, and where a
    /// topic was made a moment ago.
    pub(crate) fn describe_topics(
        &self,
        operation: &'static str,
        names: &[&str],
        deadline: Deadline,
    ) -> Result<Vec<TopicAnswer>> {
        let is_unknown = |answer: &&TopicAnswer| {
            answer.error == error::broker::UNKNOWN_TOPIC_OR_PARTITION && self.made().is_new(&answer.name)
        };
        retried(deadline, || {
            let answers = self.describe_topics_once(operation, names, deadline)?;
            match answers.iter().find(|answer| error::says_later(answer.error) || is_unknown(answer)) {
                Some(answer) => Err(error::for_later(operation, answer.error).with("topic", &answer.name)),
                None => Ok(answers),
            }
        })
    }

    /// The same, whatever is said of the single topics.
    pub(crate) fn describe_topics_once(
        &self,
        operation: &'static str,
        names: &[&str],
        deadline: Deadline,
    ) -> Result<Vec<TopicAnswer>> {
        self.request(
            operation,
            deadline,
            || self.start_describe_topics(operation, names, deadline.left()),
            |event| Ok(topic_answers(event)),
        )
    }

    /// Asks for the same; the brokers have this long.
    pub(crate) fn start_describe_topics(
        &self,
        operation: &'static str,
        names: &[&str],
        timeout: Duration,
    ) -> Result<Pending> {
        let names: Vec<CString> = names.iter().map(|name| cstring(operation, "topic", name)).collect::<Result<_>>()?;
        Ok(self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout, move |rk, options, queue| {
            let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
            // SAFETY: `start_question` passes valid pointers, the names outlive the call, and the collection is copied
            // by it.
            unsafe {
                let topics = raw::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
                raw::rd_kafka_DescribeTopics(rk, topics, options, queue);
                raw::rd_kafka_TopicCollection_destroy(topics);
            }
        }))
    }

    /// Waits for what [`start_describe_topics`](Self::start_describe_topics) asked for; `None` if it is not there yet.
    pub(crate) fn take_topics(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Option<Vec<TopicAnswer>>> {
        Ok(self.wait_for_now(operation, pending, deadline)?.map(|event| topic_answers(&event)))
    }

    /// Asks for offsets: those of the list are timestamps, or the special values of [`raw::rd_kafka_OffsetSpec_t`].
    pub(crate) fn start_list_offsets(
        &self,
        partitions: &PartitionList,
        isolation: Isolation,
        deadline: Deadline,
    ) -> Pending {
        self.start(Op::RD_KAFKA_ADMIN_OP_LISTOFFSETS, deadline.left(), |rk, options, queue| {
            let level = match isolation {
                Isolation::ReadCommitted => raw::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
                Isolation::ReadUncommitted => raw::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
            };
            // SAFETY: `start` passes valid pointers, and the list is copied.
            unsafe {
                raw::rd_kafka_error_destroy(raw::rd_kafka_AdminOptions_set_isolation_level(options, level));
                raw::rd_kafka_ListOffsets(rk, partitions.as_ptr(), options, queue);
            }
        })
    }

    /// Waits for what [`start_list_offsets`](Self::start_list_offsets) asked for.
    pub(crate) fn wait_offsets(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Vec<OffsetAnswer>> {
        self.wait(operation, pending, deadline).map(|event| offset_answers(&event))
    }

    /// The same without waiting longer than this; `None` if it is not there yet.
    pub(crate) fn take_offsets(
        &self,
        operation: &'static str,
        pending: &Pending,
        timeout_ms: i32,
    ) -> Result<Option<Vec<OffsetAnswer>>> {
        Ok(self.take(operation, pending, timeout_ms)?.map(|event| offset_answers(&event)))
    }

    /// Makes a topic. Its name and numbers were checked.
    pub(crate) fn create_topic(&self, operation: &'static str, topic: &NewTopic, deadline: Deadline) -> Result<()> {
        self.create_or_check(operation, topic, false, deadline).inspect(|()| self.made().note(&topic.name))
    }

    /// Whether a topic could be made so, under another name: brokers look first whether the name is taken.
    pub(crate) fn check_new_topic(&self, operation: &'static str, topic: &NewTopic, deadline: Deadline) -> Result<()> {
        let begins = &topic.name[..topic.name.len().min(NAME_MAX - CHECKED_AS.len())];
        let other = NewTopic { name: format!("{begins}{CHECKED_AS}"), ..topic.clone() };
        self.create_or_check(operation, &other, true, deadline)
            .map_err(|error| Error::new(error.kind(), operation, error.message()).with("topic", &topic.name))
    }

    fn create_or_check(
        &self,
        operation: &'static str,
        topic: &NewTopic,
        only_checks: bool,
        deadline: Deadline,
    ) -> Result<()> {
        let name = cstring(operation, "topic", &topic.name)?;
        let mut config = Vec::new();
        for (key, value) in &topic.config {
            config.push((cstring(operation, "setting", key)?, cstring(operation, "setting", value)?));
        }
        let mut why = TextBuffer::new();
        // SAFETY: all strings end with zero and outlive the calls, which copy them; the new topic is freed once.
        let mut new = unsafe {
            let (partitions, replication) = (topic.partitions.unwrap_or(-1), topic.replication.unwrap_or(-1));
            raw::rd_kafka_NewTopic_new(name.as_ptr(), partitions, replication, why.as_mut_ptr(), why.len())
        };
        if new.is_null() {
            return Err(
                Error::new(ErrorKind::Usage, operation, error::lower_first(&why.text())).with("topic", &topic.name)
            );
        }
        for (key, value) in &config {
            // SAFETY: as above.
            unsafe { raw::rd_kafka_NewTopic_set_config(new, key.as_ptr(), value.as_ptr()) };
        }
        let created = self.change(operation, deadline, ErrorKind::AlreadyExists, |broker| {
            let pending =
                self.start_change(Op::RD_KAFKA_ADMIN_OP_CREATETOPICS, broker, deadline.left(), |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers, and the array of one is copied.
                    unsafe {
                        set_operation_timeout(options, deadline);
                        raw::rd_kafka_AdminOptions_set_validate_only(
                            options,
                            i32::from(only_checks),
                            why.as_mut_ptr(),
                            why.len(),
                        );
                        raw::rd_kafka_CreateTopics(rk, &raw mut new, 1, options, queue);
                    }
                });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request.
            unsafe {
                let results = raw::rd_kafka_CreateTopics_result_topics(
                    raw::rd_kafka_event_CreateTopics_result(event.as_ptr()),
                    &raw mut count,
                );
                topic_results(operation, results, count)
            }
        });
        // SAFETY: it is ours, and not used any more.
        unsafe { raw::rd_kafka_NewTopic_destroy(new) };
        created
    }

    /// Does a change, again where brokers say "later". One whose answer did not come may have been done: then the next
    /// attempt fails with `done`.
    fn change(
        &self,
        operation: &'static str,
        deadline: Deadline,
        done: ErrorKind,
        mut attempt: impl FnMut(Option<i32>) -> Result<()>,
    ) -> Result<()> {
        let mut is_unanswered = false;
        self.changed(operation, deadline, |broker| match attempt(broker) {
            Err(error) if is_unanswered && error.kind() == done => {
                log::debug!("{operation}: an attempt before has done it: {error}");
                Ok(())
            }
            answer => {
                answer.inspect_err(|error| is_unanswered |= error::code_of(error).is_some_and(error::is_unanswered))
            }
        })
    }

    /// Does a change that the controller does, again where brokers say "later": `attempt` gets what
    /// [`start_change`](Self::start_change) asks for. It goes by way of a broker that can be reached, as the controller
    /// perhaps cannot, and which passes it on; one that does not do so says that it is not the controller.
    pub(super) fn changed<T>(
        &self,
        operation: &'static str,
        deadline: Deadline,
        mut attempt: impl FnMut(Option<i32>) -> Result<T>,
    ) -> Result<T> {
        self.probe(operation, deadline)?;
        let mut broker = self.connected();
        retried(deadline, || {
            attempt(broker).inspect_err(|error| {
                if error::code_of(error) == Some(error::broker::NOT_CONTROLLER) {
                    broker = None;
                }
            })
        })
    }

    /// Starts a change that the controller does, by way of this broker; without one it goes to the controller itself.
    pub(super) fn start_change(
        &self,
        kind: Op,
        broker: Option<i32>,
        timeout: Duration,
        call: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Pending {
        self.start(kind, timeout, |rk, options, queue| {
            if let Some(broker) = broker {
                // SAFETY: `start` passes valid pointers.
                unsafe { set_broker(options, broker) };
            }
            call(rk, options, queue);
        })
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&self, operation: &'static str, name: &str, deadline: Deadline) -> Result<()> {
        self.made().forget(name);
        let name = cstring(operation, "topic", name)?;
        self.change(operation, deadline, ErrorKind::NotFound, |broker| {
            let pending =
                self.start_change(Op::RD_KAFKA_ADMIN_OP_DELETETOPICS, broker, deadline.left(), |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers, the array of one is copied, and the request is
                    // freed once.
                    unsafe {
                        set_operation_timeout(options, deadline);
                        let mut delete = raw::rd_kafka_DeleteTopic_new(name.as_ptr());
                        raw::rd_kafka_DeleteTopics(rk, &raw mut delete, 1, options, queue);
                        raw::rd_kafka_DeleteTopic_destroy(delete);
                    }
                });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request.
            unsafe {
                let results = raw::rd_kafka_DeleteTopics_result_topics(
                    raw::rd_kafka_event_DeleteTopics_result(event.as_ptr()),
                    &raw mut count,
                );
                topic_results(operation, results, count)
            }
        })
    }

    /// Raises the number of partitions.
    pub(crate) fn create_partitions(
        &self,
        operation: &'static str,
        topic: &str,
        partitions: usize,
        deadline: Deadline,
    ) -> Result<()> {
        let name = cstring(operation, "topic", topic)?;
        let mut why = TextBuffer::new();
        // SAFETY: the name outlives the call, which copies it.
        let mut new =
            unsafe { raw::rd_kafka_NewPartitions_new(name.as_ptr(), partitions, why.as_mut_ptr(), why.len()) };
        if new.is_null() {
            return Err(Error::new(ErrorKind::Usage, operation, error::lower_first(&why.text())).with("topic", topic));
        }
        // Brokers refuse (INVALID_PARTITIONS) to make what an attempt before has made.
        let created = self.change(operation, deadline, ErrorKind::Usage, |broker| {
            let pending = self.start_change(
                Op::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
                broker,
                deadline.left(),
                |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers, and the array of one is copied.
                    unsafe {
                        set_operation_timeout(options, deadline);
                        raw::rd_kafka_CreatePartitions(rk, &raw mut new, 1, options, queue);
                    }
                },
            );
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request.
            unsafe {
                let results = raw::rd_kafka_CreatePartitions_result_topics(
                    raw::rd_kafka_event_CreatePartitions_result(event.as_ptr()),
                    &raw mut count,
                );
                topic_results(operation, results, count)
            }
        });
        // SAFETY: it is ours, and not used any more.
        unsafe { raw::rd_kafka_NewPartitions_destroy(new) };
        created
    }

    /// Deletes what lies before the offsets of the list, and returns the new log starts.
    pub(crate) fn delete_records(
        &self,
        operation: &'static str,
        before: &PartitionList,
        deadline: Deadline,
    ) -> Result<Vec<OffsetAnswer>> {
        let start = || {
            Ok(self.start(Op::RD_KAFKA_ADMIN_OP_DELETERECORDS, deadline.left(), |rk, options, queue| {
                // SAFETY: `start` passes valid pointers, the list is copied, and the request is freed once.
                unsafe {
                    set_operation_timeout(options, deadline);
                    let mut delete = raw::rd_kafka_DeleteRecords_new(before.as_ptr());
                    raw::rd_kafka_DeleteRecords(rk, &raw mut delete, 1, options, queue);
                    raw::rd_kafka_DeleteRecords_destroy(delete);
                }
            }))
        };
        self.request(operation, deadline, start, |event| {
            // SAFETY: the event is the answer to this request, and its list lives as long as it.
            let answers = unsafe {
                answers_of(raw::rd_kafka_DeleteRecords_result_offsets(raw::rd_kafka_event_DeleteRecords_result(
                    event.as_ptr(),
                )))
            };
            answers_by_now(operation, answers)
        })
    }
}

/// The answers, unless one of them is "later".
///
/// # Errors
/// The one that is.
fn answers_by_now(operation: &'static str, answers: Vec<OffsetAnswer>) -> Result<Vec<OffsetAnswer>> {
    match answers.iter().find(|answer| error::says_later(answer.error)) {
        Some(answer) => Err(error::from_code(operation, answer.error)
            .with("topic", &answer.topic)
            .with("partition", answer.partition)),
        None => Ok(answers),
    }
}

/// The entries of a list with their errors.
///
/// # Safety
/// `list` must be null or valid.
pub(super) unsafe fn answers_of(list: *const raw::rd_kafka_topic_partition_list_t) -> Vec<OffsetAnswer> {
    // SAFETY: the caller vouches for it.
    let entries = unsafe { lists::entries(list) };
    entries
        .map(|entry| OffsetAnswer {
            topic: entry.topic.to_string(),
            partition: entry.partition,
            offset: entry.offset,
            error: entry.error,
        })
        .collect()
}

/// Lets the broker wait for the others for as long as the caller does.
///
/// # Safety
/// `options` must be valid.
pub(super) unsafe fn set_operation_timeout(options: *mut raw::rd_kafka_AdminOptions_t, deadline: Deadline) {
    let mut why = TextBuffer::new();
    // SAFETY: the caller vouches for the options; the buffer is valid.
    unsafe {
        raw::rd_kafka_AdminOptions_set_operation_timeout(
            options,
            deadline.left_ms(3_600_000).max(1),
            why.as_mut_ptr(),
            why.len(),
        )
    };
}

/// The topics of an answer to the question about topics.
fn topic_answers(event: &Event) -> Vec<TopicAnswer> {
    let mut count = 0;
    // SAFETY: the callers wait for the answer to this question, whose `count` descriptions live as long as it.
    unsafe {
        let topics = raw::rd_kafka_DescribeTopics_result_topics(
            raw::rd_kafka_event_DescribeTopics_result(event.as_ptr()),
            &raw mut count,
        );
        (0..count).map(|index| topic_answer(*topics.add(index))).collect()
    }
}

/// # Safety
/// `topic` must be valid.
unsafe fn topic_answer(topic: *const raw::rd_kafka_TopicDescription_t) -> TopicAnswer {
    // SAFETY: the caller vouches for the description, and all its parts live as long as it.
    unsafe {
        let mut count = 0;
        let partitions = raw::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let partitions = (0..count).map(|index| partition_of(*partitions.add(index))).collect();
        TopicAnswer {
            name: text(raw::rd_kafka_TopicDescription_name(topic)),
            error: raw::error_code(raw::rd_kafka_TopicDescription_error(topic)),
            id: id_of(raw::rd_kafka_TopicDescription_topic_id(topic)),
            internal: raw::rd_kafka_TopicDescription_is_internal(topic) != 0,
            partitions,
        }
    }
}

/// # Safety
/// `info` must be valid.
unsafe fn partition_of(info: *const raw::rd_kafka_TopicPartitionInfo_t) -> Partition {
    // SAFETY: the caller vouches for it, and the nodes live as long as it.
    unsafe {
        let ids = |nodes: *mut *const raw::rd_kafka_Node_t, count: usize| {
            (0..count).map(|index| raw::rd_kafka_Node_id(*nodes.add(index))).collect()
        };
        let (mut replicas, mut in_sync) = (0, 0);
        let replica_nodes = raw::rd_kafka_TopicPartitionInfo_replicas(info, &raw mut replicas);
        let in_sync_nodes = raw::rd_kafka_TopicPartitionInfo_isr(info, &raw mut in_sync);
        let leader = raw::rd_kafka_TopicPartitionInfo_leader(info);
        Partition {
            partition: raw::rd_kafka_TopicPartitionInfo_partition(info),
            leader: if leader.is_null() { -1 } else { raw::rd_kafka_Node_id(leader) },
            replicas: ids(replica_nodes, replicas),
            in_sync: ids(in_sync_nodes, in_sync),
            bytes: None,
        }
    }
}

fn offset_answers(event: &Event) -> Vec<OffsetAnswer> {
    let mut count = 0;
    // SAFETY: the caller asked for offsets, so that is what the event holds; all parts live as long as it.
    unsafe {
        let infos = raw::rd_kafka_ListOffsets_result_infos(
            raw::rd_kafka_event_ListOffsets_result(event.as_ptr()),
            &raw mut count,
        );
        (0..count)
            .map(|index| {
                let partition = raw::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(index));
                let entry = lists::entry(partition.cast::<RawTopicPartition>());
                OffsetAnswer {
                    topic: entry.topic.to_string(),
                    partition: entry.partition,
                    offset: entry.offset,
                    error: entry.error,
                }
            })
            .collect()
    }
}

/// # Safety
/// `results` must hold `count` valid results.
unsafe fn topic_results(
    operation: &'static str,
    results: *mut *const raw::rd_kafka_topic_result_t,
    count: usize,
) -> Result<()> {
    for index in 0..count {
        // SAFETY: the caller vouches for the array.
        let (code, why, name) = unsafe {
            let result = *results.add(index);
            let why = text(raw::rd_kafka_topic_result_error_string(result));
            (raw::topic_result_error(result), why, text(raw::rd_kafka_topic_result_name(result)))
        };
        if code != 0 {
            return Err(error::with_text(operation, code, &why).with("topic", name));
        }
    }
    Ok(())
}
