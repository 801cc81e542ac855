//! `grep`: the messages that match a regular expression.

use std::ops::ControlFlow;

use kafi_core::{Batch, Record, Result, Span};

use crate::cat::{Finished, TopicsToRead, read_then};
use crate::pattern::{Candidates, Pattern};
use crate::texts::{TextPool, Texts};

/// Where a pattern is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrepFields {
    /// In the key.
    pub key: bool,
    /// In the value.
    pub value: bool,
    /// In the names and values of headers.
    pub headers: bool,
}

impl Default for GrepFields {
    /// In key and value.
    fn default() -> Self {
        Self { key: true, value: true, headers: false }
    }
}

/// What is looked for, and where.
#[derive(Clone, Debug)]
pub struct GrepOptions {
    /// The expression.
    pub pattern: Pattern,
    /// Where it is looked for.
    pub fields: GrepFields,
    /// Takes the messages that do not match instead.
    pub invert: bool,
    /// Stops after this many found messages.
    pub found_max: Option<u64>,
    /// Looks into the text that schemas make of keys and values. Default: into their bytes.
    pub texts: Option<Texts>,
}

impl GrepOptions {
    /// Looks for `pattern` in keys and values.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, fields: GrepFields::default(), invert: false, found_max: None, texts: None }
    }

    /// Whether `record` is among what is looked for.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        let found = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| self.pattern.is_match(bytes));
        let hit = self.fields.value && found(record.value)
            || self.fields.key && found(record.key)
            || self.fields.headers
                && record.headers.iter().any(|header| found(Some(header.name)) || found(header.value));
        hit != self.invert
    }

    /// Keeps the messages of a batch that are looked for.
    pub(crate) fn keep_found(&self, batch: &mut Batch) {
        match self.pattern.candidates(batch) {
            Some(mut candidates) => {
                batch.retain_at(|batch, index| match self.may_match(batch, index, &mut candidates) {
                    true => self.matches(&batch.get(index)),
                    false => self.invert,
                })
            }
            None => batch.retain(|record| self.matches(&record)),
        }
    }

    #[inline]
    fn may_match(&self, batch: &Batch, index: usize, candidates: &mut Candidates) -> bool {
        let meta = &batch.metas()[index];
        let (key, value) = (
            if self.fields.key { meta.key } else { Span::NULL },
            if self.fields.value { meta.value } else { Span::NULL },
        );
        candidates.lies_in_either(key, value) || self.fields.headers && meta.header_count > 0
    }
}

/// Keeps the messages of a batch whose text is looked for.
fn keep_found_texts(texts: &TextPool<'_>, look_for: &GrepOptions, batch: &mut Batch) -> Result<()> {
    let mut decoder = texts.take()?;
    if decoder.is_plain(batch) {
        look_for.keep_found(batch);
        texts.give_back(decoder);
        return Ok(());
    }
    let mut failed = Ok(());
    batch.retain(|record| {
        failed.is_ok()
            && match decoder.show(record) {
                Ok((shown, _)) => look_for.matches(&shown),
                Err(error) => {
                    failed = texts.failures().take(&record, error);
                    false
                }
            }
    });
    texts.give_back(decoder);
    failed
}

/// Hands the messages that match to `each`, and returns how many there were. Batches without any are left
/// out. Blocks as `cat` does.
///
/// # Errors
/// Those of [`cat`](crate::cat).
pub fn grep(
    reading: TopicsToRead<'_>,
    look_for: &GrepOptions,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<(u64, Finished)> {
    grep_then(reading, look_for, each, |_| Ok(()))
}

/// As [`grep`], but the work is done only when `then` has returned, which is called once everything is found; a group's
/// offsets are committed after it.
///
/// # Errors
/// As for [`grep`], and what `then` fails with.
pub fn grep_then(
    reading: TopicsToRead<'_>,
    look_for: &GrepOptions,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<(u64, Finished)> {
    let mut found = 0;
    let texts = look_for.texts.as_ref().map(TextPool::new);
    let matching = |batch: &mut Batch| match &texts {
        Some(texts) => keep_found_texts(texts, look_for, batch),
        None => {
            look_for.keep_found(batch);
            Ok(())
        }
    };
    let take = |batch: &mut Batch| {
        let wanted = look_for.found_max.map_or(u64::MAX, |max| max - found);
        batch.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        found += batch.len() as u64;
        let asked = if batch.is_empty() { ControlFlow::Continue(()) } else { each(batch)? };
        let enough = look_for.found_max.is_some_and(|max| found >= max);
        Ok(if enough { ControlFlow::Break(()) } else { asked })
    };
    let failures = look_for.texts.as_ref().map(|texts| &texts.failures);
    let finished = read_then(reading.settling(failures), matching, take, then)?;
    Ok((found, finished))
}
