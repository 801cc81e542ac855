//! How a payload names its schema: by a prefix of its own, or by a header beside it.
//!
//! | where | form |
//! |---|---|
//! | in front of the payload | byte 0, and the id in the registry as 4 bytes, big-endian |
//! | in the header `__key_schema_id` or `__value_schema_id` | byte 1, and the 16 bytes of the schema's GUID |
//!
//! Either form is read in either place, as Confluent's deserialisers do; the last header of the name wins over the
//! prefix. For Protobuf the message indexes follow the id or GUID, wherever it stands: how many, and each of them, as
//! zig-zag varints; a single 0 is the first message of the file.
//!
//! ```
//! use kafi_serde::wire::{MessageIndexes, SchemaId};
//! let mut payload = Vec::new();
//! SchemaId::Number(7).write(&mut payload);
//! MessageIndexes::from([1, 0]).write(&mut payload);
//! assert_eq!(payload, [0, 0, 0, 0, 7, 4, 2, 0]);
//! ```

use std::fmt;
use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Field, Headers, Result};

pub use kafi_core::{IdLocation, schema_id_header as header_name};

const MAGIC_NUMBER: u8 = 0;
const MAGIC_GUID: u8 = 1;
const OPERATION: &str = "read schema id";

/// How many message indexes there can be: messages nest no deeper in any source of a schema.
const INDEXES_MAX: u32 = 128;

/// What a registry knows a schema by, wherever it is registered: 16 bytes, written as a UUID is.
///
/// ```
/// use kafi_serde::wire::Guid;
/// let guid: Guid = "1a2b3c4d-0000-4000-8000-00000000002a".parse()?;
/// assert_eq!((guid.0[0], guid.0[15]), (0x1a, 0x2a));
/// assert_eq!(guid.to_string(), "1a2b3c4d-0000-4000-8000-00000000002a");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Guid {
    type Err = Error;

    /// Reads the 36 characters of a UUID.
    ///
    /// # Errors
    /// `Corrupt` if they are none.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(ErrorKind::Corrupt, "read GUID", "it is not 32 hexadecimal digits in groups of 8-4-4-4-12")
                .with("guid", format!("{text:?}"))
        };
        if text.len() != 36
            || !text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
        {
            return Err(bad());
        }
        let mut digits = text
            .bytes()
            .filter(|&byte| byte != b'-')
            .map(|digit| char::from(digit).to_digit(16).expect("it is a hexadecimal digit") as u8);
        Ok(Self(std::array::from_fn(|_| {
            let high = digits.next().expect("there are 32 digits");
            high << 4 | digits.next().expect("there are 32 digits")
        })))
    }
}

/// What names a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Its id in one registry; Kafka's tools know it as a positive 32-bit integer.
    Number(u32),
    /// Its GUID, the same in all registries.
    Guid(Guid),
}

impl SchemaId {
    /// Appends the magic byte and the id: what stands in front of a payload, or is the value of a header. For Protobuf
    /// the [message indexes](MessageIndexes::write) come next.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Number(id) => {
                out.push(MAGIC_NUMBER);
                out.extend_from_slice(&id.to_be_bytes());
            }
            Self::Guid(guid) => {
                out.push(MAGIC_GUID);
                out.extend_from_slice(&guid.0);
            }
        }
    }

    /// The id that `bytes` begin with, and what follows it.
    fn split(bytes: &[u8]) -> std::result::Result<(Self, &[u8]), &'static str> {
        match bytes.split_first() {
            Some((&MAGIC_NUMBER, rest)) => {
                let (id, rest) = rest.split_first_chunk().ok_or("it ends within the 4 bytes of the schema's id")?;
                Ok((Self::Number(u32::from_be_bytes(*id)), rest))
            }
            Some((&MAGIC_GUID, rest)) => {
                let (guid, rest) =
                    rest.split_first_chunk().ok_or("it ends within the 16 bytes of the schema's GUID")?;
                Ok((Self::Guid(Guid(*guid)), rest))
            }
            Some(_) => Err("it does not begin with the byte 0 or 1, as what a schema registry knows does"),
            None => Err("it is empty, where a schema's id should stand"),
        }
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::Guid(guid) => guid.fmt(f),
        }
    }
}

/// A key or value with the id of its schema, wherever that stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    field: Field,
    id: SchemaId,
    location: IdLocation,
    /// What follows the id where it stands: the payload, or the rest of the header's value.
    rest: &'a [u8],
    /// The whole field.
    bytes: &'a [u8],
}

