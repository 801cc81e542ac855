//! The settings of topics: Kafka's names and defaults, and what the log makes of them.

use std::collections::BTreeMap;

use kafi_core::{ConfigChange, ConfigEntry, Error, ErrorKind, Result, TimestampType};
use kafi_records::Compression;

/// What values a setting takes.
#[derive(Clone, Copy)]
enum Takes {
    Int(i64, i64),
    Bool,
    Ratio,
    OneOf(&'static [&'static str]),
    /// A list of these words, with commas.
    ListOf(&'static [&'static str]),
    Text,
}

struct Setting {
    name: &'static str,
    default: &'static str,
    takes: Takes,
}

const fn setting(name: &'static str, default: &'static str, takes: Takes) -> Setting {
    Setting { name, default, takes }
}

const I32: i64 = i32::MAX as i64;
const MAX: i64 = i64::MAX;

/// All settings by name. The defaults are Kafka's, but for two that would be untrue here: nothing is deleted by itself,
/// and messages are bounded by the format only.
const SETTINGS: &[Setting] = &[
    setting("cleanup.policy", "delete", Takes::ListOf(&["compact", "delete"])),
    setting("compression.gzip.level", "-1", Takes::Int(-1, 9)),
    setting("compression.lz4.level", "9", Takes::Int(1, 17)),
    setting(
        "compression.type",
        "producer",
        Takes::OneOf(&["uncompressed", "none", "gzip", "snappy", "lz4", "zstd", "producer"]),
    ),
    setting("compression.zstd.level", "3", Takes::Int(-131_072, 22)),
    setting("delete.retention.ms", "86400000", Takes::Int(0, MAX)),
    setting("file.delete.delay.ms", "60000", Takes::Int(0, MAX)),
    setting("flush.messages", "9223372036854775807", Takes::Int(1, MAX)),
    setting("flush.ms", "9223372036854775807", Takes::Int(0, MAX)),
    setting("follower.replication.throttled.replicas", "", Takes::Text),
    setting("index.interval.bytes", "4096", Takes::Int(0, I32)),
    setting("leader.replication.throttled.replicas", "", Takes::Text),
    setting("local.retention.bytes", "-2", Takes::Int(-2, MAX)),
    setting("local.retention.ms", "-2", Takes::Int(-2, MAX)),
    setting("max.compaction.lag.ms", "9223372036854775807", Takes::Int(1, MAX)),
    setting("max.message.bytes", "2147483647", Takes::Int(0, I32)),
    setting("message.downconversion.enable", "true", Takes::Bool),
    setting("message.format.version", "3.0-IV1", Takes::Text),
    setting("message.timestamp.after.max.ms", "9223372036854775807", Takes::Int(0, MAX)),
    setting("message.timestamp.before.max.ms", "9223372036854775807", Takes::Int(0, MAX)),
    setting("message.timestamp.difference.max.ms", "9223372036854775807", Takes::Int(0, MAX)),
    setting("message.timestamp.type", "CreateTime", Takes::OneOf(&["CreateTime", "LogAppendTime"])),
    setting("min.cleanable.dirty.ratio", "0.5", Takes::Ratio),
    setting("min.compaction.lag.ms", "0", Takes::Int(0, MAX)),
    setting("min.insync.replicas", "1", Takes::Int(1, I32)),
    setting("preallocate", "false", Takes::Bool),
    setting("remote.log.copy.disable", "false", Takes::Bool),
    setting("remote.log.delete.on.disable", "false", Takes::Bool),
    setting("remote.storage.enable", "false", Takes::Bool),
    setting("retention.bytes", "-1", Takes::Int(-1, MAX)),
    setting("retention.ms", "-1", Takes::Int(-1, MAX)),
    setting("segment.bytes", "1073741824", Takes::Int(14, I32)),
    setting("segment.index.bytes", "10485760", Takes::Int(4, I32)),
    setting("segment.jitter.ms", "0", Takes::Int(0, MAX)),
    setting("segment.ms", "604800000", Takes::Int(1, MAX)),
    setting("unclean.leader.election.enable", "false", Takes::Bool),
];

/// What the names of notes begin with: settings that mean nothing to the log and are kept for whoever wrote them, such
/// as where a copy came from.
const NOTE: &str = "kafi.";

/// Whether a setting is a note.
fn is_note(name: &str) -> bool {
    name.strip_prefix(NOTE).is_some_and(|rest| !rest.is_empty())
}

