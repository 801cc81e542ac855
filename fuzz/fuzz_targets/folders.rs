#![no_main]

use kafi_fuzz::folders;

libfuzzer_sys::fuzz_target!(|data: &[u8]| match data.split_first() {
    Some((0..128, data)) => folders::run(data),
    Some((_, data)) => folders::run_two(data),
    None => {}
});
