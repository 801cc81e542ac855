//! What the fuzz target `batches` compares with kafka-protocol, driven by seeded bytes: valid batches with some bytes
//! changed, and sealed again.

use kafi_records::{BatchHeader, Compression};

use crate::generator::{Random, encode};

#[allow(dead_code, reason = "the tests of the project drive the rest of it")]
#[path = "../../../fuzz/src/batches.rs"]
mod batches;
#[path = "../../../fuzz/src/oracle.rs"]
mod oracle;

#[test]
fn both_read_damaged_batches_alike() {
    let mut compared = 0;
    for seed in 0..200 {
        let mut random = Random::new(9_000 + seed);
        let compression = Compression::ALL[seed as usize % Compression::ALL.len()];
        let (mut stored, _) = encode(&random.records(), compression);
        compared += u32::from(oracle::run(&stored));
        for _ in 0..random.below(4) {
            // Not the length, which would leave nothing to compare; and mostly the records, since little of the header
            // is free to change.
            let from = if random.below(4) == 0 { 16 } else { BatchHeader::LEN };
            let at = from + random.below((stored.len() - from) as u64) as usize;
            stored[at] = random.below(256) as u8;
        }
        compared += u32::from(oracle::run(&stored));
    }
    assert!(compared > 20, "both understood {compared} batches");
}
