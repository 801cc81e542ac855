//! Assignments and deletions over bytes: what is new is put into the text, and everything else stays as it stands.

use std::ops::Range;

use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use kafi_core::json_text::write_string;

use crate::bytes::StepsAside;
use crate::bytes::compile::{Key, Node, key, member, node};
use crate::bytes::evaluate::{calculated, evaluate, write};
use crate::bytes::item::Item;
use crate::bytes::scan::{self, Found};
use crate::message::{MessageView, Part};
use crate::syntax::parse;

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
            match term {
                // A message with a new key or value, and nothing else, is one with all else as it was.
                Term::Obj(members) => {
                    let [new] = &members[..] else { return None };
                    let (name, value) = member(new)?;
                    let of_key = matches!(name.as_str(), "key" | "value").then_some(name == "key")?;
                    edits.push(Edit { of_key, path: Vec::new(), change: Change::Set(value) });
                }
                term => collect(term, &mut edits)?,
            }
            Some(Self(edits))
        })
    }

    /// What becomes of a message's key and value.
    pub(crate) fn apply<'b>(
        &self,
        message: &MessageView<'_>,
        buffers: &'b mut Buffers,
    ) -> Result<Edited<'b>, StepsAside> {
        let Buffers { key, value, next } = buffers;
        let (mut has_key, mut has_value) = (false, false);
        for edit in &self.0 {
            next.clear();
            let now = MessageView {
                key: if has_key { Part::Json(text_of(key)) } else { message.key },
                value: if has_value { Part::Json(text_of(value)) } else { message.value },
                members: if has_value { None } else { message.members },
                ..*message
            };
            let old = match if edit.of_key { now.key } else { now.value } {
                Part::Json(text) => text,
                _ if !edit.path.is_empty() => return Err(StepsAside),
                _ => "",
            };
            edit.apply(old, &now, next)?;
            std::mem::swap(next, if edit.of_key { &mut *key } else { &mut *value });
            *(if edit.of_key { &mut has_key } else { &mut has_value }) = true;
        }
        Ok(Edited { key: has_key.then(|| text_of(key)), value: has_value.then(|| text_of(value)) })
    }

    /// Appends, as an object, what becomes of a message's key and value.
    pub(crate) fn write(&self, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<(), StepsAside> {
        let mut buffers = Buffers::default();
        let Edited { key, value } = self.apply(message, &mut buffers)?;
        let parts = [("\"key\":", key), ("\"value\":", value)];
        for (index, (name, text)) in parts.iter().filter_map(|(name, text)| Some((name, (*text)?))).enumerate() {
            out.extend_from_slice(if index == 0 { b"{" } else { b"," });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'}');
        Ok(())
    }
}

/// Where new keys and values are written, from message to message.
#[derive(Default)]
pub(crate) struct Buffers {
    key: Vec<u8>,
    value: Vec<u8>,
    next: Vec<u8>,
}

/// The new key and the new value, as far as they are new.
pub(crate) struct Edited<'b> {
    pub(crate) key: Option<&'b str>,
    pub(crate) value: Option<&'b str>,
}

/// The object around a member, and where the member lies in it, if it is there.
type Place = (Range<usize>, Option<Found>);

fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("JSON text is UTF-8")
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
    /// Appends the text of a key or value after the change.
    fn apply(&self, old: &str, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<(), StepsAside> {
        let Some((last, path)) = self.path.split_last() else {
            let part = if self.of_key { message.key } else { message.value };
            return self.new_text(&super::item_of(part)?, message, out);
        };
        let (around, found) = match (self.known(message)?, &self.change) {
            (Some(known), Change::Set(_) | Change::Update(_) | Change::Calculate(..) | Change::Default(_)) => known,
            _ => {
                let mut around = trimmed(old, 0..old.len());
                for key in path {
                    around = place(old, around, key)?.ok_or(StepsAside)?.value;
                }
                let found = place(old, around.clone(), last)?;
                (around, found)
            }
        };
        let whole = &old[around.clone()];
        match (&self.change, found) {
            (Change::Delete, None) => out.extend_from_slice(old.as_bytes()),
            (Change::Delete, Some(found)) => {
                out.extend_from_slice(&old.as_bytes()[..found.removed.start]);
                out.extend_from_slice(&old.as_bytes()[found.removed.end..]);
            }
            (_, Some(found)) => {
                out.extend_from_slice(&old.as_bytes()[..found.value.start]);
                self.new_text(&Item::of_json(&old[found.value.clone()]), message, out)?;
                out.extend_from_slice(&old.as_bytes()[found.value.end..]);
            }
            (_, None) => {
                let Key::Name(name) = last else { return Err(StepsAside) };
                // Behind the last member, before the white space that may stand there.
                let end = around.start + whole[..whole.len() - 1].trim_end().len();
                out.extend_from_slice(&old.as_bytes()[..end]);
                if whole[1..whole.len() - 1].bytes().any(|byte| !byte.is_ascii_whitespace()) {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                self.new_text(&Item::Null, message, out)?;
                out.extend_from_slice(&old.as_bytes()[end..]);
            }
        }
        Ok(())
    }

    /// The object around, and the place of the member in it, where the members of the value are known already.
    fn known(&self, message: &MessageView<'_>) -> Result<Option<Place>, StepsAside> {
        let (false, [Key::Name(name)], Some(members)) = (self.of_key, &self.path[..], message.members) else {
            return Ok(None);
        };
        if !members.has_plain_names() || members.has_twins() {
            return Err(StepsAside);
        }
        let found = members.find(name).map(|value| Found { removed: value.clone(), value });
        Ok(Some((members.object(), found)))
    }

    /// Appends what is new.
    fn new_text(&self, old: &Item<'_>, message: &MessageView<'_>, out: &mut Vec<u8>) -> Result<(), StepsAside> {
        let whole = Item::Message(message);
        match &self.change {
            Change::Set(node) => write(node, &whole, None, out)?.then_some(()).ok_or(StepsAside)?,
            Change::Update(node) => write(node, old, None, out)?.then_some(()).ok_or(StepsAside)?,
            Change::Default(node) => {
                let new = evaluate(node, &whole, None)?.ok_or(StepsAside)?;
                if old.is_true()? { old.write(out)? } else { new.write(out)? }
            }
            Change::Calculate(operator, node) => {
                let by = evaluate(node, &whole, None)?.ok_or(StepsAside)?;
                calculated(*operator, old, &by)?.write(out)?;
            }
            Change::Delete => return Err(StepsAside),
        }
        Ok(())
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
