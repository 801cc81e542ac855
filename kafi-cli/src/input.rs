//! Reads messages from stdin or a file: pieces that a delimiter ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use kafi::{Error, ErrorKind, Result};
use memchr::memmem::Finder;

/// Bytes are read in blocks of this size.
const BLOCK_BYTES: usize = 256 << 10;

/// No message is larger: Kafka's format holds none that is.
const PIECE_BYTES_MAX: usize = i32::MAX as usize - (1 << 20);

/// The pieces of a stream. Memory is bounded by the largest piece.
pub struct Pieces {
    file: File,
    name: String,
    finder: Finder<'static>,
    delimiter_len: usize,
    buffer: Vec<u8>,
    start: usize,
    /// No delimiter begins before this place.
    searched: usize,
    ended: bool,
}

impl Pieces {
    /// The pieces of `path`, or of stdin.
    ///
    /// # Errors
    /// `Usage` for a folder and an empty delimiter, and those of opening the file.
    pub fn open(path: Option<&Path>, delimiter: &[u8]) -> Result<Self> {
        let (file, name) = match path {
            Some(path) => (File::open(path), path.display().to_string()),
            None => (io::stdin().as_fd().try_clone_to_owned().map(File::from), "stdin".to_string()),
        };
        let file = file.map_err(|error| Error::io("read", error).with("file", &name))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::new(ErrorKind::Usage, "read", "it is a folder, not a file").with("file", &name));
        }
        if delimiter.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "read", "a delimiter cannot be empty"));
        }
        let finder = Finder::new(delimiter).into_owned();
        Ok(Self { file, name, finder, delimiter_len: delimiter.len(), buffer: Vec::new(), start: 0, searched: 0, ended: false })
    }

    /// Whether a whole piece is in memory, so that the next one does not block.
    pub fn is_ready(&self) -> bool {
        self.finder.find(&self.buffer[self.searched..]).is_some()
    }

    /// The next piece without its delimiter; the last one may lack it. Blocks until there is one.
    ///
    /// # Errors
    /// Those of reading, and `TooLarge` for a piece that no message can hold.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            if let Some(at) = self.finder.find(&self.buffer[self.searched..]) {
                let (start, end) = (self.start, self.searched + at);
                self.start = end + self.delimiter_len;
                self.searched = self.start;
                return Ok(Some(&self.buffer[start..end]));
            }
            if self.ended {
                let start = std::mem::replace(&mut self.start, self.buffer.len());
                self.searched = self.start;
                return Ok((start < self.buffer.len()).then(|| &self.buffer[start..]));
            }
            // A delimiter may have begun at the end of what is here.
            self.searched = self.start.max((self.buffer.len() + 1).saturating_sub(self.delimiter_len));
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        if self.buffer.len() - self.start > PIECE_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "read", "a message is larger than 2 GB; is the delimiter right?").with("file", &self.name));
        }
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let before = self.buffer.len();
        // A large piece is read in ever larger blocks, so that it is not searched and moved over and over.
        self.buffer.resize(before + before.max(BLOCK_BYTES), 0);
        let read = loop {
            match self.file.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let read = read.map_err(|error| Error::io("read", error).with("file", &self.name))?;
        self.buffer.truncate(before + read);
        self.ended = read == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pieces(content: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut pieces = Pieces::open(Some(file.path()), delimiter).unwrap();
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            all.push(piece.to_vec());
        }
        all
    }

    #[test]
    fn the_last_piece_may_lack_its_delimiter_and_empty_ones_count() {
        assert_eq!(pieces(b"a\n\nb", b"\n"), [&b"a"[..], b"", b"b"]);
        assert_eq!(pieces(b"a\n", b"\n"), [b"a"]);
        assert!(pieces(b"", b"\n").is_empty());
        assert_eq!(pieces(b"a--b-c--", b"--"), [&b"a"[..], b"b-c"]);
    }

    #[test]
    fn pieces_larger_than_a_block_and_delimiters_across_blocks() {
        let large = vec![b'x'; 3 * BLOCK_BYTES];
        let edge = vec![b'y'; BLOCK_BYTES - 1];
        let content = [&edge[..], b"--", &large, b"--", b"z"].concat();
        assert_eq!(pieces(&content, b"--"), [edge, large, b"z".to_vec()]);
    }
}
