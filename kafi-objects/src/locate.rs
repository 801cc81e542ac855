//! Finding objects by offsets, with listings that begin in the middle.

use std::time::Instant;

use kafi_core::Result;

use crate::log::{Name, Page, PartitionLog};

/// A search for the object that holds an offset guesses this many objects back at first, and this many times as far
/// with each further guess.
const GUESS_OBJECTS: i64 = 400;
const GUESS_FACTOR: i64 = 64;
const GUESSES: u32 = 3;

/// After this many pages one after the other, a search jumps ahead.
const PAGES_BEFORE_JUMP: u32 = 2;

/// How many objects before an offset are looked at to find the one that others were merged into.
const MERGED_LOOKS: usize = 1_000;

/// An object, and the listing from there on.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: Name,
    /// The objects that follow, as far as the page shows them.
    pub(crate) following: Vec<Name>,
    /// After which key there are more.
    pub(crate) more: Option<String>,
}

impl Found {
    fn in_page(mut page: Page, index: usize) -> Self {
        let following = page.names.split_off(index + 1);
        Self { name: page.names[index], following, more: page.more }
    }
}

impl PartitionLog {
    /// The object with the greatest name up to `bound`, among those from `from` on.
    ///
    /// Listings go only forward, so this reads pages until one reaches the bound; every third time it jumps ahead: by
    /// half of what is left, or by as much as was passed already where that is not known. With `n` pages before the
    /// bound it takes at most `n` and a third as many listings, and far fewer where `n` is large.
    pub(crate) fn last_up_to(&self, bound: i64, from: i64, deadline: Instant) -> Result<Option<Found>> {
        let page = self.page(&self.before(from), deadline)?;
        self.last_in(page, bound, deadline)
    }

    /// The same, from a page on that was listed already.
    fn last_in(&self, mut page: Page, bound: i64, deadline: Instant) -> Result<Option<Found>> {
        let is_within = |page: &Page| page.names.first().is_some_and(|first| first.offset <= bound);
        if !is_within(&page) {
            return Ok(None);
        }
        let first = page.names[0].offset;
        // Nothing lies from here up to the bound.
        let mut empty_from = bound;
        for step in 1.. {
            let end = page.names.partition_point(|name| name.offset <= bound);
            let last = page.names[end - 1].offset;
            let more = match &page.more {
                Some(more) if end == page.names.len() => more.clone(),
                _ => return Ok(Some(Found::in_page(page, end - 1))),
            };
            if step % (PAGES_BEFORE_JUMP + 1) == 0 {
                let ahead = if empty_from == i64::MAX { (last - first).max(1) } else { (empty_from - last) / 2 };
                let target = last.saturating_add(ahead);
                if ahead > 1 && target < empty_from {
                    let jumped = self.page(&self.before(target), deadline)?;
                    if is_within(&jumped) {
                        page = jumped;
                        continue;
                    }
                    empty_from = target;
                }
            }
            let next = self.page(&more, deadline)?;
            if !is_within(&next) {
                let mut found = Found::in_page(page, end - 1);
                (found.following, found.more) = (next.names, next.more);
                return Ok(Some(found));
            }
            page = next;
        }
        unreachable!("each step comes nearer to the bound")
    }

    /// The object that begins at `position` or, failing that, the nearest before it; `None` where there is none.
    pub(crate) fn locate(&self, position: i64, deadline: Instant) -> Result<Option<Found>> {
        // The newest object is known most of the time, and most reads that begin in the middle begin there.
        let newest = self.known_tail().and_then(|tail| tail.newest).filter(|newest| *newest < position);
        if let Some(found) = newest.map(|newest| self.last_up_to(position, newest, deadline)).transpose()?.flatten() {
            return Ok(Some(found));
        }
        let page = self.page(&self.before(position), deadline)?;
        if page.names.first().is_some_and(|first| first.offset == position) {
            return Ok(Some(Found::in_page(page, 0)));
        }
        let spread = match (page.names.first(), page.names.last()) {
            (Some(first), Some(last)) if page.names.len() > 1 => {
                (last.offset - first.offset) / (page.names.len() as i64 - 1)
            }
            _ => self.known_tail().and_then(|tail| Some(tail.end - tail.newest?)).unwrap_or(1),
        };
        let mut back = spread.max(1).saturating_mul(GUESS_OBJECTS);
        for _ in 0..GUESSES {
            if back >= position {
                break;
            }
            if let Some(found) = self.last_up_to(position, position - back, deadline)? {
                return Ok(Some(found));
            }
            back = back.saturating_mul(GUESS_FACTOR);
        }
        self.last_up_to(position, 0, deadline)
    }

    /// The object that certainly holds `position`: the nearest one before it whose records reach beyond it. It is
    /// looked for among the objects before `position`, one by one, because those that were merged into an earlier one
    /// may still be there.
    pub(crate) fn locate_merged(&self, position: i64, deadline: Instant) -> Result<Option<Found>> {
        let mut bound = position;
        for _ in 0..MERGED_LOOKS {
            let Some(found) = self.locate(bound, deadline)? else { return Ok(None) };
            if self.facts(found.name.offset, deadline)?.is_some_and(|(facts, _)| facts.end > position) {
                return Ok(Some(found));
            }
            if found.name.offset == 0 {
                break;
            }
            bound = found.name.offset - 1;
        }
        Ok(None)
    }
}
