//! Which branch of a union a JSON value is meant for.

use kafi_core::JsonKind;

use crate::avro::form::{Form, Tags, json_kind};
use crate::avro::lookup::{Lookup, Mode};
use crate::avro::output;
use crate::avro::schema::{Logical, Node, NodeId, Schema, Shape};
use crate::fault::{Fault, Outcome};
use crate::number;
use crate::tape::Item;

/// How many values are looked at before two branches that may both fit count as such.
const LOOKS_MAX: u32 = 10_000;

/// Chooses branches.
pub(crate) struct Chooser<'a> {
    pub schema: &'a Schema,
    pub lookups: &'a [Lookup],
    pub mode: Mode,
}

impl Chooser<'_> {
    /// The branch, and the value without the branch's name.
    pub fn choose<'a>(
        &self,
        branches: &[NodeId],
        tags: &Tags,
        item: Item<'a>,
        space: &mut Vec<u8>,
    ) -> Outcome<(usize, Item<'a>)> {
        if self.mode == Mode::Default {
            let mut looks = LOOKS_MAX;
            let first = branches.iter().position(|branch| self.fits(*branch, item, &mut looks));
            return first.map(|index| (index, item)).ok_or_else(|| self.none(branches, item));
        }
        let of_kind = |kind: JsonKind| {
            branches.iter().enumerate().filter(move |(_, branch)| self.kind(**branch) == kind).map(|(index, _)| index)
        };
        if let Some((index, value)) = tags.named(item, space)
            && (self.may_be(branches[index], value) || of_kind(JsonKind::Object).next().is_none())
        {
            return Ok((index, value));
        }
        let mut candidates: Vec<usize> = Vec::new();
        let mut same = of_kind(item.kind());
        match (same.next(), same.next()) {
            (Some(only), None) => return Ok((only, item)),
            (Some(_), Some(_)) => {
                let mut looks = LOOKS_MAX;
                candidates.extend(of_kind(item.kind()).filter(|index| self.fits(branches[*index], item, &mut looks)));
            }
            (None, _) => {
                let mut looks = LOOKS_MAX;
                candidates.extend((0..branches.len()).filter(|index| self.fits(branches[*index], item, &mut looks)));
            }
        }
        match *candidates {
            [] => Err(self.none(branches, item)),
            [only] => Ok((only, item)),
            [first, second, ..] => Err(self.several(branches[first], branches[second], item)),
        }
    }

    fn kind(&self, id: NodeId) -> JsonKind {
        let form = if let Mode::Value(form) = self.mode { form } else { Form::Standard };
        json_kind(self.schema.node(id), form)
    }

    /// Whether a value that stands beside a branch's name can be meant for that branch, at a glance.
    fn may_be(&self, id: NodeId, item: Item<'_>) -> bool {
        self.kind(id) == item.kind()
            || matches!(item.kind(), JsonKind::Str | JsonKind::Number) && self.fits(id, item, &mut 1)
    }

    /// Whether a value can be written with this type; also true once it was looked at long enough.
    fn fits(&self, id: NodeId, item: Item<'_>, looks: &mut u32) -> bool {
        if *looks == 0 {
            return true;
        }
        *looks -= 1;
        let node = self.schema.node(id);
        match (&node.shape, &self.lookups[id as usize], item.kind()) {
            (Shape::Null, _, kind) => kind == JsonKind::Null,
            (Shape::Boolean, _, kind) => kind == JsonKind::Bool,
            (Shape::Int | Shape::Long, _, JsonKind::Str) if output::time(node, item, self.mode).is_some() => true,
            (Shape::Int, _, JsonKind::Number | JsonKind::Str) => is_whole::<i32>(item),
            (Shape::Long, _, JsonKind::Number | JsonKind::Str) => is_whole::<i64>(item),
            (Shape::Float, _, JsonKind::Number | JsonKind::Str) => output::float::<f32>(node, item).is_ok(),
            (Shape::Double, _, JsonKind::Number | JsonKind::Str) => output::float::<f64>(node, item).is_ok(),
            (Shape::Bytes | Shape::Fixed(_), _, JsonKind::Number | JsonKind::Str) => self.fits_bytes(node, item),
            (Shape::String, _, JsonKind::Str) => item.string(&mut Vec::new()).is_some(),
            (Shape::Enum(_), Lookup::Enum(indexes), JsonKind::Str) => {
                item.string(&mut Vec::new()).is_some_and(|symbol| indexes.contains_key(symbol))
            }
            (Shape::Array(items), _, JsonKind::Array) => {
                item.elements().all(|element| self.fits(*items, element, looks))
            }
            (Shape::Map(values), _, JsonKind::Object) => {
                item.members().all(|(_, value)| self.fits(*values, value, looks))
            }
            (Shape::Record(record), Lookup::Record { fields, .. }, JsonKind::Object) => {
                let mut given = 0;
                for (name, value) in item.members() {
                    let Some(index) = name.string(&mut Vec::new()).and_then(|name| fields.get(name)) else {
                        return false;
                    };
                    let field = &record.fields[*index];
                    if !self.fits(field.node, value, looks) {
                        return false;
                    }
                    given += usize::from(field.default.is_none());
                }
                given >= record.fields.iter().filter(|field| field.default.is_none()).count()
            }
            (Shape::Union(branches), Lookup::Union(tags), _) => {
                let tagged = if self.mode == Mode::Default { None } else { tags.named(item, &mut Vec::new()) };
                tagged.is_some_and(|(index, value)| self.fits(branches[index], value, looks))
                    || branches.iter().any(|branch| self.fits(*branch, item, looks))
            }
            _ => false,
        }
    }

    fn fits_bytes(&self, node: &Node, item: Item<'_>) -> bool {
        if let Some(Logical::Decimal { precision, scale }) = node.logical
            && output::is_number(item, self.mode)
        {
            return output::decimal(node, item, scale, precision, &mut Vec::new()).is_ok();
        }
        let mut space = Vec::new();
        let Some(text) = item.string(&mut space) else { return false };
        if node.logical == Some(Logical::Uuid) && text.parse::<crate::wire::Guid>().is_ok() {
            return true;
        }
        let fits_size =
            if let Shape::Fixed(fixed) = &node.shape { text.chars().count() == fixed.size as usize } else { true };
        fits_size && text.chars().all(|character| u32::from(character) < 256)
    }

    fn names(&self, branches: &[NodeId]) -> String {
        branches.iter().map(|branch| self.schema.node(*branch).type_name()).collect::<Vec<_>>().join(", ")
    }

    #[cold]
    fn none(&self, branches: &[NodeId], item: Item<'_>) -> Box<Fault> {
        Fault::new(format!("none of the union's branches ({}) takes {}", self.names(branches), item.described()))
    }

    #[cold]
    fn several(&self, first: NodeId, second: NodeId, item: Item<'_>) -> Box<Fault> {
        let (first, second) = (self.schema.node(first).type_name(), self.schema.node(second).type_name());
        Fault::new(format!("the union's branches {first} and {second} both take {}", item.described()))
            .hint("name the branch: {\"NAME\": VALUE}")
    }
}

fn is_whole<T: TryFrom<i128> + std::str::FromStr>(item: Item<'_>) -> bool {
    let mut space = Vec::new();
    let text = if item.kind() == JsonKind::Number { Some(item.raw()) } else { item.string(&mut space) };
    text.is_some_and(|text| number::whole::<T>(text).is_ok())
}
