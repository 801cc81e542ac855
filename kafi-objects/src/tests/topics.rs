//! Topics: made and deleted at the same time, cut off, and changed beside producers.

use std::collections::BTreeSet;

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;

#[test]
fn of_many_who_make_a_topic_one_does() {
    for round in 0..20 {
        let io = Arc::new(MemoryObjects::new());
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| admin(&storage(&io)).create_topic(&NewTopic::new("t"), WAIT))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "round {round}: {made:?}");
        assert!(
            made.iter().flat_map(|made| made.as_ref().err()).all(|error| error.kind() == ErrorKind::AlreadyExists),
            "{made:?}"
        );
    }
}

#[test]
fn a_topic_that_was_made_in_between_is_not_overwritten() {
    let io = Arc::new(MemoryObjects::new());
    let (others, mut is_first) = (Arc::clone(&io), true);
    let script = move |kind, _: &str| {
        if kind == Kind::Put && is_first {
            is_first = false;
            create(&storage(&others), "t", 7);
        }
        Fault::None
    };
    let error =
        admin(&storage_over(FaultyObjects::new(&io, script))).create_topic(&NewTopic::new("t"), WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(admin(&storage(&io)).topics(&[], WAIT).unwrap()[0].partitions.len(), 7);
}

#[test]
fn lost_answers_do_not_disturb_the_administration() {
    for fault in [Fault::Lost, Fault::Again, Fault::Failed] {
        let io = Arc::new(MemoryObjects::new());
        let mut count = 0;
        let script = move |kind, key: &str| {
            count += usize::from(kind == Kind::Put && key.ends_with(".json"));
            if kind == Kind::Put && key.ends_with(".json") && count % 2 == 1 { fault } else { Fault::None }
        };
        let storage = storage_over(FaultyObjects::new(&io, script));
        create(&storage, "t", 1);
        admin(&storage).create_partitions("t", 3, WAIT).unwrap();
        let change = kafi_core::ConfigChange { name: "compression.type".into(), value: Some("zstd".into()) };
        admin(&storage).alter_topic_config("t", &[change], WAIT).unwrap();
        write(&mut *producer(&storage), &["0", "1"]).unwrap();
        assert_eq!(admin(&storage).delete_records(&[position(1)], WAIT).unwrap(), [position(1)]);
        assert_eq!(watermarks(&storage).low, 1);
        assert_eq!(admin(&storage).topics(&[], WAIT).unwrap()[0].partitions.len(), 3, "{fault:?}");
        admin(&storage).delete_topic("t", WAIT).unwrap();
        assert!(io.keys().is_empty(), "{fault:?}: {:?}", io.keys());
    }
}

#[test]
fn a_deletion_that_is_cut_off_is_a_deletion_or_none() {
    for last in 0.. {
        let io = Arc::new(MemoryObjects::new());
        let storage = storage(&io);
        create(&storage, "t", 1);
        write_numbers(&storage, 0, 3);
        let killed = storage_over(FaultyObjects::killed_at(&io, last));
        let done = admin(&killed).delete_topic("t", Duration::from_millis(20));
        match admin(&storage).topics(&[], WAIT).unwrap().len() {
            0 => {
                // A folder without a topic does not stand in the way of a new one, and goes with it.
                if io.keys().iter().all(|(key, _)| !key.ends_with("topic.json")) {
                    create(&storage, "t", 1);
                    assert_eq!(watermarks(&storage).high, 0);
                    assert_eq!(names(&io), [0_i64; 0], "what was left is removed");
                }
            }
            _ => assert_eq!(read(&storage), numbers(0, 3)),
        }
        if done.is_ok() {
            assert!(last >= 5, "only {last} requests");
            break;
        }
    }
}

#[test]
fn a_producer_notices_that_its_topic_was_deleted_and_made_again() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    let mut producer = producer(&super::storage(&io));
    assert_eq!(write(&mut *producer, &["old"]), Ok(0));
    admin(&storage).delete_topic("t", WAIT).unwrap();
    assert_eq!(write(&mut *producer, &["lost"]), Err(ErrorKind::NotFound));
    create(&storage, "t", 1);
    // It was told that the topic is gone, so that it looks again.
    assert_eq!(write(&mut *producer, &["new"]), Ok(0));
    assert_eq!(read(&storage), [(0, "new".to_string())]);
    // Deleted and made again in between: what is told to be written is in the new one.
    admin(&storage).delete_topic("t", WAIT).unwrap();
    create(&storage, "t", 1);
    let written = write(&mut *producer, &["between"]);
    let expected: BTreeSet<_> = written.iter().map(|_| "between".to_string()).collect();
    assert_eq!(read(&storage).into_iter().map(|(_, text)| text).collect::<BTreeSet<_>>(), expected);
    assert_eq!(write(&mut *producer, &["again"]), Ok(written.map_or(0, |_| 1)));
    // A change of settings or partitions is no reason to fail.
    admin(&storage).create_partitions("t", 2, WAIT).unwrap();
    assert!(write(&mut *producer, &["more"]).is_ok());
}

#[test]
fn a_name_that_is_nearly_right_gets_a_hint() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "Orders", 1);
    let error = admin(&storage).create_topic(&NewTopic::new("Orders"), WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = admin(&storage).topics(&["order".to_string()], WAIT).unwrap_err();
    assert!(error.hint_text().is_some_and(|hint| hint.contains("did you mean Orders?")), "{error:?}");
}
