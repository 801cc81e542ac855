//! Files beside the topics: the object `files/<name>` each.
//!
//! What fits into one part is one put when it is finished; what is larger is written part by part, and the parts become
//! an object when it is finished.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, FileInfo, FileReader, FileWriter, Files, Result, Retry, check_file_name};
use kafi_fs::emulated::clock::deadline;

use crate::io::{ObjectIo, ObjectStat, Part, Precondition, PutRequest, list};

/// The bytes of the first parts; later ones are larger, so that ten thousand of them hold half a terabyte.
const PART_BYTES: usize = 8 << 20;
const PART_BYTES_MAX: usize = 64 << 20;

/// So many parts have the same size.
const PARTS_OF_SIZE: usize = 1_000;

/// The most parts that services take.
const PARTS_MAX: usize = 10_000;

/// Who reads on gets so many bytes with one request, who reads here and there so many.
const AHEAD_BYTES: usize = 4 << 20;
const APART_BYTES: usize = 64 << 10;

/// How long dropping a file that is not whole may take.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// The files of a store of objects.
pub(crate) struct ObjectFiles {
    io: Arc<dyn ObjectIo>,
    /// The storage's name, for messages.
    storage: Arc<str>,
    /// What their keys begin with.
    prefix: String,
}

impl ObjectFiles {
    pub(crate) fn new(io: Arc<dyn ObjectIo>, storage: Arc<str>, prefix: String) -> Self {
        Self { io, storage, prefix }
    }

    fn key(&self, name: &str) -> Result<String> {
        check_file_name(name)?;
        Ok(format!("{}{name}", self.prefix))
    }

    fn existing(&self, operation: &'static str, name: &str, timeout: Duration) -> Result<(String, ObjectStat)> {
        let key = self.key(name)?;
        let stat = self.io.stat(&key, deadline(timeout))?;
        let missing = || {
            let error = Error::new(ErrorKind::NotFound, operation, "there is no such file");
            error.with("file", name).with("storage", &self.storage)
        };
        Ok((key, stat.ok_or_else(missing)?))
    }
}

impl Files for ObjectFiles {
    fn list(&mut self, prefix: &str, timeout: Duration) -> Result<Vec<FileInfo>> {
        let (deadline, below) = (deadline(timeout), format!("{}{prefix}", self.prefix));
        let (mut files, mut after) = (Vec::new(), String::new());
        loop {
            let page = list(&*self.io, &below, &after, false, deadline)?;
            after = page.objects.last().map(|object| object.key.clone()).unwrap_or_default();
            files.extend(page.objects.into_iter().filter_map(|object| {
                let name = object.key[self.prefix.len()..].to_string();
                check_file_name(&name).is_ok().then_some(FileInfo { name, len: object.len })
            }));
            if !page.more {
                return Ok(files);
            }
        }
    }

    fn open(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileReader>> {
        let (key, stat) = self.existing("open file", name, timeout)?;
        Ok(Box::new(ObjectFileReader { io: Arc::clone(&self.io), key, stat, buffer: Vec::new(), start: 0 }))
    }

    fn create(&mut self, name: &str, _timeout: Duration) -> Result<Box<dyn FileWriter>> {
        let (io, key) = (Arc::clone(&self.io), self.key(name)?);
        Ok(Box::new(ObjectFileWriter { io, key, buffer: Vec::new(), upload: None, parts: Vec::new(), over: None }))
    }

    fn delete(&mut self, name: &str, timeout: Duration) -> Result<()> {
        let (key, _) = self.existing("delete file", name, timeout)?;
        self.io.delete(&[key], deadline(timeout))
    }
}

struct ObjectFileReader {
    io: Arc<dyn ObjectIo>,
    key: String,
    /// As it was when it was opened.
    stat: ObjectStat,
    /// What was read last, and from where on.
    buffer: Vec<u8>,
    start: u64,
}

impl ObjectFileReader {
    /// The bytes of the buffer from `at` on; none where they are not there.
    fn held(&self, at: u64) -> &[u8] {
        let from = at.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.buffer.get(from..)).unwrap_or_default()
    }

