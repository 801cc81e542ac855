//! Requests for elections.

use kafi_core::{Election, Error, ErrorKind, Result, TopicPartition};

use super::admin_access::outcome;
use super::client::Client;
use super::lists::{self, PartitionList};
use super::raw::{self, RawTopicPartition, rd_kafka_ElectionType_t as Kind, rd_kafka_admin_op_t as Op};
use super::{Deadline, admin::set_operation_timeout};
use crate::error;

impl Client {
    /// Elects leaders of these partitions, of which no two are the same; an answer for each, which is false where there
    /// was nothing to do.
    pub(crate) fn elect_leaders(
        &self,
        operation: &'static str,
        election: Election,
        partitions: &[TopicPartition],
        deadline: Deadline,
    ) -> Result<Vec<Result<bool>>> {
        let list = PartitionList::of_partitions(operation, partitions)?;
        let kind = match election {
            Election::Unclean => Kind::RD_KAFKA_ELECTION_TYPE_UNCLEAN,
            _ => Kind::RD_KAFKA_ELECTION_TYPE_PREFERRED,
        };
        let elected = self.changed(operation, deadline, |broker| {
            let pending =
                self.start_change(Op::RD_KAFKA_ADMIN_OP_ELECTLEADERS, broker, deadline.left(), |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers; the list is copied, and the request freed once.
                    unsafe {
                        set_operation_timeout(options, deadline);
                        let request = raw::rd_kafka_ElectLeaders_new(kind, list.as_ptr());
                        raw::rd_kafka_ElectLeaders(rk, request, options, queue);
                        raw::rd_kafka_ElectLeaders_destroy(request);
                    }
                });
            let event = self.wait(operation, &pending, deadline)?;
            let mut count = 0;
            // SAFETY: the event is the answer to this request; the results live as long as it.
            let results: Vec<(TopicPartition, Result<()>)> = unsafe {
                let result = raw::rd_kafka_event_ElectLeaders_result(event.as_ptr());
                let results = raw::rd_kafka_ElectLeaders_result_partitions(result, &raw mut count);
                (0..count).map(|index| result_of(operation, *results.add(index))).collect()
            };
            let answers = partitions.iter().map(|asked| answer(operation, asked, &results));
            self.answers(operation, answers, partitions.len())
        })?;
        Ok(elected)
    }
}

fn answer(operation: &'static str, asked: &TopicPartition, results: &[(TopicPartition, Result<()>)]) -> Result<bool> {
    let Some((_, result)) = results.iter().find(|(partition, _)| partition == asked) else {
        let error = Error::new(ErrorKind::Unexpected, operation, "the broker did not answer for this partition");
        return Err(error.with("topic", &asked.topic).with("partition", asked.partition));
    };
    let Err(failure) = result else { return Ok(true) };
    match error::code_of(failure) {
        Some(error::broker::ELECTION_NOT_NEEDED) => Ok(false),
        code => {
            let again = error::with_code(failure.duplicate(), code.unwrap_or_default());
            Err(again.with("topic", &asked.topic).with("partition", asked.partition))
        }
    }
}

/// # Safety
/// `result` must be valid.
unsafe fn result_of(
    operation: &'static str,
    result: *const raw::rd_kafka_topic_partition_result_t,
) -> (TopicPartition, Result<()>) {
    // SAFETY: the caller vouches for the result, and all its parts live as long as it.
    unsafe {
        let entry = lists::entry(raw::rd_kafka_topic_partition_result_partition(result).cast::<RawTopicPartition>());
        let partition = TopicPartition { topic: entry.topic.to_string(), partition: entry.partition };
        (partition, outcome(operation, raw::rd_kafka_topic_partition_result_error(result)))
    }
}
