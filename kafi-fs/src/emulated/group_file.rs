//! What `groups/<group>.json` holds, wherever it lies, and the names of groups as names of files.

use std::collections::BTreeMap;

use kafi_core::{CommittedOffset, Error, ErrorKind, Result, TopicPartition};
use serde::{Deserialize, Serialize};

/// The longest file name that file systems take, less `.json~`.
const ENCODED_LEN_MAX: usize = 255 - 6;

/// What `<group>.json` holds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct GroupFile {
    offsets: Vec<Committed>,
    /// How many members there were so far, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The live member, where it is noted here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<LiveMember>,
    /// What later versions and other tools add is kept.
    #[serde(flatten)]
    extra: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Committed {
    topic: String,
    /// The id of the topic: the offset means nothing in a later topic of the same name.
    topic_id: String,
    partition: i32,
    offset: i64,
    /// See [`CommittedOffset::leader_epoch`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leader_epoch: Option<i32>,
    /// See [`CommittedOffset::metadata`].
    #[serde(default)]
    metadata: String,
}

/// The live member of a group.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LiveMember {
    /// Tells it from every other member.
    pub id: String,
    /// Until when it is taken for live without a further word from it; milliseconds since 1970.
    pub until: i64,
}

impl GroupFile {
    /// The most bytes that the file may have, which is enough for the offsets of 100,000 partitions: more is never read
    /// into memory, nor written.
    pub const BYTES_MAX: usize = 32 << 20;

    /// Reads what `path` holds.
    ///
    /// # Errors
    /// `Corrupt` for what is not such a file, has an offset or a partition below 0, or is too long.
    pub fn parse(bytes: &[u8], group: &str, path: impl FnOnce() -> String) -> Result<Self> {
        let damaged = |why: String| {
            let error = Error::new(ErrorKind::Corrupt, "read group", why).with("group", group);
            error.hint("remove the file to start over, or restore it from a backup")
        };
        if bytes.len() > Self::BYTES_MAX {
            return Err(damaged(format!("the file is damaged: it has more than {} bytes", Self::BYTES_MAX))
                .with("path", path()));
        }
        let file: Self = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            Err(error) => return Err(damaged("the file is damaged".into()).source(error).with("path", path())),
        };
        match file.offsets.iter().find(|committed| committed.offset < 0 || committed.partition < 0) {
            Some(Committed { topic, partition, offset, .. }) => {
                let why =
                    format!("the file is damaged: it says that offset {offset} of partition {partition} is committed");
                Err(damaged(why).with("topic", topic.escape_debug()).with("path", path()))
            }
            None => Ok(file),
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// `TooLarge` where they are more than would be read again.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        bytes.push(b'\n');
        if bytes.len() > Self::BYTES_MAX {
            let why =
                format!("the offsets of the group take {} bytes, and {} are possible", bytes.len(), Self::BYTES_MAX);
            return Err(Error::new(ErrorKind::TooLarge, "write group", why));
        }
        Ok(bytes)
    }

    /// Notes these offsets; `id_of` knows the ids of topics.
    ///
    /// # Errors
    /// Those of `id_of`.
    pub fn commit(&mut self, offsets: &[CommittedOffset], mut id_of: impl FnMut(&str) -> Result<String>) -> Result<()> {
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        for committed in offsets {
            let topic_id = match ids.get(committed.topic.as_str()) {
                Some(id) => id.clone(),
                None => {
                    let id = id_of(&committed.topic)?;
                    ids.insert(&committed.topic, id.clone());
                    id
                }
            };
            self.offsets.retain(|known| known.topic != committed.topic || known.partition != committed.partition);
            let CommittedOffset { topic, partition, offset, leader_epoch, metadata } = committed.clone();
            self.offsets.push(Committed { topic, topic_id, partition, offset, leader_epoch, metadata });
        }
        self.offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Ok(())
    }

    /// Removes the offsets of these partitions.
    pub fn forget(&mut self, partitions: &[TopicPartition]) {
        self.offsets.retain(|known| {
            partitions.iter().all(|gone| known.topic != gone.topic || known.partition != gone.partition)
        });
    }

    /// The offsets of topics that are still there, sorted; `id_of` knows the ids of topics, and says `NotFound` of
    /// those that are gone.
    ///
    /// # Errors
    /// All others of `id_of`.
    pub fn valid(self, mut id_of: impl FnMut(&str) -> Result<String>) -> Result<Vec<CommittedOffset>> {
        let mut ids: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut offsets = Vec::with_capacity(self.offsets.len());
        for Committed { topic, topic_id, partition, offset, leader_epoch, metadata } in self.offsets {
            let id = match ids.get(&topic) {
                Some(id) => id.clone(),
                None => match id_of(&topic) {
                    Ok(id) => ids.entry(topic.clone()).or_insert(Some(id)).clone(),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        ids.entry(topic.clone()).or_insert(None).clone()
                    }
                    Err(error) => return Err(error),
                },
            };
            if id.is_some_and(|id| id == topic_id) {
                offsets.push(CommittedOffset { topic, partition, offset, leader_epoch, metadata });
            }
        }
        offsets.sort();
        Ok(offsets)
    }
}

