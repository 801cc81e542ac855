//! Reads messages from stdin or a file: pieces that a delimiter ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use kafi::{Cancel, Error, ErrorKind, Result};
use memchr::memmem::Finder;

/// Bytes are read in blocks of this size.
const BLOCK_BYTES: usize = 256 << 10;

/// So many blocks are read ahead.
const BLOCKS_AHEAD: usize = 4;

/// The largest piece that is read, unless the user says otherwise: a message of 100 MB fits, also one in base64 within
/// an envelope.
pub const PIECE_BYTES_MAX: u64 = 256 << 20;

/// No message is larger: Kafka's format holds none that is.
const MESSAGE_BYTES_MAX: u64 = i32::MAX as u64 - (1 << 20);

/// A wish to stop is seen within this time.
const WAIT: Duration = Duration::from_millis(50);

/// A block, and how many of its bytes were read.
type Block = io::Result<(Vec<u8>, usize)>;

/// The pieces of a stream. Memory is bounded by the largest piece. A thread of its own reads, so that a wish to stop is
/// also seen while nothing comes.
pub struct Pieces {
    blocks: Receiver<Block>,
    spent: Sender<Vec<u8>>,
    cancel: Cancel,
    name: String,
    /// None where everything is one piece.
    finder: Option<Finder<'static>>,
    delimiter_len: usize,
    piece_bytes_max: usize,
    buffer: Vec<u8>,
    start: usize,
    /// No delimiter begins before this place.
    searched: usize,
    /// Where the next piece ends, once that is known.
    found: Option<usize>,
    ended: bool,
    /// Whether the one piece that there is without a delimiter was given.
    whole_given: bool,
}

