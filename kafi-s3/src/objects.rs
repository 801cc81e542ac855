//! The requests that the log makes, answered by S3.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};
use kafi_core::{Attempts, ErrorKind, Result, Retry, Runtime, retry_until};
use kafi_objects::{Listed, Listing, ObjectIo, ObjectStat, Precondition, Put, PutRequest};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::answers::Answers;
use crate::client;
use crate::config::Settings;
use crate::error::{Failure, attempt_time};

/// How many keys one request may delete.
const DELETE_MAX: usize = 1000;

/// How long to go on where there is no server at all.
const UNREACHABLE_LIMIT: Duration = Duration::from_secs(8);

/// No more memory than this is taken for a body before it comes.
const RESERVE_MAX: u64 = 64 << 20;

/// How long the next bytes of a body may take.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// The objects of a bucket below a prefix.
pub(crate) struct S3Objects {
    settings: Settings,
    runtime: Runtime,
    client: OnceCell<Client>,
    /// Whether an answer has shown that the bucket is there: only until then a missing object may mean a missing bucket.
    is_bucket_seen: AtomicBool,
}

/// What is known of an object that is being read, so that a read which breaks off goes on with the same object.
struct Reading {
    stat: ObjectStat,
    /// The bytes that are wanted, from the start of the object.
    wanted: Range<u64>,
}

