//! The pages of a file of Parquet, looked at before they are unpacked: what their headers say takes memory, and gzip and
//! old LZ4 are unpacked whole, whatever these say.

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_ipc::root_as_message;
use arrow_schema::ArrowError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use kafi_core::{Error, ErrorKind, FileReader};
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::chunks::{Chunk, Chunks, number};
use super::failed;
use super::flat::check_types;

/// No page of a file is so large: writers begin a new one at a megabyte. Less in tests, which make such pages.
const PAGE_BYTES_MAX: u64 = if cfg!(test) { 4 << 20 } else { 256 << 20 };

/// How deep the structures of a header nest.
const DEPTH_MAX: usize = 8;

/// Where the pages lie that are unpacked whole, and how.
type Whole = Vec<(Range<u64>, Compression)>;

/// A file of Parquet, whose pages are looked at.
pub(super) struct Pages {
    chunks: Chunks,
    whole: Arc<OnceLock<Whole>>,
    /// The header that was read last, and where it begins.
    last: Mutex<(u64, Header)>,
}

/// What counts of a page's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    /// The bytes that the page has when it is unpacked.
    bytes: Option<u64>,
    /// The bytes in front that are not packed.
    plain: u64,
    is_plain: bool,
}

/// The columns of a file of Parquet.
pub(super) fn open(file: Box<dyn FileReader>) -> kafi_core::Result<ParquetRecordBatchReaderBuilder<Pages>> {
    let (pages, packing) = Pages::new(file);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&pages).map_err(of_parquet("read file"))?;
    check(&metadata)?;
    packing.tell(&metadata);
    let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new());
    let metadata = metadata.map_err(of_parquet("read file"))?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(pages, metadata))
}

/// An error of Parquet's, which may be one of the file itself.
pub(super) fn of_parquet(operation: &'static str) -> impl Fn(ParquetError) -> Error {
    move |error| match error {
        ParquetError::External(source) => {
            let error = io::Error::other(source);
            error.downcast::<Error>().unwrap_or_else(|error| Error::io(operation, error))
        }
        error => failed(operation, &ArrowError::ParquetError(error.to_string())),
    }
}

/// Refuses what is not read, with the name of its column.
fn check(metadata: &ParquetMetaData) -> kafi_core::Result<()> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let packing = match column.compression() {
            Compression::BROTLI(_) => "brotli",
            Compression::LZO => "LZO",
            _ => continue,
        };
        let error = Error::new(ErrorKind::Unsupported, "read file", format!("it is packed with {packing}"));
        let error = error.with("column", column.column_path().string());
        return Err(error.hint("zstd, gzip, lz4, and snappy are read: write it with one of these"));
    }
    // As Arrow reads it; what is wrong with it otherwise, Arrow says.
    let said = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let said = said.filter(|said| said.key == ARROW_SCHEMA_META_KEY).find_map(|said| said.value.as_ref());
    let Some(bytes) = said.and_then(|text| STANDARD.decode(text).ok()) else { return Ok(()) };
    let message = if bytes.starts_with(&[0xff; 4]) { bytes.get(8..).unwrap_or_default() } else { &bytes };
    match root_as_message(message).ok().and_then(|message| message.header_as_schema()) {
        Some(schema) => check_types(schema),
        None => Ok(()),
    }
}

/// Tells a file's pages, once its metadata are known, how they are packed.
pub(super) struct Packing(Arc<OnceLock<Whole>>);

impl Packing {
    pub(super) fn tell(self, metadata: &ParquetMetaData) {
        let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
        let whole = columns.filter_map(|column| {
            let ((start, bytes), packing) = (column.byte_range(), column.compression());
            matches!(packing, Compression::GZIP(_) | Compression::LZ4)
                .then(|| (start..start.saturating_add(bytes), packing))
        });
        let mut whole: Whole = whole.collect();
        whole.sort_by_key(|(range, _)| range.start);
        // Nobody has told it before.
        let _ = self.0.set(whole);
    }
}

impl Pages {
    pub(super) fn new(file: Box<dyn FileReader>) -> (Self, Packing) {
        let whole = Arc::default();
        let packing = Packing(Arc::clone(&whole));
        (Self { chunks: Chunks::new(file), whole, last: Mutex::default() }, packing)
    }

    /// Checks a page that is unpacked whole.
    fn check(&self, start: u64, page: &[u8]) -> Result<()> {
        let whole = self.whole.get().map_or(&[][..], Vec::as_slice);
        let at = whole.partition_point(|(range, _)| range.start <= start);
        let Some((range, packing)) = at.checked_sub(1).map(|at| &whole[at]) else { return Ok(()) };
        if !range.contains(&start) {
            return Ok(());
        }
        let (header_at, header) = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let header = if range.contains(&header_at) { header } else { Header::default() };
        if header.is_plain {
            return Ok(());
        }
        let packed = page.get(header.plain as usize..).unwrap_or_default();
        let bytes_max = header.bytes.unwrap_or(PAGE_BYTES_MAX);
        let counted = |reader: &mut dyn Read| io::copy(&mut reader.take(bytes_max + 1), &mut io::sink());
        // What is damaged is said by who unpacks it.
        let bytes = match packing {
            Compression::GZIP(_) => counted(&mut MultiGzDecoder::new(packed)),
            _ => counted(&mut lz4_flex::frame::FrameDecoder::new(packed)),
        };
        match bytes {
            Ok(bytes) if bytes > bytes_max => {
                Err(damaged(&format!("becomes more than the {bytes_max} bytes that it says")))
            }
            _ => Ok(()),
        }
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.chunks.bytes()
    }
}

