//! The pieces of Protobuf's wire format, written from JSON.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use kafi_core::JsonKind;
use kafi_core::json_text::Scanner;

use crate::fault::{Fault, Outcome};
use crate::number::{self, Float, Misfit};
use crate::protobuf::types::{Kind, Types, Wire};
use crate::tape::Item;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[inline]
pub(crate) fn write_varint(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[inline]
pub(crate) fn write_tag(out: &mut Vec<u8>, number: u32, wire: Wire) {
    write_varint(out, u64::from(number) << 3 | wire as u64);
}

/// Puts the length of what was written from `start` on in front of it, where a byte is left for it.
pub(crate) fn set_length(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
        return;
    }
    let end = out.len();
    write_varint(out, len as u64);
    // It was written behind the content, and changes places with it.
    let prefix = out.len() - end;
    out[start + 1..].rotate_right(prefix);
    out.remove(start);
}

/// Writes a value that is no message, without its tag.
pub(crate) fn write_scalar(
    types: &Types,
    kind: Kind,
    item: Item<'_>,
    space: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    match kind {
        Kind::String => {
            let text = item.string(space).ok_or_else(|| misfit(types, kind, item))?;
            write_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
        Kind::Bytes => {
            let bytes = base64(item, space).ok_or_else(|| misfit(types, kind, item))?;
            write_varint(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
            Ok(())
        }
        Kind::Bool if item.kind() == JsonKind::Bool => {
            out.push(u8::from(item.raw() == "true"));
            Ok(())
        }
        Kind::Double => {
            out.extend_from_slice(&float::<f64>(types, kind, item, space)?.to_le_bytes());
            Ok(())
        }
        Kind::Float => {
            out.extend_from_slice(&float::<f32>(types, kind, item, space)?.to_le_bytes());
            Ok(())
        }
        Kind::Enum(id) => {
            let symbols = types.symbols(id);
            let number = match item.kind() {
                JsonKind::Null if symbols.is_null => 0,
                JsonKind::Str => {
                    let name = item.string(space).ok_or_else(|| misfit(types, kind, item))?;
                    *symbols
                        .numbers
                        .get(name)
                        .ok_or_else(|| Fault::new(format!("{} has no value {}", symbols.name, item.raw())))?
                }
                _ => whole::<i32>(types, kind, item, space)?,
            };
            write_varint(out, i64::from(number) as u64);
            Ok(())
        }
        Kind::Bool | Kind::Message(_) | Kind::Group(_) => Err(misfit(types, kind, item)),
        kind => {
            let text = match item.kind() {
                JsonKind::Number => item.raw(),
                JsonKind::Str => item.string(space).ok_or_else(|| misfit(types, kind, item))?,
                _ => return Err(misfit(types, kind, item)),
            };
            write_whole(types, kind, text, item, out)
        }
    }
}

/// Writes an integer from its text.
pub(crate) fn write_whole(types: &Types, kind: Kind, text: &str, item: Item<'_>, out: &mut Vec<u8>) -> Outcome<()> {
    fn read<T: TryFrom<i128> + std::str::FromStr>(types: &Types, kind: Kind, text: &str, item: Item<'_>) -> Outcome<T> {
        number::whole(text).map_err(|why| match why {
            Misfit::NoNumber => misfit(types, kind, item),
            Misfit::Fraction => Fault::new(format!("{} is whole, and it is {}", a(types, kind), item.described())),
            Misfit::TooLarge => Fault::new(format!("{} is too large for {}", item.described(), a(types, kind))),
        })
    }
    match kind {
        Kind::Int32 => write_varint(out, i64::from(read::<i32>(types, kind, text, item)?) as u64),
        Kind::Int64 => write_varint(out, read::<i64>(types, kind, text, item)? as u64),
        Kind::Uint32 => write_varint(out, u64::from(read::<u32>(types, kind, text, item)?)),
        Kind::Uint64 => write_varint(out, read::<u64>(types, kind, text, item)?),
        Kind::Sint32 => write_varint(out, zigzag(i64::from(read::<i32>(types, kind, text, item)?))),
        Kind::Sint64 => write_varint(out, zigzag(read::<i64>(types, kind, text, item)?)),
        Kind::Fixed32 => out.extend_from_slice(&read::<u32>(types, kind, text, item)?.to_le_bytes()),
        Kind::Sfixed32 => out.extend_from_slice(&read::<i32>(types, kind, text, item)?.to_le_bytes()),
        Kind::Fixed64 => out.extend_from_slice(&read::<u64>(types, kind, text, item)?.to_le_bytes()),
        Kind::Sfixed64 => out.extend_from_slice(&read::<i64>(types, kind, text, item)?.to_le_bytes()),
        _ => return Err(misfit(types, kind, item)),
    }
    Ok(())
}

fn whole<T: TryFrom<i128> + std::str::FromStr>(
    types: &Types,
    kind: Kind,
    item: Item<'_>,
    _space: &mut Vec<u8>,
) -> Outcome<T> {
    if item.kind() != JsonKind::Number {
        return Err(misfit(types, kind, item));
    }
    number::whole(item.raw()).map_err(|_| misfit(types, kind, item))
}

fn float<F: Float>(types: &Types, kind: Kind, item: Item<'_>, space: &mut Vec<u8>) -> Outcome<F> {
    let text = match item.kind() {
        JsonKind::Number => item.raw(),
        JsonKind::Str => {
            let text = item.string(space).ok_or_else(|| misfit(types, kind, item))?;
            if let Some(value) = F::named(text) {
                return Ok(value);
            }
            if !is_number(text) {
                return Err(misfit(types, kind, item));
            }
            text
        }
        _ => return Err(misfit(types, kind, item)),
    };
    F::parsed(text).map_err(|_| Fault::new(format!("{} is too large for {}", item.described(), a(types, kind))))
}

/// Whether a text is a JSON number.
fn is_number(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes());
    matches!(scanner.peek(), Some(b'-' | b'0'..=b'9')) && scanner.scalar().is_ok() && scanner.position() == text.len()
}

/// The bytes of a string in base64, of either alphabet, with or without padding.
pub(crate) fn base64(item: Item<'_>, space: &mut Vec<u8>) -> Option<Vec<u8>> {
    let text = item.string(space)?;
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(text).ok()
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// That a value is not what the schema wants.
#[cold]
pub(crate) fn misfit(types: &Types, kind: Kind, item: Item<'_>) -> Box<Fault> {
    if item.kind() == JsonKind::Str && item.string(&mut Vec::new()).is_none() {
        return half_character(item);
    }
    Fault::new(format!("{} is needed, and it is {}", a(types, kind), item.described()))
}

/// That a string names half a character.
#[cold]
pub(crate) fn half_character(item: Item<'_>) -> Box<Fault> {
    Fault::new(format!("{} names half a character (a lone surrogate)", item.described()))
}

/// What a kind is called, with its article.
fn a(types: &Types, kind: Kind) -> String {
    match kind {
        Kind::Enum(id) => format!("a value of {}", types.symbols(id).name),
        Kind::Message(id) | Kind::Group(id) => format!("the message {}", types.message(id).name),
        Kind::Bytes => "bytes as a string in base64".into(),
        Kind::Int32 | Kind::Int64 => format!("an {}", format!("{kind:?}").to_lowercase()),
        kind => format!("a {}", format!("{kind:?}").to_lowercase()),
    }
}
