//! Batches as they cross: one arena of bytes, and fixed-size metas that point into it.

use std::slice;
use std::str::{self, Utf8Error};

use abi_stable::StableAbi;

/// A range of bytes in an arena, or null.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The number of bytes; -1 is null.
    pub len: i32,
}

/// The fixed-size part of a message.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMeta {
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or -1 for none.
    pub timestamp: i64,
    /// The index of the topic's name.
    pub topic: u32,
    /// The partition; -1 is any.
    pub partition: i32,
    /// The key.
    pub key: Span,
    /// The value.
    pub value: Span,
    /// The index of the first header meta.
    pub header_start: u32,
    /// The number of headers.
    pub header_count: u32,
    /// Whose clock the timestamp comes from: 0 the producer's, 1 the log's.
    pub timestamp_type: u8,
}

/// Where a header's name and value lie.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderMeta {
    /// The name; never null.
    pub name: Span,
    /// The value.
    pub value: Span,
}

/// A text that somebody else owns.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Text {
    data: *const u8,
    len: usize,
}

// SAFETY: it is an address and a number; what reads through it has to know that the text is still there, on whatever
// thread.
unsafe impl Send for Text {}
// SAFETY: as above; nothing is ever written through it.
unsafe impl Sync for Text {}

impl Text {
    /// The text, for as long as it stays where it is.
    pub fn new(text: &str) -> Self {
        Self { data: text.as_ptr(), len: text.len() }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    ///
    /// # Safety
    /// The text is still there, and stays there unchanged for `'a`.
    pub unsafe fn as_str<'a>(self) -> Result<&'a str, Utf8Error> {
        // SAFETY: the caller says that the text is there for 'a.
        str::from_utf8(unsafe { slice_of(self.data, self.len) })
    }
}

/// A batch that somebody lends. The lender says for how long.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct BatchView {
    data: *const u8,
    data_len: usize,
    records: *mut RecordMeta,
    records_len: usize,
    headers: *const HeaderMeta,
    headers_len: usize,
    topics: *const Text,
    topics_len: usize,
}

// SAFETY: it is addresses and numbers; what reads through it has to know that the batch is still there, on whatever
// thread.
unsafe impl Send for BatchView {}
// SAFETY: as above; who writes through it has to know that nobody else has it.
unsafe impl Sync for BatchView {}

impl BatchView {
    /// A view of these parts, for as long as they stay where they are.
    pub fn new(data: &[u8], records: &[RecordMeta], headers: &[HeaderMeta], topics: &[Text]) -> Self {
        Self {
            data: data.as_ptr(),
            data_len: data.len(),
            records: records.as_ptr().cast_mut(),
            records_len: records.len(),
            headers: headers.as_ptr(),
            headers_len: headers.len(),
            topics: topics.as_ptr(),
            topics_len: topics.len(),
        }
    }

    /// The same, where the reader may change the record metas in place.
    pub fn exclusive(data: &[u8], records: &mut [RecordMeta], headers: &[HeaderMeta], topics: &[Text]) -> Self {
        Self { records: records.as_mut_ptr(), ..Self::new(data, records, headers, topics) }
    }

    /// A view of nothing.
    pub fn empty() -> Self {
        Self::new(&[], &[], &[], &[])
    }

    /// The arena's bytes.
    ///
    /// # Safety
    /// The batch is still lent, and stays so, unchanged, for `'a`.
    pub unsafe fn data<'a>(&self) -> &'a [u8] {
        // SAFETY: as the caller says.
        unsafe { slice_of(self.data, self.data_len) }
    }

    /// The record metas.
    ///
    /// # Safety
    /// As for [`data`](BatchView::data).
    pub unsafe fn records<'a>(&self) -> &'a [RecordMeta] {
        // SAFETY: as the caller says.
        unsafe { slice_of(self.records, self.records_len) }
    }

    /// The record metas, to be changed in place.
    ///
    /// # Safety
    /// The view was made by [`exclusive`](BatchView::exclusive), the batch is still lent for `'a`, and nothing else of
    /// the record metas is borrowed for as long.
    pub unsafe fn records_mut<'a>(&mut self) -> &'a mut [RecordMeta] {
        if self.records_len == 0 || self.records.is_null() {
            return &mut [];
        }
        // SAFETY: it is not null, and the caller says the rest.
        unsafe { slice::from_raw_parts_mut(self.records, self.records_len) }
    }

    /// Leaves out the record metas from index `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.records_len = self.records_len.min(len);
    }

    /// The header metas.
    ///
    /// # Safety
    /// As for [`data`](BatchView::data).
    pub unsafe fn headers<'a>(&self) -> &'a [HeaderMeta] {
        // SAFETY: as the caller says.
        unsafe { slice_of(self.headers, self.headers_len) }
    }

    /// The topics' names.
    ///
    /// # Safety
    /// As for [`data`](BatchView::data); the names are then as long-lived as the view.
    pub unsafe fn topics<'a>(&self) -> &'a [Text] {
        // SAFETY: as the caller says.
        unsafe { slice_of(self.topics, self.topics_len) }
    }
}

/// A batch of the plugin's that the host holds, reads from, and hands back to be filled again.
///
/// It goes back only to consumers of the library that made it. Dropping it frees it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Arena {
    state: *mut (),
    release: unsafe extern "C" fn(*mut ()),
}

// SAFETY: whoever makes an arena says that its state may be used and released on any thread.
unsafe impl Send for Arena {}
// SAFETY: nothing can be done with a shared reference to an arena.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena of the library that calls this.
    ///
    /// # Safety
    /// `release` frees `state`, once, on any thread, and does not unwind.
    pub unsafe fn new(state: *mut (), release: unsafe extern "C" fn(*mut ())) -> Self {
        Self { state, release }
    }

    /// What [`new`](Arena::new) was given, for the library that made it.
    pub fn state(&mut self) -> *mut () {
        self.state
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: who made the arena said how its state is freed, and this is the only place that does.
        unsafe { (self.release)(self.state) }
    }
}

/// A slice that may be empty at any address.
///
/// # Safety
/// `len` values stand at `data`, unless it is 0, and stay there unchanged for `'a`.
unsafe fn slice_of<'a, T>(data: *const T, len: usize) -> &'a [T] {
    if len == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: it is not null, and the caller says the rest.
    unsafe { slice::from_raw_parts(data, len) }
}
