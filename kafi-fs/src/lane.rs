//! The way of a producer's messages into one partition: gathered, encoded, appended, and then made durable.

use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Delivery, Error, ErrorKind, NO_TIMESTAMP, Record, Report, Result, TimestampType};
use kafi_records::{BatchHeader, Encoder};

use crate::log::PartitionDir;
use crate::log::append_file::{Appender, NewBatch};
use crate::topic_config::Effective;

/// What a record takes in a batch beside its bytes, at most, without headers; for limits, not for counting.
const RECORD_OVERHEAD_BYTES: usize = 40;

/// Limits of the batches of a lane.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) batch_bytes: usize,
    pub(crate) batch_records: u32,
    pub(crate) keep_offsets: bool,
    pub(crate) now_ms: i64,
}

/// Neighbouring messages of one token.
struct Run {
    token: u64,
    first: u64,
    count: u64,
    /// Of the first message: counted within the batch until that is appended, unless offsets are kept.
    offset: i64,
}

/// A finished batch that waits for its turn.
struct Finished {
    bytes: Vec<u8>,
    header: BatchHeader,
    min_timestamp: i64,
    runs: Vec<Run>,
}

/// One partition of a topic, as a producer sees it.
pub(crate) struct Lane {
    topic: Arc<str>,
    partition: i32,
    appender: Option<Appender>,
    encoder: Encoder,
    /// The runs in the encoder.
    runs: Vec<Run>,
    min_timestamp: i64,
    /// The time of the batch in the encoder, for messages that get the log's time.
    append_time_ms: i64,
    /// The last offset that was kept.
    last_offset: i64,
    finished: Option<Finished>,
    /// The runs that are appended, but not durable yet.
    appended: Vec<Run>,
    token: u64,
    ordinal: u64,
    /// Why nothing more is written, until the caller knows.
    failure: Option<Error>,
}

impl Lane {
    pub(crate) fn new(topic: &Arc<str>, partition: i32) -> Self {
        Self {
            topic: Arc::clone(topic),
            partition,
            appender: None,
            encoder: Encoder::new(Default::default()),
            runs: Vec::new(),
            min_timestamp: i64::MAX,
            append_time_ms: 0,
            last_offset: -1,
            finished: None,
            appended: Vec::new(),
            token: 0,
            ordinal: 0,
            failure: None,
        }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.partition
    }

    /// Whether messages wait for being written or durable.
    pub(crate) fn is_busy(&self) -> bool {
        !self.runs.is_empty() || self.finished.is_some() || !self.appended.is_empty()
    }

