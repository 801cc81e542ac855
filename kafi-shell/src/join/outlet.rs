//! Rows on their way from the thread that joins to the one that makes messages of them.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender};

use kafi_core::Result;

use super::output::{Output, Part};
use super::table::push_keyed;

/// Rows that go together: so many bytes, or so many rows.
const BYTES: usize = 512 << 10;
const ROWS: usize = 4096;

/// Rows, a copy of what they are of.
#[derive(Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// Where the left and the right message of each lie.
    places: Vec<[Option<Range<usize>>; 2]>,
}

/// Where the thread that joins puts rows.
pub(super) struct Outlet {
    rows: Rows,
    full: SyncSender<Rows>,
    empty: Receiver<Rows>,
    /// Whether nobody wants any more.
    pub(super) is_over: bool,
}

impl Rows {
    /// Puts them out.
    ///
    /// # Errors
    /// Those of [`Output::put`].
    pub(super) fn put_into(&self, out: &mut Output<'_>) -> Result<()> {
        for places in &self.places {
            let [left, right] = places.each_ref().map(|place| Some(Part::Row(&self.bytes[place.clone()?])));
            out.put(left, right)?;
        }
        Ok(())
    }
}

impl Outlet {
    /// Hands over what is full, and takes what is empty.
    pub(super) fn new(full: SyncSender<Rows>, empty: Receiver<Rows>) -> Self {
        Self { rows: Rows::default(), full, empty, is_over: false }
    }

    /// Puts a row of these two, of a side that is built and one that is probed.
    pub(super) fn put_sides(&mut self, builds_left: bool, built: Option<Part<'_>>, probed: Option<Part<'_>>) {
        if self.is_over {
            return;
        }
        let [built, probed] = [built, probed].map(|part| part.map(|part| self.copy(part)));
        self.rows.places.push(if builds_left { [built, probed] } else { [probed, built] });
        if self.rows.bytes.len() >= BYTES || self.rows.places.len() >= ROWS {
            self.flush();
        }
    }

    /// Hands over what there is. Blocks while the rows before are not taken.
    pub(super) fn flush(&mut self) {
        if self.rows.places.is_empty() || self.is_over {
            return;
        }
        let Ok(mut next) = self.empty.recv() else {
            self.is_over = true;
            return;
        };
        next.bytes.clear();
        next.places.clear();
        self.is_over = self.full.send(std::mem::replace(&mut self.rows, next)).is_err();
    }

    fn copy(&mut self, part: Part<'_>) -> Range<usize> {
        let bytes = &mut self.rows.bytes;
        let start = bytes.len();
        match part {
            Part::Row(row) => bytes.extend_from_slice(row),
            // Whoever makes messages of them wants no key.
            Part::Record(record) => push_keyed(&[], record, bytes),
        }
        start..bytes.len()
    }
}
