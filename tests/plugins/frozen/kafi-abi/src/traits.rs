//! The four traits of a storage as they cross.
//!
//! What each call means, and with which errors it fails, stands at the traits of kafi-core, which these mirror. What is not on the way of the messages crosses as JSON.

// The macro writes public items without documentation.
#![allow(missing_docs)]

use abi_stable::std_types::{RBox, RResult, RSlice, RStr, RString};
use abi_stable::{StableAbi, sabi_trait};

use crate::batch::{Arena, BatchView};
use crate::failure::Failure;
use crate::report::Report;

/// A storage on the other side.
pub type StorageBox = Storage_TO<'static, RBox<()>>;

/// A consumer on the other side.
pub type ConsumerBox = Consumer_TO<'static, RBox<()>>;

/// A producer on the other side.
pub type ProducerBox = Producer_TO<'static, RBox<()>>;

/// An admin client on the other side.
pub type AdminBox = Admin_TO<'static, RBox<()>>;

/// How a poll ended.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Polled {
    /// 0: there are messages; 1: the time ran out; 2: every partition is at its end.
    pub status: u32,
    /// The messages, lent until their arena is used again or dropped. The host may change the record metas in place.
    pub batch: BatchView,
}

/// A place where topics live.
#[sabi_trait]
pub trait Storage: Send + Sync {
    /// The name under which the user knows it.
    fn name(&self) -> RStr<'_>;
    /// Its scheme.
    fn scheme(&self) -> RStr<'_>;
    /// The bits of what it can do.
    fn capabilities(&self) -> u64;
    /// What stays the same for as long as it is the same storage.
    fn identity(&self, timeout_ns: u64) -> RResult<RString, Failure>;
    /// Makes a consumer; the options are JSON.
    fn consumer(&self, options: RStr<'_>) -> RResult<ConsumerBox, Failure>;
    /// Makes a producer; the options are JSON.
    fn producer(&self, options: RStr<'_>) -> RResult<ProducerBox, Failure>;
    /// Makes an admin client.
    fn admin(&self) -> RResult<AdminBox, Failure>;
    /// Does what later versions agree on, by name, with JSON in and out; `Unsupported` for a name that it does not know.
    fn call(&self, name: RStr<'_>, argument: RStr<'_>) -> RResult<RString, Failure>;
    /// The functions that later versions agree on under a name, or null.
    #[sabi(last_prefix_field)]
    fn interface(&self, name: RStr<'_>) -> *const ();
}

/// Reads messages.
#[sabi_trait]
pub trait Consumer: Send {
    /// Makes an arena for polling with any consumer of this library.
    fn arena(&self) -> Arena;
    /// Reads these partitions; the assignments are JSON.
    fn assign(&mut self, assignments: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure>;
    /// Joins the group; the topics are JSON.
    fn subscribe(&mut self, topics: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure>;
    /// Moves to another offset; the position is JSON.
    fn seek(&mut self, position: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure>;
    /// Fills the arena with the next messages, up to these limits.
    fn poll(
        &mut self,
        arena: &mut Arena,
        records_max: u64,
        bytes_max: u64,
        timeout_ns: u64,
    ) -> RResult<Polled, Failure>;
    /// Where this member of a group stands: 0 joining, 1 stable, 2 revoking.
    fn membership(&self) -> u32;
    /// The next offsets, as JSON.
    fn positions(&self) -> RResult<RString, Failure>;
    /// Commits offsets; they are JSON.
    fn commit(&mut self, positions: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure>;
    /// The committed offsets of these partitions; both are JSON.
    fn committed(&mut self, partitions: RStr<'_>, timeout_ns: u64) -> RResult<RString, Failure>;
    /// Leaves the group and frees what it holds.
    fn close(&mut self, timeout_ns: u64) -> RResult<(), Failure>;
    /// As for a storage.
    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>) -> RResult<RString, Failure>;
    /// As for a storage.
    #[sabi(last_prefix_field)]
    fn interface(&self, name: RStr<'_>) -> *const ();
}

/// Writes messages.
#[sabi_trait]
pub trait Producer: Send {
    /// Hands over the messages from index `from` on, and says how many were taken. The batch is lent for the length of the call.
    fn produce(&mut self, batch: BatchView, from: u64, token: u64, timeout_ns: u64) -> RResult<u64, Failure>;
    /// The reports that came in, lent until the next call.
    fn reports(&mut self, timeout_ns: u64) -> RResult<RSlice<'_, Report>, Failure>;
    /// Sends everything and waits for all reports.
    fn flush(&mut self, timeout_ns: u64) -> RResult<(), Failure>;
    /// Flushes, and frees what it holds.
    fn close(&mut self, timeout_ns: u64) -> RResult<(), Failure>;
    /// As for a storage.
    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>) -> RResult<RString, Failure>;
    /// As for a storage.
    #[sabi(last_prefix_field)]
    fn interface(&self, name: RStr<'_>) -> *const ();
}

/// Administers a storage.
#[sabi_trait]
pub trait Admin: Send {
    /// Does one of the operations of administration, by the name of its method, with JSON in and out; `Unsupported` for a name that it does not know.
    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>, timeout_ns: u64) -> RResult<RString, Failure>;
    /// As for a storage.
    #[sabi(last_prefix_field)]
    fn interface(&self, name: RStr<'_>) -> *const ();
}
