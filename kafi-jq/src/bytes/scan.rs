//! Where things lie in JSON text that was checked.

use std::collections::HashSet;
use std::ops::Range;

use kafi_core::json_text::write_string;

use crate::bytes::StepsAside;

/// Where a member or element lies.
pub(super) struct Found {
    pub(super) value: Range<usize>,
    /// What goes with it, where it goes: its name, and a comma.
    pub(super) removed: Range<usize>,
}

/// The text of the member of this name in an object; of several the last. An escape in a name is left to the interpreter.
pub(super) fn member<'t>(object: &'t str, name: &str) -> Result<Option<&'t str>, StepsAside> {
    let bytes = object.as_bytes();
    let (mut at, mut found) = (1, None);
    loop {
        at = after_space(bytes, at);
        match bytes.get(at) {
            Some(b',') => at = after_space(bytes, at + 1),
            Some(b'"') => {}
            _ => return Ok(found),
        }
        let name_end = after_string(bytes, at);
        let written = &bytes[at + 1..name_end - 1];
        if written.contains(&b'\\') {
            return Err(StepsAside);
        }
        let colon = after_space(bytes, name_end);
        let start = after_space(bytes, colon + 1);
        at = after_value(bytes, start);
        if written == name.as_bytes() {
            found = Some(&object[start..at]);
        }
    }
}

/// The text of the element at this index of an array.
pub(super) fn element(array: &str, index: usize) -> Option<&str> {
    Elements { bytes: array.as_bytes(), at: 1 }.nth(index).map(|range| &array[range])
}

/// How many elements an array has.
pub(super) fn elements(array: &str) -> usize {
    Elements { bytes: array.as_bytes(), at: 1 }.count()
}

/// Where the elements of an array lie.
struct Elements<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Iterator for Elements<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let mut start = after_space(self.bytes, self.at);
        match self.bytes.get(start) {
            Some(b',') => start = after_space(self.bytes, start + 1),
            Some(b']') | None => return None,
            Some(_) => {}
        }
        self.at = after_value(self.bytes, start);
        Some(start..self.at)
    }
}

/// The names of an object's members; an error where any of them has an escape or is there twice, or where they are many.
pub(super) fn names(object: &str) -> Result<Names<'_>, StepsAside> {
    let bytes = object.as_bytes();
    let (mut at, mut names) = (1, Names::default());
    loop {
        at = after_space(bytes, at);
        match bytes.get(at) {
            Some(b',') => at = after_space(bytes, at + 1),
            Some(b'"') => {}
            _ => return Ok(names),
        }
        let name_end = after_string(bytes, at);
        let written = &bytes[at + 1..name_end - 1];
        if written.contains(&b'\\') || !names.add(written) || names.count == names.first.len() {
            return Err(StepsAside);
        }
        at = after_value(bytes, after_space(bytes, after_space(bytes, name_end) + 1));
    }
}

/// Appends the names of an object's members as an array, sorted or as they stand.
pub(super) fn write_names(object: &str, sorted: bool, out: &mut Vec<u8>) -> Result<(), StepsAside> {
    let mut names = names(object)?;
    let names = &mut names.first[..names.count];
    if sorted {
        names.sort_unstable();
    }
    out.push(b'[');
    for (index, name) in names.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b"," });
        write_string(out, std::str::from_utf8(name).expect("a part of a text between quotes"));
    }
    out.push(b']');
    Ok(())
}

fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Behind the string that begins at `at`.
fn after_string(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// Behind the value that begins at `at`.
fn after_value(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0u32;
    loop {
        match bytes.get(at) {
            Some(b'"') => at = after_string(bytes, at),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
                continue;
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') if depth == 0 => return at,
            Some(_) => {
                at += 1;
                if depth == 0 && is_end(bytes, at) {
                    return at;
                }
                continue;
            }
            None => return bytes.len(),
        }
        if depth == 0 {
            return at;
        }
    }
}

fn is_end(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
}

/// The names of an object's members: those of most objects need no memory.
#[derive(Default)]
pub(super) struct Names<'t> {
    first: [&'t [u8]; 32],
    pub(super) count: usize,
    others: HashSet<&'t [u8]>,
}

impl<'t> Names<'t> {
    /// Adds a name; false where it is there already.
    fn add(&mut self, name: &'t [u8]) -> bool {
        if self.first[..self.count].contains(&name) {
            return false;
        }
        let Some(free) = self.first.get_mut(self.count) else { return self.others.insert(name) };
        *free = name;
        self.count += 1;
        true
    }
}

/// Where the value of a member lies in an object, and what goes with the member; an error where any name has an escape or
/// is there twice, since the interpreter keeps one of each.
pub(super) fn only_member(object: &str, name: &str) -> Result<Option<Found>, StepsAside> {
    let bytes = object.as_bytes();
    let mut names = Names::default();
    let (mut at, mut found, mut comma) = (1, None, None);
    loop {
        at = after_space(bytes, at);
        match bytes.get(at) {
            Some(b',') => {
                comma = Some(at);
                at = after_space(bytes, at + 1);
            }
            Some(b'"') => {}
            _ => return Ok(found),
        }
        let start = at;
        let name_end = after_string(bytes, at);
        let written = &bytes[at + 1..name_end - 1];
        if written.contains(&b'\\') || !names.add(written) {
            return Err(StepsAside);
        }
        let value_start = after_space(bytes, after_space(bytes, name_end) + 1);
        at = after_value(bytes, value_start);
        if written == name.as_bytes() {
            // The comma before it goes with it, or, of the first one, that behind.
            let behind = after_space(bytes, at);
            let removed = match comma {
                Some(comma) => comma..at,
                None if bytes.get(behind) == Some(&b',') => start..after_space(bytes, behind + 1),
                None => start..at,
            };
            found = Some(Found { value: value_start..at, removed });
        }
    }
}
