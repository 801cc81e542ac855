//! What a batch shows of memory that another library lends, instead of parts of its own.

use std::fmt;

use kafi_abi::{Arena, BatchView};

use crate::error::{Error, ErrorKind, Result};
use crate::meta::{HeaderMeta, RecordMeta, TimestampType};

use super::layout;
use super::library::Library;

/// Parts of a batch that the other side of the plugin interface lends, and the arena that they lie in, where the other
/// side is a plugin. Most batches have none, and stay small.
#[derive(Default)]
pub(crate) struct Foreign(Option<Box<Lent>>);

#[derive(Default)]
struct Lent {
    shown: Option<BatchView>,
    /// The arena, and the library that it goes back to.
    arena: Option<(Library, Arena)>,
}

impl Foreign {
    /// The parts that are shown.
    #[inline]
    pub(crate) fn parts(&self) -> Option<(&[u8], &[RecordMeta], &[HeaderMeta])> {
        let view = self.0.as_ref()?.shown.as_ref()?;
        // SAFETY: who called `show` keeps the view alive and unchanged until it is hidden, and its metas were checked
        // then.
        unsafe { Some((view.data(), layout::records_in(view.records()), layout::headers_in(view.headers()))) }
    }

    /// The record metas that are shown, to be changed in place.
    #[inline]
    pub(crate) fn metas_mut(&mut self) -> Option<&mut [RecordMeta]> {
        let lent = self.0.as_mut()?;
        debug_assert!(
            lent.shown.is_none() || lent.arena.is_some(),
            "what is only lent for a call is shared, and not changed"
        );
        let view = lent.shown.as_mut()?;
        // SAFETY: the view was made from exclusive parts of the arena that this batch holds, and `&mut self` says that
        // nobody reads them.
        unsafe { Some(layout::records_in_mut(view.records_mut())) }
    }

    /// Leaves out the record metas from index `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        if let Some(view) = self.0.as_mut().and_then(|lent| lent.shown.as_mut()) {
            view.truncate(len);
        }
    }

    /// Shows nothing any more, and keeps the arena.
    #[inline]
    pub(crate) fn hide(&mut self) {
        if let Some(lent) = &mut self.0 {
            lent.shown = None;
        }
    }

    /// Shows what is lent.
    ///
    /// # Errors
    /// `Corrupt` for metas that cannot be read as such.
    ///
    /// # Safety
    /// The view stays alive and unchanged until it is hidden, or this is dropped. Where an arena is kept, the view is
    /// of that arena and exclusive; else nobody calls [`metas_mut`](Foreign::metas_mut).
    pub(crate) unsafe fn show(&mut self, view: BatchView) -> Result<()> {
        self.hide();
        // SAFETY: as the caller says.
        let records = unsafe { view.records() };
        if let Some(index) = records.iter().position(|meta| meta.timestamp_type > TimestampType::Append as u8) {
            return Err(Error::new(ErrorKind::Corrupt, "check batch", "a message has an unknown type of timestamp")
                .with("message", index));
        }
        self.0.get_or_insert_default().shown = Some(view);
        Ok(())
    }

    /// Takes the arena back that came from this library, if there is one; an arena of another library is freed.
    pub(crate) fn take_arena(&mut self, library: Library) -> Option<Arena> {
        self.hide();
        let (from, arena) = self.0.as_mut()?.arena.take()?;
        (from == library).then_some(arena)
    }

    /// Keeps an arena of this library.
    pub(crate) fn keep_arena(&mut self, library: Library, arena: Arena) {
        self.hide();
        self.0.get_or_insert_default().arena = Some((library, arena));
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((_, records, headers)) => {
                f.debug_struct("Foreign").field("records", &records).field("headers", &headers).finish_non_exhaustive()
            }
            None => f.write_str("None"),
        }
    }
}
