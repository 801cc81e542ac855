//! Reading what was written with one schema as another one: the specification's schema resolution, worked out once.

use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result};

use crate::avro::form::{Form, Tag, Tagging, label};
use crate::avro::program::{
    Branch, Field, Many, Op, OpId, Program, ShownMember, Sizes, closing, decimal, fixed, plain, quoted,
};
use crate::avro::read::Reader;
use crate::avro::schema::{Enum, Names, NodeId, Record, Schema, Shape};
use crate::avro::write::Writer;
use crate::fault::Fault;

const OPERATION: &str = "resolve Avro schemas";

/// How many pairs of types are compared: more than any schemas have that were not made to have them.
const PAIRS_MAX: usize = 1 << 20;

impl Reader {
    /// A reader of what was written with `writer`, for who wants it as `reader`: by the specification's rules of schema
    /// resolution. Fields come in the order of `reader`; those that the writer did not write are its defaults. A
    /// decimal of another scale keeps its value.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use kafi_serde::avro::{Form, Reader, Schema};
    /// let record = |fields: &str| Schema::parse(&format!(r#"{{"type": "record", "name": "Order", "fields": [{fields}]}}"#));
    /// let writer = record(r#"{"name": "id", "type": "int"}, {"name": "note", "type": "string"}"#)?;
    /// let reader = record(r#"{"name": "paid", "type": "boolean", "default": true}, {"name": "number", "aliases": ["id"], "type": "double"}"#)?;
    /// let mut out = Vec::new();
    /// Reader::with_reader_schema(&writer, &Arc::new(reader), Form::Readable)?.read(b"\x0e\x04hi", &mut out)?;
    /// assert_eq!(out, br#"{"paid":true,"number":7.0}"#);
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if nothing can be read so: the outermost types differ, or a field is missing that has no default. What
    /// shows only in some of the values (a symbol, a branch) is an error of those.
    pub fn with_reader_schema(writer: &Schema, reader: &Arc<Schema>, form: Form) -> Result<Self> {
        resolve(writer, reader, form).map(Self::running)
    }
}

/// The program that reads what was written with `writer` as `reader`.
fn resolve(writer: &Schema, reader: &Arc<Schema>, form: Form) -> Result<Program> {
    let defaults = Defaults { writer: Writer::new(Arc::clone(reader), form), reader: Reader::new(reader, form) };
    let mut resolver =
        Resolver { writer, reader, form, sizes: Sizes::of(writer), ids: HashMap::new(), tasks: Vec::new(), defaults };
    let root = resolver.op(Task::Pair(writer.root, reader.root));
    let mut ops = Vec::new();
    // Each task may ask for more; no recursion, since names can make types as deep as there are names.
    while let Some(task) = resolver.tasks.get(ops.len()).copied() {
        if resolver.tasks.len() > PAIRS_MAX {
            return Err(Error::new(
                ErrorKind::TooLarge,
                OPERATION,
                format!("the two have more than {PAIRS_MAX} pairs of types"),
            ));
        }
        ops.push(match task {
            Task::Pair(writer, reader) => resolver.pair(writer, reader),
            Task::Plain(id) => resolver.plain(id),
        });
    }
    match &ops[root as usize] {
        Op::Fail(why) => Err(Error::new(ErrorKind::Corrupt, OPERATION, why.to_string())),
        _ => Ok(Program { ops: ops.into(), root }),
    }
}

/// What an operation is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Task {
    /// A type of the writer's as one of the reader's.
    Pair(NodeId, NodeId),
    /// A type of the writer's that is skipped.
    Plain(NodeId),
}

/// Makes the defaults of the reader's fields.
struct Defaults {
    writer: Writer,
    reader: Reader,
}

struct Resolver<'a> {
    writer: &'a Schema,
    reader: &'a Schema,
    form: Form,
    sizes: Sizes,
    ids: HashMap<Task, OpId>,
    tasks: Vec<Task>,
    defaults: Defaults,
}

