//! Administration of a store of objects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    AclAdmin, Admin, AdminBase, BrokerAdmin, CommittedOffset, ConfigAdmin, ConfigChange, ConfigEntry, ElectionAdmin,
    Group, GroupAdmin, GroupDescription, Isolation, NewTopic, OffsetAdmin, Partition, Position, Result, Topic,
    TopicAdmin, TopicPartition, UserAdmin, Watermarks,
};
use kafi_fs::emulated::clock::deadline;
use kafi_fs::emulated::topic_config;
use kafi_fs::emulated::topic_file::TopicFile;

use crate::log::PartitionLog;
use crate::shared::Shared;
use crate::tasks::for_all;
use crate::topics::Loaded;
use crate::{delete, operations, time};

/// Administers the topics and groups of a storage.
pub(crate) struct ObjectAdmin {
    shared: Arc<Shared>,
}

impl ObjectAdmin {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Does something with each of these partitions, whose topics are read once each.
    fn for_partitions<I: Sync, T: Send>(
        &self,
        items: &[I],
        place: impl Fn(&I) -> (&str, i32) + Sync,
        deadline: Instant,
        work: impl Fn(&PartitionLog, &I) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let mut names: Vec<String> = items.iter().map(|item| place(item).0.to_string()).collect();
        names.sort();
        names.dedup();
        let topics = self.shared.topics.these(&names, deadline)?;
        let mut logs = Vec::with_capacity(items.len());
        for item in items {
            let (name, partition) = place(item);
            let index =
                topics.binary_search_by(|(known, _)| known.as_str().cmp(name)).expect("all of them were loaded");
            logs.push((self.shared.topics.partition_of(name, &topics[index].1.file, partition)?, item));
        }
        for_all(&logs, self.shared.options.requests_max, |(log, item)| work(log, item))
    }
}

/// How many bytes a partition takes is not told, because that takes a listing for every thousand objects.
fn describe(name: String, file: TopicFile) -> Topic {
    let partition = |partition| Partition { partition, leader: 0, replicas: vec![0], in_sync: vec![0], bytes: None };
    Topic { name, id: file.id, internal: false, partitions: (0..file.partitions).map(partition).collect() }
}

fn of_position(position: &Position) -> (&str, i32) {
    (&position.topic, position.partition)
}

impl AdminBase for ObjectAdmin {
    fn storage_name(&self) -> &str {
        &self.shared.name
    }
}

impl TopicAdmin for ObjectAdmin {
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>> {
        let deadline = deadline(timeout);
        let topics = if names.is_empty() {
            self.shared.topics.all(deadline)?
        } else {
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            self.shared.topics.these(&names, deadline)?
        };
        Ok(topics.into_iter().map(|(name, Loaded { file, .. })| describe(name, file)).collect())
    }

    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        self.shared.topics.create(topic, deadline(timeout))
    }

    fn check_new_topic(&mut self, topic: &NewTopic, _timeout: Duration) -> Result<()> {
        TopicFile::of(topic).map(drop)
    }

    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()> {
        self.shared.topics.delete(name, deadline(timeout))
    }

    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()> {
        self.shared.topics.change("create partitions", topic, deadline(timeout), |file| {
            file.check_raise(topic, partitions)?;
            file.partitions = partitions;
            Ok(())
        })
    }
}

impl OffsetAdmin for ObjectAdmin {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        _isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        let deadline = deadline(timeout);
        self.for_partitions(
            partitions,
            |asked| (asked.topic.as_str(), asked.partition),
            deadline,
            |log, asked| {
                let bounds = log.bounds(deadline)?;
                Ok(Watermarks {
                    topic: asked.topic.clone(),
                    partition: asked.partition,
                    low: bounds.low,
                    high: bounds.high,
                })
            },
        )
    }

    fn offsets_for_times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        let deadline = deadline(timeout);
        let requests_max = self.shared.options.requests_max;
        // One after the other: each looks at many objects at a time.
        let find = |log: &PartitionLog, time: &Position| {
            Ok(Position { offset: time::offset_for_time(log, time.offset, requests_max, deadline)?, ..time.clone() })
        };
        let found: Vec<Vec<Position>> = times
            .iter()
            .map(|time| self.for_partitions(std::slice::from_ref(time), of_position, deadline, find))
            .collect::<Result<_>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        let deadline = deadline(timeout);
        let requests_max = self.shared.options.requests_max;
        let delete = |log: &PartitionLog, before: &Position| {
            Ok(Position {
                offset: delete::delete_before(log, before.offset, requests_max, deadline)?,
                ..before.clone()
            })
        };
        before
            .iter()
            .map(|before| {
                self.for_partitions(std::slice::from_ref(before), of_position, deadline, delete)
                    .map(|mut one| one.remove(0))
            })
            .collect()
    }
}

impl ConfigAdmin for ObjectAdmin {
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        let config = self.shared.topics.load(topic, deadline(timeout))?.file.config;
        Ok(topic_config::entries(&config, &[("segment.bytes", self.shared.options.object_bytes.to_string())]))
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        topic_config::check_changes(changes)?;
        self.shared.topics.change("set topic configuration", topic, deadline(timeout), |file| {
            topic_config::apply(changes, &mut file.config);
            Ok(())
        })
    }
}

impl BrokerAdmin for ObjectAdmin {}

impl AclAdmin for ObjectAdmin {}

impl UserAdmin for ObjectAdmin {}

impl ElectionAdmin for ObjectAdmin {}

impl GroupAdmin for ObjectAdmin {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>> {
        self.shared.groups.list(deadline(timeout))
    }

    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription> {
        self.shared.groups.describe(group, deadline(timeout))
    }

    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.shared.groups.offsets(group, deadline(timeout))
    }

    fn alter_group_offsets(&mut self, group: &str, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.shared.groups.commit_alone("set group offsets", group, offsets, deadline(timeout))
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        self.shared.groups.forget(group, partitions, deadline(timeout))?;
        Ok(partitions.iter().map(|_| Ok(())).collect())
    }

    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()> {
        self.shared.groups.delete(group, deadline(timeout))
    }
}

impl Admin for ObjectAdmin {
    fn operation(&mut self, operation: &str, argument: &str, timeout: Duration) -> Result<String> {
        operations::run(&self.shared, operation, argument, deadline(timeout))
    }
}
