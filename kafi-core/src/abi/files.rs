//! The files of a storage as they cross: a table of functions under the name `files.v1`, which a storage gives out by
//! `interface`. Older plugins answer null to the name, and older hosts never ask for it.
//!
//! It is as frozen as the types of `kafi-abi`: what has to change is `files.v2`, beside this one.

use kafi_abi::Failure;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};

/// The name of the table.
pub(super) const FILES_V1: &str = "files.v1";

/// The table. It lives as long as the storage; the functions, as long as the library, which is never unloaded.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FilesV1 {
    /// What [`files`](Self::files) is called with, while the storage lives.
    pub(super) storage: *const (),
    /// Makes a client for files.
    pub(super) files: unsafe extern "C" fn(*const ()) -> RResult<Handle, Failure>,
    /// With a client: the files whose names begin with this, as JSON.
    pub(super) list: unsafe extern "C" fn(*mut (), RStr<'_>, u64) -> RResult<RString, Failure>,
    /// With a client: a file to be read.
    pub(super) open: unsafe extern "C" fn(*mut (), RStr<'_>, u64) -> RResult<Opened, Failure>,
    /// With a client: a file to be written.
    pub(super) create: unsafe extern "C" fn(*mut (), RStr<'_>, u64) -> RResult<Handle, Failure>,
    /// With a client: deletes a file.
    pub(super) delete: unsafe extern "C" fn(*mut (), RStr<'_>, u64) -> RResult<(), Failure>,
    /// With a file that is read: fills so many bytes from a place on, and says how many there were.
    pub(super) read_at: unsafe extern "C" fn(*mut (), u64, *mut u8, usize, u64) -> RResult<u64, Failure>,
    /// With a file that is written: adds so many bytes.
    pub(super) write: unsafe extern "C" fn(*mut (), *const u8, usize, u64) -> RResult<(), Failure>,
    /// With a file that is written: makes it durable.
    pub(super) finish: unsafe extern "C" fn(*mut (), u64) -> RResult<(), Failure>,
    /// With a file that is written: gives it up.
    pub(super) abort: unsafe extern "C" fn(*mut (), u64) -> RResult<(), Failure>,
}

// SAFETY: it is functions and the address of a storage, which is shared between threads as storages are.
unsafe impl Send for FilesV1 {}
// SAFETY: as above; nothing is written through it.
unsafe impl Sync for FilesV1 {}

/// Something of the plugin's that the host holds. Dropping it frees it.
#[repr(C)]
pub(super) struct Handle {
    pub(super) state: *mut (),
    pub(super) release: unsafe extern "C" fn(*mut ()),
}

// SAFETY: what it holds is `Send`, and its functions are called on one thread at a time.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: who made the handle said how its state is freed, and this is the only place that does.
        unsafe { (self.release)(self.state) }
    }
}

/// A file that was opened.
#[repr(C)]
pub(super) struct Opened {
    pub(super) file: Handle,
    /// Its length.
    pub(super) bytes: u64,
}
