//! Whether one schema can read what another one describes, by the rules of Confluent's registry.
//!
//! [`check`] compares two schemas; a [`CompatibilityLevel`](crate::registry::CompatibilityLevel) says which pairs of
//! versions are compared. What does not fit is a list of [`Incompatibility`], each with its kind, its place, and a
//! reason in words; an empty list means that all fits.
//!
//! | format | rules |
//! |---|---|
//! | Avro | those of Apache's `SchemaCompatibility` |
//! | Protobuf | those of Confluent's registry: by the numbers of fields |
//! | JSON Schema | those of Confluent's registry, with its strict policy: by content models |
//!
//! The work is bounded: schemas with too many pairs of parts, or which nest too deep, are `TooLarge`.
//!
//! ```
//! # #[cfg(feature = "avro")]
//! # fn main() -> kafi_core::Result<()> {
//! use kafi_serde::{Source, registry::CompatibilityLevel};
//! let old = Source::of_text(r#"{"type": "record", "name": "Order", "fields": []}"#, None)?;
//! let new = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#;
//! let found = CompatibilityLevel::Backward.check(&Source::of_text(new, None)?, [&old])?;
//! assert_eq!(found[0].kind(), "READER_FIELD_MISSING_DEFAULT_VALUE");
//! assert_eq!(found[0].to_string(), "/fields/0: the reader's field id has no default, and the writer does not have it");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "avro"))]
//! # fn main() {}
//! ```

#[cfg(feature = "avro")]
mod avro;
mod found;
#[cfg(feature = "jsonschema")]
mod jsonschema;
mod level;
#[cfg(feature = "protobuf")]
mod protobuf;

pub use found::Incompatibility;

use kafi_core::{Error, ErrorKind, Result};

use crate::format::Format;
use crate::source::Source;

const OPERATION: &str = "compare schemas";

/// How many parts may contain one another while they are compared.
const DEPTH_MAX: usize = 10_000;

/// The stack for that many; only what is used of it takes memory.
const STACK_BYTES: usize = 256 << 20;

/// Whether `reader` can read all that was written with `writer`: what does not fit, nothing if all does. Both are
/// compiled first.
///
/// # Errors
/// Those of compiling; `TooLarge` for schemas with too many parts, or which nest too deep; `Unsupported` where this
/// build lacks the format.
pub fn check(reader: &Source, writer: &Source) -> Result<Vec<Incompatibility>> {
    if reader.format() != writer.format() {
        let reason = format!("the format was {}, and is {}", writer.format(), reader.format());
        return Ok(vec![Incompatibility::new("SCHEMA_TYPE_CHANGED", "", reason)]);
    }
    match reader.format() {
        #[cfg(feature = "avro")]
        Format::Avro => avro::check(reader, writer),
        #[cfg(feature = "protobuf")]
        Format::Protobuf => protobuf::check(reader, writer),
        #[cfg(feature = "jsonschema")]
        Format::JsonSchema => jsonschema::check(reader, writer),
        #[cfg(not(all(feature = "avro", feature = "protobuf", feature = "jsonschema")))]
        other => Err(other.missing()),
    }
}

/// Compares on a stack on which [`DEPTH_MAX`] levels have room.
fn with_stack<T: Send>(compare: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, compare);
        let thread = thread.map_err(|error| Error::io(OPERATION, error))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn too_large(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::TooLarge, OPERATION, what.to_string())
}

/// What bounds the work: how many pairs of parts are compared, and how deep they nest.
struct Budget {
    pairs: usize,
    depth: usize,
}

impl Budget {
    fn new(pairs: usize) -> Self {
        Self { pairs, depth: 0 }
    }

    /// Takes a pair, and a level; [`leave`](Self::leave) gives the level back.
    fn enter(&mut self) -> Result<()> {
        if self.pairs == 0 {
            return Err(too_large("the two have too many pairs of parts to be compared"));
        }
        if self.depth == DEPTH_MAX {
            return Err(too_large(format_args!("they nest more than {DEPTH_MAX} levels deep")));
        }
        self.pairs -= 1;
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}
