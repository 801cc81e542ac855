//! Stored batches to messages.

use kafi_core::{Batch, Result};

use crate::KEEP_BYTES_MAX;
use crate::compression::{Compression, DECOMPRESSED_BYTES_MAX, Decompressor, Unpack};
use crate::edit::check_batch;
use crate::header::{BatchHeader, RECORD_BYTES_MIN};
use crate::malformed::{Malformed, corrupt, too_large};
use crate::walk::{Walk, WalkPlace};

/// Decodes one stored batch after another.
///
/// It owns the buffers, so that a file is read straight into it, and hands out the records of a batch in as many
/// portions as the caller's [`Batch`] needs. The buffers are used again: nothing is allocated per record.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    decompressor: Decompressor,
    open: Option<Open>,
    bytes_max: BytesMax,
}

/// The most bytes that a batch may have, as stored and decompressed.
struct BytesMax(usize);

impl Default for BytesMax {
    fn default() -> Self {
        Self(DECOMPRESSED_BYTES_MAX)
    }
}

/// The batch that is being read, and how far.
struct Open {
    header: BatchHeader,
    compressed: bool,
    place: WalkPlace,
}

/// Which records go where; the offsets are counted from the base offset.
struct Portion {
    topic: u32,
    partition: i32,
    from: i64,
    until: i64,
}

impl Decoder {
    /// A decoder without a batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds what a batch may have, as stored and decompressed, to this many bytes; more than 2^31-1, the default, is
    /// not possible. Whoever does not trust what is read bounds so how much memory it takes.
    pub fn with_bytes_max(mut self, bytes_max: usize) -> Self {
        self.bytes_max = BytesMax(bytes_max.min(DECOMPRESSED_BYTES_MAX));
        self
    }

    /// Checks that a batch which its header says to have this many bytes is not too large, before it is read.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_bytes(&self, header: &BatchHeader) -> Result<()> {
        let (bytes, bytes_max) = (header.total_bytes(), self.bytes_max.0);
        if bytes <= bytes_max {
            Ok(())
        } else {
            Err(too_large(header.base_offset, format!("it has {bytes} bytes, more than {bytes_max}")))
        }
    }

    /// The buffer that the caller fills with exactly one whole batch, header included, before [`open`](Self::open).
    /// What it holds before that is left from earlier batches. Closes the open batch.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.open = None;
        if self.buffer.capacity() > KEEP_BYTES_MAX {
            self.buffer.shrink_to(KEEP_BYTES_MAX);
        }
        &mut self.buffer
    }

    /// Checks header, length, and checksum of the batch in the buffer, and decompresses it, to at most as many bytes as
    /// it may have.
    ///
    /// # Errors
    /// `Corrupt` says what is wrong, `TooLarge` that it has more bytes than it may; both leave the decoder without a
    /// batch.
    pub fn open(&mut self) -> Result<BatchHeader> {
        self.open = None;
        let header = check_batch(&self.buffer)?;
        self.check_bytes(&header)?;
        let compression = header.compression()?;
        let open = Open { header, compressed: compression != Compression::None, place: WalkPlace::START };
        if open.compressed && !open.is_done() {
            match self.decompressor.fill(compression, &self.buffer[BatchHeader::LEN..], self.bytes_max.0) {
                Ok(()) => {}
                Err(reason @ Unpack::TooLarge(_)) => {
                    return Err(too_large(
                        header.base_offset,
                        format!("its {compression} data is too large: {reason}"),
                    ));
                }
                Err(reason) => {
                    return Err(corrupt(
                        header.base_offset,
                        format!("its {compression} data cannot be decompressed: {reason}"),
                    ));
                }
            }
            let bytes = self.decompressor.data().len();
            if header.record_count as usize > bytes / RECORD_BYTES_MIN {
                return Err(corrupt(
                    header.base_offset,
                    format!("its record count is {}, too many for {bytes} bytes", header.record_count),
                ));
            }
        }
        if header.record_count == 0 && !open.compressed && self.buffer.len() > BatchHeader::LEN {
            return Err(corrupt(header.base_offset, "it has no records, but bytes follow its header"));
        }
        self.open = Some(open);
        Ok(header)
    }

    /// The header of the open batch.
    pub fn header(&self) -> Option<&BatchHeader> {
        self.open.as_ref().map(|open| &open.header)
    }

    /// Whether there is nothing left to read: no batch is open, it is a control batch, or all records were taken or
    /// skipped.
    pub fn is_done(&self) -> bool {
        self.open.as_ref().is_none_or(Open::is_done)
    }

    /// Appends the records with `from <= offset < until` to `out`, under the topic at index `topic` and under
    /// `partition`, until `out` is full. Goes forward only: what lies below `from` or was taken is behind it. At least
    /// one record is taken, however large, if `out` is not full. The records of control batches are not messages and
    /// are never taken.
    ///
    /// Returns whether `out` is full and the batch may hold more in that range: call again with room. If not, the batch
    /// is used up or the next record lies at or above `until`.
    ///
    /// The timestamp is the record's own, or the batch's largest for type append. When the whole batch goes into an
    /// empty `out`, the two exchange their buffers instead of copying.
    ///
    /// # Errors
    /// `Corrupt` says what is wrong with which record (the batch's first is 0). It takes back what this call has added
    /// and closes the batch.
    pub fn read(&mut self, out: &mut Batch, topic: u32, partition: i32, from: i64, until: i64) -> Result<bool> {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_done()) else { return Ok(false) };
        let data = if open.compressed { self.decompressor.data() } else { &self.buffer[BatchHeader::LEN..] };
        let mark = (out.len(), out.header_mark(), out.bytes());
        let base_offset = open.header.base_offset;
        let portion = Portion {
            topic,
            partition,
            from: from.saturating_sub(base_offset),
            until: until.saturating_sub(base_offset),
        };
        let exchange = match open.read(data, out, &portion) {
            Ok(exchange) => exchange,
            Err(malformed) => {
                let error = malformed.into_error(base_offset, open.place.records);
                out.rewind(mark.0, mark.1, mark.2);
                self.open = None;
                return Err(error);
            }
        };
        let more = !open.is_done() && out.is_full();
        if exchange {
            let buffer = if open.compressed { self.decompressor.buffer() } else { &mut self.buffer };
            std::mem::swap(out.arena(), buffer);
        }
        Ok(more)
    }
}

