//! A producer that breaks one promise.

use std::time::Duration;

use kafi_core::{
    ANY_PARTITION, Admin, Batch, Delivery, Error, ErrorKind, HeadersBuf, NO_TIMESTAMP, NewTopic, OwnedRecord, Producer,
    Report, Result, TimestampType,
};

use super::Break;

pub struct BrokenProducer {
    inner: Box<dyn Producer>,
    admin: Box<dyn Admin>,
    how: Break,
    /// Taken from the inner producer before the caller asked for them.
    stashed: Vec<Report>,
    handed: Vec<Report>,
    is_closed: bool,
}

impl BrokenProducer {
    pub fn new(inner: Box<dyn Producer>, admin: Box<dyn Admin>, how: Break) -> Self {
        Self { inner, admin, how, stashed: Vec::new(), handed: Vec::new(), is_closed: false }
    }

    fn change(&self, record: &mut OwnedRecord) {
        match self.how {
            Break::KeyIsIgnored if record.partition == ANY_PARTITION => record.partition = 0,
            Break::NullIsEmpty => record.key = Some(record.key.take().unwrap_or_default()),
            Break::HeadersAreText => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let headers = record.headers.as_headers();
                record.headers = headers
                    .iter()
                    .map(|header| (text(header.name), text(header.value.unwrap_or_default())))
                    .collect::<HeadersBuf>();
            }
            Break::ZeroIsNow if record.timestamp == 0 => record.timestamp = NO_TIMESTAMP,
            Break::TypeIsLost => record.timestamp_type = TimestampType::Create,
            _ => {}
        }
    }

    fn changed(&self, batch: &Batch) -> Batch {
        let mut changed = Batch::with_limits(usize::MAX, 1 << 30);
        for record in batch.iter() {
            let mut record = record.to_owned();
            self.change(&mut record);
            changed.push(record.as_record());
        }
        if self.how == Break::LastIsDropped {
            changed.truncate(batch.len().saturating_sub(1));
        }
        changed
    }

    fn stash(&mut self, timeout: Duration) -> Result<()> {
        self.inner.flush(timeout)?;
        let reports = self.inner.reports(Duration::ZERO)?.iter().map(copy).collect::<Vec<_>>();
        self.stashed.extend(reports);
        Ok(())
    }

    fn tell(&self, report: &mut Report) {
        let is_failed = matches!(report.delivery, Delivery::Failed(_));
        match (self.how, &report.delivery) {
            (Break::OffsetsAreShifted, Delivery::At(offset)) => report.delivery = Delivery::At(offset + 1),
            (Break::FailuresAreHidden, _) if is_failed => report.delivery = Delivery::Unknown,
            (Break::KindsAreUnexpected, _) if is_failed => {
                report.delivery = Delivery::Failed(Error::new(ErrorKind::Unexpected, "write", "something failed"));
            }
            _ => {}
        }
    }
}

fn copy(report: &Report) -> Report {
    let delivery = match &report.delivery {
        Delivery::At(offset) => Delivery::At(*offset),
        Delivery::Unknown => Delivery::Unknown,
        Delivery::Failed(error) => Delivery::Failed(error.duplicate()),
    };
    Report { topic: report.topic.clone(), delivery, ..*report }
}

impl Producer for BrokenProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        if self.how == Break::ClosedGoesOn && self.is_closed {
            return Ok(batch.len() - from);
        }
        if self.how == Break::TopicsAreMade {
            // Those that are there already are refused.
            batch
                .topics()
                .iter()
                .for_each(|topic| drop(self.admin.create_topic(&NewTopic::new(topic).partitions(3), timeout)));
        }
        let changed = self.changed(batch);
        let inner_from = if self.how == Break::FromIsIgnored { 0 } else { from.min(changed.len()) };
        let taken = self.inner.produce(&changed, inner_from, token, timeout)?;
        if self.how == Break::AllIsDoubled {
            self.inner.produce(&changed, inner_from, token, timeout)?;
        }
        if self.how == Break::FailuresAreForgiven {
            self.stash(timeout)?;
        }
        let all_is_taken = inner_from + taken == changed.len();
        Ok(if all_is_taken { batch.len() - from } else { taken })
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        if self.how == Break::ReportsWait && timeout > Duration::from_secs(1) {
            std::thread::sleep(timeout);
        }
        let mut reports = std::mem::take(&mut self.stashed);
        reports.extend(self.inner.reports(timeout)?.iter().map(copy));
        reports.iter_mut().for_each(|report| self.tell(report));
        if self.how == Break::ReportsComeTwice {
            self.stashed = self.handed.drain(..).take(usize::from(reports.is_empty())).collect();
            reports.extend(reports.iter().map(copy).collect::<Vec<_>>());
        }
        self.handed = reports;
        Ok(&self.handed)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        if self.how == Break::FlushIsEarly { Ok(()) } else { self.inner.flush(timeout) }
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.is_closed = true;
        if self.how == Break::CloseIsEarly { Ok(()) } else { self.inner.close(timeout) }
    }
}
