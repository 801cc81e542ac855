//! Drives fuzz targets with seeded bytes, and notes how much memory they ask for at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than any of the small inputs here needs; a length that bytes merely claim asks for more.
const ALLOCATION_MAX: usize = 64 << 20;

/// Notes the largest piece of memory that anything asked for.
struct Noting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Noting = Noting;

// SAFETY: all calls go to the system's allocator as they are.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Random numbers that are the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    pub fn bytes(&mut self, len_max: usize) -> Vec<u8> {
        let (len, letters) = (self.below(len_max), 1 + self.below(256));
        (0..len).map(|_| self.below(letters) as u8).collect()
    }

    /// Fewer than `words_max` words one after another, one in `noise` a byte of noise instead.
    pub fn sentence(&mut self, words: &[impl AsRef<[u8]>], words_max: usize, noise: usize) -> Vec<u8> {
        let mut sentence = Vec::new();
        for _ in 0..self.below(words_max) {
            match self.below(noise) {
                0 => sentence.push(self.below(256) as u8),
                _ => sentence.extend_from_slice(words[self.below(words.len())].as_ref()),
            }
        }
        sentence
    }
}

/// Runs a target with what `make` makes of each seed, and shows those that fail.
pub fn drive(iterations: u64, target: fn(&[u8]), make: impl Fn(&mut Random) -> Vec<u8>) {
    let mut failed = Vec::new();
    for seed in seeds(iterations) {
        let data = make(&mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        if std::panic::catch_unwind(|| target(&data)).is_err() {
            eprintln!("seed {seed}: {:?}", String::from_utf8_lossy(&data));
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "of the seeds these fail: {failed:?}");
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest <= ALLOCATION_MAX, "something asked for {largest} bytes at once");
}

/// The seeds of every run, or those from the first to the last that `KAFI_FUZZ_SEEDS` names.
fn seeds(iterations: u64) -> RangeInclusive<u64> {
    let Ok(asked) = std::env::var("KAFI_FUZZ_SEEDS") else { return 1..=iterations };
    let (first, last) = asked.split_once('-').unwrap_or((&asked, &asked));
    first.parse().unwrap()..=last.parse().unwrap()
}
