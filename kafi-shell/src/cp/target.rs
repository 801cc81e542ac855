//! The target of a copy: made where it is missing, and refused where it would lose something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafi_core::{
    Admin, Assignment, Batch, Capabilities, ConfigChange, ConfigEntry, Error, ErrorKind, Isolation, NO_TIMESTAMP,
    NewTopic, Result, Storage, TimestampType, Topic, TopicPartition, Watermarks, existing, partition_of,
};

use crate::CopyOptions;
use crate::cp::able::{keeps_forever, notes_source};
use crate::cp::check::check_last;
use crate::cp::ends::{go_on, watermarks};
use crate::cp::note::SourceNote;
use crate::cp::settings::{COMPRESSION, Carried, Settings, say_what_is_left, settings_of};

const OPERATION: &str = "copy";

const RETENTION: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const BEFORE_MAX: &str = "message.timestamp.before.max.ms";
const AFTER_MAX: &str = "message.timestamp.after.max.ms";
const TIMESTAMP_TYPE: &str = "message.timestamp.type";

/// A topic that is copied into.
#[derive(Clone)]
pub(crate) struct CopyTarget {
    name: String,
    /// The topic as it is there; `None` while it is missing.
    pub(crate) topic: Option<Topic>,
    /// How old a message may be: the setting that says so, and its milliseconds.
    age_max: Vec<(&'static str, i64)>,
    /// How far in the future the timestamp of a message may lie.
    ahead_max_ms: Option<i64>,
    /// More bytes than this in a partition, and the first ones are deleted.
    bytes_max: Option<u64>,
    /// The bytes of the messages that go to each partition, from all that write to it.
    bytes: Arc<Mutex<HashMap<i32, u64>>>,
    append_time: bool,
    /// The codec that its settings name.
    pub(crate) codec: Option<String>,
    /// Over how many partitions messages are spread by key; `None` keeps their partitions.
    spread: Option<i32>,
}

/// What has to be done to a target before messages are written.
pub(crate) enum Change {
    /// It is made, without these settings of the source.
    Create(NewTopic, Settings),
    /// It gets more partitions.
    Grow(i32),
    /// It notes its source, or that it has none any more.
    Note(Vec<ConfigChange>),
}

/// Looks at a target, and changes nothing.
pub(crate) struct TargetPlanner<'a> {
    pub(crate) source: &'a dyn Storage,
    pub(crate) storage: &'a dyn Storage,
    pub(crate) admin: &'a mut dyn Admin,
    pub(crate) source_admin: &'a mut dyn Admin,
    pub(crate) options: &'a CopyOptions,
    /// Whether the messages are written at the offsets of the source.
    pub(crate) keep_offsets: bool,
    /// Whether source and target are the same cluster.
    pub(crate) within: bool,
    /// Whether what the target holds may be the beginning of this copy.
    pub(crate) resumes: bool,
}

