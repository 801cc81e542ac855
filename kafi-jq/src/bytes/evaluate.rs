//! Expressions over bytes, evaluated.

use std::borrow::Cow;
use std::cmp::Ordering;

use jaq_core::ops::{Cmp, Math};
use jaq_core::path::Opt;
use kafi_core::json_text::{Members, write_string};

use crate::bytes::compile::{Key, Node};
use crate::bytes::item::{EXACT_LEN_MAX, Item};
use crate::bytes::{Outcome, StepsAside, item_of, scan};
use crate::message::{MessageView, Part};
use crate::number::Num;

/// The message that a fold sees as `$m`.
pub(super) type Bound<'i> = Option<&'i MessageView<'i>>;

/// What a node makes of its input.
pub(super) fn evaluate<'i>(node: &'i Node, input: &Item<'i>, bound: Bound<'i>) -> Outcome<Item<'i>> {
    Ok(Some(match node {
        Node::Input => same(input)?,
        Node::Message => Item::Message(bound.ok_or(StepsAside)?),
        Node::Step(before, key, opt) => match &**before {
            // A value's members are known already.
            before if let Some(made) = known_member((before, key), input, bound) => return made.map(Some),
            // The input itself need not be looked at.
            Node::Input => return step(input, key, *opt),
            before => match evaluate(before, input, bound)? {
                Some(item) => return step(&item, key, *opt),
                None => return Ok(None),
            },
        },
        Node::Text(text) => Item::Str(text.as_str().into()),
        Node::Number(literal) => literal.int.map_or(Item::Written(&literal.text), |int| Item::Number(Num::Int(int))),
        Node::Bool(is) => Item::Bool(*is),
        Node::Null => Item::Null,
        Node::Pipe(left, right) => match evaluate(left, input, bound)? {
            Some(item) => return evaluate(right, &item, bound),
            None => return Ok(None),
        },
        Node::And(..) | Node::Or(..) | Node::Compare(..) => return Ok(truth(node, input, bound)?.map(Item::Bool)),
        Node::Alternative(left, right) => match evaluate(left, input, bound)? {
            Some(item) if item.is_true()? => item,
            _ => return evaluate(right, input, bound),
        },
        Node::Calculate(operator, left, right) => match two(left, right, (input, bound))? {
            Some((left, right)) => calculated(*operator, &left, &right)?,
            None => return Ok(None),
        },
        Node::Choose(condition, then, otherwise) => match truth(condition, input, bound)? {
            Some(is) => return evaluate(if is { then } else { otherwise }, input, bound),
            None => return Ok(None),
        },
        Node::Select(condition) => match truth(condition, input, bound)? {
            Some(true) => same(input)?,
            _ => return Ok(None),
        },
        Node::Object(_) => {
            let mut out = Vec::new();
            return Ok(write(node, input, bound, &mut out)?.then(|| Item::Object(text(out))));
        }
        Node::Array(_) | Node::Keys | Node::KeysUnsorted => {
            let mut out = Vec::new();
            return Ok(write(node, input, bound, &mut out)?.then(|| Item::Array(text(out))));
        }
        function => applied(function, input)?,
    }))
}

/// Appends the JSON text of what a node makes of its input; false where it makes nothing. Where it does not answer true
/// some of it may be there.
pub(super) fn write<'i>(
    node: &'i Node,
    input: &Item<'i>,
    bound: Bound<'i>,
    out: &mut Vec<u8>,
) -> Result<bool, StepsAside> {
    match node {
        Node::Object(members) => write_object(members, input, bound, out),
        Node::Array(items) => {
            out.push(b'[');
            let mut is_empty = true;
            for item in items {
                let start = out.len();
                out.extend_from_slice(if is_empty { b"" } else { b"," });
                if write(item, input, bound, out)? {
                    is_empty = false;
                } else {
                    out.truncate(start);
                }
            }
            out.push(b']');
            Ok(true)
        }
        Node::Keys | Node::KeysUnsorted => match input {
            Item::Object(text) => {
                scan::write_names(text, matches!(node, Node::Keys), out)?;
                Ok(true)
            }
            _ => Err(StepsAside),
        },
        Node::Pipe(left, right) => match evaluate(left, input, bound)? {
            Some(item) => write(right, &item, bound, out),
            None => Ok(false),
        },
        Node::Down => {
            let start = out.len();
            write_string(out, input.text()?);
            // Letters of escapes are small already.
            out[start..].make_ascii_lowercase();
            Ok(true)
        }
        node => match evaluate(node, input, bound)? {
            Some(item) => item.write(out).map(|()| true),
            None => Ok(false),
        },
    }
}

