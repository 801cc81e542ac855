//! A store of objects that misbehaves on request.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Result, Retry};

use crate::io::{Listing, ObjectIo, ObjectStat, Part, Precondition, Put, PutRequest};
use crate::memory::MemoryObjects;

/// What is asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    Stat,
    Put,
    List,
    Delete,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is answered.
    None,
    /// It never arrives.
    Failed,
    /// It is done, but the answer is lost.
    Lost,
    /// It is done, the answer is lost, and the client makes it again by itself.
    Again,
    /// A put is on its way for longer than anybody waits.
    Held,
    /// What was held arrives, and then this.
    Arrives,
    /// The store panics.
    Panic,
}

/// Says what becomes of each request, by its kind and key; may do other things first.
pub(super) type Script = Box<dyn FnMut(Kind, &str) -> Fault + Send>;

/// A put that is on its way: key, bytes, and metadata.
type Held = (String, Bytes, Vec<(&'static str, String)>);

pub(super) struct FaultyObjects {
    inner: Arc<MemoryObjects>,
    script: Mutex<Script>,
    held: Mutex<Vec<Held>>,
}

impl FaultyObjects {
    pub(super) fn new(
        inner: &Arc<MemoryObjects>,
        script: impl FnMut(Kind, &str) -> Fault + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), script: Mutex::new(Box::new(script)), held: Mutex::default() })
    }

    /// Lets everything fail from the `first` request on, as for a process that is killed.
    pub(super) fn killed_at(inner: &Arc<MemoryObjects>, first: usize) -> Arc<Self> {
        let mut done = 0;
        Self::new(inner, move |_, _| {
            done += 1;
            if done > first { Fault::Failed } else { Fault::None }
        })
    }

    fn run<T>(&self, kind: Kind, key: &str, call: impl Fn() -> Result<T>) -> Result<T> {
        let fault = (self.script.lock().unwrap())(kind, key);
        run(fault, call)
    }
}

fn run<T>(fault: Fault, call: impl Fn() -> Result<T>) -> Result<T> {
    match fault {
        Fault::None | Fault::Arrives => call(),
        Fault::Failed | Fault::Held => Err(no_answer()),
        Fault::Lost => call().and(Err(no_answer())),
        Fault::Panic => panic!("as the test wants it"),
        Fault::Again => call().and_then(|_| call()),
    }
}

fn no_answer() -> Error {
    Error::new(ErrorKind::Unavailable, "request objects", "no answer, as the test wants it").retry(Retry::Later)
}

impl ObjectIo for FaultyObjects {
    fn display(&self, key: &str) -> String {
        self.inner.display(key)
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        into: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<Option<ObjectStat>> {
        let mut bytes = Vec::new();
        let cell = Mutex::new(&mut bytes);
        let stat = self.run(Kind::Get, key, || self.inner.get(key, range.clone(), &mut cell.lock().unwrap(), deadline));
        *into = bytes;
        stat
    }

    fn stat(&self, key: &str, deadline: Instant) -> Result<Option<ObjectStat>> {
        self.run(Kind::Stat, key, || self.inner.stat(key, deadline))
    }

    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
        let fault = (self.script.lock().unwrap())(Kind::Put, request.key);
        if fault == Fault::Held {
            self.held.lock().unwrap().push((request.key.to_string(), request.bytes.clone(), request.metadata.to_vec()));
        }
        if fault == Fault::Arrives {
            for (key, bytes, metadata) in self.held.lock().unwrap().drain(..) {
                self.inner.put(
                    &PutRequest { key: &key, bytes, precondition: Precondition::Absent, metadata: &metadata },
                    deadline,
                )?;
            }
        }
        run(fault, || self.inner.put(request, deadline))
    }

    fn begin_upload(&self, key: &str, deadline: Instant) -> Result<String> {
        self.run(Kind::Put, key, || self.inner.begin_upload(key, deadline))
    }

    fn put_part(&self, part: &Part<'_>, deadline: Instant) -> Result<String> {
        self.run(Kind::Put, part.key, || self.inner.put_part(part, deadline))
    }

    fn finish_upload(&self, key: &str, upload: &str, parts: &[String], deadline: Instant) -> Result<()> {
        self.run(Kind::Put, key, || self.inner.finish_upload(key, upload, parts, deadline))
    }

    fn abort_upload(&self, key: &str, upload: &str, deadline: Instant) -> Result<()> {
        self.run(Kind::Delete, key, || self.inner.abort_upload(key, upload, deadline))
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing> {
        self.run(Kind::List, prefix, || self.inner.list(prefix, after, folders, deadline))
    }

    fn delete(&self, keys: &[String], deadline: Instant) -> Result<()> {
        self.run(Kind::Delete, keys.first().map_or("", String::as_str), || self.inner.delete(keys, deadline))
    }
}
