//! The requests that the log makes, answered by S3.

use std::collections::HashMap;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, EncodingType, ObjectIdentifier};
use bytes::Bytes;
use kafi_core::{ErrorKind, Retry};
use kafi_objects::requests::{Attempt, Failure, Meaning, Page, Service, UPLOAD_MARK, root_of};
use kafi_objects::{Listed, ObjectStat, Part, Precondition, PutRequest};

use crate::answers::Answers;
use crate::client;
use crate::config::Settings;
use crate::error::{failure, of_code};

/// A bucket, spoken to through the SDK.
pub(crate) struct Bucket {
    client: Client,
    settings: Settings,
}

impl Service for Bucket {
    type Settings = Settings;
    type Body = ByteStream;

    const LISTS_FROM_NAMES: bool = true;
    const DELETE_MAX: usize = 1000;

    async fn connect(settings: &Settings) -> Attempt<Self> {
        Ok(Self { client: client::connect(settings).await, settings: settings.clone() })
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        etag: Option<&str>,
    ) -> Attempt<(ObjectStat, ByteStream)> {
        let mut request =
            self.client.get_object().bucket(&self.settings.bucket).key(key).set_if_match(etag.map(str::to_string));
        if let Some(range) = &range {
            request = request.range(format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = request.send().await.map_err(failure)?;
        let len = whole_len(&answer, range)?;
        Ok((stat_of(len, answer.e_tag(), answer.metadata()), answer.body))
    }

    async fn next(body: &mut ByteStream) -> Option<Attempt<Bytes>> {
        Some(body.next().await?.map_err(|error| Failure::cut(&root_of(&error))))
    }

    async fn stat(&self, key: &str) -> Attempt<ObjectStat> {
        let head = self.client.head_object().bucket(&self.settings.bucket).key(key).send().await.map_err(failure)?;
        Ok(stat_of(len_of(head.content_length()), head.e_tag(), head.metadata()))
    }

    async fn put(&self, key: &str, request: &PutRequest<'_>) -> Attempt<String> {
        let mut put = self.client.put_object().bucket(&self.settings.bucket).key(key);
        put = put.content_type("application/octet-stream").body(ByteStream::from(request.bytes.clone()));
        for (name, value) in request.metadata {
            put = put.metadata(*name, value);
        }
        put = match request.precondition {
            Precondition::None => put,
            Precondition::Absent => put.if_none_match("*"),
            Precondition::Matches(etag) => put.if_match(etag),
        };
        let answer = put.customize().interceptor(Answers::Whole).send().await.map_err(failure)?;
        Ok(answer.e_tag().unwrap_or_default().to_string())
    }

    async fn begin_upload(&self, key: &str, mark: &str) -> Attempt<String> {
        let request = self.client.create_multipart_upload().bucket(&self.settings.bucket).key(key);
        let request = request.content_type("application/octet-stream").metadata(UPLOAD_MARK, mark);
        let answer = request.customize().interceptor(Answers::Xml).send().await.map_err(failure)?;
        let upload = answer.upload_id().filter(|upload| !upload.is_empty());
        upload.map(str::to_string).ok_or_else(|| unclear("the server does not say what the upload is called"))
    }

    async fn put_part(&self, key: &str, part: &Part<'_>) -> Attempt<String> {
        let request = self.client.upload_part().bucket(&self.settings.bucket).key(key).upload_id(part.upload);
        let request = request.part_number(part.number as i32).body(ByteStream::from(part.bytes.clone()));
        let answer = request.customize().interceptor(Answers::Whole).send().await.map_err(failure)?;
        answer.e_tag().map(str::to_string).ok_or_else(|| unclear("the server does not say what the part is called"))
    }

    async fn finish_upload(&self, key: &str, upload: &str, parts: &[String]) -> Attempt<()> {
        let parts =
            (1..).zip(parts).map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let request = self.client.complete_multipart_upload().bucket(&self.settings.bucket).key(key);
        let request = request.upload_id(upload).multipart_upload(parts);
        let answer = request.customize().interceptor(Answers::Xml).send().await.map_err(failure)?;
        // A service begins to answer before it knows whether that works, and may go on with an error.
        answer.e_tag().map(drop).ok_or_else(|| unclear("the server does not say that the upload is finished"))
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Attempt<()> {
        let request = self.client.abort_multipart_upload().bucket(&self.settings.bucket).key(key).upload_id(upload);
        match request.customize().interceptor(Answers::Whole).send().await.map_err(failure) {
            Err(failure) if failure.meaning != Meaning::NoUpload => Err(failure),
            _ => Ok(()),
        }
    }

    async fn page(&self, prefix: &str, after: &str, folders: bool, marker: Option<&str>) -> Attempt<Page> {
        let mut request =
            self.client.list_objects_v2().bucket(&self.settings.bucket).prefix(prefix).encoding_type(EncodingType::Url);
        if folders {
            request = request.delimiter("/");
        }
        if !after.is_empty() {
            // All of a folder that was told lies before this, so that the folder is not told again.
            let end = if folders && after.ends_with('/') { "\u{10FFFF}" } else { "" };
            request = request.start_after(format!("{after}{end}"));
        }
        let request = request.set_continuation_token(marker.map(str::to_string));
        let answer = request.customize().interceptor(Answers::Xml).send().await.map_err(failure)?;
        let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
        // What has no text for a name is nobody's here.
        let plain = |name: &str| if is_encoded { decoded(name) } else { Some(name.to_string()) };
        let objects = answer
            .contents()
            .iter()
            .filter_map(|object| Some(Listed { key: plain(object.key()?)?, len: len_of(object.size()) }));
        let folders = answer.common_prefixes().iter().filter_map(|folder| plain(folder.prefix()?));
        let next = answer.next_continuation_token().filter(|next| !next.is_empty());
        let marker = match (answer.is_truncated(), next) {
            (Some(true), None) => {
                let why = "the listing says that there is more, and not where it goes on";
                return Err(Failure::new(ErrorKind::Unavailable, Retry::Later, why));
            }
            (Some(true), Some(next)) => Some(next.to_string()),
            _ => None,
        };
        Ok(Page { objects: objects.collect(), folders: folders.collect(), marker })
    }

    async fn delete(&self, keys: &mut Vec<String>) -> Attempt<()> {
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("a key is given"));
        let list =
            Delete::builder().set_objects(Some(objects.collect())).quiet(true).build().expect("objects are given");
        let request = self.client.delete_objects().bucket(&self.settings.bucket).delete(list);
        let answer = match request.customize().interceptor(Answers::Xml).send().await.map_err(failure) {
            Ok(answer) => answer,
            // Some services cannot delete several objects at once, or want another checksum for it.
            Err(failure) if failure.kind == ErrorKind::Unsupported || failure.code == "MissingContentMD5" => {
                return self.delete_one_by_one(keys).await;
            }
            Err(failure) => return Err(failure),
        };
        let failed = answer.errors().iter().filter(|error| error.code() != Some("NoSuchKey"));
        let failed: Vec<_> =
            failed.filter_map(|error| Some((error.key()?, of_code(error.code(), error.message())))).collect();
        keys.retain(|key| failed.iter().any(|(left, _)| left == key));
        failed.into_iter().next().map_or(Ok(()), |(_, failure)| Err(failure))
    }

    async fn check_bucket(&self) -> Attempt<()> {
        match self.client.head_bucket().bucket(&self.settings.bucket).send().await.map_err(failure) {
            // Whatever is missing here is the bucket.
            Err(failure) if failure.status == 404 => Err(failure.meaning(Meaning::NoBucket)),
            other => other.map(|_| ()),
        }
    }

    async fn create_bucket(&self) -> Attempt<()> {
        client::create_bucket(&self.client, &self.settings).await
    }
}

impl Bucket {
    async fn delete_one_by_one(&self, keys: &mut Vec<String>) -> Attempt<()> {
        while let Some(key) = keys.last() {
            let request = self.client.delete_object().bucket(&self.settings.bucket).key(key);
            match request.customize().interceptor(Answers::Whole).send().await.map_err(failure) {
                Err(failure) if failure.meaning != Meaning::NoObject => return Err(failure),
                _ => keys.pop(),
            };
        }
        Ok(())
    }
}

/// A name of a listing whose names are encoded as in URLs, because XML cannot hold every character; `None` for what is
/// no text.
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

/// The length of the whole object, of which `range` was asked for.
fn whole_len(answer: &GetObjectOutput, range: Option<Range<u64>>) -> Attempt<u64> {
    let sent = len_of(answer.content_length());
    match (range, answer.content_range()) {
        (None, _) => Ok(sent),
        (Some(_), Some(said)) => total_of(said).ok_or_else(|| no_ranges(said)),
        // Some services answer with the whole object where the range covers it.
        (Some(range), None) if range.start == 0 && sent <= range.end => Ok(sent),
        (Some(_), None) => Err(no_ranges("the whole object")),
    }
}

/// The length of the whole object, in `bytes 0-9/100`.
fn total_of(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

fn no_ranges(answer: &str) -> Failure {
    Failure::new(
        ErrorKind::Unsupported,
        Retry::Never,
        format!("a part of an object was asked for, and the server answered with {answer}"),
    )
}

/// An answer that lacks what matters; another attempt learns more.
fn unclear(why: &str) -> Failure {
    Failure::new(ErrorKind::Unavailable, Retry::Later, why)
}

fn len_of(said: Option<i64>) -> u64 {
    said.unwrap_or_default().max(0) as u64
}

fn stat_of(len: u64, etag: Option<&str>, metadata: Option<&HashMap<String, String>>) -> ObjectStat {
    let mut metadata: Vec<_> =
        metadata.into_iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    metadata.sort();
    ObjectStat { len, etag: etag.unwrap_or_default().to_string(), metadata }
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
