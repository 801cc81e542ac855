//! Consumer groups in a store of objects: `groups/<group>.json` holds the committed offsets and who the live member is,
//! and is changed only by whoever saw its last version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{CommittedOffset, Error, ErrorKind, Group, GroupDescription, GroupMember, Result, TopicPartition};
use kafi_fs::emulated::clock::now_ms;
use kafi_fs::emulated::group_file::{
    GroupFile, LiveMember, check_offset, decode_name, encode_name, has_live_member, missing, state,
};
use kafi_fs::emulated::topic_file::new_id;

use crate::config::ObjectOptions;
use crate::io::{Precondition, Put, PutRequest, get_small, list};
use crate::log::{check_time, put};
use crate::tasks::for_all;
use crate::topics::{ObjectTopics, is_of_one_object};

const FOLDER: &str = "groups/";

/// How long a live member is waited for that is just leaving, and how often it is looked for.
const LEAVE_WAIT: Duration = Duration::from_secs(1);
const LEAVE_PAUSE: Duration = Duration::from_millis(50);

/// A member that says that it lives for longer than this from now on says what cannot be true, and blocks nobody: its
/// clock is wrong, or somebody wrote it there.
const LEASE_MAX: Duration = Duration::from_secs(600);

/// How long leaving may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The groups of a storage.
#[derive(Clone)]
pub(crate) struct ObjectGroups {
    topics: ObjectTopics,
    requests_max: usize,
    member_timeout: Duration,
}

/// The right to be the one live member of a group; it ends when it is dropped, which is told in the background, or when
/// it was not renewed for too long.
pub(crate) struct Membership {
    groups: ObjectGroups,
    group: Arc<str>,
    id: Arc<str>,
    left: bool,
}

/// A group as it stands there.
struct Loaded {
    file: GroupFile,
    /// `None` where there is no object yet.
    etag: Option<String>,
}

impl Loaded {
    fn live(&self) -> Option<&LiveMember> {
        let now = now_ms();
        let latest = now.saturating_add(LEASE_MAX.as_millis() as i64);
        self.file.member.as_ref().filter(|member| (now + 1..=latest).contains(&member.until))
    }
}

impl ObjectGroups {
    pub(crate) fn new(topics: ObjectTopics, options: &ObjectOptions) -> Self {
        Self {
            topics,
            requests_max: options.requests_max,
            member_timeout: Duration::from_millis(options.member_timeout_ms).min(LEASE_MAX / 2),
        }
    }

    /// Becomes the live member.
    pub(crate) fn join(&self, group: &str, deadline: Instant) -> Result<Membership> {
        let id: Arc<str> = new_id().into();
        let until = deadline.min(Instant::now() + LEAVE_WAIT);
        self.change("join group", group, deadline, |loaded| {
            if loaded.live().is_some_and(|member| member.id != *id) {
                return if Instant::now() < until {
                    Ok(Change::Later)
                } else {
                    Err(lives("join group", group, loaded))
                };
            }
            loaded.file.generation = Some(loaded.file.generation.unwrap_or(0).saturating_add(1));
            loaded.file.member = Some(self.member(&id));
            Ok(Change::Write)
        })?;
        Ok(Membership { groups: self.clone(), group: group.into(), id, left: false })
    }

    fn member(&self, id: &str) -> LiveMember {
        let timeout = i64::try_from(self.member_timeout.as_millis()).unwrap_or(i64::MAX);
        LiveMember { id: id.to_string(), until: now_ms().saturating_add(timeout) }
    }

    /// How often a member has to say that it lives.
    pub(crate) fn renew_interval(&self) -> Duration {
        self.member_timeout / 3
    }

    /// All groups, sorted by name. One that cannot be read is named in a warning and hides no other.
    pub(crate) fn list(&self, deadline: Instant) -> Result<Vec<Group>> {
        let names: Vec<String> =
            self.encoded_names(deadline)?.iter().filter_map(|encoded| decode_name(encoded)).collect();
        let loaded = for_all(&names, self.requests_max, |group| match self.load(group, deadline) {
            Err(error) if is_of_one_object(&error) => {
                log::warn!("{error}; left out");
                Ok(Loaded { file: GroupFile::default(), etag: None })
            }
            loaded => loaded,
        })?;
        let groups: BTreeMap<String, Group> = names
            .into_iter()
            .zip(loaded)
            .filter(|(_, loaded)| loaded.etag.is_some())
            .map(|(name, loaded)| (name.clone(), Group::new(name, state(loaded.live().is_some()))))
            .collect();
        Ok(groups.into_values().collect())
    }