impl<'a> Framed<'a> {
    /// Finds the schema's id of a field: in the last header of its name, else in front of `bytes`.
    ///
    /// # Errors
    /// `Corrupt`, with the field, where there is none, or it is cut short.
    pub fn read(field: Field, bytes: &'a [u8], headers: Headers<'a>) -> Result<Self> {
        Self::find(field, bytes, headers).map_err(|(location, what)| {
            let error = Error::new(ErrorKind::Corrupt, OPERATION, what).with("field", field);
            match location {
                IdLocation::Payload => {
                    error.hint("for data without an id name the schema: a file, a subject, or an id")
                }
                IdLocation::Header => error.with("header", header_name(field)),
            }
        })
    }

    /// The same where it does not matter why there is no id.
    pub fn detect(field: Field, bytes: &'a [u8], headers: Headers<'a>) -> Option<Self> {
        Self::find(field, bytes, headers).ok()
    }

    /// What names the schema.
    pub fn id(&self) -> SchemaId {
        self.id
    }

    /// Where the id stood.
    pub fn location(&self) -> IdLocation {
        self.location
    }

    /// What follows the id where it stands: message indexes, where there are some, and the payload, unless that stands
    /// apart from a header.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The payload of the formats that have no message indexes: Avro and JSON Schema.
    ///
    /// # Errors
    /// `Corrupt` if more than the id stands in the header.
    pub fn payload(&self) -> Result<&'a [u8]> {
        match self.location {
            IdLocation::Payload => Ok(self.rest),
            IdLocation::Header if self.rest.is_empty() => Ok(self.bytes),
            IdLocation::Header => Err(self.corrupt(format!("{} bytes follow the schema's id", self.rest.len()))),
        }
    }

    /// The payload of Protobuf, and in `indexes` which message it is.
    ///
    /// # Errors
    /// `Corrupt` if the indexes are cut short, negative, too large or too many, or if more than they stands in the
    /// header.
    pub fn message(&self, indexes: &mut MessageIndexes) -> Result<&'a [u8]> {
        let rest = indexes.read(self.rest).map_err(|what| self.corrupt(what.into()))?;
        match self.location {
            IdLocation::Payload => Ok(rest),
            IdLocation::Header if rest.is_empty() => Ok(self.bytes),
            IdLocation::Header => Err(self.corrupt(format!("{} bytes follow the message indexes", rest.len()))),
        }
    }

    fn find(
        field: Field,
        bytes: &'a [u8],
        headers: Headers<'a>,
    ) -> std::result::Result<Self, (IdLocation, &'static str)> {
        let (location, holder) = match headers.get(header_name(field).as_bytes()) {
            Some(value) => {
                (IdLocation::Header, value.ok_or((IdLocation::Header, "it is null, where a schema's id should stand"))?)
            }
            None => (IdLocation::Payload, bytes),
        };
        let (id, rest) = SchemaId::split(holder).map_err(|what| (location, what))?;
        Ok(Self { field, id, location, rest, bytes })
    }

    fn corrupt(&self, what: String) -> Error {
        let error = Error::new(ErrorKind::Corrupt, OPERATION, what).with("field", self.field).with("schema", self.id);
        match self.location {
            IdLocation::Payload => error,
            IdLocation::Header => error.with("header", header_name(self.field)),
        }
    }
}

/// Which message of a Protobuf file a payload is: the index of a message, then that of one nested in it, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageIndexes(Vec<u32>);

impl MessageIndexes {
    /// The first message of the file.
    pub fn new() -> Self {
        Self(vec![0])
    }

    /// The indexes, from the outermost message to the innermost; never empty.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Appends them: the first message of the file as a single 0, else their count and each of them as zig-zag varints.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.0 == [0] {
            out.push(0);
            return;
        }
        write_varint(self.0.len() as u32, out);
        self.0.iter().for_each(|index| write_varint(*index, out));
    }

    /// Reads them, and returns what follows.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> std::result::Result<&'a [u8], &'static str> {
        let (count, mut rest) = read_varint(bytes)?;
        if count > INDEXES_MAX {
            return Err("it has more message indexes than messages can nest");
        }
        self.0.clear();
        for _ in 0..count {
            let (index, after) = read_varint(rest)?;
            self.0.push(index);
            rest = after;
        }
        if count == 0 {
            self.0.push(0);
        }
        Ok(rest)
    }
}

