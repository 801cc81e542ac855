//! Administration by the handle: settings, partitions, offsets, groups, brokers, rules of access, users,
//! leaders.

use kafi_core::{
    Acl, AclFilter, Broker, CommittedOffset, ConfigChange, ConfigEntry, Election, Error, ErrorKind, Group,
    GroupDescription, NewScramUser, Position, Result, ScramUser, TopicPartition,
};

use super::{Kafi, TIMEOUT};
use crate::{self as shell, Glob, GroupLag};

impl Kafi {
    /// The settings of a topic, sorted by name.
    ///
    /// # Errors
    /// Those of [`ConfigAdmin::topic_config`](kafi_core::ConfigAdmin::topic_config).
    pub fn config(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        self.admin()?.topic_config(topic, TIMEOUT)
    }

    /// Changes some settings of a topic and leaves the others.
    ///
    /// ```
    /// # fn keep_a_day(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// c.set_config("snacks", &[("retention.ms", "86400000")])?;
    /// let config = c.config("snacks")?;
    /// assert!(config.iter().any(|entry| entry.name == "retention.ms" && !entry.default));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`ConfigAdmin::alter_topic_config`](kafi_core::ConfigAdmin::alter_topic_config).
    pub fn set_config(&self, topic: &str, settings: &[(&str, &str)]) -> Result<()> {
        self.admin()?.alter_topic_config(topic, &changes(settings), TIMEOUT)
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    pub fn partitions(&self, topic: &str) -> Result<i32> {
        let topics = self.place.topics(&[topic.to_string()])?;
        Ok(topics.first().map_or(0, |topic| topic.partitions.len() as i32))
    }

    /// Raises the number of partitions of a topic.
    ///
    /// ```
    /// # fn grow(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// let before = c.partitions("snacks")?;
    /// c.set_partitions("snacks", before + 1)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`TopicAdmin::create_partitions`](kafi_core::TopicAdmin::create_partitions).
    pub fn set_partitions(&self, topic: &str, partitions: i32) -> Result<()> {
        self.admin()?.create_partitions(topic, partitions, TIMEOUT)
    }

    /// For each partition of a topic, or of all topics that a glob [matches](Kafi::matching), the first offset whose
    /// message has a timestamp at or after this one (epoch ms); the end where there is none.
    ///
    /// ```
    /// # fn since(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// for position in c.offsets_for_times("snacks", 1_732_660_705_555)? {
    ///     println!("{}: {}", position.partition, position.offset);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`matching`](Kafi::matching) and
    /// [`OffsetAdmin::offsets_for_times`](kafi_core::OffsetAdmin::offsets_for_times).
    pub fn offsets_for_times(&self, pattern: &str, timestamp_ms: i64) -> Result<Vec<Position>> {
        let mut times = Vec::new();
        for topic in self.matching(pattern)? {
            let partitions = 0..self.partitions(&topic)?;
            times.extend(partitions.map(|partition| Position {
                topic: topic.clone(),
                partition,
                offset: timestamp_ms,
            }));
        }
        self.admin()?.offsets_for_times(&times, TIMEOUT)
    }

    /// The groups, sorted by name.
    ///
    /// # Errors
    /// Those of [`GroupAdmin::groups`](kafi_core::GroupAdmin::groups).
    #[doc(alias = "gls")]
    pub fn groups(&self) -> Result<Vec<Group>> {
        self.admin()?.groups(TIMEOUT)
    }

    /// The names of the groups that a glob matches, sorted. A backslash takes a sign as it is: groups may have any names.
    ///
    /// ```
    /// # fn clean_up(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// c.delete_groups(&c.groups_matching("test-*")?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `Usage` for a bad glob; those of [`groups`](Kafi::groups).
    pub fn groups_matching(&self, pattern: &str) -> Result<Vec<String>> {
        Glob::parse(pattern)?.groups(self.admin()?.as_mut(), TIMEOUT)
    }

    /// What groups are doing, and their live members, in the order asked for.
    ///
    /// ```
    /// # fn who_reads(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// for group in c.describe_groups(&["billing", "audit"])? {
    ///     println!("{} is {} with {} members", group.name, group.state, group.members.len());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`GroupAdmin::describe_groups`](kafi_core::GroupAdmin::describe_groups), and of the first group that
    /// cannot be described.
    pub fn describe_groups(&self, groups: &[impl AsRef<str>]) -> Result<Vec<GroupDescription>> {
        self.admin()?.describe_groups(&names(groups), TIMEOUT)?.into_iter().collect()
    }

    /// Deletes groups without live members, with their committed offsets, one after another up to the first that
    /// cannot be.
    ///
    /// # Errors
    /// Those of [`GroupAdmin::delete_group`](kafi_core::GroupAdmin::delete_group).
    #[doc(alias = "grm")]
    pub fn delete_groups(&self, groups: &[impl AsRef<str>]) -> Result<()> {
        let mut admin = self.admin()?;
        groups.iter().try_for_each(|group| admin.delete_group(group.as_ref(), TIMEOUT))
    }

    /// The committed offsets of a group, sorted.
    ///
    /// # Errors
    /// Those of [`GroupAdmin::group_offsets`](kafi_core::GroupAdmin::group_offsets).
    pub fn group_offsets(&self, group: &str) -> Result<Vec<CommittedOffset>> {
        self.admin()?.group_offsets(group, TIMEOUT)
    }

    /// Sets committed offsets of a group without live members, which may be new.
    ///
    /// ```
    /// # fn begin_at_three(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// use kafi_core::CommittedOffset;
    /// c.set_group_offsets("billing", &[CommittedOffset::new("snacks", 0, 3)])?;
    /// assert_eq!(c.group_offsets("billing")?[0].offset, 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`GroupAdmin::alter_group_offsets`](kafi_core::GroupAdmin::alter_group_offsets).
    pub fn set_group_offsets(&self, group: &str, offsets: &[CommittedOffset]) -> Result<()> {
        self.admin()?.alter_group_offsets(group, offsets, TIMEOUT)
    }

    /// How far groups lie behind: in their order, of each its name and where it stands in each partition.
    ///
    /// ```
    /// # fn behind(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// for (group, partitions) in c.lags(&["billing"])? {
    ///     let lag: i64 = partitions.iter().filter_map(|partition| partition.lag()).sum();
    ///     println!("{group}: {lag}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`describe_groups`](Kafi::describe_groups) and [`shell::lag_of_groups`], and of the first group whose
    /// lag is not known.
    pub fn lags(&self, groups: &[impl AsRef<str>]) -> Result<Vec<(String, Vec<GroupLag>)>> {
        let mut admin = self.admin()?;
        let described: Vec<GroupDescription> =
            admin.describe_groups(&names(groups), TIMEOUT)?.into_iter().collect::<Result<_>>()?;
        let lags = shell::lag_of_groups(admin.as_mut(), &described, TIMEOUT)?;
        described.into_iter().zip(lags).map(|(group, lag)| Ok((group.name, lag?))).collect()
    }

    /// The brokers, by number.
    ///
    /// # Errors
    /// Those of [`BrokerAdmin::cluster`](kafi_core::BrokerAdmin::cluster): `Unsupported` where there are none.
    pub fn brokers(&self) -> Result<Vec<Broker>> {
        Ok(self.admin()?.cluster(TIMEOUT)?.brokers)
    }

    /// The settings of a broker, sorted by name.
    ///
    /// # Errors
    /// Those of [`BrokerAdmin::broker_config`](kafi_core::BrokerAdmin::broker_config).
    pub fn broker_config(&self, broker: i32) -> Result<Vec<ConfigEntry>> {
        self.admin()?.broker_config(broker, TIMEOUT)
    }

    /// Changes some settings of a broker and leaves the others.
    ///
    /// # Errors
    /// Those of [`BrokerAdmin::alter_broker_config`](kafi_core::BrokerAdmin::alter_broker_config).
    pub fn set_broker_config(&self, broker: i32, settings: &[(&str, &str)]) -> Result<()> {
        self.admin()?.alter_broker_config(broker, &changes(settings), TIMEOUT)
    }

    /// The rules of access that a filter matches, sorted; the default filter matches all.
    ///
    /// # Errors
    /// Those of [`AclAdmin::acls`](kafi_core::AclAdmin::acls).
    pub fn acls(&self, filter: &AclFilter) -> Result<Vec<Acl>> {
        self.admin()?.acls(filter, TIMEOUT)
    }

    /// Makes a rule of access, unless it is there.
    ///
    /// ```
    /// # fn let_alice_read(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// use kafi_core::{Acl, AclOperation, AclResource};
    /// let acl = Acl::allow("User:alice", AclOperation::Read, AclResource::Topic, "snacks");
    /// c.create_acl(&acl)?;
    /// assert_eq!(c.acls(&acl.filter())?, [acl]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`AclAdmin::create_acls`](kafi_core::AclAdmin::create_acls).
    pub fn create_acl(&self, acl: &Acl) -> Result<()> {
        let made = self.admin()?.create_acls(std::slice::from_ref(acl), TIMEOUT)?;
        made.into_iter().next().unwrap_or_else(|| Err(no_answer("create ACLs")))
    }

    /// Deletes the rules of access that a filter matches, and returns them.
    ///
    /// # Errors
    /// Those of [`AclAdmin::delete_acls`](kafi_core::AclAdmin::delete_acls).
    pub fn delete_acls(&self, filter: &AclFilter) -> Result<Vec<Acl>> {
        let deleted = self.admin()?.delete_acls(std::slice::from_ref(filter), TIMEOUT)?;
        deleted.into_iter().next().unwrap_or_else(|| Err(no_answer("delete ACLs")))
    }

    /// The users with passwords, sorted: one for each mechanism that knows them; all where none are named.
    ///
    /// # Errors
    /// Those of [`UserAdmin::users`](kafi_core::UserAdmin::users).
    pub fn users(&self, users: &[&str]) -> Result<Vec<ScramUser>> {
        self.admin()?.users(&names(users), TIMEOUT)
    }

    /// Makes a user, or gives it a new password.
    ///
    /// ```
    /// # fn let_alice_in(c: &kafi_shell::Kafi, password: String) -> kafi_core::Result<()> {
    /// use kafi_core::{NewScramUser, ScramMechanism, ScramUser};
    /// let user = ScramUser { name: "alice".into(), mechanism: ScramMechanism::Sha512, iterations: 8192 };
    /// c.create_user(&NewScramUser { user, password })?;
    /// assert_eq!(c.users(&["alice"])?.len(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`UserAdmin::create_user`](kafi_core::UserAdmin::create_user).
    pub fn create_user(&self, user: &NewScramUser) -> Result<()> {
        self.admin()?.create_user(user, TIMEOUT)
    }

    /// Deletes what all mechanisms know of a user.
    ///
    /// # Errors
    /// Those of [`UserAdmin::delete_user`](kafi_core::UserAdmin::delete_user): `NotFound` for one that none knows.
    pub fn delete_user(&self, name: &str) -> Result<()> {
        let mut admin = self.admin()?;
        let known = admin.users(&names(&[name]), TIMEOUT)?;
        if known.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "delete user", "no such user").with("user", name));
        }
        known.iter().try_for_each(|user| admin.delete_user(name, user.mechanism, TIMEOUT))
    }

    /// Elects leaders of these partitions: an answer for each, in their order, which is false where the leader is
    /// already the right one.
    ///
    /// # Errors
    /// Those of [`ElectionAdmin::elect_leaders`](kafi_core::ElectionAdmin::elect_leaders).
    pub fn elect_leaders(&self, election: Election, partitions: &[TopicPartition]) -> Result<Vec<Result<bool>>> {
        self.admin()?.elect_leaders(election, partitions, TIMEOUT)
    }
}

fn names(names: &[impl AsRef<str>]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_string()).collect()
}

fn changes(settings: &[(&str, &str)]) -> Vec<ConfigChange> {
    let change = |(name, value): &(&str, &str)| ConfigChange { name: name.to_string(), value: Some(value.to_string()) };
    settings.iter().map(change).collect()
}

fn no_answer(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unexpected, operation, "there is no answer")
}