    /// The bytes in the encoder.
    pub(crate) fn bytes(&self) -> usize {
        self.encoder.bytes()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The caller knows of the failure: what comes from now on is written again.
    pub(crate) fn forgive(&mut self) {
        self.failure = None;
    }

    /// Whether a record has to wait until the batch in the encoder is written.
    #[inline]
    pub(crate) fn must_write(&self, record: &Record<'_>, limits: &Limits, topic: &Effective) -> bool {
        if self.encoder.is_empty() {
            return false;
        }
        let bytes = self.encoder.bytes();
        if self.encoder.records() >= limits.batch_records || bytes >= limits.batch_bytes {
            return true;
        }
        let headers = record.headers.len() * RECORD_OVERHEAD_BYTES;
        bytes + record.payload_bytes() + RECORD_OVERHEAD_BYTES + headers > limits.batch_bytes.max(RECORD_OVERHEAD_BYTES).min(topic.message_bytes_max)
    }

    /// Takes a record; false if it needs a batch of its own kind, so that the one in the encoder has to be written first. A record that cannot be
    /// written fails with all that follow; what came before it is written.
    pub(crate) fn push(&mut self, mut record: Record<'_>, token: u64, limits: &Limits, topic: &Effective, reports: &mut Vec<Report>) -> bool {
        if self.failure.is_some() {
            self.refuse(token, reports);
            return true;
        }
        if record.timestamp == NO_TIMESTAMP {
            record.timestamp_type = topic.timestamp_type;
            // With the log's time, one batch has one time.
            let batch_goes_on = topic.timestamp_type == TimestampType::Append && !self.encoder.is_empty();
            record.timestamp = if batch_goes_on { self.append_time_ms } else { limits.now_ms };
        }
        let offset = if limits.keep_offsets { record.offset } else { i64::from(self.encoder.records()) };
        if limits.keep_offsets && offset <= self.last_offset {
            let message = format!("the offset {offset} cannot be kept, it does not lie above {} before it", self.last_offset);
            self.stop(self.error(ErrorKind::OutOfRange, message));
            self.refuse(token, reports);
            return true;
        }
        match self.encoder.push(record, offset) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                self.stop(error.with("topic", &self.topic).with("partition", self.partition));
                self.refuse(token, reports);
                return true;
            }
        }
        if self.encoder.records() == 1 {
            self.append_time_ms = record.timestamp;
        }
        self.last_offset = if limits.keep_offsets { offset } else { -1 };
        self.min_timestamp = self.min_timestamp.min(record.timestamp);
        let first = self.next_ordinal(token);
        match self.runs.last_mut().filter(|run| run.token == token) {
            Some(run) => run.count += 1,
            None => self.runs.push(Run { token, first, count: 1, offset }),
        }
        true
    }

    /// Encodes and appends what was taken; false if others held the partition's lock until `deadline`. What cannot be written fails.
    /// `buffer` is any vector whose memory may be used.
    pub(crate) fn write(
        &mut self,
        dir: &PartitionDir,
        limits: &Limits,
        topic: &Effective,
        buffer: &mut Vec<u8>,
        deadline: Instant,
        reports: &mut Vec<Report>,
    ) -> bool {
        loop {
            if self.finished.is_none() {
                if self.encoder.is_empty() {
                    return true;
                }
                buffer.clear();
                self.encoder.set_compression(topic.compression);
                let header = match self.encoder.finish(buffer) {
                    Ok(header) => header,
                    Err(error) => {
                        self.fail(error.with("topic", &self.topic).with("partition", self.partition), reports);
                        return true;
                    }
                };
                let min_timestamp = std::mem::replace(&mut self.min_timestamp, i64::MAX);
                self.finished = Some(Finished { bytes: std::mem::take(buffer), header, min_timestamp, runs: std::mem::take(&mut self.runs) });
            }
            let Some(mut finished) = self.finished.take() else { return true };
            match self.append(dir, limits, topic, &mut finished, deadline) {
                Ok(Some(base_offset)) => {
                    let shift = if limits.keep_offsets { 0 } else { base_offset };
                    self.appended.extend(finished.runs.drain(..).map(|run| Run { offset: run.offset + shift, ..run }));
                    // The vectors go back to where they were, with their memory.
                    *buffer = finished.bytes;
                    if self.runs.is_empty() {
                        self.runs = finished.runs;
                    }
                }
                Ok(None) => {
                    self.finished = Some(finished);
                    return false;
                }
                Err(error) => {
                    self.finished = Some(finished);
                    self.fail(error, reports);
                    return true;
                }
            }
        }
    }

    /// Makes durable what was appended, and reports it; false if others held the lock until `deadline`.
    pub(crate) fn commit(&mut self, deadline: Instant, reports: &mut Vec<Report>) -> bool {
        if self.appended.is_empty() {
            return true;
        }
        let Some(appender) = &mut self.appender else { return true };
        match appender.commit(deadline) {
            Ok(false) => return false,
            Ok(true) => {
                let (topic, partition) = (&self.topic, self.partition);
                reports.extend(self.appended.drain(..).map(|run| Report {
                    token: run.token,
                    topic: Arc::clone(topic),
                    partition,
                    first: run.first,
                    count: run.count,
                    delivery: Delivery::At(run.offset),
                }));
            }
            Err(error) => {
                let runs = std::mem::take(&mut self.appended);
                for run in runs {
                    self.report_failed(run, &error, reports);
                }
                self.fail(error, reports);
            }
        }
        true
    }

    /// Fails whatever is not appended yet, and all that comes until the caller knows.
    pub(crate) fn fail(&mut self, error: Error, reports: &mut Vec<Report>) {
        let finished = self.finished.take().map(|finished| finished.runs).unwrap_or_default();
        let runs = finished.into_iter().chain(std::mem::take(&mut self.runs)).collect::<Vec<_>>();
        for run in runs {
            self.report_failed(run, &error, reports);
        }
        self.encoder.clear();
        self.min_timestamp = i64::MAX;
        self.last_offset = -1;
        // The next attempt looks at everything anew, but what is appended already needs its appender.
        if self.appended.is_empty() {
            self.appender = None;
        }
        self.failure = Some(error);
    }

    /// Fails all that comes until the caller knows, and none of what was taken before.
    pub(crate) fn stop(&mut self, error: Error) {
        self.failure = Some(error);
    }

    /// Fails the next message without taking it.
    pub(crate) fn refuse(&mut self, token: u64, reports: &mut Vec<Report>) {
        let first = self.next_ordinal(token);
        let Some(failure) = &self.failure else { return };
        let last = reports
            .last_mut()
            .filter(|report| report.token == token && report.partition == self.partition && report.first + report.count == first && report.topic == self.topic);
        match last {
            Some(report) if matches!(report.delivery, Delivery::Failed(_)) => report.count += 1,
            _ => {
                let run = Run { token, first, count: 1, offset: -1 };
                self.report_failed(run, failure, reports);
            }
        }
    }

    fn append(&mut self, dir: &PartitionDir, limits: &Limits, topic: &Effective, finished: &mut Finished, deadline: Instant) -> Result<Option<i64>> {
        let bytes = finished.bytes.len();
        if bytes > topic.message_bytes_max {
            let message = format!("a batch of {bytes} bytes is larger than max.message.bytes, {}", topic.message_bytes_max);
            return Err(self.error(ErrorKind::TooLarge, message).hint("raise max.message.bytes of the topic, or compress it"));
        }
        let appender = match &mut self.appender {
            Some(appender) => appender,
            none => none.insert(Appender::open(dir.clone())?),
        };
        let batch = NewBatch {
            bytes: &mut finished.bytes,
            header: finished.header,
            min_timestamp: finished.min_timestamp,
            keep_offset: limits.keep_offsets,
            segment_bytes: topic.segment_bytes,
        };
        appender.append(batch, deadline)
    }

    fn next_ordinal(&mut self, token: u64) -> u64 {
        if token != self.token {
            self.token = token;
            self.ordinal = 0;
        }
        self.ordinal += 1;
        self.ordinal - 1
    }

    fn report_failed(&self, run: Run, error: &Error, reports: &mut Vec<Report>) {
        let Run { token, first, count, .. } = run;
        let delivery = Delivery::Failed(error.duplicate());
        reports.push(Report { token, topic: Arc::clone(&self.topic), partition: self.partition, first, count, delivery });
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        Error::new(kind, "produce", message).with("topic", &self.topic).with("partition", self.partition)
    }
}
