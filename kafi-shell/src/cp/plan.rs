//! What a copy reads and where it writes it: every question is answered here, before anything is made or read.

use std::collections::{HashMap, HashSet};

use kafi_core::functional::{GroupUse, plan, start_at_committed};
use kafi_core::{
    Admin, Assignment, Error, ErrorKind, Isolation, Result, SetAside, Storage, Topic, TopicPartition, check_topic_name,
    existing,
};

use crate::cp::able::{keeps_offsets, notes_source};
use crate::cp::ends::{go_on, watermarks};
use crate::cp::note::SourceNote;
use crate::cp::pair::Pair;
use crate::cp::progress::Resumed;
use crate::cp::target::{Change, CopyTarget, TargetPlanner};
use crate::same_storage::is_same_storage;
use crate::{CopyOptions, PlannedPart};

const OPERATION: &str = "copy";

/// Answers the questions of one copy.
pub(crate) struct Planner<'a> {
    pub(crate) source: &'a dyn Storage,
    pub(crate) target: &'a dyn Storage,
    pub(crate) options: &'a CopyOptions,
    pub(crate) source_admin: Box<dyn Admin>,
    target_admin: Box<dyn Admin>,
    /// Whether the messages are written at the offsets that they have at the source.
    pub(crate) keep_offsets: bool,
    /// The identity of the source, which a log notes; empty for other targets.
    cluster: String,
    /// Whether source and target are the same cluster.
    within: bool,
    /// The identity of the target's storage, once it was asked for.
    target_cluster: Option<String>,
    /// The sources that are not copied while others are.
    failures: Failures,
}

/// A topic that is to be copied, and what has to be done at the target before.
pub(crate) struct PlannedTopic {
    pub(crate) source: Topic,
    pub(crate) target: CopyTarget,
    /// What is read.
    pub(crate) parts: Vec<Assignment>,
    /// The group on the source that keeps how far the copy has come, where the target does not.
    pub(crate) progress_group: Option<String>,
    changes: Vec<Change>,
}

/// A topic that can be copied now.
pub(crate) struct ReadyTopic {
    pub(crate) source: Topic,
    pub(crate) target: CopyTarget,
    pub(crate) parts: Vec<Assignment>,
    pub(crate) progress_group: Option<String>,
    /// What is noted beside what is committed.
    pub(crate) pair: Option<Pair>,
}

impl<'a> Planner<'a> {
    pub(crate) fn open(source: &'a dyn Storage, target: &'a dyn Storage, options: &'a CopyOptions) -> Result<Self> {
        if options.resume && options.append {
            let error = Error::new(
                ErrorKind::Usage,
                OPERATION,
                "a copy is either resumed at the source's offsets or appended at new ones",
            );
            return Err(error.hint("pass --resume or --append, not both"));
        }
        let cluster = if notes_source(target) { source.identity(options.read.timeout)? } else { String::new() };
        let within = !notes_source(target) && is_same_storage(source, target, options.read.timeout)?;
        Ok(Self {
            within,
            target_cluster: None,
            source,
            target,
            options,
            source_admin: source.admin()?,
            target_admin: target.admin()?,
            keep_offsets: false,
            cluster,
            failures: Failures::default(),
        })
    }

    /// Plans the copy of all pairs. Where one of several cannot be copied, it is left out and counted, and the others
    /// are planned.
    pub(crate) fn plan(&mut self, pairs: &[(String, String)]) -> Result<Vec<PlannedTopic>> {
        self.refuse_itself(pairs)?;
        refuse_twice(pairs)?;
        self.keep_offsets = self.can_keep_offsets(pairs)?;
        self.failures.of = pairs.len();
        self.plan_topics(pairs)
    }

    /// Makes what was planned; what cannot be made is left out as above.
    pub(crate) fn make_all(&mut self, planned: Vec<PlannedTopic>) -> Result<Vec<ReadyTopic>> {
        let mut ready = Vec::with_capacity(planned.len());
        for topic in planned {
            let name = topic.source.name.clone();
            match self.make(topic) {
                Ok(topic) => ready.push(topic),
                Err(error) => self.failures.add(&name, error)?,
            }
        }
        Ok(ready)
    }

    /// What became of the copy as a whole, once the topics that could be copied are.
    pub(crate) fn outcome(self) -> Result<()> {
        self.failures.outcome()?;
        self.options.read.set_aside.as_ref().map_or(Ok(()), SetAside::outcome)
    }

