//! Avro, exactly as Apache's `SchemaCompatibility`: in the same order, with the same pairs remembered, since the answer
//! for some recursive schemas depends on both.

use std::collections::{BTreeSet, HashMap};

use kafi_core::Result;

use crate::avro::{NodeId, Record, RecordField, Schema, Shape};
use crate::compat::found::Found;
use crate::compat::{Budget, Incompatibility, with_stack};
use crate::source::Source;

/// How many pairs of types are compared.
const PAIRS_MAX: usize = 1 << 20;

pub(super) fn check(reader: &Source, writer: &Source) -> Result<Vec<Incompatibility>> {
    let (reader, writer) = (parse(reader)?, parse(writer)?);
    with_stack(|| {
        let mut checker = Checker {
            reader: &reader,
            writer: &writer,
            known: HashMap::new(),
            budget: Budget::new(PAIRS_MAX),
            path: String::new(),
        };
        checker.pair(reader.root, writer.root).map(Found::into_vec)
    })
}

fn parse(source: &Source) -> Result<Schema> {
    let references: Vec<&str> = source.references().map(|(_, text)| text).collect();
    Schema::parse_with_references(source.text(), &references)
}

struct Checker<'a> {
    reader: &'a Schema,
    writer: &'a Schema,
    /// What was found for a pair; nothing while it is being compared: a recursive pair fits unless something else does
    /// not.
    known: HashMap<(NodeId, NodeId), Found>,
    budget: Budget,
    path: String,
}

