//! The codecs: a batch's records are compressed together, in one stream.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use kafi_core::{Error, ErrorKind, Result};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use zstd::zstd_safe::{self, CCtx, DCtx, InBuffer, OutBuffer, ResetDirective};

use crate::KEEP_BYTES_MAX;

/// The most that a batch may decompress to, in bytes: Kafka's own limit of what one buffer holds.
pub(crate) const DECOMPRESSED_BYTES_MAX: usize = i32::MAX as usize;

/// The first eight bytes of the frames that Java's snappy-java writes.
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// The magic, and the version and the oldest compatible version, both 1.
const XERIAL_HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// What snappy-java compresses at a time.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;
/// A copy of 64 bytes takes at least three: no snappy data expands further.
const SNAPPY_RATIO_MAX: usize = 22;

/// How the records of a batch are compressed; the numbers are those of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// gzip, level 6.
    Gzip = 1,
    /// Snappy, framed as Java's snappy-java does.
    Snappy = 2,
    /// LZ4 frames of independent blocks of 64 KiB.
    Lz4 = 3,
    /// Zstandard, level 3.
    Zstd = 4,
}

impl Compression {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's word for it: `none`, `gzip`, `snappy`, `lz4`, or `zstd`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    pub(crate) fn from_id(id: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(id).ok()?).copied()
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Compression {
    type Err = Error;

    /// Reads Kafka's word for it; `uncompressed`, which topics use, is `none`.
    fn from_str(text: &str) -> Result<Self> {
        if text == "uncompressed" {
            return Ok(Self::None);
        }
        Self::ALL.into_iter().find(|compression| compression.as_str() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "choose compression", format!("`{text}` is not known")).hint("use one of none, gzip, snappy, lz4, zstd")
        })
    }
}

/// Compresses one batch after another; what can be used again is kept.
#[derive(Default)]
pub(crate) struct Compressor {
    snappy: Option<Box<snap::raw::Encoder>>,
    zstd: Option<CCtx<'static>>,
}

impl Compressor {
    /// Appends `plain`, compressed, to `out`.
    pub fn append(&mut self, compression: Compression, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let done = match compression {
            Compression::None => {
                out.extend_from_slice(plain);
                Ok(())
            }
            Compression::Gzip => append_gzip(plain, out),
            Compression::Snappy => self.append_snappy(plain, out),
            Compression::Lz4 => append_lz4(plain, out),
            Compression::Zstd => self.append_zstd(plain, out),
        };
        done.map_err(|reason| Error::new(ErrorKind::Unexpected, "compress batch", reason).with("compression", compression))
    }

    fn append_snappy(&mut self, plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let snappy = self.snappy.get_or_insert_with(|| Box::new(snap::raw::Encoder::new()));
        out.extend_from_slice(XERIAL_HEADER);
        for block in plain.chunks(XERIAL_BLOCK_BYTES) {
            let start = out.len() + 4;
            out.resize(start + snap::raw::max_compress_len(block.len()), 0);
            let bytes = snappy.compress(block, &mut out[start..]).map_err(text)?;
            out[start - 4..start].copy_from_slice(&(bytes as u32).to_be_bytes());
            out.truncate(start + bytes);
        }
        Ok(())
    }

    fn append_zstd(&mut self, plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let zstd = self.zstd.get_or_insert_with(CCtx::create);
        let start = out.len();
        out.resize(start + zstd_safe::compress_bound(plain.len()), 0);
        let bytes = zstd.compress2(&mut out[start..], plain).map_err(zstd_text)?;
        out.truncate(start + bytes);
        Ok(())
    }
}

/// Decompresses one batch after another; the codecs' states and the bytes' memory are used again.
#[derive(Default)]
pub(crate) struct Decompressor {
    /// Longer than the data: bytes that were decompressed over before need not be cleared.
    bytes: Vec<u8>,
    len: usize,
    snappy: snap::raw::Decoder,
    zstd: Option<DCtx<'static>>,
}

