//! Reading messages.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{Assignment, Batch, CommittedOffset, Consumer, EnvelopeReader, Error, ErrorKind, Json, Polled, Position, Record, Result, TopicPartition};

use crate::lines::is_whole;
use crate::folder::Folder;

/// How long to wait before looking whether a file has grown.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct JsonlConsumer {
    name: String,
    folder: Arc<Folder>,
    assigned: Option<Vec<Reading>>,
    envelopes: EnvelopeReader,
    /// The line at hand; its memory is used again.
    line: Vec<u8>,
}

/// A topic that is being read.
struct Reading {
    of: TopicPartition,
    next: i64,
    end: Option<i64>,
    /// The file, behind the last line that was taken; opened when it is needed.
    reader: Option<BufReader<File>>,
}

impl Reading {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

impl JsonlConsumer {
    pub(crate) fn new(name: String, folder: Arc<Folder>) -> Self {
        Self { name, folder, assigned: None, envelopes: EnvelopeReader::new(), line: Vec::new() }
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Error::unsupported(&self.name, operation)
    }

    fn check_start(&self, of: &TopicPartition, offset: i64, operation: &'static str) -> Result<()> {
        let count = self.folder.with_lines(operation, of, |lines| lines.count())? as i64;
        if (0..=count).contains(&offset) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::OutOfRange, operation, format!("the offset lies outside of 0 to {count}"));
        Err(error.with("topic", &of.topic).with("partition", of.partition).with("offset", offset))
    }

    /// Fills the batch from one topic. An error keeps what was read before it.
    fn fill(&mut self, index: usize, batch: &mut Batch) -> Result<()> {
        let Some(reading) = self.assigned.as_mut().map(|assigned| &mut assigned[index]) else { return Ok(()) };
        while !reading.is_done() && !batch.is_full() {
            let reader = match &mut reading.reader {
                Some(reader) => reader,
                none => none.insert(self.folder.with_lines("poll", &reading.of, |lines| lines.read_from(reading.next as u64))?),
            };
            self.line.clear();
            let read = reader.read_until(b'\n', &mut self.line);
            read.map_err(|error| Error::io("poll", error).with("topic", &reading.of.topic))?;
            let is_ended = self.line.last() == Some(&b'\n');
            if !is_ended && !is_whole(&self.line) {
                // The end, or half a line, which is read again from its beginning once there is more.
                reading.reader = None;
                return Ok(());
            }
            let taken = take(&mut self.envelopes, self.line.trim_ascii(), &reading.of.topic, reading.next, batch);
            if taken.is_err() {
                reading.reader = None;
                return taken;
            }
            reading.next += 1;
        }
        Ok(())
    }
}

/// Adds the message of a line, if it has one.
fn take(envelopes: &mut EnvelopeReader, line: &[u8], topic: &str, offset: i64, batch: &mut Batch) -> Result<()> {
    if line.is_empty() {
        return Ok(());
    }
    let bad = |why: &str| Error::new(ErrorKind::Corrupt, "poll", why).with("topic", topic).with("line", offset + 1);
    if envelopes.read(line, batch).is_err() {
        let text = std::str::from_utf8(line).map_err(|_| bad("the line is not UTF-8"))?;
        let is_object = text.starts_with('{') && Json::parse(text).is_ok();
        if !is_object {
            return Err(bad("the line is no JSON object"));
        }
        batch.push(Record::new(topic, None, Some(line)));
    }
    // What the envelope says about where it came from does not count here.
    let topic = batch.topic_index(topic);
    let meta = batch.metas_mut().last_mut().expect("a message was just added");
    (meta.topic, meta.partition, meta.offset) = (topic, 0, offset);
    Ok(())
}

impl Consumer for JsonlConsumer {
    fn assign(&mut self, assignments: &[Assignment], _timeout: Duration) -> Result<()> {
        let mut assigned = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let of = TopicPartition { topic: assignment.topic.clone(), partition: assignment.partition };
            self.check_start(&of, assignment.start, "assign")?;
            assigned.push(Reading { of, next: assignment.start, end: assignment.end, reader: None });
        }
        self.assigned = Some(assigned);
        Ok(())
    }

    fn subscribe(&mut self, _topics: &[String], _timeout: Duration) -> Result<()> {
        Err(self.unsupported("subscribe"))
    }

    fn seek(&mut self, position: &Position, _timeout: Duration) -> Result<()> {
        let of = TopicPartition { topic: position.topic.clone(), partition: position.partition };
        let is_assigned = self.assigned.iter().flatten().any(|reading| reading.of == of);
        if !is_assigned {
            let error = Error::new(ErrorKind::NotFound, "seek", "the partition is not assigned");
            return Err(error.with("topic", &of.topic).with("partition", of.partition));
        }
        self.check_start(&of, position.offset, "seek")?;
        for reading in self.assigned.iter_mut().flatten().filter(|reading| reading.of == of) {
            (reading.next, reading.reader) = (position.offset, None);
        }
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        let Some(count) = self.assigned.as_ref().map(Vec::len) else {
            return Err(Error::new(ErrorKind::Usage, "poll", "no partitions are assigned"));
        };
        let started = Instant::now();
        loop {
            for index in 0..count {
                let filled = self.fill(index, batch);
                // An error comes again with the next call, which is time enough.
                if batch.is_empty() {
                    filled?;
                }
            }
            if !batch.is_empty() {
                return Ok(Polled::Records);
            }
            if self.assigned.iter().flatten().all(Reading::is_done) {
                return Ok(Polled::End);
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(Polled::Timeout);
            }
            thread::sleep(left.min(PAUSE));
        }
    }

    fn positions(&self) -> Vec<Position> {
        let position = |reading: &Reading| Position { topic: reading.of.topic.clone(), partition: reading.of.partition, offset: reading.next };
        self.assigned.iter().flatten().map(position).collect()
    }

    fn commit(&mut self, _offsets: &[CommittedOffset], _timeout: Duration) -> Result<()> {
        Err(self.unsupported("commit"))
    }

    fn committed(&mut self, _partitions: &[TopicPartition], _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        Err(self.unsupported("read committed offsets"))
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        self.assigned = None;
        Ok(())
    }
}
