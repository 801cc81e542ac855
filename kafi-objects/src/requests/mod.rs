//! One layer of requests under the stores that are reached over a network: what an [`ObjectIo`] promises, made of
//! single requests that may fail.
//!
//! A crate that brings such a store implements [`Service`]: how it connects, one attempt at each request, what its
//! codes mean. [`Requester`] makes an [`ObjectIo`] of it:
//!
//! - **Trying again.** What may succeed later is tried again until the deadline of the call, with growing pauses; where
//!   nobody listens at the address at all, for 8 seconds. The error says how many attempts there were and how long they
//!   took. One attempt takes at most 15 seconds and a second for each 256 kB that it moves; what a server takes for the
//!   next bytes of a body has the same bound. Everything else is told at once.
//! - **Reading on.** A read that breaks off goes on where it was, if the object is still the same; if not, it begins
//!   anew.
//! - **Paging.** A listing shows at least one name or is the last; for services that cannot begin one at a name, some
//!   places where listings stopped are remembered.
//! - **The bucket.** One that is missing is created where that is wanted, and is an error else, also where the service
//!   only says that there is no such object.
//! - **Errors** are one short line that names storage and object, and shows no secret.
//!
//! Calls block and may come from any thread, also from within a runtime, whose worker they block. Each store has two
//! threads for input and output. It is connected to by the first request.
//!
//! The futures of [`Service`] are the only asynchronous signatures of Kafi: clients of stores are asynchronous, and end
//! here.

mod failure;
mod listing;
mod reading;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{Attempts, ErrorKind, Result, Retry, Runtime, Secrets, retry_until};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::io::{Listed, Listing, ObjectIo, ObjectStat, Part, Precondition, Put, PutRequest};

pub use failure::{Failure, Kinds, Meaning, chain, root_of};
use listing::Continuations;
use reading::Reading;

/// How an attempt at a request ends.
pub type Attempt<T> = std::result::Result<T, Failure>;

/// What a server may need for an attempt besides the time for the bytes, and for the next bytes of a body; less where
/// the deadline leaves no time for a second attempt.
pub const ANSWER_TIME: Duration = Duration::from_secs(15);

/// The name among the metadata of an object that was written in parts under which its mark stands.
pub const UPLOAD_MARK: &str = "upload";

/// Finishing an upload may take as long as moving so many bytes: a minute.
const FINISH_BYTES: u64 = 15 << 20;

/// How long to go on where there is no server at all.
const UNREACHABLE_LIMIT: Duration = Duration::from_secs(8);

