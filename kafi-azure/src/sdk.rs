//! The SDK, which is named here and nowhere else: it is the last of its line.
//!
//! Where it does more than it is asked for, a policy of ours corrects its requests before they are signed.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::headers::{CONTENT_RANGE, Headers, MS_RANGE, RANGE_GET_CONTENT_CRC64};
use azure_core::prelude::{Delimiter, IfMatchCondition, Metadata, NextMarker, Prefix};
use azure_core::{
    ClientOptions, Context, HttpClient, Method, Policy, PolicyResult, Request, Response, ResponseBody, RetryOptions,
    TransportOptions,
};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::blob::Blob;
use azure_storage_blobs::prelude::{BlobBlockType, BlobClient, BlockList, ClientBuilder, ContainerClient};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafi_core::{ErrorKind, Retry};
use kafi_objects::requests::{self, Attempt, Failure, Meaning, Page, Service, UPLOAD_MARK, chain};
use kafi_objects::{Listed, ObjectStat, Part, Precondition, PutRequest};

use crate::config::{Proof, Settings};
use crate::error::of_service;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How many objects are deleted at once: the service has no request for several that this SDK knows.
const DELETES_MAX: usize = 16;

/// More than any blob may have: all of it in one request.
const WHOLE: u64 = 1 << 50;

/// The most bytes of an answer that is read whole: a listing of 5,000 names of 1,024 characters each, all of them
/// escaped, has less.
const WHOLE_MAX: usize = 64 << 20;

/// The most bytes of an answer that says what is wrong.
const ERROR_MAX: usize = 1 << 20;

/// A container, spoken to through the SDK.
pub(crate) struct Container(ContainerClient);

impl Service for Container {
    type Settings = Settings;
    type Body = ResponseBody;

    const LISTS_FROM_NAMES: bool = false;
    const DELETE_MAX: usize = 128;

    /// Makes a client; speaks to nobody.
    async fn connect(settings: &Settings) -> Attempt<Self> {
        let credentials = match &settings.proof {
            Proof::Key(key) => StorageCredentials::access_key(settings.account.as_str(), key.clone()),
            Proof::Signature(token) => StorageCredentials::sas_token(token.as_str()).map_err(|_| bad_signature())?,
        };
        // The SDK's own client opens a connection for each request, because it may be used from several runtimes. There
        // is one here.
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let http = http.map_err(|error| Failure::new(ErrorKind::Unexpected, Retry::Never, root_of(&error)))?;
        let mut options = ClientOptions::new(TransportOptions::new(Arc::new(Bounded(http))));
        // Attempts are made until the caller's deadline, which the SDK does not know.
        options = options.retry(RetryOptions::none());
        options.per_call_policies_mut().push(Arc::new(Corrections));
        let location = CloudLocation::Custom { account: settings.account.clone(), uri: settings.endpoint.clone() };
        Ok(Self(
            ClientBuilder::with_location(location, credentials)
                .client_options(options)
                .container_client(&settings.container),
        ))
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        etag: Option<&str>,
    ) -> Attempt<(ObjectStat, ResponseBody)> {
        let is_part = range.is_some();
        let asked = Arc::new(Asked { is_whole: !is_part, len: OnceLock::new() });
        let mut context = Context::new();
        context.insert(asked.clone());
        let mut request = self.blob(key).get().context(context).chunk_size(WHOLE);
        if let Some(range) = range {
            request = request.range(range);
        }
        if let Some(etag) = etag {
            request = request.if_match(IfMatchCondition::Match(etag.to_string()));
        }
        let answer =
            request.into_stream().next().await.expect("a stream of answers has a first one").map_err(failure)?;
        let mut stat = stat_of(&answer.blob);
        match asked.len.get() {
            Some(len) => stat.len = *len,
            None if is_part => {
                return Err(Failure::new(
                    ErrorKind::Unsupported,
                    Retry::Never,
                    "a part of an object was asked for, and the server sent it all",
                ));
            }
            None => {}
        }
        Ok((stat, answer.data))
    }

    async fn next(body: &mut ResponseBody) -> Option<Attempt<Bytes>> {
        Some(StreamExt::next(body).await?.map_err(|error| Failure::cut(&root_of(&error))))
    }

    async fn stat(&self, key: &str) -> Attempt<ObjectStat> {
        let answer = self.blob(key).get_properties().await.map_err(failure)?;
        Ok(stat_of(&answer.blob))
    }

