//! The text that schemas make of keys and values.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use kafi_core::functional::{Failures, Place, TextDecoder};
use kafi_core::{Result, Serdes};

/// How keys and values become text, where they have a schema.
#[derive(Clone)]
pub struct Texts {
    /// Where they are read, with its codecs.
    pub place: Place,
    /// What they are.
    pub serdes: Serdes,
    /// What becomes of those that cannot be decoded.
    pub failures: Failures,
}

impl Texts {
    /// How messages become text at `place`.
    pub fn new(place: &Place, serdes: Serdes, failures: Failures) -> Self {
        Self { place: place.clone(), serdes, failures }
    }

    /// The same; `None` where they are their bytes anyhow.
    ///
    /// # Errors
    /// Those of [`TextDecoder::open`].
    pub fn of(place: &Place, serdes: &Serdes, failures: Failures) -> Result<Option<Self>> {
        let needed = TextDecoder::open(place, serdes)?.has_schemas();
        Ok(needed.then(|| Self::new(place, serdes.clone(), failures)))
    }

    /// What makes text of them.
    pub(crate) fn decoder(&self) -> Result<TextDecoder> {
        TextDecoder::open(&self.place, &self.serdes)
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("serdes", &self.serdes).finish_non_exhaustive()
    }
}

/// What makes text of messages, for several threads.
pub(crate) struct TextPool<'a> {
    of: &'a Texts,
    idle: Mutex<Vec<TextDecoder>>,
}

impl<'a> TextPool<'a> {
    pub(crate) fn new(of: &'a Texts) -> Self {
        Self { of, idle: Mutex::default() }
    }

    /// A decoder of one's own for a while.
    pub(crate) fn take(&self) -> Result<TextDecoder> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.of.decoder(), Ok)
    }

    pub(crate) fn give_back(&self, decoder: TextDecoder) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
    }

    pub(crate) fn failures(&self) -> &'a Failures {
        &self.of.failures
    }
}
