//! Reading ahead: while one batch is decoded and worked on, a thread fetches the next one of the same segment.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{io, thread};

use kafi_records::BatchHeader;

use crate::io::IoFile;

/// Smaller batches are not worth a thread: several of them come with one call of the system.
const BATCH_BYTES_MIN: usize = 64 << 10;

/// Larger ones are not fetched ahead, so that a reader takes little more memory than without.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What was fetched for one segment is given up when others were read so many times without it.
const PASSED_MAX: u32 = 16;

/// Fetches the batch that is probably read next. What it fetched is only bytes of a file: whoever takes them checks
/// them as if they had just been read. At most one batch is under way or waiting.
#[derive(Default)]
pub(crate) struct ReadAhead {
    worker: Option<Worker>,
    /// What is under way or waiting.
    asked: Option<Spot>,
    /// Where the large batch ended that was read last.
    last: Option<Spot>,
    /// How many times others were read since.
    passed: u32,
}

/// A byte in one file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// A number that stands for the file.
    pub(crate) owner: u64,
    /// Which byte.
    pub(crate) at: u64,
}

struct Worker {
    requests: SyncSender<Request>,
    batches: Receiver<Vec<u8>>,
}

struct Request {
    file: Arc<dyn IoFile>,
    at: u64,
    len: u64,
    buffer: Vec<u8>,
}

impl ReadAhead {
    /// Takes the batch at `spot`, if that was fetched; waits for it while it is under way.
    pub(crate) fn take(&mut self, spot: Spot) -> Option<Vec<u8>> {
        let asked = self.asked.filter(|asked| asked.owner == spot.owner)?;
        let batch = self.receive();
        batch.filter(|batch| asked == spot && !batch.is_empty())
    }

    /// Says that a batch of `bytes` was read that ends at `end`, in a file of `len` bytes. If it was the second large
    /// one in a row, the next one is fetched into `buffer`, which is left empty then.
    pub(crate) fn read_to(&mut self, end: Spot, bytes: usize, file: &Arc<dyn IoFile>, len: u64, buffer: &mut Vec<u8>) {
        let start = Spot { at: end.at.saturating_sub(bytes as u64), ..end };
        let last = std::mem::replace(&mut self.last, (bytes >= BATCH_BYTES_MIN).then_some(end));
        if self.last.is_none() || last != Some(start) || end.at >= len {
            return;
        }
        if self.asked.is_some() {
            self.passed += 1;
            if self.passed < PASSED_MAX {
                return;
            }
            self.forget();
        }
        if self.worker.is_none() {
            self.worker = Worker::start();
        }
        let Some(worker) = &self.worker else { return };
        let request = Request { file: Arc::clone(file), at: end.at, len, buffer: std::mem::take(buffer) };
        if worker.requests.send(request).is_ok() {
            (self.asked, self.passed) = (Some(end), 0);
        }
    }

    /// Gives up what was fetched, because the file may have changed there.
    pub(crate) fn forget(&mut self) {
        if self.asked.is_some() {
            self.receive();
        }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.asked = None;
        let received = self.worker.as_ref()?.batches.recv().ok();
        if received.is_none() {
            self.worker = None;
        }
        received
    }
}

