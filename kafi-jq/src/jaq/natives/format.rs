//! `@csv`, `@base64`, and the other forms of text.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jaq_core::native::{bome, v};

use crate::jaq::natives::{Native, fails};
use crate::value::{Error, Val, ValR};

/// Takes base64 with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn natives() -> Vec<Native> {
    vec![("_format", v(1), |mut cv| {
        let name = cv.0.pop_var();
        bome(formatted(&cv.1, &name))
    })]
}

fn formatted(value: &Val, name: &Val) -> ValR {
    let Val::Str(name) = name else { return Err(fails("a format is named by a string")) };
    let text = match &**name {
        "csv" => row(value, "csv", ",", csv_cell)?,
        "tsv" => row(value, "tsv", "\t", tsv_cell)?,
        "sh" => match value {
            Val::Arr(items, _) => items.iter().map(shell_word).collect::<Result<Vec<_>, _>>()?.join(" "),
            other => shell_word(other)?,
        },
        "html" => text_of(value).chars().fold(String::new(), |text, character| text + &html(character)),
        "uri" => uri(&text_of(value)),
        "urid" => from_uri(&text_of(value))?,
        "base64" => BASE64.encode(text_of(value)),
        "base64d" => from_base64(value)?,
        "base32" => to_base32(text_of(value).as_bytes()),
        "base32d" => from_base32(value)?,
        other => return Err(fails(format_args!("{other} is not a valid format"))),
    };
    Ok(Val::str(&text))
}

fn text_of(value: &Val) -> String {
    match value {
        Val::Str(text) => text.to_string(),
        other => other.to_string(),
    }
}

fn row(value: &Val, name: &str, separator: &str, cell: fn(&Val) -> Result<String, Error>) -> Result<String, Error> {
    let Val::Arr(items, _) = value else {
        return Err(fails(format_args!("{} cannot be {name}-formatted, only an array can be", value.described())));
    };
    Ok(items.iter().map(cell).collect::<Result<Vec<_>, _>>()?.join(separator))
}

fn csv_cell(value: &Val) -> Result<String, Error> {
    Ok(match value {
        Val::Null => String::new(),
        Val::Str(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        Val::Bool(_) | Val::Num(_) => value.to_string(),
        _ => return Err(fails(format_args!("{} is not valid in a csv row", value.described()))),
    })
}

fn tsv_cell(value: &Val) -> Result<String, Error> {
    Ok(match value {
        Val::Null => String::new(),
        Val::Str(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\r', "\\r").replace('\n', "\\n"),
        Val::Bool(_) | Val::Num(_) => value.to_string(),
        _ => return Err(fails(format_args!("{} is not valid in a tsv row", value.described()))),
    })
}

fn shell_word(value: &Val) -> Result<String, Error> {
    match value {
        Val::Str(text) => Ok(format!("'{}'", text.replace('\'', "'\\''"))),
        Val::Arr(..) | Val::Obj(..) => Err(fails(format_args!("{} can not be escaped for shell", value.described()))),
        other => Ok(other.to_string()),
    }
}

fn html(character: char) -> String {
    match character {
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '&' => "&amp;".into(),
        '\'' => "&#39;".into(),
        '"' => "&quot;".into(),
        other => other.into(),
    }
}

fn uri(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn from_uri(text: &str) -> Result<String, Error> {
    let wrong = || fails(format_args!("{text:?} is not a valid uri encoding"));
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = &rest[2..];
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn from_base64(value: &Val) -> Result<String, Error> {
    let text = text_of(value);
    let decoded = BASE64.decode(text.trim_end_matches('='));
    let bytes = decoded.map_err(|_| fails(format_args!("{} is not valid base64 data", value.described())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn to_base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let five = (bits >> (35 - 5 * index)) & 31;
            out.push(if index < used { char::from(BASE32[five as usize]) } else { '=' });
        }
    }
    out
}

fn from_base32(value: &Val) -> Result<String, Error> {
    let text = text_of(value);
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let five = BASE32.iter().position(|known| *known == byte);
        let five = five.ok_or_else(|| fails(format_args!("{} is not valid base32 data", value.described())))?;
        bits = (bits << 5 | five as u32) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
