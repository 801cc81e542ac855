//! The formats of schema registries, to JSON and back.
//!
//! Each format compiles a schema once and then turns payloads into JSON text, and JSON text into payloads; [`wire`]
//! reads and writes how a payload, or a header beside it, names its schema. [`Source`] is a schema in a file or a text,
//! [`Schema`] a compiled one of any format, with its [`Reader`] and [`Writer`]; [`registry`] is what can be asked of a
//! registry. Nothing but its client opens a socket, and nothing but [`Source::load`] reads files.
//!
//! # Example: a message with the id of its schema in front
//! ```
//! # #[cfg(feature = "avro")]
//! # fn main() -> kafi_core::Result<()> {
//! use std::sync::Arc;
//! use kafi_core::{Field, HeadersBuf};
//! use kafi_serde::avro::{Form, Reader, Schema, Writer};
//! use kafi_serde::wire::{Framed, SchemaId};
//!
//! let schema = Schema::parse(r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#)?;
//! let schema = Arc::new(schema);
//!
//! let mut bytes = Vec::new();
//! SchemaId::Number(7).write(&mut bytes);
//! Writer::new(Arc::clone(&schema), Form::Readable).write(r#"{"id": 123}"#, &mut bytes)?;
//! assert_eq!(bytes, [0, 0, 0, 0, 7, 0xf6, 1]);
//!
//! let headers = HeadersBuf::new();
//! let framed = Framed::read(Field::Value, &bytes, headers.as_headers())?;
//! assert_eq!(framed.id(), SchemaId::Number(7));
//! let mut json = Vec::new();
//! Reader::new(&schema, Form::Readable).read(framed.payload()?, &mut json)?;
//! assert_eq!(json, br#"{"id":123}"#);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "avro"))]
//! # fn main() {}
//! ```
//!
//! # Example: raw payloads with a schema of one's own
//! ```
//! # #[cfg(feature = "protobuf")]
//! # fn main() -> kafi_core::Result<()> {
//! use kafi_serde::{Forms, Source};
//!
//! let schema = Source::of_text(r#"syntax = "proto3"; message Order { int64 id = 1; }"#, None)?.compile()?;
//! let mut json = Vec::new();
//! schema.reader(Forms::default())?.read(b"\x08\x7b", &mut json)?;
//! assert_eq!(json, br#"{"id":123}"#);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "protobuf"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! | feature | brings |
//! |---|---|
//! | `avro` | [`avro`], by a reader and a writer of Kafi's own |
//! | `protobuf` | [`protobuf`], by a reader and a writer of Kafi's own; prost-reflect for descriptors, and protox for sources |
//! | `jsonschema` | [`jsonschema`], by the crate of this name, without what it needs for the network |
//! | `registry` | [`registry::Client`](registry), which speaks to schema registries over HTTP, by reqwest |
//! | `registry-topic` | [`registry::TopicRegistry`](registry), a schema registry in a topic of any storage |
//!
//! The formats are on unless default features are turned off; [`wire`] and the trait of [`registry`] are always there,
//! and need nothing.

#![deny(missing_docs)]

#[cfg(feature = "avro")]
pub mod avro;
mod carried;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod codecs;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod columns;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
pub mod compat;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod derived;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod fault;
mod format;
#[cfg(feature = "jsonschema")]
pub mod jsonschema;
#[cfg(any(feature = "avro", feature = "protobuf"))]
mod number;
#[cfg(feature = "protobuf")]
pub mod protobuf;
pub mod registry;
#[cfg(any(feature = "avro", feature = "protobuf"))]
mod rfc3339;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod schema;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod source;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
mod tape;
pub mod wire;

pub use carried::CarriedSchemas;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
pub use codecs::{KnownSchema, SchemaCodecs};
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
pub use derived::schema_of_columns;
pub use format::Format;
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
pub use schema::{Forms, Reader, Schema, Writer};
#[cfg(any(feature = "avro", feature = "protobuf", feature = "jsonschema"))]
pub use source::Source;
