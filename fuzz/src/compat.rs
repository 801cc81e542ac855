//! Two schemas of any format: they are compared, or one error says why not; and each reads what it describes itself.

use kafi_core::ErrorKind;
use kafi_serde::compat::check;
use kafi_serde::{Format, Source};

/// Takes the first byte for the format, and two schemas with a zero byte between them.
pub fn run(data: &[u8]) {
    let Some((format, rest)) = data.split_first() else { return };
    let format = [Format::Avro, Format::Protobuf, Format::JsonSchema][usize::from(*format) % 3];
    let mut texts = rest.split(|byte| *byte == 0).map(std::str::from_utf8);
    let (Some(Ok(old)), Some(Ok(new))) = (texts.next(), texts.next()) else { return };
    let [old, new] = [old, new].map(|text| Source::of_text(text, Some(format)).unwrap());
    for (reader, writer) in [(&new, &old), (&old, &new)] {
        match check(reader, writer) {
            Ok(found) => assert!(found.iter().all(|found| !found.kind().is_empty() && !found.reason().is_empty())),
            Err(error) => assert!(is_fine(error.kind()), "{error:?}"),
        }
    }
    for schema in [&old, &new] {
        // A field that an alias takes for another one is not clear even there.
        let is_ambiguous = schema.text().contains("aliases");
        let Ok(found) = check(schema, schema) else { continue };
        assert!(found.is_empty() || is_ambiguous, "{schema:?}: {found:?}");
    }
}

fn is_fine(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::TooLarge | ErrorKind::Unsupported)
}