impl Open {
    fn is_done(&self) -> bool {
        self.place.records == self.header.record_count || self.header.is_control()
    }

    /// Adds the records of a portion for which there is room, and returns whether the buffers have to be exchanged to
    /// bring their bytes along; if not, they were copied.
    fn read(&mut self, data: &[u8], out: &mut Batch, portion: &Portion) -> std::result::Result<bool, Malformed> {
        let header = self.header;
        while self.place.records < header.record_count && i64::from(self.place.offset_delta) + 1 < portion.from {
            if !self.place.skip_below(data, &header, portion.from)? {
                break;
            }
        }
        let records_room = out.records_max().saturating_sub(out.len());
        let bytes_room = out.bytes_max().saturating_sub(out.bytes());
        let (arena, records, headers) = out.parts_mut();
        let first = self.place.position;
        // Not worth it once records are behind, whose bytes would come along.
        let exchange = arena.is_empty()
            && first == 0
            && records_room >= header.record_count as usize
            && bytes_room >= data.len()
            && i64::from(header.last_offset_delta) < portion.until;
        // With room left the arena is below its limit of 1 GiB, and a batch is below 2 GiB: positions in the arena fit
        // 32 bits.
        let shift = match exchange {
            true if self.compressed => 0,
            true => BatchHeader::LEN as u32,
            false => (arena.len() as u32).wrapping_sub(first as u32),
        };
        let records_room = i32::try_from(records_room).unwrap_or(i32::MAX);
        let walk = Walk {
            header: &header,
            topic: portion.topic,
            partition: portion.partition,
            shift,
            offset_delta_end: portion.until,
            records_end: self.place.records.saturating_add(records_room).min(header.record_count),
            position_end: first.saturating_add(bytes_room),
        };
        walk.run(&mut self.place, data, records, headers)?;
        if self.place.records == header.record_count && self.place.position != data.len() {
            return Err(Malformed::Trailing);
        }
        if !exchange {
            arena.extend_from_slice(&data[first..self.place.position]);
        }
        Ok(exchange)
    }
}