impl Worker {
    /// Without a thread, where the system gives none, nothing is read ahead.
    fn start() -> Option<Self> {
        let (requests, to_fetch) = sync_channel::<Request>(1);
        let (fetched, batches) = sync_channel(1);
        let work = move || {
            for Request { file, at, len, mut buffer } in to_fetch {
                // An error comes again when the reader gets there, and is told then.
                if !matches!(fetch(&*file, at, len, &mut buffer), Ok(true)) {
                    buffer.clear();
                }
                if fetched.send(buffer).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("kafi-read-ahead".into()).spawn(work).ok()?;
        Some(Self { requests, batches })
    }
}

/// Reads the whole batch at `at`; false if there is none that is worth it.
fn fetch(file: &dyn IoFile, at: u64, len: u64, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut head = [0; BatchHeader::LEN];
    if file.read_at(&mut head, at)? < head.len() {
        return Ok(false);
    }
    let Ok(Some(header)) = BatchHeader::parse(&head) else { return Ok(false) };
    let bytes = header.total_bytes();
    if !(BATCH_BYTES_MIN..=BATCH_BYTES_MAX).contains(&bytes) || bytes as u64 > len.saturating_sub(at) {
        return Ok(false);
    }
    out.resize(bytes, 0);
    out[..head.len()].copy_from_slice(&head);
    Ok(file.read_at(&mut out[head.len()..], at + head.len() as u64)? == bytes - head.len())
}

#[cfg(test)]
mod tests {
    use kafi_core::Record;
    use kafi_records::{Compression, Encoder};

    use super::*;
    use crate::io::{Access, Io, MemoryIo};

    const BYTES: usize = 100_000;

    /// A file of this many batches, with one message of [`BYTES`] bytes each, and how long they are.
    fn file(batches: usize) -> (Arc<dyn IoFile>, u64) {
        let file = MemoryIo::new().open("f", Access::Create).unwrap();
        let mut encoder = Encoder::new(Compression::None);
        let mut batch = Vec::new();
        for number in 0..batches {
            batch.clear();
            encoder.push(Record::new("t", None, Some(&[b'x'; BYTES])), number as i64).unwrap();
            encoder.finish(&mut batch).unwrap();
            file.write_at(&batch, (number * batch.len()) as u64).unwrap();
        }
        (file, batch.len() as u64)
    }

    fn spot(owner: u64, at: u64) -> Spot {
        Spot { owner, at }
    }

    #[test]
    fn the_third_large_batch_in_a_row_is_there() {
        let (file, bytes) = file(3);
        let (mut ahead, len) = (ReadAhead::default(), 3 * bytes);
        let read_to =
            |ahead: &mut ReadAhead, end| ahead.read_to(spot(1, end), bytes as usize, &file, len, &mut Vec::new());
        read_to(&mut ahead, bytes);
        assert!(ahead.worker.is_none() && ahead.take(spot(1, bytes)).is_none());
        read_to(&mut ahead, 2 * bytes);
        assert!(ahead.take(spot(2, 2 * bytes)).is_none());
        let batch = ahead.take(spot(1, 2 * bytes)).unwrap();
        assert_eq!(batch.len() as u64, bytes);
        assert_eq!(BatchHeader::parse(&batch).unwrap().unwrap().base_offset, 2);
        assert!(ahead.take(spot(1, 2 * bytes)).is_none());
        read_to(&mut ahead, 3 * bytes);
        assert!(ahead.asked.is_none());
    }

    #[test]
    fn what_is_no_whole_batch_is_not_taken() {
        let (file, bytes) = file(4);
        let read_to =
            |ahead: &mut ReadAhead, end, len| ahead.read_to(spot(1, end), bytes as usize, &file, len, &mut Vec::new());
        let mut ahead = ReadAhead::default();
        // The file ends, as far as the reader knows, within the third batch.
        read_to(&mut ahead, bytes, 3 * bytes - 1);
        read_to(&mut ahead, 2 * bytes, 3 * bytes - 1);
        assert!(ahead.asked.is_some() && ahead.take(spot(1, 2 * bytes)).is_none());
        // It is cut there.
        file.truncate(3 * bytes - 1).unwrap();
        read_to(&mut ahead, bytes, 4 * bytes);
        read_to(&mut ahead, 2 * bytes, 4 * bytes);
        assert!(ahead.asked.is_some() && ahead.take(spot(1, 2 * bytes)).is_none());
    }

    #[test]
    fn what_was_fetched_is_given_up() {
        let (file, bytes) = file(40);
        let len = 40 * bytes;
        let read_to = |ahead: &mut ReadAhead, owner, end| {
            ahead.read_to(spot(owner, end), bytes as usize, &file, len, &mut Vec::new())
        };
        let mut ahead = ReadAhead::default();
        (1..=2).for_each(|count| read_to(&mut ahead, 1, count * bytes));
        ahead.forget();
        assert!(ahead.take(spot(1, 2 * bytes)).is_none());
        // Elsewhere in the same file.
        (1..=2).for_each(|count| read_to(&mut ahead, 1, count * bytes));
        assert!(ahead.take(spot(1, 5 * bytes)).is_none() && ahead.asked.is_none());
        // Where only others are read.
        (1..=2).for_each(|count| read_to(&mut ahead, 1, count * bytes));
        (1..=16).for_each(|count| read_to(&mut ahead, 2, count * bytes));
        assert!(ahead.asked == Some(spot(1, 2 * bytes)));
        read_to(&mut ahead, 2, 17 * bytes);
        assert!(ahead.asked == Some(spot(2, 17 * bytes)));
    }
}