/// All settings of a topic, sorted by name: what is set in `config`, and else the default, which is another one for
/// those in `defaults`.
pub fn entries(config: &BTreeMap<String, String>, defaults: &[(&str, String)]) -> Vec<ConfigEntry> {
    let entry = |setting: &Setting| {
        let set = config.get(setting.name);
        let default =
            defaults.iter().find(|(name, _)| *name == setting.name).map_or(setting.default, |(_, default)| default);
        let value = set.cloned().unwrap_or_else(|| default.to_string());
        ConfigEntry { name: setting.name.to_string(), value: Some(value), default: set.is_none(), read_only: false }
    };
    let mut entries: Vec<ConfigEntry> = SETTINGS.iter().map(entry).collect();
    // Notes are told only where there are some.
    let notes = config.iter().filter(|(name, _)| is_note(name));
    entries.extend(notes.map(|(name, value)| ConfigEntry {
        name: name.clone(),
        value: Some(value.clone()),
        default: false,
        read_only: false,
    }));
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// Checks the names and values of changes.
///
/// # Errors
/// `Usage` names the setting that is not one of Kafka's, or whose value is none that it takes.
pub fn check_changes(changes: &[ConfigChange]) -> Result<()> {
    changes.iter().try_for_each(|change| match &change.value {
        Some(value) => check(&change.name, value),
        None => check_name(&change.name),
    })
}

/// Makes changes that were checked.
pub fn apply(changes: &[ConfigChange], config: &mut BTreeMap<String, String>) {
    for change in changes {
        match &change.value {
            Some(value) => config.insert(change.name.clone(), value.clone()),
            None => config.remove(&change.name),
        };
    }
}

/// Checks a setting's name and value.
pub(crate) fn check(name: &str, value: &str) -> Result<()> {
    if is_note(name) {
        return Ok(());
    }
    let refuse = |why: String| Err(Error::new(ErrorKind::Usage, "set topic configuration", why).with("setting", name));
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return unknown(name);
    };
    let why = match setting.takes {
        Takes::Int(min, max) => match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => return Ok(()),
            _ => format!("{value:?} is no whole number from {min} to {max}"),
        },
        Takes::Bool if matches!(value, "true" | "false") => return Ok(()),
        Takes::Bool => format!("{value:?} is neither true nor false"),
        Takes::Ratio => match value.parse::<f64>() {
            Ok(number) if (0.0..=1.0).contains(&number) => return Ok(()),
            _ => format!("{value:?} is no number from 0 to 1"),
        },
        Takes::OneOf(words) if words.contains(&value) => return Ok(()),
        Takes::OneOf(words) => format!("{value:?} is none of {}", words.join(" ")),
        Takes::ListOf(words) if value.split(',').all(|word| words.contains(&word.trim())) => return Ok(()),
        Takes::ListOf(words) => format!("{value:?} is no list of {}", words.join(" ")),
        Takes::Text => return Ok(()),
    };
    refuse(why)
}

/// Checks a setting's name.
fn check_name(name: &str) -> Result<()> {
    if is_note(name) || SETTINGS.iter().any(|setting| setting.name == name) { Ok(()) } else { unknown(name) }
}

fn unknown(name: &str) -> Result<()> {
    let error =
        Error::new(ErrorKind::Usage, "set topic configuration", "there is no such setting").with("setting", name);
    Err(match kafi_core::nearest(name, SETTINGS.iter().map(|setting| setting.name)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("the settings are those of Kafka's topics, such as compression.type or segment.bytes"),
    })
}

/// The settings that the log follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What batches are compressed with.
    pub compression: Compression,
    pub(crate) segment_bytes: u64,
    pub(crate) message_bytes_max: usize,
    /// Whose clock a message without a timestamp gets.
    pub(crate) timestamp_type: TimestampType,
}

impl Effective {
    /// What follows from the settings of a topic. Values that an editor broke count as unset.
    pub fn of(config: &BTreeMap<String, String>) -> Self {
        let value = |name: &str| config.get(name).map(String::as_str).filter(|value| check(name, value).is_ok());
        let number = |name: &str, default: u64| value(name).and_then(|value| value.parse().ok()).unwrap_or(default);
        let compression =
            value("compression.type").filter(|word| *word != "producer").and_then(|word| word.parse().ok());
        let append_time = value("message.timestamp.type") == Some("LogAppendTime");
        Self {
            compression: compression.unwrap_or_default(),
            segment_bytes: number("segment.bytes", 1 << 30),
            message_bytes_max: usize::try_from(number("max.message.bytes", I32 as u64)).unwrap_or(usize::MAX),
            timestamp_type: if append_time { TimestampType::Append } else { TimestampType::Create },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sorted_and_their_defaults_are_valid() {
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        for setting in SETTINGS {
            check(setting.name, setting.default).unwrap();
        }
    }

    #[test]
    fn bad_values_and_names_are_refused_with_the_nearest_name() {
        for (name, value) in [
            ("segment.bytes", "big"),
            ("segment.bytes", "0"),
            ("preallocate", "yes"),
            ("compression.type", "lz5"),
            ("cleanup.policy", "compact,keep"),
            ("min.cleanable.dirty.ratio", "1.5"),
        ] {
            assert_eq!(check(name, value).unwrap_err().kind(), ErrorKind::Usage, "{name}={value}");
        }
        let error = check("segment.byte", "1000").unwrap_err();
        assert_eq!(error.to_string(), "set topic configuration: setting segment.byte: there is no such setting");
        assert_eq!(error.hint_text(), Some("did you mean segment.bytes?"));
    }

    #[test]
    fn notes_are_taken_as_they_are() {
        check("kafi.source.topic", "anything\n").unwrap();
        check_name("kafi.source.topic").unwrap();
        for name in ["kafi.", "kafi", "kafka.x"] {
            assert_eq!(check(name, "x").unwrap_err().kind(), ErrorKind::Usage, "{name}");
            assert_eq!(check_name(name).unwrap_err().kind(), ErrorKind::Usage, "{name}");
        }
    }

    #[test]
    fn the_log_follows_what_is_set() {
        let mut config = BTreeMap::new();
        let default = Effective::of(&config);
        assert_eq!((default.compression, default.segment_bytes), (Compression::None, 1 << 30));
        for (name, value) in
            [("compression.type", "zstd"), ("segment.bytes", "1000"), ("message.timestamp.type", "LogAppendTime")]
        {
            config.insert(name.to_string(), value.to_string());
        }
        let set = Effective::of(&config);
        assert_eq!(
            (set.compression, set.segment_bytes, set.timestamp_type),
            (Compression::Zstd, 1000, TimestampType::Append)
        );
        config.insert("compression.type".into(), "producer".into());
        assert_eq!(Effective::of(&config).compression, Compression::None);
    }
}
