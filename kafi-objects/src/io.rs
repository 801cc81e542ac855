//! The object layer below the log: the few requests that it makes, which S3, Azure Blob, and memory answer.
//!
//! Keys are relative to the storage's root, with `/` between their parts. Nothing here knows what a topic is.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Result, Retry};

/// What is known of an object beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectStat {
    /// The length of the whole object in bytes.
    pub len: u64,
    /// What changes whenever the object does; only ever compared and given back, and the same whichever call tells it.
    pub etag: String,
    /// What was stored with it: names of lower case letters, and values of ASCII.
    pub metadata: Vec<(String, String)>,
}

/// What has to hold for an object to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition<'a> {
    /// Nothing: whatever is there is replaced.
    None,
    /// There is no object of this key.
    Absent,
    /// The object has this etag.
    Matches(&'a str),
}

/// An object to be written.
#[derive(Clone, Debug)]
pub struct PutRequest<'a> {
    /// Its key.
    pub key: &'a str,
    /// All its bytes.
    pub bytes: Bytes,
    /// What has to hold; checked and written in one step, whoever else writes.
    pub precondition: Precondition<'a>,
    /// What is stored with it: names of lower case letters, and values of ASCII.
    pub metadata: &'a [(&'static str, String)],
}

/// How a put ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is written, durably, with this etag.
    Written(String),
    /// The precondition does not hold. Where an answer was lost and the request was made again, it may be this very put
    /// that came in between.
    Refused,
}

/// A part of an object that is written in parts.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The object's key.
    pub key: &'a str,
    /// What [`ObjectIo::begin_upload`] called the upload.
    pub upload: &'a str,
    /// Its number, from 1.
    pub number: u32,
    /// Its bytes: at least 5 MiB, save for the last one, and at most 100 MiB.
    pub bytes: Bytes,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects, by key.
    pub objects: Vec<Listed>,
    /// The folders, where they were asked for: what their objects' keys begin with, ending in `/`; by name.
    pub folders: Vec<String>,
    /// Whether there are more after the last one of these.
    pub more: bool,
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, from the storage's root on.
    pub key: String,
    /// Its length in bytes.
    pub len: u64,
}

/// A store of objects: a part of a bucket or container.
///
/// Every call blocks up to `deadline`, may be made from any number of threads at once, and retries by itself what may
/// succeed later: throttling, a connection that breaks.
///
/// # Errors
/// All calls: `NotFound` where the bucket itself is missing (an object that is missing is no error), `Authentication`,
/// `PermissionDenied`, `TooLarge`, and `Unavailable` or `Timeout` when the retries are over, which leaves open whether
/// a write took place.
pub trait ObjectIo: Send + Sync {
    /// The key as a person writes it, for messages: `s3://bucket/root/key`.
    fn display(&self, key: &str) -> String;

    /// What stays the same for as long as it is the same storage: service, bucket, and root.
    fn identity(&self) -> String;

    /// Replaces what `into` holds with the bytes of an object, or with a range of them that may reach beyond its end;
    /// `None` where there is no such object. A range that begins at or after the end gives no bytes.
    fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        into: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<Option<ObjectStat>>;

    /// What is known of an object without its bytes; `None` where there is no such object.
    fn stat(&self, key: &str, deadline: Instant) -> Result<Option<ObjectStat>>;

    /// Writes an object, as a whole or not at all.
    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> Result<Put>;

    /// Begins to write an object in up to 10,000 parts, and returns what the upload is called. Nobody sees the object
    /// before the upload is finished. A store that writes no objects in parts writes none of these four methods, and is
    /// `Unsupported`: its files have to fit into one put.
    fn begin_upload(&self, key: &str, _deadline: Instant) -> Result<String> {
        Err(no_parts(self.display(key)))
    }

    /// Writes a part, and returns what it is called. The same part can be written again.
    fn put_part(&self, part: &Part<'_>, _deadline: Instant) -> Result<String> {
        Err(no_parts(self.display(part.key)))
    }

    /// Makes an object of these parts, in their order, which replaces what had the key; as a whole or not at all.
    fn finish_upload(&self, key: &str, _upload: &str, _parts: &[String], _deadline: Instant) -> Result<()> {
        Err(no_parts(self.display(key)))
    }

    /// Gives up an upload: its parts are deleted, by now or by the service later.
    fn abort_upload(&self, key: &str, _upload: &str, _deadline: Instant) -> Result<()> {
        Err(no_parts(self.display(key)))
    }

    /// Up to a page of the keys that begin with `prefix` and come after `after` (empty: all), in the order of their
    /// bytes. With `folders`, keys that have a `/` behind the prefix are told as one folder.
    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing>;

    /// Deletes objects; nothing happens where there is none.
    fn delete(&self, keys: &[String], deadline: Instant) -> Result<()>;
}

fn no_parts(object: String) -> Error {
    let why = "this kind of storage writes no objects in parts, and this one is too large for one request";
    Error::new(ErrorKind::Unsupported, "write object", why).with("object", object)
}

/// A page of a listing, checked: whatever a server answers, a listing goes forward, shows nothing twice, and ends.
///
/// # Errors
/// As [`ObjectIo::list`], and `Unavailable` for a page that cannot be one.
pub(crate) fn list(io: &dyn ObjectIo, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing> {
    let listing = io.list(prefix, after, folders, deadline)?;
    let refuse = |why: &str| {
        let error = Error::new(ErrorKind::Unavailable, "list objects", format!("the listing {why}"));
        Err(error.with("object", io.display(prefix)).retry(Retry::Later))
    };
    let objects = goes_on(listing.objects.iter().map(|object| object.key.as_str()), prefix, after);
    if !objects || !goes_on(listing.folders.iter().map(String::as_str), prefix, after) {
        return refuse("is not in order, or shows what was not asked for");
    }
    if listing.more && listing.objects.is_empty() && listing.folders.is_empty() {
        return refuse("says that there is more, and shows nothing");
    }
    Ok(listing)
}

fn goes_on<'a>(mut names: impl Iterator<Item = &'a str>, prefix: &str, after: &'a str) -> bool {
    let mut last = after;
    names.all(|name| name.starts_with(prefix) && std::mem::replace(&mut last, name) < name)
}

/// Reads an object that is small if it is what it has to be, as a whole.
///
/// # Errors
/// As [`ObjectIo::get`], and `Corrupt` for one of more than `bytes_max`.
pub(crate) fn get_small(
    io: &dyn ObjectIo,
    key: &str,
    bytes_max: u64,
    into: &mut Vec<u8>,
    deadline: Instant,
) -> Result<Option<ObjectStat>> {
    let stat = io.get(key, Some(0..bytes_max), into, deadline)?;
    match stat {
        Some(stat) if stat.len > bytes_max => {
            let message = format!("it has {} bytes, and {bytes_max} is the most that it may have", stat.len);
            Err(Error::new(ErrorKind::Corrupt, "read object", message).with("object", io.display(key)))
        }
        Some(stat) if stat.len != into.len() as u64 => {
            let message = format!("{} of {} bytes came", into.len(), stat.len);
            Err(Error::new(ErrorKind::Unavailable, "read object", message)
                .with("object", io.display(key))
                .retry(Retry::Later))
        }
        stat => Ok(stat),
    }
}
