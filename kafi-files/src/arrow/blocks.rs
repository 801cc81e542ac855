//! The compressed blocks of a file of ORC, looked at before they are unpacked: orc-rust takes as much memory as they say
//! or need, and a few bytes may say gigabytes.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use kafi_core::{Error, ErrorKind, Result};

use super::chunks::{Chunks, number};

/// No block is larger when it is unpacked: its header has 23 bits for a length.
const BLOCK_BYTES_MAX: u64 = 8 << 20;

/// No more is unpacked of what a file says of itself as a whole.
const TAIL_BYTES_MAX: u64 = 256 << 20;

/// How the blocks of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    Zlib,
    Snappy,
    Zstd,
    /// What has no blocks, and what is unpacked into so many bytes as the file says in front.
    Others,
}

impl Blocks {
    /// Reads what stands at the end of a file, and checks the blocks there. What is no file of ORC is left to its reader.
    pub(super) fn of(file: &Chunks) -> Result<Self> {
        let read = |start: Option<u64>, bytes: u64| start.and_then(|start| file.bytes_at(start, bytes).ok());
        let before = |end: Option<u64>, bytes: u64| end?.checked_sub(bytes);
        let end = file.bytes().checked_sub(1);
        let Some(length) = read(end, 1).map(|byte| u64::from(byte[0])) else { return Ok(Self::Others) };
        let end = before(end, length);
        let Some(said) = read(end, length) else { return Ok(Self::Others) };
        let [footer, compression, block, metadata] = fields(&said);
        if block > BLOCK_BYTES_MAX {
            return Err(too_large(block));
        }
        let blocks = match compression {
            1 => Self::Zlib,
            2 => Self::Snappy,
            5 => Self::Zstd,
            _ => Self::Others,
        };
        let at = before(end, footer);
        for (start, bytes) in [(at, footer), (before(at, metadata), metadata)] {
            if let Some(part) = read(start, bytes) {
                blocks.check(&part, TAIL_BYTES_MAX)?;
            }
        }
        Ok(blocks)
    }

    /// Checks the blocks of a part of a file, which may be so large in all when they are unpacked.
    pub(super) fn check(self, mut part: &[u8], bytes_max: u64) -> Result<()> {
        let mut left = bytes_max;
        while let ([a, b, c, rest @ ..], true) = (part, self != Self::Others) {
            let header = u32::from_le_bytes([*a, *b, *c, 0]);
            let (block, rest) = rest.split_at(rest.len().min((header >> 1) as usize));
            part = rest;
            let is_original = header & 1 == 1;
            let bytes = if is_original { block.len() as u64 } else { self.unpacked(block) };
            left = left.checked_sub(bytes).filter(|_| bytes <= BLOCK_BYTES_MAX).ok_or_else(|| too_large(bytes))?;
        }
        Ok(())
    }

    /// The bytes of a block when it is unpacked, or one more than there may be.
    fn unpacked(self, block: &[u8]) -> u64 {
        // What is damaged is said by who reads it.
        let counted = |reader: &mut dyn Read| io::copy(&mut reader.take(BLOCK_BYTES_MAX + 1), &mut io::sink());
        match self {
            Self::Zlib => counted(&mut DeflateDecoder::new(block)).unwrap_or_default(),
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(block)
                .map_or(0, |mut decoder| counted(&mut decoder).unwrap_or_default()),
            Self::Snappy => number(&mut { block }).unwrap_or_default(),
            Self::Others => 0,
        }
    }
}

/// The lengths of the footer, the kind of compression, the length of blocks, and the length of the metadata.
fn fields(mut said: &[u8]) -> [u64; 4] {
    let mut found = [0; 4];
    while let Some(tag) = number(&mut said) {
        match (tag & 7, number(&mut said)) {
            (0, Some(value)) => match tag >> 3 {
                field @ 1..=3 => found[field as usize - 1] = value,
                5 => found[3] = value,
                _ => {}
            },
            (2, Some(bytes)) if bytes <= said.len() as u64 => said = &said[bytes as usize..],
            _ => break,
        }
    }
    found
}

fn too_large(bytes: u64) -> Error {
    let why = format!("it is damaged: a block of it becomes {bytes} bytes or more, which no file has");
    Error::new(ErrorKind::Corrupt, "read file", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn block(packed: &[u8]) -> Vec<u8> {
        let header = (packed.len() as u32) << 1;
        [&header.to_le_bytes()[..3], packed].concat()
    }

    #[test]
    fn blocks_that_become_too_large_are_refused() {
        let zeros = |bytes: u64| {
            let mut zlib = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            io::copy(&mut io::repeat(0).take(bytes), &mut zlib).unwrap();
            let zstd = zstd::stream::encode_all(io::repeat(0).take(bytes), 1).unwrap();
            [(Blocks::Zlib, zlib.finish().unwrap()), (Blocks::Zstd, zstd)]
        };
        for (blocks, packed) in zeros(BLOCK_BYTES_MAX) {
            let part = [block(&packed), block(&packed)].concat();
            assert!(blocks.check(&part, u64::MAX).is_ok());
            assert_eq!(blocks.check(&part, BLOCK_BYTES_MAX).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        for (blocks, packed) in zeros(BLOCK_BYTES_MAX + 1) {
            assert!(blocks.check(&block(&packed), u64::MAX).is_err(), "{blocks:?}");
        }
        // Four gigabytes, says Snappy.
        assert!(Blocks::Snappy.check(&block(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]), u64::MAX).is_err());
        assert!(Blocks::Snappy.check(&block(&[3, 8, 1, 2, 3]), u64::MAX).is_ok());
        // What is cut off, or damaged, is left to who reads it.
        assert!(Blocks::Snappy.check(&[1, 2], u64::MAX).is_ok());
        assert!(Blocks::Zlib.check(&block(&[0xff; 9]), u64::MAX).is_ok());
        let mut said = Vec::new();
        said.write_all(&[8, 0x90, 1, 16, 5, 24, 0x80, 0x80, 0x10, 34, 2, 0, 12, 40, 7]).unwrap();
        assert_eq!(fields(&said), [144, 5, 262_144, 7]);
    }
}