/// A store of objects as its client speaks to it. All keys are whole ones, from the bucket's root on. Each function
/// makes one attempt and leaves trying again, deadlines, and time-outs to its caller, who may drop its future at any
/// time.
pub trait Service: Sized + Send + Sync + 'static {
    /// What is needed to connect.
    type Settings: Send + Sync + 'static;

    /// The bytes of an object, as they come.
    type Body: Send;

    /// Whether a listing can begin behind any name. Where it cannot, it begins at the front or with a marker, and what
    /// lies before `after` may be shown.
    const LISTS_FROM_NAMES: bool;

    /// How many objects one attempt deletes at the most.
    const DELETE_MAX: usize;

    /// Makes a client.
    fn connect(settings: &Self::Settings) -> impl Future<Output = Attempt<Self>> + Send;

    /// Begins to read an object, or a part of it that may reach beyond its end; with `etag`, only if it has this one
    /// ([`Meaning::Refused`]). The length that is told is that of the whole object. A range that begins behind the end
    /// is [`Meaning::BehindEnd`]; a service that cannot send parts is `Unsupported`.
    fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        etag: Option<&str>,
    ) -> impl Future<Output = Attempt<(ObjectStat, Self::Body)>> + Send;

    /// The next bytes of a body; `None` at its end, whether that came too early or not.
    fn next(body: &mut Self::Body) -> impl Future<Output = Option<Attempt<Bytes>>> + Send;

    /// What is known of an object.
    fn stat(&self, key: &str) -> impl Future<Output = Attempt<ObjectStat>> + Send;

    /// Writes an object under `key`, which counts instead of the request's, and returns its etag. [`Meaning::Refused`]
    /// where the precondition does not hold.
    fn put(&self, key: &str, request: &PutRequest<'_>) -> impl Future<Output = Attempt<String>> + Send;

    /// Begins to write an object in parts, with `mark` among its metadata under [`UPLOAD_MARK`], and returns what the
    /// service calls it.
    fn begin_upload(&self, key: &str, mark: &str) -> impl Future<Output = Attempt<String>> + Send;

    /// Writes a part under `key`, which counts instead of the part's, and returns what the service calls it.
    fn put_part(&self, key: &str, part: &Part<'_>) -> impl Future<Output = Attempt<String>> + Send;

    /// Makes the object of these parts. [`Meaning::NoUpload`] where there is no such upload.
    fn finish_upload(&self, key: &str, upload: &str, parts: &[String]) -> impl Future<Output = Attempt<()>> + Send;

    /// Gives up an upload. One that is not there is no failure.
    fn abort_upload(&self, key: &str, upload: &str) -> impl Future<Output = Attempt<()>> + Send;

    /// A page of the names that begin with `prefix`, behind `after` where it can begin there, or where an earlier
    /// page's `marker` says; with `folders`, what has a `/` behind the prefix as one folder.
    fn page(
        &self,
        prefix: &str,
        after: &str,
        folders: bool,
        marker: Option<&str>,
    ) -> impl Future<Output = Attempt<Page>> + Send;

    /// Deletes what it can of up to [`DELETE_MAX`](Self::DELETE_MAX) different objects, and leaves in `keys` what it
    /// could not. One that is not there counts as deleted.
    fn delete(&self, keys: &mut Vec<String>) -> impl Future<Output = Attempt<()>> + Send;

    /// Asks for the bucket itself: [`Meaning::NoBucket`] where it is not there.
    fn check_bucket(&self) -> impl Future<Output = Attempt<()>> + Send;

    /// Creates the bucket; that somebody else has just done so is no failure.
    fn create_bucket(&self) -> impl Future<Output = Attempt<()>> + Send;
}

/// A page of a listing as the service sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects, by key.
    pub objects: Vec<Listed>,
    /// The folders, by name, where they were asked for.
    pub folders: Vec<String>,
    /// What the next page is asked for with; `None` if this is the last one.
    pub marker: Option<String>,
}

/// What part of which bucket it is, and what messages call it.
#[derive(Clone, Debug)]
pub struct Location {
    /// The storage's name, for messages.
    pub storage: String,
    /// The scheme of its addresses.
    pub scheme: &'static str,
    /// What the service calls a bucket, which the properties `<word>.name` and `<word>.create` begin with.
    pub bucket_word: &'static str,
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with: nothing, or something that ends in `/`.
    pub prefix: String,
    /// Whether a missing bucket is created.
    pub create_bucket: bool,
    /// The address that was given for the service, for messages about a server that is not there.
    pub endpoint: Option<String>,
    /// The host of the service, with its port and path if there are any.
    pub service: String,
    /// What must not appear in a message.
    pub secrets: Secrets,
}

/// The objects of a bucket below a prefix, over a [`Service`].
pub struct Requester<S: Service> {
    place: Location,
    settings: S::Settings,
    runtime: Runtime,
    service: OnceCell<S>,
    /// Whether an answer has shown that the bucket is there: only until then a missing object may mean a missing
    /// bucket.
    is_bucket_seen: AtomicBool,
    continuations: Continuations,
}

impl<S: Service> Requester<S> {
    /// Starts the threads, and speaks to nobody.
    ///
    /// # Errors
    /// `Io` when the system gives no threads.
    pub fn new(place: Location, settings: S::Settings) -> Result<Self> {
        let runtime = Runtime::new(&format!("kafi-{}", place.scheme))?;
        let (service, is_bucket_seen, continuations) =
            (OnceCell::new(), AtomicBool::new(false), Continuations::default());
        Ok(Self { place, settings, runtime, service, is_bucket_seen, continuations })
    }