impl ChunkReader for Pages {
    type T = io::BufReader<Chunk>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut reader = self.chunks.read_from(start);
        // What is read so begins with the header of a page, but for the end of the file.
        let mut header = Header::default();
        header.read(&mut reader.fill_buf()?);
        if let Some(bytes) = header.bytes {
            if bytes > PAGE_BYTES_MAX {
                return Err(damaged(&format!("has {bytes} bytes, which none has")));
            }
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = (start, header);
        }
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        let bytes = self.chunks.bytes_at(start, length as u64).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ParquetError::EOF(error.to_string()),
            _ => ParquetError::External(Box::new(error)),
        })?;
        self.check(start, &bytes)?;
        Ok(bytes)
    }
}

impl Header {
    /// Reads what it says up to its end, or to where it says nothing more that can be read.
    fn read(&mut self, bytes: &mut &[u8]) {
        let mut of_v2 = (0, 0);
        structure(bytes, &mut Vec::new(), &mut |path, number| match path {
            [2] => self.bytes = Some(number),
            [8, 5] => of_v2.0 = number,
            [8, 6] => of_v2.1 = number,
            [8, 7] => self.is_plain = number == 0,
            _ => {}
        });
        self.plain = of_v2.0.saturating_add(of_v2.1);
    }
}

/// Tells the numbers of a structure in Thrift's compact form, by the fields that lead to them; `None` where it cannot be
/// read any further.
fn structure(bytes: &mut &[u8], path: &mut Vec<u64>, each: &mut dyn FnMut(&[u64], u64)) -> Option<()> {
    let mut field = 0_u64;
    loop {
        let head = byte(bytes)?;
        if head == 0 {
            return Some(());
        }
        field = if head >> 4 == 0 { number(bytes)? >> 1 } else { field.saturating_add((head >> 4).into()) };
        path.push(field);
        match head & 15 {
            is_true @ 1..=2 => each(path, u64::from(is_true == 1)),
            kind => value(bytes, kind, path, each)?,
        }
        path.pop();
    }
}

fn value(bytes: &mut &[u8], kind: u8, path: &mut Vec<u64>, each: &mut dyn FnMut(&[u64], u64)) -> Option<()> {
    if path.len() > DEPTH_MAX {
        return None;
    }
    match kind {
        1..=3 => byte(bytes).map(drop),
        // Their lowest bit is the sign.
        4..=6 => number(bytes).map(|number| each(path, number >> 1)),
        7 => skip(bytes, 8),
        8 => number(bytes).and_then(|length| skip(bytes, length)),
        9..=10 => {
            let head = byte(bytes)?;
            let count = if head >> 4 == 15 { number(bytes)? } else { (head >> 4).into() };
            path.push(0);
            (0..count).try_for_each(|_| match head & 15 {
                12 => structure(bytes, path, each),
                kind => value(bytes, kind, path, each),
            })?;
            path.pop();
            Some(())
        }
        12 => structure(bytes, path, each),
        _ => None,
    }
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    bytes.split_off_first().copied()
}

fn skip(bytes: &mut &[u8], length: u64) -> Option<()> {
    bytes.split_off(..usize::try_from(length).ok()?).map(drop)
}

