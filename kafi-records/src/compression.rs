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
            Error::new(ErrorKind::Usage, "choose compression", format!("`{text}` is not known"))
                .hint("use one of none, gzip, snappy, lz4, zstd")
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
        done.map_err(|reason| {
            Error::new(ErrorKind::Unexpected, "compress batch", reason).with("compression", compression)
        })
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

/// Why bytes cannot be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unpack {
    /// They are not what the codec writes.
    Bad(String),
    /// They become more than so many bytes.
    TooLarge(usize),
}

impl fmt::Display for Unpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => f.write_str(why),
            Self::TooLarge(bytes_max) => write!(f, "it expands to more than {bytes_max} bytes"),
        }
    }
}

impl From<String> for Unpack {
    fn from(why: String) -> Self {
        Self::Bad(why)
    }
}

impl From<&str> for Unpack {
    fn from(why: &str) -> Self {
        Self::Bad(why.to_string())
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

    /// The buffer, cut to what was decompressed last; the caller may take it and leave another.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(self.len);
        self.len = 0;
        &mut self.bytes
    }

    /// Decompresses `input`, to at most `bytes_max` bytes; the error is why it cannot be.
    pub fn fill(
        &mut self,
        compression: Compression,
        input: &[u8],
        bytes_max: usize,
    ) -> std::result::Result<(), Unpack> {
        self.len = 0;
        if self.bytes.len() > KEEP_BYTES_MAX {
            self.bytes.truncate(KEEP_BYTES_MAX);
            self.bytes.shrink_to(KEEP_BYTES_MAX);
        }
        match compression {
            Compression::None => self.read(input, input.len(), bytes_max),
            Compression::Gzip => self.read(MultiGzDecoder::new(input), input.len(), bytes_max),
            Compression::Snappy => self.fill_snappy(input, bytes_max),
            Compression::Lz4 => self.fill_lz4(input, bytes_max),
            Compression::Zstd => self.fill_zstd(input, bytes_max),
        }?;
        if self.len > bytes_max { Err(Unpack::TooLarge(bytes_max)) } else { Ok(()) }
    }

    fn read(&mut self, mut reader: impl Read, input_bytes: usize, bytes_max: usize) -> std::result::Result<(), Unpack> {
        loop {
            self.make_room(input_bytes, bytes_max)?;
            let bytes = match reader.read(&mut self.bytes[self.len..]) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(text(error).into()),
            };
            if bytes == 0 {
                return Ok(());
            }
            self.len += bytes;
        }
    }

    fn fill_lz4(&mut self, input: &[u8], bytes_max: usize) -> std::result::Result<(), Unpack> {
        let mut lz4 = FrameDecoder::new(Watched { rest: input, asked_beyond: false });
        self.read(&mut lz4, input.len(), bytes_max)?;
        if lz4.get_ref().asked_beyond { Err(Unpack::Bad("it ends too early".into())) } else { Ok(()) }
    }

    fn fill_zstd(&mut self, input: &[u8], bytes_max: usize) -> std::result::Result<(), Unpack> {
        let mut zstd = self.zstd.take().unwrap_or_else(DCtx::create);
        zstd.reset(ResetDirective::SessionOnly).map_err(zstd_text)?;
        let mut source = InBuffer::around(input);
        let mut is_frame_start = true;
        loop {
            // Only frames of today's format go to the library: its decoders of older ones, which others may have
            // linked, have been a source of memory errors, and Kafka never wrote them.
            if is_frame_start && source.pos() < input.len() {
                check_zstd_magic(&input[source.pos()..])?;
            }
            self.make_room(input.len(), bytes_max)?;
            let mut target = OutBuffer::around_pos(&mut self.bytes[..], self.len);
            let wanted = zstd.decompress_stream(&mut target, &mut source).map_err(zstd_text)?;
            self.len = target.pos();
            is_frame_start = wanted == 0;
            let at_end = source.pos() == input.len();
            if at_end && wanted == 0 {
                self.zstd = Some(zstd);
                return Ok(());
            }
            if at_end && self.len < self.bytes.len() {
                return Err(Unpack::Bad("it ends too early".into()));
            }
        }
    }

    fn fill_snappy(&mut self, input: &[u8], bytes_max: usize) -> std::result::Result<(), Unpack> {
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

    fn append_snappy_block(&mut self, block: &[u8], bytes_max: usize) -> std::result::Result<(), Unpack> {
        let bytes = snap::raw::decompress_len(block).map_err(text)?;
        if bytes > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
            return Err(format!("{} bytes claim to hold {bytes}", block.len()).into());
        }
        let end = self.len + bytes;
        if end > bytes_max {
            return Err(Unpack::TooLarge(bytes_max));
        }
        if end > self.bytes.len() {
            self.bytes.resize(end.max(2 * self.bytes.len()).min(bytes_max), 0);
        }
        self.len += self.snappy.decompress(block, &mut self.bytes[self.len..end]).map_err(text)?;
        Ok(())
    }

    /// Makes sure that at least one byte can follow the data; grows in proportion to what came out so far, never to
    /// what the input claims.
    fn make_room(&mut self, input_bytes: usize, bytes_max: usize) -> std::result::Result<(), Unpack> {
        if self.len > bytes_max {
            return Err(Unpack::TooLarge(bytes_max));
        }
        if self.len == self.bytes.len() {
            let target = (2 * self.len).max(3 * input_bytes).max(64 << 10);
            self.bytes.resize(target.min(bytes_max + 1), 0);
        }
        Ok(())
    }
}

