//! Whether what was reported written is there: once, in order, and whole, also for Apache Kafka's own dumper.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::{Programs, Written};
use crate::{Result, workspace};

/// A message that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    offset: i64,
    name: String,
    number: u64,
}

/// Reads all messages of partition 0; each must be as it was written.
pub fn read(programs: &Programs, address: &str) -> Result<Vec<Message>> {
    let text = programs.kafi(&["cat", address, "-F", r"%o %k %v\n"])?;
    parse(&text).map_err(|error| format!("{address}: {error}"))
}

/// Reads what `kafi cat` printed.
pub fn parse(text: &str) -> Result<Vec<Message>> {
    text.lines().map(|line| message(line).ok_or_else(|| format!("{line:?} was never written"))).collect()
}

fn message(line: &str) -> Option<Message> {
    let mut words = line.splitn(4, ' ');
    let (offset, name, number) =
        (words.next()?.parse().ok()?, words.next()?.to_string(), words.next()?.parse::<u64>().ok()?);
    let filler = words.next()?;
    let whole = filler.len() as u64 == number * 37 % 211 && filler.bytes().all(|byte| byte == b'x');
    whole.then_some(Message { offset, name, number })
}

/// Checks that the messages of each writer are there from its first on, each once and in order, and those that it was
/// told of where it was told. Returns how many are there that nobody was told of.
pub fn check(messages: &[Message], writers: &[Written]) -> Result<u64> {
    let mut next: HashMap<&str, u64> = HashMap::new();
    for (index, message) in messages.iter().enumerate() {
        if message.offset != index as i64 {
            return Err(format!("{message:?} where offset {index} was expected"));
        }
        let next = next.entry(&message.name).or_default();
        if message.number != *next {
            return Err(format!("{message:?} where number {next} was expected"));
        }
        *next += 1;
    }
    for writer in writers {
        for ack in &writer.acks {
            for index in 0..ack.count {
                let offset = ack.offset + index as i64;
                let found = messages.get(usize::try_from(offset).map_err(|_| format!("offset {offset} was reported"))?);
                if found.is_none_or(|found| found.name != writer.name || found.number != ack.first + index) {
                    return Err(format!(
                        "{} {} was reported at offset {offset}, where there is {found:?}",
                        writer.name,
                        ack.first + index
                    ));
                }
            }
        }
    }
    let told: u64 = writers.iter().map(Written::messages).sum();
    (messages.len() as u64)
        .checked_sub(told)
        .ok_or_else(|| format!("{told} messages were reported, {} are there", messages.len()))
}

/// The segments of a partition in a folder, in order.
pub fn segments(partition: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = workspace::entries(partition)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    Ok(paths)
}

/// Lets Apache Kafka's dumper read the segments of a partition: every batch is valid, and `messages` messages lie at
/// the offsets from 0 on.
pub fn dump(partition: &Path, messages: usize) -> Result<()> {
    let files: Vec<String> = segments(partition)?.iter().map(|file| file.display().to_string()).collect();
    let script = workspace::root().join("tests/servers/kafka");
    let mut command = Command::new(script);
    command.args(["tool", "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", &files.join(",")]);
    let output = command.output().map_err(|error| format!("the dumper: {error}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("the dumper: {}: {stderr}", output.status));
    }
    check_dump(&stdout, messages).map_err(|error| format!("the dumper on {}: {error}", partition.display()))
}

fn check_dump(dump: &str, messages: usize) -> Result<()> {
    let mut next = 0;
    for line in dump.lines() {
        if let Some(record) = line.strip_prefix("| offset: ") {
            if !record.starts_with(&format!("{next} ")) {
                return Err(format!("offset {next} is not at {line:?}"));
            }
            next += 1;
        } else if line.starts_with("baseOffset: ") {
            if !line.ends_with(" isvalid: true") {
                return Err(format!("not valid: {line}"));
            }
        } else if !line.starts_with("Dumping ") && !line.starts_with("Log starting offset: ") {
            return Err(format!("it says {line:?}"));
        }
    }
    if next == messages { Ok(()) } else { Err(format!("{next} messages, {messages} were expected")) }
}

#[cfg(test)]
mod tests {
    use super::super::programs::Ack;
    use super::*;

    fn written(first: u64, count: u64, offset: i64) -> [Written; 1] {
        [Written { name: "a".into(), acks: vec![Ack { first, count, offset }], failed: None }]
    }

    #[test]
    fn losses_doubles_and_changes_are_found() {
        let line =
            |offset: u64, number: u64| format!("{offset} a {number} {}\n", "x".repeat((number * 37 % 211) as usize));
        let parsed = |pairs: &[(u64, u64)]| {
            parse(&pairs.iter().map(|(offset, number)| line(*offset, *number)).collect::<String>())
        };
        let three = parsed(&[(0, 0), (1, 1), (2, 2)]).expect("they are whole");
        assert_eq!(check(&three, &written(0, 3, 0)), Ok(0));
        assert_eq!(check(&three, &written(0, 2, 0)), Ok(1));
        assert!(check(&three, &written(0, 4, 0)).is_err(), "the last is lost");
        assert!(check(&three, &written(0, 2, 1)).is_err(), "they are elsewhere");
        assert!(check(&parsed(&[(0, 0), (1, 1), (2, 1)]).expect("they are whole"), &[]).is_err(), "one is doubled");
        assert!(check(&parsed(&[(0, 0), (2, 1)]).expect("they are whole"), &[]).is_err(), "an offset is missing");
        assert!(parse("0 a 1 x\n").is_err(), "one is changed");
    }

    #[test]
    fn the_dumper_is_believed() {
        let good = "Dumping x\nLog starting offset: 0\nbaseOffset: 0 isvalid: true\n| offset: 0 a\n| offset: 1 b\n";
        assert_eq!(check_dump(good, 2), Ok(()));
        assert!(check_dump(good, 3).is_err());
        assert!(check_dump(&good.replace("true", "false"), 2).is_err());
        assert!(check_dump(&format!("{good}Found 3 invalid bytes at the end of x\n"), 2).is_err());
    }
}
