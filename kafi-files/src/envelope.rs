//! Envelopes in files that have columns.

use kafi_core::json_text::write_string;
use kafi_core::{Json, Result};

use crate::cell::Cell;

/// The columns of an envelope in a file that has columns. Keys, values, and headers stand in them as JSON text.
pub(crate) const ENVELOPE: [&str; 15] = [
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    "headers",
    "key",
    "key_base64",
    "key_raw",
    "key_schema_id",
    "key_message",
    "value",
    "value_base64",
    "value_raw",
    "value_schema_id",
    "value_message",
];

/// Those of them that are JSON text.
pub(crate) const ENVELOPE_JSON: [&str; 3] = ["headers", "key", "value"];

/// Tells the columns of an envelope.
pub(crate) fn envelope_cells(line: &[u8], each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>) -> Result<()> {
    let text = std::str::from_utf8(line).expect("an envelope is UTF-8");
    let envelope = Json::from_valid(text);
    for (name, json) in envelope.members().filter(|(name, _)| *name != "topic") {
        // Null is not missing: where nothing else says what a key or value is, it is null.
        if ENVELOPE_JSON.contains(&name) {
            each(name, Cell::JsonText(&json.text()))?
        } else {
            each(name, Cell::Json(json))?
        }
    }
    Ok(())
}

/// Appends a member of an envelope that stood in a column as text.
pub(crate) fn write_envelope_cell(name: &str, text: &str, row: &mut Vec<u8>) {
    let is_number = matches!(name, "partition" | "offset" | "timestamp" | "key_schema_id" | "value_schema_id");
    if is_number || ENVELOPE_JSON.contains(&name) {
        row.extend_from_slice(text.as_bytes());
    } else {
        write_string(row, text);
    }
}
