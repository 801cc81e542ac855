//! The requests that the log makes, answered by Azure Blob Storage.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafi_core::{Attempts, ErrorKind, Retry, Runtime, retry_until};
use kafi_objects::{Listing, ObjectIo, ObjectStat, Precondition, Put, PutRequest};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::config::Settings;
use crate::error::{Failure, attempt_time};
use crate::sdk::{Container, Result};

/// How many objects are deleted at once: the service has no request for several.
const DELETES_MAX: usize = 16;

/// How many objects one attempt deletes.
const DELETE_CHUNK: usize = 128;

/// How long to go on where there is no server at all.
const UNREACHABLE_LIMIT: Duration = Duration::from_secs(8);

/// No more memory than this is taken for a body before it comes.
const RESERVE_MAX: u64 = 64 << 20;

/// How long the next bytes of a body may take.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// How many listings that may be gone on with are remembered.
const LISTINGS_MAX: usize = 64;

/// The blobs of a container below a prefix.
pub(crate) struct AzureObjects {
    settings: Settings,
    runtime: Runtime,
    container: OnceCell<Container>,
    /// Whether an answer has shown that the container is there: only until then a missing object may mean a missing container.
    is_container_seen: AtomicBool,
    listings: Mutex<Vec<Continuation>>,
}

/// Where a listing goes on. The service cannot begin at a name, only where an earlier page ended.
#[derive(Clone)]
struct Continuation {
    prefix: String,
    folders: bool,
    /// The last name that was told.
    after: String,
    marker: String,
}

/// What is known of an object that is being read, so that a read which breaks off goes on with the same object.
struct Reading {
    stat: ObjectStat,
    /// The bytes that are wanted, from the start of the object.
    wanted: Range<u64>,
}

impl AzureObjects {
    pub(crate) fn new(settings: Settings) -> kafi_core::Result<Self> {
        let runtime = Runtime::new("kafi-azure")?;
        let container = OnceCell::new();
        Ok(Self { settings, runtime, container, is_container_seen: AtomicBool::new(false), listings: Mutex::default() })
    }

