//! The way of a producer's messages into one partition of a store of objects: gathered, encoded, gathered once more,
//! and written as an object while the next one grows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use kafi_core::{Error, Record, Report, Result};
use kafi_fs::emulated::intake::{Finished, Intake, Limits, Run};
use kafi_fs::emulated::topic_config::Effective;

use crate::append::{Appended, Appender, Checked, NewObject, TopicCheck, Trouble};
use crate::log::{PartitionLog, Tail};
use crate::tasks::{Task, Tasks};
use crate::topics::Loaded;

/// How long writing `head.json` may take; it is not worth more.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How many objects' memory is kept to be used again.
const SPARES_MAX: usize = 4;

/// Memory that is used again, for all lanes of a producer.
#[derive(Default)]
pub(crate) struct Memory {
    /// For an encoded batch.
    batch: Vec<u8>,
    /// For objects.
    objects: Vec<Vec<u8>>,
}

impl Memory {
    /// The bytes that wait to be used again for objects.
    pub(crate) fn spare_bytes(&self) -> usize {
        self.objects.iter().map(Vec::capacity).sum()
    }

    /// Gives them back.
    pub(crate) fn free(&mut self) {
        self.objects.clear();
    }
}

/// One partition of a topic, as a producer sees it.
pub(crate) struct ObjectLane {
    intake: Intake,
    log: PartitionLog,
    writer: Arc<str>,
    /// Numbers the objects of the writer.
    sequences: Arc<AtomicU64>,
    trouble: Trouble,
    /// `None` while an upload has it.
    appender: Option<Appender>,
    growing: Option<Sealed>,
    /// Objects that wait for their turn.
    sealed: VecDeque<Sealed>,
    upload: Option<Uploading>,
    /// The bytes that are held here, but for those in the encoder.
    held_bytes: usize,
    head: Head,
}

/// An object on its way, and what it holds.
struct Sealed {
    object: NewObject,
    runs: Vec<Run>,
    held_bytes: usize,
    sealed_at: Instant,
}

/// An object that is being written. What has to be reported of it stays here, so that each message has its report
/// whatever becomes of the task.
struct Uploading {
    task: Task<Upload>,
    runs: Vec<Run>,
    held_bytes: usize,
    keep_offsets: bool,
}

/// What came of an upload.
struct Upload {
    appender: Appender,
    /// Memory that is free again.
    buffer: Vec<u8>,
    outcome: Result<Appended>,
    /// What the topic was meanwhile.
    checked: Checked,
}

/// How long things may take.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    /// From the first attempt to write a message until it counts as failed.
    pub(crate) delivery_timeout: Duration,
    /// As [`Appender::new`] takes it.
    pub(crate) trust: Duration,
    /// Between two `head.json`.
    pub(crate) head_interval: Duration,
}

/// What is known of `head.json`.
struct Head {
    /// What is to be written.
    due: Option<Tail>,
    written_at: Option<Instant>,
    task: Option<Task<()>>,
}

/// What a look at the upload of a lane found.
pub(crate) enum Progress {
    /// Nothing, or it was delivered.
    Fine,
    /// An object was written, but the topic is something else now, or gone: the runs are to be settled with that.
    Changed(Vec<Run>, Option<Loaded>),
}

impl ObjectLane {
    /// A lane for what `intake` takes.
    pub(crate) fn new(
        log: PartitionLog,
        intake: Intake,
        writer: &Arc<str>,
        sequences: &Arc<AtomicU64>,
        trouble: &Trouble,
    ) -> Self {
        Self {
            intake,
            appender: None,
            writer: Arc::clone(writer),
            sequences: Arc::clone(sequences),
            trouble: trouble.clone(),
            log,
            growing: None,
            sealed: VecDeque::new(),
            upload: None,
            held_bytes: 0,
            head: Head { due: None, written_at: None, task: None },
        }
    }

    pub(crate) fn intake(&mut self) -> &mut Intake {
        &mut self.intake
    }

    /// What counts the messages of the partition, for another lane. What this one has not reported yet is lost with it.
    pub(crate) fn into_intake(mut self) -> Intake {
        self.intake.forget_offsets();
        self.intake
    }

    pub(crate) fn topic_id(&self) -> &Arc<str> {
        &self.log.topic_id
    }

    /// Whether messages wait for being written.
    pub(crate) fn is_busy(&self) -> bool {
        !self.intake.is_empty() || self.growing.is_some() || self.is_uploading()
    }

    /// Whether objects are being written or wait for that.
    pub(crate) fn is_uploading(&self) -> bool {
        self.upload.is_some() || !self.sealed.is_empty()
    }