impl Default for MessageIndexes {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Into<Vec<u32>>> From<I> for MessageIndexes {
    /// Takes indexes; none are those of the first message.
    fn from(indexes: I) -> Self {
        let indexes = indexes.into();
        if indexes.is_empty() { Self::new() } else { Self(indexes) }
    }
}

/// Appends a 31-bit number as a zig-zag varint.
fn write_varint(value: u32, out: &mut Vec<u8>) {
    let mut rest = u64::from(value) << 1;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads a zig-zag varint that must not be negative, and returns what follows.
fn read_varint(bytes: &[u8]) -> std::result::Result<(u32, &[u8]), &'static str> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            if value & 1 == 1 {
                return Err("a message index is negative");
            }
            let value = u32::try_from(value).map_err(|_| "a message index is larger than 32 bits")?;
            return Ok((value >> 1, &bytes[index + 1..]));
        }
    }
    Err(if bytes.len() < 5 { "it ends within the message indexes" } else { "a message index is larger than 32 bits" })
}

#[cfg(test)]
mod tests {
    use kafi_core::HeadersBuf;

    use super::*;

    fn none() -> Headers<'static> {
        static NONE: std::sync::LazyLock<HeadersBuf> = std::sync::LazyLock::new(HeadersBuf::new);
        NONE.as_headers()
    }

    fn message(bytes: &[u8]) -> Result<(Vec<u32>, &[u8])> {
        let mut indexes = MessageIndexes::from([9, 9, 9]);
        let framed =
            Framed { field: Field::Value, id: SchemaId::Number(7), location: IdLocation::Payload, rest: bytes, bytes };
        let payload = framed.message(&mut indexes)?;
        Ok((indexes.as_slice().to_vec(), payload))
    }

    #[test]
    fn ids_are_read_in_either_form_and_place() {
        let guid = Guid(std::array::from_fn(|at| at as u8 * 16));
        for id in [SchemaId::Number(0), SchemaId::Number(7), SchemaId::Number(u32::MAX), SchemaId::Guid(guid)] {
            let mut written = Vec::new();
            id.write(&mut written);
            for field in [Field::Key, Field::Value] {
                let headers = HeadersBuf::from_iter([(header_name(field), &written)]);
                let framed = Framed::read(field, b"x", headers.as_headers()).unwrap();
                assert_eq!(
                    (framed.id(), framed.location(), framed.payload().unwrap()),
                    (id, IdLocation::Header, &b"x"[..])
                );
                let prefixed = [&written[..], b"x"].concat();
                let framed = Framed::read(field, &prefixed, none()).unwrap();
                assert_eq!(
                    (framed.id(), framed.location(), framed.payload().unwrap()),
                    (id, IdLocation::Payload, &b"x"[..])
                );
                assert_eq!(Framed::detect(field, &prefixed, none()), Some(framed));
            }
        }
        let mut written = Vec::new();
        SchemaId::Number(258).write(&mut written);
        assert_eq!(written, [0, 0, 0, 1, 2]);
        assert_eq!(SchemaId::Guid(guid).to_string(), "00102030-4050-6070-8090-a0b0c0d0e0f0");
    }

    #[test]
    fn the_last_header_of_the_field_wins() {
        let header = |id: u32| {
            let mut value = Vec::new();
            SchemaId::Number(id).write(&mut value);
            value
        };
        let headers = HeadersBuf::from_iter([
            ("__value_schema_id", header(1)),
            ("__value_schema_id", header(2)),
            ("__key_schema_id", header(3)),
        ]);
        assert_eq!(
            Framed::read(Field::Value, b"\0\0\0\0\x09", headers.as_headers()).unwrap().id(),
            SchemaId::Number(2)
        );
        assert_eq!(Framed::read(Field::Key, b"\0\0\0\0\x09", headers.as_headers()).unwrap().id(), SchemaId::Number(3));
    }

    #[test]
    fn what_is_no_id_is_one_error() {
        let error = |bytes: &[u8]| Framed::read(Field::Value, bytes, none()).unwrap_err();
        let texts = [
            (&b""[..], "it is empty, where a schema's id should stand"),
            (b"\0", "it ends within the 4 bytes of the schema's id"),
            (b"\0\x01\x02\x03", "it ends within the 4 bytes of the schema's id"),
            (b"\x01\x01\x02\x03\x04", "it ends within the 16 bytes of the schema's GUID"),
            (b"{\"a\":1}", "it does not begin with the byte 0 or 1, as what a schema registry knows does"),
        ];
        for (bytes, text) in texts {
            assert_eq!(error(bytes).to_string(), format!("read schema id: field value: {text}"));
            assert!(error(bytes).kind() == ErrorKind::Corrupt && Framed::detect(Field::Value, bytes, none()).is_none());
        }
        let mut headers = HeadersBuf::from_iter([("__value_schema_id", b"\0\0\0\0\x01x")]);
        let framed = Framed::read(Field::Value, b"x", headers.as_headers()).unwrap();
        assert_eq!(
            framed.payload().unwrap_err().to_string(),
            "read schema id: field value, schema 1, header __value_schema_id: 1 bytes follow the schema's id"
        );
        assert!(framed.message(&mut MessageIndexes::new()).is_err());
        headers.push_null("__value_schema_id");
        let error = Framed::read(Field::Value, b"\0\0\0\0\x01", headers.as_headers()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read schema id: field value, header __value_schema_id: it is null, where a schema's id should stand"
        );
    }

    #[test]
    fn message_indexes_come_back_as_they_went() {
        for indexes in [vec![0], vec![1], vec![0, 0], vec![2, 0, 70], vec![63, 64, 8191, 8192, i32::MAX as u32]] {
            let mut written = Vec::new();
            MessageIndexes::from(&indexes[..]).write(&mut written);
            assert_eq!(written.len() == 1, indexes == [0]);
            written.push(0xff);
            assert_eq!(message(&written).unwrap(), (indexes, &[0xff][..]));
        }
        assert_eq!(message(&[2, 0]).unwrap(), (vec![0], &[][..]), "the long form of the first message");
        assert_eq!(MessageIndexes::from([]).as_slice(), [0]);
        let headers = HeadersBuf::from_iter([("__key_schema_id", [0, 0, 0, 0, 1, 2, 2])]);
        let mut indexes = MessageIndexes::new();
        assert_eq!(Framed::read(Field::Key, b"x", headers.as_headers()).unwrap().message(&mut indexes).unwrap(), b"x");
        assert_eq!(indexes.as_slice(), [1]);
    }

    #[test]
    fn message_indexes_that_cannot_be_are_errors() {
        let texts = [
            (&[][..], "it ends within the message indexes"),
            (&[4, 0], "it ends within the message indexes"),
            (&[0x80], "it ends within the message indexes"),
            (&[1], "a message index is negative"),
            (&[2, 3], "a message index is negative"),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], "a message index is negative"),
            (&[0xfe, 0xff, 0xff, 0xff, 0x0f, 0], "it has more message indexes than messages can nest"),
            (&[0xfe, 0xff, 0xff, 0xff, 0x7f], "a message index is larger than 32 bits"),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0], "a message index is larger than 32 bits"),
        ];
        for (bytes, text) in texts {
            assert_eq!(
                message(bytes).unwrap_err().to_string(),
                format!("read schema id: field value, schema 7: {text}"),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn any_five_bytes_are_an_id_or_an_error() {
        for first in 0..=255 {
            for second in [0, 1, 2, 0x7f, 0x80, 0xff] {
                for len in 0..=5 {
                    let bytes = [first, second, 0x80, 0xff, second];
                    let framed = Framed::detect(Field::Value, &bytes[..len], none());
                    assert_eq!(framed.is_some(), first == 0 && len == 5);
                    if let Some(framed) = framed {
                        assert!(
                            framed.payload().unwrap().is_empty() && framed.message(&mut MessageIndexes::new()).is_err()
                        );
                    }
                    let _ = message(&bytes[..len]);
                }
            }
        }
    }

    #[test]
    fn guids_are_read_or_refused() {
        let text = "00102030-4050-6070-8090-A0b0c0d0e0f0";
        assert_eq!(text.parse::<Guid>().unwrap().to_string(), text.to_lowercase());
        for bad in [
            "",
            "0010203040506070-8090-a0b0-c0d0e0f0",
            "00102030-4050-6070-8090-a0b0c0d0e0f",
            "00102030-4050-6070-8090-a0b0c0d0e0fg",
            &"ü".repeat(18),
        ] {
            assert_eq!(bad.parse::<Guid>().unwrap_err().kind(), ErrorKind::Corrupt, "{bad}");
        }
    }
}
