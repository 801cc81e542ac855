//! The fuzz targets of `fuzz/`, driven by seeded bytes: words of each grammar, pieces of valid input, and noise. The same seeds in every run.

#![cfg(feature = "fs")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafi_core::Record;
use kafi_records::{Compression, Encoder};

#[path = "../fuzz/src/batches.rs"]
mod batches;
#[path = "../fuzz/src/buckets.rs"]
mod buckets;
#[path = "../fuzz/src/config.rs"]
mod config;
#[path = "../fuzz/src/envelope.rs"]
mod envelope;
#[path = "../fuzz/src/folders.rs"]
mod folders;
#[path = "../fuzz/src/offsets.rs"]
mod offsets;

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

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn bytes(&mut self, len_max: usize) -> Vec<u8> {
        let (len, letters) = (self.below(len_max), 1 + self.below(256));
        (0..len).map(|_| self.below(letters) as u8).collect()
    }

    /// Words one after another, with a byte of noise now and then.
    fn sentence(&mut self, words: &[&str]) -> Vec<u8> {
        let mut sentence = Vec::new();
        for _ in 0..self.below(12) {
            match self.below(12) {
                0 => sentence.push(self.below(256) as u8),
                _ => sentence.extend_from_slice(words[self.below(words.len())].as_bytes()),
            }
        }
        sentence
    }

    /// Valid input with a few bytes changed, or cut.
    fn damaged(&mut self, mut valid: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.below(4) {
            let at = self.below(valid.len());
            valid[at] = self.below(256) as u8;
        }
        if self.below(4) == 0 {
            valid.truncate(1 + self.below(valid.len()));
        }
        valid
    }
}

/// Runs a target with what `make` makes of each seed, and shows those that fail.
fn drive(iterations: u64, target: fn(&[u8]), make: impl Fn(&mut Random) -> Vec<u8>) {
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

#[test]
fn any_batch() {
    drive(4_000, batches::run, |random| {
        if random.below(4) == 0 {
            return random.bytes(200);
        }
        let mut encoder = Encoder::new(Compression::ALL[random.below(Compression::ALL.len())]);
        for offset in 0..1 + random.below(5) as i64 {
            let (key, value) = (random.bytes(20), random.bytes(60));
            let record = Record { timestamp: random.below(9_000) as i64, ..Record::new("t", Some(&key), Some(&value)) };
            assert!(encoder.push(record, offset).unwrap());
        }
        let mut stored = Vec::new();
        encoder.finish(&mut stored).unwrap();
        random.damaged(stored)
    });
}

#[test]
fn any_configuration() {
    let words = [
        "kafka:",
        "local:",
        "s3:",
        "kafi:",
        "\n  ",
        "\n",
        " ",
        "bootstrap.servers: ",
        "sasl.password: ",
        "folder: ",
        "f",
        "1",
        "-1",
        "true",
        "${",
        "}",
        "$$",
        "NAME",
        "'",
        "\"",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "{",
        "[",
        "]",
        ", ",
        "# ",
        "!!int ",
        "|",
        ">",
        "? ",
        ": ",
        "consume.batch.size: ",
        "99999999999999999999",
        "\t",
        "---",
        "...",
    ];
    drive(6_000, config::run, |random| random.sentence(&words));
}

#[test]
fn any_envelope() {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"key\":",
        "\"value\":",
        "\"value_base64\":",
        "\"value_raw\":",
        "\"headers\":[",
        "\"topic\":\"t\"",
        "\"offset\":",
        "\"partition\":",
        "null",
        "true",
        "1",
        "-1",
        "1e999",
        "9223372036854775808",
        "\\u00e9",
        "\\ud83d",
        "\\",
        "é",
        " ",
        "\"x\"",
        "\"eA==\"",
        "\"timestamp_type\":\"append\"",
        "\"valu\":",
    ];
    let valid =
        br#"{"topic":"t","partition":0,"offset":17,"timestamp":5,"timestamp_type":"create","headers":[{"key":"h","value":null}],"key":"k","value":{"id":1.0}}"#;
    drive(6_000, envelope::run, |random| match random.below(3) {
        0 => random.sentence(&words),
        1 => random.damaged(valid.to_vec()),
        _ => random.bytes(300),
    });
}

#[test]
fn any_offset_and_time() {
    let words = [
        "start",
        "end",
        "stored",
        "first",
        "last",
        "+",
        "-",
        "@",
        ":",
        "=",
        ",",
        ".",
        "0",
        "7",
        "-1",
        "10",
        "9223372036854775807",
        "99999999999999999999",
        "2024-11-26",
        "T",
        "10:30",
        ":00",
        "Z",
        "+02:00",
        "[Europe/Berlin]",
        "h",
        "m",
        "s",
        "d",
        "w",
        "%Y",
        "%s",
        "%",
        "%f",
        " ",
        "now",
        "today",
        "-1h30m",
    ];
    drive(20_000, offsets::run, |random| random.sentence(&words));
}

#[test]
fn any_file_of_a_folder() {
    drive(150, folders::run, |random| of_a_folder(random, 5));
}

#[test]
fn any_two_files_of_a_folder() {
    drive(50, folders::run_two, |random| of_a_folder(random, 9));
}

/// So many numbers, and what a file of a folder may hold, or noise.
fn of_a_folder(random: &mut Random, numbers: usize) -> Vec<u8> {
    let words = ["{", "}", "\"partitions\":", "\"offsets\":[", "-1", "99999999999", "\"topic\":\"t\"", ",", "null", "]", "0", "\n", "7 "];
    let mut data: Vec<u8> = (0..numbers).map(|_| random.below(256) as u8).collect();
    data.extend(if random.below(2) == 0 { random.bytes(100) } else { random.sentence(&words) });
    data
}

#[test]
fn any_object_of_a_bucket() {
    drive(600, buckets::run, |random| {
        let words = [
            "{",
            "}",
            "\"start\":",
            "\"object\":",
            "\"end\":",
            "-1",
            "7",
            "99999999999",
            "\"times\":[",
            "\"topic\":\"t\"",
            ",",
            "null",
            "]",
            "0",
            "/",
            ".json",
        ];
        let mut data: Vec<u8> = (0..5).map(|_| random.below(256) as u8).collect();
        data.extend(match random.below(3) {
            0 => random.bytes(100),
            1 => random.sentence(&words),
            _ => Vec::new(),
        });
        data
    });
}
