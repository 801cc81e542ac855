//! Files into topics.

use kafi_core::json_text::write_string;
use kafi_core::{Error, ErrorKind, Json, JsonKind, Result};

use crate::csv::{CsvReader, Fields};
use crate::envelope::write_envelope_cell;
use crate::format::Format;
use crate::input::{FileInput, bytes_of};
use crate::json_rows::JsonReader;
use crate::kinds::{Kind, STREAM_ROWS, utf8, write_kind};
use crate::options::{ImportOptions, Imported};
use crate::sink::{RowSink, Sink, TopicTarget};

/// Makes a message of each row of a file: an object with a member for each column. Returns when all of them are
/// delivered; memory is constant. What came before a row that is wrong is delivered as well.
///
/// # Errors
/// `Corrupt` for a damaged file, and for a row that is no message, with its number; those of the types, and of
/// [`Writer::write`](kafi_core::Writer::write); `Unsupported` for a format that was not compiled in.
pub fn file_to_topic(input: &mut FileInput, target: &TopicTarget<'_>, options: &ImportOptions) -> Result<Imported> {
    options.format.check()?;
    let mut sink = Sink::open(target, options)?;
    let inside = input.format_inside();
    let read = read_file(input, options, &mut sink).map_err(|error| match inside {
        Some((format, name)) if error.kind() == ErrorKind::Corrupt && format != options.format.format => {
            error.hint(format!("it begins as a file of {name} does: --format {name} reads it"))
        }
        _ => error,
    });
    sink.finish(read)
}

/// Tells the rows of a file, whose format was checked.
pub(crate) fn read_file(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    match options.format.format {
        Format::Json => read_json(input, options, sink),
        Format::Csv => read_csv(input, options, sink, b','),
        Format::Tsv => read_csv(input, options, sink, b'\t'),
        #[cfg(feature = "xml")]
        Format::Xml => crate::xml::file_to_topic(input, options, sink),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => crate::xlsx::file_to_topic(input, options, sink),
        #[cfg(feature = "arrow")]
        Format::Parquet | Format::Feather | Format::Orc => crate::arrow::file_to_topic(input, options, sink),
        #[cfg(not(all(feature = "parquet", feature = "feather", feature = "orc", feature = "xml", feature = "xlsx")))]
        _ => unreachable!("the format was checked"),
    }
}

fn read_json(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    let mut rows = JsonReader::new(bytes_of(input)?)?;
    let (mut row, mut next) = (Vec::new(), Vec::new());
    let needs_columns = options.envelope || options.key_column.is_some() || !options.header_columns.is_empty();
    let mut is_more = rows.read(&mut row)?;
    while !sink.is_cancelled() && is_more {
        let is_first = rows.row() == 1;
        is_more = rows.read(&mut next)?;
        if is_first && !is_more && push_columns(&row, sink)? {
            return Ok(());
        }
        match row.first() == Some(&b'{') || !needs_columns {
            true => sink.push(&row)?,
            false => {
                let why = "this is no object, which has columns";
                sink.fail(&row, Error::new(ErrorKind::Corrupt, "read row", why))?;
            }
        }
        std::mem::swap(&mut row, &mut next);
    }
    Ok(())
}

/// Takes the rows of a file whose one value is an object of columns, as pandas writes by default:
/// `{"id":{"0":1,"1":2},"name":{"0":"a","1":"b"}}`. False where it is something else.
fn push_columns(text: &[u8], sink: &mut dyn RowSink) -> Result<bool> {
    /// What is larger is no file that pandas would read back.
    const COLUMNS_BYTES_MAX: usize = 64 << 20;
    if text.len() > COLUMNS_BYTES_MAX {
        return Ok(false);
    }
    let Some(json) = std::str::from_utf8(text).ok().and_then(|text| Json::parse(text).ok()) else { return Ok(false) };
    let Some((_, first)) = json.members().next() else { return Ok(false) };
    let rows = first.len();
    let is_numbered = |(at, (name, _)): (usize, (&str, &Json))| name.parse() == Ok(at);
    let is_column = |column: &Json| {
        column.kind() == JsonKind::Object && column.len() == rows && column.members().enumerate().all(is_numbered)
    };
    if rows == 0 || !json.members().all(|(_, column)| is_column(column)) {
        return Ok(false);
    }
    let mut columns: Vec<_> = json.members().map(|(name, column)| (name, column.members())).collect();
    let mut row = Vec::new();
    for _ in 0..rows {
        row.clear();
        row.push(b'{');
        for (name, cells) in &mut columns {
            if row.len() > 1 {
                row.push(b',');
            }
            write_string(&mut row, name);
            row.push(b':');
            let (_, cell) = cells.next().expect("columns are of one length");
            row.extend_from_slice(cell.text().trim().as_bytes());
        }
        row.push(b'}');
        sink.push(&row)?;
    }
    Ok(true)
}

