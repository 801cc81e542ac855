//! What messages to one partition become before they are written: batches, and the runs of messages that reports will
//! be about.

use std::sync::Arc;

use kafi_core::{Delivery, Error, ErrorKind, NO_TIMESTAMP, Record, Report, Result, TimestampType};
use kafi_records::{BatchHeader, Compression, Encoder};

use super::topic_config::Effective;

/// What a record takes in a batch beside its bytes, at most, without headers; for limits, not for counting.
const RECORD_OVERHEAD_BYTES: usize = 40;

/// Limits of the batches of a partition.
#[derive(Clone, Copy)]
pub struct Limits {
    /// About as many bytes of records, before compression.
    pub batch_bytes: usize,
    /// At most as many records.
    pub batch_records: u32,
    /// Whether messages keep the offsets that they come with.
    pub keep_offsets: bool,
    /// Whether a message without a timestamp stays one.
    pub keep_timestamps: bool,
    /// What a message without a timestamp gets; milliseconds since 1970.
    pub now_ms: i64,
}

/// Neighbouring messages of one token.
pub struct Run {
    /// The caller's token.
    pub token: u64,
    /// The ordinal of the first of them among the messages of that token to that partition.
    pub first: u64,
    /// How many they are.
    pub count: u64,
    /// Of the first message: counted within the batch until that is written, unless offsets are kept.
    pub offset: i64,
}

/// A finished batch and what it holds.
pub struct Finished {
    /// The batch as it is written.
    pub bytes: Vec<u8>,
    /// What its header says.
    pub header: BatchHeader,
    /// The earliest timestamp in it.
    pub min_timestamp: i64,
    /// What it holds, in order.
    pub runs: Vec<Run>,
}

/// Takes the messages to one partition.
pub struct Intake {
    topic: Arc<str>,
    partition: i32,
    encoder: Encoder,
    /// The runs in the encoder.
    runs: Vec<Run>,
    min_timestamp: i64,
    /// The time of the batch in the encoder, for messages that get the log's time.
    append_time_ms: i64,
    /// The last offset that was kept.
    last_offset: i64,
    token: u64,
    ordinal: u64,
    /// Why nothing more is written, until the caller knows.
    failure: Option<Error>,
}

impl Intake {
    /// Nothing yet, for this partition.
    pub fn new(topic: &Arc<str>, partition: i32) -> Self {
        Self {
            topic: Arc::clone(topic),
            partition,
            encoder: Encoder::new(Default::default()),
            runs: Vec::new(),
            min_timestamp: i64::MAX,
            append_time_ms: 0,
            last_offset: -1,
            token: 0,
            ordinal: 0,
            failure: None,
        }
    }

    /// The partition that the messages go to.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Whether no message waits in the encoder.
    pub fn is_empty(&self) -> bool {
        self.encoder.is_empty()
    }

    /// The bytes in the encoder.
    pub fn bytes(&self) -> usize {
        self.encoder.bytes()
    }

    /// The token of the last message.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Forgets up to where offsets were kept, for another log.
    pub fn forget_offsets(&mut self) {
        self.last_offset = -1;
    }

    /// Whether a message failed that the caller does not know of yet.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The caller knows of the failure: what comes from now on is written again.
    pub fn forgive(&mut self) {
        self.failure = None;
    }

    /// Whether a record has to wait until the batch in the encoder is written.
    #[inline]
    pub fn must_write(&self, record: &Record<'_>, limits: &Limits, topic: &Effective) -> bool {
        if self.encoder.is_empty() {
            return false;
        }
        let bytes = self.encoder.bytes();
        if self.encoder.records() >= limits.batch_records || bytes >= limits.batch_bytes {
            return true;
        }
        let headers = record.headers.len() * RECORD_OVERHEAD_BYTES;
        bytes + record.payload_bytes() + RECORD_OVERHEAD_BYTES + headers
            > limits.batch_bytes.max(RECORD_OVERHEAD_BYTES).min(topic.message_bytes_max)
    }