    /// The bytes that are held here.
    pub(crate) fn bytes(&self) -> usize {
        self.held_bytes + self.intake.bytes()
    }

    #[inline]
    pub(crate) fn must_write(&self, record: &Record<'_>, limits: &Limits, topic: &Effective) -> bool {
        self.intake.must_write(record, limits, topic)
    }

    #[inline]
    pub(crate) fn push(
        &mut self,
        record: Record<'_>,
        token: u64,
        limits: &Limits,
        topic: &Effective,
        reports: &mut Vec<Report>,
    ) -> bool {
        self.intake.push(record, token, limits, topic, reports)
    }

    /// Encodes what was taken, as a batch of the object that grows. What cannot be written fails.
    pub(crate) fn write(
        &mut self,
        limits: &Limits,
        topic: &Effective,
        object_bytes: u64,
        memory: &mut Memory,
        reports: &mut Vec<Report>,
    ) {
        let finished = match self.intake.finish(topic.compression, &mut memory.batch) {
            Ok(Some(finished)) => finished,
            Ok(None) => return,
            Err(error) => return self.fail_unwritten(Vec::new(), error, reports),
        };
        match self.intake.check_size(finished.bytes.len(), topic) {
            Ok(()) => self.grow(finished, limits, object_bytes, memory),
            Err(error) => self.fail_unwritten(finished.runs, error, reports),
        }
    }

    /// Adds a batch to the object that grows, and ends it before it gets too large.
    fn grow(&mut self, finished: Finished, limits: &Limits, object_bytes: u64, memory: &mut Memory) {
        let is_full = |bytes: usize| bytes as u64 >= object_bytes;
        if self.growing.as_ref().is_some_and(|growing| is_full(growing.object.bytes.len() + finished.bytes.len())) {
            self.seal();
        }
        let Finished { bytes, header, min_timestamp, runs } = finished;
        let growing = self.growing.get_or_insert_with(|| Sealed::empty(limits.keep_offsets, header.base_offset));
        let object = &mut growing.object;
        // What is held is memory, used or not.
        let held_before = object.bytes.capacity();
        let base = if limits.keep_offsets { header.base_offset } else { object.next_offset };
        let shift = base - header.base_offset;
        object.batches.push((object.bytes.len(), base));
        object.next_offset = header.next_offset() + shift;
        object.min_timestamp = object.min_timestamp.min(min_timestamp);
        object.max_timestamp = object.max_timestamp.max(header.max_timestamp);
        if object.bytes.is_empty() {
            object.bytes = memory.objects.pop().unwrap_or_default();
        }
        // Doubled as usual, but not beyond what an object takes.
        let needed = object.bytes.len() + bytes.len();
        if needed > object.bytes.capacity() {
            let wanted = (needed * 2).min(usize::try_from(object_bytes).unwrap_or(usize::MAX)).max(needed);
            object.bytes.reserve_exact(wanted - object.bytes.len());
        }
        object.bytes.extend_from_slice(&bytes);
        let grown = object.bytes.capacity() - held_before;
        growing.held_bytes += grown;
        self.held_bytes += grown;
        memory.batch = bytes;
        growing.runs.extend(runs.iter().map(|run| Run { offset: run.offset + shift, ..*run }));
        self.intake.recycle(runs);
        if is_full(self.growing.as_ref().map_or(0, |growing| growing.object.bytes.len())) {
            self.seal();
        }
    }

    /// Ends the object that grows: nothing more comes to it.
    pub(crate) fn seal(&mut self) {
        if let Some(mut growing) = self.growing.take() {
            growing.sealed_at = Instant::now();
            self.sealed.push_back(growing);
        }
    }

    /// Looks what became of the upload, and starts the next one.
    pub(crate) fn advance(
        &mut self,
        tasks: &mut Tasks,
        check: &Arc<TopicCheck>,
        timing: Timing,
        memory: &mut Memory,
        reports: &mut Vec<Report>,
    ) -> Progress {
        let mut progress = Progress::Fine;
        if let Some(ended) = self.upload.as_ref().and_then(|upload| upload.task.take()) {
            match ended {
                Ok(upload) => progress = self.finish(upload, memory, reports),
                // The task panicked.
                Err(error) => self.fail(error, reports),
            }
        }
        if self.upload.is_none()
            && let Some(sealed) = self.sealed.pop_front()
        {
            let appender = self.appender.take().unwrap_or_else(|| {
                Appender::new(self.log.clone(), &self.writer, &self.sequences, &self.trouble, timing.trust)
            });
            let check = Arc::clone(check);
            let Sealed { object, runs, held_bytes, sealed_at } = sealed;
            let keep_offsets = object.keep_offsets;
            let task = tasks.start(move || {
                Ok(upload(object, sealed_at, appender, &check, Instant::now() + timing.delivery_timeout))
            });
            self.upload = Some(Uploading { task, runs, held_bytes, keep_offsets });
        }
        progress
    }

