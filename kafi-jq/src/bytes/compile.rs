//! Programs into expressions over bytes.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part};
use regex::Regex;

use crate::number::Num;
use crate::syntax::{MESSAGE, parse};

/// An expression.
pub(super) enum Node {
    /// `.`
    Input,
    /// `$m`, in a fold.
    Message,
    /// `.a`, `.a?`, `.[0]` of what the node makes.
    Step(Box<Node>, Key, Opt),
    Text(String),
    Number(Literal),
    Bool(bool),
    Null,
    Pipe(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Alternative(Box<Node>, Box<Node>),
    Compare(Cmp, Box<Node>, Box<Node>),
    Calculate(Math, Box<Node>, Box<Node>),
    Choose(Box<Node>, Box<Node>, Box<Node>),
    Select(Box<Node>),
    Not,
    Type,
    Length,
    /// Of an object, in order.
    Keys,
    KeysUnsorted,
    Down,
    ToText,
    ToNumber,
    Has(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    WithoutStart(String),
    Test(Regex),
    Object(Vec<(String, Node)>),
    /// What these make, one after another.
    Array(Vec<Node>),
}

/// A member's name, or an element's index.
pub(super) enum Key {
    Name(String),
    At(usize),
}

/// A number of a program: its text, and its value where it is an integer.
pub(super) struct Literal {
    pub(super) text: String,
    pub(super) int: Option<i64>,
}

pub(super) fn compile(text: &str) -> Option<Node> {
    parse(text, node)
}

pub(super) fn node(term: &Term<&str>) -> Option<Node> {
    Some(match term {
        Term::Id => Node::Input,
        Term::Var(MESSAGE) => Node::Message,
        Term::Num(text) => Node::Number(literal(text)?),
        Term::Str(None, parts) => Node::Text(text_of(parts)?),
        Term::Arr(inner) => {
            let mut items = Vec::new();
            inner.iter().try_for_each(|inner| elements(inner, &mut items))?;
            Node::Array(items)
        }
        Term::Obj(members) => Node::Object(members.iter().map(member).collect::<Option<_>>()?),
        Term::Path(start, path) => path
            .0
            .iter()
            .try_fold(node(start)?, |before, (part, opt)| Some(Node::Step(Box::new(before), key(part)?, *opt)))?,
        Term::IfThenElse(branches, otherwise) => {
            let last = match otherwise {
                Some(otherwise) => node(otherwise)?,
                None => Node::Input,
            };
            branches.iter().rev().try_fold(last, |otherwise, (condition, then)| {
                Some(Node::Choose(Box::new(node(condition)?), Box::new(node(then)?), Box::new(otherwise)))
            })?
        }
        Term::BinOp(left, operator, right) => binary(left, operator, right)?,
        Term::Call(name, arguments) => call(name, arguments)?,
        _ => return None,
    })
}

/// The nodes of an array's inside, between its commas.
fn elements(term: &Term<&str>, items: &mut Vec<Node>) -> Option<()> {
    if let Term::BinOp(left, BinaryOp::Comma, right) = term {
        elements(left, items)?;
        return elements(right, items);
    }
    items.push(node(term)?);
    Some(())
}

fn boxed(term: &Term<&str>) -> Option<Box<Node>> {
    node(term).map(Box::new)
}

fn binary(left: &Term<&str>, operator: &BinaryOp<&str>, right: &Term<&str>) -> Option<Node> {
    let both = || Some((boxed(left)?, boxed(right)?));
    let (left, right) = both()?;
    Some(match operator {
        BinaryOp::Pipe(None) => Node::Pipe(left, right),
        BinaryOp::And => Node::And(left, right),
        BinaryOp::Or => Node::Or(left, right),
        BinaryOp::Alt => Node::Alternative(left, right),
        BinaryOp::Cmp(operator) => Node::Compare(*operator, left, right),
        BinaryOp::Math(operator) => Node::Calculate(*operator, left, right),
        _ => return None,
    })
}

fn call(name: &str, arguments: &[Term<&str>]) -> Option<Node> {
    let text = |term: &Term<&str>| match term {
        Term::Str(None, parts) => text_of(parts),
        _ => None,
    };
    Some(match (name, arguments) {
        ("true", []) => Node::Bool(true),
        ("false", []) => Node::Bool(false),
        ("null", []) => Node::Null,
        ("not", []) => Node::Not,
        ("type", []) => Node::Type,
        ("length", []) => Node::Length,
        ("keys", []) => Node::Keys,
        ("keys_unsorted", []) => Node::KeysUnsorted,
        ("ascii_downcase", []) => Node::Down,
        ("tostring", []) => Node::ToText,
        ("tonumber", []) => Node::ToNumber,
        ("select", [condition]) => Node::Select(boxed(condition)?),
        ("has", [name]) => Node::Has(text(name)?),
        ("startswith", [part]) => Node::StartsWith(text(part)?),
        ("endswith", [part]) => Node::EndsWith(text(part)?),
        ("contains", [part]) => Node::Contains(text(part)?),
        ("ltrimstr", [part]) => Node::WithoutStart(text(part)?),
        ("test", [pattern]) => Node::Test(Regex::new(&text(pattern)?).ok()?),
        _ => return None,
    })
}

pub(super) fn key(part: &Part<Term<&str>>) -> Option<Key> {
    match part {
        Part::Index(Term::Str(None, parts)) => text_of(parts).map(Key::Name),
        Part::Index(Term::Num(text)) => text.parse().ok().map(Key::At),
        _ => None,
    }
}

pub(super) fn member((name, value): &(Term<&str>, Option<Term<&str>>)) -> Option<(String, Node)> {
    let Term::Str(None, parts) = name else { return None };
    let name = text_of(parts)?;
    let value = match value {
        Some(value) => node(value)?,
        None => Node::Step(Box::new(Node::Input), Key::Name(name.clone()), Opt::Essential),
    };
    Some((name, value))
}

fn text_of<T>(parts: &[StrPart<&str, T>]) -> Option<String> {
    parts
        .iter()
        .map(|part| match part {
            StrPart::Str(text) => Some((*text).to_string()),
            StrPart::Char(character) => Some(character.to_string()),
            StrPart::Term(_) => None,
        })
        .collect()
}

fn literal(text: &str) -> Option<Literal> {
    let is_json = !text.starts_with('.') && !text.ends_with('.') && !text.contains(".e") && !text.contains(".E");
    let int = if let Num::Int(int) = Num::read(text) { Some(int) } else { None };
    (is_json && text.len() <= super::item::EXACT_LEN_MAX).then(|| Literal { text: text.into(), int })
}