    async fn container(&self) -> Result<&Container> {
        self.container.get_or_try_init(async || Container::new(&self.settings)).await
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.settings.prefix)
    }

    /// Makes attempts until the deadline. What an attempt says about the container is acted on here.
    fn attempt<T>(&self, operation: &'static str, key: &str, deadline: Instant, mut attempt: impl FnMut() -> Result<T>) -> kafi_core::Result<T> {
        retry_until(deadline, |attempts| {
            let failure = match attempt() {
                Ok(done) => {
                    self.is_container_seen.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Err(failure) => self.judged(failure, attempts),
            };
            let unreachable = failure.is_unreachable;
            if unreachable {
                attempts.end_after(UNREACHABLE_LIMIT);
            }
            let error = failure.into_error(operation, &self.settings.name, &self.display(key), &self.settings.secrets());
            Err(if unreachable { error.with("endpoint", &self.settings.endpoint) } else { error })
        })
    }

    /// Creates a missing container where that is wanted.
    fn judged(&self, failure: Failure, attempts: &Attempts) -> Failure {
        if !failure.is_missing_container() {
            return failure;
        }
        if !self.settings.create_container {
            return Failure::missing_container(&self.settings.container);
        }
        match self.once(attempts.deadline, 0, async { self.container().await?.create().await }) {
            Ok(()) => Failure::new(ErrorKind::NotFound, Retry::Later, "the container was missing and has been created"),
            Err(failure) => failure,
        }
    }

    /// One attempt, which moves about `len` bytes.
    fn once<T: Send>(&self, deadline: Instant, len: u64, request: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let limit = attempt_time(len).min(deadline.saturating_duration_since(Instant::now()));
        self.runtime.block_on(async { timeout(limit, request).await }).unwrap_or_else(|_| Err(Failure::timeout(limit)))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectStat>> {
        match self.container().await?.head(&self.full(key)).await {
            Ok(stat) => Ok(Some(stat)),
            Err(failure) if failure.is_missing_blob() => self.check_container().await.map(|()| None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the container itself is missing, where an answer does not say what is.
    async fn check_container(&self) -> Result<()> {
        if self.is_container_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.container().await?.page("", true, None).await {
            Err(failure) if failure.is_missing_container() || failure.retry == Retry::Later => Err(failure),
            // Who may not list the container may still read its objects.
            _ => Ok(()),
        }
    }

    /// Reads on from where `into` ends. `None`: there is no such object.
    async fn read_on(&self, key: &str, range: Option<&Range<u64>>, reading: &mut Option<Reading>, into: &mut Vec<u8>) -> Result<Option<ObjectStat>> {
        let (part, etag) = match &*reading {
            Some(reading) => (Some(reading.wanted.start + into.len() as u64..reading.wanted.end), Some(reading.stat.etag.as_str())),
            None => (range.cloned(), None),
        };
        let container = self.container().await?;
        let answer = timeout(IDLE_LIMIT, container.read(&self.full(key), part, etag)).await.unwrap_or_else(|_| Err(Failure::timeout(IDLE_LIMIT)));
        let (stat, mut body) = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.is_missing_blob() => return Ok(None),
            // The range begins behind the end.
            Err(failure) if failure.status == 416 && reading.is_none() => return self.head(key).await,
            Err(failure) if reading.is_some() && (failure.is_refusal() || failure.status == 416) => {
                *reading = None;
                into.clear();
                return Err(Failure::new(ErrorKind::Conflict, Retry::Later, "the object was replaced while it was read"));
            }
            Err(failure) => return Err(failure),
        };
        let reading = reading.get_or_insert_with(|| {
            let wanted = range.map_or(0..stat.len, |range| range.start..range.end.min(stat.len).max(range.start));
            Reading { stat, wanted }
        });
        let expected = reading.wanted.end - reading.wanted.start;
        into.reserve((expected - into.len() as u64).min(RESERVE_MAX) as usize);
        // Whatever a server sends, it takes no more memory than was asked for.
        while into.len() as u64 <= expected
            && let Some(bytes) = timeout(IDLE_LIMIT, body.next()).await.map_err(|_| Failure::timeout(IDLE_LIMIT))?
        {
            into.extend_from_slice(&bytes?);
        }
        if into.len() as u64 == expected {
            return Ok(Some(reading.stat.clone()));
        }
        let cut = Failure::new(ErrorKind::Unavailable, Retry::Later, format!("{} of {expected} bytes came", into.len()));
        if into.len() as u64 > expected {
            into.clear();
        }
        Err(cut)
    }

    /// Reads pages until one holds something that comes after `after`.
    async fn page(&self, prefix: &str, after: &str, folders: bool) -> Result<Listing> {
        let (full, after) = (self.full(prefix), if after.is_empty() { String::new() } else { self.full(after) });
        let mut marker = self.continuation(&full, folders, &after);
        loop {
            let page = self.container().await?.page(&full, folders, marker.as_deref()).await?;
            if page.marker.is_some() && page.marker == marker {
                return Err(Failure::new(ErrorKind::Unavailable, Retry::Later, "the listing goes on where it began"));
            }
            marker = page.marker;
            let mut listing = Listing { objects: page.objects, folders: page.folders, more: marker.is_some() };
            // What was not asked for is nobody's here.
            listing.objects.retain(|object| object.key > after && object.key.starts_with(&full));
            listing.folders.retain(|folder| *folder > after && folder.starts_with(&full));
            let is_empty = listing.objects.is_empty() && listing.folders.is_empty();
            if is_empty && listing.more {
                continue;
            }
            listing.objects.sort_by(|a, b| a.key.cmp(&b.key));
            listing.folders.sort();
            if let (Some(marker), false) = (marker, is_empty) {
                let last = listing.objects.last().map(|object| &object.key).max(listing.folders.last());
                self.remember(Continuation { prefix: full, folders, after: last.cloned().unwrap_or_default(), marker });
            }
            let below_root = |name: &mut String| drop(name.drain(..self.settings.prefix.len()));
            listing.objects.iter_mut().for_each(|object| below_root(&mut object.key));
            listing.folders.iter_mut().for_each(below_root);
            return Ok(listing);
        }
    }

    fn continuation(&self, prefix: &str, folders: bool, after: &str) -> Option<String> {
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let at = listings.iter().position(|known| known.prefix == prefix && known.folders == folders && known.after == after)?;
        // Another attempt at the same page needs it again, so it goes to the end instead of away.
        let known = listings.remove(at);
        listings.push(known.clone());
        Some(known.marker)
    }

    fn remember(&self, continuation: Continuation) {
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &Continuation| known.prefix == continuation.prefix && known.folders == continuation.folders && known.after == continuation.after;
        listings.retain(|known| !same(known));
        if listings.len() == LISTINGS_MAX {
            listings.remove(0);
        }
        listings.push(continuation);
    }

    /// Deletes what it can, and leaves what it could not.
    async fn delete_many(&self, keys: &mut Vec<&String>) -> Result<()> {
        let container = self.container().await?;
        // An attempt that is cut off leaves all of them to the next one.
        let mut waiting = keys.clone().into_iter();
        let mut running = FuturesUnordered::new();
        let (mut left, mut first) = (Vec::new(), None);
        loop {
            running.extend(waiting.by_ref().take(DELETES_MAX - running.len()).map(|key| delete_one(container, self.full(key), key)));
            let Some((key, deleted)) = running.next().await else { break };
            if let Err(failure) = deleted
                && !failure.is_missing_blob()
            {
                left.push(key);
                first.get_or_insert(failure);
            }
        }
        drop(running);
        *keys = left;
        first.map_or(Ok(()), Err)
    }
}

async fn delete_one<'a>(container: &Container, full: String, key: &'a String) -> (&'a String, Result<()>) {
    (key, container.delete(&full).await)
}

impl ObjectIo for AzureObjects {
    fn display(&self, key: &str) -> String {
        format!("azure://{}/{}{key}", self.settings.container, self.settings.prefix)
    }

    fn identity(&self) -> String {
        let service = self.settings.endpoint.split_once("://").map_or("", |(_, host)| host);
        format!("azure://{service}/{}/{}", self.settings.container, self.settings.prefix)
    }

    fn get(&self, key: &str, range: Option<Range<u64>>, into: &mut Vec<u8>, deadline: Instant) -> kafi_core::Result<Option<ObjectStat>> {
        into.clear();
        if range.as_ref().is_some_and(Range::is_empty) {
            return self.stat(key, deadline);
        }
        let mut reading = None;
        let stat = self.attempt("read object", key, deadline, || {
            let left = deadline.saturating_duration_since(Instant::now());
            let read = self.read_on(key, range.as_ref(), &mut reading, into);
            self.runtime.block_on(async { timeout(left, read).await }).unwrap_or_else(|_| Err(Failure::timeout(left)))
        })?;
        if stat.is_none() {
            into.clear();
        }
        Ok(stat)
    }

    fn stat(&self, key: &str, deadline: Instant) -> kafi_core::Result<Option<ObjectStat>> {
        self.attempt("look at object", key, deadline, || self.once(deadline, 0, self.head(key)))
    }

    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> kafi_core::Result<Put> {
        let key = self.full(request.key);
        self.attempt("write object", request.key, deadline, || {
            let written = self.once(deadline, request.bytes.len() as u64, async { self.container().await?.put(&key, request).await });
            match written {
                Ok(etag) => Ok(Put::Written(etag)),
                Err(failure) if failure.is_refusal() => Ok(Put::Refused),
                // What is not there has no etag that could match.
                Err(failure) if failure.is_missing_blob() && matches!(request.precondition, Precondition::Matches(_)) => Ok(Put::Refused),
                Err(failure) => Err(failure),
            }
        })
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> kafi_core::Result<Listing> {
        self.attempt("list objects", prefix, deadline, || self.once(deadline, 0, self.page(prefix, after, folders)))
    }

    fn delete(&self, keys: &[String], deadline: Instant) -> kafi_core::Result<()> {
        let mut keys: Vec<_> = keys.iter().collect();
        keys.sort();
        keys.dedup();
        for keys in keys.chunks(DELETE_CHUNK) {
            let mut left = keys.to_vec();
            self.attempt("delete objects", keys[0], deadline, || self.once(deadline, 0, self.delete_many(&mut left)))?;
        }
        Ok(())
    }
}