fn damaged(why: &str) -> ParquetError {
    ParquetError::General(format!("it is damaged: a page of it {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    struct Bytes(Vec<u8>);

    impl FileReader for Bytes {
        fn bytes(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&mut self, at: u64, into: &mut [u8], _timeout: Duration) -> kafi_core::Result<usize> {
            let rest = &self.0[self.0.len().min(at as usize)..];
            let read = rest.len().min(into.len());
            into[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        }
    }

    /// A number as a header has it.
    fn number_of(number: u64) -> Vec<u8> {
        let (mut rest, mut bytes) = (number << 1, Vec::new());
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    }

    #[test]
    fn pages_that_say_gigabytes_are_refused() {
        // The second field follows the first, or is named by its number.
        for second in [&[0x15][..], &[0x05, 4]] {
            let read = |size: &[u8]| {
                let header = [&[0x15, 0], second, size, &[0x15, 2, 0]].concat();
                Pages::new(Box::new(Bytes(header))).0.get_read(0)
            };
            assert!(read(&number_of(PAGE_BYTES_MAX)).is_ok());
            for size in [&number_of(PAGE_BYTES_MAX + 1)[..], &[0xfe, 0xff, 0xff, 0xff, 0x0f]] {
                let error = of_parquet("read file")(read(size).err().unwrap());
                assert!(error.to_string().contains("a page of it has"), "{error}");
            }
            assert!(read(&[0x80]).is_ok(), "something else");
        }
        let mut header = Header::default();
        // Statistics between the numbers, and levels in front of the page.
        let of_v2 = [0x15, 2, 0x15, 2, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 8, 0x12, 0x1c, 0x18, 2, 1, 2, 0, 0];
        header.read(&mut &[&[0x15, 6, 0x15, 0x80, 0x01, 0x15, 20, 0x5c][..], &of_v2, &[0]].concat()[..]);
        assert_eq!(header, Header { bytes: Some(64), plain: 7, is_plain: true });
    }

    /// Four megabytes, and gzip of them.
    fn packed() -> (u64, Vec<u8>) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&vec![0; PAGE_BYTES_MAX as usize]).unwrap();
        (PAGE_BYTES_MAX, gzip.finish().unwrap())
    }

    fn gzip() -> Compression {
        Compression::GZIP(Default::default())
    }

    /// Pages of these bytes, those of which that lie there are unpacked whole.
    fn pages(bytes: Vec<u8>, range: Range<u64>, packing: Compression) -> Pages {
        let (pages, _) = Pages::new(Box::new(Bytes(bytes)));
        pages.whole.set(vec![(range, packing)]).unwrap();
        pages
    }

    #[test]
    fn pages_that_become_more_than_they_say_are_refused() {
        let (bytes_max, by_gzip) = packed();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&vec![0; bytes_max as usize]).unwrap();
        for (packing, packed) in [(gzip(), by_gzip), (Compression::LZ4, lz4.finish().unwrap())] {
            for (size, is_right) in [(bytes_max, true), (bytes_max - 1, false)] {
                let header = [&[0x15, 0, 0x15][..], &number_of(size), &[0x15, 2, 0]].concat();
                let (start, bytes) = (header.len() as u64, [header, packed.clone()].concat());
                let end = bytes.len() as u64;
                let read = |range: Range<u64>| {
                    let pages = pages(bytes.clone(), range, packing);
                    pages.get_read(0).unwrap();
                    pages.get_bytes(start, packed.len())
                };
                let in_range = read(0..end);
                assert_eq!(in_range.is_ok(), is_right, "{packing}: {in_range:?}");
                // What lies elsewhere is not unpacked so, and a header from elsewhere says nothing.
                assert!(read(0..start).is_ok() && read(start..end).is_ok());
            }
        }
    }

    #[test]
    fn what_stands_in_front_of_a_page_and_pages_that_are_plain_are_not_unpacked() {
        let (size, packed) = packed();
        let page = [&[1; 7][..], &packed].concat();
        let read = |size: u64, is_packed: bool| {
            // Three bytes of one kind of levels, and four of another.
            let of_v2 = [0x15, 2, 0x15, 2, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 8, if is_packed { 0x11 } else { 0x12 }, 0];
            let header = [&[0x15, 6, 0x15][..], &number_of(size), &[0x15, 20, 0x5c], &of_v2, &[0]].concat();
            let (start, bytes) = (header.len() as u64, [header, page.clone()].concat());
            let pages = pages(bytes.clone(), 0..bytes.len() as u64, gzip());
            pages.get_read(0).unwrap();
            pages.get_bytes(start, page.len())
        };
        assert!(read(size, true).is_ok() && read(size - 1, true).is_err());
        // What is not packed may hold gzip of its own.
        assert!(read(page.len() as u64, false).is_ok());
    }

    #[test]
    fn pages_without_a_header_have_a_limit() {
        let (_, packed) = packed();
        let larger = [&packed[..], &gzip_of_one()].concat();
        for (bytes, is_right) in [(packed, true), (larger, false)] {
            let length = bytes.len();
            let read = pages(bytes, 0..length as u64, gzip()).get_bytes(0, length);
            assert_eq!(read.is_ok(), is_right, "{read:?}");
        }
    }

    /// One more byte in gzip, which may follow what is there.
    fn gzip_of_one() -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[0]).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn columns_that_are_unpacked_whole_are_found() {
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        use parquet::file::properties::WriterProperties;
        let numbers: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![7; 1000]));
        let columns = ["a", "b", "c"].map(|name| (name, Arc::clone(&numbers)));
        let columns = arrow_array::RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_compression("b".into(), gzip())
            .set_column_compression("c".into(), Compression::LZ4)
            .build();
        let mut file = parquet::arrow::ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties)).unwrap();
        file.write(&columns).unwrap();
        let (pages, packing) = Pages::new(Box::new(Bytes(file.into_inner().unwrap())));
        let whole = Arc::clone(&pages.whole);
        let reader = ParquetRecordBatchReaderBuilder::try_new(pages).unwrap();
        packing.tell(reader.metadata());
        let group = reader.metadata().row_group(0);
        let expected = [1, 2].map(|column| {
            let (start, bytes) = group.column(column).byte_range();
            (start..start + bytes, group.column(column).compression())
        });
        assert_eq!(whole.get().unwrap(), &expected);
    }
}
