//! Listings, page by page.

use std::sync::{Mutex, PoisonError};

use kafi_core::{ErrorKind, Retry};

use super::{Attempt, Failure, Page, Requester, Service};
use crate::io::Listing;

/// How many listings that may be gone on with are remembered.
const LISTINGS_MAX: usize = 64;

/// Where listings stopped that a service cannot begin anew at a name.
#[derive(Default)]
pub(super) struct Continuations(Mutex<Vec<Continuation>>);

#[derive(Clone)]
struct Continuation {
    prefix: String,
    folders: bool,
    /// The last name that was told.
    after: String,
    marker: String,
}

impl Continuations {
    /// Where the listing of `prefix` goes on behind `after`, if it stopped there.
    fn find(&self, prefix: &str, folders: bool, after: &str) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known
            .iter()
            .position(|known| known.prefix == prefix && known.folders == folders && known.after == after)?;
        // Another attempt at the same page needs it again, so it goes to the end instead of away.
        let found = known.remove(at);
        known.push(found.clone());
        Some(found.marker)
    }

    fn remember(&self, continuation: Continuation) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &Continuation| {
            known.prefix == continuation.prefix
                && known.folders == continuation.folders
                && known.after == continuation.after
        };
        known.retain(|known| !same(known));
        if known.len() == LISTINGS_MAX {
            known.remove(0);
        }
        known.push(continuation);
    }
}

impl<S: Service> Requester<S> {
    /// Reads pages until one holds something that comes after `after`.
    pub(super) async fn list_once(&self, prefix: &str, after: &str, folders: bool) -> Attempt<Listing> {
        let service = self.service().await?;
        let (full, after) = (self.full(prefix), if after.is_empty() { String::new() } else { self.full(after) });
        let mut marker = if S::LISTS_FROM_NAMES { None } else { self.continuations.find(&full, folders, &after) };
        loop {
            let page = service.page(&full, &after, folders, marker.as_deref()).await?;
            if page.marker.is_some() && page.marker == marker {
                return Err(Failure::new(ErrorKind::Unavailable, Retry::Later, "the listing goes on where it began"));
            }
            marker = page.marker.clone();
            let listing = self.below_root(page, &after);
            let last = listing.objects.last().map(|object| &object.key).max(listing.folders.last());
            if last.is_none() && listing.more {
                continue;
            }
            if let (false, Some(marker), Some(last)) = (S::LISTS_FROM_NAMES, marker, last) {
                self.continuations.remember(Continuation { prefix: full, folders, after: self.full(last), marker });
            }
            return Ok(listing);
        }
    }

    /// What a page shows behind `after`, by names from the storage's root on. What does not lie below the root is
    /// nobody's here.
    fn below_root(&self, page: Page, after: &str) -> Listing {
        let root = self.place.prefix.len();
        let is_shown = |name: &str| name > after && name.starts_with(&self.place.prefix);
        let mut listing = Listing { objects: page.objects, folders: page.folders, more: page.marker.is_some() };
        listing.objects.retain(|object| is_shown(&object.key));
        listing.folders.retain(|folder| is_shown(folder));
        listing.objects.iter_mut().for_each(|object| drop(object.key.drain(..root)));
        listing.folders.iter_mut().for_each(|folder| drop(folder.drain(..root)));
        listing
    }
}
