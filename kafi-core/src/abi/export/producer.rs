//! A plugin's producer.

use kafi_abi::abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString};
use kafi_abi::{BatchView, Failure, Report, Text};

use super::super::failure::flatten;
use super::super::json::{TransactionArguments, from_text, needed};
use super::super::show;
use super::guard::Guarded;
use super::{duration, unknown};
use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::producer::{self, Delivery, Producer};

pub(super) struct Exported {
    inner: Guarded<Box<dyn Producer>>,
    /// Shows what the host lends, during a call.
    batch: Batch,
    reports: Vec<Report>,
}

impl Exported {
    pub(super) fn new(producer: Box<dyn Producer>) -> Self {
        Self { inner: Guarded::new(producer), batch: Batch::new(), reports: Vec::new() }
    }
}

impl kafi_abi::Producer for Exported {
    fn produce(&mut self, view: BatchView, from: u64, token: u64, timeout_ns: u64) -> RResult<u64, Failure> {
        let Self { inner, batch, .. } = self;
        let taken = inner.call(|producer| {
            // SAFETY: the host lends the batch for the length of this call, at whose end it is hidden; a producer gets
            // it shared, and cannot change it.
            unsafe { show(batch, view) }?;
            let from = usize::try_from(from).ok().filter(|from| *from <= batch.len());
            let from = from.ok_or_else(|| {
                Error::new(ErrorKind::Usage, "produce", "the first message lies behind the end of the batch")
            })?;
            producer.produce(batch, from, token, duration(timeout_ns)).map(|taken| taken as u64)
        });
        batch.foreign().hide();
        taken
    }

    fn reports(&mut self, timeout_ns: u64) -> RResult<RSlice<'_, Report>, Failure> {
        let Self { inner, reports, .. } = self;
        reports.clear();
        inner.call(|producer| {
            let fetched = producer.reports(duration(timeout_ns))?;
            reports.extend(fetched.iter().map(report));
            Ok(RSlice::from_slice(reports))
        })
    }

    fn flush(&mut self, timeout_ns: u64) -> RResult<(), Failure> {
        self.inner.call(|producer| producer.flush(duration(timeout_ns)))
    }

    fn close(&mut self, timeout_ns: u64) -> RResult<(), Failure> {
        self.inner.call(|producer| producer.close(duration(timeout_ns)))
    }

    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>) -> RResult<RString, Failure> {
        self.inner.call(|producer| {
            transact(producer.as_mut(), &name, &argument)?;
            Ok(RString::new())
        })
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        std::ptr::null()
    }
}

/// Does what belongs to transactions, by the name of its method.
fn transact(producer: &mut dyn Producer, name: &str, argument: &str) -> Result<()> {
    let given = || from_text::<TransactionArguments>(argument);
    let wait = || given().map(|given| duration(given.timeout_ns));
    match name {
        "init_transactions" => producer.init_transactions(wait()?),
        "begin_transaction" => producer.begin_transaction(),
        "send_offsets_to_transaction" => {
            let TransactionArguments { offsets, group, timeout_ns } = given()?;
            let (offsets, group) = (needed(offsets, "offsets")?, needed(group, "group")?);
            producer.send_offsets_to_transaction(&offsets, &group, duration(timeout_ns))
        }
        "commit_transaction" => producer.commit_transaction(wait()?),
        "abort_transaction" => producer.abort_transaction(wait()?),
        name => Err(unknown(name)),
    }
}

/// A report as it crosses. It names its topic by the text of the storage's report, which stays until the next call, as
/// this one does.
fn report(report: &producer::Report) -> Report {
    let (offset, failure) = match &report.delivery {
        Delivery::At(offset) => (*offset, ROption::RNone),
        Delivery::Unknown => (-1, ROption::RNone),
        Delivery::Failed(error) => (-1, ROption::RSome(flatten(error))),
    };
    let producer::Report { token, topic, partition, first, count, .. } = report;
    Report {
        token: *token,
        topic: Text::new(topic),
        partition: *partition,
        first: *first,
        count: *count,
        offset,
        failure,
    }
}