fn read_csv(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink, delimiter: u8) -> Result<()> {
    if options.envelope {
        return read_rows(CsvReader::new(bytes_of(input)?, delimiter)?, None, sink, options);
    }
    // What the columns are is known when all fields have been seen.
    let kinds = match input {
        FileInput::File(_) => Some(kinds_of(&mut CsvReader::new(bytes_of(input)?, delimiter)?, sink)?),
        FileInput::Stream(_) => None,
    };
    read_rows(CsvReader::new(bytes_of(input)?, delimiter)?, kinds, sink, options)
}

fn kinds_of(reader: &mut CsvReader<'_>, sink: &dyn RowSink) -> Result<Vec<Kind>> {
    let (mut fields, mut kinds) = (Fields::default(), Vec::new());
    reader.read(&mut fields)?;
    while !sink.is_cancelled() && reader.read(&mut fields)? {
        add_kinds(&mut kinds, &fields);
    }
    Ok(kinds)
}

fn add_kinds(kinds: &mut Vec<Kind>, fields: &Fields) {
    kinds.resize(kinds.len().max(fields.len()), Kind::Empty);
    for (index, kind) in kinds.iter_mut().enumerate() {
        *kind = fields.get(index).map_or(*kind, |field| kind.with(field));
    }
}

/// Rows with what their columns are; where that is not known, the first rows say it.
fn read_rows(
    mut reader: CsvReader<'_>,
    kinds: Option<Vec<Kind>>,
    sink: &mut dyn RowSink,
    options: &ImportOptions,
) -> Result<()> {
    let mut fields = Fields::default();
    if !reader.read(&mut fields)? {
        return Ok(());
    }
    let names = names_of(&fields)?;
    let mut row = Vec::new();
    let mut first = Vec::new();
    let kinds = match (kinds, options.envelope) {
        (Some(kinds), false) => kinds,
        (_, true) => Vec::new(),
        (None, false) => {
            let mut kinds = Vec::new();
            while (first.len() as u64) < STREAM_ROWS && reader.read(&mut fields)? {
                add_kinds(&mut kinds, &fields);
                first.push(std::mem::take(&mut fields));
            }
            kinds
        }
    };
    let mut put = |fields: &Fields, sink: &mut dyn RowSink| {
        row.clear();
        let written = match options.envelope {
            true => write_envelope(&names, fields, &mut row),
            false => write_row(&names, &kinds, fields, &mut row),
        };
        match written {
            Ok(()) if options.envelope => sink.push(&row),
            Ok(()) => sink.push_valid(&row),
            Err(error) => {
                fields.write_json(&mut row);
                sink.fail(&row, error)
            }
        }
    };
    for fields in &first {
        put(fields, sink)?;
    }
    while !sink.is_cancelled() && reader.read(&mut fields)? {
        put(&fields, sink)?;
    }
    Ok(())
}

/// The names of the columns; an index that pandas wrote has none, and is no column.
fn names_of(fields: &Fields) -> Result<Vec<Option<String>>> {
    let text = |index: usize| match fields.get(index) {
        None => Ok(None),
        Some(name) => String::from_utf8(name.to_vec())
            .map(|name| Some(name).filter(|name| index > 0 || name != "Unnamed: 0"))
            .map_err(|_| Error::new(ErrorKind::Corrupt, "read CSV", "the names of the columns are not UTF-8")),
    };
    (0..fields.len()).map(text).collect()
}

fn write_row(names: &[Option<String>], kinds: &[Kind], fields: &Fields, row: &mut Vec<u8>) -> Result<()> {
    if fields.len() > names.len() {
        let why = format!("it has {} fields, and there are {} columns", fields.len(), names.len());
        return Err(Error::new(ErrorKind::Corrupt, "read CSV", why));
    }
    row.push(b'{');
    for (index, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        if row.len() > 1 {
            row.push(b',');
        }
        write_string(row, name);
        row.push(b':');
        let Some(field) = fields.get(index) else {
            row.extend_from_slice(b"null");
            continue;
        };
        write_kind(kinds.get(index).copied().unwrap_or_default(), name, field, row)?;
    }
    row.push(b'}');
    Ok(())
}

/// Makes an envelope of the columns of one.
fn write_envelope(names: &[Option<String>], fields: &Fields, row: &mut Vec<u8>) -> Result<()> {
    row.push(b'{');
    for (index, name) in names.iter().enumerate() {
        let (Some(name), Some(field)) = (name, fields.get(index)) else { continue };
        if row.len() > 1 {
            row.push(b',');
        }
        write_string(row, name);
        row.push(b':');
        write_envelope_cell(name, utf8(field, name)?, row);
    }
    row.push(b'}');
    Ok(())
}
