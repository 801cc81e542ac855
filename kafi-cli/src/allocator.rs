//! The allocator of the binary: mimalloc, and the system itself for what is large.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

use mimalloc::MiMalloc;
use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// From this size on memory comes from the system, as it does from glibc: it grows there without a copy beside it, and
/// is gone once it is freed.
const LARGE: usize = 32 << 20;
/// What the system gives begins at a page, and no system of Linux has smaller ones.
const PAGE: usize = 4096;

/// Messages are made in one thread and freed in another, each by itself where they come from librdkafka: mimalloc does
/// that without a lock.
pub(crate) struct Allocator;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

// SAFETY: what is large is mapped, moved, and unmapped as a whole by its layout, which tells that it is; all else is
// mimalloc's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return mapped(layout.size());
        }
        // SAFETY: the caller vouches for the layout.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return mapped(layout.size());
        }
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: it was mapped with this size, and nobody uses it any more. The system has no reason to refuse.
            let _unmapped = unsafe { munmap(memory.cast(), layout.size()) };
            return;
        }
        // SAFETY: what is not large is mimalloc's.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size, and the alignment stays.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_large(layout), is_large(wanted)) {
            // SAFETY: what is not large is mimalloc's.
            (false, false) => unsafe { MiMalloc.realloc(memory, layout, size) },
            // SAFETY: it was mapped with this size.
            (true, true) => unsafe { mremap(memory.cast(), layout.size(), size, MremapFlags::MAYMOVE) }
                .map_or(ptr::null_mut(), |memory| memory.cast()),
            // SAFETY: both hold as many bytes as are copied, and are not the same.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(memory, moved, layout.size().min(size));
                    self.dealloc(memory, layout);
                }
                moved
            },
        }
    }
}

/// So many bytes of the system's, which are zero; null where it has none.
fn mapped(size: usize) -> *mut u8 {
    // SAFETY: the system chooses where.
    let mapped =
        unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
    mapped.map_or(ptr::null_mut(), |memory| memory.cast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_whatever_becomes_of_their_memory() {
        let sizes = [1, 4096, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, LARGE + 5, LARGE - 1, 2 * LARGE, 100];
        for align in [1, 64, PAGE, 4 * PAGE] {
            let mut layout = Layout::from_size_align(sizes[0], align).unwrap();
            // SAFETY: no size is zero, each block is freed or moved with the layout that it has, and only bytes that
            // were written are read.
            unsafe {
                let mut memory = Allocator.alloc(layout);
                memory.write_bytes(1, layout.size());
                for (step, &size) in (2..).zip(&sizes[1..]) {
                    memory = Allocator.realloc(memory, layout, size);
                    assert!(!memory.is_null() && memory.addr().is_multiple_of(align));
                    let kept = layout.size().min(size);
                    let (first, last) = (*memory, *memory.add(kept - 1));
                    assert_eq!((first, last), (step - 1, step - 1), "{size} bytes, aligned to {align}");
                    layout = Layout::from_size_align(size, align).unwrap();
                    memory.write_bytes(step, size);
                }
                Allocator.dealloc(memory, layout);
            }
        }
    }

    #[test]
    fn zeros_are_zeros() {
        for size in [1, LARGE - 1, LARGE, 2 * LARGE] {
            let memory = vec![0_u8; size];
            assert!(memory.iter().all(|&byte| byte == 0), "{size}");
        }
    }

    #[test]
    fn what_nobody_has_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize - PAGE, 1).unwrap();
        // SAFETY: null is not used.
        assert!(unsafe { Allocator.alloc(layout) }.is_null());
    }
}