    async fn put(&self, key: &str, request: &PutRequest<'_>) -> Attempt<String> {
        let mut metadata = Metadata::new();
        for (name, value) in request.metadata {
            metadata.insert(*name, value.clone());
        }
        let mut put = self
            .blob(key)
            .put_block_blob(request.bytes.clone())
            .content_type("application/octet-stream")
            .metadata(metadata);
        put = match request.precondition {
            Precondition::None => put,
            Precondition::Absent => put.if_match(IfMatchCondition::NotMatch("*".into())),
            Precondition::Matches(etag) => put.if_match(IfMatchCondition::Match(etag.to_string())),
        };
        Ok(put.await.map_err(failure)?.etag)
    }

    /// Blocks belong to a blob, and need no beginning: what is called so tells the blocks of one upload from others.
    async fn begin_upload(&self, _key: &str, mark: &str) -> Attempt<String> {
        Ok(mark.to_string())
    }

    async fn put_part(&self, key: &str, part: &Part<'_>) -> Attempt<String> {
        let block = format!("{}-{:05}", part.upload, part.number);
        self.blob(key).put_block(block.clone(), part.bytes.clone()).await.map_err(failure)?;
        Ok(block)
    }

    async fn finish_upload(&self, key: &str, upload: &str, parts: &[String]) -> Attempt<()> {
        // Where the answer to an earlier attempt was lost, the blocks are found among those of the blob itself.
        let blocks = parts.iter().map(|part| BlobBlockType::new_latest(part.clone())).collect();
        let mut metadata = Metadata::new();
        metadata.insert(UPLOAD_MARK, upload.to_string());
        let request = self.blob(key).put_block_list(BlockList { blocks });
        let finished = request.content_type("application/octet-stream").metadata(metadata).await;
        finished.map(drop).map_err(failure)
    }

    /// The service forgets blocks of which no blob was made within a week; there is no request for it.
    async fn abort_upload(&self, _key: &str, _upload: &str) -> Attempt<()> {
        Ok(())
    }

    async fn page(&self, prefix: &str, _after: &str, folders: bool, marker: Option<&str>) -> Attempt<Page> {
        let mut request = self.0.list_blobs();
        if !prefix.is_empty() {
            request = request.prefix(Prefix::from(prefix.to_string()));
        }
        if folders {
            request = request.delimiter(Delimiter::new("/"));
        }
        if let Some(marker) = marker {
            request = request.marker(NextMarker::from(marker));
        }
        let answer =
            request.into_stream().next().await.expect("a stream of answers has a first one").map_err(failure)?;
        let objects =
            answer.blobs.blobs().map(|blob| Listed { key: blob.name.clone(), len: blob.properties.content_length });
        let mut page = Page {
            objects: objects.collect(),
            folders: answer.blobs.prefixes().map(|folder| folder.name.clone()).collect(),
            marker: None,
        };
        page.objects.sort_by(|a, b| a.key.cmp(&b.key));
        page.folders.sort();
        page.marker = answer.next_marker.as_ref().map(|marker| marker.as_str().to_string());
        Ok(page)
    }

    async fn delete(&self, keys: &mut Vec<String>) -> Attempt<()> {
        // An attempt that is cut off leaves all of them to the next one.
        let mut waiting = keys.clone().into_iter();
        let mut running = FuturesUnordered::new();
        let (mut left, mut first) = (Vec::new(), None);
        loop {
            running.extend(waiting.by_ref().take(DELETES_MAX - running.len()).map(|key| self.delete_one(key)));
            let Some((key, deleted)) = StreamExt::next(&mut running).await else { break };
            if let Err(failure) = deleted
                && failure.meaning != Meaning::NoObject
            {
                left.push(key);
                first.get_or_insert(failure);
            }
        }
        drop(running);
        *keys = left;
        first.map_or(Ok(()), Err)
    }

    async fn check_bucket(&self) -> Attempt<()> {
        self.page("", "", true, None).await.map(drop)
    }

    async fn create_bucket(&self) -> Attempt<()> {
        match self.0.create().await.map_err(failure) {
            Err(failure) if failure.code != "ContainerAlreadyExists" => Err(failure),
            _ => Ok(()),
        }
    }
}

impl Container {
    fn blob(&self, key: &str) -> BlobClient {
        self.0.blob_client(key)
    }

    async fn delete_one(&self, key: String) -> (String, Attempt<()>) {
        let deleted = self.blob(&key).delete().await.map(drop).map_err(failure);
        (key, deleted)
    }
}

/// The HTTP client, with a bound for what the SDK reads whole.
#[derive(Debug)]
struct Bounded(reqwest::Client);

#[async_trait]
impl HttpClient for Bounded {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<Response> {
        let answer = self.0.execute_request(request).await?;
        // An object is read as it comes, and by whoever knows how long it is.
        let is_object =
            *request.method() == Method::Get && !request.url().query_pairs().any(|(name, _)| name == "comp");
        let max = match answer.status().is_success() {
            true if is_object => return Ok(answer),
            true => WHOLE_MAX,
            false => ERROR_MAX,
        };
        let (status, headers, body) = answer.deconstruct();
        let mut left = max;
        let bounded = body.map(move |bytes| {
            let bytes = bytes?;
            left = left.checked_sub(bytes.len()).ok_or_else(too_long)?;
            Ok(bytes)
        });
        Ok(Response::new(status, headers, Box::pin(bounded)))
    }
}

