//! Arithmetic, as jq 1.8 has it.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use crate::limits::{made, step};
use crate::value::{Error, Map, Val, ValR};

impl Add for Val {
    type Output = ValR;

    fn add(self, other: Self) -> ValR {
        step();
        Ok(match (self, other) {
            (Self::Null, value) | (value, Self::Null) => value,
            (Self::Num(left), Self::Num(right)) => Self::Num(left.add(&right)),
            (Self::Str(left), Self::Str(right)) => {
                made(left.len() + right.len());
                Self::Str([&*left, &*right].concat().into())
            }
            (Self::Arr(mut left, depth), Self::Arr(right, other)) => {
                made(right.len() * size_of::<Self>());
                Rc::make_mut(&mut left).extend(right.iter().cloned());
                Self::Arr(left, depth.max(other))
            }
            (Self::Obj(mut left, depth), Self::Obj(right, other)) => {
                made(right.len() * size_of::<Self>());
                let map = Rc::make_mut(&mut left);
                Rc::unwrap_or_clone(right).into_iter().for_each(|(name, value)| map.insert(name, value));
                Self::Obj(left, depth.max(other))
            }
            (left, right) => return Err(cannot(&left, &right, "added")),
        })
    }
}

impl Sub for Val {
    type Output = ValR;

    fn sub(self, other: Self) -> ValR {
        step();
        match (self, other) {
            (Self::Num(left), Self::Num(right)) => Ok(Self::Num(left.subtract(&right))),
            (Self::Arr(left, _), Self::Arr(right, _)) => {
                Ok(left.iter().filter(|item| !right.contains(item)).cloned().collect())
            }
            (left, right) => Err(cannot(&left, &right, "subtracted")),
        }
    }
}

impl Mul for Val {
    type Output = ValR;

    fn mul(self, other: Self) -> ValR {
        step();
        match (self, other) {
            (Self::Num(left), Self::Num(right)) => Ok(Self::Num(left.multiply(&right))),
            (Self::Str(text), Self::Num(times)) | (Self::Num(times), Self::Str(text)) => {
                Ok(repeated(&text, times.float()))
            }
            (Self::Obj(left, _), Self::Obj(right, _)) => Ok(Self::object(merged(left, &right))),
            (left, right) => Err(cannot(&left, &right, "multiplied")),
        }
    }
}

impl Div for Val {
    type Output = ValR;

    fn div(self, other: Self) -> ValR {
        step();
        match (self, other) {
            (Self::Num(left), Self::Num(right)) => {
                left.divide(&right).map(Self::Num).ok_or_else(|| by_zero(&Self::Num(left), &Self::Num(right)))
            }
            (Self::Str(text), Self::Str(separator)) => Ok(split(&text, &separator)),
            (left, right) => Err(cannot(&left, &right, "divided")),
        }
    }
}

impl Rem for Val {
    type Output = ValR;

    fn rem(self, other: Self) -> ValR {
        step();
        match (self, other) {
            (Self::Num(left), Self::Num(right)) => {
                left.remainder(&right).map(Self::Num).ok_or_else(|| by_zero(&Self::Num(left), &Self::Num(right)))
            }
            (left, right) => Err(cannot(&left, &right, "divided")),
        }
    }
}

impl Neg for Val {
    type Output = ValR;

    fn neg(self) -> ValR {
        match self {
            Self::Num(number) => Ok(Self::Num(number.negated())),
            other => Err(Error::str(format_args!("{} cannot be negated", other.described()))),
        }
    }
}

fn cannot(left: &Val, right: &Val, what: &str) -> Error {
    Error::str(format_args!("{} and {} cannot be {what}", left.described(), right.described()))
}

fn by_zero(left: &Val, right: &Val) -> Error {
    Error::str(format_args!(
        "{} and {} cannot be divided because the divisor is zero",
        left.described(),
        right.described()
    ))
}

/// A text some times; null for less than none, as jq has it.
fn repeated(text: &str, times: f64) -> Val {
    if times.is_nan() || times < 0.0 {
        return Val::Null;
    }
    let times = times as usize;
    made(text.len().saturating_mul(times));
    Val::Str(text.repeat(times).into())
}

/// The parts of a text between separators, or its characters.
pub(crate) fn split(text: &str, separator: &str) -> Val {
    if text.is_empty() {
        return Val::array(Vec::new());
    }
    if separator.is_empty() {
        return text.chars().map(|character| Val::Str(character.to_string().into())).collect();
    }
    text.split(separator).map(Val::str).collect()
}

/// Objects merged level by level.
fn merged(mut left: Rc<Map>, right: &Map) -> Map {
    step();
    let map = Rc::make_mut(&mut left);
    for (name, value) in right.iter() {
        let both = match (map.get(name), value) {
            (Some(Val::Obj(left, _)), Val::Obj(right, _)) => Val::object(merged(left.clone(), right)),
            _ => value.clone(),
        };
        map.insert(name.clone(), both);
    }
    Rc::unwrap_or_clone(left)
}
