//! What every store of objects must answer ([`run`]), and what one over a network must do when that fails ([`faults`]).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod faults;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kafi_core::ErrorKind;
use kafi_objects::{Listing, ObjectIo, Part, Precondition, Put, PutRequest};

type Case = (&'static str, fn(&Store<'_>));

const CASES: &[Case] = &[
    ("objects come back as they were", objects_come_back_as_they_were),
    ("ranges", ranges),
    ("preconditions", preconditions),
    ("one of many creates", one_of_many_creates),
    ("one of many replaces", one_of_many_replaces),
    ("listings are in order and whole", listings_are_in_order_and_whole),
    ("folders", folders),
    ("odd names", odd_names),
    ("deleting", deleting),
    ("uploads in parts", uploads_in_parts),
    ("a deadline that is over", a_deadline_that_is_over),
];

const THREADS: usize = 16;
const ROUNDS: usize = 20;
/// More than two pages of any service.
const LISTED: usize = 2500;

/// The cases of thousands of requests.
const LARGE: &[&str] = &["one of many creates", "one of many replaces", "listings are in order and whole"];

/// Runs all cases on a store that may hold anything else, too; without the large ones where only the place is another
/// one. Leaves some objects behind, below roots that no other run has.
///
/// # Panics
/// With the first answer that is not as it must be; what was printed before names the case.
pub fn run(io: &dyn ObjectIo, with_large: bool) {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_nanos();
    let wanted = CASES.iter().filter(|(name, _)| with_large || !LARGE.contains(name));
    for (number, (name, case)) in wanted.enumerate() {
        println!("case: {name}");
        case(&Store { io, root: format!("{started:x}-{number}/") });
    }
}

/// A store, and where in it a case puts its objects.
struct Store<'a> {
    io: &'a dyn ObjectIo,
    root: String,
}

impl Store<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    fn put_if(&self, name: &str, bytes: &[u8], precondition: Precondition<'_>) -> Put {
        let (key, bytes) = (self.key(name), Bytes::copy_from_slice(bytes));
        self.io.put(&PutRequest { key: &key, bytes, precondition, metadata: &[] }, soon()).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        written(self.put_if(name, bytes, Precondition::None))
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = b"left over".to_vec();
        self.io.get(&self.key(name), None, &mut bytes, soon()).unwrap().map(|_| bytes)
    }

    /// All pages after `after`, which must get on with each page.
    fn list(&self, prefix: &str, after: &str, with_folders: bool) -> Listing {
        let mut all = Listing::default();
        let mut after = if after.is_empty() { String::new() } else { self.key(after) };
        loop {
            let page = self.io.list(&self.key(prefix), &after, with_folders, soon()).unwrap();
            let last = page.objects.last().map(|object| object.key.clone()).max(page.folders.last().cloned());
            all.objects.extend(page.objects);
            all.folders.extend(page.folders);
            if !page.more {
                return all;
            }
            let last = last.expect("a page that is not the last one holds something");
            assert!(last > after, "{last} does not come after {after}");
            after = last;
        }
    }

    fn names(&self, listing: &Listing) -> Vec<String> {
        listing
            .objects
            .iter()
            .map(|object| object.key.strip_prefix(&self.root).expect("a key below the root").to_string())
            .collect()
    }
}

fn objects_come_back_as_they_were(store: &Store<'_>) {
    let key = store.key("a/b");
    let mut bytes = b"left over".to_vec();
    assert!(store.io.get(&key, None, &mut bytes, soon()).unwrap().is_none());
    assert!(store.io.get(&key, Some(0..10), &mut bytes, soon()).unwrap().is_none());
    assert!(store.io.stat(&key, soon()).unwrap().is_none());

    let metadata = [("writer", "7f-3".to_string()), ("last", "with space, and=more".to_string())];
    let request = PutRequest {
        key: &key,
        bytes: Bytes::from_static(b"\0\xffbytes\n"),
        precondition: Precondition::None,
        metadata: &metadata,
    };
    let etag = written(store.io.put(&request, soon()).unwrap());
    let stat = store.io.get(&key, None, &mut bytes, soon()).unwrap().unwrap();
    assert_eq!((bytes.as_slice(), stat.len), (&b"\0\xffbytes\n"[..], 8));
    assert_eq!(store.io.stat(&key, soon()).unwrap().unwrap(), stat);
    let mut found = stat.metadata.clone();
    found.sort();
    assert_eq!(
        found,
        [("last".to_string(), "with space, and=more".to_string()), ("writer".to_string(), "7f-3".to_string())]
    );
    assert_eq!(stat.etag, etag);

    let other = store.put("a/b", b"other");
    assert_ne!(other, etag);
    assert_eq!(store.get("a/b").unwrap(), b"other");
    assert!(store.io.stat(&key, soon()).unwrap().unwrap().metadata.is_empty());
    store.put("empty", b"");
    assert_eq!(store.get("empty").unwrap(), b"");
}

