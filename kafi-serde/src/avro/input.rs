//! The primitive values of Avro's binary encoding, read from a payload.

use crate::fault::{Fault, Outcome};

/// A payload, and how far it was read.
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it was read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The end of the payload.
    pub fn end(&self) -> Outcome<()> {
        match self.remaining() {
            0 => Ok(()),
            left => {
                Err(Fault::at(self.at, format!("{left} bytes follow the value: it was written with another schema"))
                    .hint("is this the schema that it was written with?"))
            }
        }
    }

    #[inline]
    pub fn boolean(&mut self) -> Outcome<bool> {
        let byte = self.take(1, "a boolean")?[0];
        if byte > 1 {
            return Err(Fault::at(self.at - 1, format!("a boolean is 0 or 1, and not {byte}")));
        }
        Ok(byte == 1)
    }

    #[inline]
    pub fn int(&mut self) -> Outcome<i32> {
        let at = self.at;
        let value = self.long()?;
        i32::try_from(value).map_err(|_| Fault::at(at, format!("the int {value} is larger than 32 bits")))
    }

    #[inline]
    pub fn long(&mut self) -> Outcome<i64> {
        let Some(&first) = self.bytes.get(self.at) else { return Err(self.ends("a number")) };
        if first < 0x80 {
            self.at += 1;
            return Ok(unzigzag(u64::from(first)));
        }
        self.long_of_many_bytes()
    }

    fn long_of_many_bytes(&mut self) -> Outcome<i64> {
        let mut value = 0u64;
        for (index, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok(unzigzag(value));
            }
        }
        if self.remaining() < 10 {
            Err(self.ends("a number"))
        } else {
            Err(Fault::at(self.at, "a number is larger than 64 bits"))
        }
    }

    #[inline]
    pub fn float(&mut self) -> Outcome<f32> {
        let bytes = self.take(4, "a float")?;
        Ok(f32::from_le_bytes(bytes.try_into().expect("it was read with this length")))
    }

    #[inline]
    pub fn double(&mut self) -> Outcome<f64> {
        let bytes = self.take(8, "a double")?;
        Ok(f64::from_le_bytes(bytes.try_into().expect("it was read with this length")))
    }

    #[inline]
    pub fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let at = self.at;
        let len = self.long()?;
        let len = usize::try_from(len).map_err(|_| Fault::at(at, format!("the length {len} is negative")))?;
        self.take(len, "a string or bytes")
    }

    #[inline]
    pub fn string(&mut self) -> Outcome<&'a str> {
        let bytes = self.bytes()?;
        let start = self.at - bytes.len();
        std::str::from_utf8(bytes).map_err(|error| Fault::at(start + error.valid_up_to(), "a string is not UTF-8"))
    }

    #[inline]
    pub fn fixed(&mut self, size: u32) -> Outcome<&'a [u8]> {
        self.take(size as usize, "a fixed")
    }

    /// A number that counts `what` from 0.
    #[inline]
    pub fn index(&mut self, len: usize, what: &'static str) -> Outcome<usize> {
        let at = self.at;
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < len => Ok(index),
            _ => Err(Fault::at(at, format!("there is no {index} of {len}, which should say {what}"))),
        }
    }

    #[inline]
    fn take(&mut self, len: usize, what: &'static str) -> Outcome<&'a [u8]> {
        match self.bytes[self.at..].get(..len) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.ends(what)),
        }
    }

    #[cold]
    fn ends(&self, what: &'static str) -> Box<Fault> {
        Fault::at(self.at, format!("it ends within {what}"))
    }
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
