//! The two forms of Avro as JSON, and where a branch of a union needs its name.

use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::JsonKind;
use kafi_core::json_text::write_string;

use crate::avro::schema::{Logical, Node, NodeId, Schema, Shape, simple};
use crate::tape::{Item, Tape};

/// How Avro is written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// Branches of unions are bare where their kind of JSON tells which it is, decimals are numbers with all their
    /// digits, UUIDs are text.
    #[default]
    Readable,
    /// The JSON encoding of Avro's specification: each branch but null stands in an object with its name; decimals and
    /// UUIDs are their bytes.
    Standard,
}

/// The kind of JSON that a type is written as.
pub(crate) fn json_kind(node: &Node, form: Form) -> JsonKind {
    match (&node.shape, node.logical) {
        (Shape::Null, _) => JsonKind::Null,
        (Shape::Boolean, _) => JsonKind::Bool,
        (Shape::Int | Shape::Long | Shape::Float | Shape::Double, _) => JsonKind::Number,
        (Shape::Bytes | Shape::Fixed(_), Some(Logical::Decimal { .. })) if form == Form::Readable => JsonKind::Number,
        (Shape::Bytes | Shape::String | Shape::Enum(_) | Shape::Fixed(_), _) => JsonKind::Str,
        (Shape::Array(_) | Shape::Union(_), _) => JsonKind::Array,
        (Shape::Map(_) | Shape::Record(_), _) => JsonKind::Object,
    }
}

/// The names by which the branches of a union can be called: the full name or the word of the type, and the name
/// without its namespace where that is clear.
#[derive(Debug)]
pub(crate) struct Tags(Box<[(Box<str>, usize)]>);

impl Tags {
    pub fn of(schema: &Schema, branches: &[NodeId]) -> Self {
        let full = || branches.iter().map(|branch| schema.node(*branch).type_name());
        let mut short: HashMap<&str, usize> = HashMap::new();
        full().for_each(|name| *short.entry(simple(name)).or_default() += 1);
        let mut tags: Vec<(Box<str>, usize)> = Vec::with_capacity(branches.len());
        for (index, name) in full().enumerate() {
            tags.push((name.into(), index));
            if simple(name) != name && short[simple(name)] == 1 {
                tags.push((simple(name).into(), index));
            }
        }
        tags.sort_unstable();
        Self(tags.into())
    }

    /// The index of the branch of this name.
    pub fn branch(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok().map(|at| self.0[at].1)
    }

    /// Whether the JSON text of an object, written here, reads as if it named a branch.
    pub fn are_in(&self, object: &[u8]) -> bool {
        // Names of types are never escaped.
        let Some(name) = object.strip_prefix(b"{\"").and_then(|rest| rest.split(|&byte| byte == b'"').next()) else {
            return false;
        };
        let names_one = std::str::from_utf8(name).is_ok_and(|name| self.branch(name).is_some());
        let Ok(text) = std::str::from_utf8(object) else { return false };
        names_one && Tape::default().read(text).is_ok_and(|item| only_member(item).is_some())
    }

    /// The branch that an object with a single member names, and the member's value.
    pub fn named<'a>(&self, item: Item<'a>, space: &mut Vec<u8>) -> Option<(usize, Item<'a>)> {
        let (name, value) = only_member(item)?;
        self.branch(name.string(space)?).map(|index| (index, value))
    }
}

/// Whether the branch's name stands around its value.
#[derive(Debug)]
pub(crate) enum Tag {
    Never,
    Always(Box<[u8]>),
    /// Only if it is no number, or an object that reads as if it had a tag.
    IfOdd(Box<[u8]>, Arc<Tags>),
}

/// Whether each branch of a union is written with its name.
pub(crate) struct Tagging<'a> {
    schema: &'a Schema,
    form: Form,
    tags: Arc<Tags>,
    /// How many branches are written as each kind of JSON.
    kinds: [usize; 6],
}

impl<'a> Tagging<'a> {
    pub fn of(schema: &'a Schema, branches: &[NodeId], form: Form) -> Self {
        let mut kinds = [0; 6];
        branches.iter().for_each(|branch| kinds[json_kind(schema.node(*branch), form) as usize] += 1);
        Self { schema, form, tags: Arc::new(Tags::of(schema, branches)), kinds }
    }

    pub fn tag(&self, branch: NodeId) -> Tag {
        let node = self.schema.node(branch);
        if let Shape::Null = node.shape {
            return Tag::Never;
        }
        let text = label(true, node.type_name());
        if self.form == Form::Standard || self.kinds[json_kind(node, self.form) as usize] > 1 {
            return Tag::Always(text);
        }
        match &node.shape {
            Shape::Record(record) => {
                let is_odd = matches!(&*record.fields, [only] if self.tags.branch(&only.name).is_some());
                if is_odd { Tag::Always(text) } else { Tag::Never }
            }
            Shape::Float | Shape::Double if self.kinds[JsonKind::Str as usize] == 0 => Tag::Never,
            Shape::Map(_) | Shape::Float | Shape::Double => Tag::IfOdd(text, Arc::clone(&self.tags)),
            _ => Tag::Never,
        }
    }
}

/// The name and value of the only member of an object.
fn only_member(item: Item<'_>) -> Option<(Item<'_>, Item<'_>)> {
    let mut members = item.members();
    members.next().filter(|_| members.next().is_none())
}

/// What stands in front of a member's value: a brace or a comma, its name, and a colon.
pub(crate) fn label(is_first: bool, name: &str) -> Box<[u8]> {
    let mut out = vec![if is_first { b'{' } else { b',' }];
    write_string(&mut out, name);
    out.push(b':');
    out.into()
}
