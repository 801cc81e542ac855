//! Reads a side of a join, and makes the keys of its messages in a thread of its own, while those before are joined.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use kafi_core::functional::caught;
use kafi_core::{Assignment, Batch, Failures, Record, Result};

use super::key::{JoinKey, hash_of};
use super::options::JoinSide;
use crate::compact::{Survivors, read};

/// Batches that go round: one is filled, one waits, one is joined.
const BATCHES: usize = 3;

/// A batch, and what its messages are joined by.
#[derive(Default)]
pub(super) struct Keyed {
    batch: Batch,
    /// Of as many messages as were looked at.
    keys: Vec<Key>,
    bytes: Vec<u8>,
}

/// Where a key lies.
#[derive(Clone, Copy)]
struct Key {
    hash: u64,
    start: usize,
    end: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Key,
    Null,
    Superseded,
    Skipped,
}

/// What a message is joined by.
#[derive(Clone, Copy)]
pub(super) enum RowKey<'k> {
    /// These bytes, and their hash.
    Key(u64, &'k [u8]),
    /// Null, which matches nothing.
    Null,
    /// It is no row of its table.
    Superseded,
    /// No key could be made of it.
    Skipped,
}

impl Keyed {
    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// A message with what it is joined by.
    pub(super) fn row(&self, index: usize) -> (RowKey<'_>, Record<'_>) {
        let Key { hash, start, end, kind } = self.keys[index];
        let row_key = match kind {
            Kind::Key => RowKey::Key(hash, &self.bytes[start..end]),
            Kind::Null => RowKey::Null,
            Kind::Superseded => RowKey::Superseded,
            Kind::Skipped => RowKey::Skipped,
        };
        (row_key, self.batch.get(index))
    }

    /// The hashes of keys among these messages.
    pub(super) fn hashes(&self, range: Range<usize>) -> impl Iterator<Item = u64> + Clone {
        self.keys[range].iter().filter(|key| matches!(key.kind, Kind::Key)).map(|key| key.hash)
    }

    /// Takes a batch, which gets another one's memory, and makes its keys, as far as none fails.
    fn fill(&mut self, batch: &mut Batch, maker: &mut Maker<'_, '_>) -> Result<()> {
        self.keys.clear();
        self.bytes.clear();
        self.batch.clear();
        std::mem::swap(batch, &mut self.batch);
        for record in self.batch.iter() {
            let kind = maker.make(&record)?;
            let (bytes, start) = (maker.key.bytes(), self.bytes.len());
            let hash = if let Kind::Key = kind { hash_of(bytes) } else { 0 };
            if let Kind::Key = kind {
                self.bytes.extend_from_slice(bytes);
            }
            self.keys.push(Key { hash, start, end: self.bytes.len(), kind });
        }
        Ok(())
    }
}

/// Makes keys.
struct Maker<'m, 'a> {
    side: &'m mut JoinSide<'a>,
    table: Option<&'m Survivors>,
    failures: &'m Failures,
    key: JoinKey,
}

impl Maker<'_, '_> {
    fn make(&mut self, record: &Record<'_>) -> Result<Kind> {
        if self.table.is_some_and(|table| !table.has(record.partition, record.offset)) {
            return Ok(Kind::Superseded);
        }
        if let Err(error) = (self.side.key)(record, &mut self.key) {
            self.failures.take(record, error)?;
            return Ok(Kind::Skipped);
        }
        Ok(if self.key.is_null() { Kind::Null } else { Kind::Key })
    }
}

/// Reads what was planned of a side, of a table only its rows, until `each` breaks.
///
/// # Errors
/// What reading, making keys, or `each` fails with; of a batch in which a key cannot be made `each` sees what lies before.
pub(super) fn read_keyed(
    (side, assignments): (&mut JoinSide<'_>, &[Assignment]),
    table: Option<&Survivors>,
    failures: &Failures,
    mut each: impl FnMut(&Keyed) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let (full, filled) = sync_channel::<Keyed>(1);
    let (free, empty) = channel::<Keyed>();
    for _ in 0..BATCHES {
        free.send(Keyed::default()).expect("the receiver is held here");
    }
    let reading = move || {
        let (storage, options) = (side.storage, side.read.clone());
        let mut maker = Maker { side, table, failures, key: JoinKey::default() };
        read(storage, assignments, &options, |batch| {
            // Who joins wants no more.
            let Ok(mut keyed) = empty.recv() else { return Ok(ControlFlow::Break(())) };
            let made = keyed.fill(batch, &mut maker);
            let is_over = full.send(keyed).is_err();
            made.map(|()| if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
    };
    thread::scope(|scope| {
        let reader = scope.spawn(|| caught("join", reading));
        let mut used = Ok(ControlFlow::Continue(()));
        for keyed in &filled {
            used = each(&keyed);
            if !matches!(used, Ok(ControlFlow::Continue(()))) {
                break;
            }
            // A reader at its end wants no more of them.
            let _at_end = free.send(keyed);
        }
        drop((filled, free));
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let _how = used?;
        read.map(drop)
    })
}
