//! The writer over a producer that does as it is told: what can be waited for is waited for, and what is reported
//! wrongly is noticed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kafi::{
    Admin, Batch, Cancel, Capabilities, Consumer, ConsumerOptions, Delivery, Error, ErrorKind, MESSAGE_CONTEXT,
    Producer, ProducerOptions, Record, Report, Result, Retry, Storage, Writer,
};

/// What one call of the producer does.
#[derive(Clone)]
enum Does {
    /// Takes so many messages, or flushes all of them.
    Works(usize),
    /// Fails with this kind.
    Fails(ErrorKind, Retry),
}

/// What the producer does, call for call; then it works.
#[derive(Clone, Default)]
struct Script {
    produce: VecDeque<Does>,
    flush: VecDeque<Does>,
    close: VecDeque<Does>,
    /// For each time that reports are fetched, which messages of the first token they are about: the first, how many,
    /// and why they failed.
    reports: VecDeque<Vec<(u64, u64, Option<ErrorKind>)>>,
}

struct Scripted(Script);

impl Storage for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn scheme(&self) -> &str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::PRODUCE
    }

    fn identity(&self, _: Duration) -> Result<String> {
        Ok("scripted".into())
    }

    fn consumer(&self, _: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Err(Error::unsupported("scripted", "read"))
    }

    fn producer(&self, _: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(Box::new(ScriptedProducer { script: self.0.clone(), fetched: Vec::new() }))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Err(Error::unsupported("scripted", "administer"))
    }
}

struct ScriptedProducer {
    script: Script,
    fetched: Vec<Report>,
}

fn error(kind: ErrorKind, retry: Retry) -> Error {
    Error::new(kind, "write", format!("{kind:?} as told")).retry(retry)
}

impl Does {
    fn done(self) -> Result<usize> {
        match self {
            Self::Works(count) => Ok(count),
            Self::Fails(kind, retry) => Err(error(kind, retry)),
        }
    }
}

impl Producer for ScriptedProducer {
    fn produce(&mut self, batch: &Batch, from: usize, _: u64, _: Duration) -> Result<usize> {
        self.script.produce.pop_front().unwrap_or(Does::Works(batch.len() - from)).done()
    }

    fn reports(&mut self, _: Duration) -> Result<&[Report]> {
        let report = |(first, count, failed): (u64, u64, Option<ErrorKind>)| {
            let failure = |kind| Delivery::Failed(error(kind, Retry::Later).with(MESSAGE_CONTEXT, first));
            Report {
                token: 1,
                topic: "t".into(),
                partition: 3,
                first: 0,
                count,
                delivery: failed.map_or(Delivery::Unknown, failure),
            }
        };
        self.fetched = self.script.reports.pop_front().unwrap_or_default().into_iter().map(report).collect();
        Ok(&self.fetched)
    }

    fn flush(&mut self, _: Duration) -> Result<()> {
        self.script.flush.pop_front().unwrap_or(Does::Works(0)).done().map(drop)
    }

    fn close(&mut self, _: Duration) -> Result<()> {
        self.script.close.pop_front().unwrap_or(Does::Works(0)).done().map(drop)
    }
}

fn writer(script: Script) -> Writer {
    Writer::open(&Scripted(script), &ProducerOptions::default(), Arc::default()).unwrap().offsets_are("input line")
}

/// Messages that are lines 10 to 14.
fn lines() -> Batch {
    let mut batch = Batch::new();
    (10..15).for_each(|line| batch.push(Record { offset: line, ..Record::new("t", None, None) }));
    batch
}

/// Writes five messages and flushes.
fn written(script: Script) -> Result<u64> {
    written_by(writer(script))
}

fn written_by(mut writer: Writer) -> Result<u64> {
    writer.write(&lines())?;
    writer.flush(None)?;
    writer.close(None)
}

const ALL: (u64, u64, Option<ErrorKind>) = (0, 5, None);

/// Nothing for the calls of `write`, then these.
fn later(reports: &[&[(u64, u64, Option<ErrorKind>)]]) -> VecDeque<Vec<(u64, u64, Option<ErrorKind>)>> {
    [Vec::new()].into_iter().chain(reports.iter().map(|reports| reports.to_vec())).collect()
}

#[test]
fn what_may_pass_is_waited_for() {
    let not_yet = [
        Does::Fails(ErrorKind::Timeout, Retry::Never),
        Does::Fails(ErrorKind::Timeout, Retry::Later),
        Does::Fails(ErrorKind::Unavailable, Retry::Later),
        Does::Fails(ErrorKind::Unexpected, Retry::Later),
    ];
    let flush: VecDeque<_> = not_yet.iter().cloned().cycle().take(8).collect();
    let reports = later(&[&[], &[], &[], &[], &[], &[], &[], &[], &[ALL]]);
    assert_eq!(written(Script { flush, reports, ..Script::default() }).unwrap(), 5);
    // Once something was taken, the same holds for taking more; and for closing.
    let produce = [Does::Works(1)].into_iter().chain(not_yet.clone()).collect();
    let script = Script {
        produce,
        close: not_yet.into(),
        reports: VecDeque::from([vec![], vec![], vec![], vec![], vec![], vec![], vec![ALL]]),
        ..Script::default()
    };
    assert_eq!(written(script).unwrap(), 5);
}

#[test]
fn a_storage_that_was_never_reached_is_told_at_once() {
    let script =
        Script { produce: VecDeque::from([Does::Fails(ErrorKind::Unavailable, Retry::Later)]), ..Script::default() };
    let failed = writer(script.clone()).write(&lines()).unwrap_err();
    assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Unavailable, Retry::Later));
    // But not where somebody has just spoken to it.
    writer(script).reached().write(&lines()).unwrap();
}

