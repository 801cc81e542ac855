//! Bytes on their way out of a file, decompressed where they are compressed, whatever the name of the file says.

use std::io::{self, BufRead, BufReader, Read};
#[cfg(feature = "xlsx")]
use std::io::{Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use kafi_core::{Error, ErrorKind, FileReader, Result};

use crate::format::Format;
use crate::output::TIMEOUT;

/// Files are read in blocks of so many bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// What rows are read from.
pub enum FileInput {
    /// A file, which can be read in parts and twice.
    File(Box<dyn FileReader>),
    /// What can be read once, from its beginning to its end, such as standard input.
    Stream(Box<dyn Read + Send>),
}

/// A stream of the bytes of a file.
pub(crate) type Bytes<'a> = Box<dyn BufRead + 'a>;

/// A file as a stream.
struct Sequential<'a> {
    file: &'a mut dyn FileReader,
    at: u64,
}

impl Read for Sequential<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, into, TIMEOUT).map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Steps over the mark that some programs of Windows put in front of UTF-8.
pub(crate) fn skip_mark(bytes: &mut Bytes<'_>) -> Result<()> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if bytes.fill_buf().map_err(failed)?.starts_with(MARK) {
        bytes.consume(MARK.len());
    }
    Ok(())
}

/// The bytes from the beginning on, decompressed.
pub(crate) fn bytes_of<'a>(input: &'a mut FileInput) -> Result<Bytes<'a>> {
    let raw: Box<dyn Read + 'a> = match input {
        FileInput::File(file) => Box::new(Sequential { file: file.as_mut(), at: 0 }),
        FileInput::Stream(stream) => Box::new(stream),
    };
    let mut raw = BufReader::with_capacity(BLOCK_BYTES, raw);
    // A first read may bring a single byte; a file of one byte is not compressed.
    let start = raw.fill_buf().map_err(failed)?;
    match start {
        [0x1f, 0x8b, ..] => Ok(Box::new(BufReader::with_capacity(BLOCK_BYTES, MultiGzDecoder::new(raw)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
            Ok(Box::new(BufReader::with_capacity(BLOCK_BYTES, decoder)))
        }
        _ => Ok(Box::new(raw)),
    }
}

impl FileInput {
    /// The format that a file has by its first bytes, and its name, whatever the name of the file says.
    pub(crate) fn format_inside(&mut self) -> Option<(Format, &'static str)> {
        let Self::File(file) = self else { return None };
        let mut start = [0; 6];
        let read = file.read_at(0, &mut start, TIMEOUT).ok()?;
        match &start[..read] {
            [b'P', b'A', b'R', b'1', ..] => Some((Format::Parquet, "parquet")),
            b"ARROW1" => Some((Format::Feather, "feather")),
            [b'O', b'R', b'C', ..] => Some((Format::Orc, "orc")),
            [b'P', b'K', 3, 4, ..] => Some((Format::Xlsx, "xlsx")),
            [b'{' | b'[', ..] => Some((Format::Json, "json")),
            [b'<', b'?' | b'd', ..] => Some((Format::Xml, "xml")),
            _ => None,
        }
    }

    /// The file, for formats that are read from their end; it can be taken once.
    #[cfg(any(feature = "arrow", feature = "xlsx"))]
    pub(crate) fn take_file(&mut self, format: crate::format::FileFormat) -> Result<Box<dyn FileReader>> {
        match std::mem::replace(self, Self::Stream(Box::new(io::empty()))) {
            Self::File(file) => Ok(file),
            Self::Stream(_) => {
                let why = "this format is read from its end, which a pipe does not have";
                let error = Error::new(ErrorKind::Usage, "read file", why).with("format", format);
                Err(error.hint("save it to a file first"))
            }
        }
    }
}

/// A place in a file.
#[cfg(feature = "xlsx")]
pub(crate) struct FileCursor {
    file: Box<dyn FileReader>,
    at: u64,
}

#[cfg(feature = "xlsx")]
impl FileCursor {
    pub(crate) fn new(file: Box<dyn FileReader>) -> Self {
        Self { file, at: 0 }
    }
}

#[cfg(feature = "xlsx")]
impl Read for FileCursor {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, into, TIMEOUT).map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(feature = "xlsx")]
impl Seek for FileCursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.bytes().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The error of reading: that of the storage itself, or what is wrong with the compressed bytes.
pub(crate) fn failed(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::Other
            ) =>
        {
            Error::new(ErrorKind::Corrupt, "read file", format!("it is damaged or cut off: {error}"))
        }
        Err(error) => Error::io("read file", error),
    }
}
