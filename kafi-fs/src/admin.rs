//! Administration.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    AclAdmin, Admin, AdminBase, BrokerAdmin, CommittedOffset, ConfigAdmin, ConfigChange, ConfigEntry, ElectionAdmin,
    Error, ErrorKind, Group, GroupAdmin, GroupDescription, Isolation, NewTopic, OffsetAdmin, Partition, Position,
    Result, Topic, TopicAdmin, TopicPartition, UserAdmin, Watermarks, check_topic_name,
};

use crate::emulated::clock::deadline;
use crate::emulated::topic_config;
use crate::emulated::topic_file::TopicFile;
use crate::log::append_file::Appender;
use crate::log::bounds::bounds;
use crate::log::{PartitionDir, time};
use crate::shared::Shared;

/// Administers the topics and groups of a storage.
pub(crate) struct LogAdmin {
    shared: Arc<Shared>,
}

impl LogAdmin {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn describe(&self, name: &str, folder: &str) -> Result<Topic> {
        let file = self.shared.topics.load_from(name, folder)?;
        let topic: Arc<str> = name.into();
        let mut partitions = Vec::with_capacity(file.partitions as usize);
        for partition in 0..file.partitions {
            let dir = PartitionDir::new(self.shared.topics.io(), &topic, folder, partition);
            partitions.push(Partition {
                partition,
                leader: 0,
                replicas: vec![0],
                in_sync: vec![0],
                bytes: Some(bytes(&dir)?),
            });
        }
        Ok(Topic { name: name.to_string(), id: file.id, internal: false, partitions })
    }

    fn delete_before(&self, before: &Position, timeout: Duration) -> Result<Position> {
        let dir = self.shared.topics.partition(&before.topic, before.partition)?;
        let until = deadline(timeout);
        let mut appender = Appender::open(dir.clone())?;
        let start = appender.delete_before(before.offset, until)?.ok_or_else(|| {
            let error = Error::new(ErrorKind::Timeout, "delete records", "producers held the partition all the time");
            error.with("topic", &before.topic).with("partition", before.partition)
        })?;
        Ok(Position { offset: start, ..before.clone() })
    }
}

/// The bytes of a partition's segments.
fn bytes(dir: &PartitionDir) -> Result<u64> {
    let mut bytes = 0;
    for base in dir.segments()? {
        let path = dir.log_path(base);
        // A segment that is deleted right now takes no bytes.
        bytes += dir
            .io
            .stat(&path)
            .map_err(|error| dir.io_error("describe topic", &path, error))?
            .map_or(0, |stat| stat.len);
    }
    Ok(bytes)
}

impl AdminBase for LogAdmin {
    fn storage_name(&self) -> &str {
        &self.shared.name
    }
}

impl TopicAdmin for LogAdmin {
    fn topics(&mut self, names: &[String], _timeout: Duration) -> Result<Vec<Topic>> {
        let all = names.is_empty();
        let found = |name: &String| {
            check_topic_name(name)?;
            Ok((name.clone(), self.shared.topics.folder(name)?))
        };
        let named = if all { self.shared.topics.listed()? } else { names.iter().map(found).collect::<Result<_>>()? };
        let mut topics = Vec::with_capacity(named.len());
        for (name, folder) in named {
            match self.describe(&name, &folder) {
                Ok(topic) => topics.push(topic),
                // It was deleted between the listing and the look.
                Err(error) if all && error.kind() == ErrorKind::NotFound => {}
                // One that cannot be described hides no other; whoever asks for it by its name learns why.
                Err(error) if all => {
                    log::debug!("{error}");
                    topics.push(Topic { name, id: String::new(), internal: false, partitions: Vec::new() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(topics)
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
        self.shared.topics.create_partitions(topic, partitions, deadline(timeout))
    }
}

impl OffsetAdmin for LogAdmin {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        _isolation: Isolation,
        _timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        let mut watermarks = Vec::with_capacity(partitions.len());
        let mut topics = self.shared.topics.many();
        for TopicPartition { topic, partition } in partitions {
            let bounds = bounds(&topics.partition(topic, *partition)?)?;
            watermarks.push(Watermarks {
                topic: topic.clone(),
                partition: *partition,
                low: bounds.low,
                high: bounds.high,
            });
        }
        Ok(watermarks)
    }

    fn offsets_for_times(&mut self, times: &[Position], _timeout: Duration) -> Result<Vec<Position>> {
        let mut positions = Vec::with_capacity(times.len());
        let mut topics = self.shared.topics.many();
        for time in times {
            let dir = topics.partition(&time.topic, time.partition)?;
            positions.push(Position { offset: time::offset_for_time(&dir, time.offset)?, ..time.clone() });
        }
        Ok(positions)
    }

    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        before.iter().map(|before| self.delete_before(before, timeout)).collect()
    }
}

impl ConfigAdmin for LogAdmin {
    fn topic_config(&mut self, topic: &str, _timeout: Duration) -> Result<Vec<ConfigEntry>> {
        let file = self.shared.topics.load(topic)?;
        Ok(topic_config::entries(&file.config, &[]))
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        topic_config::check_changes(changes)?;
        self.shared.topics.alter_config(topic, deadline(timeout), |config| topic_config::apply(changes, config))
    }
}

impl BrokerAdmin for LogAdmin {}

impl AclAdmin for LogAdmin {}

impl UserAdmin for LogAdmin {}

impl ElectionAdmin for LogAdmin {}

impl GroupAdmin for LogAdmin {
    fn groups(&mut self, _timeout: Duration) -> Result<Vec<Group>> {
        self.shared.groups.list()
    }

    fn group(&mut self, group: &str, _timeout: Duration) -> Result<GroupDescription> {
        self.shared.groups.describe(group)
    }

    fn group_offsets(&mut self, group: &str, _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.shared.groups.offsets(group)
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

impl Admin for LogAdmin {}
