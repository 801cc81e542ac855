//! Objects as lists of their members and back, and what people do with lists most: sums and joined texts.

use jaq_core::ValT;
use jaq_core::native::{bome, v};

use crate::jaq::natives::{Native, fails};
use crate::limits::{made, step};
use crate::value::{Error, Map, Val, ValR, shared_name};

/// Where an entry may have its key.
const KEYS: [&str; 5] = ["key", "k", "name", "Name", "Key"];

pub(super) fn natives() -> Vec<Native> {
    vec![
        ("keys", v(0), |cv| bome(keys(cv.1))),
        ("to_entries", v(0), |cv| bome(to_entries(cv.1))),
        ("from_entries", v(0), |cv| bome(from_entries(cv.1))),
        ("add", v(0), |cv| bome(cv.1.values().try_fold(Val::Null, |sum, value| sum + value?))),
        ("join", v(1), |mut cv| {
            let separator = cv.0.pop_var();
            bome(joined(cv.1, &separator))
        }),
    ]
}

fn keys(value: Val) -> ValR {
    let mut keys = value.key_values().map(|member| Ok(member?.0)).collect::<Result<Vec<_>, Error>>()?;
    keys.sort();
    Ok(keys.into_iter().collect())
}

fn to_entries(value: Val) -> ValR {
    let (key_name, value_name) = (shared_name("key"), shared_name("value"));
    let entry = |member: Result<(Val, Val), Error>| {
        let (key, value) = member?;
        step();
        Ok(Val::object([(key_name.clone(), key), (value_name.clone(), value)].into_iter().collect()))
    };
    value.key_values().map(entry).collect()
}

fn from_entries(entries: Val) -> ValR {
    let mut map = Map::default();
    for entry in entries.values() {
        let entry = entry?;
        step();
        let Val::Str(key) = key_of(&entry)? else { unreachable!("keys are texts") };
        let value = match &entry {
            Val::Obj(members, _) => ["value", "v", "Value"].iter().find_map(|name| members.get(name)).cloned(),
            _ => None,
        };
        map.insert(key, value.unwrap_or_default());
    }
    Ok(Val::object(map))
}

/// The key of an entry, as a text.
fn key_of(entry: &Val) -> ValR {
    let of = |name: &str| entry.clone().index(&Val::Str(shared_name(name)));
    let mut key = Val::Null;
    for name in KEYS {
        if key == Val::Null {
            key = of(name)?;
        }
    }
    if key == Val::Null {
        key = of("K")?;
    }
    match key {
        Val::Str(_) => Ok(key),
        Val::Null | Val::Bool(_) | Val::Num(_) => Ok(key.into_string()),
        _ => Err(fails(format_args!("Cannot use {} ({key}) as object key", key.type_name()))),
    }
}

fn joined(value: Val, separator: &Val) -> ValR {
    let mut text = String::new();
    for (index, part) in value.values().enumerate() {
        step();
        if index > 0 {
            append(&mut text, separator.clone())?;
        }
        let part = part?;
        let is_written = matches!(part, Val::Bool(_) | Val::Num(_));
        append(&mut text, if is_written { part.into_string() } else { part })?;
    }
    Ok(Val::Str(text.into()))
}

/// As `+` of texts, of which null is an empty one.
fn append(text: &mut String, part: Val) -> Result<(), Error> {
    match part {
        Val::Null => {}
        Val::Str(part) => {
            made(part.len());
            text.push_str(&part);
        }
        other => drop((Val::str(text) + other)?),
    }
    Ok(())
}
