//! Sorts rows by a number, in bounded memory: sorted runs are spilled, and merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use kafi_core::Result;

use super::{Run, RunReader, Spill};

/// What a row takes in memory beside its bytes.
const ROW_BYTES: usize = 24;

/// Rows that come in any order, and go out by their numbers.
pub(crate) struct Sorter {
    rows: Vec<(u64, usize, usize)>,
    bytes: Vec<u8>,
    memory: usize,
    runs: Vec<Run>,
}

impl Sorter {
    /// A sorter that holds so many bytes in memory, but for a single larger row.
    pub(crate) fn new(memory: usize) -> Self {
        Self { rows: Vec::new(), bytes: Vec::new(), memory, runs: Vec::new() }
    }

    /// Adds a row; no two have the same number.
    ///
    /// # Errors
    /// Those of [`Spill::append`].
    pub(crate) fn push(&mut self, spill: &mut Spill, number: u64, row: &[u8]) -> Result<()> {
        let taken = self.bytes.len() + self.rows.len() * ROW_BYTES;
        if !self.rows.is_empty() && taken + row.len() + ROW_BYTES > self.memory {
            let run = self.spill(spill)?;
            self.runs.push(run);
        }
        self.rows.push((number, self.bytes.len(), row.len()));
        self.bytes.extend_from_slice(row);
        Ok(())
    }

    /// Hands over all rows by their numbers, until `each` says false.
    ///
    /// # Errors
    /// Those of [`Spill::append`]; what `each` fails with.
    pub(crate) fn finish(mut self, spill: &mut Spill, mut each: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        if self.runs.is_empty() {
            self.rows.sort_unstable();
            for (_, start, length) in &self.rows {
                if !each(&self.bytes[*start..*start + *length])? {
                    break;
                }
            }
            return Ok(());
        }
        let last = self.spill(spill)?;
        self.runs.push(last);
        let mut readers: Vec<RunReader<'_>> = self.runs.into_iter().map(Run::into_reader).collect();
        let mut heads = BinaryHeap::new();
        for (index, reader) in readers.iter_mut().enumerate() {
            heads.extend(next_number(reader, spill)?.map(|number| Reverse((number, index))));
        }
        while let Some(Reverse((_, index))) = heads.pop() {
            let reader = &mut readers[index];
            let row = reader.next_item(spill)?.expect("a number stands before a row");
            if !each(row)? {
                break;
            }
            heads.extend(next_number(reader, spill)?.map(|number| Reverse((number, index))));
        }
        Ok(())
    }

    fn spill(&mut self, spill: &mut Spill) -> Result<Run> {
        self.rows.sort_unstable();
        let mut run = Run::default();
        for (number, start, length) in self.rows.drain(..) {
            let (number, size) = (number.to_le_bytes(), (length as u32).to_le_bytes());
            spill.append(&mut run, &[&number, &size, &self.bytes[start..start + length]])?;
        }
        self.bytes.clear();
        Ok(run)
    }
}

fn next_number(reader: &mut RunReader<'_>, spill: &mut Spill) -> Result<Option<u64>> {
    if !reader.prepare(spill, 8)? {
        return Ok(None);
    }
    Ok(Some(u64::from_le_bytes(reader.take(8).try_into().expect("it is eight bytes"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_by_their_numbers_whatever_the_memory_is() {
        for memory in [400, 2000, 1 << 20] {
            let (mut spill, mut sorter) = (Spill::new(memory), Sorter::new(memory));
            for index in 0..500_u64 {
                let number = index * 7919 % 500;
                sorter.push(&mut spill, number, number.to_string().repeat(1 + number as usize % 9).as_bytes()).unwrap();
            }
            let mut next = 0;
            sorter
                .finish(&mut spill, |row| {
                    assert_eq!(row, next.to_string().repeat(1 + next % 9).as_bytes());
                    next += 1;
                    Ok(true)
                })
                .unwrap();
            assert_eq!((next, spill.written() > 0), (500, memory < 1 << 20));
        }
    }
}
