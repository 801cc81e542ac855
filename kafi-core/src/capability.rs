//! What a storage can do, as a set of documented flags.

use std::fmt;
use std::ops::BitOr;

/// A set of abilities.
///
/// The names follow one grammar: the trait, then the ability (`CONSUME_GROUP`, `PRODUCE_KEEP_OFFSETS`, `ADMIN_TOPICS`).
/// An operation that needs a missing flag returns an `Unsupported` error that names the storage and the operation. The
/// bits are stable: they cross the plugin interface.
///
/// ```
/// use kafi_core::Capabilities;
/// let both = Capabilities::CONSUME | Capabilities::PRODUCE;
/// assert!(both.contains(Capabilities::PRODUCE));
/// assert!(!both.contains(Capabilities::ADMIN_TOPICS));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Reads assigned partitions from absolute offsets.
    pub const CONSUME: Self = Self(1);
    /// Subscribes as a member of a group and commits offsets.
    pub const CONSUME_GROUP: Self = Self(1 << 1);
    /// Shares the partitions of a group among several members.
    pub const CONSUME_REBALANCE: Self = Self(1 << 2);
    /// Tells committed from uncommitted transactions.
    pub const CONSUME_TRANSACTIONS: Self = Self(1 << 3);
    /// Writes messages.
    pub const PRODUCE: Self = Self(1 << 8);
    /// Writes the partition that a message names.
    pub const PRODUCE_PARTITION: Self = Self(1 << 9);
    /// Writes the timestamp that a message names.
    pub const PRODUCE_TIMESTAMP: Self = Self(1 << 10);
    /// Keeps the timestamp type of a message.
    pub const PRODUCE_KEEP_TIMESTAMP_TYPE: Self = Self(1 << 11);
    /// Keeps the offsets of messages, with gaps.
    pub const PRODUCE_KEEP_OFFSETS: Self = Self(1 << 12);
    /// Writes headers.
    pub const PRODUCE_HEADERS: Self = Self(1 << 13);
    /// Keeps messages for ever: deletes none by itself, whatever the settings of its topic say of retention.
    pub const PRODUCE_KEEP_FOREVER: Self = Self(1 << 14);
    /// Writes in transactions.
    pub const PRODUCE_TRANSACTIONS: Self = Self(1 << 15);
    /// Lists, describes, creates, and deletes topics.
    pub const ADMIN_TOPICS: Self = Self(1 << 16);
    /// Adds partitions to a topic.
    pub const ADMIN_PARTITIONS: Self = Self(1 << 17);
    /// Reads and changes the settings of topics.
    pub const ADMIN_CONFIG: Self = Self(1 << 18);
    /// Moves the log start of a partition.
    pub const ADMIN_DELETE_RECORDS: Self = Self(1 << 19);
    /// Lists groups and reads, changes, and deletes their offsets.
    pub const ADMIN_GROUPS: Self = Self(1 << 20);
    /// Finds offsets by time.
    pub const ADMIN_TIMES: Self = Self(1 << 21);
    /// Lists brokers and reads and changes their settings.
    pub const ADMIN_BROKERS: Self = Self(1 << 22);
    /// Keeps notes of Kafi's own among the settings of topics, whose names begin with `kafi.`: such as of which topic it
    /// is a copy.
    pub const ADMIN_NOTES: Self = Self(1 << 23);
    /// Lists, makes, and deletes rules of access.
    pub const ADMIN_ACLS: Self = Self(1 << 24);
    /// Lists, makes, and deletes users with passwords.
    pub const ADMIN_USERS: Self = Self(1 << 25);
    /// Elects the leaders of partitions.
    pub const ADMIN_ELECTIONS: Self = Self(1 << 26);
    /// Deletes the committed offsets of single partitions of a group.
    pub const ADMIN_DELETE_GROUP_OFFSETS: Self = Self(1 << 27);
    /// Keeps files beside its topics.
    pub const FILES: Self = Self(1 << 40);

    /// What used to follow from keeping offsets, before each had a flag of its own.
    #[cfg(feature = "plugin")]
    const OF_LOGS: Self = Self::PRODUCE_KEEP_FOREVER.union(Self::ADMIN_NOTES);

    /// Says across the plugin interface that the flags of [`OF_LOGS`](Self::OF_LOGS) are there where they hold. It is
    /// nothing that a storage can do, and has no name.
    #[cfg(feature = "plugin")]
    const SPELLS_OUT: Self = Self(1 << 62);

    /// All flags with their names, in the order of their bits.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::CONSUME, "consume"),
        (Self::CONSUME_GROUP, "consume_group"),
        (Self::CONSUME_REBALANCE, "consume_rebalance"),
        (Self::CONSUME_TRANSACTIONS, "consume_transactions"),
        (Self::PRODUCE, "produce"),
        (Self::PRODUCE_PARTITION, "produce_partition"),
        (Self::PRODUCE_TIMESTAMP, "produce_timestamp"),
        (Self::PRODUCE_KEEP_TIMESTAMP_TYPE, "produce_keep_timestamp_type"),
        (Self::PRODUCE_KEEP_OFFSETS, "produce_keep_offsets"),
        (Self::PRODUCE_HEADERS, "produce_headers"),
        (Self::PRODUCE_KEEP_FOREVER, "produce_keep_forever"),
        (Self::PRODUCE_TRANSACTIONS, "produce_transactions"),
        (Self::ADMIN_TOPICS, "admin_topics"),
        (Self::ADMIN_PARTITIONS, "admin_partitions"),
        (Self::ADMIN_CONFIG, "admin_config"),
        (Self::ADMIN_DELETE_RECORDS, "admin_delete_records"),
        (Self::ADMIN_GROUPS, "admin_groups"),
        (Self::ADMIN_TIMES, "admin_times"),
        (Self::ADMIN_BROKERS, "admin_brokers"),
        (Self::ADMIN_NOTES, "admin_notes"),
        (Self::ADMIN_ACLS, "admin_acls"),
        (Self::ADMIN_USERS, "admin_users"),
        (Self::ADMIN_ELECTIONS, "admin_elections"),
        (Self::ADMIN_DELETE_GROUP_OFFSETS, "admin_delete_group_offsets"),
        (Self::FILES, "files"),
    ];

    /// The set with these bits; unknown bits are kept, so that a newer plugin can say more than this version knows.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Both sets together, where `|` cannot be used (in constants).
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set without the flags of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits as they cross the plugin interface.
    #[cfg(feature = "plugin")]
    pub(crate) const fn to_plugin_interface(self) -> u64 {
        self.union(Self::SPELLS_OUT).bits()
    }

    /// The set that crossed the plugin interface as these bits. Plugins older than the flags of logs say only that they
    /// keep offsets, which meant them, too.
    #[cfg(feature = "plugin")]
    pub(crate) const fn from_plugin_interface(bits: u64) -> Self {
        let said = Self(bits & !Self::SPELLS_OUT.bits());
        if bits & Self::SPELLS_OUT.bits() == 0 && said.contains(Self::PRODUCE_KEEP_OFFSETS) {
            return said.union(Self::OF_LOGS);
        }
        said
    }

    /// The names of the known flags in this set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_listed_once() {
        let mut seen = Capabilities::default();
        for (flag, name) in Capabilities::ALL {
            assert_eq!(flag.bits().count_ones(), 1, "{name}");
            assert!(!seen.contains(*flag), "{name}");
            seen = seen | *flag;
        }
        assert_eq!(seen.names().count(), Capabilities::ALL.len());
    }

    #[cfg(feature = "plugin")]
    #[test]
    fn older_plugins_that_keep_offsets_are_logs() {
        let (keeps, logs) = (Capabilities::CONSUME | Capabilities::PRODUCE_KEEP_OFFSETS, Capabilities::OF_LOGS);
        assert_eq!(Capabilities::from_plugin_interface(keeps.bits()), keeps | logs);
        assert_eq!(Capabilities::from_plugin_interface(Capabilities::CONSUME.bits()), Capabilities::CONSUME);
        let of_tomorrow = Capabilities::from_bits(1 << 61);
        for said in [keeps, keeps | logs, Capabilities::default(), keeps | of_tomorrow] {
            assert_eq!(Capabilities::from_plugin_interface(said.to_plugin_interface()), said);
            assert!(Capabilities::from_bits(said.to_plugin_interface()).contains(said), "an older host sees it, too");
        }
    }
}
