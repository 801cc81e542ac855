//! The values of the interpreter: JSON, whose numbers keep their text, and whose objects keep the order of members.

mod map;
mod names;
mod operators;
mod paths;
mod read;
mod write;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use crate::limits::{deeper, made, step};
use crate::number::Num;

pub(crate) use map::Map;
pub(crate) use names::shared_name;
pub(crate) use operators::split;
pub(crate) use paths::delete_paths;
pub(crate) use read::{characters, plain_or_characters};

/// A value, or an error.
pub(crate) type ValR = jaq_core::ValR<Val>;
/// An error.
pub(crate) type Error = jaq_core::Error<Val>;

/// A JSON value. Arrays and objects know how deep they are, so that none gets too deep to be dropped.
#[derive(Clone, Debug, Default)]
pub(crate) enum Val {
    #[default]
    Null,
    Bool(bool),
    Num(Num),
    Str(Rc<str>),
    Arr(Rc<Vec<Val>>, u32),
    Obj(Rc<Map>, u32),
}

impl Val {
    pub(crate) fn str(text: &str) -> Self {
        made(text.len());
        Self::Str(text.into())
    }

    pub(crate) fn int(int: usize) -> Self {
        Self::Num(Num::Int(int as i64))
    }

    pub(crate) fn float(float: f64) -> Self {
        Self::Num(Num::of(float))
    }

    pub(crate) fn array(items: Vec<Self>) -> Self {
        made(items.len() * size_of::<Self>());
        let depth = items.iter().map(Self::depth).max().unwrap_or(0);
        Self::Arr(Rc::new(items), deeper(depth))
    }

    pub(crate) fn object(map: Map) -> Self {
        made(map.len() * 2 * size_of::<Self>());
        let depth = map.values().map(Self::depth).max().unwrap_or(0);
        Self::Obj(Rc::new(map), deeper(depth))
    }

    fn depth(&self) -> u32 {
        match self {
            Self::Arr(_, depth) | Self::Obj(_, depth) => *depth,
            _ => 0,
        }
    }

    /// Neither null nor false.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Num(_) => "number",
            Self::Str(_) => "string",
            Self::Arr(..) => "array",
            Self::Obj(..) => "object",
        }
    }

    /// Its type, and its text in short, as errors name it.
    pub(crate) fn described(&self) -> String {
        const SHOWN_MAX: usize = 30;
        let text = self.to_string();
        if text.len() <= SHOWN_MAX {
            return format!("{} ({text})", self.type_name());
        }
        let end = (0..=SHOWN_MAX - 3).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        format!("{} ({}...)", self.type_name(), &text[..end])
    }

    /// Whether it is the very same as another, which nobody made anew.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Str(left), Self::Str(right)) => Rc::ptr_eq(left, right),
            (Self::Arr(left, _), Self::Arr(right, _)) => Rc::ptr_eq(left, right),
            (Self::Obj(left, _), Self::Obj(right, _)) => Rc::ptr_eq(left, right),
            _ => false,
        }
    }

    /// Where its type stands in the order of all values.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Num(_) => 3,
            Self::Str(_) => 4,
            Self::Arr(..) => 5,
            Self::Obj(..) => 6,
        }
    }
}

impl Ord for Val {
    /// null, false, true, numbers, strings, arrays, objects; objects by their names first.
    fn cmp(&self, other: &Self) -> Ordering {
        step();
        match (self, other) {
            (Self::Num(left), Self::Num(right)) => left.compare(right),
            (Self::Str(left), Self::Str(right)) => left.cmp(right),
            (Self::Arr(left, _), Self::Arr(right, _)) => left.cmp(right),
            (Self::Obj(left, _), Self::Obj(right, _)) => {
                let sorted = |map: &Rc<Map>| {
                    let mut names: Vec<Rc<str>> = map.keys().cloned().collect();
                    names.sort();
                    names
                };
                let (names, others) = (sorted(left), sorted(right));
                names.cmp(&others).then_with(|| {
                    names
                        .iter()
                        .map(|name| left[&**name].cmp(&right[&**name]))
                        .find(|order| order.is_ne())
                        .unwrap_or(Ordering::Equal)
                })
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Val {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Val {
    /// What is not a number equals nothing, not even itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Num(left), Self::Num(right)) if left.is_nan() || right.is_nan() => false,
            _ => self.cmp(other).is_eq(),
        }
    }
}

impl Eq for Val {}

impl fmt::Display for Val {
    /// Its JSON text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(std::str::from_utf8(&out).expect("JSON text is UTF-8"))
    }
}

impl From<bool> for Val {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<isize> for Val {
    fn from(int: isize) -> Self {
        step();
        Self::Num(Num::Int(int as i64))
    }
}

impl From<String> for Val {
    /// Texts of programs, most of which are names of members.
    fn from(text: String) -> Self {
        made(text.len());
        Self::Str(shared_name(&text))
    }
}

impl From<Range<Option<Val>>> for Val {
    /// A slice in a path.
    fn from(range: Range<Option<Val>>) -> Self {
        let mut map = Map::default();
        map.insert("start".into(), range.start.unwrap_or(Self::Null));
        map.insert("end".into(), range.end.unwrap_or(Self::Null));
        Self::object(map)
    }
}

impl FromIterator<Val> for Val {
    fn from_iter<I: IntoIterator<Item = Val>>(items: I) -> Self {
        let mut all = Vec::new();
        for item in items {
            step();
            made(size_of::<Val>());
            all.push(item);
        }
        Self::array(all)
    }
}
