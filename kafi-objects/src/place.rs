//! Where a reader goes on, found out beside its polls.

use std::time::Instant;

use kafi_core::Result;
use kafi_fs::emulated::topic_file::TopicFile;

use crate::fetch::{Buffer, Spares, read};
use crate::io::{ObjectStat, get_small};
use crate::locate::Found;
use crate::log::{Name, PartitionLog};
use crate::topics;

/// Where an offset lies.
pub(crate) enum Whereabouts {
    /// In the first of these objects, or behind it.
    In { names: Vec<Name>, more: Option<String> },
    /// At the end of the log.
    End,
    /// Below this log start.
    Below(i64),
    /// In no object, though there are others later, from this offset on.
    Hole(i64),
}

impl From<Found> for Whereabouts {
    fn from(found: Found) -> Self {
        let names = std::iter::once(found.name).chain(found.following).collect();
        Self::In { names, more: found.more }
    }
}

/// What a look at the end found.
pub(crate) enum Ahead {
    /// The next object, or its beginning.
    Object { bytes: Buffer, stat: ObjectStat },
    /// Nothing yet; with `certain`, a listing showed that the log really ends there.
    Nothing { certain: bool },
    /// The place lies within an object that others were merged into.
    Merged,
    /// The place lies below this log start.
    Below(i64),
}

/// Finds the object that holds `position`.
pub(crate) fn place(log: &PartitionLog, position: i64, deadline: Instant) -> Result<Whereabouts> {
    if log.known_tail().is_some_and(|tail| tail.end == position) && log.tail(deadline)?.end == position {
        return Ok(Whereabouts::End);
    }
    match log.locate(position, deadline)? {
        Some(found) => Ok(found.into()),
        None => place_merged(log, position, deadline),
    }
}

/// The same after something was not where it had to be: deleted, merged, or lost.
pub(crate) fn place_merged(log: &PartitionLog, position: i64, deadline: Instant) -> Result<Whereabouts> {
    check_topic(log, deadline)?;
    let (start, _) = log.start(deadline)?;
    if position < start {
        return Ok(Whereabouts::Below(start));
    }
    if let Some(found) = log.locate_merged(position, deadline)? {
        return Ok(found.into());
    }
    if log.tail(deadline)?.end <= position {
        return Ok(Whereabouts::End);
    }
    let page = log.page(&log.before(position), deadline)?;
    Ok(page.names.first().map_or(Whereabouts::End, |next| Whereabouts::Hole(next.offset)))
}

/// What is looked for where a log ended before.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    /// The offset of the next object.
    pub(crate) offset: i64,
    /// The offset that is to be read next.
    pub(crate) position: i64,
    /// How much of the object is read.
    pub(crate) bytes: u64,
    /// Whether it is known that the log still ends there if there is no such object.
    pub(crate) certain: bool,
}

/// Looks whether the expected object is there. Unless the end is certain, a listing shows whether it still is one.
pub(crate) fn look(log: &PartitionLog, expected: Expected, spares: &Spares, deadline: Instant) -> Result<Ahead> {
    let Expected { offset, position, bytes, certain } = expected;
    if let Some((bytes, stat)) = read(log, offset, 0..bytes, spares, deadline)? {
        return Ok(Ahead::Object { bytes, stat });
    }
    if certain {
        return Ok(Ahead::Nothing { certain: false });
    }
    check_topic(log, deadline)?;
    let (start, _) = log.start(deadline)?;
    if position < start {
        return Ok(Ahead::Below(start));
    }
    let page = log.page(&log.before(offset), deadline)?;
    Ok(match page.names.first() {
        None => Ahead::Nothing { certain: true },
        // It came just now.
        Some(first) if first.offset == offset => Ahead::Nothing { certain: false },
        Some(_) => Ahead::Merged,
    })
}

/// Notices that the topic was deleted.
fn check_topic(log: &PartitionLog, deadline: Instant) -> Result<()> {
    let (key, mut bytes) = (topics::key(&log.topic), Vec::new());
    let stat = get_small(&*log.io, &key, TopicFile::BYTES_MAX as u64, &mut bytes, deadline)
        .map_err(|error| log.context(error))?;
    let file = stat.map_or(Ok(None), |_| TopicFile::parse(&bytes, &log.topic, || log.io.display(&key)))?;
    match file {
        Some(file) if file.id == *log.topic_id => Ok(()),
        _ => Err(log.deleted("read")),
    }
}
