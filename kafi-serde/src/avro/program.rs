//! What a reader does with a payload, worked out once from the schema: how each value is read, and what is written for
//! it.

use kafi_core::json_text::write_string;

use crate::avro::form::{Form, Tag, Tagging, label};
use crate::avro::schema::{Logical, Node, NodeId, Schema, Shape};

/// Where an operation stands in its program.
pub(crate) type OpId = u32;

/// How to read one value, and how to write it.
#[derive(Debug)]
pub(crate) enum Op {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    /// An int or long for a reader's float.
    LongAsFloat,
    /// An int or long for a reader's double.
    LongAsDouble,
    FloatAsDouble,
    /// Bytes as a string of the characters 0 to 255.
    Bytes,
    String,
    BytesDecimal(Decimal),
    Fixed(u32),
    FixedDecimal(u32, Decimal),
    FixedUuid,
    Enum(Box<[Symbol]>),
    Array(Many),
    Map(Many),
    Union(Box<[Branch]>),
    Record(Box<Record>),
    /// A value that is no union for a reader whose schema is one.
    Branch(Branch),
    /// A value that no reader can take.
    Fail(Box<str>),
}

/// The text of a symbol in quotes, or why a reader does not take it.
pub(crate) type Symbol = Result<Box<[u8]>, Box<str>>;

/// What a decimal's digits mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    /// How many of them stand behind the point.
    pub scale: u32,
    /// How many the reader wants there.
    pub scale_shown: u32,
}

/// Many values of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    pub op: OpId,
    /// The fewest bytes that one takes in the payload.
    pub bytes_min: u64,
}

/// A branch of a union.
#[derive(Debug)]
pub(crate) struct Branch {
    pub op: OpId,
    pub tag: Tag,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub fields: Box<[Field]>,
    /// The members in their order, where it is not that in which they are read.
    pub order: Option<Box<[ShownMember]>>,
}

/// What to do next in a record.
#[derive(Debug)]
pub(crate) enum Field {
    /// Read a value and write it behind this text.
    Read { label: Box<[u8]>, op: OpId },
    /// Read a value that nobody wants.
    Skip { name: Box<str>, op: OpId },
    /// Write this text.
    Text(Box<[u8]>),
}

/// A member of an object that is put together at its end.
#[derive(Debug)]
pub(crate) enum ShownMember {
    /// The value that was read at this place.
    Read(usize),
    Text(Box<[u8]>),
}

/// All operations.
#[derive(Debug)]
pub(crate) struct Program {
    pub ops: Box<[Op]>,
    pub root: OpId,
}

impl Program {
    /// Reads with the schema that the data were written with.
    pub fn plain(schema: &Schema, form: Form) -> Self {
        let sizes = Sizes::of(schema);
        let ops = (0..schema.nodes.len() as NodeId).map(|id| plain(schema, id, form, &sizes, |id| id)).collect();
        Self { ops, root: schema.root }
    }
}

/// The operation for one type; `op_of` says where those of its parts are.
pub(crate) fn plain(
    schema: &Schema,
    id: NodeId,
    form: Form,
    sizes: &Sizes,
    mut op_of: impl FnMut(NodeId) -> OpId,
) -> Op {
    let node = schema.node(id);
    match &node.shape {
        Shape::Null => Op::Null,
        Shape::Boolean => Op::Boolean,
        Shape::Int => Op::Int,
        Shape::Long => Op::Long,
        Shape::Float => Op::Float,
        Shape::Double => Op::Double,
        Shape::String => Op::String,
        Shape::Bytes => decimal(node, node, form).map_or(Op::Bytes, Op::BytesDecimal),
        Shape::Fixed(fixed) => self::fixed(node, node, fixed.size, form),
        Shape::Enum(symbols) => Op::Enum(symbols.symbols.iter().map(|symbol| Ok(quoted(symbol))).collect()),
        Shape::Array(items) => Op::Array(Many { op: op_of(*items), bytes_min: sizes.min(*items) }),
        Shape::Map(values) => Op::Map(Many { op: op_of(*values), bytes_min: sizes.min(*values).saturating_add(1) }),
        Shape::Union(branches) => {
            let tagging = Tagging::of(schema, branches, form);
            Op::Union(branches.iter().map(|branch| Branch { op: op_of(*branch), tag: tagging.tag(*branch) }).collect())
        }
        Shape::Record(record) => {
            let mut fields: Vec<Field> = Vec::with_capacity(record.fields.len() + 1);
            for (index, field) in record.fields.iter().enumerate() {
                fields.push(Field::Read { label: label(index == 0, &field.name), op: op_of(field.node) });
            }
            fields.push(closing(fields.is_empty()));
            Op::Record(Box::new(Record { fields: fields.into(), order: None }))
        }
    }
}

/// What ends an object.
pub(crate) fn closing(is_empty: bool) -> Field {
    Field::Text(if is_empty { Box::from(*b"{}") } else { Box::from(*b"}") })
}

/// How the bytes of a decimal are written: as a number, unless the form or the reader's schema says otherwise.
pub(crate) fn decimal(writer: &Node, reader: &Node, form: Form) -> Option<Decimal> {
    let (Some(Logical::Decimal { scale, .. }), Form::Readable) = (reader.logical, form) else { return None };
    match writer.logical {
        Some(Logical::Decimal { scale: written, .. }) => Some(Decimal { scale: written, scale_shown: scale }),
        _ => Some(Decimal { scale, scale_shown: scale }),
    }
}

/// How a fixed is written.
pub(crate) fn fixed(writer: &Node, reader: &Node, size: u32, form: Form) -> Op {
    match decimal(writer, reader, form) {
        Some(decimal) => Op::FixedDecimal(size, decimal),
        None if reader.logical == Some(Logical::Uuid) && form == Form::Readable => Op::FixedUuid,
        None => Op::Fixed(size),
    }
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    write_string(&mut out, text);
    out.into()
}

/// The fewest bytes that values of each type take, so that claimed counts can be checked against what is there.
pub(crate) struct Sizes(Vec<Option<u64>>);

impl Sizes {
    pub fn of(schema: &Schema) -> Self {
        let mut sizes = Self(vec![None; schema.nodes.len()]);
        for id in 0..schema.nodes.len() as NodeId {
            sizes.fill(schema, id);
        }
        sizes
    }

    pub fn min(&self, id: NodeId) -> u64 {
        self.0[id as usize].unwrap_or(0)
    }

    fn fill(&mut self, schema: &Schema, id: NodeId) -> u64 {
        if let Some(known) = self.0[id as usize] {
            return known;
        }
        // A record that holds itself without a way out takes no finite number of bytes; that it takes none is a bound,
        // too.
        self.0[id as usize] = Some(0);
        let min = match &schema.node(id).shape {
            Shape::Null => 0,
            Shape::Float => 4,
            Shape::Double => 8,
            Shape::Fixed(fixed) => u64::from(fixed.size),
            Shape::Record(record) => {
                record.fields.iter().fold(0, |sum: u64, field| sum.saturating_add(self.fill(schema, field.node)))
            }
            _ => 1,
        };
        self.0[id as usize] = Some(min);
        min
    }
}
