//! Reads ahead: the next batches are read, and perhaps worked on, in threads of their own while the caller uses the one
//! before.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::batch::Batch;
use crate::consumer::Position;
use crate::error::{Error, Result};
use crate::functional::ledger::done_with;
use crate::functional::reader::Next;
use crate::functional::{Reader, caught};

/// Batches per reader that go round: one is read, one waits, one is used.
const BATCHES_PER_READER: usize = 3;

/// What a reader's thread hands over, with the number of the reader.
enum Given {
    /// A batch, which the reader wants back, and the offsets behind it, where they are committed once the work on it is
    /// done.
    Full(usize, Batch, Option<Vec<Position>>),
    /// The reader waits until the work on everything before this is done, so as to commit it.
    Settle(usize),
    Failed(Error),
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
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    settle: impl FnMut() -> Result<()>,
) -> Result<Vec<Reader>> {
    let (full, filled) = sync_channel::<Given>(readers.len());
    let work_there = readers.len() > 1;
    let there = |batch: &mut Batch| if work_there { work(batch) } else { Ok(()) };
    let here = |batch: &mut Batch| if work_there { Ok(()) } else { work(batch) };
    thread::scope(|scope| {
        let stops: Vec<_> = readers.iter().map(Reader::stop).collect();
        let mut threads = Vec::new();
        let mut returns = Vec::new();
        for (index, reader) in readers.into_iter().enumerate() {
            let ((free, empty), (settled, is_settled)) = (channel(), channel());
            for _ in 0..BATCHES_PER_READER {
                free.send(Batch::new()).expect("the receiver is held below");
            }
            let (passing, there) = (Passing { empty, full: full.clone(), is_settled }, &there);
            threads.push(scope.spawn(move || {
                let read = caught("read", || Ok(read_all(index, reader, there, &passing)));
                // Whoever uses what is read may have ended before.
                read.map_err(|error| drop(passing.full.send(Given::Failed(error)))).ok()
            }));
            returns.push(Returns { empty: free, settled });
        }
        drop(full);
        let mut user = User { done: vec![None; returns.len()], returns, work: here, each, settle };
        let used = caught("read", || user.use_all(&filled));
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
struct Passing {
    empty: Receiver<Batch>,
    full: SyncSender<Given>,
    is_settled: Receiver<()>,
}

fn read_all(index: usize, mut reader: Reader, work: &impl Fn(&mut Batch) -> Result<()>, passing: &Passing) -> Reader {
    let Passing { empty, full, is_settled } = passing;
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
                work(&mut batch).map_or_else(Given::Failed, |()| Given::Full(index, batch, reached))
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

impl<W, E, S> User<W, E, S>
where
    W: Fn(&mut Batch) -> Result<()>,
    E: FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    S: FnMut() -> Result<()>,
{
    fn use_all(&mut self, filled: &Receiver<Given>) -> Result<ControlFlow<()>> {
        for given in filled {
            let (index, mut batch, reached) = match given {
                Given::Full(index, batch, reached) => (index, batch, reached),
                Given::Settle(index) => {
                    (self.settle)()?;
                    let _at_end = self.returns[index].settled.send(());
                    continue;
                }
                Given::Failed(error) => return Err(error),
            };
            (self.work)(&mut batch)?;
            if (self.each)(&mut batch)?.is_break() {
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
