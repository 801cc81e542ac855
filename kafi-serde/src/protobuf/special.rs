//! The messages that have forms of their own in JSON, and maps.

use std::collections::HashSet;
use std::ops::Range;

use kafi_core::json_text::write_string;

use crate::fault::{Fault, Outcome};
use crate::protobuf::input::Occurrence;
use crate::protobuf::read::{Run, unzigzag};
use crate::protobuf::time;
use crate::protobuf::types::{Field, Kind, Message, MessageId, Special};

/// Up to how many entries of a map the keys are compared one by one.
const COMPARED_MAX: usize = 16;

impl Run<'_> {
    /// Writes a message in its own form, from the fields that were found.
    pub fn special(
        &mut self,
        special: Special,
        message: &Message,
        first: usize,
        bytes: &[u8],
        at: usize,
    ) -> Outcome<()> {
        let all = first..self.space.occurrences.len();
        match special {
            Special::None => self.members(message, first, bytes, at),
            Special::Any => self.any(all, bytes, at),
            Special::Timestamp => {
                let (seconds, nanos) = (self.last(&all, 0) as i64, self.last(&all, 1) as i32);
                let is_written = time::write_timestamp(self.out, seconds, nanos);
                written(is_written, at, || format!("{seconds} s and {nanos} ns are no time of the years 1 to 9999"))
            }
            Special::Duration => {
                let (seconds, nanos) = (self.last(&all, 0) as i64, self.last(&all, 1) as i32);
                let is_written = time::write_duration(self.out, seconds, nanos);
                written(is_written, at, || format!("{seconds} s and {nanos} ns are no duration of up to 10000 years"))
            }
            Special::FieldMask => self.field_mask(all, bytes, at),
            Special::Wrapper => match self.found(&all, 0).next_back() {
                Some(last) => self.value(message.fields[0].kind, self.space.occurrences[last], bytes, at),
                None => {
                    self.default(message.fields[0].kind);
                    Ok(())
                }
            },
            Special::Struct => self.map(&message.fields[0], self.found(&all, 0), bytes, at),
            Special::ListValue => self.field(&message.fields[0], self.found(&all, 0), bytes, at),
            Special::Value => {
                let known = all.filter(|index| self.space.occurrences[*index].place < 6);
                let Some(last) = known.max_by_key(|index| self.space.occurrences[*index].at) else {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                };
                let last = self.space.occurrences[last];
                let field = &message.fields[last.place as usize];
                if field.kind == Kind::Double && !f64::from_bits(last.value).is_finite() {
                    return Err(Fault::at(
                        at,
                        "a google.protobuf.Value holds a number that is none, which JSON cannot tell from a string",
                    ));
                }
                self.value(field.kind, last, bytes, at)
            }
        }
    }

    /// The occurrences of one field.
    fn found(&self, all: &Range<usize>, place: u32) -> Range<usize> {
        let occurrences = &self.space.occurrences[all.clone()];
        let start = occurrences.partition_point(|occurrence| occurrence.place < place);
        let end = occurrences.partition_point(|occurrence| occurrence.place <= place);
        all.start + start..all.start + end
    }

    /// The last number of a field, or zero.
    fn last(&self, all: &Range<usize>, place: u32) -> u64 {
        self.found(all, place).next_back().map_or(0, |index| self.space.occurrences[index].value)
    }

    fn any(&mut self, all: Range<usize>, bytes: &[u8], at: usize) -> Outcome<()> {
        let content = |run: &Self, place| {
            let last = run.found(&all, place).next_back().map(|index| run.space.occurrences[index].range());
            last.unwrap_or_default()
        };
        let (url, value) = (content(self, 0), content(self, 1));
        let text = std::str::from_utf8(&bytes[url.clone()])
            .map_err(|error| Fault::at(at + url.start + error.valid_up_to(), "the type of an Any is not UTF-8"))?;
        if url.is_empty() && value.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        self.out.extend_from_slice(b"{\"@type\":");
        write_string(self.out, text);
        let types = self.types;
        let (value, at) = (&bytes[value.clone()], at + value.start);
        match types.by_name.get(text.rsplit('/').next().unwrap_or(text)) {
            None => {
                // Nobody knows what is in it, but nothing is lost.
                self.out.extend_from_slice(b",\"value\":");
                self.base64(value);
            }
            Some(id) if types.message(*id).special != Special::None => {
                self.out.extend_from_slice(b",\"value\":");
                self.message(*id, value, at).map_err(|fault| fault.in_member("value"))?;
            }
            Some(id) => return self.members_of_any(*id, value, at),
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the members of a message behind others, and the closing brace.
    fn members_of_any(&mut self, id: MessageId, bytes: &[u8], at: usize) -> Outcome<()> {
        let start = self.out.len();
        self.message(id, bytes, at)?;
        match self.out[start + 1] {
            b'}' => drop(self.out.remove(start)),
            _ => self.out[start] = b',',
        }
        Ok(())
    }

    fn field_mask(&mut self, all: Range<usize>, bytes: &[u8], at: usize) -> Outcome<()> {
        self.out.push(b'"');
        for (index, place) in self.found(&all, 0).enumerate() {
            let range = self.space.occurrences[place].range();
            let path = std::str::from_utf8(&bytes[range.clone()]).ok().filter(|path| is_snake_case(path));
            let Some(path) = path else {
                return Err(Fault::at(
                    at + range.start,
                    "a path of a field mask cannot be written in camel case and read back",
                ));
            };
            if index > 0 {
                self.out.push(b',');
            }
            let mut is_upper = false;
            for byte in path.bytes() {
                if byte == b'_' {
                    is_upper = true;
                } else {
                    self.out.push(if is_upper { byte.to_ascii_uppercase() } else { byte });
                    is_upper = false;
                }
            }
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Writes a map: of entries with the same key the last one counts.
    pub fn map(&mut self, field: &Field, occurrences: Range<usize>, bytes: &[u8], at: usize) -> Outcome<()> {
        let Kind::Message(id) = field.kind else { return Err(Fault::at(at, "a map has no entries")) };
        let types = self.types;
        let entry = types.message(id);
        let (Some(key_place), Some(value_place)) = (entry.place(1), entry.place(2)) else {
            return Err(Fault::at(at, "the entries of a map have no key and value"));
        };
        let (key_kind, value_field) = (entry.fields[key_place as usize].kind, &entry.fields[value_place as usize]);
        self.enter(at)?;
        // The keys and values of all entries stand behind the entries, two each.
        let pairs = self.space.occurrences.len();
        let count = occurrences.len();
        for index in occurrences.clone() {
            let range = self.space.occurrences[index].range();
            let found = self.scan(entry, &bytes[range.clone()], at + range.start)?;
            let all = found..self.space.occurrences.len();
            let absent =
                |place| Occurrence { place, wire: crate::protobuf::types::Wire::Varint, at: u32::MAX, value: 0 };
            let last = |run: &Self, place| run.found(&all, place).next_back().map(|index| run.space.occurrences[index]);
            let (key, value) = (last(self, key_place), last(self, value_place));
            self.space.occurrences.truncate(found);
            self.space.occurrences.push(key.unwrap_or(absent(key_place)));
            self.space.occurrences.push(value.unwrap_or(absent(value_place)));
        }
        let repeated = self.repeated_keys(key_kind, pairs, occurrences.clone(), bytes);
        let mut before = b'{';
        for (nth, index) in occurrences.enumerate().filter(|(nth, _)| !repeated.contains(nth)) {
            let range = self.space.occurrences[index].range();
            let (content, at) = (&bytes[range.clone()], at + range.start);
            let (key, value) = (self.space.occurrences[pairs + 2 * nth], self.space.occurrences[pairs + 2 * nth + 1]);
            self.out.push(before);
            before = b',';
            let start = self.out.len();
            self.key(key_kind, key, content, at)?;
            let end = self.out.len();
            self.out.push(b':');
            let written = match value.at {
                u32::MAX => self.absent_value(value_field.kind, at),
                _ => self.value(value_field.kind, value, content, at),
            };
            written.map_err(|fault| {
                let name = String::from_utf8_lossy(&self.out[start + 1..end - 1]).into_owned();
                fault.in_member(&name)
            })?;
        }
        debug_assert_eq!(self.space.occurrences.len(), pairs + 2 * count);
        self.space.occurrences.truncate(pairs);
        if before == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.leave();
        Ok(())
    }

    fn key(&mut self, kind: Kind, key: Occurrence, bytes: &[u8], at: usize) -> Outcome<()> {
        if kind == Kind::String {
            return if key.at == u32::MAX { self.default_text() } else { self.value(kind, key, bytes, at) };
        }
        let start = self.out.len();
        self.number(kind, key.value);
        if self.out[start] != b'"' {
            self.out.insert(start, b'"');
            self.out.push(b'"');
        }
        Ok(())
    }

    fn default_text(&mut self) -> Outcome<()> {
        self.out.extend_from_slice(b"\"\"");
        Ok(())
    }

    /// The value of an entry that has none.
    fn absent_value(&mut self, kind: Kind, at: usize) -> Outcome<()> {
        match kind {
            Kind::Message(id) | Kind::Group(id) => self.message(id, &[], at),
            kind => {
                self.default(kind);
                Ok(())
            }
        }
    }

    /// The entries whose key comes again behind them.
    fn repeated_keys(&self, kind: Kind, pairs: usize, occurrences: Range<usize>, bytes: &[u8]) -> HashSet<usize> {
        let count = occurrences.len();
        let key = |nth: usize| {
            let (entry, key) =
                (self.space.occurrences[occurrences.start + nth].range(), self.space.occurrences[pairs + 2 * nth]);
            match kind {
                Kind::String if key.at == u32::MAX => (0, &bytes[..0]),
                Kind::String => (0, &bytes[entry][key.range()]),
                Kind::Bool => (u64::from(key.value != 0), &bytes[..0]),
                Kind::Sint64 => (unzigzag(key.value) as u64, &bytes[..0]),
                _ if kind.wire() == crate::protobuf::types::Wire::Varint
                    && !matches!(kind, Kind::Int64 | Kind::Uint64) =>
                {
                    (u64::from(key.value as u32), &bytes[..0])
                }
                _ => (key.value, &bytes[..0]),
            }
        };
        if count <= COMPARED_MAX {
            let comes_again = |nth: &usize| (nth + 1..count).any(|later| key(later) == key(*nth));
            return (0..count).filter(comes_again).collect();
        }
        let mut seen = HashSet::with_capacity(count);
        (0..count).rev().filter(|nth| !seen.insert(key(*nth))).collect()
    }
}

fn written(is_written: bool, at: usize, why: impl FnOnce() -> String) -> Outcome<()> {
    if is_written { Ok(()) } else { Err(Fault::at(at, why())) }
}

/// Whether a path in camel case leads back to this one.
fn is_snake_case(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_fine = |(index, byte): (usize, &u8)| match byte {
        b'_' => bytes.get(index + 1).is_some_and(u8::is_ascii_lowercase),
        b'A'..=b'Z' | b'"' | b'\\' | b',' | 0..=0x1f | 0x80.. => false,
        _ => true,
    };
    bytes.iter().enumerate().all(is_fine)
}
