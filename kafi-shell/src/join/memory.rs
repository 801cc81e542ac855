//! Memory for tables: much of it, which is looked at here and there.

use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From so many bytes on memory is asked for in large pages, each of as many.
pub(super) const LARGE_BYTES: usize = 2 << 20;

/// Bytes, zeros at first. Large ones come from the system by themselves, in large pages where it has these: a processor
/// keeps few places of pages in mind, and finds rows here and there much sooner where pages are large.
pub(super) enum Memory {
    Small(Vec<u8>),
    Large(MmapMut),
}

impl Memory {
    /// So many zeros.
    pub(super) fn zeroed(bytes: usize) -> Self {
        if bytes < LARGE_BYTES {
            return Self::Small(vec![0; bytes]);
        }
        let layout = Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>());
        let map = MmapMut::map_anon(bytes).unwrap_or_else(|_| handle_alloc_error(layout));
        // Without large pages it is the same memory.
        #[cfg(target_os = "linux")]
        let _advised = map.advise(memmap2::Advice::HugePage);
        Self::Large(map)
    }
}

impl Deref for Memory {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

impl DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeros_that_can_be_written() {
        for bytes in [0, 1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1] {
            let mut memory = Memory::zeroed(bytes);
            assert!(memory.len() == bytes && memory.iter().all(|&byte| byte == 0));
            if let Some(last) = memory.last_mut() {
                *last = 7;
            }
            assert_eq!(memory.last().copied(), (bytes > 0).then_some(7));
        }
    }
}