impl Checker<'_> {
    fn pair(&mut self, reader: NodeId, writer: NodeId) -> Result<Found> {
        if let Some(found) = self.known.get(&(reader, writer)) {
            return Ok(found.clone());
        }
        self.budget.enter()?;
        self.known.insert((reader, writer), Found::default());
        let found = self.compare(reader, writer)?;
        self.known.insert((reader, writer), found.clone());
        self.budget.leave();
        Ok(found)
    }

    /// A pair whose place is a step further in.
    fn pair_at(&mut self, step: std::fmt::Arguments<'_>, reader: NodeId, writer: NodeId) -> Result<Found> {
        let len = self.path.len();
        self.path.push_str(&format!("/{step}"));
        let found = self.pair(reader, writer);
        self.path.truncate(len);
        found
    }

    fn compare(&mut self, reader: NodeId, writer: NodeId) -> Result<Found> {
        let (read, written) = (&self.reader.node(reader).shape, &self.writer.node(writer).shape);
        let found = match (read, written) {
            (Shape::Union(_), Shape::Union(branches)) => return self.branches(reader, branches),
            (_, Shape::Union(branches)) => {
                let mut found = Found::default();
                for branch in branches {
                    found.merge(&self.pair(reader, *branch)?);
                }
                found
            }
            (Shape::Union(branches), _) => return self.single(branches, writer),
            (Shape::Array(reader), Shape::Array(writer)) => {
                return self.pair_at(format_args!("items"), *reader, *writer);
            }
            (Shape::Map(reader), Shape::Map(writer)) => {
                return self.pair_at(format_args!("values"), *reader, *writer);
            }
            (Shape::Fixed(read), Shape::Fixed(written)) => {
                let mut found = self.names(reader, writer);
                if read.size != written.size {
                    let reason = format!("the reader's fixed has {} bytes, the writer's {}", read.size, written.size);
                    found.push("FIXED_SIZE_MISMATCH", &format!("{}/size", self.path), reason);
                }
                found
            }
            (Shape::Enum(read), Shape::Enum(written)) => {
                let mut found = self.names(reader, writer);
                let known: BTreeSet<&str> = read.symbols.iter().map(|symbol| &**symbol).collect();
                let missing: Vec<&str> =
                    written.symbols.iter().map(|symbol| &**symbol).filter(|symbol| !known.contains(symbol)).collect();
                if !missing.is_empty() && read.default.is_none() {
                    let reason = format!("the reader's enum lacks the symbols {}", listed(&missing));
                    found.push("MISSING_ENUM_SYMBOLS", &format!("{}/symbols", self.path), reason);
                }
                found
            }
            (Shape::Record(read), Shape::Record(written)) => {
                let mut found = self.names(reader, writer);
                found.merge(&self.fields(read, written, writer)?);
                found
            }
            _ if is_promoted(read, written) => Found::default(),
            _ => {
                let reason =
                    format!("the reader's {} cannot be read from the writer's {}", read.word(), written.word());
                Found::one("TYPE_MISMATCH", &self.path, reason)
            }
        };
        Ok(found)
    }

    /// A union as a union: each branch of the writer's is read by the whole of the reader's.
    fn branches(&mut self, reader: NodeId, branches: &[NodeId]) -> Result<Found> {
        let mut found = Found::default();
        for (index, branch) in branches.iter().enumerate() {
            if !self.pair(reader, *branch)?.is_empty() {
                let reason = self.lacks(*branch);
                found.push("MISSING_UNION_BRANCH", &format!("{}/{index}", self.path), reason);
            }
        }
        Ok(found)
    }

    /// What is no union as one: some branch has to fit.
    fn single(&mut self, branches: &[NodeId], writer: NodeId) -> Result<Found> {
        for (index, branch) in branches.iter().enumerate() {
            if self.pair_at(format_args!("{index}"), *branch, writer)?.is_empty() {
                return Ok(Found::default());
            }
        }
        Ok(Found::one("MISSING_UNION_BRANCH", &self.path, self.lacks(writer)))
    }

    fn lacks(&self, writer: NodeId) -> String {
        format!("the reader's union has no branch for the writer's {}", self.writer.node(writer).type_name())
    }

    fn names(&self, reader: NodeId, writer: NodeId) -> Found {
        let names = (self.reader.node(reader).names(), self.writer.node(writer).names());
        let (Some(read), Some(written)) = names else { return Found::default() };
        if read.simple() == written.simple() || read.aliases.contains(&written.full) {
            return Found::default();
        }
        let reason = format!("the reader's {} is not called {}, nor has it that alias", read.full, written.full);
        Found::one("NAME_MISMATCH", &format!("{}/name", self.path), reason)
    }

    fn fields(&mut self, reader: &Record, writer: &Record, writer_id: NodeId) -> Result<Found> {
        let places: HashMap<&str, &RecordField> = writer.fields.iter().map(|field| (&*field.name, field)).collect();
        let mut found = Found::default();
        for (index, field) in reader.fields.iter().enumerate() {
            let names: BTreeSet<&str> =
                std::iter::once(&field.name).chain(&field.aliases).map(|name| &**name).collect();
            let mut written = names.iter().filter_map(|name| places.get(name));
            match (written.next(), written.next()) {
                (Some(_), Some(_)) => {
                    let reason = format!("the reader's field {} is several fields of the writer's", field.name);
                    found.push("READER_FIELD_AMBIGUOUS", &self.field(index), reason);
                }
                (Some(written), None) => {
                    let step = format_args!("fields/{index}/type");
                    found.merge(&self.pair_at(step, field.node, written.node)?);
                }
                (None, _) if field.default.is_some() => {}
                // What Apache does for the default of an enum in place of the field's: it compares with the record.
                (None, _) if matches!(&self.reader.node(field.node).shape, Shape::Enum(it) if it.default.is_some()) => {
                    found.merge(&self.pair_at(format_args!("fields/{index}/type"), field.node, writer_id)?);
                }
                (None, _) => {
                    let reason =
                        format!("the reader's field {} has no default, and the writer does not have it", field.name);
                    found.push("READER_FIELD_MISSING_DEFAULT_VALUE", &self.field(index), reason);
                }
            }
        }
        Ok(found)
    }

    fn field(&self, index: usize) -> String {
        format!("{}/fields/{index}", self.path)
    }
}

/// Whether each value of the one type is one of the other.
fn is_promoted(reader: &Shape, writer: &Shape) -> bool {
    use Shape::{Boolean, Bytes, Double, Float, Int, Long, Null, String};
    matches!(
        (reader, writer),
        (Null, Null)
            | (Boolean, Boolean)
            | (Int, Int)
            | (Long, Int | Long)
            | (Float, Int | Long | Float)
            | (Double, Int | Long | Float | Double)
            | (Bytes | String, Bytes | String)
    )
}

/// Names in a row, not more than a line has room for.
fn listed(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown = names.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN_MAX) {
        Some(more @ 1..) => format!("{shown}, and {more} more"),
        _ => shown,
    }
}
