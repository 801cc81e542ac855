//! How values are taken apart and put together again: `.a`, `.[0]`, `.[1:]`, `.[]`, and what is assigned to them, as
//! jq 1.8 has it: what is null becomes what is needed.

use std::ops::Range;
use std::rc::Rc;

use jaq_core::path::Opt;
use jaq_core::val::ValX;
use jaq_core::{Exn, ValT};

use crate::limits::{made, step};
use crate::number::Num;
use crate::value::{Error, Map, Val, ValR};

/// The largest index at which something may be put into an array.
const INDEX_MAX: usize = 1 << 24;

type Values<T> = Box<dyn Iterator<Item = Result<T, Error>>>;

impl ValT for Val {
    fn from_num(number: &str) -> ValR {
        Ok(Self::Num(Num::read(number)))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR {
        let mut map = Map::default();
        for (name, value) in members {
            let Self::Str(name) = name else {
                return Err(Error::str(format_args!("Object keys must be strings, not {}", name.described())));
            };
            map.insert(name, value);
        }
        Ok(Self::object(map))
    }

    fn key_values(self) -> Values<(Self, Self)> {
        step();
        match self {
            Self::Arr(items, _) => Box::new(
                Rc::unwrap_or_clone(items).into_iter().enumerate().map(|(index, item)| Ok((Self::int(index), item))),
            ),
            Self::Obj(map, _) => {
                Box::new(Rc::unwrap_or_clone(map).into_iter().map(|(name, value)| Ok((Self::Str(name), value))))
            }
            other => Box::new(std::iter::once(Err(cannot_iterate(&other)))),
        }
    }

    fn values(self) -> Values<Self> {
        step();
        match self {
            Self::Arr(items, _) => Box::new(Rc::unwrap_or_clone(items).into_iter().map(Ok)),
            Self::Obj(map, _) => Box::new(Rc::unwrap_or_clone(map).into_iter().map(|(_, value)| Ok(value))),
            other => Box::new(std::iter::once(Err(cannot_iterate(&other)))),
        }
    }

    fn index(self, index: &Self) -> ValR {
        step();
        match (&self, index) {
            (Self::Null, Self::Str(_) | Self::Num(_) | Self::Null) => Ok(Self::Null),
            (Self::Obj(map, _), Self::Str(name)) => Ok(map.get(name).cloned().unwrap_or(Self::Null)),
            (Self::Arr(items, _), Self::Num(number)) => {
                Ok(place_of(number, items.len()).and_then(|at| items.get(at)).cloned().unwrap_or(Self::Null))
            }
            (Self::Arr(_, _), Self::Arr(_, _)) => crate::jaq::indices(&self, index),
            (Self::Arr(_, _) | Self::Null, Self::Obj(slice, _)) if is_slice(slice) => {
                let (start, end) = (slice.get("start"), slice.get("end"));
                self.clone().range(start..end)
            }
            _ => Err(cannot_index(&self, index)),
        }
    }

    fn range(self, range: Range<Option<&Self>>) -> ValR {
        step();
        match self {
            Self::Null => Ok(Self::Null),
            Self::Arr(items, _) => {
                let (start, end) = bounds(range, items.len())?;
                Ok(Self::array(items[start..end].to_vec()))
            }
            Self::Str(text) => {
                let (start, end) = bounds(range, text.chars().count())?;
                let byte = |count| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
                Ok(Self::str(&text[byte(start)..byte(end)]))
            }
            other => Err(Error::str(format_args!("Cannot index {} with object", other.type_name()))),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a, Self> {
        step();
        match self {
            Self::Arr(items, _) => {
                let mut mapped = Vec::with_capacity(items.len());
                for item in Rc::unwrap_or_clone(items) {
                    mapped.extend(f(item).next().transpose()?);
                }
                Ok(Self::array(mapped))
            }
            Self::Obj(map, _) => {
                let mut mapped = Map::default();
                for (name, value) in Rc::unwrap_or_clone(map) {
                    if let Some(value) = f(value).next().transpose()? {
                        mapped.insert(name, value);
                    }
                }
                Ok(Self::object(mapped))
            }
            other => opt.fail(other, |other| Exn::from(cannot_iterate(&other))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        step();
        match (self, index) {
            (value, Self::Obj(slice, _)) if is_slice(slice) => {
                let (start, end) = (slice.get("start"), slice.get("end"));
                value.map_range(start..end, opt, f)
            }
            (Self::Null, Self::Str(name)) => member_mapped(Map::default(), name, f),
            (Self::Obj(map, _), Self::Str(name)) => member_mapped(Rc::unwrap_or_clone(map), name, f),
            (Self::Null, Self::Num(number)) => item_mapped(Vec::new(), number, f),
            (Self::Arr(items, _), Self::Num(number)) => item_mapped(Rc::unwrap_or_clone(items), number, f),
            (value, index) => opt.fail(value, |value| Exn::from(cannot_index(&value, index))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<Option<&Self>>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        step();
        let mut items = match self {
            Self::Null => Vec::new(),
            Self::Arr(items, _) => Rc::unwrap_or_clone(items),
            other => {
                let why = format!("Cannot update field at object index of {}", other.type_name());
                return opt.fail(other, |_| Exn::from(Error::str(why)));
            }
        };
        let (start, end) = bounds(range, items.len())?;
        match f(Self::array(items[start..end].to_vec())).next().transpose()? {
            Some(Self::Arr(new, _)) => drop(items.splice(start..end, new.iter().cloned())),
            Some(_) => return Err(Error::str("A slice of an array can only be assigned another array").into()),
            None => drop(items.drain(start..end)),
        }
        Ok(Self::array(items))
    }

    fn as_bool(&self) -> bool {
        self.is_true()
    }

    fn into_string(self) -> Self {
        match self {
            Self::Str(_) => self,
            other => Self::str(&other.to_string()),
        }
    }
}

/// Removes all these paths from a value, as if at once.
pub(crate) fn delete_paths(value: Val, paths: &Val) -> ValR {
    let Val::Arr(paths, _) = paths else { return Err(Error::str("Paths must be specified as an array")) };
    let mut sorted: Vec<&Val> = paths.iter().collect();
    sorted.sort();
    sorted.iter().rev().try_fold(value, |value, path| match path {
        Val::Arr(steps, _) => deleted(value, steps),
        _ => Err(Error::str("Path must be specified as an array")),
    })
}

fn deleted(value: Val, path: &[Val]) -> ValR {
    step();
    let Some((first, rest)) = path.split_first() else { return Ok(Val::Null) };
    if value.clone().index(first)? == Val::Null && !rest.is_empty() || value == Val::Null {
        return Ok(value);
    }
    let changed = value.map_index(first, Opt::Essential, |inner| {
        (!rest.is_empty()).then(|| deleted(inner, rest).map_err(Exn::from)).into_iter()
    });
    changed.map_err(|exception| exception.get_err().unwrap_or_else(|_| Error::str("Cannot delete")))
}

fn member_mapped<'a, I: Iterator<Item = ValX<'a, Val>>>(
    mut map: Map,
    name: &Rc<str>,
    f: impl Fn(Val) -> I,
) -> ValX<'a, Val> {
    match map.get_mut(name) {
        Some(slot) => match f(std::mem::replace(slot, Val::Null)).next().transpose()? {
            Some(value) => *slot = value,
            None => map.shift_remove(name),
        },
        None => {
            if let Some(value) = f(Val::Null).next().transpose()? {
                map.insert(name.clone(), value);
            }
        }
    }
    Ok(Val::object(map))
}

fn item_mapped<'a, I: Iterator<Item = ValX<'a, Val>>>(
    mut items: Vec<Val>,
    number: &Num,
    f: impl Fn(Val) -> I,
) -> ValX<'a, Val> {
    let Some(at) = place_of(number, items.len()) else {
        return Err(Error::str("Out of bounds negative array index").into());
    };
    if at > INDEX_MAX {
        return Err(Error::str("Array index too large").into());
    }
    let old = items.get_mut(at).map_or(Val::Null, std::mem::take);
    match f(old).next().transpose()? {
        Some(value) => {
            if at >= items.len() {
                made((at - items.len()) * size_of::<Val>());
                items.resize(at + 1, Val::Null);
            }
            items[at] = value;
        }
        None if at < items.len() => drop(items.remove(at)),
        None => {}
    }
    Ok(Val::array(items))
}

/// The index that a number means; none before the start, and none of what is not a number.
fn place_of(number: &Num, len: usize) -> Option<usize> {
    let float = number.float().floor();
    let at = if float < 0.0 { float + len as f64 } else { float };
    (at >= 0.0).then_some(at as usize)
}

/// Whether this object is a slice, as paths have it.
fn is_slice(map: &Map) -> bool {
    map.contains_key("start") || map.contains_key("end")
}

/// From where to where a slice goes.
fn bounds(range: Range<Option<&Val>>, len: usize) -> Result<(usize, usize), Error> {
    let bound = |bound: Option<&Val>, default: usize, round: fn(f64) -> f64| match bound {
        None | Some(Val::Null) => Ok(default),
        Some(Val::Num(number)) => {
            let float = round(number.float());
            let at = if float < 0.0 { float + len as f64 } else { float };
            Ok((at.max(0.0) as usize).min(len))
        }
        Some(_) => Err(Error::str("Start and end indices of an array slice must be numbers")),
    };
    let (start, end) = (bound(range.start, 0, f64::floor)?, bound(range.end, len, f64::ceil)?);
    Ok((start, end.max(start)))
}

fn cannot_iterate(value: &Val) -> Error {
    Error::str(format_args!("Cannot iterate over {}", value.described()))
}

pub(crate) fn cannot_index(value: &Val, index: &Val) -> Error {
    match index {
        Val::Str(name) => Error::str(format_args!("Cannot index {} with \"{name}\"", value.type_name())),
        _ => Error::str(format_args!("Cannot index {} with {}", value.type_name(), index.type_name())),
    }
}
