//! A store of objects in memory, which counts requests.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Result};

use crate::io::{Listed, Listing, ObjectIo, ObjectStat, Part, Precondition, Put, PutRequest};

/// The keys of a page, as S3 has it.
const PAGE_KEYS: usize = 1_000;

/// How many requests of each kind were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Reads of objects or ranges of them.
    pub get: u64,
    /// Looks at objects without their bytes.
    pub stat: u64,
    /// Writes, refused ones included.
    pub put: u64,
    /// Pages of listings.
    pub list: u64,
    /// Calls to delete, each of any number of objects.
    pub delete: u64,
}

impl Requests {
    /// All requests together.
    pub fn sum(&self) -> u64 {
        self.get + self.stat + self.put + self.list + self.delete
    }
}

/// Objects in memory. It answers as S3 does, with pages of 1,000 keys, and counts the requests; for tests and for
/// measuring.
#[derive(Debug)]
pub struct MemoryObjects {
    id: u64,
    objects: Mutex<BTreeMap<String, Object>>,
    etags: AtomicU64,
    /// The parts of uploads by the upload and their number.
    uploads: Mutex<BTreeMap<String, BTreeMap<u32, Bytes>>>,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct Object {
    bytes: Bytes,
    etag: String,
    metadata: Vec<(String, String)>,
}

impl Object {
    fn stat(&self) -> ObjectStat {
        ObjectStat { len: self.bytes.len() as u64, etag: self.etag.clone(), metadata: self.metadata.clone() }
    }
}

impl Default for MemoryObjects {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryObjects {
    /// An empty store.
    pub fn new() -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            objects: Mutex::default(),
            etags: AtomicU64::new(1),
            uploads: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    /// The requests since the store was made, or since the last call of [`reset_requests`](Self::reset_requests).
    pub fn requests(&self) -> Requests {
        *self.counts()
    }

    /// Begins to count anew.
    pub fn reset_requests(&self) {
        *self.counts() = Requests::default();
    }

    /// All keys with the lengths of their objects, in order. Not counted.
    pub fn keys(&self) -> Vec<(String, u64)> {
        self.objects().iter().map(|(key, object)| (key.clone(), object.bytes.len() as u64)).collect()
    }

    /// Takes an object away, as by another program. Not counted.
    pub fn remove(&self, key: &str) {
        self.objects().remove(key);
    }

    /// Puts an object there, as by another program that knows of no metadata. Not counted.
    pub fn insert(&self, key: &str, bytes: impl Into<Bytes>) {
        let etag = self.etag();
        self.objects().insert(key.to_string(), Object { bytes: bytes.into(), etag, metadata: Vec::new() });
    }

    /// The bytes of an object. Not counted.
    pub fn bytes(&self, key: &str) -> Option<Bytes> {
        self.objects().get(key).map(|object| object.bytes.clone())
    }

