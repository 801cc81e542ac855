//! A copy that runs: what its shares have in common.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use kafi_core::functional::{Cancel, GroupUse, Limit, ReadOptions, Reader, Writer};
use kafi_core::{Capabilities, ProducerOptions, Result, Storage};

use crate::CopyOptions;
use crate::cp::plan::Planner;
use crate::rate::Pacer;

/// The property that lets the members of a group see new partitions that soon, in milliseconds.
const METADATA_REFRESH: (&str, &str) = ("topic.metadata.refresh.interval.ms", "3000");

/// However many shares there are, each may have this many bytes under way.
const BUFFER_BYTES_MIN: u64 = 4 << 20;

/// A copy that runs.
pub(crate) struct Copying<'a> {
    pub(crate) planner: Mutex<Planner<'a>>,
    pub(crate) source: &'a dyn Storage,
    pub(crate) target: &'a dyn Storage,
    pub(crate) options: &'a CopyOptions,
    pub(crate) read: ReadOptions,
    pub(crate) producer: ProducerOptions,
    pub(crate) keeps_append_times: bool,
    pub(crate) pacer: Option<Pacer>,
    /// How many messages may come out of what they go through.
    pub(crate) limit: Option<Limit>,
    /// Whether it was said that append times become create times.
    pub(crate) said: AtomicBool,
    /// What stops each share, and whether one has failed.
    stops: Mutex<Vec<Cancel>>,
    has_failed: AtomicBool,
    /// How many threads of each share do nothing but let batches go through what they have to.
    helpers: AtomicUsize,
}

impl<'a> Copying<'a> {
    pub(crate) fn new(planner: Planner<'a>, codec: String) -> Self {
        let (source, target, options) = (planner.source, planner.target, planner.options);
        let mut read = options.read.clone();
        let limit = options.through.is_some().then(|| read.max.take().map(Limit::new)).flatten();
        if let Some(group) =
            read.group.as_mut().filter(|group| matches!(group.usage, GroupUse::CommitRead | GroupUse::CommitAtEnd))
        {
            // What is not delivered is not done, and a copy has no result that comes only at its end.
            group.usage = GroupUse::CommitDone;
        }
        if read.group.is_some() && read.follow && source.capabilities().contains(Capabilities::CONSUME_REBALANCE) {
            // The default of minutes is long for somebody who waits for a mirror.
            read.consumer.properties.insert(0, (METADATA_REFRESH.0.into(), METADATA_REFRESH.1.into()));
        }
        if let Some(rate) = options.rate {
            (read.batch_records_max, read.batch_bytes_max) = rate.limits(read.batch_records_max, read.batch_bytes_max);
        }
        // Each share has a writer of its own, and memory stays flat however many there are.
        let buffer_bytes_max = (ProducerOptions::BUFFER_BYTES_MAX / threads_of(options) as u64).max(BUFFER_BYTES_MIN);
        Self {
            source,
            target,
            options,
            read,
            producer: ProducerOptions {
                keep_offsets: planner.keep_offsets,
                keep_timestamps: !options.ignore_timestamp,
                compression: Some(codec),
                properties: options.properties.clone(),
                buffer_bytes_max,
                transactional_id: None,
            },
            keeps_append_times: target.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE),
            pacer: options.rate.map(Pacer::new),
            limit,
            said: AtomicBool::new(false),
            stops: Mutex::default(),
            has_failed: AtomicBool::new(false),
            helpers: AtomicUsize::new(0),
            planner: Mutex::new(planner),
        }
    }

    /// What planned it, at the end.
    pub(crate) fn into_planner(self) -> Planner<'a> {
        self.planner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether later topics and partitions belong to the copy. A group tells its members about them by itself.
    pub(crate) fn mirrors(&self) -> bool {
        self.read.follow && self.read.max.is_none() && self.read.partitions.is_none() && self.read.group.is_none()
    }

    /// Whether a share that fails with what may pass begins again behind what is delivered.
    pub(crate) fn begins_again(&self) -> bool {
        self.read.follow && self.read.max.is_none()
    }

    /// Takes note of how many shares there are: they share what may be done at once. What a group hands out is looked at
    /// before it goes through anything.
    pub(crate) fn note_shares(&self, shares: usize) {
        let helpers = self.options.at_once / shares.max(1);
        let can_help = helpers > 1 && self.options.through.is_some() && self.read.group.is_none();
        self.helpers.store(if can_help { helpers } else { 0 }, Ordering::Relaxed);
    }

    /// How many threads help each share.
    pub(crate) fn helpers(&self) -> usize {
        self.helpers.load(Ordering::Relaxed)
    }

    /// Lets the reader be stopped with the others.
    pub(crate) fn can_be_stopped(&self, reader: &Reader) {
        let stop = reader.stop();
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).push(stop.clone());
        if self.has_failed.load(Ordering::SeqCst) {
            stop.cancel();
        }
    }

    /// A writer for a share.
    pub(crate) fn open_writer(&self) -> Result<Writer> {
        let writer = Writer::open(self.target, &self.producer, self.read.progress.clone())?;
        // The planner has spoken to the target.
        Ok(writer
            .reached()
            .cancelled_by(&self.read.cancel)
            .stall_limit(self.options.stall_limit)
            .offsets_are("source offset"))
    }

    /// Stops everything: a copy that has failed is not carried on.
    pub(crate) fn stop_all(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Cancel::cancel);
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_over(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst) || self.read.cancel.is_cancelled()
    }
}

/// How many shares there are at most.
pub(crate) fn threads_of(options: &CopyOptions) -> usize {
    if options.threads == 0 { thread::available_parallelism().map_or(1, usize::from) } else { options.threads }
}