    /// What a group is doing. Of a live member only its id is known.
    pub(crate) fn describe(&self, group: &str, deadline: Instant) -> Result<GroupDescription> {
        let loaded = self.load(group, deadline)?;
        if loaded.etag.is_none() {
            return Err(missing(group));
        }
        let member = |member: &LiveMember| GroupMember {
            id: member.id.clone(),
            client_id: String::new(),
            host: String::new(),
            partitions: Vec::new(),
        };
        let members: Vec<_> = loaded.live().map(member).into_iter().collect();
        Ok(GroupDescription { name: group.to_string(), state: state(!members.is_empty()).into(), members })
    }

    /// The committed offsets of a group, sorted; those of topics that are gone are left out.
    pub(crate) fn offsets(&self, group: &str, deadline: Instant) -> Result<Vec<CommittedOffset>> {
        let loaded = self.load(group, deadline)?;
        if loaded.etag.is_none() {
            return Err(missing(group));
        }
        loaded.file.valid(|topic| self.topics.load(topic, deadline).map(|loaded| loaded.file.id))
    }

    /// As [`offsets`](Self::offsets), but a group that nobody has seen has none.
    pub(crate) fn offsets_if_any(&self, group: &str, deadline: Instant) -> Result<Vec<CommittedOffset>> {
        let loaded = self.load(group, deadline)?;
        loaded.file.valid(|topic| self.topics.load(topic, deadline).map(|loaded| loaded.file.id))
    }

    /// Commits without being a member, which is possible while there is none. One that was not heard of for too long is
    /// one no more.
    pub(crate) fn commit_alone(
        &self,
        operation: &'static str,
        group: &str,
        offsets: &[CommittedOffset],
        deadline: Instant,
    ) -> Result<()> {
        let ids = self.check_offsets(offsets, deadline)?;
        self.change(operation, group, deadline, |loaded| {
            if loaded.live().is_some() {
                return Err(lives(operation, group, loaded));
            }
            loaded.file.member = None;
            loaded.file.commit(offsets, |topic| Ok(ids[topic].clone()))?;
            Ok(Change::Write)
        })
    }

    /// Deletes the committed offsets of these partitions of a group without a live member.
    pub(crate) fn forget(&self, group: &str, partitions: &[TopicPartition], deadline: Instant) -> Result<()> {
        let operation = "delete group offsets";
        self.change(operation, group, deadline, |loaded| {
            if loaded.etag.is_none() {
                return Err(missing(group));
            }
            if loaded.live().is_some() {
                return Err(lives(operation, group, loaded));
            }
            loaded.file.member = None;
            loaded.file.forget(partitions);
            Ok(Change::Write)
        })
    }

    /// Deletes a group without a live member.
    pub(crate) fn delete(&self, group: &str, deadline: Instant) -> Result<()> {
        match self.load(group, deadline) {
            Ok(Loaded { etag: None, .. }) => return Err(missing(group)),
            Ok(loaded) if loaded.live().is_some() => return Err(lives("delete group", group, &loaded)),
            // What cannot be read can be deleted.
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            _ => {}
        }
        self.topics.io().delete(&[key(group)?], deadline).map_err(|error| error.with("group", group))
    }

    /// Changes a group's object, again if others changed it meanwhile.
    fn change(
        &self,
        operation: &'static str,
        group: &str,
        deadline: Instant,
        mut change: impl FnMut(&mut Loaded) -> Result<Change>,
    ) -> Result<()> {
        let mut wanted: Option<Bytes> = None;
        loop {
            let mut loaded = self.load(group, deadline)?;
            if wanted
                .is_some_and(|wanted| loaded.etag.is_some() && loaded.file.encode().is_ok_and(|bytes| bytes == wanted))
            {
                // The answer to the put before was lost.
                return Ok(());
            }
            wanted = None;
            match change(&mut loaded)? {
                Change::Nothing => return Ok(()),
                Change::Later => std::thread::sleep(LEAVE_PAUSE),
                Change::Write => {
                    let bytes: Bytes = loaded.file.encode()?.into();
                    let precondition = loaded.etag.as_deref().map_or(Precondition::Absent, Precondition::Matches);
                    let request = PutRequest { key: &key(group)?, bytes: bytes.clone(), precondition, metadata: &[] };
                    let answer =
                        put(&**self.topics.io(), &request, deadline).map_err(|error| error.with("group", group))?;
                    if let Put::Written(_) = answer {
                        return Ok(());
                    }
                    wanted = Some(bytes);
                }
            }
            check_time(operation, deadline).map_err(|error| error.with("group", group))?;
        }
    }

