//! `cp`: copies topics, byte for byte, with every field of every message.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::admin::Topic;
use crate::batch::Batch;
use crate::capability::Capabilities;
use crate::error::{Error, ErrorKind, Result};
use crate::functional::{Cancel, Copied, ReadOptions, Reader, Writer, plan, pump, readers_of};
use crate::producer::ProducerOptions;
use crate::record::TimestampType;
use crate::shell::cat::{Finished, finish};
use crate::shell::target::{Target, forget_timestamps};
use crate::storage::Storage;

/// How topics are copied.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// What is read of the source.
    pub read: ReadOptions,
    /// The properties of the producer.
    pub properties: Vec<(String, String)>,
    /// How many threads read and write, at most one a partition; 0 (the default) is one a processor.
    pub threads: usize,
    /// Makes a target that is missing, with as many partitions as the source. Default: true.
    pub create: bool,
    /// The settings of a target that is made.
    pub config: Vec<(String, String)>,
    /// Writes behind the messages that a target on a log holds already, at new offsets. Default: false, such a target is refused.
    pub append: bool,
    /// Gives every message the time at which it is written. Default: false.
    pub ignore_timestamp: bool,
    /// Copies also where the target's settings say that it deletes or refuses messages of this age. Default: false.
    pub force: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        let read = ReadOptions::default();
        Self { read, properties: Vec::new(), threads: 0, create: true, config: Vec::new(), append: false, ignore_timestamp: false, force: false }
    }
}

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyResult {
    /// The messages read and written.
    pub copied: Copied,
    /// The offsets reached at the source; everything before them is delivered.
    pub finished: Finished,
}

/// Copies each topic of `source` that is named first in a pair to the topic of `target` that is named second. Partition, timestamp, headers, and null stay as they are; into a log that does not hold
/// anything yet also the offsets (if it gets one source only) and the timestamp type. Blocks until the end of the source that was seen at the start is copied and delivered, or somebody asks to stop.
///
/// # Errors
/// `NotFound` for a missing source; `AlreadyExists` for a log that holds messages already; `Usage` for a source that is named twice, a target with too few partitions, or one that would lose or change
/// messages;
/// what reading or writing fails with. It stops at the first message that fails; what was delivered before stays.
pub fn cp(source: &dyn Storage, target: &dyn Storage, pairs: &[(String, String)], options: &CopyOptions) -> Result<CopyResult> {
    let read = &options.read;
    if pairs.is_empty() {
        return Ok(CopyResult::default());
    }
    refuse_itself(source, target, pairs, options)?;
    let topics: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
    refuse_twice(&topics)?;
    let known = source.admin()?.topics(&topics, read.timeout)?;
    let assignments = plan(source, &topics, read)?;
    let mut targets = HashMap::new();
    for (from, to) in pairs {
        let topic: &Topic = known.iter().find(|topic| topic.name == *from).expect("the storage describes each topic that it was asked for");
        let partitions: Vec<i32> = assignments.iter().filter(|a| a.topic == *from).map(|a| a.partition).collect();
        targets.insert(from.as_str(), (to.as_str(), Target::prepare(target, to, topic, &partitions, options)?));
    }
    let mut names: Vec<_> = pairs.iter().map(|(_, to)| to).collect();
    names.sort();
    let one_source_each = names.windows(2).all(|pair| pair[0] != pair[1]);
    let keep_offsets = !options.append && one_source_each && target.capabilities().contains(Capabilities::PRODUCE_KEEP_OFFSETS);
    let producer = ProducerOptions { keep_offsets, properties: options.properties.clone() };
    let threads = if options.threads == 0 { thread::available_parallelism().map_or(1, usize::from) } else { options.threads };
    let readers = readers_of(source, assignments, read, threads)?;
    let keeps_append_times = target.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE);
    let job = Job { target, targets, producer, keeps_append_times, said: AtomicBool::new(false), options };
    job.run(readers)
}

/// A copy whose every question is answered.
struct Job<'a> {
    target: &'a dyn Storage,
    targets: HashMap<&'a str, (&'a str, Target)>,
    producer: ProducerOptions,
    keeps_append_times: bool,
    /// Whether it was said that append times become create times.
    said: AtomicBool,
    options: &'a CopyOptions,
}

impl Job<'_> {
    /// A thread for each reader, with a writer of its own.
    fn run(&self, readers: Vec<Reader>) -> Result<CopyResult> {
        let read_before = self.options.read.progress.read();
        let stops: Vec<Cancel> = readers.iter().map(Reader::stop).collect();
        let shares: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = readers.into_iter().map(|reader| scope.spawn(|| self.run_share(reader, &stops))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mut result = CopyResult::default();
        let mut readers = Vec::new();
        for share in shares {
            let (reader, written) = share?;
            result.copied.written += written;
            readers.extend(reader);
        }
        result.copied.read = self.options.read.progress.read() - read_before;
        result.finished = finish(readers, &self.options.read)?;
        Ok(result)
    }

    fn run_share(&self, reader: Reader, stops: &[Cancel]) -> Result<(Vec<Reader>, u64)> {
        let copied = self.copy_share(reader);
        if copied.is_err() {
            // The other shares stop too: a copy that has failed is not carried on.
            stops.iter().for_each(Cancel::cancel);
        }
        copied
    }

    fn copy_share(&self, reader: Reader) -> Result<(Vec<Reader>, u64)> {
        let mut writer = Writer::open(self.target, &self.producer, self.options.read.progress.clone())?;
        let copied = pump(
            vec![reader],
            |_| Ok(()),
            |batch| {
                let caught_up = self.options.read.follow && !batch.is_full();
                self.prepare(batch)?;
                writer.write(batch)?;
                if caught_up {
                    // The next messages may come late, and these are not to wait for them.
                    writer.flush(None)?;
                }
                Ok(ControlFlow::Continue(()))
            },
        );
        // Also what a copy that failed has read is delivered.
        let written = writer.close(None);
        Ok((copied?, written?))
    }

    /// Sends the messages to the targets' names, and looks whether the targets keep them.
    fn prepare(&self, batch: &mut Batch) -> Result<()> {
        if self.options.ignore_timestamp {
            forget_timestamps(batch);
        }
        for index in 0..batch.topics().len() {
            let (name, target) = &self.targets[batch.topics()[index].as_str()];
            let index = index as u32;
            if !self.options.force {
                target.check_timestamps(batch, index)?;
            }
            batch.rename_topic(index, name);
        }
        let changes_type = !self.keeps_append_times && batch.metas().iter().any(|meta| meta.timestamp_type == TimestampType::Append);
        if changes_type && !self.said.swap(true, Ordering::Relaxed) {
            log::warn!("the source's append times become create times: {} takes no others", self.target.name());
        }
        Ok(())
    }
}

fn refuse_twice(topics: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    match topics.iter().find(|topic| !seen.insert(*topic)) {
        None => Ok(()),
        Some(twice) => Err(Error::new(ErrorKind::Usage, "copy", "the source is named twice").with("topic", twice).hint("copy it to one topic at a time")),
    }
}

fn refuse_itself(source: &dyn Storage, target: &dyn Storage, pairs: &[(String, String)], options: &CopyOptions) -> Result<()> {
    let Some((same, _)) = pairs.iter().find(|(from, to)| from == to) else { return Ok(()) };
    let timeout = options.read.timeout;
    if source.scheme() != target.scheme() || source.identity(timeout)? != target.identity(timeout)? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "copy", "source and target are the same topic").with("topic", same))
}
