//! What schemas say of columns.

use kafi_core::ColumnType;

use crate::schema::Schema;

impl Schema {
    /// What stands in the values that it describes; of Protobuf for this message, or else the first. `None` for JSON
    /// Schema, which says what numbers there may be, and not how many digits they have.
    pub fn column_type(&self, message: Option<&str>) -> Option<ColumnType> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(schema) => Some(crate::avro::column_type(schema)),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(schema) => {
                let message = message.map_or_else(|| schema.first_message(), |name| schema.message(name));
                Some(crate::protobuf::column_type(schema, message.ok()?))
            }
            #[allow(unreachable_patterns, reason = "other formats may not be compiled in")]
            _ => {
                let _ = message;
                None
            }
        }
    }
}