fn too_long() -> azure_core::Error {
    azure_core::Error::message(azure_core::error::ErrorKind::Other, "the answer is longer than any that it could be")
}

/// What a request for an object is to be, and what its answer tells that the SDK does not hand on.
#[derive(Debug)]
struct Asked {
    is_whole: bool,
    /// The length of the whole object, where a part was sent.
    len: OnceLock<u64>,
}

/// Takes out of requests what the SDK puts into them unasked: a checksum of small ranges, for which Azurite has only an
/// error, and a range where all is wanted.
#[derive(Debug)]
struct Corrections;

#[async_trait]
impl Policy for Corrections {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some(asked) = context.get::<Arc<Asked>>() else { return next[0].send(context, request, &next[1..]).await };
        let mut corrected = Request::new(request.url().clone(), *request.method());
        for (name, value) in request.headers().iter() {
            let is_unasked = *name == RANGE_GET_CONTENT_CRC64 || (asked.is_whole && *name == MS_RANGE);
            if !is_unasked {
                corrected.insert_header(name.clone(), value.clone());
            }
        }
        corrected.set_body(request.body().clone());
        let answer = next[0].send(context, &mut corrected, &next[1..]).await?;
        let len =
            answer.headers().get_optional_str(&CONTENT_RANGE).and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        if let Some(len) = len {
            asked.len.get_or_init(|| len);
        }
        if len != Some(0) {
            return Ok(answer);
        }
        // Azurite sends an impossible range of an empty object, which the SDK could not read.
        let (status, headers, body) = answer.deconstruct();
        let headers = headers
            .iter()
            .filter(|(name, _)| **name != CONTENT_RANGE)
            .map(|(name, value)| (name.clone(), value.clone()));
        let headers = Headers::from(headers.collect::<HashMap<_, _>>());
        Ok(Response::new(status, headers, Box::pin(body)))
    }
}

fn stat_of(blob: &Blob) -> ObjectStat {
    let metadata = blob.metadata.iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    let mut metadata: Vec<_> = metadata.collect();
    metadata.sort();
    ObjectStat { len: blob.properties.content_length, etag: blob.properties.etag.to_string(), metadata }
}

fn bad_signature() -> Failure {
    Failure::new(ErrorKind::Config, Retry::Never, "the shared access signature cannot be read (it is not shown)")
}

fn failure(error: azure_core::Error) -> Failure {
    if let Some(answer) = error.as_http_error() {
        let code = answer.error_code().unwrap_or_default();
        return of_service(u16::from(answer.status()), code, answer.error_message());
    }
    let root = root_of(&error);
    match error.kind() {
        azure_core::error::ErrorKind::HttpResponse { status, error_code } => {
            of_service(u16::from(*status), error_code.as_deref().unwrap_or_default(), None)
        }
        azure_core::error::ErrorKind::Credential => {
            Failure::new(ErrorKind::Authentication, Retry::Never, "the key or signature cannot be used to sign")
        }
        azure_core::error::ErrorKind::Io => of_connection(&error, &root),
        // An answer that ends too early cannot be read either.
        azure_core::error::ErrorKind::DataConversion => {
            Failure::new(ErrorKind::Unavailable, Retry::Later, format!("the server's answer cannot be read: {root}"))
        }
        _ => Failure::new(ErrorKind::Unexpected, Retry::Never, root),
    }
}

/// A request that was not answered: no server, or no connection that holds.
fn of_connection(error: &(dyn StdError + 'static), root: &str) -> Failure {
    let http = chain(error).find_map(|cause| cause.downcast_ref::<reqwest::Error>());
    let says = |part: &str| chain(error).any(|cause| cause.to_string().contains(part));
    if http.is_some_and(reqwest::Error::is_timeout) {
        return Failure::timeout(CONNECT_TIMEOUT).unreachable();
    }
    if !http.is_some_and(reqwest::Error::is_connect) {
        return Failure::broken(root);
    }
    if says("certificate") || says("InvalidContentType") {
        return Failure::insecure(root);
    }
    Failure::no_server(root)
}

/// What lies at the bottom of it. An error of the HTTP client shows its URL, and with it a signature.
fn root_of(error: &(dyn StdError + 'static)) -> String {
    let is_of_client = chain(error).last().is_some_and(|root| root.is::<reqwest::Error>());
    if is_of_client { "the request failed".into() } else { requests::root_of(error) }
}
