//! What is told of everything that happens to messages.

use std::sync::Arc;

use kafi_core::{Error, Position, Record, Report};

type OnRecord = Arc<dyn Fn(&Record<'_>) + Send + Sync>;
type OnProcessed = Arc<dyn Fn(&Record<'_>, f64) + Send + Sync>;
type OnError = Arc<dyn Fn(&Record<'_>, &Error, u32) + Send + Sync>;
type OnPublished = Arc<dyn Fn(&Report) + Send + Sync>;
type OnPartitions = Arc<dyn Fn(&[Position]) + Send + Sync>;

/// The functions of the user's that are told.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_consume: Vec<OnRecord>,
    pub(crate) on_processed: Vec<OnProcessed>,
    pub(crate) on_error: Vec<OnError>,
    pub(crate) on_published: Vec<OnPublished>,
    pub(crate) on_assign: Vec<OnPartitions>,
    pub(crate) on_revoke: Vec<OnPartitions>,
}

impl Hooks {
    pub(crate) fn consumed(&self, record: &Record<'_>) {
        self.on_consume.iter().for_each(|hook| hook(record));
    }

    pub(crate) fn processed(&self, record: &Record<'_>, seconds: f64) {
        self.on_processed.iter().for_each(|hook| hook(record, seconds));
    }

    pub(crate) fn failed(&self, record: &Record<'_>, error: &Error, attempt: u32) {
        self.on_error.iter().for_each(|hook| hook(record, error, attempt));
    }

    pub(crate) fn published(&self, report: &Report) {
        self.on_published.iter().for_each(|hook| hook(report));
    }

    pub(crate) fn assigned(&self, partitions: &[Position]) {
        self.on_assign.iter().for_each(|hook| hook(partitions));
    }

    pub(crate) fn revoked(&self, partitions: &[Position]) {
        self.on_revoke.iter().for_each(|hook| hook(partitions));
    }
}
