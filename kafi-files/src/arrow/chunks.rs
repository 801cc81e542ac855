//! Files that are read in pieces here and there.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use kafi_core::FileReader;

use crate::output::TIMEOUT;

/// A file as Parquet and ORC read it: pieces here and there.
pub(super) struct Chunks {
    file: Arc<Mutex<Box<dyn FileReader>>>,
    bytes: u64,
}

impl Chunks {
    pub(super) fn new(file: Box<dyn FileReader>) -> Self {
        let bytes = file.bytes();
        Self { file: Arc::new(Mutex::new(file)), bytes }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn read_from(&self, at: u64) -> io::BufReader<Chunk> {
        io::BufReader::new(Chunk { file: Arc::clone(&self.file), at })
    }

    /// So many bytes from there on. What a damaged file says of itself takes no memory.
    pub(super) fn bytes_at(&self, start: u64, length: u64) -> io::Result<bytes::Bytes> {
        if start.saturating_add(length) > self.bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it names bytes behind its end"));
        }
        let mut bytes = vec![0; length as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.read_at(start, &mut bytes, TIMEOUT).map_err(io::Error::other)?;
        if read < bytes.len() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early"));
        }
        Ok(bytes.into())
    }
}

pub(super) struct Chunk {
    file: Arc<Mutex<Box<dyn FileReader>>>,
    at: u64,
}

impl Read for Chunk {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.read_at(self.at, into, TIMEOUT).map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A number as Protobuf, Snappy, and Thrift write them.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