impl TargetPlanner<'_> {
    /// Looks at the topic `name`: what has to be done to it, and, where a copy is resumed, where the `parts` of the
    /// source go on. `note` is what it says once it is a copy of `source`.
    pub(crate) fn plan(
        &mut self,
        name: &str,
        source: &Topic,
        note: &SourceNote,
        parts: &mut [Assignment],
    ) -> Result<(CopyTarget, Vec<Change>)> {
        let mut target = CopyTarget::new(name);
        let Some(topic) = existing(self.admin, name, self.options.read.timeout)? else {
            if !self.options.create {
                // Where it is the bucket that is missing, that is what is said.
                return Err(match self.admin.topics(&[name.to_string()], self.options.read.timeout) {
                    Err(error) if error.context().any(|(key, _)| key == "object") => error,
                    _ => missing(name),
                });
            }
            let (topic, left) = self.new_topic(name, source, note)?;
            return Ok((target, vec![Change::Create(topic, left)]));
        };
        let mut changes = self.check_partitions(&mut target, &topic, source, parts)?;
        target.topic = Some(topic.clone());
        let config = config_of(self.storage, self.admin, name, self.options.read.timeout)?;
        target.read_config(self.storage, &config);
        target.check_append_time(self.storage, self.options)?;
        if notes_source(self.storage) {
            changes.extend(self.check_log(&topic, SourceNote::read(&config), note, parts)?);
        }
        Ok((target, changes))
    }

    /// A topic for a copy of `source`.
    fn new_topic(&mut self, name: &str, source: &Topic, note: &SourceNote) -> Result<(NewTopic, Settings)> {
        let mut config = self.options.config.clone();
        let Carried { mut taken, left } = settings_of(
            (self.source, self.source_admin),
            &source.name,
            (notes_source(self.storage), self.within),
            self.options,
        )?;
        taken.retain(|(name, _)| !config.iter().any(|(set, _)| set == name));
        config.extend(taken);
        let left: Vec<_> = left.into_iter().filter(|(name, _)| !config.iter().any(|(set, _)| set == name)).collect();
        let appends_time = config.iter().any(|(name, value)| name == TIMESTAMP_TYPE && value == "LogAppendTime");
        let target = CopyTarget { append_time: appends_time, ..CopyTarget::new(name) };
        target.check_append_time(self.storage, self.options)?;
        if !keeps_forever(self.storage) && !config.iter().any(|(key, _)| key == RETENTION) {
            config.push((RETENTION.into(), "-1".into()));
        }
        if self.keep_offsets {
            config.extend(note.settings());
        }
        let partitions = i32::try_from(source.partitions.len()).expect("a topic has fewer than 2^31 partitions");
        Ok((NewTopic { config, ..NewTopic::new(name).partitions(partitions) }, left))
    }

    /// Whether the partitions of the source fit, or how they are made to.
    fn check_partitions(
        &self,
        target: &mut CopyTarget,
        topic: &Topic,
        source: &Topic,
        parts: &[Assignment],
    ) -> Result<Vec<Change>> {
        let needed = parts.iter().map(|part| part.partition).max().map_or(0, |last| last as usize + 1);
        let (have, wanted) = (topic.partitions.len(), source.partitions.len());
        if self.options.repartition && have != wanted {
            target.spread = Some(have as i32);
            return Ok(Vec::new());
        }
        if have >= needed {
            return Ok(Vec::new());
        }
        if self.resumes {
            return Ok(vec![Change::Grow(wanted as i32)]);
        }
        let why = format!(
            "the target has too few partitions ({have}) for the source ({needed}): keys would change their partitions"
        );
        let hint =
            "copy into a new topic, add partitions to the target, or pass --repartition to spread the messages by key";
        Err(Error::new(ErrorKind::Usage, OPERATION, why).with("topic", &topic.name).hint(hint))
    }

    /// Whether what a log holds may stay before what is copied, and what it has to note.
    fn check_log(
        &mut self,
        topic: &Topic,
        noted: Option<SourceNote>,
        note: &SourceNote,
        parts: &mut [Assignment],
    ) -> Result<Option<Change>> {
        let partitions: Vec<_> = topic
            .partitions
            .iter()
            .map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition })
            .collect();
        let ends = self.admin.watermarks(&partitions, Isolation::ReadUncommitted, self.options.read.timeout)?;
        let messages: i64 = ends.iter().map(|end| end.high - end.low).sum();
        if !self.keep_offsets {
            if messages > 0 && !self.options.append {
                return Err(holds_messages(&topic.name, messages));
            }
            // What is written now is not the source's any more, offset by offset.
            return Ok(noted.map(|_| Change::Note(SourceNote::removal())));
        }
        let merged = match noted {
            Some(noted) if self.resumes && noted.is_same_source(note) => {
                self.check_emptied(&topic.name, &noted, &ends)?;
                let merged = self.resume(&topic.name, noted, &ends, parts)?;
                let ends: Vec<(i32, i64)> =
                    ends.iter().filter(|end| end.high > end.low).map(|end| (end.partition, end.high)).collect();
                check_last((self.source, &note.topic), (self.storage, &topic.name), &ends, self.options)?;
                merged
            }
            _ if messages == 0 => return Ok(Some(Change::Note(note.changes()))),
            _ if !self.resumes => return Err(holds_messages(&topic.name, messages)),
            Some(noted) => return Err(other_source(&topic.name, &noted, note)),
            None => return Err(no_source(&topic.name, messages)),
        };
        Ok(merged.map(|merged| Change::Note(merged.changes())))
    }

    /// A copy of which nothing is left does not go on in silence as if it were whole.
    fn check_emptied(&self, name: &str, noted: &SourceNote, ends: &[Watermarks]) -> Result<()> {
        let had_some = ends.iter().any(|end| noted.starts.get(&end.partition).is_some_and(|start| end.high > *start));
        if !had_some || ends.iter().any(|end| end.high > end.low) {
            return Ok(());
        }
        let why = "the target holds nothing of what was copied any more: all of it was deleted since";
        if self.options.read.consumer.allow_gap {
            log::warn!("topic {name}: {why}: going on behind it");
            return Ok(());
        }
        let error = Error::new(ErrorKind::Conflict, "resume", why).with("topic", name);
        Err(error.hint("delete the target (kafi rm) to copy everything again, --allow-gap goes on behind it"))
    }

    /// Lets the parts go on at the target's end; returns the note with the partitions that are new, if there are some.
    fn resume(
        &mut self,
        name: &str,
        noted: SourceNote,
        ends: &[Watermarks],
        parts: &mut [Assignment],
    ) -> Result<Option<SourceNote>> {
        let mut merged = noted.clone();
        let sources = watermarks(self.source_admin, parts, Isolation::ReadUncommitted, self.options)?;
        for (part, source) in parts.iter_mut().zip(sources) {
            let Some(start) = noted.starts.get(&part.partition) else {
                merged.starts.insert(part.partition, part.start);
                continue;
            };
            // A partition that the target does not have yet is one that the copy did not come to.
            let end = ends.iter().find(|end| end.partition == part.partition).map_or(0, |end| end.high);
            if self.options.read.group.is_some() {
                // The group says where to go on; what the target has by then is left out.
                continue;
            }
            go_on(part, end.max(*start), &source, self.options)?;
            log::info!("resuming topic {name}, partition {}, at offset {}", part.partition, part.start);
        }
        Ok((merged != noted).then_some(merged))
    }
}

