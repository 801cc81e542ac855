//! Topics in a store of objects, seen from outside.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Error, ErrorKind, Result};
use kafi_objects::{Listing, MemoryObjects, ObjectIo, ObjectOptions, ObjectStat, Put, PutRequest};
use kafi_testkit::conformance::{self, Options, Setup};

/// A store whose server never answers.
struct Silent;

impl Silent {
    fn wait<T>(deadline: Instant) -> Result<T> {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        Err(Error::new(ErrorKind::Timeout, "request objects", "no answer").with("storage", "silent"))
    }
}

impl ObjectIo for Silent {
    fn display(&self, key: &str) -> String {
        format!("silent:{key}")
    }

    fn identity(&self) -> String {
        "silent".into()
    }

    fn get(
        &self,
        _key: &str,
        _range: Option<Range<u64>>,
        _into: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<Option<ObjectStat>> {
        Self::wait(deadline)
    }

    fn stat(&self, _key: &str, deadline: Instant) -> Result<Option<ObjectStat>> {
        Self::wait(deadline)
    }

    fn put(&self, _request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
        Self::wait(deadline)
    }

    fn list(&self, _prefix: &str, _after: &str, _folders: bool, deadline: Instant) -> Result<Listing> {
        Self::wait(deadline)
    }

    fn delete(&self, _keys: &[String], deadline: Instant) -> Result<()> {
        Self::wait(deadline)
    }
}

#[test]
fn the_conformance_suite_passes_and_all_calls_keep_their_timeouts() {
    let open = |io: Arc<dyn ObjectIo>| kafi_objects::open("objects", "mem", io, ObjectOptions::default());
    let storage = open(Arc::new(MemoryObjects::new()));
    let setup = Setup::new("objects", move || Ok(Arc::new(storage.clone())))
        .unreachable(move || Ok(Arc::new(open(Arc::new(Silent)))));
    let mut output = Vec::new();
    let summary = conformance::run(vec![setup], &Options { quiet: true, ..Options::default() }, &mut output).unwrap();
    assert!(summary.failed.is_empty(), "{}", String::from_utf8_lossy(&output));
}
