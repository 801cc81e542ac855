//! Groups: members that come, die, and come back, and commits whose answers are lost.

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;

fn member(storage: &ObjectStorage) -> Box<dyn Consumer> {
    storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap()
}

fn joined(storage: &ObjectStorage) -> kafi_core::Result<Box<dyn Consumer>> {
    let mut member = member(storage);
    member.subscribe(&["t".to_string()], WAIT)?;
    Ok(member)
}

#[test]
fn a_member_that_was_not_heard_of_is_replaced_and_fenced() {
    let io = Arc::new(MemoryObjects::new());
    let options = ObjectOptions { member_timeout_ms: 0, ..ObjectOptions::default() };
    let forgetful = open("objects", "mem", Arc::clone(&io) as Arc<dyn ObjectIo>, options);
    create(&forgetful, "t", 1);
    write_numbers(&forgetful, 0, 3);
    // Its time is over at once.
    let mut stale = joined(&forgetful).unwrap();
    stale.commit(&[position(1).into()], WAIT).unwrap();
    let storage = storage(&io);
    let mut next = joined(&storage).unwrap();
    assert_eq!(next.positions(), [position(1)]);
    next.commit(&[position(2).into()], WAIT).unwrap();
    let error = stale.commit(&[position(3).into()], WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert!(error.to_string().contains("group g"), "{error}");
    // Also the poll of a stale member says so, once its renewal has come back.
    let mut batch = Batch::new();
    let fenced = loop {
        match stale.poll(&mut batch, Duration::from_millis(10)) {
            Err(error) => break error.kind(),
            Ok(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(fenced, ErrorKind::Fenced);
    // It takes nothing away when it goes.
    drop(stale);
    assert_eq!(joined(&storage).err().map(|error| error.kind()), Some(ErrorKind::Conflict));
    assert_eq!(admin(&storage).group_offsets("g", WAIT).unwrap(), [position(2).into()]);
    next.close(WAIT).unwrap();
    joined(&storage).unwrap().close(WAIT).unwrap();
}

#[test]
fn a_member_that_polls_stays_live() {
    let io = Arc::new(MemoryObjects::new());
    let options = ObjectOptions { member_timeout_ms: 2_000, ..ObjectOptions::default() };
    let storage = open("objects", "mem", Arc::clone(&io) as Arc<dyn ObjectIo>, options);
    create(&storage, "t", 1);
    let mut live = joined(&storage).unwrap();
    let until = |io: &MemoryObjects| String::from_utf8(io.bytes("groups/g.json").unwrap().to_vec()).unwrap();
    let first = until(&io);
    let mut batch = Batch::new();
    // One long poll renews as well as many short ones.
    while until(&io) == first {
        live.poll(&mut batch, Duration::from_secs(1)).unwrap();
    }
    assert_eq!(joined(&storage).err().map(|error| error.kind()), Some(ErrorKind::Conflict));
    live.close(WAIT).unwrap();
}

#[test]
fn commits_survive_lost_answers_and_failures() {
    for fault in [Fault::Lost, Fault::Again, Fault::Failed] {
        let io = Arc::new(MemoryObjects::new());
        create(&storage(&io), "t", 1);
        let mut count = 0;
        let script = move |kind, key: &str| {
            count += usize::from(kind == Kind::Put && key.starts_with("groups/"));
            if kind == Kind::Put && key.starts_with("groups/") && count % 2 == 1 { fault } else { Fault::None }
        };
        let storage = storage_over(FaultyObjects::new(&io, script));
        let mut live = joined(&storage).unwrap();
        for offset in 0..3 {
            live.commit(&[position(offset).into()], WAIT).unwrap();
            assert_eq!(admin(&storage).group_offsets("g", WAIT).unwrap(), [position(offset).into()], "{fault:?}");
        }
        live.close(WAIT).unwrap();
        assert_eq!(admin(&storage).group("g", WAIT).unwrap().state, "Empty");
        admin(&storage).delete_group("g", WAIT).unwrap();
        assert!(admin(&storage).groups(WAIT).unwrap().is_empty());
    }
}

#[test]
fn a_member_gets_partitions_that_are_added() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    let mut live = joined(&storage).unwrap();
    admin(&storage).create_partitions("t", 2, WAIT).unwrap();
    let mut batch = Batch::new();
    batch.push(Record { partition: 1, ..Record::new("t", None, Some(b"new")) });
    let mut producer = producer(&storage);
    producer.produce(&batch, 0, 1, WAIT).unwrap();
    producer.close(WAIT).unwrap();
    while live.poll(&mut batch, Duration::from_secs(1)).unwrap() != Polled::Records {}
    assert_eq!((batch.get(0).partition, batch.get(0).value), (1, Some(&b"new"[..])));
    live.close(WAIT).unwrap();
}
