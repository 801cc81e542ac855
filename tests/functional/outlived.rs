//! What follows topics outlives what passes, and a panic ends it with an error.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafi::{
    Admin, Assignment, Batch, Cancel, Capabilities, CommittedOffset, Consumer, ConsumerOptions, CopyOptions,
    CopyResult, Error, ErrorKind, GroupOptions, Kafi, Membership, NewTopic, Outgoing, Polled, Position, Producer,
    ProducerOptions, ReadOptions, Report, Result, Retry, Storage, TopicPartition, json, shell,
};

use crate::support::{T, memory, numbers, raw};

/// What is waited for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls panic that would fail, where there are more failures to come than this.
const PANIC: i32 = 1 << 20;

/// How many calls of each kind fail from now on.
#[derive(Default)]
struct Faults {
    polls: AtomicI32,
    assigns: AtomicI32,
    writes: AtomicI32,
}

/// Fails as told, or does what the storage does.
fn fails(faults: &AtomicI32, retry: Retry) -> Result<()> {
    match faults.fetch_sub(1, Ordering::SeqCst) {
        PANIC.. => panic!("as told"),
        1.. => Err(Error::new(ErrorKind::Unavailable, "call", "as told").retry(retry)),
        _ => Ok(()),
    }
}

/// A storage with faults.
struct Faulty {
    inner: Kafi,
    faults: Arc<Faults>,
}

fn faulty(inner: &Kafi) -> (Kafi, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    (Kafi::new(Arc::new(Faulty { inner: inner.clone(), faults: faults.clone() }), inner.settings().clone()), faults)
}

impl Storage for Faulty {
    fn name(&self) -> &str {
        self.inner.storage().name()
    }

    fn scheme(&self) -> &str {
        self.inner.storage().scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.storage().capabilities()
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        self.inner.storage().identity(timeout)
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(FaultyConsumer { inner: self.inner.storage().consumer(options)?, faults: self.faults.clone() }))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Ok(Box::new(FaultyProducer { inner: self.inner.storage().producer(options)?, faults: self.faults.clone() }))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        self.inner.storage().admin()
    }
}

struct FaultyConsumer {
    inner: Box<dyn Consumer>,
    faults: Arc<Faults>,
}

impl Consumer for FaultyConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        fails(&self.faults.assigns, Retry::Later)?;
        self.inner.assign(assignments, timeout)
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        fails(&self.faults.assigns, Retry::Later)?;
        self.inner.subscribe(topics, timeout)
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        self.inner.seek(position, timeout)
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        fails(&self.faults.polls, Retry::Later)?;
        self.inner.poll(batch, timeout)
    }

    fn membership(&self) -> Membership {
        self.inner.membership()
    }

    fn positions(&self) -> Vec<Position> {
        self.inner.positions()
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.inner.commit(offsets, timeout)
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.inner.committed(partitions, timeout)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.inner.close(timeout)
    }
}

struct FaultyProducer {
    inner: Box<dyn Producer>,
    faults: Arc<Faults>,
}

impl Producer for FaultyProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        fails(&self.faults.writes, Retry::Exhausted)?;
        self.inner.produce(batch, from, token, timeout)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        self.inner.reports(timeout)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        self.inner.flush(timeout)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.inner.close(timeout)
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Follows `t` by two readers until so many messages have come; meanwhile calls `during` with how many have.
fn followed(c: &Kafi, group: Option<&str>, count: i32, during: impl FnOnce(&AtomicI32)) -> Result<Vec<String>> {
    let cancel = Cancel::new();
    let options = ReadOptions {
        follow: true,
        cancel: cancel.clone(),
        group: group.map(GroupOptions::new),
        ..ReadOptions::default()
    };
    let seen = AtomicI32::new(0);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut values = Vec::new();
            let read = shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options).threads(2), |batch| {
                values.extend(batch.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
                seen.store(values.len() as i32, Ordering::SeqCst);
                Ok(if values.len() as i32 >= count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            read.map(|_| values)
        });
        during(&seen);
        let begun = Instant::now();
        while !reading.is_finished() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        cancel.cancel();
        reading.join().unwrap()
    })
}

#[test]
fn a_reader_that_follows_begins_again_behind_what_it_read() {
    for group in [None, Some("g")] {
        let inner = memory();
        numbers(&inner, 5);
        let (c, faults) = faulty(&inner);
        let values = followed(&c, group, 8, |seen| {
            wait_until(|| seen.load(Ordering::SeqCst) == 5);
            // The second time it fails at once.
            faults.assigns.store(1, Ordering::SeqCst);
            faults.polls.store(1, Ordering::SeqCst);
            inner.produce(T, (5..8).map(kafi::Value::from)).unwrap();
        });
        assert_eq!(values.unwrap(), ["0", "1", "2", "3", "4", "5", "6", "7"], "{group:?}");
    }
}