impl CopyTarget {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            topic: None,
            age_max: Vec::new(),
            ahead_max_ms: None,
            bytes_max: None,
            bytes: Arc::default(),
            append_time: false,
            codec: None,
            spread: None,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Does to the target what has to be done, and reads its limits where it was made.
    pub(crate) fn make(
        &mut self,
        storage: &dyn Storage,
        admin: &mut dyn Admin,
        changes: Vec<Change>,
        options: &CopyOptions,
    ) -> Result<()> {
        let timeout = options.read.timeout;
        for change in changes {
            match change {
                Change::Create(topic, left) => {
                    say_what_is_left(&self.name, &left);
                    let said = options.config.iter().any(|(key, _)| key == RETENTION);
                    if !said
                        && topic.config.iter().any(|(key, value)| key == RETENTION && value == "-1")
                        && !keeps_forever(storage)
                    {
                        let name = &self.name;
                        let why = "so that nothing of the copy is deleted for its age";
                        log::warn!(
                            "topic {name} is created with retention.ms=-1, {why}; --config retention.ms=… sets another"
                        );
                    }
                    admin.create_topic(&topic, timeout)?;
                    self.topic = existing(admin, &self.name, timeout)?;
                    self.read_config(storage, &config_of(storage, admin, &self.name, timeout)?);
                    self.check_append_time(storage, options)?;
                }
                Change::Grow(partitions) => {
                    log::warn!("topic {} gets {partitions} partitions, as its source has", self.name);
                    let grown = admin.create_partitions(&self.name, partitions, timeout);
                    // Another process that shares the work may have been first.
                    let has_them = |topic: Topic| topic.partitions.len() >= partitions as usize;
                    if grown.is_err() && !existing(admin, &self.name, timeout)?.is_some_and(has_them) {
                        return grown;
                    }
                }
                Change::Note(changes) => admin.alter_topic_config(&self.name, &changes, timeout)?,
            }
        }
        Ok(())
    }

