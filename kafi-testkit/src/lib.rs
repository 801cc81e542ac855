//! What storages of Kafi are tested with, also those that live elsewhere: the [`conformance`] suite.

#![deny(missing_docs)]

pub mod conformance;
