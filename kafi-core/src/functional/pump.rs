//! Reads ahead: the next batches are read, and perhaps worked on, in threads of their own while the caller uses the one
//! before.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::batch::Batch;
use crate::consumer::Position;
use crate::error::{Error, ErrorKind, Result};
use crate::functional::ledger::done_with;
use crate::functional::reader::Next;
use crate::functional::{Reader, caught};

/// Batches per reader that go round: one is read, one waits, one is used; each helper works on one more.
const BATCHES_PER_READER: usize = 3;

/// What a reader's thread hands over, with the number of the reader.
enum Given<T> {
    /// A batch, which the reader wants back, and the offsets behind it, where they are committed once the work on it is
    /// done.
    Full(usize, Filled<T>, Option<Vec<Position>>),
    /// The reader waits until the work on everything before this is done, so as to commit it.
    Settle(usize),
    Failed(Error),
}

/// A batch that was read, and who works on it.
enum Filled<T> {
    /// Somebody has.
    Worked(Batch, T),
    /// The caller's thread is to.
    Read(Batch),
    /// A helper does.
    Coming(Receiver<Result<(Batch, T)>>),
}

/// A batch for the helpers, and where it goes then.
struct Job<T> {
    batch: Batch,
    worked: SyncSender<Result<(Batch, T)>>,
}

/// Who works on batches.
enum Workers<T> {
    /// The caller's thread.
    Caller,
    /// The thread of each reader.
    Readers,
    /// Helpers, who take them from here.
    Helpers(Sender<Job<T>>),
}

impl<T> Clone for Workers<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Caller => Self::Caller,
            Self::Readers => Self::Readers,
            Self::Helpers(jobs) => Self::Helpers(jobs.clone()),
        }
    }
}

/// What goes back to a reader's thread: batches to be filled, and the word that everything is done.
struct Returns {
    empty: Sender<Batch>,
    settled: Sender<()>,
}

/// Reads everything that `readers` give, a thread each. `work` sees each batch in the reader's thread (with one reader,
/// which has enough to do, in the caller's), `each` then in the caller's, one after another, in order within each
/// reader; `each` may stop the whole. Returns the readers.
///
/// For a member of a group the work on a batch is done when `each` returns; where `each` stops the whole, as far as
/// `batch` then still holds messages. What is done is committed from time to time, and the rest when the readers are
/// finished.
///
/// # Errors
/// The first failure of a reader, of `work`, or of `each`; then the others are stopped. A panic of one of them is an
/// `Unexpected`.
pub fn pump(
    readers: Vec<Reader>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Vec<Reader>> {
    pump_settling(readers, work, each, || Ok(()))
}

/// As [`pump`], for an `each` that returns before the work on its batch is done: `settle` returns when that on all
/// batches so far is. It is called before offsets are committed.
///
/// # Errors
/// As for [`pump`], and what `settle` fails with.
pub fn pump_settling(
    readers: Vec<Reader>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    settle: impl FnMut() -> Result<()>,
) -> Result<Vec<Reader>> {
    pump_helped(readers, 0, work, |batch, ()| each(batch), settle)
}

/// As [`pump_settling`], where `work` is done by so many helpers, threads of their own, several batches at once; `each`
/// gets the batches in order all the same, and with each what `work` made of it. Without helpers it is done where
/// [`pump`] does it.
///
/// # Errors
/// As for [`pump_settling`].
pub fn pump_helped<T: Send>(
    readers: Vec<Reader>,
    helpers: usize,
    work: impl Fn(&mut Batch) -> Result<T> + Sync,
    each: impl FnMut(&mut Batch, T) -> Result<ControlFlow<()>>,
    settle: impl FnMut() -> Result<()>,
) -> Result<Vec<Reader>> {
    let (full, filled) = sync_channel::<Given<T>>(readers.len() + helpers);
    let is_over = AtomicBool::new(false);
    let work = &work;
    thread::scope(|scope| {
        let workers = match helpers {
            0 if readers.len() > 1 => Workers::Readers,
            0 => Workers::Caller,
            _ => {
                let (jobs, waiting) = channel();
                let waiting = Arc::new(Mutex::new(waiting));
                for _ in 0..helpers {
                    let (waiting, is_over) = (waiting.clone(), &is_over);
                    scope.spawn(move || help(&waiting, work, is_over));
                }
                Workers::Helpers(jobs)
            }
        };
        let stops: Vec<_> = readers.iter().map(Reader::stop).collect();
        let mut threads = Vec::new();
        let mut returns = Vec::new();
        for (index, reader) in readers.into_iter().enumerate() {
            let ((free, empty), (settled, is_settled)) = (channel(), channel());
            for _ in 0..BATCHES_PER_READER + helpers {
                free.send(Batch::new()).expect("the receiver is held below");
            }
            let passing = Passing { empty, full: full.clone(), is_settled, workers: workers.clone() };
            threads.push(scope.spawn(move || {
                let read = caught("read", || Ok(read_all(index, reader, work, &passing)));
                // Whoever uses what is read may have ended before.
                read.map_err(|error| drop(passing.full.send(Given::Failed(error)))).ok()
            }));
            returns.push(Returns { empty: free, settled });
        }
        drop((full, workers));
        let mut user = User { done: vec![None; returns.len()], returns, work, each, settle };
        let used = caught("read", || user.use_all(&filled));
        is_over.store(true, Ordering::Relaxed);
        // Whoever still reads sees the wish at its next poll, or that nobody takes its batch.
        if !matches!(used, Ok(ControlFlow::Continue(()))) {
            stops.iter().for_each(|stop| stop.cancel());
        }
        let User { done, returns, mut settle, .. } = user;
        drop((filled, returns));
        // What a reader that panicked holds is gone.
        let readers = threads.into_iter().map(|thread| thread.join().unwrap_or_default());
        let mut readers: Vec<(Reader, Option<Vec<Position>>)> =
            readers.zip(done).filter_map(|(reader, done)| Some((reader?, done))).collect();
        if !matches!(used, Ok(ControlFlow::Continue(()))) {
            readers.iter_mut().for_each(|(reader, done)| reader.set_done(done.take().unwrap_or_default()));
        }
        let readers: Vec<Reader> = readers.into_iter().map(|(reader, _)| reader).collect();
        match used {
            Ok(_) => Ok(readers),
            Err(error) => {
                let is_settled = settle().is_ok();
                readers.into_iter().for_each(if is_settled { Reader::abandon } else { Reader::abandon_all });
                Err(error)
            }
        }
    })
}

/// What goes through a reader's thread: batches to be filled, what it gives, and the word that everything is done.
struct Passing<T> {
    empty: Receiver<Batch>,
    full: SyncSender<Given<T>>,
    is_settled: Receiver<()>,
    workers: Workers<T>,
}

/// Works on batches that others read, until there are no more, or nobody wants them any more.
fn help<T>(waiting: &Mutex<Receiver<Job<T>>>, work: &impl Fn(&mut Batch) -> Result<T>, is_over: &AtomicBool) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Job { mut batch, worked }) = next() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let made = caught("read", || work(&mut batch)).map(|made| (batch, made));
        // Whoever wanted it may have ended before.
        let _at_end = worked.send(made);
    }
}

