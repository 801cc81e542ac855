//! What a Protobuf schema says of columns.

use kafi_core::{BytesText, ColumnType, TimeUnit};

use crate::protobuf::schema::{Message, Schema};
use crate::protobuf::types::{Field, Kind, MessageId, Shape, Special};

/// What stands in a message.
pub(crate) fn column_type(schema: &Schema, message: Message) -> ColumnType {
    of_message(schema, message.0, &mut Vec::new())
}

fn of_message(schema: &Schema, id: MessageId, above: &mut Vec<MessageId>) -> ColumnType {
    let message = schema.types.message(id);
    match message.special {
        Special::None => {}
        Special::Timestamp => return ColumnType::Timestamp { unit: TimeUnit::Nanoseconds, utc: true },
        Special::Duration | Special::FieldMask => return ColumnType::Str,
        Special::Wrapper => return of_kind(schema, message.fields[0].kind, above),
        Special::Any | Special::ListValue | Special::Struct | Special::Value => return ColumnType::Any,
    }
    // What contains itself has no end.
    if above.contains(&id) {
        return ColumnType::Any;
    }
    above.push(id);
    let members = message.fields.iter().map(|field| (field.name.to_string(), of_field(schema, field, above))).collect();
    above.pop();
    ColumnType::Struct(members)
}

fn of_field(schema: &Schema, field: &Field, above: &mut Vec<MessageId>) -> ColumnType {
    match (field.shape, field.kind) {
        (Shape::Single, kind) => of_kind(schema, kind, above),
        (Shape::Repeated, kind) => ColumnType::List(Box::new(of_kind(schema, kind, above))),
        (Shape::Map, Kind::Message(entry)) => {
            let value = &schema.types.message(entry).fields[1];
            ColumnType::Map(Box::new(of_kind(schema, value.kind, above)))
        }
        (Shape::Map, _) => ColumnType::Any,
    }
}

fn of_kind(schema: &Schema, kind: Kind, above: &mut Vec<MessageId>) -> ColumnType {
    match kind {
        Kind::Double => ColumnType::Float64,
        Kind::Float => ColumnType::Float32,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => ColumnType::Int32,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => ColumnType::Int64,
        Kind::Uint32 | Kind::Fixed32 => ColumnType::UInt32,
        Kind::Uint64 | Kind::Fixed64 => ColumnType::UInt64,
        Kind::Bool => ColumnType::Bool,
        Kind::String => ColumnType::Str,
        Kind::Bytes => ColumnType::Bytes(BytesText::Base64),
        // A value without a name is its number: as text both can stand in a column.
        Kind::Enum(_) => ColumnType::Any,
        Kind::Message(id) | Kind::Group(id) => of_message(schema, id, above),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_columns() {
        let schema = Schema::parse(
            "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message M { int64 id = 1; repeated float x = 2;
             map<string, bytes> raw = 3; google.protobuf.Timestamp at = 4; M next = 5; uint64 big = 6; }",
        )
        .unwrap();
        let ColumnType::Struct(members) = column_type(&schema, schema.first_message().unwrap()) else {
            panic!("a message has members")
        };
        let expected = [
            ("id", ColumnType::Int64),
            ("x", ColumnType::List(Box::new(ColumnType::Float32))),
            ("raw", ColumnType::Map(Box::new(ColumnType::Bytes(BytesText::Base64)))),
            ("at", ColumnType::Timestamp { unit: TimeUnit::Nanoseconds, utc: true }),
            ("next", ColumnType::Any),
            ("big", ColumnType::UInt64),
        ];
        assert_eq!(members, expected.map(|(name, type_)| (name.to_string(), type_)));
    }
}
