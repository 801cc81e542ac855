//! What keeps one schema from reading what another one describes: tables of cases for each format, the cases of
//! Apicurio's registry, Apache Avro's own answers for random schemas, and schemas that are made to take for ever.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

mod apicurio;
mod cases;
mod hostile;
mod oracle;

use kafi_serde::compat::{Incompatibility, check};
use kafi_serde::{Format, Source};

/// What keeps `reader` from reading what `writer` describes.
fn compare(format: Format, reader: &str, writer: &str) -> kafi_core::Result<Vec<Incompatibility>> {
    check(&Source::of_text(reader, Some(format))?, &Source::of_text(writer, Some(format))?)
}

fn kinds(found: &[Incompatibility]) -> Vec<&'static str> {
    found.iter().map(Incompatibility::kind).collect()
}
