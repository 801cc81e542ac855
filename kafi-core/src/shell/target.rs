//! The target of a copy: made where it is missing, and refused where it would lose something.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::admin::{Admin, NewTopic, Topic, Watermarks};
use crate::batch::Batch;
use crate::capability::Capabilities;
use crate::consumer::{Isolation, TopicPartition};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{NO_TIMESTAMP, TimestampType};
use crate::shell::CopyOptions;
use crate::storage::Storage;
use crate::topic_name::check_topic_name;

const OPERATION: &str = "copy";

const RETENTION: &str = "retention.ms";
const BEFORE_MAX: &str = "message.timestamp.before.max.ms";
const AFTER_MAX: &str = "message.timestamp.after.max.ms";

/// A topic that is ready to be copied into.
pub(crate) struct Target {
    name: String,
    /// How old a message may be: the setting that says so, and its milliseconds.
    age_max: Vec<(&'static str, i64)>,
    /// How far in the future the timestamp of a message may lie.
    ahead_max_ms: Option<i64>,
    append_time: bool,
}

impl Target {
    /// Looks at the topic `name`, or makes it with as many partitions as the source, `topic`, has.
    pub(crate) fn prepare(storage: &dyn Storage, name: &str, source: &Topic, partitions: &[i32], options: &CopyOptions) -> Result<Self> {
        check_topic_name(name)?;
        let timeout = options.read.timeout;
        let mut admin = storage.admin()?;
        let existing = existing(admin.as_mut(), name, timeout)?;
        match &existing {
            None if options.create => create(storage, admin.as_mut(), name, source, options)?,
            None => return Err(missing(name)),
            Some(topic) => {
                check_partitions(topic, partitions)?;
                check_empty(storage, admin.as_mut(), topic, options)?;
            }
        }
        let mut target = Self { name: name.to_string(), age_max: Vec::new(), ahead_max_ms: None, append_time: false };
        if storage.capabilities().contains(Capabilities::ADMIN_CONFIG) {
            target.read_config(admin.as_mut(), timeout)?;
        }
        if target.append_time && !storage.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE) && !options.ignore_timestamp {
            let error = Error::new(ErrorKind::Usage, OPERATION, "the target has message.timestamp.type=LogAppendTime and would overwrite the timestamps");
            return Err(error.with("topic", name).hint("pass --ignore-timestamp if that is all right"));
        }
        Ok(target)
    }

    /// Whether the target would delete or refuse one of these messages, for its timestamp.
    pub(crate) fn check_timestamps(&self, batch: &Batch, topic: u32) -> Result<()> {
        if self.age_max.is_empty() && self.ahead_max_ms.is_none() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let timestamps = || batch.metas().iter().filter(|meta| meta.topic == topic && meta.timestamp != NO_TIMESTAMP).map(|meta| meta.timestamp);
        let (Some(oldest), Some(newest)) = (timestamps().min(), timestamps().max()) else { return Ok(()) };
        if let Some((setting, ms)) = self.age_max.iter().find(|(_, ms)| oldest < now.saturating_sub(*ms)) {
            let verb = if *setting == RETENTION { "delete" } else { "refuse" };
            return Err(self.bad_time(setting, *ms, format!("would {verb} messages of the source, which are older than that")));
        }
        match self.ahead_max_ms {
            Some(ms) if newest > now.saturating_add(ms) => {
                Err(self.bad_time(AFTER_MAX, ms, "would refuse messages of the source, which lie farther in the future".into()))
            }
            _ => Ok(()),
        }
    }

    fn bad_time(&self, setting: &str, ms: i64, what: String) -> Error {
        let keeps_all = if setting == RETENTION { " (-1 keeps everything)" } else { "" };
        let hint = format!("raise {setting} of the target{keeps_all}, or pass --force");
        Error::new(ErrorKind::Usage, OPERATION, format!("{setting}={ms} {what}")).with("topic", &self.name).hint(hint)
    }