    /// Takes a record; false if it needs a batch of its own kind, so that the one in the encoder has to be written
    /// first. A record that cannot be written fails with all that follow; what came before it is written.
    pub fn push(
        &mut self,
        mut record: Record<'_>,
        token: u64,
        limits: &Limits,
        topic: &Effective,
        reports: &mut Vec<Report>,
    ) -> bool {
        if self.failure.is_some() {
            self.refuse(token, reports);
            return true;
        }
        if record.timestamp == NO_TIMESTAMP && !limits.keep_timestamps {
            record.timestamp_type = topic.timestamp_type;
            // With the log's time, one batch has one time.
            let batch_goes_on = topic.timestamp_type == TimestampType::Append && !self.encoder.is_empty();
            record.timestamp = if batch_goes_on { self.append_time_ms } else { limits.now_ms };
        }
        let offset = if limits.keep_offsets { record.offset } else { i64::from(self.encoder.records()) };
        if limits.keep_offsets && offset <= self.last_offset {
            let message =
                format!("the offset {offset} cannot be kept, it does not lie above {} before it", self.last_offset);
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

    /// Encodes what was taken, into `buffer` and away with it: any vector whose memory may be used. `None` where
    /// nothing was taken.
    ///
    /// # Errors
    /// Those of the encoder, with topic and partition.
    pub fn finish(&mut self, compression: Compression, buffer: &mut Vec<u8>) -> Result<Option<Finished>> {
        if self.encoder.is_empty() {
            return Ok(None);
        }
        buffer.clear();
        self.encoder.set_compression(compression);
        let header = self
            .encoder
            .finish(buffer)
            .map_err(|error| error.with("topic", &self.topic).with("partition", self.partition))?;
        let min_timestamp = std::mem::replace(&mut self.min_timestamp, i64::MAX);
        Ok(Some(Finished {
            bytes: std::mem::take(buffer),
            header,
            min_timestamp,
            runs: std::mem::take(&mut self.runs),
        }))
    }

    /// Gives back what the encoder keeps for the next batch, if that is more than `bytes`: with many partitions what
    /// each of them keeps has to be little.
    pub(crate) fn give_back_above(&mut self, bytes: usize) {
        self.encoder.give_back_above(bytes);
    }

    /// Takes back the memory of runs that were reported.
    pub fn recycle(&mut self, runs: Vec<Run>) {
        if self.runs.is_empty() && self.runs.capacity() < runs.capacity() {
            self.runs = runs;
            self.runs.clear();
        }
    }

    /// Fails these runs and what is in the encoder, and all that comes until the caller knows.
    pub fn fail(&mut self, runs: impl IntoIterator<Item = Run>, error: Error, reports: &mut Vec<Report>) {
        let taken = std::mem::take(&mut self.runs);
        for run in runs.into_iter().chain(taken) {
            self.report_failed(run, &error, reports);
        }
        self.encoder.clear();
        self.min_timestamp = i64::MAX;
        self.last_offset = -1;
        self.failure = Some(error);
    }

    /// Reports a run that was written from offset `run.offset` on.
    pub fn report_delivered(&self, run: &Run, reports: &mut Vec<Report>) {
        let Run { token, first, count, offset } = *run;
        reports.push(Report {
            token,
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            first,
            count,
            delivery: Delivery::At(offset),
        });
    }

    /// Refuses batches that are larger than the topic takes.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_size(&self, bytes: usize, topic: &Effective) -> Result<()> {
        if bytes <= topic.message_bytes_max {
            return Ok(());
        }
        let message = format!("a batch of {bytes} bytes is larger than max.message.bytes, {}", topic.message_bytes_max);
        Err(self.error(ErrorKind::TooLarge, message).hint("raise max.message.bytes of the topic, or compress it"))
    }

    /// Fails all that comes until the caller knows, and none of what was taken before.
    pub fn stop(&mut self, error: Error) {
        self.failure = Some(error);
    }

    /// Fails the next message without taking it.
    pub fn refuse(&mut self, token: u64, reports: &mut Vec<Report>) {
        let first = self.next_ordinal(token);
        let Some(failure) = &self.failure else { return };
        let last = reports.last_mut().filter(|report| {
            report.token == token
                && report.partition == self.partition
                && report.first + report.count == first
                && report.topic == self.topic
        });
        match last {
            Some(report) if matches!(report.delivery, Delivery::Failed(_)) => report.count += 1,
            _ => {
                let run = Run { token, first, count: 1, offset: -1 };
                self.report_failed(run, failure, reports);
            }
        }
    }

    fn next_ordinal(&mut self, token: u64) -> u64 {
        if token != self.token {
            self.token = token;
            self.ordinal = 0;
        }
        self.ordinal += 1;
        self.ordinal - 1
    }

    /// Reports a run that was not written.
    pub fn report_failed(&self, run: Run, error: &Error, reports: &mut Vec<Report>) {
        let Run { token, first, count, .. } = run;
        let delivery = Delivery::Failed(error.duplicate());
        reports.push(Report {
            token,
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            first,
            count,
            delivery,
        });
    }

    /// An error about writing to this partition.
    pub fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, "produce", message).with("topic", &self.topic).with("partition", self.partition)
    }
}
