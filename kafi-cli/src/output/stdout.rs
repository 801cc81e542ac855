//! Standard output without the standard library's line buffer: whole batches go out in large writes.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use kafi::{Error, Result};

use crate::output::closed;

/// Bytes are gathered up to this many, and then written in one go.
const BUFFER_BYTES: usize = 256 << 10;

/// What systems call a file that is not open (EBADF).
const BAD_FILE: i32 = 9;

const OPERATION: &str = "write to stdout";

/// The error of a result that nobody reads any more. It ends the command quietly, and nothing is committed for it.
pub fn nobody_reads() -> Error {
    Error::io(OPERATION, io::Error::from(ErrorKind::BrokenPipe))
}

/// Whether a command ended because nobody reads what it prints.
pub fn is_nobody_reads(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    error.operation() == OPERATION && cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

/// Standard output.
pub struct Stdout {
    file: File,
    buffer: Vec<u8>,
}

impl Stdout {
    /// Opens it.
    pub fn open() -> Result<Self> {
        let file = io::stdout().as_fd().try_clone_to_owned().map_err(|error| Error::io("open stdout", error))?;
        Ok(Self { file: File::from(file), buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4) })
    }

    /// What is gathered; write to its end, then call [`written`](Stdout::written).
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes what was gathered if it is enough. False means that nobody reads any more, and that the command is to end
    /// quietly.
    pub fn written(&mut self) -> Result<bool> {
        if self.buffer.len() < BUFFER_BYTES { Ok(true) } else { self.flush() }
    }

    /// Writes everything that was gathered. False means that nobody reads any more.
    pub fn flush(&mut self) -> Result<bool> {
        let result = match self.buffer.is_empty() || !closed::was_closed() {
            true => self.file.write_all(&self.buffer),
            false => Err(io::Error::from_raw_os_error(BAD_FILE)),
        };
        self.buffer.clear();
        // One huge message does not keep its memory.
        self.buffer.shrink_to(4 * BUFFER_BYTES);
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Error::io(OPERATION, error)),
        }
    }

    /// Prints a line of a result that is no message.
    pub fn line(&mut self, line: &str) -> Result<bool> {
        self.buffer.extend_from_slice(line.as_bytes());
        self.buffer.push(b'\n');
        self.written()
    }
}