    fn finish(&mut self, upload: Upload, memory: &mut Memory, reports: &mut Vec<Report>) -> Progress {
        let Upload { appender, mut buffer, outcome, checked } = upload;
        let Some(Uploading { mut runs, held_bytes, keep_offsets, .. }) = self.upload.take() else {
            return Progress::Fine;
        };
        if memory.objects.len() < SPARES_MAX {
            buffer.clear();
            memory.objects.push(buffer);
        }
        self.held_bytes = self.held_bytes.saturating_sub(held_bytes);
        match outcome {
            Ok(Appended { base, end }) => {
                self.head.due = Some(Tail { newest: Some(base), end });
                self.appender = Some(appender);
                if !keep_offsets {
                    runs.iter_mut().for_each(|run| run.offset += base);
                }
                if let Checked::Changed(topic) = checked {
                    return Progress::Changed(runs, topic);
                }
                self.deliver(&mut runs, reports);
            }
            Err(error) => {
                runs.drain(..).for_each(|run| self.intake.report_failed(run, &error, reports));
                self.fail(error, reports);
            }
        }
        Progress::Fine
    }

    /// Reports what was written.
    pub(crate) fn deliver(&mut self, runs: &mut Vec<Run>, reports: &mut Vec<Report>) {
        runs.drain(..).for_each(|run| self.intake.report_delivered(&run, reports));
    }

    /// Fails what is not on its way yet, and all that comes until the caller knows. What is under way is reported when
    /// it is over.
    fn fail_unwritten(&mut self, runs: Vec<Run>, error: Error, reports: &mut Vec<Report>) {
        // Objects that wait were taken before the failure, and are written.
        self.seal();
        self.intake.fail(runs, error, reports);
    }

    /// Fails everything that is not known to be written, and all that comes until the caller knows.
    pub(crate) fn fail(&mut self, error: Error, reports: &mut Vec<Report>) {
        self.seal();
        let uploading = self.upload.take().map(|upload| upload.runs).unwrap_or_default();
        let waiting: Vec<Run> =
            uploading.into_iter().chain(self.sealed.drain(..).flat_map(|sealed| sealed.runs)).collect();
        self.appender = None;
        self.held_bytes = 0;
        self.intake.fail(waiting, error, reports);
    }

    /// Writes `head.json`, if that is due and the last time is longer ago than `interval`. One at a time, so that none
    /// overtakes another.
    pub(crate) fn write_head(&mut self, tasks: &mut Tasks, interval: Duration) {
        if self.head.task.as_ref().is_some_and(|task| task.take().is_none()) {
            return;
        }
        self.head.task = None;
        if self.head.written_at.is_some_and(|written_at| written_at.elapsed() < interval) {
            return;
        }
        let Some(tail) = self.head.due.take() else { return };
        self.head.written_at = Some(Instant::now());
        let log = self.log.clone();
        // Others save requests by it, and do without it.
        self.head.task = Some(tasks.start(move || {
            log.write_head(tail, Instant::now() + HEAD_TIMEOUT).inspect_err(|error| log::debug!("{error}"))
        }));
    }

    /// Whether `head.json` is being written or has to be.
    pub(crate) fn is_head_due(&self) -> bool {
        self.head.due.is_some() || self.head.task.is_some()
    }
}

impl Sealed {
    fn empty(keep_offsets: bool, first_offset: i64) -> Self {
        let object = NewObject {
            bytes: Vec::new(),
            batches: Vec::new(),
            first_offset,
            next_offset: 0,
            min_timestamp: i64::MAX,
            max_timestamp: i64::MIN,
            keep_offsets,
        };
        Self { object, runs: Vec::new(), held_bytes: 0, sealed_at: Instant::now() }
    }
}

/// Writes an object, and looks beside that whether the topic is still the same.
fn upload(
    mut object: NewObject,
    sealed_at: Instant,
    mut appender: Appender,
    check: &TopicCheck,
    deadline: Instant,
) -> Upload {
    let (outcome, checked) = std::thread::scope(|scope| {
        let looks = scope.spawn(|| check.look(sealed_at, deadline));
        let outcome = appender.append(&mut object, deadline);
        (outcome, looks.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (outcome, checked) = match checked {
        Ok(checked) => (outcome, checked),
        Err(error) => (outcome.and(Err(error)), Checked::Same),
    };
    Upload { appender, buffer: object.bytes, outcome, checked }
}