    fn read_config(&mut self, admin: &mut dyn Admin, timeout: Duration) -> Result<()> {
        let config = admin.topic_config(&self.name, timeout)?;
        let value = |name: &str| config.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.as_deref());
        let limit = |name: &str| value(name).and_then(|text| text.parse().ok()).filter(|&ms: &i64| ms >= 0);
        let deletes = value("cleanup.policy").is_none_or(|policy| policy.contains("delete"));
        let retention = limit(RETENTION).filter(|_| deletes).map(|ms| (RETENTION, ms));
        let before_max = limit(BEFORE_MAX).map(|ms| (BEFORE_MAX, ms));
        self.age_max = retention.into_iter().chain(before_max).collect();
        self.ahead_max_ms = limit(AFTER_MAX);
        self.append_time = value("message.timestamp.type") == Some("LogAppendTime");
        Ok(())
    }
}

/// The topic of this name, if there is one.
pub(crate) fn existing(admin: &mut dyn Admin, name: &str, timeout: Duration) -> Result<Option<Topic>> {
    match admin.topics(&[name.to_string()], timeout) {
        Ok(topics) => Ok(topics.into_iter().next()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Logs keep what they are given and resolve their offsets themselves; a broker deletes by age.
fn is_log(storage: &dyn Storage) -> bool {
    storage.capabilities().contains(Capabilities::PRODUCE_KEEP_OFFSETS)
}

fn create(storage: &dyn Storage, admin: &mut dyn Admin, name: &str, source: &Topic, options: &CopyOptions) -> Result<()> {
    let mut config = options.config.clone();
    if !is_log(storage) && !config.iter().any(|(key, _)| key == "retention.ms") {
        log::warn!("topic {name} is created with retention.ms=-1, so that nothing of the copy is deleted for its age; --config retention.ms=… sets another");
        config.push(("retention.ms".into(), "-1".into()));
    }
    let partitions = i32::try_from(source.partitions.len()).expect("a topic has fewer than 2^31 partitions");
    admin.create_topic(&NewTopic { config, ..NewTopic::new(name).partitions(partitions) }, options.read.timeout)
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, OPERATION, "no such topic").with("topic", name).hint("create it first, or leave out --no-create")
}

fn check_partitions(topic: &Topic, partitions: &[i32]) -> Result<()> {
    let needed = partitions.iter().max().map_or(0, |last| *last as usize + 1);
    let have = topic.partitions.len();
    if have >= needed {
        return Ok(());
    }
    let why = format!("the target has too few partitions ({have}) for the source ({needed}): keys would change their partitions");
    Err(Error::new(ErrorKind::Usage, OPERATION, why).with("topic", &topic.name).hint("copy into a new topic, or add partitions to the target"))
}

fn check_empty(storage: &dyn Storage, admin: &mut dyn Admin, topic: &Topic, options: &CopyOptions) -> Result<()> {
    if options.append || !is_log(storage) {
        return Ok(());
    }
    let partitions: Vec<_> = topic.partitions.iter().map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition }).collect();
    let watermarks: Vec<Watermarks> = admin.watermarks(&partitions, Isolation::ReadUncommitted, options.read.timeout)?;
    let messages: i64 = watermarks.iter().map(|watermarks| watermarks.high - watermarks.low).sum();
    if messages == 0 {
        return Ok(());
    }
    let why = format!("the target holds {messages} messages already");
    Err(Error::new(ErrorKind::AlreadyExists, OPERATION, why).with("topic", &topic.name).hint("pass --append to write behind them, at new offsets"))
}

/// Gives every message the target's clock.
pub(crate) fn forget_timestamps(batch: &mut Batch) {
    for meta in batch.metas_mut() {
        meta.timestamp = NO_TIMESTAMP;
        meta.timestamp_type = TimestampType::Create;
    }
}