impl Resolver<'_> {
    fn op(&mut self, task: Task) -> OpId {
        op_of(&mut self.ids, &mut self.tasks, task)
    }

    fn plain(&mut self, id: NodeId) -> Op {
        let Self { writer, form, sizes, ids, tasks, .. } = self;
        plain(writer, id, *form, sizes, |part| op_of(ids, tasks, Task::Plain(part)))
    }

    fn pair(&mut self, written: NodeId, read: NodeId) -> Op {
        let (writer, reader) = (self.writer.node(written), self.reader.node(read));
        match (&writer.shape, &reader.shape) {
            (Shape::Union(branches), _) => Op::Union(
                branches
                    .iter()
                    .map(|branch| Branch { op: self.op(Task::Pair(*branch, read)), tag: Tag::Never })
                    .collect(),
            ),
            (_, Shape::Union(branches)) => match self.best(written, branches) {
                Some(branch) => Op::Branch(Branch {
                    op: self.op(Task::Pair(written, branch)),
                    tag: Tagging::of(self.reader, branches, self.form).tag(branch),
                }),
                None => Op::Fail(
                    format!("no branch of the reader's union takes the writer's {}", writer.type_name()).into(),
                ),
            },
            (Shape::Null, Shape::Null) => Op::Null,
            (Shape::Boolean, Shape::Boolean) => Op::Boolean,
            (Shape::Int, Shape::Int | Shape::Long) => Op::Int,
            (Shape::Long, Shape::Long) => Op::Long,
            (Shape::Int | Shape::Long, Shape::Float) => Op::LongAsFloat,
            (Shape::Int | Shape::Long, Shape::Double) => Op::LongAsDouble,
            (Shape::Float, Shape::Float) => Op::Float,
            (Shape::Float, Shape::Double) => Op::FloatAsDouble,
            (Shape::Double, Shape::Double) => Op::Double,
            (Shape::String | Shape::Bytes, Shape::String) => Op::String,
            (Shape::String | Shape::Bytes, Shape::Bytes) => {
                decimal(writer, reader, self.form).map_or(Op::Bytes, Op::BytesDecimal)
            }
            (Shape::Array(written), Shape::Array(read)) => {
                Op::Array(Many { op: self.op(Task::Pair(*written, *read)), bytes_min: self.sizes.min(*written) })
            }
            (Shape::Map(written), Shape::Map(read)) => Op::Map(Many {
                op: self.op(Task::Pair(*written, *read)),
                bytes_min: self.sizes.min(*written).saturating_add(1),
            }),
            (Shape::Fixed(written), Shape::Fixed(read))
                if match_names(&written.names, &read.names) && written.size == read.size =>
            {
                fixed(writer, reader, written.size, self.form)
            }
            (Shape::Enum(written), Shape::Enum(read)) if match_names(&written.names, &read.names) => {
                symbols(written, read)
            }
            (Shape::Record(written), Shape::Record(record)) if match_names(&written.names, &record.names) => {
                self.record(written, record, read).unwrap_or_else(|why| Op::Fail(why.into()))
            }
            _ => Op::Fail(
                format!("the writer's {} cannot be read as the reader's {}", writer.type_name(), reader.type_name())
                    .into(),
            ),
        }
    }

    /// The branch of the reader's union for a type of the writer's: of the same full name before one of the same name,
    /// and that before one that it can become.
    fn best(&self, written: NodeId, branches: &[NodeId]) -> Option<NodeId> {
        let writer = self.writer.node(written);
        let closeness = |branch: &NodeId| {
            let reader = self.reader.node(*branch);
            match (writer.names(), reader.names()) {
                (Some(written), Some(read)) if writer.shape.word() == reader.shape.word() => {
                    match written.full == read.full {
                        true => Some(0),
                        false => match_names(written, read).then_some(1),
                    }
                }
                _ if writer.type_name() == reader.type_name() => Some(0),
                _ => becomes(&writer.shape, &reader.shape).then_some(2),
            }
        };
        branches
            .iter()
            .filter_map(|branch| Some((closeness(branch)?, *branch)))
            .min_by_key(|(closeness, _)| *closeness)
            .map(|(_, branch)| branch)
    }

    fn record(&mut self, written: &Record, read: &Record, read_id: NodeId) -> std::result::Result<Op, String> {
        let sources = sources(written, read);
        let taken: Vec<usize> = sources.iter().flatten().copied().collect();
        let is_in_order = taken.is_sorted();
        let mut fields = Vec::new();
        let mut members = Vec::new();
        let mut next = 0;
        for (index, (field, source)) in read.fields.iter().zip(&sources).enumerate() {
            let label = label(index == 0, &field.name);
            match source {
                Some(source) if is_in_order => {
                    self.skip(written, next..*source, &mut fields);
                    fields
                        .push(Field::Read { label, op: self.op(Task::Pair(written.fields[*source].node, field.node)) });
                    next = source + 1;
                }
                Some(source) => {
                    members.push(ShownMember::Text(label));
                    members.push(ShownMember::Read(taken.iter().filter(|other| *other < source).count()));
                }
                None => {
                    let default = self
                        .defaults
                        .text(read_id, read, index)
                        .map_err(|why| format!("the writer did not write a field of the reader's: {why}"))?;
                    let text: Box<[u8]> = [&*label, &default].concat().into();
                    if is_in_order { fields.push(Field::Text(text)) } else { members.push(ShownMember::Text(text)) }
                }
            }
        }
        if is_in_order {
            self.skip(written, next..written.fields.len(), &mut fields);
            fields.push(closing(read.fields.is_empty()));
            return Ok(Op::Record(Box::new(crate::avro::program::Record { fields: fields.into(), order: None })));
        }
        members.push(ShownMember::Text(Box::from(*b"}")));
        for (index, field) in written.fields.iter().enumerate() {
            match sources.iter().position(|source| *source == Some(index)) {
                Some(reader) => {
                    let op = self.op(Task::Pair(field.node, read.fields[reader].node));
                    fields.push(Field::Read { label: label(false, &read.fields[reader].name), op });
                }
                None => self.skip(written, index..index + 1, &mut fields),
            }
        }
        Ok(Op::Record(Box::new(crate::avro::program::Record { fields: fields.into(), order: Some(members.into()) })))
    }

    fn skip(&mut self, written: &Record, range: std::ops::Range<usize>, fields: &mut Vec<Field>) {
        for field in &written.fields[range] {
            fields.push(Field::Skip { name: field.name.clone(), op: self.op(Task::Plain(field.node)) });
        }
    }
}

