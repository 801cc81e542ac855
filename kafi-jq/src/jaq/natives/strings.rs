//! Strings.

use jaq_core::native::{bome, v};

use crate::jaq::natives::{Native, fails};
use crate::value::{Error, Val, ValR, split};

pub(super) fn natives() -> Vec<Native> {
    vec![
        ("utf8bytelength", v(0), |cv| match &cv.1 {
            Val::Str(text) => bome(Ok(Val::int(text.len()))),
            other => bome(Err(fails(format_args!("{} only strings have UTF-8 byte length", other.described())))),
        }),
        ("ascii_downcase", v(0), |cv| bome(cased(&cv.1, "ascii_downcase", str::to_ascii_lowercase))),
        ("ascii_upcase", v(0), |cv| bome(cased(&cv.1, "ascii_upcase", str::to_ascii_uppercase))),
        ("startswith", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(two(&cv.1, &part, "startswith").map(|(text, part)| Val::Bool(text.starts_with(part))))
        }),
        ("endswith", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(two(&cv.1, &part, "endswith").map(|(text, part)| Val::Bool(text.ends_with(part))))
        }),
        ("ltrimstr", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(Ok(stripped(cv.1, &part, |text, part| text.strip_prefix(part))))
        }),
        ("rtrimstr", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(Ok(stripped(cv.1, &part, |text, part| text.strip_suffix(part).filter(|_| !part.is_empty()))))
        }),
        ("trimstr", v(1), |mut cv| {
            let part = cv.0.pop_var();
            let left = stripped(cv.1, &part, |text, part| text.strip_prefix(part));
            bome(Ok(stripped(left, &part, |text, part| text.strip_suffix(part).filter(|_| !part.is_empty()))))
        }),
        ("trim", v(0), |cv| bome(trimmed(&cv.1, str::trim))),
        ("ltrim", v(0), |cv| bome(trimmed(&cv.1, str::trim_start))),
        ("rtrim", v(0), |cv| bome(trimmed(&cv.1, str::trim_end))),
        ("split", v(1), |mut cv| {
            let separator = cv.0.pop_var();
            bome(match (&cv.1, &separator) {
                (Val::Str(text), Val::Str(separator)) => Ok(split(text, separator)),
                _ => Err(fails("split input and separator must be strings")),
            })
        }),
        ("explode", v(0), |cv| match &cv.1 {
            Val::Str(text) => bome(Ok(text.chars().map(|character| Val::int(character as usize)).collect())),
            other => bome(Err(fails(format_args!("{} cannot be exploded", other.described())))),
        }),
        ("implode", v(0), |cv| bome(imploded(&cv.1))),
    ]
}

fn cased(value: &Val, name: &str, case: fn(&str) -> String) -> ValR {
    match value {
        Val::Str(text) => Ok(Val::str(&case(text))),
        _ => Err(fails(format_args!("{name} input must be a string"))),
    }
}

fn two<'a>(value: &'a Val, part: &'a Val, name: &str) -> Result<(&'a str, &'a str), Error> {
    match (value, part) {
        (Val::Str(text), Val::Str(part)) => Ok((text, part)),
        _ => Err(fails(format_args!("{name}() requires string inputs"))),
    }
}

/// Without a part at one end; what is no string, or has it not, stays.
fn stripped(value: Val, part: &Val, strip: for<'t> fn(&'t str, &str) -> Option<&'t str>) -> Val {
    if let (Val::Str(text), Val::Str(part)) = (&value, part)
        && let Some(rest) = strip(text, part)
    {
        return Val::str(rest);
    }
    value
}

fn trimmed(value: &Val, trim: fn(&str) -> &str) -> ValR {
    match value {
        Val::Str(text) => Ok(Val::str(trim(text))),
        other => Err(fails(format_args!("{} cannot be trimmed", other.described()))),
    }
}

fn imploded(value: &Val) -> ValR {
    let Val::Arr(points, _) = value else { return Err(fails("implode input must be an array")) };
    let characters = points.iter().map(|point| match point {
        Val::Num(number) => {
            let point = number.int().and_then(|int| u32::try_from(int).ok());
            Ok(point.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        _ => Err(fails("Unicode codepoint must be numeric")),
    });
    characters.collect::<Result<String, Error>>().map(|text| Val::str(&text))
}