#[test]
fn what_does_not_pass_ends_it() {
    for retry in [Retry::Never, Retry::Exhausted] {
        let flush = VecDeque::from([Does::Fails(ErrorKind::Unavailable, retry)]);
        let failed = written(Script { flush, ..Script::default() }).unwrap_err();
        assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Unavailable, retry));
    }
}

#[test]
fn a_storage_that_has_stalled_is_given_up_with_its_cause() {
    let stalled = |script: Script| written_by(writer(script).stall_limit(Duration::from_millis(50)));
    let flush: VecDeque<_> = vec![Does::Fails(ErrorKind::Unavailable, Retry::Later); 100_000].into();
    let failed = stalled(Script { flush, ..Script::default() }).unwrap_err();
    assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Unavailable, Retry::Exhausted));
    assert!(failed.to_string().contains("Unavailable as told"), "{failed}");
    // It takes nothing, and says nothing.
    let failed = stalled(Script { produce: vec![Does::Works(0); 100_000].into(), ..Script::default() }).unwrap_err();
    assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Timeout, Retry::Exhausted));
    assert!(failed.to_string().contains("scripted"), "{failed}");
}

#[test]
fn a_flush_keeps_its_timeout_and_says_why_it_is_over() {
    let mut writer = writer(Script {
        flush: vec![Does::Fails(ErrorKind::Unavailable, Retry::Later); 100_000].into(),
        ..Script::default()
    });
    writer.write(&lines()).unwrap();
    let failed = writer.flush(Some(Duration::from_millis(1))).unwrap_err();
    assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Unavailable, Retry::Later));
}

#[test]
fn whoever_asked_to_stop_waits_for_what_goes_on() {
    let cancel = Cancel::new();
    let script = Script {
        flush: vec![Does::Fails(ErrorKind::Timeout, Retry::Later); 5].into(),
        reports: later(&[&[], &[], &[], &[], &[], &[ALL]]),
        ..Script::default()
    };
    let mut writer = writer(script).cancelled_by(&cancel);
    cancel.cancel();
    writer.write(&lines()).unwrap();
    assert_eq!(writer.close(None).unwrap(), 5);
}

#[test]
fn reports_that_are_lost_or_invented_are_noticed() {
    let told = |reports: &[&[(u64, u64, Option<ErrorKind>)]]| {
        written(Script { reports: later(reports), ..Script::default() }).unwrap_err()
    };
    for (reports, says) in [
        (&[][..], "5 messages are not"),
        (&[&[(0, 2, None)][..], &[(2, 1, None)]][..], "2 messages are not"),
        (&[&[ALL, (0, 1, None)][..]][..], "1 messages that were not handed over"),
        (&[&[(0, u64::MAX, None)][..]][..], "that were not handed over"),
    ] {
        let failed = told(reports);
        assert_eq!((failed.kind(), failed.retryable()), (ErrorKind::Unexpected, Retry::Never), "{failed}");
        assert!(failed.to_string().contains(says) && failed.to_string().contains("scripted"), "{failed}");
    }
    let script = Script { produce: VecDeque::from([Does::Works(6)]), ..Script::default() };
    assert!(written(script).unwrap_err().to_string().contains("took 6 messages, where there were 5"));
}

#[test]
fn the_reason_is_told_and_not_what_came_of_it() {
    let came_of_it = Some(ErrorKind::Cancelled);
    let first = (3, 1, Some(ErrorKind::TooLarge));
    // The reason comes last, with others in between, or stands behind in the same fetch.
    for reports in [
        &[&[(0, 3, came_of_it)][..], &[], &[(4, 1, came_of_it)], &[first]][..],
        &[&[(0, 4, came_of_it), first][..]][..],
    ] {
        let flush: VecDeque<_> = vec![Does::Fails(ErrorKind::Timeout, Retry::Later); reports.len()].into();
        let failed = written(Script { flush, reports: later(reports), ..Script::default() }).unwrap_err();
        assert_eq!(failed.to_string(), "write: topic t, partition 3, input line 13: TooLarge as told");
    }
    // Where there is no other, it is still no wish of the user's.
    let failed = written(Script { reports: later(&[&[(0, 5, came_of_it)]]), ..Script::default() }).unwrap_err();
    assert_eq!(
        (failed.kind(), failed.to_string().as_str()),
        (ErrorKind::Unexpected, "write: topic t, partition 3, input line 10: Cancelled as told")
    );
}

#[test]
fn a_call_that_fails_because_of_a_message_tells_of_the_message() {
    let first = (3, 1, Some(ErrorKind::TooLarge));
    let over = || Does::Fails(ErrorKind::Cancelled, Retry::Never);
    let reports = || later(&[&[], &[(0, 3, None)], &[first], &[(4, 1, Some(ErrorKind::Cancelled))]]);
    let wait = || vec![Does::Fails(ErrorKind::Timeout, Retry::Later); 2];
    // The transaction has come to nothing before the report of the message is there.
    let in_produce = Script {
        produce: [Does::Works(5), over()].into(),
        flush: wait().into(),
        reports: reports(),
        ..Script::default()
    };
    let flush = [over()].into_iter().chain(wait()).collect();
    let in_flushing = Script { produce: [Does::Works(5)].into(), flush, reports: reports(), ..Script::default() };
    for (script, in_flush) in [(in_produce, false), (in_flushing, true)] {
        let mut writer = writer(script);
        writer.write(&lines()).unwrap();
        let failed = if in_flush { writer.flush(None) } else { writer.write(&lines()) }.unwrap_err();
        assert_eq!(failed.to_string(), "write: topic t, partition 3, input line 13: TooLarge as told");
        assert_eq!(writer.go_on_after(failed).unwrap(), (1, 13..=13));
    }
}
