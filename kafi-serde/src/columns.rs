//! What schemas say of columns.

use kafi_core::ColumnType;

use crate::schema::Schema;

impl Schema {
    /// What stands in the values that it describes; of Protobuf for this message, or else the first. JSON Schema
    /// leaves open how many digits numbers have, and may leave open everything else.
    pub fn column_type(&self, message: Option<&str>) -> Option<ColumnType> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(schema) => Some(crate::avro::column_type(schema)),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(schema) => {
                let message = message.map_or_else(|| schema.first_message(), |name| schema.message(name));
                Some(crate::protobuf::column_type(schema, message.ok()?))
            }
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(schema) => {
                let _ = message;
                Some(schema.column_type().clone())
            }
        }
    }
}