    async fn service(&self) -> Attempt<&S> {
        self.service.get_or_try_init(|| S::connect(&self.settings)).await
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.place.prefix)
    }

    /// Makes attempts until the deadline. What an attempt says about the bucket is acted on here.
    fn attempt<T>(
        &self,
        operation: &'static str,
        key: &str,
        deadline: Instant,
        mut attempt: impl FnMut() -> Attempt<T>,
    ) -> Result<T> {
        retry_until(deadline, |attempts| {
            let failure = match attempt() {
                Ok(done) => {
                    self.is_bucket_seen.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Err(failure) => self.judged(failure, attempts),
            };
            if failure.is_unreachable() {
                attempts.end_after(UNREACHABLE_LIMIT);
            }
            Err(failure.into_error(operation, &self.place, self.display(key)))
        })
    }

    /// Creates a missing bucket where that is wanted.
    fn judged(&self, failure: Failure, attempts: &Attempts) -> Failure {
        if failure.meaning != Meaning::NoBucket {
            return failure;
        }
        let Location { bucket_word: word, bucket, create_bucket, .. } = &self.place;
        if !create_bucket {
            let missing = Failure::new(ErrorKind::NotFound, Retry::Never, format!("there is no such {word}"));
            return missing
                .hint(format!("create the {word} {bucket}, correct {word}.name, or set {word}.create to true"));
        }
        match self.once(attempts.deadline, 0, async { self.service().await?.create_bucket().await }) {
            Ok(()) => {
                Failure::new(ErrorKind::NotFound, Retry::Later, format!("the {word} was missing and has been created"))
            }
            Err(failure) => failure,
        }
    }

    /// One attempt, which moves about `len` bytes.
    fn once<T: Send>(
        &self,
        deadline: Instant,
        len: u64,
        request: impl Future<Output = Attempt<T>> + Send,
    ) -> Attempt<T> {
        let left = left(deadline);
        self.within((answer_time(left) + time_of(len)).min(left), request)
    }

    fn within<T: Send>(&self, limit: Duration, request: impl Future<Output = Attempt<T>> + Send) -> Attempt<T> {
        self.runtime.block_on(async { timeout(limit, request).await }).unwrap_or_else(|_| Err(Failure::timeout(limit)))
    }

    async fn stat_once(&self, full: &str) -> Attempt<Option<ObjectStat>> {
        match self.service().await?.stat(full).await {
            Ok(stat) => Ok(Some(stat)),
            Err(failure) if failure.meaning == Meaning::NoObject => self.check_bucket().await.map(|()| None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the bucket itself is missing, where an answer does not say what is.
    async fn check_bucket(&self) -> Attempt<()> {
        if self.is_bucket_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.service().await?.check_bucket().await {
            Err(failure) if failure.meaning == Meaning::NoBucket || failure.retry == Retry::Later => Err(failure),
            // Who may not ask for the bucket may still read its objects.
            _ => Ok(()),
        }
    }
}

impl<S: Service> ObjectIo for Requester<S> {
    fn display(&self, key: &str) -> String {
        format!("{}://{}/{}{key}", self.place.scheme, self.place.bucket, self.place.prefix)
    }

    fn identity(&self) -> String {
        format!("{}://{}/{}/{}", self.place.scheme, self.place.service, self.place.bucket, self.place.prefix)
    }

    fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        into: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<Option<ObjectStat>> {
        into.clear();
        if range.as_ref().is_some_and(Range::is_empty) {
            return self.stat(key, deadline);
        }
        let (full, mut reading) = (self.full(key), Reading::of(range));
        let stat = self.attempt("read object", key, deadline, || {
            // Not bounded by its length, which nobody knows yet: each piece of it is.
            let left = left(deadline);
            self.within(left, self.read_on(&full, &mut reading, into, answer_time(left)))
        })?;
        if stat.is_none() {
            into.clear();
        }
        Ok(stat)
    }

    fn stat(&self, key: &str, deadline: Instant) -> Result<Option<ObjectStat>> {
        let full = self.full(key);
        self.attempt("look at object", key, deadline, || self.once(deadline, 0, self.stat_once(&full)))
    }

    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
        let full = self.full(request.key);
        self.attempt("write object", request.key, deadline, || {
            let written = self
                .once(deadline, request.bytes.len() as u64, async { self.service().await?.put(&full, request).await });
            match written {
                Ok(etag) => Ok(Put::Written(etag)),
                Err(failure) if failure.meaning == Meaning::Refused => Ok(Put::Refused),
                // What is not there has no etag that could match.
                Err(failure)
                    if failure.meaning == Meaning::NoObject
                        && matches!(request.precondition, Precondition::Matches(_)) =>
                {
                    Ok(Put::Refused)
                }
                Err(failure) => Err(failure),
            }
        })
    }

    /// An upload is called by its mark and by what the service calls it.
    fn begin_upload(&self, key: &str, deadline: Instant) -> Result<String> {
        let (full, mark) = (self.full(key), kafi_fs::emulated::topic_file::new_id());
        let id = self.attempt("begin upload", key, deadline, || {
            self.once(deadline, 0, async { self.service().await?.begin_upload(&full, &mark).await })
        })?;
        Ok(format!("{mark} {id}"))
    }

    fn put_part(&self, part: &Part<'_>, deadline: Instant) -> Result<String> {
        let full = self.full(part.key);
        let part = Part { upload: id_of(part.upload), ..part.clone() };
        self.attempt("write part", part.key, deadline, || {
            self.once(deadline, part.bytes.len() as u64, async { self.service().await?.put_part(&full, &part).await })
        })
    }

    fn finish_upload(&self, key: &str, upload: &str, parts: &[String], deadline: Instant) -> Result<()> {
        let (full, mark) = (self.full(key), upload.split(' ').next().unwrap_or_default());
        self.attempt("finish upload", key, deadline, || {
            let request = async {
                let service = self.service().await?;
                match service.finish_upload(&full, id_of(upload), parts).await {
                    // The answer to an earlier attempt may have been lost: then it is this very upload that is there.
                    Err(failure) if failure.meaning == Meaning::NoUpload => match service.stat(&full).await {
                        Ok(stat) if stat.metadata.iter().any(|(name, own)| name == UPLOAD_MARK && own == mark) => {
                            Ok(())
                        }
                        _ => Err(failure),
                    },
                    finished => finished,
                }
            };
            // A service may put the parts together while it is asked.
            self.once(deadline, FINISH_BYTES, request)
        })
    }

    fn abort_upload(&self, key: &str, upload: &str, deadline: Instant) -> Result<()> {
        let full = self.full(key);
        self.attempt("abort upload", key, deadline, || {
            self.once(deadline, 0, async { self.service().await?.abort_upload(&full, id_of(upload)).await })
        })
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing> {
        self.attempt("list objects", prefix, deadline, || {
            self.once(deadline, 0, self.list_once(prefix, after, folders))
        })
    }

    fn delete(&self, keys: &[String], deadline: Instant) -> Result<()> {
        let mut keys: Vec<_> = keys.iter().collect();
        keys.sort();
        keys.dedup();
        for keys in keys.chunks(S::DELETE_MAX) {
            let mut left: Vec<_> = keys.iter().map(|key| self.full(key)).collect();
            self.attempt("delete objects", keys[0], deadline, || {
                self.once(deadline, 0, async { self.service().await?.delete(&mut left).await })
            })?;
        }
        Ok(())
    }
}

/// What the service calls an upload.
fn id_of(upload: &str) -> &str {
    upload.split_once(' ').map_or(upload, |(_, id)| id)
}

/// How long an attempt waits for a server where so much time is left: one that hangs is asked again over another
/// connection, where there is a second in which it could answer.
fn answer_time(left: Duration) -> Duration {
    ANSWER_TIME.min((left / 2).max(Duration::from_secs(1)))
}

/// How long this many bytes may be on their way: slow lines have their time.
fn time_of(len: u64) -> Duration {
    const BYTES_PER_MS: u64 = 256;
    Duration::from_millis(len / BYTES_PER_MS)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