fn read_all<T>(
    index: usize,
    mut reader: Reader,
    work: &impl Fn(&mut Batch) -> Result<T>,
    passing: &Passing<T>,
) -> Reader {
    let Passing { empty, full, is_settled, workers } = passing;
    let mut is_quiet = true;
    while let Ok(mut batch) = empty.recv() {
        let next = loop {
            if reader.wants_commit() {
                if full.send(Given::Settle(index)).is_err() || is_settled.recv().is_err() {
                    return reader;
                }
                if let Err(error) = reader.commit_for_now() {
                    break Err(error);
                }
            }
            match reader.read_some(&mut batch) {
                // What was given is not to wait for what comes next, which may come late.
                Ok(Next::Nothing) if reader.follows() && !is_quiet => {
                    if full.send(Given::Settle(index)).is_err() || is_settled.recv().is_err() {
                        return reader;
                    }
                    is_quiet = true;
                }
                Ok(Next::Nothing) => {}
                next => break next,
            }
        };
        let given = match next {
            Ok(Next::End | Next::Nothing) => return reader,
            Ok(Next::Messages) => {
                let reached = reader.to_note();
                let filled = match workers {
                    Workers::Caller => Ok(Filled::Read(batch)),
                    Workers::Readers => work(&mut batch).map(|made| Filled::Worked(batch, made)),
                    Workers::Helpers(jobs) => {
                        let (worked, coming) = sync_channel(1);
                        // Helpers that are gone answer nothing, which is seen where the answer is wanted.
                        let _at_end = jobs.send(Job { batch, worked });
                        Ok(Filled::Coming(coming))
                    }
                };
                filled.map_or_else(Given::Failed, |filled| Given::Full(index, filled, reached))
            }
            Err(error) => Given::Failed(error),
        };
        let failed = matches!(given, Given::Failed(_));
        is_quiet = false;
        if full.send(given).is_err() || failed {
            return reader;
        }
    }
    reader
}

/// The side that uses the batches.
struct User<W, E, S> {
    work: W,
    each: E,
    settle: S,
    returns: Vec<Returns>,
    /// For each reader the offsets behind the last batch that is done.
    done: Vec<Option<Vec<Position>>>,
}

impl<W, E, S> User<W, E, S> {
    fn use_all<T>(&mut self, filled: &Receiver<Given<T>>) -> Result<ControlFlow<()>>
    where
        W: Fn(&mut Batch) -> Result<T>,
        E: FnMut(&mut Batch, T) -> Result<ControlFlow<()>>,
        S: FnMut() -> Result<()>,
    {
        for given in filled {
            let (index, filled, reached) = match given {
                Given::Full(index, filled, reached) => (index, filled, reached),
                Given::Settle(index) => {
                    (self.settle)()?;
                    let _at_end = self.returns[index].settled.send(());
                    continue;
                }
                Given::Failed(error) => return Err(error),
            };
            let (mut batch, made) = match filled {
                Filled::Worked(batch, made) => (batch, made),
                Filled::Read(mut batch) => {
                    let made = (self.work)(&mut batch)?;
                    (batch, made)
                }
                Filled::Coming(coming) => coming.recv().unwrap_or_else(|_| Err(nobody_helps()))?,
            };
            if (self.each)(&mut batch, made)?.is_break() {
                if reached.is_some() {
                    let done = self.done[index].take().unwrap_or_default();
                    self.done[index] = Some(done_with(done, &batch, batch.len()));
                }
                return Ok(ControlFlow::Break(()));
            }
            if reached.is_some() {
                self.done[index] = reached;
            }
            // A reader that is at its end wants no batch back.
            let _at_end = self.returns[index].empty.send(batch);
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn nobody_helps() -> Error {
    Error::new(ErrorKind::Unexpected, "read", "a thread that works on what is read has ended")
}
