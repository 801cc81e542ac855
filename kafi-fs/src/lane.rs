//! The way of a producer's messages into one partition of a folder: gathered, encoded, appended, and then made durable.

use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Error, Record, Report, Result};

use crate::emulated::intake::{Finished, Intake, Limits, Run};
use crate::emulated::topic_config::Effective;
use crate::log::PartitionDir;
use crate::log::append_file::{Appender, NewBatch};

/// One partition of a topic, as a producer sees it.
pub(crate) struct Lane {
    intake: Intake,
    appender: Option<Appender>,
    /// A batch that waits for its turn.
    finished: Option<Finished>,
    /// The runs that are appended, but not durable yet.
    appended: Vec<Run>,
}

/// What the producer and the topic say of batches.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) topic: &'a Effective,
}

impl Lane {
    pub(crate) fn new(topic: &Arc<str>, partition: i32) -> Self {
        Self { intake: Intake::new(topic, partition), appender: None, finished: None, appended: Vec::new() }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.intake.partition()
    }

    /// The token of the last message.
    pub(crate) fn token(&self) -> u64 {
        self.intake.token()
    }

    /// Whether messages wait for being written or durable.
    pub(crate) fn is_busy(&self) -> bool {
        !self.intake.is_empty() || self.finished.is_some() || !self.appended.is_empty()
    }

    /// The bytes in the encoder.
    pub(crate) fn bytes(&self) -> usize {
        self.intake.bytes()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.intake.has_failed()
    }

    /// The caller knows of the failure: what comes from now on is written again.
    pub(crate) fn forgive(&mut self) {
        self.intake.forgive();
    }

    /// Whether a record has to wait until the batch in the encoder is written.
    #[inline]
    pub(crate) fn must_write(&self, record: &Record<'_>, limits: &Limits, topic: &Effective) -> bool {
        self.intake.must_write(record, limits, topic)
    }

    /// Takes a record; false if it needs a batch of its own kind, so that the one in the encoder has to be written
    /// first. A record that cannot be written fails with all that follow; what came before it is written.
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

    /// Encodes and appends what was taken; false if others held the partition's lock until `deadline`. What cannot be
    /// written fails. `buffer` is any vector whose memory may be used.
    pub(crate) fn write(
        &mut self,
        dir: &PartitionDir,
        rules: Rules<'_>,
        buffer: &mut Vec<u8>,
        deadline: Instant,
        reports: &mut Vec<Report>,
    ) -> bool {
        let Rules { limits, topic } = rules;
        loop {
            if self.finished.is_none() {
                match self.intake.finish(topic.compression, buffer) {
                    Ok(finished) => self.finished = finished,
                    Err(error) => {
                        self.fail(error, reports);
                        return true;
                    }
                }
            }
            let Some(mut finished) = self.finished.take() else { return true };
            match self.append(dir, rules, &mut finished, deadline) {
                Ok(Some(base_offset)) => {
                    let shift = if limits.keep_offsets { 0 } else { base_offset };
                    self.appended.extend(finished.runs.drain(..).map(|run| Run { offset: run.offset + shift, ..run }));
                    // The vectors go back to where they were, with their memory.
                    *buffer = finished.bytes;
                    self.intake.recycle(finished.runs);
                    self.intake.give_back_above(2 * limits.batch_bytes);
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
                self.appended.iter().for_each(|run| self.intake.report_delivered(run, reports));
                self.appended.clear();
            }
            Err(error) => {
                let runs = std::mem::take(&mut self.appended);
                for run in runs {
                    self.intake.report_failed(run, &error, reports);
                }
                self.fail(error, reports);
            }
        }
        true
    }

    /// Fails whatever is not appended yet, and all that comes until the caller knows.
    pub(crate) fn fail(&mut self, error: Error, reports: &mut Vec<Report>) {
        let finished = self.finished.take().map(|finished| finished.runs).unwrap_or_default();
        self.intake.fail(finished, error, reports);
        // The next attempt looks at everything anew, but what is appended already needs its appender.
        if self.appended.is_empty() {
            self.appender = None;
        }
    }

    /// Fails all that comes until the caller knows, and none of what was taken before.
    pub(crate) fn stop(&mut self, error: Error) {
        self.intake.stop(error);
    }

    /// Fails the next message without taking it.
    pub(crate) fn refuse(&mut self, token: u64, reports: &mut Vec<Report>) {
        self.intake.refuse(token, reports);
    }

    fn append(
        &mut self,
        dir: &PartitionDir,
        Rules { limits, topic }: Rules<'_>,
        finished: &mut Finished,
        deadline: Instant,
    ) -> Result<Option<i64>> {
        self.intake.check_size(finished.bytes.len(), topic)?;
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
}