/// Checks that what is to be committed is an offset.
///
/// # Errors
/// `Usage` for one below 0.
pub fn check_offset(committed: &CommittedOffset) -> Result<()> {
    if committed.offset >= 0 {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Usage, "commit", format!("{} is no offset", committed.offset));
    Err(error.with("topic", &committed.topic).with("partition", committed.partition))
}

/// Kafka's word for what a group is doing.
pub fn state(live: bool) -> &'static str {
    if live { "Stable" } else { "Empty" }
}

/// The error about a group that nobody has seen.
pub fn missing(group: &str) -> Error {
    Error::new(ErrorKind::NotFound, "find group", "no such group").with("group", group)
}

/// The error of whoever comes second.
pub fn has_live_member(operation: &'static str, group: &str) -> Error {
    let error = Error::new(
        ErrorKind::Conflict,
        operation,
        "it has a live member, and a group on this kind of storage takes one",
    );
    error.with("group", group).hint("stop the other consumer, or use another group")
}

/// Whether another of these encoded names differs from `encoded` only in case: they would be one file on some file
/// systems.
pub(crate) fn is_taken_but_for_case<'a>(encoded: &str, mut others: impl Iterator<Item = &'a str>) -> bool {
    others.any(|other| other.eq_ignore_ascii_case(encoded) && other != encoded)
}

/// Another way to write the name of a group as a file name, which differs not only in case from that of any other
/// group: its capital letters are encoded, too, or the first letter where there is none. [`decode_name`] reads it as
/// well.
pub(crate) fn encode_name_apart(group: &str) -> Result<String> {
    let plain = encode_name(group)?;
    let has_capital = group.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut is_first = true;
    let mut apart = String::with_capacity(plain.len());
    for byte in group.bytes() {
        let is_letter = byte.is_ascii_alphabetic();
        if byte.is_ascii_uppercase() || is_letter && is_first && !has_capital {
            apart.push_str(&format!("%{byte:02X}"));
        } else {
            push_encoded(&mut apart, byte);
        }
        is_first &= !is_letter;
    }
    match apart.len() {
        0..=ENCODED_LEN_MAX => Ok(apart),
        _ => Err(Error::new(ErrorKind::Usage, "check group name", "the name is too long for a file")
            .with("group", format!("{group:?}"))),
    }
}

/// A group's name as a file name: whatever is not a letter, a digit, or one of `-_.` becomes `%XX`.
///
/// # Errors
/// `Usage` for an empty name, and for one that is too long for a file.
pub fn encode_name(group: &str) -> Result<String> {
    let mut encoded = String::with_capacity(group.len());
    group.bytes().for_each(|byte| push_encoded(&mut encoded, byte));
    let refuse =
        |why: &str| Err(Error::new(ErrorKind::Usage, "check group name", why).with("group", format!("{group:?}")));
    match encoded.len() {
        0 => refuse("a group's name cannot be empty"),
        1..=ENCODED_LEN_MAX => Ok(encoded),
        _ => refuse("the name is too long for a file"),
    }
}

fn push_encoded(encoded: &mut String, byte: u8) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
        _ => encoded.push_str(&format!("%{byte:02X}")),
    }
}

/// The group whose name this is as a file name; `None` where it is that of none.
pub fn decode_name(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_checked() {
        let parse = |text: &str| GroupFile::parse(text.as_bytes(), "g", || "g.json".into());
        let file = |partition: i64, offset: &str| {
            format!(r#"{{"offsets":[{{"topic":"t","topic_id":"x","partition":{partition},"offset":{offset}}}]}}"#)
        };
        assert_eq!(parse(&file(3, "7")).unwrap().offsets.len(), 1);
        for text in [
            file(0, "-1"),
            file(-1, "0"),
            file(0, "9223372036854775808"),
            file(1 << 40, "0"),
            format!("{}{}", " ".repeat(GroupFile::BYTES_MAX), file(0, "0")),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("the file is damaged"), "{error}");
        }
    }

    #[test]
    fn names_that_differ_only_in_case_are_kept_apart() {
        let names = ["g", "G", "gG", "Gg", "gg", "GG", "%g", "é", "1"];
        let apart: Vec<String> = names.iter().map(|name| encode_name_apart(name).unwrap()).collect();
        assert_eq!(apart, ["%67", "%47", "g%47", "%47g", "%67g", "%47%47", "%25%67", "%C3%A9", "1"]);
        for (name, encoded) in names.iter().zip(&apart) {
            assert_eq!(decode_name(encoded).as_deref(), Some(*name));
            assert!(!is_taken_but_for_case(encoded, apart.iter().map(String::as_str)));
        }
        assert!(is_taken_but_for_case("a", ["A"].into_iter()) && !is_taken_but_for_case("a", ["a", "b"].into_iter()));
    }

    #[test]
    fn names_come_back_from_file_names() {
        for name in ["a", "A.b-c_d", "../etc", "ä/ö %", "kafi-cp.x", ".", "..", "a.json", "a.lock"] {
            let encoded = encode_name(name).unwrap();
            assert!(!encoded.contains('/'), "{encoded}");
            assert_eq!(decode_name(&encoded).unwrap(), name);
        }
        assert!(encode_name("").is_err());
        assert!(encode_name(&"ä".repeat(50)).is_err());
        assert_eq!(decode_name("%zz"), None);
        assert_eq!(decode_name("%f"), None);
    }
}
