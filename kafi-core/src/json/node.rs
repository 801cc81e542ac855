//! One parsed level of a JSON text: its members or elements, each still a piece of text until somebody looks.

use std::sync::{Arc, OnceLock};

use crate::json::scan::{MemberSpan, Scanner};
use crate::json::text::{quoted, unescape_lossy, write_string};
use crate::json::{Json, Step};

/// How many different lookups that found nothing are remembered per value, for the sake of good errors.
const MISSES_MAX: usize = 16;

/// A piece of a JSON text.
#[derive(Clone)]
pub(crate) struct Text {
    pub all: Arc<str>,
    pub start: u32,
    pub end: u32,
}

impl Text {
    pub fn whole(text: impl Into<Arc<str>>) -> Self {
        let all = text.into();
        let end = u32::try_from(all.len()).expect("a JSON text is smaller than 4 GiB");
        Self { all, start: 0, end }
    }

    pub fn as_str(&self) -> &str {
        &self.all[self.start as usize..self.end as usize]
    }
}

/// What is known about a value beyond its text.
pub(crate) struct Node {
    /// The text that the pieces below point into.
    all: Arc<str>,
    pub kind: Kind,
    misses: Misses,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// Null, true, false, a number, or a string without escapes.
    Scalar,
    /// The characters of a string with escapes; `None` if it holds a lone surrogate.
    Str(Option<String>),
    Array(Vec<Slot>),
    Object(Vec<JsonMember>),
}

/// A child: where its text lies, and its value once somebody looked.
#[derive(Clone)]
pub(crate) struct Slot {
    start: u32,
    end: u32,
    json: OnceLock<Box<Json>>,
}

#[derive(Clone)]
pub(crate) struct JsonMember {
    name: Name,
    slot: Slot,
}

#[derive(Clone)]
enum Name {
    /// Where the name lies in the text, without its quotes; it holds no escapes.
    Plain { start: u32, end: u32 },
    /// The name, and its JSON form.
    Own(Box<(String, String)>),
}

/// The lookups that found nothing. They must live as long as the value, because the null that they give out is borrowed
/// from it.
#[derive(Default)]
struct Misses(OnceLock<Box<Miss>>);

struct Miss {
    json: Json,
    next: Misses,
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self { all: Arc::clone(&self.all), kind: self.kind.clone(), misses: Misses::default() }
    }
}

impl Node {
    /// An empty array or object, or a scalar.
    pub fn new(kind: Kind) -> Self {
        Self { all: Arc::from(""), kind, misses: Misses::default() }
    }

    /// Parses one level of `text`, which was checked before.
    pub fn parse(text: &Text) -> Self {
        let bytes = text.all.as_bytes();
        let mut scanner = Scanner::at(bytes, text.start as usize);
        scanner.space();
        let kind = match scanner.peek() {
            Some(b'{') => Kind::Object(parse_members(&text.all, Scanner::at(bytes, scanner.position() + 1))),
            Some(b'[') => Kind::Array(parse_elements(scanner)),
            Some(b'"') => parse_string(text),
            _ => Kind::Scalar,
        };
        Self { all: Arc::clone(&text.all), kind, misses: Misses::default() }
    }

    /// The child at `step`, if there is one; of several members of a name the last, as nearly every JSON reader takes
    /// it.
    pub fn get(&self, step: Step<'_>) -> Option<&Json> {
        match (&self.kind, step) {
            (Kind::Object(members), Step::Name(name)) => {
                let member = members.iter().rev().find(|member| member.name.as_str(&self.all) == name)?;
                Some(member.slot.get(&self.all))
            }
            (Kind::Array(slots), Step::At(at)) => slots.get(at).map(|slot| slot.get(&self.all)),
            _ => None,
        }
    }

