//! What a copy asks of the storages that it is between.

use kafi_core::{Capabilities, Storage};

/// Whether a copy can have the offsets of its source, and go on at its own end: the target takes offsets, and notes
/// whose they are, without which a copy could go on behind another's.
pub(crate) fn keeps_offsets(storage: &dyn Storage) -> bool {
    storage.capabilities().contains(Capabilities::PRODUCE_KEEP_OFFSETS) && notes_source(storage)
}

/// Whether topics note of which topic they are a copy, and how large its messages may be.
pub(crate) fn notes_source(storage: &dyn Storage) -> bool {
    storage.capabilities().contains(Capabilities::ADMIN_NOTES)
}

/// Whether nothing is deleted for its age or its size, whatever the settings of topics say.
pub(crate) fn keeps_forever(storage: &dyn Storage) -> bool {
    storage.capabilities().contains(Capabilities::PRODUCE_KEEP_FOREVER)
}
