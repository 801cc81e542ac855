//! The metas of a batch are the same bytes on both sides of the interface.

use crate::meta::{HeaderMeta, RecordMeta, Span};

use std::mem::{align_of, offset_of, size_of};

/// Fails to compile where a field lies elsewhere than in the frozen type.
macro_rules! same_layout {
    ($ours:ty, $frozen:ty, $($field:ident)*) => {
        const _: () = {
            assert!(size_of::<$ours>() == size_of::<$frozen>() && align_of::<$ours>() == align_of::<$frozen>());
            $(assert!(offset_of!($ours, $field) == offset_of!($frozen, $field));)*
        };
    };
}

same_layout!(Span, kafi_abi::Span, start len);
same_layout!(HeaderMeta, kafi_abi::HeaderMeta, name value);
same_layout!(RecordMeta, kafi_abi::RecordMeta, offset timestamp topic partition key value header_start header_count timestamp_type);

/// Record metas as they cross.
pub(super) fn records_out(metas: &[RecordMeta]) -> &[kafi_abi::RecordMeta] {
    // SAFETY: the layouts are equal, as is checked above, and each of our timestamp types is a byte.
    unsafe { &*(std::ptr::from_ref(metas) as *const [kafi_abi::RecordMeta]) }
}

/// Record metas as they cross, to be changed on the other side.
pub(super) fn records_out_mut(metas: &mut [RecordMeta]) -> &mut [kafi_abi::RecordMeta] {
    // SAFETY: as above; the host writes ours back through `records_in_mut`, whose timestamp types are those that we
    // know.
    unsafe { &mut *(std::ptr::from_mut(metas) as *mut [kafi_abi::RecordMeta]) }
}

/// Header metas as they cross.
pub(super) fn headers_out(metas: &[HeaderMeta]) -> &[kafi_abi::HeaderMeta] {
    // SAFETY: the layouts are equal, as is checked above.
    unsafe { &*(std::ptr::from_ref(metas) as *const [kafi_abi::HeaderMeta]) }
}

/// Record metas that crossed.
///
/// # Safety
/// Their timestamp types are 0 or 1.
pub(super) unsafe fn records_in(metas: &[kafi_abi::RecordMeta]) -> &[RecordMeta] {
    // SAFETY: the layouts are equal, as is checked above, and the caller says that each byte is one of our timestamp
    // types.
    unsafe { &*(std::ptr::from_ref(metas) as *const [RecordMeta]) }
}

/// Record metas that crossed, to be changed in place.
///
/// # Safety
/// As for [`records_in`].
pub(super) unsafe fn records_in_mut(metas: &mut [kafi_abi::RecordMeta]) -> &mut [RecordMeta] {
    // SAFETY: as for `records_in`; what is written are our timestamp types, which are bytes.
    unsafe { &mut *(std::ptr::from_mut(metas) as *mut [RecordMeta]) }
}

/// Header metas that crossed.
pub(super) fn headers_in(metas: &[kafi_abi::HeaderMeta]) -> &[HeaderMeta] {
    // SAFETY: the layouts are equal, as is checked above, and any bytes are a meta.
    unsafe { &*(std::ptr::from_ref(metas) as *const [HeaderMeta]) }
}
