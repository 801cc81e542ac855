//! What an Avro schema says of columns.

use kafi_core::{BytesText, ColumnType, TimeUnit};

use crate::avro::schema::{Logical, Node, NodeId, Schema, Shape};

/// What stands in the values of a schema.
pub(crate) fn column_type(schema: &Schema) -> ColumnType {
    of(schema, schema.root, &mut Vec::new())
}

fn of(schema: &Schema, id: NodeId, above: &mut Vec<NodeId>) -> ColumnType {
    // What contains itself has no end.
    if above.contains(&id) {
        return ColumnType::Any;
    }
    above.push(id);
    let node = schema.node(id);
    let found = node.logical.and_then(logical).unwrap_or_else(|| shape(schema, node, above));
    above.pop();
    found
}

fn shape(schema: &Schema, node: &Node, above: &mut Vec<NodeId>) -> ColumnType {
    match &node.shape {
        Shape::Boolean => ColumnType::Bool,
        Shape::Int => ColumnType::Int32,
        Shape::Long => ColumnType::Int64,
        Shape::Float => ColumnType::Float32,
        Shape::Double => ColumnType::Float64,
        Shape::Bytes | Shape::Fixed(_) => ColumnType::Bytes(BytesText::Characters),
        Shape::String | Shape::Enum(_) => ColumnType::Str,
        Shape::Array(element) => ColumnType::List(Box::new(of(schema, *element, above))),
        Shape::Map(value) => ColumnType::Map(Box::new(of(schema, *value, above))),
        Shape::Union(branches) => {
            let mut types = branches.iter().filter(|branch| !matches!(schema.node(**branch).shape, Shape::Null));
            match (types.next(), types.next()) {
                (Some(only), None) => of(schema, *only, above),
                _ => ColumnType::Any,
            }
        }
        Shape::Record(record) => ColumnType::Struct(
            record.fields.iter().map(|field| (field.name.to_string(), of(schema, field.node, above))).collect(),
        ),
        Shape::Null => ColumnType::Any,
    }
}

fn logical(logical: Logical) -> Option<ColumnType> {
    let timestamp = |unit, utc| Some(ColumnType::Timestamp { unit, utc });
    match logical {
        Logical::Decimal { precision, scale } => Some(ColumnType::Decimal { precision, scale }),
        Logical::Uuid => Some(ColumnType::Str),
        Logical::Duration => None,
        Logical::Date => Some(ColumnType::Date),
        Logical::TimeMillis => Some(ColumnType::Time(TimeUnit::Milliseconds)),
        Logical::TimeMicros => Some(ColumnType::Time(TimeUnit::Microseconds)),
        Logical::TimestampMillis => timestamp(TimeUnit::Milliseconds, true),
        Logical::TimestampMicros => timestamp(TimeUnit::Microseconds, true),
        Logical::TimestampNanos => timestamp(TimeUnit::Nanoseconds, true),
        Logical::LocalTimestampMillis => timestamp(TimeUnit::Milliseconds, false),
        Logical::LocalTimestampMicros => timestamp(TimeUnit::Microseconds, false),
        Logical::LocalTimestampNanos => timestamp(TimeUnit::Nanoseconds, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_columns() {
        let schema = Schema::parse(
            r#"{"type":"record","name":"R","fields":[
                {"name":"id","type":"long"},{"name":"note","type":["null","string"]},{"name":"any","type":["int","string"]},
                {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
                {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
                {"name":"raw","type":{"type":"fixed","name":"F","size":2}},
                {"name":"tags","type":{"type":"map","values":{"type":"array","items":"int"}}},
                {"name":"next","type":["null","R"]}]}"#,
        )
        .unwrap();
        let ColumnType::Struct(members) = column_type(&schema) else { panic!("a record has members") };
        let expected = [
            ("id", ColumnType::Int64),
            ("note", ColumnType::Str),
            ("any", ColumnType::Any),
            ("price", ColumnType::Decimal { precision: 9, scale: 2 }),
            ("at", ColumnType::Timestamp { unit: TimeUnit::Microseconds, utc: true }),
            ("raw", ColumnType::Bytes(BytesText::Characters)),
            ("tags", ColumnType::Map(Box::new(ColumnType::List(Box::new(ColumnType::Int32))))),
            ("next", ColumnType::Any),
        ];
        assert_eq!(members, expected.map(|(name, type_)| (name.to_string(), type_)));
    }
}