/// What a function makes of its input.
fn applied<'i>(function: &'i Node, input: &Item<'i>) -> Result<Item<'i>, StepsAside> {
    Ok(match function {
        Node::Not => Item::Bool(!input.is_true()?),
        Node::Type => Item::Str(input.type_name().into()),
        Node::Length => match input {
            Item::Null => Item::Number(Num::Int(0)),
            Item::Str(text) => Item::Number(Num::Int(text.chars().count() as i64)),
            Item::Object(text) => Item::Number(Num::Int(scan::names(text)?.count as i64)),
            Item::Array(text) => Item::Number(Num::Int(scan::elements(text) as i64)),
            _ => return Err(StepsAside),
        },
        Node::Down => Item::Str(input.text()?.to_ascii_lowercase().into()),
        Node::ToText => match input {
            Item::Str(text) => Item::Str(text.clone()),
            Item::Written(text) => Item::Str((*text).into()),
            _ => return Err(StepsAside),
        },
        Node::ToNumber => match input {
            Item::Written(text) => Item::Written(text),
            Item::Number(_) => Item::Number(input.number()?),
            Item::Str(text) if is_integer(text) => Item::Number(Num::Int(text.parse().map_err(|_| StepsAside)?)),
            _ => return Err(StepsAside),
        },
        Node::Has(name) => match input {
            Item::Object(text) => Item::Bool(scan::member(text, name)?.is_some()),
            _ => return Err(StepsAside),
        },
        Node::StartsWith(part) => Item::Bool(input.text()?.starts_with(part.as_str())),
        Node::EndsWith(part) => Item::Bool(input.text()?.ends_with(part.as_str())),
        Node::Contains(part) => Item::Bool(input.text()?.contains(part.as_str())),
        Node::WithoutStart(part) => {
            let Item::Str(text) = input else { return Err(StepsAside) };
            Item::Str(match (text, text.strip_prefix(part.as_str())) {
                (_, None) => text.clone(),
                (Cow::Borrowed(text), Some(rest)) => text[text.len() - rest.len()..].into(),
                (Cow::Owned(_), Some(rest)) => rest.to_string().into(),
            })
        }
        Node::Test(regex) => Item::Bool(regex.is_match(input.text()?)),
        _ => return Err(StepsAside),
    })
}

/// Whether this is an integer as it is written, and a small one.
fn is_integer(text: &str) -> bool {
    let is_digits = text.len() <= EXACT_LEN_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && (text == "0" || !text.is_empty() && !text.starts_with('0'))
}

/// The same item once more.
fn same<'i>(item: &Item<'i>) -> Result<Item<'i>, StepsAside> {
    Ok(match item {
        Item::Message(message) => Item::Message(message),
        Item::Null => Item::Null,
        Item::Bool(is) => Item::Bool(*is),
        Item::Written(text) => Item::Written(text),
        Item::Number(_) => Item::Number(item.number()?),
        Item::Str(text) => Item::Str(text.clone()),
        Item::Array(text) => Item::Array(text.clone()),
        Item::Object(text) => Item::Object(text.clone()),
    })
}

fn step<'i>(item: &Item<'i>, key: &Key, opt: Opt) -> Outcome<Item<'i>> {
    let found = match (item, key) {
        (Item::Message(message), Key::Name(name)) => Some(match name.as_str() {
            "value" => item_of(message.value)?,
            "key" => item_of(message.key)?,
            "topic" => Item::Str(message.topic.into()),
            "partition" => Item::Number(Num::Int(message.partition.into())),
            "offset" => Item::Number(Num::Int(message.offset)),
            "timestamp" => Item::Number(Num::Int(message.timestamp)),
            _ => return Err(StepsAside),
        }),
        (Item::Null, _) => Some(Item::Null),
        (Item::Object(Cow::Borrowed(text)), Key::Name(name)) => {
            Some(scan::member(text, name)?.map_or(Item::Null, Item::of_json))
        }
        (Item::Array(Cow::Borrowed(text)), Key::At(index)) => {
            Some(scan::element(text, *index).map_or(Item::Null, Item::of_json))
        }
        // What was put together here is left to the interpreter.
        (Item::Object(_) | Item::Array(_) | Item::Message(_), _) => return Err(StepsAside),
        _ => None,
    };
    match (found, opt) {
        (None, Opt::Essential) => Err(StepsAside),
        (found, _) => Ok(found),
    }
}

/// A member of a message's value, where that is an object whose members are known.
fn known_member<'i>(
    step: (&'i Node, &'i Key),
    input: &Item<'i>,
    bound: Bound<'i>,
) -> Option<Result<Item<'i>, StepsAside>> {
    let (text, members, name) = known(step, input, bound)?;
    if !members.has_plain_names() {
        return Some(Err(StepsAside));
    }
    Some(Ok(members.find(name).map_or(Item::Null, |range| Item::of_value_text(&text[range]))))
}

/// The value of a message that is an object whose members are known, and the name of the one that a step leads to.
fn known<'i>(
    (before, key): (&'i Node, &'i Key),
    input: &Item<'i>,
    bound: Bound<'i>,
) -> Option<(&'i str, &'i Members, &'i str)> {
    let (Node::Step(base, Key::Name(part), _), Key::Name(name)) = (before, key) else { return None };
    let message = match (&**base, input) {
        (Node::Input, Item::Message(message)) => *message,
        (Node::Message, _) => bound?,
        _ => return None,
    };
    let members = message.members.filter(|_| part == "value")?;
    let Part::Json(text) = message.value else { return None };
    Some((text, members, name))
}

