//! `grep`: the messages that match a regular expression.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use kafi_core::functional::{Failures, Place, TextDecoder};
use kafi_core::{Batch, Record, Result, Serdes, Span};

use crate::cat::{Finished, TopicsToRead, read_then};
use crate::pattern::{Candidates, Pattern};

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
    pub texts: Option<GrepTexts>,
}

/// How keys and values become text, where they have a schema.
#[derive(Clone)]
pub struct GrepTexts {
    /// Where they are read, with its codecs.
    pub place: Place,
    /// What they are.
    pub serdes: Serdes,
    /// What becomes of those that cannot be decoded.
    pub failures: Failures,
}

impl GrepTexts {
    /// How messages become text at `place`; `None` where they are their bytes anyhow.
    ///
    /// # Errors
    /// Those of [`TextDecoder::open`].
    pub fn of(place: &Place, serdes: &Serdes, failures: Failures) -> Result<Option<Self>> {
        let needed = TextDecoder::open(place, serdes)?.has_schemas();
        Ok(needed.then(|| Self { place: place.clone(), serdes: serdes.clone(), failures }))
    }
}

impl fmt::Debug for GrepTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrepTexts").field("serdes", &self.serdes).finish_non_exhaustive()
    }
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

/// What makes text of messages, for several threads.
struct Texts<'a> {
    of: &'a GrepTexts,
    idle: Mutex<Vec<TextDecoder>>,
}

impl<'a> Texts<'a> {
    fn new(of: &'a GrepTexts) -> Self {
        Self { of, idle: Mutex::default() }
    }

    /// Keeps the messages of a batch whose text is looked for.
    fn keep_found(&self, look_for: &GrepOptions, batch: &mut Batch) -> Result<()> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let mut decoder = known.map_or_else(|| TextDecoder::open(&self.of.place, &self.of.serdes), Ok)?;
        if decoder.is_plain(batch) {
            look_for.keep_found(batch);
            idle().push(decoder);
            return Ok(());
        }
        let mut failed = Ok(());
        batch.retain(|record| {
            failed.is_ok()
                && match decoder.show(record) {
                    Ok((shown, _)) => look_for.matches(&shown),
                    Err(error) => {
                        failed = self.of.failures.take(&record, error);
                        false
                    }
                }
        });
        idle().push(decoder);
        failed
    }
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
    let texts = look_for.texts.as_ref().map(Texts::new);
    let matching = |batch: &mut Batch| match &texts {
        Some(texts) => texts.keep_found(look_for, batch),
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
    let finished = read_then(reading, matching, take, then)?;
    Ok((found, finished))
}
