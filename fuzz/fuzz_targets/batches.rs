#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kafi_fuzz::batches::run(data);
    let _ = kafi_fuzz::oracle::run(data);
});
