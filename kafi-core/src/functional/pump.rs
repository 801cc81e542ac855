//! Reads ahead: the next batches are read, and perhaps worked on, in threads of their own while the caller uses the one before.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::batch::Batch;
use crate::error::Result;
use crate::functional::Reader;

/// Batches per reader that go round: one is read, one waits, one is used.
const BATCHES_PER_READER: usize = 3;

/// A full batch, and the reader that wants it back.
type Full = (usize, Result<Batch>);

/// Reads everything that `readers` give, a thread each. `work` sees each batch in the reader's thread, `each` then in the caller's, one after another, in order
/// within each reader; `each` may stop the whole. Returns the readers.
///
/// # Errors
/// The first failure of a reader, of `work`, or of `each`; then the others are stopped.
pub fn pump(
    readers: Vec<Reader>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Vec<Reader>> {
    let (full, filled) = sync_channel::<Full>(readers.len());
    thread::scope(|scope| {
        let stops: Vec<_> = readers.iter().map(Reader::stop).collect();
        let mut threads = Vec::new();
        let mut returns = Vec::new();
        for (index, reader) in readers.into_iter().enumerate() {
            let (free, empty) = channel();
            for _ in 0..BATCHES_PER_READER {
                free.send(Batch::new()).expect("the receiver is held below");
            }
            let (full, work) = (full.clone(), &work);
            threads.push(scope.spawn(move || read_all(index, reader, work, &empty, &full)));
            returns.push(free);
        }
        drop(full);
        let used = use_all(&filled, &returns, &mut each);
        // Whoever still reads sees the wish at its next poll, or that nobody takes its batch.
        if !matches!(used, Ok(ControlFlow::Continue(()))) {
            stops.iter().for_each(|stop| stop.cancel());
        }
        drop((filled, returns));
        let readers = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
        used.map(|_| readers)
    })
}

fn read_all(index: usize, mut reader: Reader, work: &impl Fn(&mut Batch) -> Result<()>, empty: &Receiver<Batch>, full: &SyncSender<Full>) -> Reader {
    while let Ok(mut batch) = empty.recv() {
        let filled = match reader.read(&mut batch) {
            Ok(false) => break,
            Ok(true) => work(&mut batch).map(|()| batch),
            Err(error) => Err(error),
        };
        let failed = filled.is_err();
        if full.send((index, filled)).is_err() || failed {
            break;
        }
    }
    reader
}

fn use_all(filled: &Receiver<Full>, returns: &[Sender<Batch>], each: &mut impl FnMut(&mut Batch) -> Result<ControlFlow<()>>) -> Result<ControlFlow<()>> {
    for (index, batch) in filled {
        let mut batch = batch?;
        if each(&mut batch)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // A reader that is at its end wants no batch back.
        let _at_end = returns[index].send(batch);
    }
    Ok(ControlFlow::Continue(()))
}