    /// The member `name` of an object, to change it: added as null if there is none, and the only one of its name from
    /// here on.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut Json> {
        let Kind::Object(members) = &mut self.kind else { return None };
        let all = &self.all;
        let is_named = |member: &JsonMember| member.name.as_str(all) == name;
        let Some(last) = members.iter().rposition(is_named) else {
            members.push(JsonMember { name: Name::own(name), slot: Slot::filled(Json::null()) });
            return members.last_mut().map(|member| member.slot.get_mut(all));
        };
        let others = members[..last].iter().filter(|member| is_named(member)).count();
        if others > 0 {
            let mut index = 0;
            members.retain(|member| {
                index += 1;
                index > last || !is_named(member)
            });
        }
        Some(members[last - others].slot.get_mut(all))
    }

    /// The element at `at` of an array, to change it.
    pub fn element_mut(&mut self, at: usize) -> Option<&mut Json> {
        let Kind::Array(slots) = &mut self.kind else { return None };
        slots.get_mut(at).map(|slot| slot.get_mut(&self.all))
    }

    /// Takes the child at `step` out; of several members of a name all, and the last is returned.
    pub fn remove(&mut self, step: Step<'_>) -> Option<Json> {
        let removed = self.get(step)?.clone();
        match (&mut self.kind, step) {
            (Kind::Object(members), Step::Name(name)) => members.retain(|member| member.name.as_str(&self.all) != name),
            (Kind::Array(slots), Step::At(at)) => drop(slots.remove(at)),
            _ => {}
        }
        Some(removed)
    }

    /// Adds an element at the end of an array.
    pub fn push(&mut self, value: Json) {
        if let Kind::Array(slots) = &mut self.kind {
            slots.push(Slot::filled(value));
        }
    }

    /// The elements, if it is an array.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &Json> + ExactSizeIterator {
        let slots: &[Slot] = if let Kind::Array(slots) = &self.kind { slots } else { &[] };
        slots.iter().map(|slot| slot.get(&self.all))
    }

    /// The members, if it is an object.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&str, &Json)> + ExactSizeIterator {
        let members: &[JsonMember] = if let Kind::Object(members) = &self.kind { members } else { &[] };
        members.iter().map(|member| (member.name.as_str(&self.all), member.slot.get(&self.all)))
    }

    /// A null that knows what was looked for; `make` is called for the first lookup of a step. `None` once there are
    /// too many.
    pub fn miss(&self, step: Step<'_>, make: impl Fn() -> Json) -> Option<&Json> {
        let mut misses = &self.misses;
        for _ in 0..MISSES_MAX {
            let miss = misses.0.get_or_init(|| Box::new(Miss { json: make(), next: Misses::default() }));
            if miss.json.missing().is_some_and(|missing| missing.is(step)) {
                return Some(&miss.json);
            }
            misses = &miss.next;
        }
        None
    }

    /// Appends the JSON text of an array or object whose children may have changed: without white space, untouched
    /// children byte for byte.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Array(slots) => {
                out.push(b'[');
                for (index, slot) in slots.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    slot.write(&self.all, out);
                }
                out.push(b']');
            }
            Kind::Object(members) => {
                out.push(b'{');
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    member.name.write(&self.all, out);
                    out.push(b':');
                    member.slot.write(&self.all, out);
                }
                out.push(b'}');
            }
            Kind::Scalar | Kind::Str(_) => out.extend_from_slice(b"null"),
        }
    }
}

impl Slot {
    fn filled(json: Json) -> Self {
        Self { start: 0, end: 0, json: OnceLock::from(Box::new(json)) }
    }

    fn get(&self, all: &Arc<str>) -> &Json {
        self.json
            .get_or_init(|| Box::new(Json::from_text(Text { all: Arc::clone(all), start: self.start, end: self.end })))
    }

    fn get_mut(&mut self, all: &Arc<str>) -> &mut Json {
        self.get(all);
        self.json.get_mut().expect("it was just filled")
    }

    fn write(&self, all: &str, out: &mut Vec<u8>) {
        match self.json.get() {
            Some(json) => json.write(out),
            None => out.extend_from_slice(&all.as_bytes()[self.start as usize..self.end as usize]),
        }
    }
}

impl Name {
    fn own(name: &str) -> Self {
        Self::Own(Box::new((name.into(), quoted(name))))
    }

    fn as_str<'a>(&'a self, all: &'a str) -> &'a str {
        match self {
            Self::Plain { start, end } => &all[*start as usize..*end as usize],
            Self::Own(own) => &own.0,
        }
    }

    fn write(&self, all: &str, out: &mut Vec<u8>) {
        match self {
            Self::Plain { .. } => write_string(out, self.as_str(all)),
            Self::Own(own) => out.extend_from_slice(own.1.as_bytes()),
        }
    }
}

fn parse_members(all: &str, mut scanner: Scanner<'_>) -> Vec<JsonMember> {
    let mut members = Vec::with_capacity(8);
    while let Some(MemberSpan { name, name_escaped, value }) =
        scanner.member(members.is_empty()).expect("the text was checked")
    {
        let name = if name_escaped {
            let json = &all[name];
            Name::Own(Box::new((unescape_lossy(&json[1..json.len() - 1]), json.into())))
        } else {
            Name::Plain { start: position(name.start + 1), end: position(name.end - 1) }
        };
        members.push(JsonMember {
            name,
            slot: Slot { start: position(value.start), end: position(value.end), json: OnceLock::new() },
        });
    }
    members
}

fn parse_elements(mut scanner: Scanner<'_>) -> Vec<Slot> {
    let mut slots = Vec::new();
    let add = |range: std::ops::Range<usize>| {
        slots.push(Slot { start: position(range.start), end: position(range.end), json: OnceLock::new() })
    };
    scanner.elements(add).expect("the text was checked");
    slots
}

fn parse_string(text: &Text) -> Kind {
    let json = text.as_str().trim();
    let inner = &json[1..json.len() - 1];
    if !inner.contains('\\') {
        return Kind::Scalar;
    }
    let mut out = Vec::with_capacity(inner.len());
    let whole = crate::json::text::unescape(inner, &mut out).is_ok();
    Kind::Str(whole.then(|| String::from_utf8(out).expect("unescaping keeps UTF-8")))
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a JSON text is smaller than 4 GiB")
}
