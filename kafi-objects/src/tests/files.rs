//! Files while requests fail: they are there as a whole, or not at all, and no upload is left over.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{FileInfo, Files, Result};

use super::faulty::{Fault, FaultyObjects, Kind};
use crate::files::ObjectFiles;
use crate::io::ObjectIo;
use crate::memory::MemoryObjects;

const WAIT: Duration = Duration::from_secs(10);

/// More than two parts.
const LARGE: usize = 20 << 20;

fn files(io: Arc<dyn ObjectIo>) -> ObjectFiles {
    ObjectFiles::new(io, "test".into(), "files/".into())
}

fn put(io: Arc<dyn ObjectIo>, len: usize) -> Result<()> {
    let mut writer = files(io).create("a", WAIT)?;
    let bytes = vec![b'x'; len];
    bytes.chunks(3_000_001).try_for_each(|piece| writer.write(piece, WAIT))?;
    writer.finish(WAIT)
}

#[test]
fn whatever_fails_nothing_half_appears() {
    for (len, requests) in [(LARGE, 5), (100, 1)] {
        for (fault, failing) in [Fault::Failed, Fault::Lost, Fault::Again]
            .into_iter()
            .flat_map(|fault| (0..requests).map(move |request| (fault, request)))
        {
            let objects = Arc::new(MemoryObjects::new());
            let mut number = 0;
            let faulty = FaultyObjects::new(&objects, move |kind, _| {
                number += usize::from(kind == Kind::Put);
                if kind == Kind::Put && number == failing + 1 { fault } else { Fault::None }
            });
            let result = put(faulty, len);
            let listed = files(objects.clone()).list("", WAIT).unwrap();
            let whole = [FileInfo { name: "a".into(), len: len as u64 }];
            assert!(listed.is_empty() || listed == whole, "{fault:?} {failing}: {listed:?}");
            assert!(result.is_err() || listed == whole, "{fault:?} {failing}");
            // An answer to the beginning that was lost leaves an upload that nobody can name.
            let lost = usize::from(matches!(fault, Fault::Lost | Fault::Again) && failing == 0 && len == LARGE);
            assert!(objects.uploads() <= lost, "{fault:?} {failing}: {} uploads", objects.uploads());
        }
    }
}

#[test]
fn what_is_dropped_or_aborted_leaves_no_upload() {
    let objects = Arc::new(MemoryObjects::new());
    for aborts in [true, false] {
        let mut writer = files(objects.clone()).create("a", WAIT).unwrap();
        writer.write(&vec![0; LARGE], WAIT).unwrap();
        assert_eq!(objects.uploads(), 1);
        if aborts {
            writer.abort(WAIT).unwrap();
            assert_eq!(objects.uploads(), 0);
        }
        drop(writer);
        assert_eq!((objects.uploads(), objects.keys().len()), (0, 0));
    }
}

#[test]
fn small_files_are_one_request_and_reading_on_is_few() {
    let objects = Arc::new(MemoryObjects::new());
    put(objects.clone(), 1 << 20).unwrap();
    assert_eq!(objects.requests().put, 1);
    objects.reset_requests();
    put(objects.clone(), LARGE).unwrap();
    objects.reset_requests();
    let mut reader = files(objects.clone()).open("a", WAIT).unwrap();
    let (mut buffer, mut at) = (vec![0; 100_000], 0);
    while at < LARGE as u64 {
        at += reader.read_at(at, &mut buffer, WAIT).unwrap() as u64;
    }
    assert!(objects.requests().get <= 6, "{:?}", objects.requests());
}
