//! A plugin's files.

use std::slice;
use std::sync::Arc;

use kafi_abi::Failure;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};

use super::super::files::{FilesV1, Handle, Opened};
use super::guard::{Guarded, guard};
use super::{duration, text};
use crate::capability::Capabilities;
use crate::files::{FileReader, FileWriter, Files};
use crate::storage::Storage;

/// The table of a storage, and the storage that it points at.
pub(super) struct Exposed {
    table: FilesV1,
    /// Behind a pointer of its own, so that its place does not change.
    _storage: Guarded<Arc<Arc<dyn Storage>>>,
}

impl Exposed {
    /// The table of a storage that keeps files.
    pub(super) fn of(storage: &Arc<dyn Storage>) -> Option<Self> {
        let keeps = guard(|| Ok(storage.capabilities().contains(Capabilities::FILES))).unwrap_or_default();
        if !keeps {
            return None;
        }
        let storage = Arc::new(Arc::clone(storage));
        let table = FilesV1 {
            storage: Arc::as_ptr(&storage).cast(),
            files,
            list,
            open,
            create,
            delete,
            read_at,
            write,
            finish,
            abort,
        };
        Some(Self { table, _storage: Guarded::new(storage) })
    }

    /// Where the table lies, for as long as this does.
    pub(super) fn table(&self) -> *const () {
        std::ptr::from_ref(&self.table).cast()
    }
}

/// Something that the host is to hold.
fn handle<T>(value: T) -> Handle {
    Handle { state: Box::into_raw(Box::new(Guarded::new(value))).cast(), release: release::<T> }
}

unsafe extern "C" fn release<T>(state: *mut ()) {
    // SAFETY: `handle` made it of this type, and it is released once. `Guarded` drops without a panic.
    drop(unsafe { Box::from_raw(state.cast::<Guarded<T>>()) });
}

/// What a handle holds.
///
/// # Safety
/// [`handle`] was given a `T`, and the handle is there for `'a` and used by nobody else meanwhile.
unsafe fn held<'a, T>(state: *mut ()) -> &'a mut Guarded<T> {
    // SAFETY: as the caller says.
    unsafe { &mut *state.cast::<Guarded<T>>() }
}

unsafe extern "C" fn files(storage: *const ()) -> RResult<Handle, Failure> {
    // SAFETY: the host calls it with the pointer of the table, while the storage lives.
    let storage = unsafe { &*storage.cast::<Arc<dyn Storage>>() };
    guard(|| storage.files().map(handle))
}

unsafe extern "C" fn list(state: *mut (), prefix: RStr<'_>, timeout_ns: u64) -> RResult<RString, Failure> {
    // SAFETY: the host calls it with what `files` gave it, and waits.
    let files = unsafe { held::<Box<dyn Files>>(state) };
    files.call(|files| text(&files.list(&prefix, duration(timeout_ns))?))
}

unsafe extern "C" fn open(state: *mut (), name: RStr<'_>, timeout_ns: u64) -> RResult<Opened, Failure> {
    // SAFETY: as for `list`.
    let files = unsafe { held::<Box<dyn Files>>(state) };
    files.call(|files| {
        let reader = files.open(&name, duration(timeout_ns))?;
        let bytes = reader.bytes();
        Ok(Opened { file: handle(reader), bytes })
    })
}

unsafe extern "C" fn create(state: *mut (), name: RStr<'_>, timeout_ns: u64) -> RResult<Handle, Failure> {
    // SAFETY: as for `list`.
    let files = unsafe { held::<Box<dyn Files>>(state) };
    files.call(|files| files.create(&name, duration(timeout_ns)).map(handle))
}

unsafe extern "C" fn delete(state: *mut (), name: RStr<'_>, timeout_ns: u64) -> RResult<(), Failure> {
    // SAFETY: as for `list`.
    let files = unsafe { held::<Box<dyn Files>>(state) };
    files.call(|files| files.delete(&name, duration(timeout_ns)))
}

unsafe extern "C" fn read_at(
    state: *mut (),
    at: u64,
    into: *mut u8,
    len: usize,
    timeout_ns: u64,
) -> RResult<u64, Failure> {
    // SAFETY: the host calls it with the handle that `open` gave it, and waits.
    let reader = unsafe { held::<Box<dyn FileReader>>(state) };
    let into = match len {
        0 => &mut [],
        // SAFETY: the host lends so many bytes there for the length of the call.
        _ => unsafe { slice::from_raw_parts_mut(into, len) },
    };
    reader.call(|reader| reader.read_at(at, into, duration(timeout_ns)).map(|read| read as u64))
}

unsafe extern "C" fn write(state: *mut (), bytes: *const u8, len: usize, timeout_ns: u64) -> RResult<(), Failure> {
    // SAFETY: the host calls it with the handle that `create` gave it, and waits.
    let writer = unsafe { held::<Box<dyn FileWriter>>(state) };
    let bytes = match len {
        0 => &[],
        // SAFETY: the host lends so many bytes there for the length of the call.
        _ => unsafe { slice::from_raw_parts(bytes, len) },
    };
    writer.call(|writer| writer.write(bytes, duration(timeout_ns)))
}

unsafe extern "C" fn finish(state: *mut (), timeout_ns: u64) -> RResult<(), Failure> {
    // SAFETY: as for `write`.
    let writer = unsafe { held::<Box<dyn FileWriter>>(state) };
    writer.call(|writer| writer.finish(duration(timeout_ns)))
}

unsafe extern "C" fn abort(state: *mut (), timeout_ns: u64) -> RResult<(), Failure> {
    // SAFETY: as for `write`.
    let writer = unsafe { held::<Box<dyn FileWriter>>(state) };
    writer.call(|writer| writer.abort(duration(timeout_ns)))
}
