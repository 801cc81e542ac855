//! Files in memory: the same tree for every handle of one storage.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::{Access, FileId, Io, IoFile, Stat};

/// A file is kept in pieces of this size, so that it grows without being copied.
const PIECE_BYTES: usize = 1 << 20;

/// A tree of files in memory. It lives as long as somebody holds it.
pub(crate) struct MemoryIo {
    id: u64,
    /// Files by their whole path; folders are paths without a file.
    nodes: Mutex<BTreeMap<String, Option<Arc<Node>>>>,
}

struct Node {
    id: u64,
    bytes: RwLock<Pieces>,
    locked: AtomicBool,
}

#[derive(Default)]
struct Pieces {
    pieces: Vec<Vec<u8>>,
    len: usize,
}

impl MemoryIo {
    pub(crate) fn new() -> Self {
        Self { id: next_id(), nodes: Mutex::default() }
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<Node>>>> {
        // A panic elsewhere cannot leave a map of finished insertions half done.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io for MemoryIo {
    fn display(&self, path: &str) -> String {
        format!("mem:{path}")
    }

    fn identity(&self) -> io::Result<String> {
        Ok(format!("mem:{}.{}", std::process::id(), self.id))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn IoFile>> {
        let mut nodes = self.nodes();
        let node = match (nodes.get(path), access) {
            (Some(_), Access::Create) => return Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            (Some(Some(node)), _) => Arc::clone(node),
            (Some(None), _) => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            (None, Access::Read) => return Err(io::Error::from(io::ErrorKind::NotFound)),
            (None, _) if !has_folder(&nodes, path) => return Err(io::Error::from(io::ErrorKind::NotFound)),
            (None, _) => {
                let node = Arc::new(Node { id: next_id(), bytes: RwLock::default(), locked: AtomicBool::new(false) });
                nodes.insert(path.to_string(), Some(Arc::clone(&node)));
                node
            }
        };
        Ok(Arc::new(MemoryFile { node, holds_lock: AtomicBool::new(false) }))
    }

    fn create_like(&self, path: &str, _like: &str) -> io::Result<Arc<dyn IoFile>> {
        self.open(path, Access::Create)
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        let node = self.nodes().get(path).cloned().flatten();
        Ok(node.map(|node| Stat { id: FileId(0, node.id), len: node.read().len as u64 }))
    }

    fn is_folder(&self, path: &str) -> io::Result<bool> {
        let (nodes, below) = (self.nodes(), format!("{path}/"));
        let has_child = nodes.range(below.clone()..).next().is_some_and(|(child, _)| child.starts_with(&below));
        Ok(has_child || nodes.get(path).is_some_and(Option::is_none))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let below = format!("{folder}/");
        let mut names: Vec<String> = Vec::new();
        for (path, _) in self.nodes().range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
            let name = path[below.len()..].split('/').next().unwrap_or_default();
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_string());
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.nodes().entry(folder.to_string()).or_insert(None);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut nodes = self.nodes();
        if let Some(Some(node)) = nodes.get(from).cloned() {
            nodes.remove(from);
            nodes.insert(to.to_string(), Some(node));
            return Ok(());
        }
        let paths = |folder: &str| {
            let below = format!("{folder}/");
            nodes.keys().filter(|path| *path == folder || path.starts_with(&below)).cloned().collect::<Vec<_>>()
        };
        let moved = paths(from);
        if moved.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        if !paths(to).is_empty() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        for path in moved {
            let node = nodes.remove(&path).flatten();
            nodes.insert(format!("{to}{}", &path[from.len()..]), node);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.nodes().remove(path);
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        let below = format!("{folder}/");
        self.nodes().retain(|path, _| path != folder && !path.starts_with(&below));
        Ok(())
    }

    fn sync_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }
}

impl Node {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Pieces> {
        self.bytes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Pieces> {
        self.bytes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    fn resize(&mut self, len: usize) {
        self.pieces.resize_with(len.div_ceil(PIECE_BYTES), Vec::new);
        let mut left = len;
        for piece in &mut self.pieces {
            let want = left.min(PIECE_BYTES);
            if piece.len() != want {
                piece.resize(want, 0);
            }
            left -= want;
        }
        self.len = len;
    }
}

struct MemoryFile {
    node: Arc<Node>,
    holds_lock: AtomicBool,
}

impl IoFile for MemoryFile {
    fn id(&self) -> io::Result<FileId> {
        Ok(FileId(0, self.node.id))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.node.read().len as u64)
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = self.node.read();
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len);
        let count = buf.len().min(bytes.len - at);
        let mut done = 0;
        while done < count {
            let (piece, from) = ((at + done) / PIECE_BYTES, (at + done) % PIECE_BYTES);
            let take = (count - done).min(PIECE_BYTES - from);
            buf[done..done + take].copy_from_slice(&bytes.pieces[piece][from..from + take]);
            done += take;
        }
        Ok(count)
    }

    fn write_at(&self, data: &[u8], at: u64) -> io::Result<()> {
        let at = usize::try_from(at).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = self.node.write();
        if at > bytes.len {
            bytes.resize(at);
        }
        let mut done = 0;
        while done < data.len() {
            let (index, from) = ((at + done) / PIECE_BYTES, (at + done) % PIECE_BYTES);
            let take = (data.len() - done).min(PIECE_BYTES - from);
            if index == bytes.pieces.len() {
                bytes.pieces.push(Vec::new());
            }
            let piece = &mut bytes.pieces[index];
            let over = take.min(piece.len() - from);
            piece[from..from + over].copy_from_slice(&data[done..done + over]);
            piece.extend_from_slice(&data[done + over..done + take]);
            done += take;
        }
        bytes.len = bytes.len.max(at + data.len());
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.node.write().resize(len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        if self.holds_lock.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let taken = self.node.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        self.holds_lock.store(taken, Ordering::Relaxed);
        Ok(taken)
    }

    fn unlock(&self) -> io::Result<()> {
        if self.holds_lock.swap(false, Ordering::Relaxed) {
            self.node.locked.store(false, Ordering::Release);
        }
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if *self.holds_lock.get_mut() {
            self.node.locked.store(false, Ordering::Release);
        }
    }
}

/// Whether the folder of `path` exists.
fn has_folder(nodes: &BTreeMap<String, Option<Arc<Node>>>, path: &str) -> bool {
    let Some((folder, _)) = path.rsplit_once('/') else { return true };
    let below = format!("{folder}/");
    nodes.get(folder).is_some_and(Option::is_none)
        || nodes.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below))
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
