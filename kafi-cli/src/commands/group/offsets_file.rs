//! Committed offsets in a file: written as a JSON document a line, and read so, or as Kafka's own tool writes them.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use kafi::{CommittedOffset, Error, ErrorKind, Json, Result};

use crate::output::{Stdout, nobody_reads};

/// No file of offsets is larger: 100,000 partitions fit many times.
const BYTES_MAX: u64 = 64 << 20;

/// Writes offsets to a file, or to stdout (`-`): a document a line.
///
/// # Errors
/// What writing fails with.
pub fn write(path: &Path, offsets: &[CommittedOffset]) -> Result<()> {
    let mut text = String::new();
    for CommittedOffset { topic, partition, offset, leader_epoch, metadata } in offsets {
        let mut members = vec![
            ("topic", Json::from(topic.as_str())),
            ("partition", Json::from(i64::from(*partition))),
            ("offset", Json::from(*offset)),
        ];
        members.extend(leader_epoch.map(|epoch| ("leader_epoch", Json::from(i64::from(epoch)))));
        if !metadata.is_empty() {
            members.push(("metadata", Json::from(metadata.as_str())));
        }
        text.push_str(&Json::object(members).to_string());
        text.push('\n');
    }
    if path.as_os_str() == "-" {
        let mut stdout = Stdout::open()?;
        stdout.buffer().extend_from_slice(text.as_bytes());
        return if stdout.flush()? { Ok(()) } else { Err(nobody_reads()) };
    }
    fs::write(path, text).map_err(|error| Error::io("write offsets", error).with("file", path.display()))
}

/// The offsets that a file, or stdin (`-`), holds for a group: of each line `topic`, `partition`, and `offset` (or what
/// `group show --json` and the plan of a reset call `committed` and `to`), or `topic,partition,offset` as Kafka's own
/// tool exports them. Lines of other groups are left out.
///
/// # Errors
/// `Usage` for a line that says no offset, with its number, and for two offsets of one partition; `NotFound` where
/// nothing is said of this group.
pub fn read(path: &Path, group: &str) -> Result<Vec<CommittedOffset>> {
    let name = if path.as_os_str() == "-" { "stdin".to_string() } else { path.display().to_string() };
    let text = text_of(path).map_err(|error| Error::io("read offsets", error).with("file", &name))?;
    let mut offsets: Vec<CommittedOffset> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let refuse = |why: &str| {
            let error = Error::new(ErrorKind::Usage, "read offsets", why.to_string());
            error.with("file", &name).with("line", index + 1)
        };
        let Some(offset) = offset_of(line.trim(), group).map_err(|why| refuse(&why))? else { continue };
        if offsets.iter().any(|known| (&known.topic, known.partition) == (&offset.topic, offset.partition)) {
            return Err(refuse("there are two offsets of one partition"));
        }
        offsets.push(offset);
    }
    if offsets.is_empty() {
        let error = Error::new(ErrorKind::NotFound, "read offsets", "the file says nothing of this group");
        return Err(error.with("file", name).with("group", group));
    }
    Ok(offsets)
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    match path.as_os_str() == "-" {
        true => io::stdin().lock().take(BYTES_MAX).read_to_string(&mut text)?,
        false => fs::File::open(path)?.take(BYTES_MAX).read_to_string(&mut text)?,
    };
    Ok(text)
}

/// The offset that a line says; none where it is of another group, or says that nothing is committed.
fn offset_of(line: &str, group: &str) -> std::result::Result<Option<CommittedOffset>, String> {
    if line.starts_with('{') { of_json(line, group) } else { of_csv(line, group) }
}

fn of_json(line: &str, group: &str) -> std::result::Result<Option<CommittedOffset>, String> {
    let json = Json::parse(line).map_err(|error| format!("it is not JSON: {}", error.message()))?;
    let text = |name: &str| json.get(name).and_then(|value| value.str().ok().map(ToString::to_string));
    if text("group").is_some_and(|named| named != group) {
        return Ok(None);
    }
    let number = |name: &str| json.get(name).and_then(|value| value.int().ok());
    let is_said = ["offset", "to", "committed"].iter().find(|name| json.get(**name).is_some());
    let name = is_said.ok_or("a document says an offset")?;
    if json.get(*name).is_some_and(Json::is_null) {
        return Ok(None);
    }
    let topic = text("topic").ok_or("a document says a topic")?;
    let partition =
        number("partition").and_then(|number| i32::try_from(number).ok()).ok_or("a document says a partition")?;
    let offset = number(name).filter(|offset| *offset >= 0).ok_or("the offset is not a number from 0")?;
    Ok(Some(CommittedOffset {
        leader_epoch: number("leader_epoch").and_then(|number| i32::try_from(number).ok()),
        metadata: text("metadata").unwrap_or_default(),
        ..CommittedOffset::new(topic, partition, offset)
    }))
}

fn of_csv(line: &str, group: &str) -> std::result::Result<Option<CommittedOffset>, String> {
    let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
    let (named, fields) = match fields[..] {
        [topic, partition, offset] => (group, [topic, partition, offset]),
        [named, topic, partition, offset] => (named, [topic, partition, offset]),
        _ => return Err("a line is a JSON document, or topic,partition,offset".into()),
    };
    let [topic, partition, offset] = fields;
    if named != group {
        return Ok(None);
    }
    let partition =
        partition.parse().ok().filter(|number| *number >= 0).ok_or("the partition is not a number from 0")?;
    let offset = offset.parse().ok().filter(|number| *number >= 0).ok_or("the offset is not a number from 0")?;
    Ok(Some(CommittedOffset::new(topic, partition, offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_in_every_form() {
        for line in [
            r#"{"topic":"t","partition":1,"offset":7}"#,
            r#"{"storage":"k","group":"g","topic":"t","partition":1,"from":3,"to":7}"#,
            r#"{"storage":"k","group":"g","state":"Empty","topic":"t","partition":1,"committed":7,"end":9}"#,
            "t,1,7",
            "\"g\",\"t\",1,7",
        ] {
            assert_eq!(offset_of(line, "g"), Ok(Some(CommittedOffset::new("t", 1, 7))), "{line}");
        }
        for line in [
            "h,t,1,7",
            r#"{"group":"h","topic":"t","partition":1,"offset":7}"#,
            r#"{"topic":"t","partition":1,"offset":null}"#,
        ] {
            assert_eq!(offset_of(line, "g"), Ok(None), "{line}");
        }
        for line in [
            "t",
            "t,1",
            "t,-1,7",
            "t,1,-7",
            "t,x,7",
            "{",
            "{}",
            r#"{"topic":"t","partition":1,"offset":-1}"#,
            r#"{"topic":"t","offset":1}"#,
        ] {
            assert!(offset_of(line, "g").is_err(), "{line}");
        }
    }
}