/// Input that notes whether more was asked for than there is: the LZ4 decoder takes the end of its input for the end of
/// a frame.
struct Watched<'a> {
    rest: &'a [u8],
    asked_beyond: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.asked_beyond |= self.rest.is_empty() && !out.is_empty();
        self.rest.read(out)
    }
}

fn append_gzip(plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
    let mut gzip = GzEncoder::new(out, flate2::Compression::default());
    gzip.write_all(plain).and_then(|()| gzip.finish().map(|_| ())).map_err(text)
}

fn append_lz4(plain: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
    // Kafka's Java client reads independent blocks only, and up to 4.x fails on content checksums of more than one
    // block.
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut lz4 = FrameEncoder::with_frame_info(info, out);
    lz4.write_all(plain).map_err(text)?;
    lz4.finish().map(|_| ()).map_err(text)
}

/// Checks that a frame of today's format begins here, or one that is to be skipped.
fn check_zstd_magic(frame: &[u8]) -> std::result::Result<(), Unpack> {
    match frame.first_chunk() {
        Some([0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]) => Ok(()),
        Some([old @ 0x22..=0x27, 0xb5, 0x2f, 0xfd]) => {
            Err(format!("it has a frame of the old format 0.{}", old - 0x20).into())
        }
        Some(magic) => Err(format!("no frame begins with {magic:02x?}").into()),
        None => Err("it ends too early".into()),
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn zstd_text(code: usize) -> String {
    zstd_safe::get_error_name(code).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = DECOMPRESSED_BYTES_MAX;

    /// 200,000 bytes that compress somewhat: several blocks in every codec.
    fn sample() -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 24) as u8 % 16
        };
        (0..200_000).map(|_| next()).collect()
    }

    fn compress(compression: Compression, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Compressor::default().append(compression, plain, &mut out).unwrap();
        out
    }

    fn decompress(compression: Compression, input: &[u8], bytes_max: usize) -> std::result::Result<Vec<u8>, String> {
        let mut decompressor = Decompressor::default();
        decompressor.fill(compression, input, bytes_max).map_err(|error| error.to_string())?;
        Ok(decompressor.data().to_vec())
    }

    #[test]
    fn names_and_numbers_are_kafkas() {
        for (id, (name, compression)) in
            ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().zip(Compression::ALL).enumerate()
        {
            assert_eq!((compression.as_str(), compression as usize), (name, id));
            assert_eq!(name.parse::<Compression>().unwrap(), compression);
            assert_eq!(Compression::from_id(id as i16), Some(compression));
        }
        assert_eq!("uncompressed".parse::<Compression>().unwrap(), Compression::None);
        assert_eq!((Compression::from_id(5), Compression::from_id(-1)), (None, None));
        let error = "brotli".parse::<Compression>().unwrap_err();
        assert_eq!(error.to_string(), "choose compression: `brotli` is not known");
    }

    #[test]
    fn a_decompressor_is_used_again_also_after_errors() {
        let mut decompressor = Decompressor::default();
        for plain in [sample(), Vec::new(), b"short".to_vec(), sample()] {
            for compression in Compression::ALL {
                let input = compress(compression, &plain);
                decompressor.fill(compression, &input, MAX).unwrap();
                assert_eq!(decompressor.data(), plain, "{compression}");
                if compression != Compression::None && !plain.is_empty() {
                    assert!(decompressor.fill(compression, &input[..input.len() - 1], MAX).is_err(), "{compression}");
                }
            }
        }
    }

    #[test]
    fn what_expands_too_far_is_refused() {
        let plain = vec![b'x'; 1_000_000];
        for compression in Compression::ALL {
            let input = compress(compression, &plain);
            assert_eq!(decompress(compression, &input, 1_000_000).unwrap(), plain);
            assert_eq!(
                decompress(compression, &input, 999_999).unwrap_err(),
                "it expands to more than 999999 bytes",
                "{compression}"
            );
        }
    }

    #[test]
    fn snappy_is_framed_as_in_java_and_read_without_frames() {
        let plain = sample();
        let framed = compress(Compression::Snappy, &plain);
        assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert_eq!(decompress(Compression::Snappy, &raw, MAX).unwrap(), plain);
        let twice = [framed.as_slice(), &framed].concat();
        assert_eq!(decompress(Compression::Snappy, &twice, MAX).unwrap(), [plain.as_slice(), &plain].concat());
    }

    #[test]
    fn snappy_lengths_that_lie_take_no_memory() {
        // A raw block that claims 4 GiB - 1, and a frame that claims a block of 2 GiB.
        let raw = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(decompress(Compression::Snappy, &raw, MAX).unwrap_err(), "6 bytes claim to hold 4294967295");
        let framed = [XERIAL_HEADER.as_slice(), &[0x7f, 0xff, 0xff, 0xff, 0]].concat();
        assert_eq!(decompress(Compression::Snappy, &framed, MAX).unwrap_err(), "a block is longer than the data");
        assert_eq!(decompress(Compression::Snappy, &framed[..18], MAX).unwrap_err(), "it ends inside of a length");
        assert_eq!(decompress(Compression::Snappy, &framed[..12], MAX).unwrap_err(), "it ends inside of a header");
    }

    #[test]
    fn the_densest_snappy_data_is_not_taken_for_a_lie() {
        let plain = vec![0; 1 << 20];
        let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert!(raw.len() * (SNAPPY_RATIO_MAX - 2) < plain.len(), "it is dense");
        assert_eq!(decompress(Compression::Snappy, &raw, MAX).unwrap(), plain);
    }

    #[test]
    fn lz4_is_what_java_reads() {
        let input = compress(Compression::Lz4, &sample());
        // The magic; version 1, independent blocks, no checksums, no size; blocks of 64 KiB.
        assert_eq!(input[..6], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40]);
    }

    #[test]
    fn all_lz4_frames_are_read() {
        let plain = sample();
        for block_size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
            for block_mode in [BlockMode::Independent, BlockMode::Linked] {
                let info = FrameInfo::new().block_mode(block_mode).block_size(block_size);
                let info = info.content_checksum(true).block_checksums(true).content_size(Some(plain.len() as u64));
                let mut lz4 = FrameEncoder::with_frame_info(info, Vec::new());
                lz4.write_all(&plain).unwrap();
                let input = lz4.finish().unwrap();
                assert_eq!(decompress(Compression::Lz4, &input, MAX).unwrap(), plain);
            }
        }
    }

    #[test]
    fn zstd_frames_in_a_row_with_checksums_and_without_sizes_are_read() {
        let plain = sample();
        let mut input = Vec::new();
        for _ in 0..2 {
            let mut zstd = zstd::stream::write::Encoder::new(&mut input, 1).unwrap();
            zstd.include_checksum(true).unwrap();
            zstd.include_contentsize(false).unwrap();
            zstd.write_all(&plain).unwrap();
            zstd.finish().unwrap();
        }
        assert_eq!(decompress(Compression::Zstd, &input, MAX).unwrap(), [plain.as_slice(), &plain].concat());
    }

    #[test]
    fn zstd_frames_of_old_formats_never_reach_the_library() {
        let good = compress(Compression::Zstd, b"good");
        for version in 2..=7 {
            // The first frame, and one behind a good one and one to skip.
            let old = [[0x20 + version, 0xb5, 0x2f, 0xfd].as_slice(), &[0; 40]].concat();
            let skip = b"\x5a\x2a\x4d\x18\x03\0\0\0xyz";
            for input in [old.clone(), [good.as_slice(), skip, &old].concat()] {
                let error = decompress(Compression::Zstd, &input, MAX).unwrap_err();
                assert_eq!(error, format!("it has a frame of the old format 0.{version}"));
            }
            assert_eq!(
                decompress(Compression::Zstd, &[good.as_slice(), skip, &good].concat(), MAX).unwrap(),
                b"goodgood"
            );
        }
        assert_eq!(
            decompress(Compression::Zstd, b"abcdefgh", MAX).unwrap_err(),
            "no frame begins with [61, 62, 63, 64]"
        );
        assert_eq!(
            decompress(Compression::Zstd, &[good.as_slice(), b"ab"].concat(), MAX).unwrap_err(),
            "it ends too early"
        );
    }

    #[test]
    fn gzip_members_in_a_row_are_read() {
        let input = [compress(Compression::Gzip, b"one "), compress(Compression::Gzip, b"two")].concat();
        assert_eq!(decompress(Compression::Gzip, &input, MAX).unwrap(), b"one two");
    }
}
