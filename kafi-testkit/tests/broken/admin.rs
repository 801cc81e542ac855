//! An admin client that breaks one promise.

use std::time::Duration;

use kafi_core::{
    AclAdmin, Admin, AdminBase, BrokerAdmin, Cluster, CommittedOffset, ConfigAdmin, ConfigChange, ConfigEntry,
    ElectionAdmin, ErrorKind, Group, GroupAdmin, GroupDescription, Isolation, NewTopic, OffsetAdmin, Position, Result,
    Topic, TopicAdmin, TopicPartition, UserAdmin, Watermarks,
};

use super::Break;

pub struct BrokenAdmin {
    pub inner: Box<dyn Admin>,
    pub how: Break,
}

impl BrokenAdmin {
    /// `result`, or a success where this break hides an error of this kind.
    fn hiding(&self, how: Break, kind: ErrorKind, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if self.how == how && error.kind() == kind => Ok(()),
            result => result,
        }
    }
}

impl AdminBase for BrokenAdmin {
    fn storage_name(&self) -> &str {
        self.inner.storage_name()
    }
}

impl TopicAdmin for BrokenAdmin {
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>> {
        let topics = self.inner.topics(names, timeout);
        match (topics, self.how) {
            (Err(_), Break::MissingIsEmpty) => Ok(Vec::new()),
            (Ok(topics), Break::TopicsAreReversed) => Ok(topics.into_iter().rev().collect()),
            (topics, _) => topics,
        }
    }

    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        let created = self.inner.create_topic(topic, timeout);
        let created = self.hiding(Break::ExistingIsFine, ErrorKind::AlreadyExists, created);
        self.hiding(Break::AnyNameIsFine, ErrorKind::Usage, created)
    }

    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()> {
        if self.how == Break::DeleteIsForgotten { Ok(()) } else { self.inner.delete_topic(name, timeout) }
    }

    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()> {
        if self.how == Break::PartitionsAreForgotten {
            return Ok(());
        }
        let created = self.inner.create_partitions(topic, partitions, timeout);
        self.hiding(Break::FewerIsFine, ErrorKind::Usage, created)
    }
}

impl OffsetAdmin for BrokenAdmin {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        let mut watermarks = self.inner.watermarks(partitions, isolation, timeout)?;
        if self.how == Break::WatermarksAreSorted {
            watermarks.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        }
        Ok(watermarks)
    }

    fn offsets_for_times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        let mut found = self.inner.offsets_for_times(times, timeout)?;
        let asked: Vec<_> =
            times.iter().map(|time| TopicPartition { topic: time.topic.clone(), partition: time.partition }).collect();
        let ends = self.inner.watermarks(&asked, Isolation::ReadCommitted, timeout)?;
        for (position, end) in found.iter_mut().zip(ends) {
            match self.how {
                Break::TimesAreNext => position.offset += 1,
                Break::TimesAreMissing if position.offset == end.high => position.offset = -1,
                _ => {}
            }
        }
        Ok(found)
    }

    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        if self.how == Break::RecordsStay { Ok(before.to_vec()) } else { self.inner.delete_records(before, timeout) }
    }
}

impl ConfigAdmin for BrokenAdmin {
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.inner.topic_config(topic, timeout)
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        if self.how == Break::SettingsAreForgotten {
            return Ok(());
        }
        let altered = self.inner.alter_topic_config(topic, changes, timeout);
        self.hiding(Break::AnySettingIsFine, ErrorKind::Usage, altered)
    }
}

impl BrokerAdmin for BrokenAdmin {
    fn cluster(&mut self, timeout: Duration) -> Result<Cluster> {
        self.inner.cluster(timeout)
    }

    fn broker_config(&mut self, broker: i32, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        if self.how == Break::BrokersAreEmpty { Ok(Vec::new()) } else { self.inner.broker_config(broker, timeout) }
    }

    fn alter_broker_config(&mut self, broker: i32, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        self.inner.alter_broker_config(broker, changes, timeout)
    }
}

impl GroupAdmin for BrokenAdmin {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>> {
        let mut groups = self.inner.groups(timeout)?;
        if self.how == Break::StateIsStable {
            groups.iter_mut().for_each(|group| group.state = "Stable".into());
        }
        Ok(groups)
    }

    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription> {
        let mut described = self.inner.group(group, timeout)?;
        if self.how == Break::StateIsStable {
            described.state = "Stable".into();
        }
        Ok(described)
    }

    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.inner.group_offsets(group, timeout)
    }

    fn alter_group_offsets(&mut self, group: &str, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        if self.how == Break::AlterReplaces {
            // The group may be new.
            let _ = self.inner.delete_group(group, timeout);
        }
        self.inner.alter_group_offsets(group, offsets, timeout)
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        if self.how == Break::OffsetsStay {
            return Ok(partitions.iter().map(|_| Ok(())).collect());
        }
        self.inner.delete_group_offsets(group, partitions, timeout)
    }

    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()> {
        if self.how == Break::DeleteIsForgotten { Ok(()) } else { self.inner.delete_group(group, timeout) }
    }
}

impl AclAdmin for BrokenAdmin {}

impl UserAdmin for BrokenAdmin {}

impl ElectionAdmin for BrokenAdmin {}

impl Admin for BrokenAdmin {}