impl Defaults {
    /// The default of a field as JSON text.
    fn text(&mut self, record_id: NodeId, record: &Record, index: usize) -> std::result::Result<Vec<u8>, String> {
        let mut payload = Vec::new();
        let mut text = Vec::new();
        let written = self.writer.write_default(record_id, record, index, &mut payload);
        let read = written.and_then(|()| self.reader.read_type(record.fields[index].node, &payload, &mut text));
        read.map(|()| text).map_err(|fault: Box<Fault>| fault.error("default").to_string())
    }
}

/// The place of an operation, which is made later if it is new.
fn op_of(ids: &mut HashMap<Task, OpId>, tasks: &mut Vec<Task>, task: Task) -> OpId {
    *ids.entry(task).or_insert_with(|| {
        tasks.push(task);
        tasks.len() as OpId - 1
    })
}

/// Which field of the writer's each of the reader's is: that of its name, else that of an alias of it which is no
/// other's.
fn sources(written: &Record, read: &Record) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> =
        written.fields.iter().enumerate().map(|(index, field)| (&*field.name, index)).collect();
    let mut taken = vec![false; written.fields.len()];
    let mut sources: Vec<Option<usize>> = read.fields.iter().map(|field| places.get(&*field.name).copied()).collect();
    sources.iter().flatten().for_each(|source| taken[*source] = true);
    for (source, field) in sources.iter_mut().zip(&read.fields).filter(|(source, _)| source.is_none()) {
        *source = field.aliases.iter().filter_map(|alias| places.get(&**alias).copied()).find(|place| !taken[*place]);
        if let Some(place) = *source {
            taken[place] = true;
        }
    }
    sources
}

fn symbols(written: &Enum, read: &Enum) -> Op {
    let known: std::collections::HashSet<&str> = read.symbols.iter().map(|symbol| &**symbol).collect();
    let text = |symbol: &str| match read.default {
        _ if known.contains(symbol) => Ok(quoted(symbol)),
        Some(default) => Ok(quoted(&read.symbols[default as usize])),
        None => Err(format!("the reader's {} has neither the symbol {symbol} nor a default", read.names.full).into()),
    };
    Op::Enum(written.symbols.iter().map(|symbol| text(symbol)).collect())
}

/// Whether the two names are the same without their namespaces, or the reader knows the writer's as another one of its
/// own.
fn match_names(written: &Names, read: &Names) -> bool {
    written.simple() == read.simple() || read.aliases.contains(&written.full)
}

/// Whether values of one type can be read as another.
fn becomes(written: &Shape, read: &Shape) -> bool {
    matches!(
        (written, read),
        (Shape::Int, Shape::Long | Shape::Float | Shape::Double)
            | (Shape::Long, Shape::Float | Shape::Double)
            | (Shape::Float, Shape::Double)
            | (Shape::String, Shape::Bytes)
            | (Shape::Bytes, Shape::String)
    )
}
