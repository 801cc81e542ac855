//! The pieces of Protobuf's wire format, read from a payload.

use crate::fault::{Fault, Outcome};
use crate::protobuf::types::Wire;

/// How deep messages and groups may nest.
pub(crate) const DEPTH_MAX: u32 = 100;

/// The bytes of one message, and where in the payload they begin.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    offset: usize,
}

/// One field as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence {
    /// The place of the field in its message; what no field has stands last.
    pub place: u32,
    pub wire: Wire,
    /// Where it begins in the message: its tag, so that the order of members of one oneof is known.
    pub at: u32,
    /// The number, or of what has a length where its content begins, and how long it is.
    pub value: u64,
}

/// The place of a field that the message does not have.
pub(crate) const UNKNOWN: u32 = u32::MAX;

impl Occurrence {
    /// Where the content of what has a length begins in the message, and where it ends.
    pub fn range(&self) -> std::ops::Range<usize> {
        let (start, len) = ((self.value >> 32) as usize, self.value as u32 as usize);
        start..start + len
    }
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, at: 0, offset }
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How far the message was read.
    pub fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn varint(&mut self) -> Outcome<u64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Outcome<u64> {
        let mut value = 0u64;
        for (index, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        if self.bytes.len() - self.at < 10 {
            Err(self.ends("a number"))
        } else {
            Err(self.fault("a number is larger than 64 bits"))
        }
    }

    /// The number of a field, and how it is laid out; `None` is the end of a group.
    #[inline]
    pub fn tag(&mut self) -> Outcome<(u32, Option<Wire>)> {
        let start = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let Some(number) = number else {
            self.at = start;
            return Err(self.fault(format!("there is no field {}: is this the message that it is?", tag >> 3)));
        };
        let wire = match tag & 7 {
            0 => Some(Wire::Varint),
            1 => Some(Wire::Fixed64),
            2 => Some(Wire::Len),
            3 => Some(Wire::Group),
            4 => None,
            5 => Some(Wire::Fixed32),
            other => {
                self.at = start;
                return Err(self.fault(format!("there is no wire type {other}: is this the message that it is?")));
            }
        };
        Ok((number, wire))
    }

    /// The value of a field behind its tag, as an [`Occurrence`] holds it.
    #[inline]
    pub fn value(&mut self, number: u32, wire: Wire) -> Outcome<u64> {
        match wire {
            Wire::Varint => self.varint(),
            Wire::Fixed64 => Ok(u64::from_le_bytes(self.array()?)),
            Wire::Fixed32 => Ok(u64::from(u32::from_le_bytes(self.array()?))),
            Wire::Len => {
                let len = self.varint()?;
                let start = self.at;
                match usize::try_from(len).ok().filter(|len| *len <= self.bytes.len() - start) {
                    Some(len) => {
                        self.at += len;
                        Ok((start as u64) << 32 | len as u64)
                    }
                    None => {
                        Err(self
                            .fault(format!("a field claims {len} bytes, and {} are left", self.bytes.len() - start)))
                    }
                }
            }
            Wire::Group => {
                let start = self.at;
                let end = self.group(number, 0)?;
                Ok((start as u64) << 32 | (end - start) as u64)
            }
        }
    }

    /// Steps over a group, and says where its content ends.
    fn group(&mut self, number: u32, depth: u32) -> Outcome<usize> {
        if depth == DEPTH_MAX {
            return Err(self.fault(format!("groups are nested deeper than {DEPTH_MAX}")));
        }
        loop {
            let end = self.at;
            if self.is_at_end() {
                return Err(self.ends("a group"));
            }
            match self.tag()? {
                (ended, None) if ended == number => return Ok(end),
                (_, None) => {
                    self.at = end;
                    return Err(self.fault("another group ends than the one that began"));
                }
                (inner, Some(Wire::Group)) => drop(self.group(inner, depth + 1)?),
                (inner, Some(wire)) => drop(self.value(inner, wire)?),
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        match self.bytes[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.ends("a number")),
        }
    }

    #[cold]
    pub fn fault(&self, what: impl Into<std::borrow::Cow<'static, str>>) -> Box<Fault> {
        Fault::at(self.offset + self.at, what)
    }

    #[cold]
    fn ends(&self, what: &'static str) -> Box<Fault> {
        self.fault(format!("it ends within {what}"))
    }
}