    fn load(&self, group: &str, deadline: Instant) -> Result<Loaded> {
        let (key, io, mut bytes) = (key(group)?, self.topics.io(), Vec::new());
        let stat = get_small(&**io, &key, GroupFile::BYTES_MAX as u64, &mut bytes, deadline)
            .map_err(|error| error.with("group", group))?;
        let Some(stat) = stat else { return Ok(Loaded { file: GroupFile::default(), etag: None }) };
        Ok(Loaded { file: GroupFile::parse(&bytes, group, || io.display(&key))?, etag: Some(stat.etag) })
    }

    fn encoded_names(&self, deadline: Instant) -> Result<Vec<String>> {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let listing = list(&**self.topics.io(), FOLDER, &after, false, deadline)?;
            let name = |key: &str| Some(key.strip_prefix(FOLDER)?.strip_suffix(".json")?.to_string());
            names.extend(listing.objects.iter().filter_map(|object| name(&object.key)));
            match listing.objects.last().filter(|_| listing.more) {
                Some(last) => after = last.key.clone(),
                None => return Ok(names),
            }
        }
    }

    /// Checks that these partitions exist, and returns the ids of their topics.
    fn check_offsets(&self, offsets: &[CommittedOffset], deadline: Instant) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for committed in offsets {
            if !files.contains_key(&committed.topic) {
                files.insert(committed.topic.clone(), self.topics.load(&committed.topic, deadline)?.file);
            }
            self.topics.partition_of(&committed.topic, &files[&committed.topic], committed.partition)?;
            check_offset(committed)?;
        }
        Ok(files.into_iter().map(|(topic, file)| (topic, file.id)).collect())
    }
}

/// What is to become of a group's object.
enum Change {
    Write,
    Nothing,
    /// It is looked at again in a moment.
    Later,
}

impl Membership {
    /// Commits as the live member.
    pub(crate) fn commit(&self, offsets: &[CommittedOffset], deadline: Instant) -> Result<()> {
        let mut ids = BTreeMap::new();
        for committed in offsets {
            if !ids.contains_key(&committed.topic) {
                ids.insert(committed.topic.clone(), self.groups.topics.load(&committed.topic, deadline)?.file.id);
            }
        }
        self.change("commit", deadline, |file| file.commit(offsets, |topic| Ok(ids[topic].clone())))
    }

    /// What renews the membership, for another thread.
    pub(crate) fn renewal(&self) -> impl FnOnce(Instant) -> Result<()> + Send + 'static {
        let member =
            Self { groups: self.groups.clone(), group: Arc::clone(&self.group), id: Arc::clone(&self.id), left: true };
        move |deadline| member.change("stay in group", deadline, |_| Ok(()))
    }

    /// Leaves the group, so that another member need not wait.
    pub(crate) fn leave(mut self, deadline: Instant) -> Result<()> {
        self.left = true;
        self.groups.leave(&self.group, &self.id, deadline)
    }

    fn change(
        &self,
        operation: &'static str,
        deadline: Instant,
        mut change: impl FnMut(&mut GroupFile) -> Result<()>,
    ) -> Result<()> {
        self.groups.change(operation, &self.group, deadline, |loaded| {
            if loaded.file.member.as_ref().is_none_or(|member| member.id != *self.id) {
                let error = Error::new(
                    ErrorKind::Fenced,
                    operation,
                    "another member took over, because this one was not heard of for too long",
                );
                return Err(error
                    .with("group", &self.group)
                    .hint("start again from the committed offsets, and poll more often"));
            }
            change(&mut loaded.file)?;
            loaded.file.member = Some(self.groups.member(&self.id));
            Ok(Change::Write)
        })
    }
}

impl ObjectGroups {
    fn leave(&self, group: &str, id: &str, deadline: Instant) -> Result<()> {
        self.change("leave group", group, deadline, |loaded| match &loaded.file.member {
            Some(member) if member.id == *id => {
                loaded.file.member = None;
                Ok(Change::Write)
            }
            _ => Ok(Change::Nothing),
        })
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // Dropping never waits. If this does not get through, the group is free when the time of the member is over.
        let (groups, group, id) = (self.groups.clone(), Arc::clone(&self.group), Arc::clone(&self.id));
        std::thread::spawn(move || {
            groups.leave(&group, &id, Instant::now() + LEAVE_TIMEOUT).inspect_err(|error| log::warn!("{error}"))
        });
    }
}

/// The error of whoever comes second, and when the first one counts as gone.
fn lives(operation: &'static str, group: &str, loaded: &Loaded) -> Error {
    let left_ms = loaded.live().map_or(0, |member| member.until - now_ms()).max(0);
    let error = has_live_member(operation, group).with("for", format!("{:.1} s", left_ms as f64 / 1000.0));
    error.hint("stop the other consumer, or use another group; one that died counts as gone when that time is over")
}

fn key(group: &str) -> Result<String> {
    Ok(format!("{FOLDER}{}.json", encode_name(group)?))
}
