//! The frozen interface between Kafi and storages that are loaded as plugins.
//!
//! A plugin is a dynamic library that exports two symbols: [`KAFI_ABI`](KAFI_ABI_SYMBOL), a number that is compared before anything else is done with the library, and a root
//! module, [`Plugin`], whose layout and that of everything it leads to is compared when the library is loaded. Neither authors of storages nor users of Kafi see these types:
//! `kafi-core` turns a storage into them (`export_storage!`) and back.
//!
//! # What is frozen
//!
//! Everything in this crate. An older plugin is refused as soon as one field or method more is expected, so nothing is ever added to version 1. It grows where no layout
//! changes: by names of operations and members of the JSON texts (`call`, `open`, `announce`, options), by names of optional interfaces (`interface`), by bits of the capabilities, and by
//! kinds of errors. What cannot be had that way is version 2, in types of its own beside these.
//!
//! # Conventions
//!
//! - Time-outs are nanoseconds; `u64::MAX` is "for ever".
//! - Texts are UTF-8. JSON texts may have members that the reader does not know; it ignores them.
//! - Nothing unwinds through a function of this interface: whoever implements it turns panics into a [`Failure`].
//! - Both sides check every batch that the other lends them before they read it.
//! - Memory goes back to who allocated it: `R` types of abi_stable and [`Arena`] carry their way back with them.
//! - Libraries are never unloaded.

// The macros of abi_stable implement traits within functions, and write public items without documentation.
#![allow(non_local_definitions)]

mod batch;
mod failure;
mod plugin;
mod report;
mod traits;

pub use batch::{Arena, BatchView, HeaderMeta, RecordMeta, Span, Text};
pub use failure::{Failure, Pair};
pub use plugin::{LogSink, Plugin, PluginRef};
pub use report::Report;
pub use traits::{
    Admin, Admin_TO, AdminBox, Consumer, Consumer_TO, ConsumerBox, Polled, Producer, Producer_TO, ProducerBox, Storage,
    Storage_TO, StorageBox,
};

pub use abi_stable;

/// The number of this interface. Each plugin exports the one that it was built with, as a `u32` under [`KAFI_ABI_SYMBOL`].
pub const KAFI_ABI: u32 = 1;

/// The name of the symbol that holds a plugin's [`KAFI_ABI`].
pub const KAFI_ABI_SYMBOL: &str = "KAFI_ABI";