impl Pieces {
    /// The pieces of `path`, or of stdin, until `cancel` ends them; with an empty delimiter everything is one, also
    /// where there is nothing. None may be larger than `piece_bytes_max`.
    ///
    /// # Errors
    /// `Usage` for a folder, and those of opening the file.
    pub fn open(path: Option<&Path>, delimiter: &[u8], piece_bytes_max: u64, cancel: &Cancel) -> Result<Self> {
        let (file, name) = match path {
            Some(path) => (File::open(path), path.display().to_string()),
            None => (io::stdin().as_fd().try_clone_to_owned().map(File::from), "stdin".to_string()),
        };
        let file = file.map_err(|error| Error::io("read", error).with("file", &name))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::new(ErrorKind::Usage, "read", "it is a folder, not a file").with("file", &name));
        }
        let (full, blocks) = sync_channel(BLOCKS_AHEAD);
        let (spent, empty) = channel();
        thread::Builder::new()
            .name("input".into())
            .spawn(move || read_blocks(file, &empty, &full))
            .map_err(|error| Error::io("start a thread", error))?;
        Ok(Self {
            blocks,
            spent,
            cancel: cancel.clone(),
            name,
            finder: (!delimiter.is_empty()).then(|| Finder::new(delimiter).into_owned()),
            delimiter_len: delimiter.len(),
            piece_bytes_max: usize::try_from(piece_bytes_max.min(MESSAGE_BYTES_MAX)).unwrap_or(usize::MAX),
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            found: None,
            ended: false,
            whole_given: false,
        })
    }

    /// Whether a whole piece is here, or comes within `wait`, so that the next one does not block. Also when nothing
    /// more comes.
    ///
    /// # Errors
    /// As for [`next`](Pieces::next).
    pub fn is_ready(&mut self, wait: Duration) -> Result<bool> {
        while !self.find() && !self.ended {
            match self.blocks.recv_timeout(wait) {
                Ok(block) => self.add(block)?,
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        Ok(true)
    }

    /// The next piece without its delimiter; the last one may lack it. Blocks until there is one, or there is a wish to
    /// stop; then nothing follows.
    ///
    /// # Errors
    /// Those of reading, and `TooLarge` for a piece that is larger than it may be.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        while !self.find() && !self.ended {
            match self.blocks.recv_timeout(WAIT) {
                Ok(block) => self.add(block)?,
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        self.check(self.found.unwrap_or(self.buffer.len()))?;
        if let Some(end) = self.found.take() {
            let start = std::mem::replace(&mut self.start, end + self.delimiter_len);
            self.searched = self.start;
            return Ok(Some(&self.buffer[start..end]));
        }
        let start = std::mem::replace(&mut self.start, self.buffer.len());
        self.searched = self.start;
        let is_whole = self.finder.is_none() && !std::mem::replace(&mut self.whole_given, true);
        Ok((is_whole || start < self.buffer.len()).then(|| &self.buffer[start..]))
    }

    /// Looks for the end of the next piece in what is here.
    fn find(&mut self) -> bool {
        let Some(finder) = &self.finder else { return false };
        if self.found.is_none() {
            self.found = finder.find(&self.buffer[self.searched..]).map(|at| self.searched + at);
        }
        if self.found.is_none() {
            // A delimiter may have begun at the end of what is here.
            self.searched = self.searched.max((self.buffer.len() + 1).saturating_sub(self.delimiter_len));
        }
        self.found.is_some()
    }

    /// Refuses a piece that reaches up to here, or farther.
    fn check(&self, end: usize) -> Result<()> {
        if end.saturating_sub(self.start) <= self.piece_bytes_max {
            return Ok(());
        }
        let why = format!("a message is larger than {} bytes", self.piece_bytes_max);
        let error = Error::new(ErrorKind::TooLarge, "read", why).with("file", &self.name);
        Err(error.hint("--max-bytes allows larger ones; if there are none, is the delimiter (-D) right?"))
    }

    fn add(&mut self, block: Block) -> Result<()> {
        let (block, len) = block.map_err(|error| Error::io("read", error).with("file", &self.name))?;
        // Blocks are added where no piece ends in what is here, save for a delimiter that has only begun.
        self.check((self.buffer.len() + 1).saturating_sub(self.delimiter_len.max(1)))?;
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        // One huge piece does not keep its memory.
        if self.buffer.len() < BLOCK_BYTES {
            self.buffer.shrink_to(8 * BLOCK_BYTES);
        }
        if self.buffer.capacity() - self.buffer.len() < len {
            // There is never more than a piece may have, so that the last growth is not for twice as much.
            let most = self.piece_bytes_max.saturating_add(self.delimiter_len + BLOCK_BYTES);
            let wanted = (2 * self.buffer.capacity()).min(most);
            self.buffer.reserve_exact(wanted.saturating_sub(self.buffer.len()).max(len));
        }
        self.buffer.extend_from_slice(&block[..len]);
        // A thread that is at its end wants no block back.
        let _at_end = self.spent.send(block);
        Ok(())
    }
}

/// Reads blocks until the end, a failure, or nobody wants them.
fn read_blocks(mut file: File, empty: &Receiver<Vec<u8>>, full: &SyncSender<Block>) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.resize(BLOCK_BYTES, 0);
        let read = match file.read(&mut block) {
            Ok(0) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let failed = read.is_err();
        if full.send(read.map(|len| (block, len))).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pieces(content: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut pieces = Pieces::open(Some(file.path()), delimiter, PIECE_BYTES_MAX, &Cancel::new()).unwrap();
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
    fn a_piece_that_is_too_large_is_refused_to_the_byte() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let large = vec![b'x'; 3 * BLOCK_BYTES];
        file.write_all(&[b"first\n", &large[..], b"\n", &large[..]].concat()).unwrap();
        let open = |bytes| Pieces::open(Some(file.path()), b"\n", bytes, &Cancel::new()).unwrap();
        let mut fits = open(large.len() as u64);
        assert_eq!(
            [(); 4].map(|()| fits.next().unwrap().map(<[u8]>::len)),
            [Some(5), Some(large.len()), Some(large.len()), None]
        );
        for bytes in [large.len() as u64 - 1, 10] {
            let mut refuses = open(bytes);
            assert_eq!(refuses.next().unwrap(), Some(&b"first"[..]));
            let error = refuses.next().map(|piece| piece.map(<[u8]>::len)).unwrap_err();
            assert!(
                error.kind() == ErrorKind::TooLarge
                    && error.hint_text().is_some_and(|hint| hint.contains("--max-bytes")),
                "{error}"
            );
        }
    }

    #[test]
    fn without_a_delimiter_everything_is_one_piece() {
        assert_eq!(pieces(b"a\n\nb\n", b""), [b"a\n\nb\n"]);
        assert_eq!(pieces(b"", b""), [b""]);
        let large = vec![b'\n'; 3 * BLOCK_BYTES + 1];
        assert_eq!(pieces(&large, b""), [large]);
    }

    #[test]
    fn pieces_larger_than_a_block_and_delimiters_across_blocks() {
        let large = vec![b'x'; 3 * BLOCK_BYTES];
        let edge = vec![b'y'; BLOCK_BYTES - 1];
        let content = [&edge[..], b"--", &large, b"--", b"z"].concat();
        assert_eq!(pieces(&content, b"--"), [edge, large, b"z".to_vec()]);
    }
}