fn ranges(store: &Store<'_>) {
    // More than the 4 MiB up to which some services answer in another way.
    let large: Vec<u8> = (0..9_000_001_u32).map(|number| (number ^ (number >> 8)) as u8).collect();
    for (name, content) in [("large", large.as_slice()), ("small", b"0123456789"), ("empty", b"")] {
        store.put(name, content);
        let len = content.len() as u64;
        let ranges = [
            0..1,
            0..len,
            3..7,
            0..4,
            len / 2..len,
            len / 2..len + 100,
            len.saturating_sub(1)..len,
            len..len + 1,
            len + 5..len + 6,
            4..4,
        ];
        for range in ranges {
            let mut bytes = b"left over".to_vec();
            let stat = store.io.get(&store.key(name), Some(range.clone()), &mut bytes, soon()).unwrap().unwrap();
            let cut = |at: u64| at.min(len) as usize;
            assert!(
                bytes == content[cut(range.start)..cut(range.end).max(cut(range.start))],
                "{name} {range:?}: {} bytes",
                bytes.len()
            );
            assert_eq!(stat.len, len, "{name} {range:?}");
        }
    }
}

fn preconditions(store: &Store<'_>) {
    let first = written(store.put_if("a", b"1", Precondition::Absent));
    assert_eq!(store.put_if("a", b"2", Precondition::Absent), Put::Refused);
    assert_eq!(store.get("a").unwrap(), b"1");
    let second = written(store.put_if("a", b"2", Precondition::Matches(&first)));
    assert_eq!(store.put_if("a", b"3", Precondition::Matches(&first)), Put::Refused);
    assert_eq!(store.get("a").unwrap(), b"2");
    assert_eq!(store.put_if("b", b"3", Precondition::Matches(&second)), Put::Refused);
    assert!(store.get("b").is_none());
    let seen = store.io.stat(&store.key("a"), soon()).unwrap().unwrap().etag;
    written(store.put_if("a", b"4", Precondition::Matches(&seen)));
    store.io.delete(&[store.key("a")], soon()).unwrap();
    written(store.put_if("a", b"5", Precondition::Absent));
}

fn one_of_many_creates(store: &Store<'_>) {
    for round in 0..ROUNDS {
        one_wins(store, &format!("round-{round}"), Precondition::Absent);
    }
}

fn one_of_many_replaces(store: &Store<'_>) {
    for round in 0..ROUNDS {
        let name = format!("round-{round}");
        let etag = store.put(&name, b"before");
        one_wins(store, &name, Precondition::Matches(&etag));
    }
}

/// Many threads write the same object: exactly one does, and it is its object that is there.
fn one_wins(store: &Store<'_>, name: &str, precondition: Precondition<'_>) {
    let (winners, last) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (winners, last) = (&winners, &last);
            scope.spawn(move || {
                if store.put_if(name, thread.to_string().as_bytes(), precondition) != Put::Refused {
                    winners.fetch_add(1, Ordering::SeqCst);
                    last.store(thread, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(winners.into_inner(), 1, "{name}");
    assert_eq!(store.get(name).unwrap(), last.into_inner().to_string().as_bytes(), "{name}");
}

fn listings_are_in_order_and_whole(store: &Store<'_>) {
    let names: Vec<String> = (0..LISTED).map(|number| format!("topic/{:020}.log", number * 7919)).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    store.put(name, name.as_bytes());
                }
            });
        }
    });
    store.put("topical", b"");
    let listing = store.list("topic/", "", false);
    assert_eq!(store.names(&listing), names);
    assert!(listing.objects.iter().all(|object| object.len == names[0].len() as u64));
    // From the middle, and from between two keys, and behind the last one.
    assert_eq!(store.names(&store.list("topic/", &names[1200], false)), names[1201..]);
    assert_eq!(store.names(&store.list("topic/", &names[2499].replace(".log", ".lo"), false)), names[2499..]);
    assert_eq!(store.names(&store.list("topic/", "topic/9", false)), [""; 0]);
    // A prefix is one of names, not of folders.
    assert_eq!(store.names(&store.list("topic", "", false)).len(), LISTED + 1);
    assert_eq!(store.names(&store.list("nothing/", "", false)), [""; 0]);
    let keys: Vec<String> = names.iter().map(|name| store.key(name)).collect();
    store.io.delete(&keys, soon()).unwrap();
    assert_eq!(store.names(&store.list("topic", "", false)), ["topical"]);
}