/// Whether a member of a message's value is a text, where the bytes tell it as they stand.
fn is_text<'i>((left, right): (&'i Node, &'i Node), input: &Item<'i>, bound: Bound<'i>) -> Option<bool> {
    let (Node::Step(before, key, _), Node::Text(text)) = (left, right) else { return None };
    let (value, members, name) = known((before, key), input, bound)?;
    if !members.has_plain_names() {
        return None;
    }
    let Some(range) = members.find(name) else { return Some(false) };
    match &value.as_bytes()[range] {
        [b'"', inner @ .., b'"'] if inner.contains(&b'\\') => None,
        [b'"', inner @ .., b'"'] => Some(inner == text.as_bytes()),
        _ => Some(false),
    }
}

/// Whether a text with small letters, which takes memory only where it is kept, is that one.
fn is_lowered_text<'i>((left, right): (&'i Node, &'i Node), input: &Item<'i>, bound: Bound<'i>) -> Option<bool> {
    let Node::Text(text) = right else { return None };
    let found = match left {
        Node::Down => same(input).ok()?,
        Node::Pipe(before, lowered) if matches!(**lowered, Node::Down) => evaluate(before, input, bound).ok()??,
        _ => return None,
    };
    let Item::Str(found) = found else { return None };
    Some(found.bytes().map(|byte| byte.to_ascii_lowercase()).eq(text.bytes()))
}

/// Whether what a node makes of its input is neither false nor null: of most conditions that is told without an item.
pub(super) fn truth<'i>(node: &'i Node, input: &Item<'i>, bound: Bound<'i>) -> Outcome<bool> {
    match node {
        Node::And(left, right) => match truth(left, input, bound)? {
            Some(true) => truth(right, input, bound),
            other => Ok(other),
        },
        Node::Or(left, right) => match truth(left, input, bound)? {
            Some(false) => truth(right, input, bound),
            other => Ok(other),
        },
        Node::Compare(operator @ (Cmp::Eq | Cmp::Ne), left, right)
            if let Some(is) = is_text((left, right), input, bound) =>
        {
            Ok(Some(is == matches!(operator, Cmp::Eq)))
        }
        Node::Compare(operator @ (Cmp::Eq | Cmp::Ne), left, right)
            if let Some(is) = is_lowered_text((left, right), input, bound) =>
        {
            Ok(Some(is == matches!(operator, Cmp::Eq)))
        }
        Node::Compare(operator, left, right) => {
            let Some((left, right)) = two(left, right, (input, bound))? else { return Ok(None) };
            Ok(Some(holds(*operator, left.compare(&right)?)))
        }
        node => evaluate(node, input, bound)?.map(|item| item.is_true()).transpose(),
    }
}

fn two<'i>(left: &'i Node, right: &'i Node, (input, bound): (&Item<'i>, Bound<'i>)) -> Outcome<(Item<'i>, Item<'i>)> {
    let Some(left) = evaluate(left, input, bound)? else { return Ok(None) };
    Ok(evaluate(right, input, bound)?.map(|right| (left, right)))
}

fn holds(operator: Cmp, order: Ordering) -> bool {
    match operator {
        Cmp::Eq => order.is_eq(),
        Cmp::Ne => order.is_ne(),
        Cmp::Lt => order.is_lt(),
        Cmp::Le => order.is_le(),
        Cmp::Gt => order.is_gt(),
        Cmp::Ge => order.is_ge(),
    }
}

pub(super) fn calculated<'i>(operator: Math, left: &Item<'i>, right: &Item<'i>) -> Result<Item<'i>, StepsAside> {
    if let (Item::Str(left), Item::Str(right), Math::Add) = (left, right, operator) {
        return Ok(Item::Str([&**left, &**right].concat().into()));
    }
    if let (Item::Null, other, Math::Add) | (other, Item::Null, Math::Add) = (left, right, operator) {
        return same(other);
    }
    let (left, right) = (left.number()?, right.number()?);
    let number = match operator {
        Math::Add => left.add(&right),
        Math::Sub => left.subtract(&right),
        Math::Mul => left.multiply(&right),
        Math::Div => left.divide(&right).ok_or(StepsAside)?,
        Math::Rem => left.remainder(&right).ok_or(StepsAside)?,
    };
    Ok(Item::Number(number))
}

fn write_object<'i>(
    members: &'i [(String, Node)],
    input: &Item<'i>,
    bound: Bound<'i>,
    out: &mut Vec<u8>,
) -> Result<bool, StepsAside> {
    out.push(b'{');
    for (index, (name, node)) in members.iter().enumerate() {
        // Of equal names the last counts, at the place of the first.
        if members[..index].iter().any(|(before, _)| before == name) {
            return Err(StepsAside);
        }
        if index > 0 {
            out.push(b',');
        }
        write_string(out, name);
        out.push(b':');
        if !write(node, input, bound, out)? {
            return Ok(false);
        }
    }
    out.push(b'}');
    Ok(true)
}

fn text<'i>(out: Vec<u8>) -> Cow<'i, str> {
    String::from_utf8(out).expect("JSON text is UTF-8").into()
}