    /// Plans topics that came later, as those before.
    pub(crate) fn plan_more(&mut self, pairs: &[(String, String)]) -> Result<Vec<PlannedTopic>> {
        self.refuse_itself(pairs)?;
        self.failures.of += pairs.len();
        self.plan_topics(pairs)
    }

    /// Plans partitions that a topic got later: they are read from their start.
    pub(crate) fn plan_partitions(&mut self, source: Topic, to: &str, partitions: &[i32]) -> Result<PlannedTopic> {
        let partitions: Vec<_> =
            partitions.iter().map(|&partition| TopicPartition { topic: source.name.clone(), partition }).collect();
        let watermarks = self.source_admin.watermarks(
            &partitions,
            self.options.read.consumer.isolation,
            self.options.read.timeout,
        )?;
        let parts = watermarks
            .into_iter()
            .map(|w| Assignment { topic: w.topic, partition: w.partition, start: w.low, end: None })
            .collect();
        self.plan_topic(source, to, parts, true)
    }

    fn plan_topics(&mut self, pairs: &[(String, String)]) -> Result<Vec<PlannedTopic>> {
        let mut planned = Vec::with_capacity(pairs.len());
        for (source, to, parts) in self.look_at_sources(pairs)? {
            let name = source.name.clone();
            match self.plan_topic(source, to, parts, self.resumes()) {
                Ok(topic) => planned.push(topic),
                Err(error) => self.failures.add(&name, error)?,
            }
        }
        Ok(planned)
    }

