//! A compiled Avro schema: all its types in one flat table, every name resolved.

use kafi_core::Json;

/// Where a type stands in the table.
pub(crate) type NodeId = u32;

/// An Avro schema, read and checked.
///
/// ```
/// use kafi_serde::avro::Schema;
/// let schema = Schema::parse(r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "id", "type": "long"}]}"#)?;
/// assert_eq!(schema.name(), Some("shop.Order"));
/// assert_eq!(schema.canonical_form(), r#"{"name":"shop.Order","type":"record","fields":[{"name":"id","type":"long"}]}"#);
///
/// let error = Schema::parse(r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "lnog"}]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "read Avro schema: path .fields[0].type: there is no type lnog");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Schema {
    pub(crate) nodes: Box<[Node]>,
    pub(crate) root: NodeId,
}

/// A type.
#[derive(Debug)]
pub(crate) struct Node {
    pub shape: Shape,
    pub logical: Option<Logical>,
}

/// What Avro knows a type as.
#[derive(Debug)]
pub(crate) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(NodeId),
    Map(NodeId),
    Union(Box<[NodeId]>),
    Record(Record),
    Enum(Enum),
    Fixed(Fixed),
}

/// What a type means beyond its shape. A logical type that does not fit its shape is ignored, as the specification
/// says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logical {
    Decimal { precision: u32, scale: u32 },
    Uuid,
    Duration,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
}

/// The full name of a record, enum, or fixed, and its other full names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub full: Box<str>,
    pub aliases: Box<[Box<str>]>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub names: Names,
    pub fields: Box<[RecordField]>,
}

#[derive(Debug)]
pub(crate) struct RecordField {
    pub name: Box<str>,
    pub aliases: Box<[Box<str>]>,
    pub node: NodeId,
    pub default: Option<Json>,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub names: Names,
    pub symbols: Box<[Box<str>]>,
    /// The symbol that stands for those that a reader does not know.
    pub default: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Fixed {
    pub names: Names,
    pub size: u32,
}

impl Schema {
    /// How large the text of a schema may be, in bytes.
    pub const TEXT_BYTES_MAX: usize = 16 << 20;

    /// The full name, where it is a record, an enum, or a fixed.
    pub fn name(&self) -> Option<&str> {
        self.node(self.root).names().map(|names| &*names.full)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }
}

impl Node {
    /// The names of a record, enum, or fixed.
    pub fn names(&self) -> Option<&Names> {
        match &self.shape {
            Shape::Record(record) => Some(&record.names),
            Shape::Enum(symbols) => Some(&symbols.names),
            Shape::Fixed(fixed) => Some(&fixed.names),
            _ => None,
        }
    }

    /// The full name, or the word for a type that has none.
    pub fn type_name(&self) -> &str {
        self.names().map_or(self.shape.word(), |names| &names.full)
    }
}

impl Names {
    /// The name without its namespace.
    pub fn simple(&self) -> &str {
        simple(&self.full)
    }
}

/// A name without its namespace.
pub(crate) fn simple(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

impl Shape {
    /// The word of the specification for this type.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
            Self::Enum(_) => "enum",
            Self::Fixed(_) => "fixed",
        }
    }

    /// The type without a name and without parts that the specification knows by this word.
    pub fn primitive(word: &str) -> Option<Self> {
        let shapes =
            [Self::Null, Self::Boolean, Self::Int, Self::Long, Self::Float, Self::Double, Self::Bytes, Self::String];
        shapes.into_iter().find(|shape| shape.word() == word)
    }
}
