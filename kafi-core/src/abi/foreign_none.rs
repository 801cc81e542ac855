//! What a batch shows of others' memory where there are no plugins: nothing.

use crate::meta::{HeaderMeta, RecordMeta};

/// Parts of a batch that a plugin lends: none.
#[derive(Debug, Default)]
pub(crate) struct Foreign {}

impl Foreign {
    /// The parts that are shown.
    #[inline]
    pub(crate) fn parts(&self) -> Option<(&[u8], &[RecordMeta], &[HeaderMeta])> {
        None
    }

    /// The record metas that are shown, to be changed in place.
    #[inline]
    pub(crate) fn metas_mut(&mut self) -> Option<&mut [RecordMeta]> {
        None
    }

    /// Leaves out the record metas from index `len` on.
    pub(crate) fn truncate(&mut self, _len: usize) {}

    /// Shows nothing any more.
    pub(crate) fn hide(&mut self) {}
}