    /// How many uploads have begun, and are neither finished nor aborted. Not counted.
    pub fn uploads(&self) -> usize {
        self.pending().len()
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<u32, Bytes>>> {
        self.uploads.lock().expect("whoever holds the lock does not panic")
    }

    fn etag(&self) -> String {
        self.etags.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn counts(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().expect("whoever counts does not panic")
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().expect("whoever holds the lock does not panic")
    }
}

impl ObjectIo for MemoryObjects {
    fn display(&self, key: &str) -> String {
        format!("objects:{key}")
    }

    fn identity(&self) -> String {
        format!("objects:{}.{}", std::process::id(), self.id)
    }

    fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        into: &mut Vec<u8>,
        _deadline: Instant,
    ) -> Result<Option<ObjectStat>> {
        self.counts().get += 1;
        into.clear();
        let (bytes, stat) = {
            let objects = self.objects();
            let Some(object) = objects.get(key) else { return Ok(None) };
            (object.bytes.clone(), object.stat())
        };
        let all = 0..bytes.len() as u64;
        let range = range.unwrap_or(all.clone());
        let (start, end) = (range.start.min(all.end) as usize, range.end.min(all.end) as usize);
        into.extend_from_slice(&bytes[start..end.max(start)]);
        Ok(Some(stat))
    }

    fn stat(&self, key: &str, _deadline: Instant) -> Result<Option<ObjectStat>> {
        self.counts().stat += 1;
        Ok(self.objects().get(key).map(Object::stat))
    }

    fn put(&self, request: &PutRequest<'_>, _deadline: Instant) -> Result<Put> {
        self.counts().put += 1;
        let mut objects = self.objects();
        let holds = match (request.precondition, objects.get(request.key)) {
            (Precondition::None, _) | (Precondition::Absent, None) => true,
            (Precondition::Absent, Some(_)) | (Precondition::Matches(_), None) => false,
            (Precondition::Matches(etag), Some(object)) => object.etag == etag,
        };
        if !holds {
            return Ok(Put::Refused);
        }
        let etag = self.etag();
        let metadata = request.metadata.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        objects.insert(request.key.to_string(), Object { bytes: request.bytes.clone(), etag: etag.clone(), metadata });
        Ok(Put::Written(etag))
    }

    fn begin_upload(&self, _key: &str, _deadline: Instant) -> Result<String> {
        self.counts().put += 1;
        let upload = self.etag();
        self.pending().insert(upload.clone(), BTreeMap::new());
        Ok(upload)
    }

    fn put_part(&self, part: &Part<'_>, _deadline: Instant) -> Result<String> {
        self.counts().put += 1;
        let mut pending = self.pending();
        let parts = pending.get_mut(part.upload).ok_or_else(|| no_upload(part.key))?;
        parts.insert(part.number, part.bytes.clone());
        Ok(part.number.to_string())
    }

    fn finish_upload(&self, key: &str, upload: &str, parts: &[String], deadline: Instant) -> Result<()> {
        let written = self.pending().remove(upload).ok_or_else(|| no_upload(key))?;
        let named = |part: &String| part.parse().ok().and_then(|number: u32| written.get(&number)).cloned();
        let bytes: Option<Vec<Bytes>> = parts.iter().map(named).collect();
        let bytes = bytes.ok_or_else(|| no_upload(key))?.concat().into();
        self.put(&PutRequest { key, bytes, precondition: Precondition::None, metadata: &[] }, deadline).map(drop)
    }

    fn abort_upload(&self, _key: &str, upload: &str, _deadline: Instant) -> Result<()> {
        self.counts().delete += 1;
        self.pending().remove(upload);
        Ok(())
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, _deadline: Instant) -> Result<Listing> {
        self.counts().list += 1;
        let objects = self.objects();
        let mut listing = Listing::default();
        let start = if after > prefix { Bound::Excluded(after) } else { Bound::Included(prefix) };
        for (key, object) in objects.range::<str, _>((start, Bound::Unbounded)) {
            if !key.starts_with(prefix) {
                break;
            }
            let folder =
                folders.then(|| key[prefix.len()..].find('/')).flatten().map(|slash| &key[..prefix.len() + slash + 1]);
            if folder.is_some_and(|folder| {
                listing.folders.last().is_some_and(|last| last == folder) || after.starts_with(folder)
            }) {
                continue;
            }
            if listing.objects.len() + listing.folders.len() == PAGE_KEYS {
                listing.more = true;
                break;
            }
            match folder {
                Some(folder) => listing.folders.push(folder.to_string()),
                None => listing.objects.push(Listed { key: key.clone(), len: object.bytes.len() as u64 }),
            }
        }
        Ok(listing)
    }

    fn delete(&self, keys: &[String], _deadline: Instant) -> Result<()> {
        self.counts().delete += 1;
        let mut objects = self.objects();
        keys.iter().for_each(|key| drop(objects.remove(key)));
        Ok(())
    }
}

fn no_upload(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, "write object", "there is no such upload").with("object", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        Instant::now()
    }

    fn put(objects: &MemoryObjects, key: &str, precondition: Precondition<'_>) -> Put {
        objects.put(&PutRequest { key, bytes: Bytes::from_static(b"abc"), precondition, metadata: &[] }, now()).unwrap()
    }

    #[test]
    fn preconditions_hold_or_refuse() {
        let objects = MemoryObjects::new();
        assert_eq!(put(&objects, "a", Precondition::Matches("1")), Put::Refused);
        let Put::Written(first) = put(&objects, "a", Precondition::Absent) else { panic!("it was absent") };
        assert_eq!(put(&objects, "a", Precondition::Absent), Put::Refused);
        let Put::Written(second) = put(&objects, "a", Precondition::Matches(&first)) else { panic!("it matches") };
        assert_eq!(put(&objects, "a", Precondition::Matches(&first)), Put::Refused);
        assert_eq!(objects.stat("a", now()).unwrap().unwrap().etag, second);
        assert_eq!(objects.requests(), Requests { put: 5, stat: 1, ..Requests::default() });
    }

    #[test]
    fn listings_come_in_pages_and_with_folders() {
        let objects = MemoryObjects::new();
        (0..1_001).for_each(|number| objects.insert(&format!("x/{number:04}/y"), "1"));
        objects.insert("x/zz", "1");
        let page = objects.list("x/", "", true, now()).unwrap();
        assert_eq!((page.folders.len(), page.objects.len(), page.more), (1_000, 0, true));
        let rest = objects.list("x/", page.folders.last().unwrap(), true, now()).unwrap();
        assert_eq!((rest.folders, rest.more), (vec!["x/1000/".to_string()], false));
        assert_eq!(rest.objects, [Listed { key: "x/zz".into(), len: 1 }]);
        assert_eq!(objects.list("x/1", "x/1000", false, now()).unwrap().objects.len(), 1);
        assert_eq!(objects.list("x/1", "x/1000/y", false, now()).unwrap(), Listing::default());
    }

    #[test]
    fn ranges_may_reach_beyond_the_end() {
        let objects = MemoryObjects::new();
        objects.insert("a", "0123456789");
        let get = |range| {
            let mut bytes = vec![7; 3];
            objects.get("a", range, &mut bytes, now()).unwrap().map(|stat| (bytes, stat.len))
        };
        assert_eq!(get(Some(8..20)), Some((b"89".to_vec(), 10)));
        assert_eq!(get(Some(10..20)), Some((Vec::new(), 10)));
        assert_eq!(get(None), Some((b"0123456789".to_vec(), 10)));
    }
}