#[test]
fn a_finite_read_ends_with_the_error() {
    let inner = memory();
    numbers(&inner, 5);
    let (c, faults) = faulty(&inner);
    faults.polls.store(1, Ordering::SeqCst);
    let error = shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &ReadOptions::default()), |_| {
        Ok(ControlFlow::Continue(()))
    })
    .unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "as told"));
}

#[test]
fn a_wish_to_stop_ends_the_wait_for_what_does_not_pass() {
    let inner = memory();
    numbers(&inner, 5);
    let (c, faults) = faulty(&inner);
    faults.polls.store(PANIC - 1, Ordering::SeqCst);
    let (cancel, seen) = (Cancel::new(), &faults.polls);
    let options = ReadOptions { follow: true, cancel: cancel.clone(), ..ReadOptions::default() };
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options), |_| Ok(ControlFlow::Continue(())))
        });
        wait_until(|| seen.load(Ordering::SeqCst) < PANIC - 1);
        cancel.cancel();
        assert!(reading.join().unwrap().unwrap().cancelled);
    });
}

#[test]
fn a_panic_of_a_reader_ends_all_of_them() {
    let inner = memory();
    inner.create(&NewTopic::new(T).partitions(2)).unwrap();
    let (c, faults) = faulty(&inner);
    let error = followed(&c, None, 1, |_| faults.polls.store(PANIC, Ordering::SeqCst)).unwrap_err();
    assert_eq!(error.to_string(), "read: a thread panicked: as told");
}

#[test]
fn a_panic_of_whoever_uses_what_is_read_ends_the_readers() {
    let c = memory();
    numbers(&c, 1);
    let options = ReadOptions { follow: true, ..ReadOptions::default() };
    let error =
        shell::cat(shell::TopicsToRead::new(c.storage(), &[T.into()], &options).threads(2), |_| panic!("as told"))
            .unwrap_err();
    assert_eq!(error.to_string(), "read: a thread panicked: as told");
}

/// Mirrors `t` while `during` runs.
fn mirrored(source: &Kafi, target: &Kafi, options: &CopyOptions, during: impl FnOnce()) -> Result<CopyResult> {
    let cancel = Cancel::new();
    let options = CopyOptions {
        read: ReadOptions { follow: true, cancel: cancel.clone(), ..options.read.clone() },
        ..options.clone()
    };
    thread::scope(|scope| {
        let copying = scope.spawn(|| shell::cp(source.storage(), target.storage(), &[(T.into(), T.into())], &options));
        during();
        cancel.cancel();
        copying.join().unwrap()
    })
}

fn holds(c: &Kafi, messages: u64) -> bool {
    c.exists(T).unwrap() && c.wc(T).unwrap().messages == messages
}

#[test]
fn a_mirror_begins_again_behind_what_is_delivered() {
    let group = ReadOptions { group: Some(GroupOptions::new("g")), ..ReadOptions::default() };
    for options in [
        CopyOptions::default(),
        CopyOptions { append: true, ..CopyOptions::default() },
        CopyOptions { read: group, ..CopyOptions::default() },
    ] {
        let (source_inner, target_inner) = (memory(), memory());
        source_inner.create(&NewTopic::new(T).partitions(2)).unwrap();
        let put = |number: i64| {
            source_inner.produce(T, [Outgoing::new(json!(number)).partition((number % 2) as i32)]).map(drop).unwrap()
        };
        (0..6).for_each(put);
        let ((source, at_source), (target, at_target)) = (faulty(&source_inner), faulty(&target_inner));
        let result = mirrored(&source, &target, &options, || {
            wait_until(|| holds(&target_inner, 6));
            // The target is away for longer than a writer waits, twice in a row.
            at_target.writes.store(2, Ordering::SeqCst);
            (6..10).for_each(put);
            wait_until(|| holds(&target_inner, 10));
            at_source.polls.store(2, Ordering::SeqCst);
            (10..12).for_each(put);
            wait_until(|| holds(&target_inner, 12));
        });
        let result = result.unwrap();
        assert_eq!(result.copied.written, 12);
        assert_eq!(raw(&target_inner, T), raw(&source_inner, T));
    }
}

#[test]
fn a_panic_of_a_share_ends_a_mirror() {
    let (source, inner) = (memory(), memory());
    source.create(&NewTopic::new(T).partitions(2)).unwrap();
    let (target, faults) = faulty(&inner);
    let error = mirrored(&source, &target, &CopyOptions::default(), || {
        wait_until(|| inner.exists(T).unwrap());
        faults.writes.store(PANIC, Ordering::SeqCst);
        source.produce(T, [Outgoing::new(json!(1)).partition(0)]).unwrap();
        wait_until(|| faults.writes.load(Ordering::SeqCst) < PANIC);
    });
    assert!(error.unwrap_err().to_string().contains("a thread panicked: as told"));
}
