//! Requests that go on while the caller does something else: a few threads, which are started when they are needed and
//! end with their owner.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use kafi_core::{Error, ErrorKind, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Runs tasks on up to so many threads. Dropping it does not wait: what runs goes on to its end, and what waits is run,
/// too.
pub(crate) struct Tasks {
    threads_max: usize,
    threads: usize,
    /// The jobs that wait or run.
    load: Arc<AtomicUsize>,
    jobs: Sender<Job>,
    waiting: Arc<Mutex<Receiver<Job>>>,
    finished: Arc<Finished>,
}

/// How many tasks have finished, for whoever waits for the next.
#[derive(Default)]
struct Finished {
    count: Mutex<u64>,
    changed: Condvar,
}

/// What a task will give.
pub(crate) struct Task<T>(Arc<Mutex<Option<Result<T>>>>);

impl<T> Task<T> {
    /// One that has finished already.
    pub(crate) fn done(result: Result<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(result))))
    }

    /// What it gave, once.
    pub(crate) fn take(&self) -> Option<Result<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Tasks {
    pub(crate) fn new(threads_max: usize) -> Self {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        Self {
            threads_max: threads_max.max(1),
            threads: 0,
            load: Arc::default(),
            jobs,
            waiting,
            finished: Arc::default(),
        }
    }

    /// Runs `work` soon.
    pub(crate) fn start<T: Send + 'static>(&mut self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Task<T> {
        let task = Task(Arc::default());
        let (cell, finished, load) = (Arc::clone(&task.0), Arc::clone(&self.finished), Arc::clone(&self.load));
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            let result = result.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Unexpected, "request objects", "the store of objects panicked"))
            });
            *cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            // Before it is told: whoever is woken sees whether anything else is under way.
            load.fetch_sub(1, Ordering::Relaxed);
            *finished.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            finished.changed.notify_all();
        };
        if self.load.fetch_add(1, Ordering::Relaxed) >= self.threads && self.threads < self.threads_max {
            let waiting = Arc::clone(&self.waiting);
            let started = thread::Builder::new().spawn(move || run(&waiting)).is_ok();
            self.threads += usize::from(started);
            if self.threads == 0 {
                // The system has no more threads, so that the caller has to wait.
                job();
                return task;
            }
        }
        self.jobs.send(Box::new(job)).expect("the other end is held here");
        task
    }

    /// The tasks that wait or run.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// How many tasks have finished so far.
    pub(crate) fn finished(&self) -> u64 {
        *self.finished.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until more than `seen` tasks have finished, at most until `until`.
    pub(crate) fn wait(&self, seen: u64, until: Instant) {
        let count = self.finished.count.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.finished.changed.wait_timeout_while(count, left, |count| *count <= seen);
        drop(waited);
    }
}

fn run(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job();
    }
}

/// Does the same for many, up to `threads_max` at a time, and returns the results in their order.
pub(crate) fn for_all<I: Sync, T: Send>(
    items: &[I],
    threads_max: usize,
    work: impl Fn(&I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = threads_max.min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    if result.is_err() {
                        // The first error is the answer, so that what was not begun need not be.
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut done = Vec::with_capacity(items.len());
    let mut failure = None;
    for result in results {
        match result {
            Some(Ok(result)) => done.push(result),
            Some(Err(error)) => failure = failure.or(Some(error)),
            None => {}
        }
    }
    failure.map_or(Ok(done), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tasks_run_beside_each_other_and_are_waited_for() {
        let mut tasks = Tasks::new(2);
        let (first, second) = channel::<u32>();
        // The second task lets the first one go on: with one thread this would hang.
        let waits = tasks.start(move || second.recv().map_err(Error::function));
        let sends = tasks.start(move || first.send(7).map_err(Error::function));
        let until = Instant::now() + Duration::from_secs(60);
        let (mut received, mut sent) = (None, None);
        while received.is_none() || sent.is_none() {
            let seen = tasks.finished();
            received = received.or(waits.take());
            sent = sent.or(sends.take());
            if received.is_none() || sent.is_none() {
                tasks.wait(seen, until);
                assert!(Instant::now() < until);
            }
        }
        assert_eq!(received.unwrap().unwrap(), 7);
    }

    #[test]
    fn a_panic_is_an_error() {
        let mut tasks = Tasks::new(1);
        let task = tasks.start(|| -> Result<()> { panic!("as a test") });
        tasks.wait(0, Instant::now() + Duration::from_secs(60));
        assert_eq!(task.take().unwrap().unwrap_err().kind(), ErrorKind::Unexpected);
        let task = tasks.start(|| Ok(1));
        tasks.wait(1, Instant::now() + Duration::from_secs(60));
        assert_eq!(task.take().unwrap().unwrap(), 1);
    }

    #[test]
    fn for_all_keeps_the_order_and_gives_the_error() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(for_all(&items, 8, |item| Ok(item * 2)).unwrap(), (0..100).map(|item| item * 2).collect::<Vec<_>>());
        let error = for_all(&items, 8, |item| if *item == 50 { Err(Error::function("no")) } else { Ok(()) });
        assert!(error.is_err());
    }
}
