//! Arrays: in order, in groups, and where something is in them.

use std::cmp::Ordering;

use jaq_core::ValT;
use jaq_core::native::{bome, v};

use crate::jaq::natives::{Native, fails};
use crate::limits::step;
use crate::value::{Error, Val, ValR};

pub(super) fn natives() -> Vec<Native> {
    vec![
        ("_sorted", v(1), |mut cv| {
            let keys = cv.0.pop_var();
            bome(sorted(&cv.1, &keys).map(|sorted| sorted.into_iter().map(|(_, item)| item).collect()))
        }),
        ("_grouped", v(1), |mut cv| {
            let keys = cv.0.pop_var();
            bome(sorted(&cv.1, &keys).map(grouped))
        }),
        ("_by", v(2), |mut cv| {
            let (is_max, keys) = (cv.0.pop_var(), cv.0.pop_var());
            bome(extreme(&cv.1, &keys, is_max.is_true()))
        }),
        ("reverse", v(0), |cv| bome(reverse(&cv.1))),
        ("_flattened", v(1), |mut cv| {
            let depth = cv.0.pop_var();
            bome(flattened(&cv.1, &depth))
        }),
        ("indices", v(1), |mut cv| {
            let part = cv.0.pop_var();
            bome(indices(&cv.1, &part))
        }),
        ("bsearch", v(1), |mut cv| {
            let wanted = cv.0.pop_var();
            bome(bsearch(&cv.1, &wanted))
        }),
    ]
}

fn items<'a>(value: &'a Val, what: &str) -> Result<&'a [Val], Error> {
    match value {
        Val::Arr(items, _) => Ok(items),
        other => Err(fails(format_args!("{} cannot be {what}, as it is not an array", other.described()))),
    }
}

/// The items with their keys, in the order of the keys.
fn sorted(value: &Val, keys: &Val) -> Result<Vec<(Val, Val)>, Error> {
    let (items, keys) = (items(value, "sorted")?, self::items(keys, "sorted")?);
    let mut all: Vec<(Val, Val)> = keys.iter().cloned().zip(items.iter().cloned()).collect();
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(all)
}

fn grouped(sorted: Vec<(Val, Val)>) -> Val {
    sorted
        .chunk_by(|(left, _), (right, _)| left.cmp(right).is_eq())
        .map(|group| group.iter().map(|(_, item)| item.clone()).collect::<Val>())
        .collect()
}

/// The first of the smallest, or the last of the largest.
fn extreme(value: &Val, keys: &Val, is_max: bool) -> ValR {
    let (items, keys) = (items(value, "searched")?, self::items(keys, "searched")?);
    let mut best: Option<(&Val, &Val)> = None;
    for (key, item) in keys.iter().zip(items) {
        let is_better = best.is_none_or(|(than, _)| match key.cmp(than) {
            Ordering::Less => !is_max,
            Ordering::Equal => is_max,
            Ordering::Greater => is_max,
        });
        if is_better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Val::Null, |(_, item)| item.clone()))
}

fn reverse(value: &Val) -> ValR {
    match value {
        Val::Null => Ok(Val::array(Vec::new())),
        Val::Str(text) => Ok(Val::str(&text.chars().rev().collect::<String>())),
        Val::Arr(items, _) => Ok(items.iter().rev().cloned().collect()),
        other => Err(fails(format_args!("Cannot reverse {}", other.described()))),
    }
}

fn flattened(value: &Val, depth: &Val) -> ValR {
    let depth = if let Val::Num(number) = depth {
        number.float()
    } else {
        return Err(fails("flatten depth must be a number"));
    };
    let values: Vec<&Val> = match value {
        Val::Arr(items, _) => items.iter().collect(),
        Val::Obj(map, _) => map.values().collect(),
        other => return Err(fails(format_args!("Cannot iterate over {}", other.described()))),
    };
    let mut flat = Vec::new();
    values.into_iter().for_each(|value| flatten(value, depth, &mut flat));
    Ok(Val::array(flat))
}

/// A negative depth has no bound.
fn flatten(value: &Val, depth: f64, flat: &mut Vec<Val>) {
    step();
    match value {
        Val::Arr(items, _) if depth != 0.0 => items.iter().for_each(|item| flatten(item, depth - 1.0, flat)),
        other => flat.push(other.clone()),
    }
}

/// Where a part begins in a text, in characters, or in an array.
pub(crate) fn indices(value: &Val, part: &Val) -> ValR {
    Ok(match (value, part) {
        (Val::Str(_), Val::Str(part)) if part.is_empty() => Val::Null,
        (Val::Str(text), Val::Str(part)) => text
            .char_indices()
            .enumerate()
            .filter(|(_, (at, _))| text[*at..].starts_with(&**part))
            .map(|(count, _)| Val::int(count))
            .collect(),
        (Val::Arr(_, _), Val::Arr(parts, _)) if parts.is_empty() => Val::Null,
        (Val::Arr(items, _), Val::Arr(parts, _)) => {
            let found = items.windows(parts.len()).enumerate().filter(|(_, window)| *window == &parts[..]);
            found.map(|(at, _)| Val::int(at)).collect()
        }
        (Val::Arr(items, _), part) => {
            items.iter().enumerate().filter(|(_, item)| *item == part).map(|(at, _)| Val::int(at)).collect()
        }
        (value, part) => value.clone().index(part)?,
    })
}

fn bsearch(value: &Val, wanted: &Val) -> ValR {
    let items = items(value, "searched from")?;
    Ok(match items.binary_search(wanted) {
        Ok(at) => Val::int(at),
        Err(at) => Val::float(-1.0 - at as f64),
    })
}
