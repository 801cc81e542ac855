//! Assignments and deletions over bytes: what is new is put into the text, and everything else stays as it stands.

use std::ops::Range;

use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use kafi_core::json_text::write_string;

use crate::bytes::StepsAside;
use crate::bytes::compile::{Key, Node, key, node, parse};
use crate::bytes::evaluate::{calculated, evaluate};
use crate::bytes::item::Item;
use crate::bytes::scan::{self, Found};
use crate::message::{MessageView, Part};

/// Changes of a message's key and value, one after another.
pub(crate) struct Edits(Vec<Edit>);

struct Edit {
    of_key: bool,
    path: Vec<Key>,
    change: Change,
}

enum Change {
    /// To what this makes of the message.
    Set(Node),
    /// To what this makes of what is there.
    Update(Node),
    /// To what the operator makes of what is there, and of what this makes of the message.
    Calculate(Math, Node),
    /// To what this makes of the message, where nothing is there but null or false.
    Default(Node),
    Delete,
}

impl Edits {
    /// The changes that a program is; `None` where it is more.
    pub(crate) fn compile(text: &str) -> Option<Self> {
        parse(text, |term| {
            let mut edits = Vec::new();
            collect(term, &mut edits)?;
            Some(Self(edits))
        })
    }

    /// Appends, as an object, what becomes of a message's key and value.
    pub(crate) fn write(&self, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<(), StepsAside> {
        let (mut key, mut value) = (None::<String>, None::<String>);
        for edit in &self.0 {
            let now = MessageView {
                key: key.as_deref().map_or(message.key, Part::Json),
                value: value.as_deref().map_or(message.value, Part::Json),
                ..*message
            };
            let old = match if edit.of_key { now.key } else { now.value } {
                Part::Json(text) => text,
                _ if !edit.path.is_empty() => return Err(StepsAside),
                _ => "",
            };
            let new = edit.apply(old, &now)?;
            *(if edit.of_key { &mut key } else { &mut value }) = Some(new);
        }
        let parts = [("\"key\":", key), ("\"value\":", value)];
        for (index, (name, text)) in parts.iter().filter_map(|(name, text)| Some((name, text.as_ref()?))).enumerate() {
            out.extend_from_slice(if index == 0 { b"{" } else { b"," });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'}');
        Ok(())
    }
}

fn collect(term: &Term<&str>, edits: &mut Vec<Edit>) -> Option<()> {
    let (target, change) = match term {
        Term::BinOp(left, BinaryOp::Pipe(None), right) => {
            collect(left, edits)?;
            return collect(right, edits);
        }
        Term::BinOp(target, BinaryOp::Assign, value) => (&**target, Change::Set(node(value)?)),
        Term::BinOp(target, BinaryOp::Update, value) => (&**target, Change::Update(node(value)?)),
        Term::BinOp(target, BinaryOp::UpdateAlt, value) => (&**target, Change::Default(node(value)?)),
        Term::BinOp(target, BinaryOp::UpdateMath(operator), value) => {
            (&**target, Change::Calculate(*operator, node(value)?))
        }
        Term::Call("del", targets) => match &targets[..] {
            [target] => (target, Change::Delete),
            _ => return None,
        },
        _ => return None,
    };
    let Term::Path(start, path) = target else { return None };
    let (Term::Id, [(first, Opt::Essential), rest @ ..]) = (&**start, &path.0[..]) else { return None };
    let of_key = match key(first)? {
        Key::Name(name) if name == "key" => true,
        Key::Name(name) if name == "value" => false,
        _ => return None,
    };
    let steps = rest.iter().map(|(part, opt)| matches!(opt, Opt::Essential).then(|| key(part)).flatten());
    let path = steps.collect::<Option<Vec<Key>>>()?;
    let is_name = |last: Option<&Key>| matches!(last, Some(Key::Name(_)));
    if matches!(change, Change::Delete) && !is_name(path.last()) {
        return None;
    }
    edits.push(Edit { of_key, path, change });
    Some(())
}

impl Edit {
    /// The text of a key or value after the change.
    fn apply(&self, old: &str, message: &MessageView<'_>) -> Result<String, StepsAside> {
        let Some((last, path)) = self.path.split_last() else {
            let part = if self.of_key { message.key } else { message.value };
            return self.new_text(&super::item_of(part)?, message);
        };
        let mut around = trimmed(old, 0..old.len());
        for key in path {
            around = place(old, around, key)?.ok_or(StepsAside)?.value;
        }
        let found = place(old, around.clone(), last)?;
        let whole = &old[around.clone()];
        match (&self.change, found) {
            (Change::Delete, None) => Ok(old.to_string()),
            (Change::Delete, Some(found)) => Ok([&old[..found.removed.start], &old[found.removed.end..]].concat()),
            (_, Some(found)) => {
                let new = self.new_text(&Item::of_json(&old[found.value.clone()]), message)?;
                Ok([&old[..found.value.start], &new, &old[found.value.end..]].concat())
            }
            (_, None) => {
                let Key::Name(name) = last else { return Err(StepsAside) };
                let new = self.new_text(&Item::Null, message)?;
                let mut member = Vec::new();
                if whole[1..whole.len() - 1].bytes().any(|byte| !byte.is_ascii_whitespace()) {
                    member.push(b',');
                }
                write_string(&mut member, name);
                member.push(b':');
                let member = String::from_utf8(member).expect("JSON text is UTF-8");
                // Behind the last member, before the white space that may stand there.
                let end = around.start + whole[..whole.len() - 1].trim_end().len();
                Ok([&old[..end], &member, &new, &old[end..]].concat())
            }
        }
    }

    fn new_text(&self, old: &Item<'_>, message: &MessageView<'_>) -> Result<String, StepsAside> {
        let whole = Item::Message(message);
        let mut out = Vec::new();
        match &self.change {
            Change::Set(node) => evaluate(node, &whole)?.ok_or(StepsAside)?.write(&mut out)?,
            Change::Update(node) => evaluate(node, old)?.ok_or(StepsAside)?.write(&mut out)?,
            Change::Default(node) => {
                let new = evaluate(node, &whole)?.ok_or(StepsAside)?;
                if old.is_true()? { old.write(&mut out)? } else { new.write(&mut out)? }
            }
            Change::Calculate(operator, node) => {
                let by = evaluate(node, &whole)?.ok_or(StepsAside)?;
                calculated(*operator, old, &by)?.write(&mut out)?;
            }
            Change::Delete => return Err(StepsAside),
        }
        Ok(String::from_utf8(out).expect("JSON text is UTF-8"))
    }
}

/// Where this step leads in the array or object at `around`; an object with names that are there twice, or have escapes,
/// is left to the interpreter.
fn place(text: &str, around: Range<usize>, key: &Key) -> Result<Option<Found>, StepsAside> {
    let inner = &text[around.clone()];
    let in_text = |range: Range<usize>| around.start + range.start..around.start + range.end;
    match key {
        Key::Name(name) if inner.starts_with('{') => {
            let found = scan::only_member(inner, name)?;
            Ok(found.map(|found| Found { value: in_text(found.value), removed: in_text(found.removed) }))
        }
        Key::At(index) if inner.starts_with('[') => {
            let element = scan::element(inner, *index).ok_or(StepsAside)?;
            let start = element.as_ptr() as usize - inner.as_ptr() as usize;
            let value = in_text(start..start + element.len());
            Ok(Some(Found { removed: value.clone(), value }))
        }
        _ => Err(StepsAside),
    }
}

/// The range without the white space at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + (inner.len() - inner.trim_start().len());
    start..start + inner.trim().len()
}
