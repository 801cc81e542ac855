//! The parts of a workbook that say what its sheets are.

use std::io::{BufReader, Read};

use kafi_core::{Error, ErrorKind, Result};
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::dates::Shows;
use crate::csv::ROW_BYTES_MAX;
use crate::escape::unescape;
use crate::input::{FileCursor, failed};
use crate::markup::{Markup, attribute, bad, name_of};

/// What strings and styles may take together: they are needed again and again.
const SHARED_BYTES_MAX: usize = ROW_BYTES_MAX;

pub(super) type Archive = ZipArchive<FileCursor>;

/// A sheet: its name, and the name of its part.
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) part: String,
}

/// What the cells of all sheets refer to.
#[derive(Default)]
pub(super) struct Shared {
    strings: String,
    ends: Vec<usize>,
    /// What each style shows.
    styles: Vec<Shows>,
    pub(super) starts_1904: bool,
}

impl Shared {
    pub(super) fn string(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.strings.get(start..end)
    }

    pub(super) fn style(&self, index: usize) -> Shows {
        self.styles.get(index).copied().unwrap_or_default()
    }
}

/// The part of this name as XML; `None` where there is none.
pub(super) fn part<'a>(archive: &'a mut Archive, name: &str) -> Result<Option<Markup<impl std::io::BufRead + 'a>>> {
    match archive.by_name(name) {
        Ok(file) => {
            let file: Box<dyn Read + 'a> = Box::new(file);
            Ok(Some(Markup::new(BufReader::with_capacity(64 << 10, file))))
        }
        Err(ZipError::FileNotFound) => Ok(None),
        Err(error) => Err(of_zip(error)),
    }
}

/// The sheets in their order, and whether days are counted from 1904 on.
pub(super) fn sheets(archive: &mut Archive) -> Result<(Vec<Sheet>, bool)> {
    let mut links = Vec::new();
    each_element(archive, "xl/_rels/workbook.xml.rels", |name, element| {
        if name == "Relationship" {
            let of = |name| Ok::<_, Error>(attribute(element, name)?.unwrap_or_default().into_owned());
            links.push((of("Id")?, of("Target")?));
        }
        Ok(())
    })?;
    let (mut sheets, mut starts_1904) = (Vec::new(), false);
    each_element(archive, "xl/workbook.xml", |name, element| {
        match name {
            "workbookPr" => {
                starts_1904 = attribute(element, "date1904")?.is_some_and(|value| matches!(&*value, "1" | "true"));
            }
            "sheet" => {
                let id = attribute(element, "r:id")?.unwrap_or_default();
                let target = links.iter().find(|(known, _)| *known == id).map(|(_, target)| target.as_str());
                let part = match target {
                    None => return Err(wrong("a sheet has no part")),
                    Some(target) => target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_string),
                };
                sheets.push(Sheet { name: attribute(element, "name")?.unwrap_or_default().into_owned(), part });
            }
            _ => {}
        }
        Ok(())
    })?;
    if sheets.is_empty() {
        return Err(wrong("this is no workbook of Excel: it has no sheets"));
    }
    Ok((sheets, starts_1904))
}

/// What cells refer to.
pub(super) fn shared(archive: &mut Archive, starts_1904: bool) -> Result<Shared> {
    let mut shared = Shared { starts_1904, ..Shared::default() };
    if let Some(mut markup) = part(archive, "xl/sharedStrings.xml")? {
        read_strings(&mut markup, &mut shared)?;
    }
    let (mut codes, mut within) = (Vec::new(), false);
    each_element(archive, "xl/styles.xml", |name, element| {
        let number = |name| Ok::<_, Error>(attribute(element, name)?.and_then(|text| text.parse::<u32>().ok()));
        match name {
            "numFmt" => {
                let code = attribute(element, "formatCode")?.unwrap_or_default();
                codes.push((number("numFmtId")?.unwrap_or_default(), Shows::of_code(&code)));
            }
            "cellXfs" => within = true,
            "cellStyles" | "dxfs" => within = false,
            "xf" if within => {
                let format = number("numFmtId")?.unwrap_or_default();
                let code = codes.iter().find(|(known, _)| *known == format).map(|(_, shows)| *shows);
                shared.styles.push(code.unwrap_or_else(|| Shows::of_number(format)));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(shared)
}

fn read_strings(markup: &mut Markup<impl std::io::BufRead>, shared: &mut Shared) -> Result<()> {
    let (mut within, mut phonetic, mut text) = (false, false, String::new());
    loop {
        markup.begin();
        match markup.next()? {
            Event::Eof => return Ok(()),
            Event::Start(element) => match name_of(&element)? {
                "t" => within = !phonetic,
                "rPh" => phonetic = true,
                _ => {}
            },
            Event::Empty(element) if name_of(&element)? == "si" => shared.ends.push(shared.strings.len()),
            Event::End(element) => match element.local_name().into_inner() {
                b"t" => within = false,
                b"rPh" => phonetic = false,
                b"si" => {
                    shared.strings.push_str(&unescape(&text));
                    shared.ends.push(shared.strings.len());
                    text.clear();
                }
                _ => {}
            },
            Event::Text(part) if within => text.push_str(&part.unescape().map_err(bad)?),
            _ => {}
        }
        let bytes = shared.strings.len() + text.len() + shared.ends.len() * size_of::<usize>();
        if bytes > SHARED_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "read workbook", "its strings take more than 256 MiB"));
        }
    }
}

/// Hands over each element of a part, if it is there; it is no larger than a row may be.
fn each_element(
    archive: &mut Archive,
    name: &str,
    mut each: impl FnMut(&str, &BytesStart<'_>) -> Result<()>,
) -> Result<()> {
    let Some(mut markup) = part(archive, name)? else { return Ok(()) };
    loop {
        match markup.next()? {
            Event::Eof => return Ok(()),
            Event::Start(element) | Event::Empty(element) => each(name_of(&element)?, &element)?,
            _ => {}
        }
    }
}

pub(super) fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read workbook", why)
}

pub(super) fn of_zip(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => failed(error),
        error => wrong(error.to_string().lines().next().unwrap_or_default()),
    }
}
