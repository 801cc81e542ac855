//! The builtins that are written in Rust.

mod arrays;
mod entries;
mod format;
mod math;
mod regular;
mod strings;
mod times;

use jaq_core::native::{Filter, Fun, bome, run, v};
use jaq_core::{Error as JaqError, RunPtr, ValT};

use crate::jaq::Kind;
use crate::number::Num;
use crate::value::{Error, Val, ValR, delete_paths};

pub(crate) use arrays::indices;

/// A builtin: its name, its arguments, and what it does.
type Native = Filter<RunPtr<Kind>>;

/// All of them, and those of the interpreter's own that ours stand on.
pub(super) fn all() -> impl Iterator<Item = Fun<Kind>> {
    let own = [
        general(),
        arrays::natives(),
        entries::natives(),
        strings::natives(),
        math::natives(),
        regular::natives(),
        times::natives(),
    ];
    let own = own.into_iter().flatten().chain(format::natives()).map(run::<Kind>);
    own.chain(jaq_core::funs().map(|(name, args, native)| (renamed(name), args, native)))
}

/// What ours are called like keeps a name of its own.
fn renamed(name: &'static str) -> &'static str {
    match name {
        "range" => "range_native",
        "limit" => "limit_native",
        "skip" => "skip_native",
        other => other,
    }
}

fn general() -> Vec<Native> {
    vec![
        ("true", v(0), |_| bome(Ok(Val::Bool(true)))),
        ("false", v(0), |_| bome(Ok(Val::Bool(false)))),
        ("not", v(0), |cv| bome(Ok(Val::Bool(!cv.1.is_true())))),
        ("tostring", v(0), |cv| bome(Ok(cv.1.into_string()))),
        ("type", v(0), |cv| bome(Ok(Val::str(cv.1.type_name())))),
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("tojson", v(0), |cv| bome(Ok(Val::str(&cv.1.to_string())))),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("tonumber", v(0), |cv| bome(to_number(cv.1))),
        ("toboolean", v(0), |cv| bome(to_boolean(&cv.1))),
        ("has", v(1), |mut cv| {
            let key = cv.0.pop_var();
            bome(has(&cv.1, &key))
        }),
        ("contains", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(contains(&cv.1, &part))
        }),
        ("_without", v(1), |mut cv| {
            let paths = cv.0.pop_var();
            bome(delete_paths(cv.1, &paths))
        }),
        ("nan_native", v(0), |_| bome(Ok(Val::Num(Num::Float(f64::NAN))))),
        ("infinite_native", v(0), |_| bome(Ok(Val::Num(Num::Float(f64::INFINITY))))),
    ]
}

fn fails(text: impl std::fmt::Display) -> Error {
    JaqError::str(text.to_string())
}

fn length(value: &Val) -> ValR {
    Ok(match value {
        Val::Null => Val::int(0),
        Val::Bool(_) => return Err(fails(format_args!("{} has no length", value.described()))),
        Val::Num(number) if number.float() < 0.0 => Val::Num(number.clone().negated()),
        Val::Num(number) => Val::Num(number.clone()),
        Val::Str(text) => Val::int(text.chars().count()),
        Val::Arr(items, _) => Val::int(items.len()),
        Val::Obj(map, _) => Val::int(map.len()),
    })
}

fn from_json(value: &Val) -> ValR {
    let Val::Str(text) = value else {
        return Err(fails(format_args!("{} only strings can be parsed", value.described())));
    };
    if text.trim() == "nan" {
        return Ok(Val::Num(Num::Float(f64::NAN)));
    }
    Val::read(text).map_err(|fault| fails(format_args!("{} (while parsing '{text}')", fault.what)))
}

fn to_number(value: Val) -> ValR {
    match &value {
        Val::Num(_) => Ok(value),
        Val::Str(text) => match number_of(text) {
            Some(number) => Ok(Val::Num(number)),
            None => Err(fails(format_args!("{} cannot be parsed as a number", value.described()))),
        },
        other => Err(fails(format_args!("{} cannot be parsed as a number", other.described()))),
    }
}

/// The number that a text is, as JSON has it, or with a sign, or a point at either end.
pub(crate) fn number_of(text: &str) -> Option<Num> {
    if Val::read(text).is_ok_and(|value| matches!(value, Val::Num(_))) && text.trim() == text {
        return Some(Num::read(text));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok().map(Num::of)
}

fn to_boolean(value: &Val) -> ValR {
    match value {
        Val::Bool(is) => Ok(Val::Bool(*is)),
        Val::Str(text) if &**text == "true" => Ok(Val::Bool(true)),
        Val::Str(text) if &**text == "false" => Ok(Val::Bool(false)),
        other => Err(fails(format_args!("{} cannot be parsed as a boolean", other.described()))),
    }
}

fn has(value: &Val, key: &Val) -> ValR {
    match (value, key) {
        (Val::Obj(map, _), Val::Str(name)) => Ok(Val::Bool(map.contains_key(name))),
        (Val::Arr(items, _), Val::Num(number)) => {
            let float = number.float();
            Ok(Val::Bool(float >= 0.0 && float.floor() < items.len() as f64))
        }
        _ => {
            let key = if let Val::Str(name) = key { format!("string \"{name}\"") } else { key.type_name().to_string() };
            Err(fails(format_args!("Cannot check whether {} has a {key} key", value.type_name())))
        }
    }
}

fn contains(value: &Val, part: &Val) -> ValR {
    if value.type_name() != part.type_name() {
        return Err(fails(format_args!(
            "{} and {} cannot have their containment checked",
            value.described(),
            part.described()
        )));
    }
    Ok(Val::Bool(is_within(value, part)))
}

fn is_within(value: &Val, part: &Val) -> bool {
    crate::limits::step();
    match (value, part) {
        (Val::Str(text), Val::Str(part)) => text.contains(&**part),
        (Val::Arr(items, _), Val::Arr(parts, _)) => {
            parts.iter().all(|part| items.iter().any(|item| is_within(item, part)))
        }
        (Val::Obj(map, _), Val::Obj(parts, _)) => {
            parts.iter().all(|(name, part)| map.get(name).is_some_and(|value| is_within(value, part)))
        }
        _ => value == part,
    }
}
