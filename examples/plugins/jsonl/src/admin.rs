//! What can be asked about the topics; nothing can be changed.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{AclAdmin, Admin, AdminBase, BrokerAdmin, ConfigAdmin, ElectionAdmin, Error, ErrorKind, GroupAdmin, Isolation, OffsetAdmin, Partition, Result, Topic, TopicAdmin, TopicPartition, UserAdmin, Watermarks};

use crate::lines::topics_in;
use crate::folder::Folder;

pub(crate) struct JsonlAdmin {
    pub(crate) name: String,
    pub(crate) folder: Arc<Folder>,
}

impl AdminBase for JsonlAdmin {
    fn storage_name(&self) -> &str {
        &self.name
    }
}

impl TopicAdmin for JsonlAdmin {
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
}

impl OffsetAdmin for JsonlAdmin {
    fn watermarks(&mut self, partitions: &[TopicPartition], _isolation: Isolation, _timeout: Duration) -> Result<Vec<Watermarks>> {
        let watermarks = |of: &TopicPartition| {
            let high = self.folder.with_lines("read watermarks", of, |lines| lines.count())? as i64;
            Ok(Watermarks { topic: of.topic.clone(), partition: of.partition, low: 0, high })
        };
        partitions.iter().map(watermarks).collect()
    }
}

impl ConfigAdmin for JsonlAdmin {}

impl BrokerAdmin for JsonlAdmin {}

impl GroupAdmin for JsonlAdmin {}

impl AclAdmin for JsonlAdmin {}

impl UserAdmin for JsonlAdmin {}

impl ElectionAdmin for JsonlAdmin {}

impl Admin for JsonlAdmin {}
