//! Schemas of Arrow's as they lie in files, looked at before Arrow reads them, which panics at a type that it lacks.

use arrow_ipc::{Field, Schema};
use kafi_core::{Error, ErrorKind, Result};

/// Refuses integers of a width that Arrow does not have, with the name of their column.
pub(super) fn check_types(schema: Schema<'_>) -> Result<()> {
    for field in schema.fields().into_iter().flatten() {
        if let Some(data_type) = unknown(field) {
            let why = format!("columns of the type {data_type} are not read");
            let error = Error::new(ErrorKind::Unsupported, "read file", why);
            let error = error.with("column", field.name().unwrap_or_default());
            return Err(error.hint("write it as a decimal, or as text"));
        }
    }
    Ok(())
}

fn unknown(field: Field<'_>) -> Option<String> {
    if let Some(int) = field.type_as_int()
        && !matches!(int.bitWidth(), 8 | 16 | 32 | 64)
    {
        return Some(format!("{}{}", if int.is_signed() { "Int" } else { "UInt" }, int.bitWidth()));
    }
    field.children().into_iter().flatten().find_map(unknown)
}
