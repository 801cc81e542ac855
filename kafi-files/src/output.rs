//! Bytes on their way into a file, perhaps compressed.

use std::io::{self, Write};
use std::time::Duration;

use flate2::write::GzEncoder;
use kafi_core::{Error, FileWriter, Result};

use crate::format::Compression;

/// Bytes go to the file in pieces of about this size.
const PIECE_BYTES: usize = 1 << 20;

/// How long a piece may take on its way: an outage of a server can be ridden out.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// A file that is written.
pub(crate) struct Output<'a> {
    file: &'a mut dyn FileWriter,
    encoder: Encoder,
    bytes: u64,
}

enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl<'a> Output<'a> {
    pub(crate) fn new(file: &'a mut dyn FileWriter, compression: Compression) -> Result<Self> {
        let encoder = match compression {
            Compression::None => Encoder::Plain(Vec::new()),
            Compression::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Encoder::Zstd(zstd::stream::write::Encoder::new(Vec::new(), level).map_err(failed)?)
            }
        };
        Ok(Self { file, encoder, bytes: 0 })
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let ready = match &mut self.encoder {
            Encoder::Plain(ready) => {
                ready.extend_from_slice(bytes);
                ready
            }
            Encoder::Gzip(encoder) => {
                encoder.write_all(bytes).map_err(failed)?;
                encoder.get_mut()
            }
            Encoder::Zstd(encoder) => {
                encoder.write_all(bytes).map_err(failed)?;
                encoder.get_mut()
            }
        };
        if ready.len() < PIECE_BYTES {
            return Ok(());
        }
        self.bytes += ready.len() as u64;
        self.file.write(ready, TIMEOUT)?;
        ready.clear();
        Ok(())
    }

    /// Writes what is left, and gives the file its name. Returns its length in bytes.
    pub(crate) fn finish(self) -> Result<u64> {
        let rest = match self.encoder {
            Encoder::Plain(ready) => ready,
            Encoder::Gzip(encoder) => encoder.finish().map_err(failed)?,
            Encoder::Zstd(encoder) => encoder.finish().map_err(failed)?,
        };
        self.file.write(&rest, TIMEOUT)?;
        self.file.finish(TIMEOUT)?;
        Ok(self.bytes + rest.len() as u64)
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("compress file", error)
}

/// A file as the writers of binary formats know it.
#[cfg(any(feature = "arrow", feature = "xlsx"))]
pub(crate) struct FileStream<'f> {
    file: &'f mut dyn FileWriter,
    ready: Vec<u8>,
    bytes: u64,
    /// After a failure nothing more is written, whatever a writer still does that is dropped.
    has_failed: bool,
}

#[cfg(any(feature = "arrow", feature = "xlsx"))]
impl<'f> FileStream<'f> {
    pub(crate) fn new(file: &'f mut dyn FileWriter) -> Self {
        Self { file, ready: Vec::new(), bytes: 0, has_failed: false }
    }

    /// Writes what is left, and gives the file its name. Returns its length in bytes.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.flush().map_err(of_stream)?;
        self.file.finish(TIMEOUT)?;
        Ok(self.bytes)
    }
}

#[cfg(any(feature = "arrow", feature = "xlsx"))]
impl Write for FileStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ready.extend_from_slice(bytes);
        if self.ready.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes += self.ready.len() as u64;
        if !self.has_failed {
            let written = self.file.write(&self.ready, TIMEOUT);
            self.has_failed = written.is_err();
            written.map_err(io::Error::other)?;
        }
        self.ready.clear();
        Ok(())
    }
}

/// The error of the file itself, where a writer hands on one.
#[cfg(any(feature = "arrow", feature = "xlsx"))]
pub(crate) fn of_stream(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io("write file", error))
}
