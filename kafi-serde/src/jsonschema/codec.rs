//! Payloads and JSON text, which are the same here, once they are validated.

use std::sync::Arc;

use kafi_core::{Error, ErrorKind, JsonKind, Result};

use crate::fault::{Fault, Outcome};
use crate::jsonschema::schema::Schema;
use crate::tape::{Item, Tape};

/// Takes payloads that are as the schema says.
#[derive(Debug)]
pub struct Reader {
    schema: Arc<Schema>,
    tape: Tape,
}

impl Reader {
    /// A reader of what `schema` describes.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, tape: Tape::default() }
    }

    /// Appends a payload as it is.
    ///
    /// # Errors
    /// `Corrupt` if it is not UTF-8, not JSON (with line and column), or not as the schema says (with the path, and
    /// why); `out` is as it was then.
    pub fn read(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        const OPERATION: &str = "decode JSON Schema";
        let text = std::str::from_utf8(payload);
        let text = text.map_err(|error| {
            Error::new(ErrorKind::Corrupt, OPERATION, format!("byte {} is not UTF-8", error.valid_up_to()))
        })?;
        let item = self.tape.read(text)?;
        self.schema.check(item, item.depth()).map_err(|fault| fault.error(OPERATION))?;
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// Takes JSON text that is as the schema says.
#[derive(Debug)]
pub struct Writer {
    schema: Arc<Schema>,
    tape: Tape,
}

impl Writer {
    /// A writer of what `schema` describes.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, tape: Tape::default() }
    }

    /// Appends a JSON text as it is.
    ///
    /// # Errors
    /// `Corrupt` if it is not JSON (with line and column), not as the schema says (with the path, and why), or has a
    /// name twice in an object, of which readers see one or the other; `out` is as it was then.
    pub fn write(&mut self, json: &str, out: &mut Vec<u8>) -> Result<()> {
        const OPERATION: &str = "encode JSON Schema";
        let item = self.tape.read(json)?;
        check_names(item)
            .and_then(|()| self.schema.check(item, item.depth()))
            .map_err(|fault| fault.error(OPERATION))?;
        out.extend_from_slice(json.as_bytes());
        Ok(())
    }
}

/// Refuses names that stand twice, wherever it is.
fn check_names(item: Item<'_>) -> Outcome<()> {
    match item.kind() {
        JsonKind::Array => {
            let mut elements = item.elements().enumerate();
            elements.try_for_each(|(index, element)| check_names(element).map_err(|fault| fault.in_element(index)))
        }
        JsonKind::Object => {
            item.check_names()?;
            let mut members = item.members();
            members.try_for_each(|(name, value)| check_names(value).map_err(|fault| in_member(fault, name)))
        }
        _ => Ok(()),
    }
}

fn in_member(fault: Box<Fault>, name: Item<'_>) -> Box<Fault> {
    fault.in_member(name.string(&mut Vec::new()).unwrap_or_default())
}
