//! A file layer that fails on request, for tests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::{Access, FileId, Io, IoFile, MemoryIo, Stat};

/// Files in memory, of which some operations fail.
pub(crate) struct FaultyIo {
    inner: MemoryIo,
    plan: Arc<FaultPlan>,
}

/// Which operations fail. Only those that change something count; reading always works.
#[derive(Default)]
pub(crate) struct FaultPlan {
    done: AtomicI64,
    /// The first operation that fails.
    first: AtomicI64,
    /// How many fail.
    count: AtomicI64,
    /// The fsyncs that worked.
    pub(crate) syncs: AtomicU64,
    /// The bytes that were written to log files.
    pub(crate) log_bytes: AtomicU64,
}

impl FaultyIo {
    pub(crate) fn new() -> (Arc<Self>, Arc<FaultPlan>) {
        let plan = Arc::new(FaultPlan::default());
        (Arc::new(Self { inner: MemoryIo::new(), plan: Arc::clone(&plan) }), plan)
    }
}

impl FaultPlan {
    /// Lets the operations from the `first` on fail, counted from now, `count` of them.
    pub(crate) fn fail(&self, first: i64, count: i64) {
        self.done.store(0, Ordering::Relaxed);
        self.first.store(first, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
    }

    /// Lets everything work; whether an operation failed since the call before.
    pub(crate) fn heal(&self) -> bool {
        let failed = self.done.load(Ordering::Relaxed) > self.first.load(Ordering::Relaxed);
        self.count.store(0, Ordering::Relaxed);
        failed
    }

    fn step(&self) -> io::Result<()> {
        let (first, count) = (self.first.load(Ordering::Relaxed), self.count.load(Ordering::Relaxed));
        let number = self.done.fetch_add(1, Ordering::Relaxed);
        // The disk is full.
        if (first..first + count).contains(&number) { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }
}

impl Io for FaultyIo {
    fn display(&self, path: &str) -> String {
        self.inner.display(path)
    }

    fn identity(&self) -> io::Result<String> {
        self.inner.identity()
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn IoFile>> {
        if access != Access::Read && self.inner.stat(path)?.is_none() {
            self.plan.step()?;
        }
        let inner = self.inner.open(path, access)?;
        Ok(Arc::new(FaultyFile { inner, plan: Arc::clone(&self.plan), is_log: path.ends_with(".log") }))
    }

    fn create_like(&self, path: &str, _like: &str) -> io::Result<Arc<dyn IoFile>> {
        self.open(path, Access::Create)
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        self.inner.stat(path)
    }

    fn is_folder(&self, path: &str) -> io::Result<bool> {
        self.inner.is_folder(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.plan.step()?;
        self.inner.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.plan.step()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.plan.step()?;
        self.inner.remove(path)
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.plan.step()?;
        self.inner.remove_folder(folder)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.plan.step()?;
        self.inner.sync_folder(folder)
    }
}

struct FaultyFile {
    inner: Arc<dyn IoFile>,
    plan: Arc<FaultPlan>,
    is_log: bool,
}

impl IoFile for FaultyFile {
    fn id(&self) -> io::Result<FileId> {
        self.inner.id()
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.inner.read_at(buf, at)
    }

    /// A write that fails has written half.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let step = self.plan.step();
        let count = if step.is_ok() { bytes.len() } else { bytes.len() / 2 };
        self.inner.write_at(&bytes[..count], at)?;
        if self.is_log {
            self.plan.log_bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        step
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.plan.step()?;
        self.inner.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.step()?;
        self.plan.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.inner.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }
}
