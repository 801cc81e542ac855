//! Batches that no producer writes: compacted, emptied, control, and edited ones.

use kafi_core::Batch;
use kafi_records::{
    BatchHeader, Compression, check_crc, clear_transaction, set_base_offset, set_leader_epoch, set_producer,
};

use crate::generator::{decode, decoder, encode, nasty, record, seal};

#[test]
fn an_emptied_batch_has_offsets_but_no_records() {
    for attributes in [0, 4] {
        let (mut stored, _) = encode(&nasty(), Compression::None);
        stored.truncate(BatchHeader::LEN);
        stored[22] = attributes;
        stored[57..61].fill(0);
        seal(&mut stored);
        let mut decoder = decoder(&stored);
        let header = decoder.open().unwrap();
        assert_eq!((header.record_count, header.last_offset()), (0, 5 + i64::from(i32::MAX)));
        assert!(decoder.is_done());
        assert_eq!(decode(&stored).unwrap(), []);
    }
}

#[test]
fn a_control_batch_holds_no_messages() {
    let (mut stored, _) = encode(&[record(4, Some(&[0, 0, 0, 1]), Some(&[0; 6]))], Compression::None);
    stored[22] = 0x30;
    seal(&mut stored);
    let mut decoder = decoder(&stored);
    let header = decoder.open().unwrap();
    assert!(header.is_control() && header.is_transactional());
    assert_eq!(header.next_offset(), 5);
    assert!(decoder.is_done());
    let mut batch = Batch::new();
    assert!(!decoder.read(&mut batch, 0, 0, 0, i64::MAX).unwrap());
    assert!(batch.is_empty());
}

#[test]
fn with_a_delete_horizon_timestamps_count_from_it() {
    let mut records = vec![record(0, None, Some(b"a")), record(1, None, None), record(2, None, None)];
    for (record, timestamp) in records.iter_mut().zip([1_000, 1_005, 990]) {
        record.timestamp = timestamp;
    }
    let (mut stored, header) = encode(&records, Compression::None);
    assert_eq!(header.delete_horizon_ms(), None);
    stored[22] |= 0x40;
    stored[27..35].copy_from_slice(&50_000i64.to_be_bytes());
    seal(&mut stored);
    let header = BatchHeader::parse(&stored).unwrap().unwrap();
    assert_eq!((header.delete_horizon_ms(), header.max_timestamp), (Some(50_000), 1_005));
    let timestamps: Vec<_> = decode(&stored).unwrap().iter().map(|record| record.timestamp).collect();
    assert_eq!(timestamps, [50_000, 50_005, 49_990]);
}

#[test]
fn append_time_replaces_the_producers_timestamps() {
    let (mut stored, _) = encode(&nasty(), Compression::None);
    stored[22] |= 0x08;
    stored[35..43].copy_from_slice(&42i64.to_be_bytes());
    seal(&mut stored);
    assert!(decode(&stored).unwrap().iter().all(|record| record.timestamp == 42));
}

#[test]
fn compacted_batches_have_gaps_at_both_ends() {
    let records = vec![record(10, None, Some(b"a")), record(15, None, Some(b"b"))];
    let (mut stored, _) = encode(&records, Compression::None);
    // The batch began at 7 and ended at 18 when it was written.
    set_base_offset(&mut stored, 7);
    stored[23..27].copy_from_slice(&11i32.to_be_bytes());
    seal(&mut stored);
    let header = BatchHeader::parse(&stored).unwrap().unwrap();
    assert_eq!((header.last_offset(), header.next_offset()), (18, 19));
    assert_eq!(decode(&stored).unwrap().iter().map(|record| record.offset).collect::<Vec<_>>(), [7, 12]);
}

#[test]
fn edits_keep_the_checksum_right() {
    for compression in Compression::ALL {
        let (mut stored, before) = encode(&nasty(), compression);
        stored[22] |= 0x10;
        seal(&mut stored);
        set_base_offset(&mut stored, 1_000_000);
        set_leader_epoch(&mut stored, 12);
        set_producer(&mut stored, 77, 5, 1_234);
        let header = BatchHeader::parse(&stored).unwrap().unwrap();
        assert_eq!((header.base_offset, header.leader_epoch, header.is_transactional()), (1_000_000, 12, true));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (77, 5, 1_234));
        check_crc(&stored).unwrap();

        clear_transaction(&mut stored);
        let header = BatchHeader::parse(&stored).unwrap().unwrap();
        assert_eq!(header, BatchHeader { base_offset: 1_000_000, leader_epoch: 12, ..before });
        check_crc(&stored).unwrap();
    }
}

#[test]
fn edits_do_not_hide_damage() {
    let (mut stored, _) = encode(&nasty(), Compression::None);
    let last = stored.len() - 1;
    stored[last] ^= 1;
    set_producer(&mut stored, 77, 5, 1_234);
    assert!(check_crc(&stored).is_err());
    clear_transaction(&mut stored);
    assert!(check_crc(&stored).is_err());
    stored[last] ^= 1;
    check_crc(&stored).unwrap();
}
