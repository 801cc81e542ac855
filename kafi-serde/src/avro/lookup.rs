//! What a writer works out in advance for each type of its schema.

use std::collections::HashMap;

use crate::avro::form::{Form, Tags};
use crate::avro::schema::{Node, Schema, Shape};

/// What is worked out in advance for one type.
#[derive(Debug)]
pub(crate) enum Lookup {
    None,
    /// The fields by their names, and where their defaults are.
    Record {
        fields: HashMap<Box<str>, usize>,
        defaults: usize,
    },
    Enum(HashMap<Box<str>, usize>),
    Union(Tags),
}

impl Lookup {
    /// Of this type; `defaults` counts the fields that were seen.
    pub fn of(schema: &Schema, node: &Node, defaults: &mut usize) -> Self {
        match &node.shape {
            Shape::Record(record) => {
                let fields =
                    record.fields.iter().enumerate().map(|(index, field)| (field.name.clone(), index)).collect();
                let lookup = Self::Record { fields, defaults: *defaults };
                *defaults += record.fields.len();
                lookup
            }
            Shape::Enum(symbols) => {
                Self::Enum(symbols.symbols.iter().enumerate().map(|(index, symbol)| (symbol.clone(), index)).collect())
            }
            Shape::Union(branches) => Self::Union(Tags::of(schema, branches)),
            _ => Self::None,
        }
    }
}

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Value(Form),
    /// A default of the schema: branches of unions are bare, the first that fits is meant, and decimals are their
    /// bytes.
    Default,
}
