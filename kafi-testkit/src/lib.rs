//! What storages of Kafi are tested with, also those that live elsewhere:
//!
//! - [`conformance`]: what every storage promises, as cases that its author runs.
//! - `objects`, with the feature of that name: what every store of objects must answer, for who implements `ObjectIo`
//!   of `kafi-objects`.
//! - [`servers`]: the servers of Kafi's own tests, faults in a network, and a server that says what a test tells it to.

#![deny(missing_docs)]

pub mod conformance;
#[cfg(feature = "objects")]
pub mod objects;
pub mod servers;
