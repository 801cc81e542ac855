//! The primitive values of Avro's binary encoding, written from JSON.

use kafi_core::JsonKind;

use crate::avro::form::Form;
use crate::avro::lookup::Mode;
use crate::avro::schema::{Logical, Node};
use crate::avro::times;
use crate::fault::{Fault, Outcome};
use crate::number::{self, Digits, Float, Misfit};
use crate::tape::Item;

#[inline]
pub(crate) fn write_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[inline]
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Writes the characters 0 to 255 as bytes.
pub(crate) fn write_latin_1(out: &mut Vec<u8>, text: &str) -> Outcome<()> {
    if text.is_ascii() {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    for character in text.chars() {
        match u8::try_from(u32::from(character)) {
            Ok(byte) => out.push(byte),
            Err(_) => {
                return Err(Fault::new(format!(
                    "bytes are a string of the characters 0 to 255, and {character:?} is none of them"
                )));
            }
        }
    }
    Ok(())
}

/// An integer: a number, or a string of its digits.
pub(crate) fn whole<T: TryFrom<i128> + std::str::FromStr>(
    node: &Node,
    item: Item<'_>,
    space: &mut Vec<u8>,
) -> Outcome<T> {
    let text = match item.kind() {
        JsonKind::Number => item.raw(),
        JsonKind::Str => item.string(space).ok_or_else(|| misfit(node, item))?,
        _ => return Err(misfit(node, item)),
    };
    number::whole(text).map_err(|why| match why {
        Misfit::NoNumber => misfit(node, item),
        Misfit::Fraction => Fault::new(format!("{} is whole, and it is {}", a(node), item.described())),
        Misfit::TooLarge => Fault::new(format!("{} is too large for {}", item.described(), a(node))),
    })
}

/// The number of a date or time that is text, which defaults of schemas do not have.
pub(crate) fn time(node: &Node, item: Item<'_>, mode: Mode) -> Option<i64> {
    let logical = node.logical.filter(|_| item.kind() == JsonKind::Str && mode != Mode::Default)?;
    times::number_of(logical, item.string(&mut Vec::new())?)
}

/// A floating point number, or the name of what is none.
pub(crate) fn float<F: Float>(node: &Node, item: Item<'_>) -> Outcome<F> {
    match item.kind() {
        JsonKind::Number => {
            F::parsed(item.raw()).map_err(|_| Fault::new(format!("{} is too large for {}", item.described(), a(node))))
        }
        JsonKind::Str => {
            let name = &item.raw()[1..item.raw().len() - 1];
            F::named(name).ok_or_else(|| misfit(node, item))
        }
        _ => Err(misfit(node, item)),
    }
}

/// Whether this is a decimal's number, and not its bytes.
pub(crate) fn is_number(item: Item<'_>, mode: Mode) -> bool {
    item.kind() == JsonKind::Number || mode == Mode::Value(Form::Readable)
}

/// A decimal's number as its bytes.
pub(crate) fn decimal(node: &Node, item: Item<'_>, scale: u32, precision: u32, out: &mut Vec<u8>) -> Outcome<()> {
    let text = match item.kind() {
        JsonKind::Number => item.raw(),
        JsonKind::Str => &item.raw()[1..item.raw().len() - 1],
        _ => return Err(misfit(node, item)),
    };
    let mut digits = Digits::default();
    number::scaled(text, scale, precision, &mut digits).map_err(|why| match why {
        Misfit::NoNumber => misfit(node, item),
        Misfit::Fraction => Fault::new(format!(
            "{} has more digits behind the point than the decimal's scale, {scale}",
            item.described()
        )),
        Misfit::TooLarge => Fault::new(format!(
            "{} has more digits than the decimal's precision, {precision}, with {scale} behind the point",
            item.described()
        )),
    })?;
    digits.write_twos_complement(out);
    Ok(())
}

/// That a value is not what the schema wants.
#[cold]
pub(crate) fn misfit(node: &Node, item: Item<'_>) -> Box<Fault> {
    if item.kind() == JsonKind::Str && item.string(&mut Vec::new()).is_none() {
        return half_character(item);
    }
    Fault::new(format!("{} is needed, and it is {}", a(node), item.described()))
}

/// That a string names half a character.
#[cold]
pub(crate) fn half_character(item: Item<'_>) -> Box<Fault> {
    Fault::new(format!("{} names half a character (a lone surrogate)", item.described()))
}

/// The type with its article.
fn a(node: &Node) -> String {
    let word = match node.logical {
        Some(Logical::Decimal { .. }) => "decimal",
        _ => node.shape.word(),
    };
    let article = if word.starts_with(['a', 'e', 'i', 'u']) { "an" } else { "a" };
    match node.names() {
        Some(names) => format!("the {word} {}", names.full),
        None if matches!(word, "bytes" | "null") => word.to_string(),
        None => format!("{article} {word}"),
    }
}
