//! A compiled Avro schema: all its types in one flat table, every name resolved.

use kafi_core::{Json, Result};

use crate::avro::canonical;
use crate::avro::parse::Parser;

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

    /// Reads a schema that refers to no other.
    ///
    /// # Errors
    /// `Corrupt`: for text that is not JSON with line and column, for a schema that is wrong with the path of what is.
    /// `TooLarge` above [`TEXT_BYTES_MAX`](Self::TEXT_BYTES_MAX).
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_references(text, &[])
    }

    /// Reads a schema that uses names which other schemas define: those that an earlier one of `references` needs come
    /// first. A name may be defined several times if it is always defined alike.
    ///
    /// ```
    /// use kafi_serde::avro::Schema;
    /// let item = r#"{"type": "fixed", "name": "shop.Item", "size": 4}"#;
    /// let schema = Schema::parse_with_references(r#"{"type": "array", "items": "shop.Item"}"#, &[item])?;
    /// assert_eq!(schema.canonical_form(), r#"{"type":"array","items":{"name":"shop.Item","type":"fixed","size":4}}"#);
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse); what is wrong in a reference says the number of it, from 1.
    pub fn parse_with_references(text: &str, references: &[&str]) -> Result<Self> {
        let mut parser = Parser::default();
        for (index, reference) in references.iter().enumerate() {
            parser.read(reference).map_err(|error| error.with("reference", index + 1))?;
        }
        let root = parser.read(text)?;
        Ok(Self { nodes: parser.into_nodes(), root })
    }

    /// The full name, where it is a record, an enum, or a fixed.
    pub fn name(&self) -> Option<&str> {
        self.node(self.root).names().map(|names| &*names.full)
    }

    /// The specification's Parsing Canonical Form: two schemas read data alike where theirs are equal. Names from
    /// references are defined where they are first used.
    pub fn canonical_form(&self) -> String {
        canonical::form(self)
    }

    /// The 64-bit Rabin fingerprint (CRC-64-AVRO) of the canonical form.
    pub fn fingerprint(&self) -> u64 {
        canonical::fingerprint(self.canonical_form().as_bytes())
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
