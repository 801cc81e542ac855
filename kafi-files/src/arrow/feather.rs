//! Reads files of Feather block by block, each of which is looked at before memory is taken for what it says.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};
use kafi_core::{Error, ErrorKind, FileReader, Result};

use super::failed;
use super::flat::check_types;
use crate::output::TIMEOUT;

/// The length of the footer, and the word behind it.
const TAIL_BYTES: usize = 10;
const WORD: &[u8] = b"ARROW1";

/// In front of a message stand four bytes that are all ones, and its length.
const ONES: [u8; 4] = [0xff; 4];

/// No buffer is larger when it is unpacked: what Arrow's offsets of 32 bits reach.
const BUFFER_BYTES_MAX: i64 = 2 << 30;

/// LZ4 makes no more of a byte than this, and a little for what is short.
const LZ4_RATIO_MAX: i64 = 255;
const SHORT_BYTES: i64 = 64 << 10;

/// Zstandard makes as much of a few bytes as it likes, and a block has any number of buffers: what becomes more than LZ4
/// would make of it is no larger than this in all.
const UNPACKED_BYTES_MAX: i64 = 256 << 20;

/// A file of Feather that is read from its first block on.
pub(super) struct Feather {
    file: Box<dyn FileReader>,
    decoder: FileDecoder,
    schema: SchemaRef,
    blocks: std::vec::IntoIter<Block>,
}

/// How much more blocks become that are held at the same time.
#[derive(Default)]
struct Growth {
    packed: i64,
    unpacked: i64,
}

impl Growth {
    /// Adds a block, unless all of them become more than they may.
    fn add(&mut self, packed: usize, unpacked: i64) -> Result<()> {
        self.packed = self.packed.saturating_add_unsigned(packed as u64);
        self.unpacked = self.unpacked.saturating_add(unpacked);
        if self.unpacked <= self.packed.saturating_mul(LZ4_RATIO_MAX).max(UNPACKED_BYTES_MAX) {
            return Ok(());
        }
        let Self { packed, unpacked } = self;
        Err(damaged(&format!("a block of {packed} bytes says that it becomes {unpacked} bytes, which none does")))
    }
}

