//! A producer of a plugin.

use std::sync::Arc;
use std::time::Duration;

use kafi_abi::abi_stable::std_types::ROption;
use kafi_abi::{BatchView, ProducerBox, Text};

use super::super::failure::rebuild;
use super::super::json::{TransactionArguments, to_text};
use super::super::{layout, name_topics};
use super::{nanoseconds, received};
use crate::batch::Batch;
use crate::consumer::{CommittedOffset, GroupMetadata};
use crate::error::{Error, ErrorKind, Result};
use crate::producer::{Delivery, Producer, Report};

pub(super) struct Imported {
    inner: ProducerBox,
    topics: Vec<Text>,
    reports: Vec<Report>,
    /// The topic of the last report, which nearly always is that of the next.
    topic: Arc<str>,
}

impl Imported {
    pub(super) fn new(inner: ProducerBox) -> Self {
        Self { inner, topics: Vec::new(), reports: Vec::new(), topic: Arc::from("") }
    }

    /// Makes a call that belongs to transactions.
    fn transact(&mut self, name: &str, arguments: TransactionArguments, timeout: Duration) -> Result<()> {
        let arguments = TransactionArguments { timeout_ns: nanoseconds(timeout), ..arguments };
        received(self.inner.call(name.into(), to_text(&arguments)?.as_str().into())).map(drop)
    }

    fn report(&mut self, report: &kafi_abi::Report) -> Result<Report> {
        // SAFETY: reports and the names in them are lent until the next call.
        let topic = unsafe { report.topic.as_str() };
        let topic = topic.map_err(|_| {
            Error::new(ErrorKind::Corrupt, "read reports", "the plugin names a topic that is not UTF-8")
        })?;
        if *self.topic != *topic {
            self.topic = Arc::from(topic);
        }
        let delivery = match &report.failure {
            ROption::RSome(failure) => Delivery::Failed(rebuild(failure.clone())),
            ROption::RNone if report.offset >= 0 => Delivery::At(report.offset),
            ROption::RNone => Delivery::Unknown,
        };
        let kafi_abi::Report { token, partition, first, count, .. } = *report;
        Ok(Report { token, topic: Arc::clone(&self.topic), partition, first, count, delivery })
    }
}

impl Producer for Imported {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        name_topics(batch, &mut self.topics);
        let (data, records, headers) = batch.all_parts();
        let view = BatchView::new(data, layout::records_out(records), layout::headers_out(headers), &self.topics);
        let taken = received(self.inner.produce(view, from as u64, token, nanoseconds(timeout)))?;
        let left = batch.len().saturating_sub(from);
        usize::try_from(taken).ok().filter(|taken| *taken <= left).ok_or_else(|| {
            let error = Error::new(
                ErrorKind::Unexpected,
                "produce",
                "the plugin says that it took more messages than there were",
            );
            error.with("taken", taken).with("there were", left)
        })
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        let mut reports = std::mem::take(&mut self.reports);
        reports.clear();
        let fetched = received(self.inner.reports(nanoseconds(timeout)))?;
        // SAFETY: the reports are lent until the next call of this producer, which needs `&mut self`, and so comes
        // after this one.
        let fetched = unsafe { std::slice::from_raw_parts(fetched.as_ptr(), fetched.len()) };
        for report in fetched {
            reports.push(self.report(report)?);
        }
        self.reports = reports;
        Ok(&self.reports)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        received(self.inner.flush(nanoseconds(timeout)))
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        received(self.inner.close(nanoseconds(timeout)))
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        self.transact("init_transactions", TransactionArguments::default(), timeout)
    }

    fn begin_transaction(&mut self) -> Result<()> {
        self.transact("begin_transaction", TransactionArguments::default(), Duration::ZERO)
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<()> {
        let (offsets, group) = (Some(offsets.to_vec()), Some(group.clone()));
        let arguments = TransactionArguments { offsets, group, timeout_ns: 0 };
        self.transact("send_offsets_to_transaction", arguments, timeout)
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<()> {
        self.transact("commit_transaction", TransactionArguments::default(), timeout)
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<()> {
        self.transact("abort_transaction", TransactionArguments::default(), timeout)
    }
}
