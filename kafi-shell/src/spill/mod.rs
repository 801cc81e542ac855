//! What does not fit into memory: runs of bytes in one file, which has no name and is gone with the process, however that
//! ends.

mod row;
mod sorter;

use std::fs::File;
use std::os::unix::fs::FileExt;

use kafi_core::{Error, Result};

pub(crate) use row::{push_length, push_row, row_record, take_length};
pub(crate) use sorter::Sorter;

/// The bytes of a page, a power of two: what is written and read at once.
const PAGE_BYTES_MAX: usize = 64 << 10;
const PAGE_BYTES_MIN: usize = 256;

/// A file of pages, which is made when the first is written.
pub(crate) struct Spill {
    file: Option<File>,
    page_bytes: usize,
    pages: u32,
    free: Vec<u32>,
    written: u64,
}

/// Bytes one after another: whole pages in the file, and the rest in memory.
#[derive(Default)]
pub(crate) struct Run {
    pages: Vec<u32>,
    rest: Vec<u8>,
    bytes: u64,
    items: u64,
}

/// Reads a run from its start.
pub(crate) struct RunReader<'r> {
    run: Source<'r>,
    /// The next page.
    next: usize,
    buffer: Vec<u8>,
    at: usize,
}

enum Source<'r> {
    /// A run that is read again.
    Lent(&'r Run),
    /// One whose pages are free once they are read.
    Taken(Run),
}

impl Spill {
    /// A spill beside so much memory.
    pub(crate) fn new(memory: usize) -> Self {
        let page_bytes = (memory / 4096 + 1).next_power_of_two() / 2;
        let page_bytes = page_bytes.clamp(PAGE_BYTES_MIN, PAGE_BYTES_MAX);
        Self { file: None, page_bytes, pages: 0, free: Vec::new(), written: 0 }
    }

    /// The bytes of a page.
    pub(crate) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// How many bytes were written in all.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Adds an item, of these pieces, to the end of a run.
    ///
    /// # Errors
    /// `NoSpace` for a full disk, `Io`.
    pub(crate) fn append(&mut self, run: &mut Run, pieces: &[&[u8]]) -> Result<()> {
        run.items += 1;
        for piece in pieces {
            let mut piece = *piece;
            run.bytes += piece.len() as u64;
            while run.rest.len() + piece.len() >= self.page_bytes {
                let (now, later) = piece.split_at(self.page_bytes - run.rest.len());
                run.rest.extend_from_slice(now);
                let page = self.write_page(&run.rest)?;
                run.pages.push(page);
                run.rest.clear();
                piece = later;
            }
            run.rest.extend_from_slice(piece);
        }
        Ok(())
    }

    /// Frees the pages of a run that nobody reads any more.
    pub(crate) fn release(&mut self, run: Run) {
        self.free.extend(run.pages);
    }

    fn write_page(&mut self, bytes: &[u8]) -> Result<u32> {
        let page = match self.free.pop() {
            Some(page) => page,
            None => {
                self.pages += 1;
                self.pages - 1
            }
        };
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let made = tempfile::tempfile().map_err(failed)?;
                log::info!("what does not fit into memory goes to {}", std::env::temp_dir().display());
                none.insert(made)
            }
        };
        file.write_all_at(bytes, u64::from(page) * self.page_bytes as u64).map_err(failed)?;
        self.written += bytes.len() as u64;
        Ok(page)
    }

    fn read_page(&self, page: u32, buffer: &mut Vec<u8>) -> Result<()> {
        let start = buffer.len();
        buffer.resize(start + self.page_bytes, 0);
        let file = self.file.as_ref().expect("a page was written");
        file.read_exact_at(&mut buffer[start..], u64::from(page) * self.page_bytes as u64).map_err(failed)
    }
}

impl Run {
    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many items it holds.
    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Reads it, and keeps it.
    pub(crate) fn read(&self) -> RunReader<'_> {
        RunReader { run: Source::Lent(self), next: 0, buffer: Vec::new(), at: 0 }
    }

    /// Reads it, and frees what is read.
    pub(crate) fn into_reader(self) -> RunReader<'static> {
        RunReader { run: Source::Taken(self), next: 0, buffer: Vec::new(), at: 0 }
    }
}

impl RunReader<'_> {
    /// Makes the next `count` bytes ready; false at the end of the run, which is an end between two items.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn prepare(&mut self, spill: &mut Spill, count: usize) -> Result<bool> {
        while self.buffer.len() - self.at < count {
            self.buffer.drain(..self.at);
            self.at = 0;
            let run = match &self.run {
                Source::Lent(run) => run,
                Source::Taken(run) => run,
            };
            match run.pages.get(self.next).copied() {
                Some(page) => {
                    spill.read_page(page, &mut self.buffer)?;
                    if let Source::Taken(_) = self.run {
                        spill.free.push(page);
                    }
                }
                None if self.next == run.pages.len() => self.buffer.extend_from_slice(&run.rest),
                None => return Ok(false),
            }
            self.next += 1;
        }
        Ok(true)
    }

    /// The next `count` bytes, which were made ready.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        self.at += count;
        &self.buffer[self.at - count..self.at]
    }

    /// The next item, which begins with its length in four bytes: what follows them; `None` at the end.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn next_item(&mut self, spill: &mut Spill) -> Result<Option<&[u8]>> {
        if !self.prepare(spill, 4)? {
            return Ok(None);
        }
        let length = u32::from_le_bytes(self.take(4).try_into().expect("it is four bytes")) as usize;
        self.prepare(spill, length)?;
        Ok(Some(self.take(length)))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("keep what does not fit into memory", error)
        .with("folder", std::env::temp_dir().display())
        .hint("TMPDIR names another folder; with more memory (--memory) less goes there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_come_back_as_they_went_and_pages_are_used_again() {
        let mut spill = Spill::new(0);
        let mut runs = [Run::default(), Run::default()];
        let item = |index: u32| vec![index as u8; (index as usize * 37) % 900];
        for index in 0..400 {
            let item = item(index);
            let length = (item.len() as u32).to_le_bytes();
            spill.append(&mut runs[index as usize % 2], &[&length, &item]).unwrap();
        }
        let pages = spill.pages;
        assert!(pages > 100 && runs[0].items() == 200);
        let check = |reader: &mut RunReader<'_>, spill: &mut Spill, first: u32| {
            for index in (first..400).step_by(2) {
                assert_eq!(reader.next_item(spill).unwrap().unwrap(), item(index), "{index}");
            }
            assert!(reader.next_item(spill).unwrap().is_none());
        };
        let [even, odd] = runs;
        check(&mut even.read(), &mut spill, 0);
        assert!(spill.free.is_empty());
        check(&mut even.into_reader(), &mut spill, 0);
        let free = spill.free.len();
        let mut again = Run::default();
        (0..50).for_each(|_| spill.append(&mut again, &[&[7; 256]]).unwrap());
        assert_eq!((spill.pages, spill.free.len()), (pages, free - 50));
        check(&mut odd.into_reader(), &mut spill, 1);
        spill.release(again);
        assert_eq!(spill.free.len(), pages as usize);
    }
}