    /// The sources of these pairs, their targets, and what is read: all asked for together, and one by one where that
    /// fails.
    fn look_at_sources<'p>(&mut self, pairs: &'p [(String, String)]) -> Result<Vec<(Topic, &'p str, Vec<Assignment>)>> {
        match self.look_at(pairs) {
            Err(error) if self.failures.of > 1 && !error.concerns_all() => {}
            looked => return looked,
        }
        let mut found = Vec::new();
        for pair in pairs {
            match self.look_at(std::slice::from_ref(pair)) {
                Ok(one) => found.extend(one),
                Err(error) => self.failures.add(&pair.0, error)?,
            }
        }
        Ok(found)
    }

    fn look_at<'p>(&mut self, pairs: &'p [(String, String)]) -> Result<Vec<(Topic, &'p str, Vec<Assignment>)>> {
        let topics: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
        let read = &self.options.read;
        let mut known: HashMap<String, Topic> = self
            .source_admin
            .topics(&topics, read.timeout)?
            .into_iter()
            .map(|topic| (topic.name.clone(), topic))
            .collect();
        let mut assignments = plan(self.source, &topics, read)?;
        if let Some(group) = &read.group {
            // The group says by itself where its members begin; here it is what is told and noted.
            start_at_committed(self.source, group, &mut assignments, read)?;
        }
        let mut parts: HashMap<String, Vec<Assignment>> = HashMap::new();
        for assignment in assignments {
            parts.entry(assignment.topic.clone()).or_default().push(assignment);
        }
        let found = pairs.iter().map(|(from, to)| {
            let source = known.remove(from).expect("the storage describes each topic that it was asked for");
            (source, to.as_str(), parts.remove(from).unwrap_or_default())
        });
        // Of a topic of which nothing can be read no copy is made.
        let aside = read.set_aside();
        Ok(found
            .filter(|(source, _, parts)| !parts.is_empty() || aside.is_none_or(|aside| !aside.has_topic(&source.name)))
            .collect())
    }

    /// Plans the copy of one topic. `resumes` says whether what the target holds may be the beginning of it.
    fn plan_topic(
        &mut self,
        source: Topic,
        to: &str,
        mut parts: Vec<Assignment>,
        resumes: bool,
    ) -> Result<PlannedTopic> {
        check_topic_name(to)?;
        let note = self.note(&source, &parts);
        let mut planner = TargetPlanner {
            source: self.source,
            storage: self.target,
            admin: self.target_admin.as_mut(),
            source_admin: self.source_admin.as_mut(),
            options: self.options,
            keep_offsets: self.keep_offsets,
            within: self.within,
            resumes,
        };
        let (target, changes) = planner.plan(to, &source, &note, &mut parts)?;
        let progress_group = self.progress_group(&source.name, to)?;
        self.resume_from_group(&source, &target, &mut parts, progress_group.as_deref())?;
        Ok(PlannedTopic { source, target, parts, progress_group, changes })
    }

    /// Makes and changes at the target what has to be.
    pub(crate) fn make(&mut self, topic: PlannedTopic) -> Result<ReadyTopic> {
        let PlannedTopic { source, mut target, parts, progress_group, changes } = topic;
        match target.make(self.target, self.target_admin.as_mut(), changes, self.options) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Somebody else has just made it, which may be another process that shares the work, or the pair
                // before.
                let name = target.name().to_string();
                let again = self.plan_topic(source, &name, parts, self.resumes())?;
                let PlannedTopic { source, mut target, parts, progress_group, changes } = again;
                target.make(self.target, self.target_admin.as_mut(), changes, self.options)?;
                self.ready(source, target, parts, progress_group)
            }
            made => {
                made?;
                self.ready(source, target, parts, progress_group)
            }
        }
    }

    fn ready(
        &mut self,
        source: Topic,
        target: CopyTarget,
        parts: Vec<Assignment>,
        progress_group: Option<String>,
    ) -> Result<ReadyTopic> {
        let pair = self.pair_of(&source, &target, progress_group.as_deref())?;
        Ok(ReadyTopic { source, target, parts, progress_group, pair })
    }

    /// The plan in words.
    pub(crate) fn describe(&mut self, planned: &[PlannedTopic]) -> Result<Vec<PlannedPart>> {
        let mut described = Vec::new();
        for topic in planned {
            let ends = watermarks(
                self.source_admin.as_mut(),
                &topic.parts,
                self.options.read.consumer.isolation,
                self.options,
            )?;
            for (part, end) in topic.parts.iter().zip(ends) {
                let until = part.end.unwrap_or(end.high);
                described.push(PlannedPart {
                    topic: part.topic.clone(),
                    partition: part.partition,
                    start: part.start,
                    end: part.end,
                    messages: (until - part.start).max(0),
                    target: topic.target.name().to_string(),
                    creates: topic.changes.iter().any(|change| matches!(change, Change::Create(..))),
                });
            }
        }
        Ok(described)
    }

    /// Whether what a target holds may be the beginning of this copy: also where it is another process of the same
    /// group that has written it.
    fn resumes(&self) -> bool {
        self.options.resume || self.options.read.group.is_some() && !self.options.append && keeps_offsets(self.target)
    }

    fn note(&self, source: &Topic, parts: &[Assignment]) -> SourceNote {
        let starts = parts.iter().map(|part| (part.partition, part.start)).collect();
        SourceNote { cluster: self.cluster.clone(), topic: source.name.clone(), id: source.id.clone(), starts }
    }

    /// Offsets are kept where the target can, gets one source only, and spreads no messages over other partitions.
    fn can_keep_offsets(&mut self, pairs: &[(String, String)]) -> Result<bool> {
        let mut names: Vec<_> = pairs.iter().map(|(_, to)| to).collect();
        names.sort();
        let one_source_each = names.windows(2).all(|pair| pair[0] != pair[1]);
        let is_whole = self.options.read.key.is_none() && self.options.through.is_none();
        let keeps = !self.options.append
            && keeps_offsets(self.target)
            && one_source_each
            && is_whole
            && !self.repartitions(pairs)?;
        if self.options.resume && keeps_offsets(self.target) && !keeps {
            let why =
                "only a copy of one source with its partitions keeps the source's offsets, which say where to go on";
            return Err(Error::new(ErrorKind::Usage, OPERATION, why).hint(
                "leave out --resume, or copy each source to a topic of its own without --repartition, --key, and functions",
            ));
        }
        Ok(keeps)
    }

    fn repartitions(&mut self, pairs: &[(String, String)]) -> Result<bool> {
        if !self.options.repartition {
            return Ok(false);
        }
        let timeout = self.options.read.timeout;
        for (from, to) in pairs {
            let (source, target) = (
                existing(self.source_admin.as_mut(), from, timeout)?,
                existing(self.target_admin.as_mut(), to, timeout)?,
            );
            if source.zip(target).is_some_and(|(source, target)| source.partitions.len() != target.partitions.len()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets the parts go on where the group says that the copy has come, if that still holds for the target: a group of
    /// the copy's own, or the one that reads.
    fn resume_from_group(
        &mut self,
        source: &Topic,
        target: &CopyTarget,
        parts: &mut [Assignment],
        progress_group: Option<&str>,
    ) -> Result<()> {
        let options = self.options;
        let Some(group) = progress_group.or(options.read.group.as_ref().map(|group| group.name.as_str())) else {
            return Ok(());
        };
        let mut committed = match self.source_admin.group_offsets(group, options.read.timeout) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            committed => committed?,
        };
        committed.retain(|offset| offset.topic == source.name);
        let to = self.place_of(target.name())?;
        let ends = watermarks(self.source_admin.as_mut(), parts, Isolation::ReadUncommitted, options)?;
        let resumed = Resumed {
            group,
            storage: self.source.name(),
            is_own: progress_group.is_some(),
            source,
            name: target.name(),
            target: target.topic.as_ref(),
            to: &to,
            forgets: target.forgets(),
            allow_gap: options.read.consumer.allow_gap,
        };
        // A member of a group begins at what is committed, so that it is the log's start that tells whether it has read
        // something.
        let starts: Vec<Assignment> = match progress_group {
            Some(_) => parts.to_vec(),
            None => parts.iter().zip(&ends).map(|(part, end)| Assignment { start: end.low, ..part.clone() }).collect(),
        };
        let counts = resumed.check(&committed, &starts, self.target_admin.as_mut(), options.read.timeout)?;
        if progress_group.is_none() {
            return Ok(());
        }
        for (part, source) in parts.iter_mut().zip(ends) {
            if let Some(committed) =
                committed.iter().find(|c| c.partition == part.partition && counts.contains(&c.partition))
            {
                go_on(part, committed.offset, &source, options)?;
            }
        }
        Ok(())
    }

    /// The target's storage and its name.
    fn place_of(&mut self, target: &str) -> Result<String> {
        Ok(format!("{}/{target}", self.target_cluster()?))
    }

    fn target_cluster(&mut self) -> Result<&str> {
        if self.target_cluster.is_none() {
            self.target_cluster = Some(self.target.identity(self.options.read.timeout)?);
        }
        Ok(self.target_cluster.as_deref().unwrap_or_default())
    }

    /// The group on the source that keeps how far a copy has come whose target does not keep the offsets.
    fn progress_group(&mut self, from: &str, to: &str) -> Result<Option<String>> {
        if !self.options.resume || self.options.read.group.is_some() || keeps_offsets(self.target) {
            return Ok(None);
        }
        Ok(Some(format!("kafi-cp.{from}.{}.{to}", self.target_cluster()?)))
    }

    /// What is noted beside the committed offsets of a topic, once its target is there.
    fn pair_of(&mut self, source: &Topic, target: &CopyTarget, progress_group: Option<&str>) -> Result<Option<Pair>> {
        let commits = progress_group.is_some()
            || self.options.read.group.as_ref().is_some_and(|group| group.usage != GroupUse::LookOnly);
        let Some(topic) = target.topic.as_ref().filter(|_| commits) else { return Ok(None) };
        let to = self.place_of(target.name())?;
        Ok(Some(Pair::new(source, topic, &to)))
    }

    fn refuse_itself(&self, pairs: &[(String, String)]) -> Result<()> {
        let Some((same, _)) = pairs.iter().find(|(from, to)| from == to) else { return Ok(()) };
        if !is_same_storage(self.source, self.target, self.options.read.timeout)? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, OPERATION, "source and target are the same topic").with("topic", same))
    }
}

