//! The formats of schema registries, to JSON and back.
//!
//! [`wire`] reads and writes how a payload, or a header beside it, names its schema. It opens no socket, and nothing in it blocks.
//!
//! # Example: which schema a payload has
//! ```
//! use kafi_core::{Field, HeadersBuf};
//! use kafi_serde::wire::{Framed, SchemaId};
//!
//! # fn main() -> kafi_core::Result<()> {
//! let headers = HeadersBuf::new();
//! let framed = Framed::read(Field::Value, b"\0\0\0\0\x07payload", headers.as_headers())?;
//! assert_eq!((framed.id(), framed.payload()?), (SchemaId::Number(7), &b"payload"[..]));
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

pub mod wire;
