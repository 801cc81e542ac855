//! Under which subject a schema is registered.

use kafi_core::{Error, ErrorKind, Field, Result, SchemaOptions, SubjectStrategy};

use crate::codecs::known::KnownSchema;

/// The subject of a schema: the one that was chosen, else what the strategy makes of the topic and the schema.
pub fn subject_of(options: &SchemaOptions, topic: &str, field: Field, schema: Option<&KnownSchema>) -> Result<String> {
    if let Some(subject) = &options.subject {
        return Ok(subject.clone());
    }
    let record = || {
        schema.and_then(KnownSchema::record_name).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "name subject", "the schema has no name, by which its subject would be called")
                .with("field", field)
                .hint(format!("--{field}-subject names it"))
        })
    };
    match options.strategy.unwrap_or_default() {
        SubjectStrategy::Topic => Ok(topic_subject(topic, field)),
        SubjectStrategy::Record => record(),
        SubjectStrategy::TopicRecord => Ok(format!("{topic}-{}", record()?)),
    }
}

/// The subject that is called as the topic is.
pub fn topic_subject(topic: &str, field: Field) -> String {
    format!("{topic}-{field}")
}
