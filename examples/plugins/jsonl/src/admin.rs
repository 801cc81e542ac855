//! What can be asked about the topics; nothing can be changed.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Admin, Cluster, CommittedOffset, ConfigChange, ConfigEntry, Error, ErrorKind, Group, GroupDescription, Isolation, NewTopic, Partition, Position, Result,
    Topic, TopicPartition, Watermarks,
};

use crate::lines::topics_in;
use crate::storage::Folder;

pub(crate) struct JsonlAdmin {
    pub(crate) name: String,
    pub(crate) folder: Arc<Folder>,
}

impl JsonlAdmin {
    fn unsupported<T>(&self, operation: &'static str) -> Result<T> {
        Err(Error::unsupported(&self.name, operation))
    }
}

impl Admin for JsonlAdmin {
    fn topics(&mut self, names: &[String], _timeout: Duration) -> Result<Vec<Topic>> {
        let known = topics_in(&self.folder.root).map_err(|error| Error::io("list topics", error).with("storage", &self.name))?;
        if let Some(missing) = names.iter().find(|name| !known.contains(name)) {
            return Err(Error::new(ErrorKind::NotFound, "describe topics", "no such topic").with("topic", missing));
        }
        let wanted = known.into_iter().filter(|name| names.is_empty() || names.contains(name));
        let topic = |name: String| {
            let bytes = self.folder.root.join(format!("{name}.jsonl")).metadata().ok().map(|metadata| metadata.len());
            Topic {
                name,
                id: String::new(),
                internal: false,
                partitions: vec![Partition { partition: 0, leader: 0, replicas: vec![0], in_sync: vec![0], bytes }],
            }
        };
        Ok(wanted.map(topic).collect())
    }

    fn create_topic(&mut self, _topic: &NewTopic, _timeout: Duration) -> Result<()> {
        self.unsupported("create topic")
    }

    fn delete_topic(&mut self, _name: &str, _timeout: Duration) -> Result<()> {
        self.unsupported("delete topic")
    }

    fn create_partitions(&mut self, _topic: &str, _partitions: i32, _timeout: Duration) -> Result<()> {
        self.unsupported("create partitions")
    }

    fn watermarks(&mut self, partitions: &[TopicPartition], _isolation: Isolation, _timeout: Duration) -> Result<Vec<Watermarks>> {
        let watermarks = |of: &TopicPartition| {
            let high = self.folder.with_lines("read watermarks", of, |lines| lines.count())? as i64;
            Ok(Watermarks { topic: of.topic.clone(), partition: of.partition, low: 0, high })
        };
        partitions.iter().map(watermarks).collect()
    }

    fn offsets_for_times(&mut self, _times: &[Position], _timeout: Duration) -> Result<Vec<Position>> {
        self.unsupported("find offsets by time")
    }

    fn delete_records(&mut self, _before: &[Position], _timeout: Duration) -> Result<Vec<Position>> {
        self.unsupported("delete records")
    }

    fn topic_config(&mut self, _topic: &str, _timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.unsupported("read settings")
    }

    fn alter_topic_config(&mut self, _topic: &str, _changes: &[ConfigChange], _timeout: Duration) -> Result<()> {
        self.unsupported("change settings")
    }

    fn cluster(&mut self, _timeout: Duration) -> Result<Cluster> {
        self.unsupported("describe the brokers")
    }

    fn broker_config(&mut self, _broker: i32, _timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.unsupported("read the settings of a broker")
    }

    fn alter_broker_config(&mut self, _broker: i32, _changes: &[ConfigChange], _timeout: Duration) -> Result<()> {
        self.unsupported("change the settings of a broker")
    }

    fn groups(&mut self, _timeout: Duration) -> Result<Vec<Group>> {
        self.unsupported("list groups")
    }

    fn group(&mut self, _group: &str, _timeout: Duration) -> Result<GroupDescription> {
        self.unsupported("describe a group")
    }

    fn group_offsets(&mut self, _group: &str, _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.unsupported("read a group's offsets")
    }

    fn alter_group_offsets(&mut self, _group: &str, _offsets: &[CommittedOffset], _timeout: Duration) -> Result<()> {
        self.unsupported("set a group's offsets")
    }

    fn delete_group(&mut self, _group: &str, _timeout: Duration) -> Result<()> {
        self.unsupported("delete a group")
    }
}