fn folders(store: &Store<'_>) {
    for name in ["t/a/0/x", "t/a/1/x", "t/a/topic.json", "t/b-1/x", "t/b/x", "t/note", "t/z/x"] {
        store.put(name, b"");
    }
    let listing = store.list("t/", "", true);
    assert_eq!(store.names(&listing), ["t/note"]);
    assert_eq!(listing.folders, ["t/a/", "t/b-1/", "t/b/", "t/z/"].map(|folder| store.key(folder)));
    // A folder that was told is not told again, though its objects come after its name.
    assert_eq!(store.list("t/", "t/b-1/", true).folders, ["t/b/", "t/z/"].map(|folder| store.key(folder)));
    assert_eq!(store.list("t/", "t/note", true).folders, [store.key("t/z/")]);
    let inner = store.list("t/a/", "", true);
    assert_eq!((store.names(&inner), inner.folders.len()), (vec!["t/a/topic.json".to_string()], 2));
    assert_eq!(store.list("t/a/0/", "", true).folders, [""; 0]);
}

fn odd_names(store: &Store<'_>) {
    let names = [
        "a b",
        "a%20b",
        "a+b",
        "a&b=c",
        "ä€𐍈",
        "q?x",
        "h#x",
        "'single'",
        "\"double\"",
        "<less>",
        "a..b",
        "a,b;c:d@e",
        "~tilde",
        "100%",
        "(x)[y]{z}",
        "$!*",
    ];
    let expected: BTreeSet<String> = names.iter().map(|name| format!("odd/{name}")).collect();
    for name in &expected {
        store.put(name, name.as_bytes());
    }
    for name in &expected {
        assert_eq!(store.get(name).as_deref(), Some(name.as_bytes()), "{name}");
        assert!(store.io.stat(&store.key(name), soon()).unwrap().is_some(), "{name}");
        assert_eq!(store.put_if(name, b"", Precondition::Absent), Put::Refused, "{name}");
    }
    assert_eq!(store.names(&store.list("odd/", "", false)), expected.iter().cloned().collect::<Vec<_>>());
    for (index, name) in expected.iter().enumerate() {
        let after = store.names(&store.list("odd/", name, false));
        assert_eq!(after, expected.iter().skip(index + 1).cloned().collect::<Vec<_>>(), "after {name}");
    }
    let keys: Vec<String> = expected.iter().map(|name| store.key(name)).collect();
    store.io.delete(&keys, soon()).unwrap();
    assert_eq!(store.names(&store.list("odd/", "", false)), [""; 0]);
}

fn deleting(store: &Store<'_>) {
    store.put("a", b"1");
    store.put("b", b"1");
    store.io.delete(&[], soon()).unwrap();
    store.io.delete(&[store.key("missing"), store.key("a"), store.key("a")], soon()).unwrap();
    assert!(store.get("a").is_none() && store.get("b").is_some());
}

fn uploads_in_parts(store: &Store<'_>) {
    const PART: usize = 5 << 20;
    let key = store.key("parts/a");
    let put = |upload: &str, number: u32, byte: u8, len: usize| {
        let part = Part { key: &key, upload, number, bytes: vec![byte; len].into() };
        store.io.put_part(&part, soon()).unwrap()
    };
    store.put("parts/a", b"old");
    let upload = store.io.begin_upload(&key, soon()).unwrap();
    let other = store.io.begin_upload(&key, soon()).unwrap();
    assert_ne!(upload, other);
    put(&upload, 1, b'x', PART);
    // A part that is written again counts.
    let parts = [put(&upload, 1, b'a', PART), put(&upload, 2, b'b', PART), put(&upload, 3, b'c', 7)];
    assert_eq!(store.get("parts/a").unwrap(), b"old");
    store.io.finish_upload(&key, &upload, &parts, soon()).unwrap();
    let expected = [vec![b'a'; PART], vec![b'b'; PART], vec![b'c'; 7]].concat();
    assert!(store.get("parts/a").unwrap() == expected);
    store.io.abort_upload(&key, &other, soon()).unwrap();
    store.io.abort_upload(&key, &other, soon()).unwrap();
    assert!(store.get("parts/a").unwrap() == expected);
    let alone = store.key("parts/b");
    let upload = store.io.begin_upload(&alone, soon()).unwrap();
    store.io.put_part(&Part { key: &alone, upload: &upload, number: 1, bytes: vec![1; PART].into() }, soon()).unwrap();
    assert_eq!(store.names(&store.list("parts/", "", false)), ["parts/a"]);
    assert!(store.get("parts/b").is_none());
    store.io.abort_upload(&alone, &upload, soon()).unwrap();
    assert!(store.get("parts/b").is_none());
}

fn a_deadline_that_is_over(store: &Store<'_>) {
    let error = store.io.stat(&store.key("a"), Instant::now()).map(|stat| assert!(stat.is_none()));
    assert!(error.is_ok() || error.is_err_and(|error| error.kind() == ErrorKind::Timeout));
}

/// Long enough for thousands of requests to a server that shares a busy machine.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(300)
}

fn written(put: Put) -> String {
    match put {
        Put::Written(etag) => etag,
        Put::Refused => panic!("the precondition holds"),
    }
}