impl S3Objects {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let runtime = Runtime::new("kafi-s3")?;
        Ok(Self { settings, runtime, client: OnceCell::new(), is_bucket_seen: AtomicBool::new(false) })
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| client::connect(&self.settings)).await
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.settings.prefix)
    }

    /// Makes attempts until the deadline. What an attempt says about the bucket is acted on here.
    fn attempt<T>(
        &self,
        operation: &'static str,
        key: &str,
        deadline: Instant,
        mut attempt: impl FnMut() -> std::result::Result<T, Failure> + Send,
    ) -> Result<T>
    where
        T: Send,
    {
        retry_until(deadline, |attempts| {
            let failure = match attempt() {
                Ok(done) => {
                    self.is_bucket_seen.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Err(failure) => self.judged(failure, attempts),
            };
            let unreachable = failure.is_unreachable;
            if unreachable {
                attempts.end_after(UNREACHABLE_LIMIT);
            }
            let error = failure.into_error(operation, &self.settings.name, &self.display(key), &self.settings.secrets());
            Err(match &self.settings.endpoint {
                Some(endpoint) if unreachable => error.with("endpoint", endpoint),
                _ => error,
            })
        })
    }

    /// Creates a missing bucket where that is wanted.
    fn judged(&self, failure: Failure, attempts: &Attempts) -> Failure {
        if !failure.is_missing_bucket() {
            return failure;
        }
        if !self.settings.create_bucket {
            return Failure::missing_bucket(&self.settings.bucket);
        }
        let created = self.once(attempts.deadline, 0, async { client::create_bucket(self.client().await, &self.settings).await });
        match created {
            Ok(()) => Failure::new(ErrorKind::NotFound, Retry::Later, "the bucket was missing and has been created"),
            Err(failure) => failure,
        }
    }

    /// One attempt, which moves about `len` bytes.
    fn once<T: Send>(
        &self,
        deadline: Instant,
        len: u64,
        request: impl Future<Output = std::result::Result<T, Failure>> + Send,
    ) -> std::result::Result<T, Failure> {
        let limit = attempt_time(len).min(deadline.saturating_duration_since(Instant::now()));
        self.runtime.block_on(async { timeout(limit, request).await }).unwrap_or_else(|_| Err(Failure::timeout(limit)))
    }

    /// Whether the bucket itself is missing, where an answer without a body does not say what is.
    async fn check_bucket(&self) -> std::result::Result<(), Failure> {
        if self.is_bucket_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.client().await.head_bucket().bucket(&self.settings.bucket).send().await.map_err(Failure::from) {
            Err(failure) if failure.status == 404 => Err(Failure::missing_bucket(&self.settings.bucket)),
            Err(failure) if failure.retry == Retry::Later => Err(failure),
            // Who may not ask for the bucket may still read its objects.
            _ => Ok(()),
        }
    }

    async fn head(&self, key: &str) -> std::result::Result<Option<ObjectStat>, Failure> {
        let request = self.client().await.head_object().bucket(&self.settings.bucket).key(self.full(key));
        match request.send().await.map_err(Failure::from) {
            Ok(head) => Ok(Some(stat_of(head.content_length(), head.e_tag(), head.metadata()))),
            Err(failure) if failure.is_missing_key() => self.check_bucket().await.map(|()| None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads on from where `into` ends. `None`: there is no such object.
    async fn read_on(
        &self,
        key: &str,
        range: Option<&Range<u64>>,
        reading: &mut Option<Reading>,
        into: &mut Vec<u8>,
    ) -> std::result::Result<Option<ObjectStat>, Failure> {
        let mut request = self.client().await.get_object().bucket(&self.settings.bucket).key(self.full(key));
        match (&*reading, range) {
            (Some(part), _) => {
                let from = part.wanted.start + into.len() as u64;
                request = request.range(format!("bytes={from}-{}", part.wanted.end - 1)).if_match(&part.stat.etag);
            }
            (None, Some(range)) => request = request.range(format!("bytes={}-{}", range.start, range.end - 1)),
            (None, None) => {}
        }
        let answer = match timeout(IDLE_LIMIT, request.send()).await.map_err(|_| Failure::timeout(IDLE_LIMIT))?.map_err(Failure::from) {
            Ok(answer) => answer,
            Err(failure) if failure.is_missing_key() => return Ok(None),
            // The range begins behind the end.
            Err(failure) if failure.status == 416 && reading.is_none() => return self.head(key).await,
            Err(failure) if reading.is_some() && (failure.is_refusal() || failure.status == 416) => {
                *reading = None;
                into.clear();
                return Err(Failure::new(ErrorKind::Conflict, Retry::Later, "the object was replaced while it was read"));
            }
            Err(failure) => return Err(failure),
        };
        let part = match reading {
            Some(part) => part,
            None => reading.insert(Reading::begin(&answer, range)?),
        };
        let expected = part.wanted.end - part.wanted.start;
        into.reserve((expected - into.len() as u64).min(RESERVE_MAX) as usize);
        receive(answer.body, into, expected).await?;
        if into.len() as u64 == expected {
            return Ok(Some(part.stat.clone()));
        }
        let cut = Failure::new(ErrorKind::Unavailable, Retry::Later, format!("{} of {expected} bytes came", into.len()));
        if into.len() as u64 > expected {
            into.clear();
        }
        Err(cut)
    }

    /// Deletes what it can of up to [`DELETE_MAX`] keys, and leaves what it could not.
    async fn delete_many(&self, keys: &mut Vec<&String>) -> std::result::Result<(), Failure> {
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(self.full(key)).build().expect("a key is given"));
        let list = Delete::builder().set_objects(Some(objects.collect())).quiet(true).build().expect("objects are given");
        let request = self.client().await.delete_objects().bucket(&self.settings.bucket).delete(list);
        let answer = request.customize().interceptor(Answers::Xml).send().await.map_err(Failure::from);
        let answer = match answer {
            Ok(answer) => answer,
            // Some services cannot delete several objects at once, or want another checksum for it.
            Err(failure) if failure.kind == ErrorKind::Unsupported || failure.code == "MissingContentMD5" => return self.delete_one_by_one(keys).await,
            Err(failure) => return Err(failure),
        };
        let failed = answer.errors().iter().filter(|error| error.code() != Some("NoSuchKey"));
        let failed: Vec<_> = failed.filter_map(|error| Some((error.key()?.to_string(), Failure::of_code(error.code(), error.message())))).collect();
        keys.retain(|key| failed.iter().any(|(left, _)| left.strip_prefix(&self.settings.prefix) == Some(key)));
        match failed.into_iter().next() {
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }

    async fn delete_one_by_one(&self, keys: &mut Vec<&String>) -> std::result::Result<(), Failure> {
        while let Some(key) = keys.last() {
            let request = self.client().await.delete_object().bucket(&self.settings.bucket).key(self.full(key));
            match request.customize().interceptor(Answers::Whole).send().await.map_err(Failure::from) {
                Err(failure) if !failure.is_missing_key() => return Err(failure),
                _ => keys.pop(),
            };
        }
        Ok(())
    }

    /// Reads pages until one holds something that comes after `after`.
    async fn page(&self, prefix: &str, after: &str, folders: bool) -> std::result::Result<Listing, Failure> {
        let mut request = self.client().await.list_objects_v2().bucket(&self.settings.bucket).prefix(self.full(prefix)).encoding_type(EncodingType::Url);
        if folders {
            request = request.delimiter("/");
        }
        if !after.is_empty() {
            // All of a folder that was told lies before this, so that the folder is not told again.
            let end = if folders && after.ends_with('/') { "\u{10FFFF}" } else { "" };
            request = request.start_after(format!("{}{end}", self.full(after)));
        }
        let mut token: Option<String> = None;
        loop {
            let answer = request.clone().set_continuation_token(token.clone()).customize().interceptor(Answers::Xml).send().await.map_err(Failure::from)?;
            let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
            // What is not below the root, or has no text for a name, is nobody's here.
            let below_root = |name: &str| {
                let name = if is_encoded { decoded(name)? } else { name.to_string() };
                name.strip_prefix(self.settings.prefix.as_str()).filter(|name| *name > after).map(str::to_string)
            };
            let objects = answer.contents().iter().filter_map(|object| {
                let len = object.size().unwrap_or_default().max(0) as u64;
                Some(Listed { key: below_root(object.key()?)?, len })
            });
            let folders = answer.common_prefixes().iter().filter_map(|folder| below_root(folder.prefix()?));
            let listing = Listing { objects: objects.collect(), folders: folders.collect(), more: answer.is_truncated() == Some(true) };
            let next = answer.next_continuation_token().filter(|next| !next.is_empty() && token.as_deref() != Some(next));
            if listing.more && next.is_none() {
                let why = "the listing says that there is more, and not where it goes on";
                return Err(Failure::new(ErrorKind::Unavailable, Retry::Later, why));
            }
            if !listing.more || !listing.objects.is_empty() || !listing.folders.is_empty() {
                return Ok(listing);
            }
            token = next.map(str::to_string);
        }
    }
}

/// A name of a listing whose names are encoded as in URLs, because XML cannot hold every character; `None` for what is no text.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &tail[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

impl ObjectIo for S3Objects {
    fn display(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.settings.bucket, self.settings.prefix)
    }

    fn identity(&self) -> String {
        let service = self.settings.endpoint.as_deref().map_or("amazonaws.com", |endpoint| endpoint.split_once("://").map_or(endpoint, |(_, host)| host));
        format!("s3://{service}/{}/{}", self.settings.bucket, self.settings.prefix)
    }

    fn get(&self, key: &str, range: Option<Range<u64>>, into: &mut Vec<u8>, deadline: Instant) -> Result<Option<ObjectStat>> {
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

    fn stat(&self, key: &str, deadline: Instant) -> Result<Option<ObjectStat>> {
        self.attempt("look at object", key, deadline, || self.once(deadline, 0, self.head(key)))
    }

    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
        self.attempt("write object", request.key, deadline, || {
            let written = self.once(deadline, request.bytes.len() as u64, async {
                let mut put = self.client().await.put_object().bucket(&self.settings.bucket).key(self.full(request.key));
                put = put.content_type("application/octet-stream").body(ByteStream::from(request.bytes.clone()));
                for (name, value) in request.metadata {
                    put = put.metadata(*name, value);
                }
                put = match request.precondition {
                    Precondition::None => put,
                    Precondition::Absent => put.if_none_match("*"),
                    Precondition::Matches(etag) => put.if_match(etag),
                };
                put.customize().interceptor(Answers::Whole).send().await.map_err(Failure::from)
            });
            match written {
                Ok(answer) => Ok(Put::Written(answer.e_tag().unwrap_or_default().to_string())),
                Err(failure) if failure.is_refusal() => Ok(Put::Refused),
                // What is not there has no etag that could match.
                Err(failure) if failure.is_missing_key() && matches!(request.precondition, Precondition::Matches(_)) => Ok(Put::Refused),
                Err(failure) => Err(failure),
            }
        })
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing> {
        self.attempt("list objects", prefix, deadline, || self.once(deadline, 0, self.page(prefix, after, folders)))
    }

    fn delete(&self, keys: &[String], deadline: Instant) -> Result<()> {
        for keys in keys.chunks(DELETE_MAX) {
            let mut left: Vec<_> = keys.iter().collect();
            self.attempt("delete objects", left.first().map_or("", |key| key), deadline, || self.once(deadline, 0, self.delete_many(&mut left)))?;
        }
        Ok(())
    }
}

impl Reading {
    fn begin(answer: &GetObjectOutput, range: Option<&Range<u64>>) -> std::result::Result<Self, Failure> {
        let sent = answer.content_length().unwrap_or_default().max(0) as u64;
        let (start, len) = match (range, answer.content_range()) {
            (None, _) => (0, sent),
            (Some(range), Some(said)) => (range.start, total_of(said).ok_or_else(|| no_ranges(said))?),
            // Some services answer with the whole object where the range covers it.
            (Some(range), None) if range.start == 0 && sent <= range.end => (0, sent),
            (Some(_), None) => return Err(no_ranges("the whole object")),
        };
        let end = range.map_or(len, |range| range.end.min(len));
        Ok(Self { stat: stat_of(Some(len as i64), answer.e_tag(), answer.metadata()), wanted: start..end.max(start) })
    }
}

/// Appends a body to `into`, as far as it comes, but nothing once there is more than `expected`: whatever a server sends, it takes no more memory than was asked for.
async fn receive(mut body: ByteStream, into: &mut Vec<u8>, expected: u64) -> std::result::Result<(), Failure> {
    while into.len() as u64 <= expected {
        let next = timeout(IDLE_LIMIT, body.next()).await.map_err(|_| Failure::timeout(IDLE_LIMIT))?;
        match next {
            Some(Ok(bytes)) => into.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(Failure::cut(&error)),
            None => break,
        }
    }
    Ok(())
}

/// The length of the whole object, in `bytes 0-9/100`.
fn total_of(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

fn no_ranges(answer: &str) -> Failure {
    Failure::new(ErrorKind::Unsupported, Retry::Never, format!("a part of an object was asked for, and the server answered with {answer}"))
}

fn stat_of(len: Option<i64>, etag: Option<&str>, metadata: Option<&std::collections::HashMap<String, String>>) -> ObjectStat {
    let mut metadata: Vec<_> = metadata.into_iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    metadata.sort();
    ObjectStat { len: len.unwrap_or_default().max(0) as u64, etag: etag.unwrap_or_default().to_string(), metadata }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        assert_eq!(decoded("a/b.log").as_deref(), Some("a/b.log"));
        assert_eq!(decoded("a+b%2Bc%C3%A4%01").as_deref(), Some("a b+cä\u{1}"));
        assert!(decoded("%FF").is_none() && decoded("%zz").is_none() && decoded("%4").is_none());
    }

    #[test]
    fn the_total_stands_behind_the_slash() {
        assert_eq!(total_of("bytes 0-9/100"), Some(100));
        assert_eq!(total_of("bytes 0-9/*"), None);
        assert_eq!(total_of("nothing"), None);
    }
}