impl Decompressor {
    /// What was decompressed last.
    pub fn data(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Decompresses `input`, to at most `bytes_max` bytes; the error is why it cannot be.
    pub fn fill(&mut self, compression: Compression, input: &[u8], bytes_max: usize) -> std::result::Result<(), String> {
        self.len = 0;
        if self.bytes.len() > KEEP_BYTES_MAX {
            self.bytes.truncate(KEEP_BYTES_MAX);
            self.bytes.shrink_to(KEEP_BYTES_MAX);
        }
        match compression {
            Compression::None => self.read(input, input.len(), bytes_max),
            Compression::Gzip => self.read(MultiGzDecoder::new(input), input.len(), bytes_max),
            Compression::Snappy => self.fill_snappy(input, bytes_max),
            Compression::Lz4 => self.read(FrameDecoder::new(input), input.len(), bytes_max),
            Compression::Zstd => self.fill_zstd(input, bytes_max),
        }
    }

    fn read(&mut self, mut reader: impl Read, input_bytes: usize, bytes_max: usize) -> std::result::Result<(), String> {
        loop {
            self.make_room(input_bytes, bytes_max)?;
            let bytes = match reader.read(&mut self.bytes[self.len..]) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(text(error)),
            };
            if bytes == 0 {
                return Ok(());
            }
            self.len += bytes;
        }
    }

    fn fill_zstd(&mut self, input: &[u8], bytes_max: usize) -> std::result::Result<(), String> {
        let mut zstd = self.zstd.take().unwrap_or_else(DCtx::create);
        zstd.reset(ResetDirective::SessionOnly).map_err(zstd_text)?;
        let mut source = InBuffer::around(input);
        loop {
            self.make_room(input.len(), bytes_max)?;
            let mut target = OutBuffer::around_pos(&mut self.bytes[..], self.len);
            let wanted = zstd.decompress_stream(&mut target, &mut source).map_err(zstd_text)?;
            self.len = target.pos();
            if source.pos() < input.len() || self.len == self.bytes.len() {
                continue;
            }
            self.zstd = Some(zstd);
            return if wanted == 0 { Ok(()) } else { Err("it ends too early".into()) };
        }
    }

    fn fill_snappy(&mut self, input: &[u8], bytes_max: usize) -> std::result::Result<(), String> {
        if !input.starts_with(XERIAL_MAGIC) {
            return self.append_snappy_block(input, bytes_max);
        }
        let mut rest = input;
        while !rest.is_empty() {
            // Streams can follow one another, each with a header of its own.
            if rest.starts_with(XERIAL_MAGIC) {
                rest = rest.get(XERIAL_HEADER.len()..).ok_or("it ends inside of a header")?;
                continue;
            }
            let (length, behind) = rest.split_first_chunk::<4>().ok_or("it ends inside of a length")?;
            let length = u32::from_be_bytes(*length) as usize;
            let block = behind.get(..length).ok_or("a block is longer than the data")?;
            self.append_snappy_block(block, bytes_max)?;
            rest = &behind[length..];
        }
        Ok(())
    }

    fn append_snappy_block(&mut self, block: &[u8], bytes_max: usize) -> std::result::Result<(), String> {
        let bytes = snap::raw::decompress_len(block).map_err(text)?;
        if bytes > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
            return Err(format!("{} bytes claim to hold {bytes}", block.len()));
        }
        let end = self.len + bytes;
        if end > bytes_max {
            return Err(too_large(bytes_max));
        }
        if end > self.bytes.len() {
            self.bytes.resize(end.max(2 * self.bytes.len()).min(bytes_max), 0);
        }
        self.len += self.snappy.decompress(block, &mut self.bytes[self.len..end]).map_err(text)?;
        Ok(())
    }

    /// Makes sure that at least one byte can follow the data; grows in proportion to what came out so far, never to what the input claims.
    fn make_room(&mut self, input_bytes: usize, bytes_max: usize) -> std::result::Result<(), String> {
        if self.len < self.bytes.len().min(bytes_max) {
            return Ok(());
        }
        if self.len >= bytes_max {
            return Err(too_large(bytes_max));
        }
        let target = (2 * self.len).max(3 * input_bytes).max(64 << 10);
        self.bytes.resize(target.min(bytes_max), 0);
        Ok(())
    }
}

fn append_gzip(plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
    let mut gzip = GzEncoder::new(out, flate2::Compression::default());
    gzip.write_all(plain).and_then(|()| gzip.finish().map(|_| ())).map_err(text)
}

fn append_lz4(plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
    // Kafka's Java client reads independent blocks only, and up to 4.x fails on content checksums of more than one block.
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut lz4 = FrameEncoder::with_frame_info(info, out);
    lz4.write_all(plain).map_err(text)?;
    lz4.finish().map(|_| ()).map_err(text)
}

fn too_large(bytes_max: usize) -> String {
    format!("it expands to more than {bytes_max} bytes")
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn zstd_text(code: usize) -> String {
    zstd_safe::get_error_name(code).to_string()
}