    fn fetch(&mut self, at: u64, wanted: usize, timeout: Duration) -> Result<()> {
        let reads_on = at == self.start + self.buffer.len() as u64;
        let len = wanted.max(if reads_on { AHEAD_BYTES } else { APART_BYTES }) as u64;
        let end = at.saturating_add(len).min(self.stat.len);
        let stat = self.io.get(&self.key, Some(at..end), &mut self.buffer, deadline(timeout))?;
        let failed = |kind, why: &str| {
            let error = Error::new(kind, "read file", why);
            error.with("object", self.io.display(&self.key))
        };
        match stat {
            Some(stat) if stat.etag == self.stat.etag => {}
            _ => {
                self.buffer.clear();
                return Err(failed(ErrorKind::Conflict, "it was replaced or deleted while it was read"));
            }
        }
        if self.buffer.len() as u64 != end - at {
            self.buffer.clear();
            return Err(failed(ErrorKind::Unavailable, "fewer bytes came than there are").retry(Retry::Later));
        }
        self.start = at;
        Ok(())
    }
}

impl FileReader for ObjectFileReader {
    fn bytes(&self) -> u64 {
        self.stat.len
    }

    fn read_at(&mut self, at: u64, into: &mut [u8], timeout: Duration) -> Result<usize> {
        let left = usize::try_from(self.stat.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let mut read = 0;
        while read < wanted {
            let from = at + read as u64;
            if self.held(from).is_empty() {
                self.fetch(from, wanted - read, timeout)?;
            }
            let held = self.held(from);
            let take = held.len().min(wanted - read);
            into[read..read + take].copy_from_slice(&held[..take]);
            read += take;
        }
        Ok(wanted)
    }
}

struct ObjectFileWriter {
    io: Arc<dyn ObjectIo>,
    key: String,
    buffer: Vec<u8>,
    /// What the upload in parts is called, once there is one.
    upload: Option<String>,
    parts: Vec<String>,
    /// Why nothing can be written any more.
    over: Option<&'static str>,
}

impl ObjectFileWriter {
    fn check(&self, operation: &'static str) -> Result<()> {
        match self.over {
            None => Ok(()),
            Some(why) => Err(Error::new(ErrorKind::Usage, operation, why).with("object", self.io.display(&self.key))),
        }
    }

    fn part_bytes(&self) -> usize {
        (PART_BYTES << (self.parts.len() / PARTS_OF_SIZE)).min(PART_BYTES_MAX)
    }

    /// Writes what has gathered as a part.
    fn put_part(&mut self, timeout: Duration) -> Result<()> {
        if self.parts.len() == PARTS_MAX {
            let error = Error::new(ErrorKind::TooLarge, "write file", "a file has at most 10,000 parts here");
            return Err(error.with("object", self.io.display(&self.key)));
        }
        let deadline = deadline(timeout);
        let upload = match &self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.io.begin_upload(&self.key, deadline)?),
        };
        let (bytes, number) = (Bytes::from(std::mem::take(&mut self.buffer)), self.parts.len() as u32 + 1);
        self.parts.push(self.io.put_part(&Part { key: &self.key, upload, number, bytes }, deadline)?);
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8], timeout: Duration) -> Result<()> {
        while !bytes.is_empty() {
            let take = bytes.len().min(self.part_bytes() - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.buffer.len() == self.part_bytes() {
                self.put_part(timeout)?;
            }
        }
        Ok(())
    }

    fn finish_all(&mut self, timeout: Duration) -> Result<()> {
        if self.upload.is_none() {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            let (key, precondition) = (self.key.as_str(), Precondition::None);
            let put = PutRequest { key, bytes, precondition, metadata: &[] };
            return self.io.put(&put, deadline(timeout)).map(drop);
        }
        if !self.buffer.is_empty() {
            self.put_part(timeout)?;
        }
        let upload = self.upload.as_deref().unwrap_or_default();
        self.io.finish_upload(&self.key, upload, &self.parts, deadline(timeout))
    }
}

impl FileWriter for ObjectFileWriter {
    fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.check("write file")?;
        self.write_all(bytes, timeout).inspect_err(|_| self.over = Some("it failed before"))
    }

    fn finish(&mut self, timeout: Duration) -> Result<()> {
        self.check("finish file")?;
        self.finish_all(timeout).inspect_err(|_| self.over = Some("it failed before"))?;
        (self.over, self.upload) = (Some("it is finished"), None);
        Ok(())
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        if let Some(upload) = &self.upload {
            self.io.abort_upload(&self.key, upload, deadline(timeout))?;
            self.upload = None;
        }
        self.buffer = Vec::new();
        self.over.get_or_insert("it was aborted");
        Ok(())
    }
}

impl Drop for ObjectFileWriter {
    fn drop(&mut self) {
        if let Err(error) = self.abort(DROP_TIMEOUT) {
            log::warn!("parts of a file that is not whole are left to the service: {error}");
        }
    }
}
