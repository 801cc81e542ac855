//! Regular expressions, each compiled once in a thread.

use std::cell::RefCell;
use std::collections::HashMap;

use jaq_core::native::{bome, v};
use regex::{Captures, Match, Regex, RegexBuilder};

use crate::jaq::natives::{Native, fails};
use crate::value::{Error, Map, Val, ValR};

/// So many expressions are kept, before they are compiled anew.
const KEPT_MAX: usize = 64;

/// An expression, and how it is looked for.
#[derive(Clone)]
struct Expression {
    regex: Regex,
    is_global: bool,
    leaves_out_empty: bool,
}

thread_local! {
    static KEPT: RefCell<HashMap<(String, String), Expression>> = RefCell::default();
}

pub(super) fn natives() -> Vec<Native> {
    vec![
        ("_match", v(2), |mut cv| {
            let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
            bome(matches(&cv.1, &pattern, &flags))
        }),
        ("_test", v(2), |mut cv| {
            let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
            bome(is_match(&cv.1, &pattern, &flags).map(Val::Bool))
        }),
    ]
}

/// Whether a text matches.
pub(crate) fn is_match(value: &Val, pattern: &Val, flags: &Val) -> Result<bool, Error> {
    let (text, expression) = prepared(value, pattern, flags)?;
    Ok(expression.regex.is_match(text))
}

fn matches(value: &Val, pattern: &Val, flags: &Val) -> ValR {
    let (text, expression) = prepared(value, pattern, flags)?;
    let most = if expression.is_global { usize::MAX } else { 1 };
    let wanted = |captures: &Captures<'_>| !(expression.leaves_out_empty && captures.get_match().is_empty());
    let found = expression.regex.captures_iter(text).filter(wanted).take(most);
    Ok(found.map(|captures| described(text, &expression.regex, &captures)).collect())
}

fn prepared<'v>(value: &'v Val, pattern: &Val, flags: &Val) -> Result<(&'v str, Expression), Error> {
    let (pattern, flags) = match (pattern, flags) {
        // As jq has it, the pattern may be an array of the two.
        (Val::Arr(both, _), Val::Null) => (both.first().unwrap_or(&Val::Null), both.get(1).unwrap_or(&Val::Null)),
        both => both,
    };
    let Val::Str(text) = value else {
        return Err(fails(format_args!("{} cannot be matched, as it is not a string", value.described())));
    };
    let Val::Str(pattern) = pattern else {
        return Err(fails(format_args!("{} cannot be matched, as it is not a string", pattern.described())));
    };
    let flags = match flags {
        Val::Null => "",
        Val::Str(flags) => flags,
        other => return Err(fails(format_args!("{} is not a string", other.described()))),
    };
    let kept = |pattern: &str| {
        KEPT.with_borrow_mut(|kept| {
            let key = (pattern.to_string(), flags.to_string());
            if let Some(known) = kept.get(&key) {
                return Ok(known.clone());
            }
            let expression = compiled(pattern, flags)?;
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(key, expression.clone());
            Ok(expression)
        })
    };
    Ok((text, kept(pattern)?))
}

fn compiled(pattern: &str, flags: &str) -> Result<Expression, Error> {
    let mut builder = RegexBuilder::new(pattern);
    let (mut is_global, mut leaves_out_empty) = (false, false);
    for flag in flags.chars() {
        match flag {
            'g' => is_global = true,
            'i' => drop(builder.case_insensitive(true)),
            'x' => drop(builder.ignore_whitespace(true)),
            's' => drop(builder.dot_matches_new_line(true)),
            'p' => drop(builder.dot_matches_new_line(true).multi_line(true)),
            'n' => leaves_out_empty = true,
            // The longest match of alternatives is not what this engine looks for.
            'l' => {}
            _ => return Err(fails(format_args!("{flags} is not a valid modifier string"))),
        }
    }
    let regex = builder.build().map_err(|error| {
        let why = error.to_string();
        fails(format_args!("{pattern} (at offset 0) is not a valid regex: {}", why.lines().last().unwrap_or_default()))
    })?;
    Ok(Expression { regex, is_global, leaves_out_empty })
}

fn described(text: &str, regex: &Regex, captures: &Captures<'_>) -> Val {
    let groups = regex.capture_names().enumerate().skip(1).map(|(index, name)| {
        let mut map = placed(text, captures.get(index));
        map.insert("name".into(), name.map_or(Val::Null, Val::str));
        Val::object(map)
    });
    let groups: Val = groups.collect();
    let mut map = placed(text, Some(captures.get_match()));
    map.insert("captures".into(), groups);
    Val::object(map)
}

/// Where a match lies, in characters, and what it is.
fn placed(text: &str, found: Option<Match<'_>>) -> Map {
    let (offset, length, string) = match found {
        Some(found) => (
            Val::int(text[..found.start()].chars().count()),
            Val::int(found.as_str().chars().count()),
            Val::str(found.as_str()),
        ),
        None => (Val::float(-1.0), Val::int(0), Val::Null),
    };
    [("offset", offset), ("length", length), ("string", string)]
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}