    /// Whether its settings let it delete what was written.
    pub(crate) fn forgets(&self) -> bool {
        self.bytes_max.is_some() || self.age_max.iter().any(|(setting, _)| *setting == RETENTION)
    }

    /// Chooses the partitions anew, where the target has another number of them.
    pub(crate) fn spread(&self, batch: &mut Batch, topic: u32) {
        let Some(partitions) = self.spread else { return };
        for index in 0..batch.len() {
            let meta = batch.metas()[index];
            if meta.topic == topic {
                // What has no key keeps company with what stood in its partition, in its order.
                let partition = batch
                    .get(index)
                    .key
                    .map_or(meta.partition.rem_euclid(partitions), |key| partition_of(key, partitions));
                batch.metas_mut()[index].partition = partition;
            }
        }
    }

    /// Whether the target would delete or refuse one of these messages, for its timestamp.
    pub(crate) fn check_timestamps(&self, batch: &Batch, topic: u32) -> Result<()> {
        if self.age_max.is_empty() && self.ahead_max_ms.is_none() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let timestamps = || {
            batch
                .metas()
                .iter()
                .filter(|meta| meta.topic == topic && meta.timestamp != NO_TIMESTAMP)
                .map(|meta| meta.timestamp)
        };
        let (Some(oldest), Some(newest)) = (timestamps().min(), timestamps().max()) else { return Ok(()) };
        if let Some((setting, ms)) = self.age_max.iter().find(|(_, ms)| oldest < now.saturating_sub(*ms)) {
            let verb = if *setting == RETENTION { "delete" } else { "refuse" };
            return Err(self.bad_time(
                setting,
                *ms,
                format!("would {verb} messages of the source, which are older than that"),
            ));
        }
        match self.ahead_max_ms {
            Some(ms) if newest > now.saturating_add(ms) => Err(self.bad_time(
                AFTER_MAX,
                ms,
                "would refuse messages of the source, which lie farther in the future".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Counts the messages of a batch that go to the target, and looks whether it would delete the first ones for their
    /// size. What it held before is not known everywhere and not counted, and what the target saves by compression
    /// neither.
    pub(crate) fn check_bytes(&self, batch: &Batch, topic: u32) -> Result<()> {
        let Some(bytes_max) = self.bytes_max else { return Ok(()) };
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        for meta in batch.metas().iter().filter(|meta| meta.topic == topic) {
            let partition = bytes.entry(meta.partition).or_default();
            *partition += (meta.key.len.max(0) + meta.value.len.max(0)) as u64;
            if *partition > bytes_max {
                let what = format!(
                    "{RETENTION_BYTES}={bytes_max} would delete messages of the source, which has more bytes than that for the partition"
                );
                let error = Error::new(ErrorKind::Usage, OPERATION, what)
                    .with("topic", &self.name)
                    .with("partition", meta.partition);
                return Err(
                    error.hint(format!("raise {RETENTION_BYTES} of the target (-1 keeps everything), or pass --force"))
                );
            }
        }
        Ok(())
    }

    fn check_append_time(&self, storage: &dyn Storage, options: &CopyOptions) -> Result<()> {
        if !self.append_time
            || storage.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE)
            || options.ignore_timestamp
        {
            return Ok(());
        }
        let error = Error::new(
            ErrorKind::Usage,
            OPERATION,
            "the target has message.timestamp.type=LogAppendTime and would overwrite the timestamps",
        );
        Err(error.with("topic", &self.name).hint("pass --ignore-timestamp if that is all right"))
    }

    fn bad_time(&self, setting: &str, ms: i64, what: String) -> Error {
        let keeps_all = if setting == RETENTION { " (-1 keeps everything)" } else { "" };
        let hint = format!("raise {setting} of the target{keeps_all}, or pass --force");
        Error::new(ErrorKind::Usage, OPERATION, format!("{setting}={ms} {what}")).with("topic", &self.name).hint(hint)
    }

    fn read_config(&mut self, storage: &dyn Storage, config: &[ConfigEntry]) {
        let value =
            |name: &str| config.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.as_deref());
        let limit = |name: &str| value(name).and_then(|text| text.parse().ok()).filter(|&ms: &i64| ms >= 0);
        let deletes = value("cleanup.policy").is_none_or(|policy| policy.contains("delete"));
        let retention = limit(RETENTION).filter(|_| deletes).map(|ms| (RETENTION, ms));
        let before_max = limit(BEFORE_MAX).map(|ms| (BEFORE_MAX, ms));
        self.age_max = retention.into_iter().chain(before_max).collect();
        self.ahead_max_ms = limit(AFTER_MAX);
        self.bytes_max = limit(RETENTION_BYTES).filter(|_| deletes && !keeps_forever(storage)).map(i64::unsigned_abs);
        self.append_time = value(TIMESTAMP_TYPE) == Some("LogAppendTime");
        self.codec = value(COMPRESSION).filter(|&codec| codec != "producer").map(str::to_string);
    }
}

/// Gives every message the target's clock.
pub(crate) fn forget_timestamps(batch: &mut Batch) {
    for meta in batch.metas_mut() {
        meta.timestamp = NO_TIMESTAMP;
        meta.timestamp_type = TimestampType::Create;
    }
}

/// The settings of the target; none where the storage has none, or keeps them to itself.
fn config_of(storage: &dyn Storage, admin: &mut dyn Admin, name: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
    if !storage.capabilities().contains(Capabilities::ADMIN_CONFIG) {
        return Ok(Vec::new());
    }
    match admin.topic_config(name, timeout) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            log::warn!("{error}: whether topic {name} keeps everything that is copied is not looked at");
            Ok(Vec::new())
        }
        config => config,
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, OPERATION, "no such topic")
        .with("topic", name)
        .hint("create it first, or leave out --no-create")
}

fn holds_messages(name: &str, messages: i64) -> Error {
    let why = format!("the target holds {messages} messages already");
    let hint = "pass --resume to go on where this copy stopped, or --append to write behind them, at new offsets";
    Error::new(ErrorKind::AlreadyExists, OPERATION, why).with("topic", name).hint(hint)
}

fn other_source(name: &str, noted: &SourceNote, source: &SourceNote) -> Error {
    let what = if (&noted.cluster, &noted.topic) == (&source.cluster, &source.topic) {
        "a topic of the same name that was deleted since".to_string()
    } else {
        format!("topic {} of {}", noted.topic, noted.cluster)
    };
    let error = Error::new(ErrorKind::Conflict, "resume", format!("the target is a copy of another source: {what}"));
    error
        .with("topic", name)
        .hint("copy into a new topic, or pass --append to write behind what it holds, at new offsets")
}

fn no_source(name: &str, messages: i64) -> Error {
    let why = format!("the target holds {messages} messages, but does not say that they are a copy of this source");
    Error::new(ErrorKind::Conflict, "resume", why)
        .with("topic", name)
        .hint("copy into a new topic, or pass --append to write behind them, at new offsets")
}