impl Feather {
    pub(super) fn open(mut file: Box<dyn FileReader>) -> Result<Self> {
        let footer = read_footer(file.as_mut())?;
        let footer = root_as_footer(&footer).map_err(|error| damaged(&format!("its footer is none: {error}")))?;
        let schema = footer.schema().ok_or_else(|| damaged("it has no schema"))?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(Error::new(ErrorKind::Unsupported, "read file", "its bytes are in another order"));
        }
        check_types(schema)?;
        let schema: SchemaRef = Arc::new(arrow_ipc::convert::fb_to_schema(schema));
        let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
        let mut growth = Growth::default();
        for block in footer.dictionaries().into_iter().flatten() {
            let bytes = read_block(file.as_mut(), block, &mut growth)?;
            decoder.read_dictionary(block, &bytes).map_err(of_arrow)?;
        }
        let blocks: Vec<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
        Ok(Self { file, decoder, schema, blocks: blocks.into_iter() })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The rows of the next block; nothing behind the last one.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        for block in self.blocks.by_ref() {
            let bytes = read_block(self.file.as_mut(), &block, &mut Growth::default())?;
            if let Some(rows) = self.decoder.read_record_batch(&block, &bytes).map_err(of_arrow)? {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

fn read_footer(file: &mut dyn FileReader) -> Result<Vec<u8>> {
    let Some(end) = file.bytes().checked_sub(TAIL_BYTES as u64) else { return Err(no_feather(file)) };
    let tail = read(file, end, TAIL_BYTES)?;
    let (length, word) = tail.split_at(4);
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    match end.checked_sub(length.into()).filter(|_| word == WORD) {
        Some(start) => read(file, start, length as usize),
        None => Err(no_feather(file)),
    }
}

/// What is said of a file that does not end as Feather does: how it begins tells whether it is something else.
fn no_feather(file: &mut dyn FileReader) -> Error {
    let mut first = [0; 4];
    let length = match file.read_at(0, &mut first, TIMEOUT) {
        Ok(length) => length,
        Err(error) => return error,
    };
    let (why, hint) = match &first[..length] {
        b"FEA1" => ("it is a file of Feather's first version, which is not read", "write it with version 2"),
        bytes if *bytes == ONES => ("it is a stream of Arrow's, which is not read", "write it as an IPC file"),
        _ => return damaged("it does not end as Feather does"),
    };
    Error::new(ErrorKind::Unsupported, "read file", why).hint(hint)
}

/// The bytes of a block, which lies in the file, and whose buffers become no more than they may.
fn read_block(file: &mut dyn FileReader, block: &Block, growth: &mut Growth) -> Result<Buffer> {
    let parts = [block.offset(), block.metaDataLength().into(), block.bodyLength()];
    let all = parts.iter().try_fold(0_u64, |all, part| all.checked_add(u64::try_from(*part).ok()?));
    if all.is_none_or(|all| all > file.bytes()) {
        return Err(damaged("it names bytes behind its end"));
    }
    let bytes = read(file, parts[0] as u64, (parts[1] + parts[2]) as usize)?;
    let (head, body) = bytes.split_at(parts[1] as usize);
    check_buffers(head, body, growth)?;
    Ok(Buffer::from_vec(bytes))
}

/// Refuses buffers that say they become more than they can. What is damaged otherwise is left to Arrow.
fn check_buffers(head: &[u8], body: &[u8], growth: &mut Growth) -> Result<()> {
    let head = head.strip_prefix(&ONES).unwrap_or(head);
    let Some(Ok(message)) = head.get(4..).map(root_as_message) else { return Ok(()) };
    let dictionary = message.header_as_dictionary_batch();
    let Some(batch) = message.header_as_record_batch().or_else(|| dictionary?.data()) else { return Ok(()) };
    let Some(compression) = batch.compression() else { return Ok(()) };
    let is_lz4 = compression.codec() == arrow_ipc::CompressionType::LZ4_FRAME;
    let mut unpacked = 0_i64;
    for buffer in batch.buffers().into_iter().flatten() {
        let (start, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let (Ok(start), Ok(length)) = (start, length) else { continue };
        // One that is empty says nothing, and begins where the next one does.
        let said = body.get(start..).and_then(|rest| rest.get(..length)?.first_chunk());
        let Some(becomes) = said.map(|said| i64::from_le_bytes(*said)) else { continue };
        let can = if is_lz4 { buffer.length().saturating_mul(LZ4_RATIO_MAX) } else { i64::MAX };
        if becomes > can.clamp(SHORT_BYTES, BUFFER_BYTES_MAX) {
            return Err(damaged(&format!("a part of it says that it becomes {becomes} bytes")));
        }
        unpacked = unpacked.saturating_add(becomes.max(0));
    }
    growth.add(body.len(), unpacked)
}

/// So many bytes from there on, which lie in the file.
fn read(file: &mut dyn FileReader, start: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let read = file.read_at(start, &mut bytes, TIMEOUT)?;
    if read < length { Err(damaged("it ends too early")) } else { Ok(bytes) }
}

fn of_arrow(error: ArrowError) -> Error {
    failed("read file", &error)
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read file", format!("it is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_held_together_grow_together() {
        let mut growth = Growth::default();
        assert!(growth.add(100, UNPACKED_BYTES_MAX / 2).is_ok() && growth.add(100, UNPACKED_BYTES_MAX / 2).is_ok());
        let error = growth.add(100, 1).unwrap_err();
        assert!(error.to_string().contains("a block of 300 bytes says that it becomes 268435457 bytes"), "{error}");
        // What is large may become large.
        assert!(Growth::default().add(4 << 20, (4 << 20) * LZ4_RATIO_MAX).is_ok());
        assert!(Growth::default().add(4 << 20, (4 << 20) * LZ4_RATIO_MAX + 1).is_err());
        assert!(Growth::default().add(usize::MAX, i64::MAX).is_ok());
    }
}