/// What is not copied while other topics are.
#[derive(Default)]
struct Failures {
    /// How many topics were to be copied.
    of: usize,
    /// How many are not.
    count: usize,
    /// The first reason.
    first: Option<Error>,
}

impl Failures {
    /// Says why a topic is not copied, so that the others can go on.
    ///
    /// # Errors
    /// The reason itself, where there are no others, or where it would be theirs, too.
    fn add(&mut self, topic: &str, error: Error) -> Result<()> {
        if self.of < 2 || error.concerns_all() {
            return Err(error);
        }
        let hint = error.hint_text().map_or(String::new(), |hint| format!(" ({hint})"));
        log::error!("topic {topic} is not copied: {error}{hint}");
        self.count += 1;
        self.first.get_or_insert(error);
        Ok(())
    }

    fn outcome(self) -> Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        let was = if self.count == 1 { "was" } else { "were" };
        let why = format!("{} of {} topics {was} not copied, for the reasons above", self.count, self.of);
        // As a whole it is no wrong usage, since the others are copied.
        let kind = if matches!(first.kind(), ErrorKind::Usage | ErrorKind::Config | ErrorKind::Unsupported) {
            ErrorKind::Conflict
        } else {
            first.kind()
        };
        Err(Error::new(kind, OPERATION, why).source(first))
    }
}

fn refuse_twice(pairs: &[(String, String)]) -> Result<()> {
    let mut seen = HashSet::new();
    match pairs.iter().find(|(topic, _)| !seen.insert(topic)) {
        None => Ok(()),
        Some((twice, _)) => Err(Error::new(ErrorKind::Usage, OPERATION, "the source is named twice")
            .with("topic", twice)
            .hint("copy it to one topic at a time")),
    }
}
