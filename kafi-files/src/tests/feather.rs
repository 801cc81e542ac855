//! Files of Feather that say of themselves what cannot be.

use super::*;

#[test]
fn a_block_of_feather_that_says_terabytes_takes_no_memory() {
    let bench = Bench::new();
    bench.fill("from", &VALUES[..1]);
    bench.create("t");
    let (_, mut bytes) = bench.export("from", "feather", |_| {}).unwrap();
    let end = bytes.len() - 10;
    let start = end - u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    let footer = arrow_ipc::root_as_footer(&bytes[start..end]).unwrap();
    let length = footer.recordBatches().unwrap().get(0).bodyLength().to_le_bytes();
    let at = bytes[start..end].windows(8).rposition(|eight| eight == length).unwrap() + start;
    for length in [1_i64 << 46, -1, i64::MAX] {
        bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
        let error = bench.import(&bytes, "t", "feather", |_| {}).unwrap_err().to_string();
        assert!(error.contains("it names bytes behind its end"), "{error}");
    }
}

/// Where the compressed buffers of the first block of a file of Feather begin, with the bytes that they say they become.
fn buffers_of_feather(bytes: &[u8]) -> Vec<usize> {
    let end = bytes.len() - 10;
    let start = end - u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    let block = *arrow_ipc::root_as_footer(&bytes[start..end]).unwrap().recordBatches().unwrap().get(0);
    let (head, body) = (block.offset() as usize, block.offset() as usize + block.metaDataLength() as usize);
    let message = arrow_ipc::root_as_message(&bytes[head + 8..body]).unwrap();
    let batch = message.header_as_record_batch().unwrap();
    assert!(batch.compression().is_some());
    let buffers = batch.buffers().unwrap().iter().filter(|buffer| buffer.length() > 8);
    let offsets: Vec<usize> = buffers.map(|buffer| body + buffer.offset() as usize).collect();
    assert!(!offsets.is_empty());
    offsets
}

#[test]
fn a_buffer_of_feather_that_says_it_becomes_exabytes_takes_no_memory() {
    let bench = Bench::new();
    bench.fill("from", &VALUES[..1]);
    bench.create("t");
    let (_, bytes) = bench.export("from", "feather", |_| {}).unwrap();
    let offsets = buffers_of_feather(&bytes);
    for at in offsets {
        for length in [i64::MAX, 1 << 40, 1 << 31] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
            let error = bench.import(&bytes, "t", "feather", |_| {}).unwrap_err().to_string();
            assert!(error.contains(&format!("it becomes {length} bytes")), "{error}");
        }
    }
}

#[test]
fn buffers_of_zstandard_that_say_they_become_more_than_a_block_may_take_no_memory() {
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let file = |compression| {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 20_000]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["same"; 20_000]));
        let columns = RecordBatch::try_from_iter([("id", numbers), ("name", texts)]).unwrap();
        let options = arrow_ipc::writer::IpcWriteOptions::default();
        let (options, schema) = (options.try_with_compression(Some(compression)).unwrap(), columns.schema());
        let mut file = arrow_ipc::writer::FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
        file.write(&columns).unwrap();
        file.into_inner().unwrap()
    };
    let bench = Bench::new();
    bench.create("t");
    // Without nulls there are empty buffers, which begin where the next ones do.
    for compression in [arrow_ipc::CompressionType::LZ4_FRAME, arrow_ipc::CompressionType::ZSTD] {
        assert_eq!(bench.import(&file(compression), "t", "feather", |_| {}).unwrap().written, 20_000);
    }
    let bytes = file(arrow_ipc::CompressionType::ZSTD);
    let offsets = buffers_of_feather(&bytes);
    let said = |lengths: &[i64]| {
        let mut bytes = bytes.clone();
        for (at, length) in offsets.iter().zip(lengths) {
            bytes[*at..*at + 8].copy_from_slice(&length.to_le_bytes());
        }
        bench.import(&bytes, "t", "feather", |_| {}).unwrap_err().to_string()
    };
    // One is within what a block may become, two of them are not.
    assert!(!said(&[200 << 20]).contains("which none does"), "{}", said(&[200 << 20]));
    for lengths in [&[200 << 20, 200 << 20][..], &[300 << 20], &[2 << 30]] {
        let error = said(lengths);
        assert!(error.contains("says that it becomes") && error.contains("which none does"), "{error}");
    }
}
