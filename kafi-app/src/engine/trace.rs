//! Spans of the crate tracing around what an app does, with the feature `tracing`; without it nothing.
//!
//! Where nobody listens a span costs one look at a number.

#[cfg(feature = "tracing")]
pub(crate) use with::{committing, failed, handling, producing};
#[cfg(not(feature = "tracing"))]
pub(crate) use without::{committing, failed, handling, producing};

#[cfg(feature = "tracing")]
mod with {
    use kafi_core::{Error, Record};
    use tracing::span::EnteredSpan;

    /// Around the handling of some messages, of which this is the first, for the time that it lives.
    pub(crate) fn handling(app: &str, record: &Record<'_>, messages: usize, attempt: u32) -> EnteredSpan {
        let span = tracing::info_span!(
            target: "kafi::app",
            "handle",
            app,
            topic = record.topic,
            partition = record.partition,
            offset = record.offset,
            messages,
            attempt,
            traceparent = parent_of(record),
        );
        span.entered()
    }

    /// Around handing so many outputs to the producer.
    pub(crate) fn producing(app: &str, outputs: usize) -> EnteredSpan {
        tracing::debug_span!(target: "kafi::app", "produce", app, outputs).entered()
    }

    /// Around a commit.
    pub(crate) fn committing(app: &str) -> EnteredSpan {
        tracing::debug_span!(target: "kafi::app", "commit", app).entered()
    }

    /// A message has failed.
    pub(crate) fn failed(app: &str, record: &Record<'_>, error: &Error, attempt: u32) {
        tracing::warn!(
            target: "kafi::app",
            app,
            topic = record.topic,
            partition = record.partition,
            offset = record.offset,
            attempt,
            traceparent = parent_of(record),
            %error,
            "failed"
        );
    }

    fn parent_of<'a>(record: &Record<'a>) -> &'a str {
        let value = record.headers.get(b"traceparent").flatten();
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }
}

#[cfg(not(feature = "tracing"))]
mod without {
    use kafi_core::{Error, Record};

    /// Nothing, for as long as it lives.
    pub(crate) struct Silence;

    pub(crate) fn handling(_app: &str, _record: &Record<'_>, _messages: usize, _attempt: u32) -> Silence {
        Silence
    }

    pub(crate) fn producing(_app: &str, _outputs: usize) -> Silence {
        Silence
    }

    pub(crate) fn committing(_app: &str) -> Silence {
        Silence
    }

    pub(crate) fn failed(_app: &str, _record: &Record<'_>, _error: &Error, _attempt: u32) {}
}
