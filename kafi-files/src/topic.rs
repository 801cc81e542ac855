//! Topics into files: into one, or into several, one after another.
//!
//! Where a group reads, and where there are several files, what a file holds is read first, to where it is full, and
//! then once more, as an export that has an end. So every format can be written, whatever it has to know before the
//! first row, a file is whole or is not there, and only then its group commits.

use std::time::{Duration, Instant};

use kafi_core::functional::Next;
use kafi_core::{Batch, Cancel, Error, ErrorKind, FileWriter, Reader, Result};

use crate::export::export;
use crate::known::Target;
use crate::options::{ExportOptions, Exported, Roll};
use crate::output::TIMEOUT;
use crate::source::{Seen, TopicSource};

/// One look for new messages takes no longer, so that time is kept.
const POLL_MAX: Duration = Duration::from_millis(100);

/// Writes the messages of a topic to a file, which is there when this returns, and else not at all. Blocks until the
/// end that the topic has at the start; memory is constant. A group commits once the file is whole.
///
/// # Errors
/// Those of reading and of decoding, unless the source's failures are left out; `Usage` for a source that follows;
/// `Cancelled` where the source's wish to stop came; `Unsupported` for a format that was not compiled in; those of
/// [`FileWriter`].
pub fn topic_to_file(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    to_target(source, &mut Target::Once(file), options)
}

/// As [`topic_to_file`], to a file that `create` begins, and that is aborted where this fails. The first messages say which
/// columns there are, and of which types; where a later one does not fit, what was written is aborted, the other messages
/// are looked at, and `create` begins the file anew. So most topics are read once.
///
/// # Errors
/// As for [`topic_to_file`], and those of `create`.
pub fn topic_to_new_file(
    source: &TopicSource<'_>,
    options: &ExportOptions,
    create: &mut dyn FnMut() -> Result<Box<dyn FileWriter>>,
) -> Result<Exported> {
    let mut target = Target::Anew(create()?, create);
    let exported = to_target(source, &mut target, options);
    if exported.is_err() {
        // The first error is the one that counts.
        let _ = target.file().abort(TIMEOUT);
    }
    exported
}

fn to_target(source: &TopicSource<'_>, target: &mut Target<'_>, options: &ExportOptions) -> Result<Exported> {
    if source.options.follow {
        let why = "a file has an end, and so has what is read for it";
        return Err(Error::new(ErrorKind::Usage, "export topic", why).with("topic", source.topic));
    }
    if source.options.joined().is_none() {
        return export(source, target, options);
    }
    let mut window = Window::open(source)?;
    let done = window.read(source, &Roll::default()).and_then(|(seen, _)| {
        if source.options.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "export topic", "stopped").with("topic", source.topic));
        }
        let exported = export(&source.again(&seen)?, target, options)?;
        window.commit()?;
        Ok(exported)
    });
    window.end(done)
}

/// Writes the messages of a topic to files that `create` begins, each up to `roll`; the next one when that one is whole.
/// Where the source follows, it goes on until somebody asks to stop: what was read until then is the last file. A group
/// commits after each file. Memory is constant.
///
/// # Errors
/// As for [`topic_to_file`](crate::topic_to_file), and those of `create`. The files before are there, and what is in
/// them is committed.
pub fn topic_to_files(
    source: &TopicSource<'_>,
    options: &ExportOptions,
    roll: &Roll,
    create: &mut dyn FnMut() -> Result<Box<dyn FileWriter>>,
) -> Result<Vec<Exported>> {
    let mut window = Window::open(source)?;
    let mut files = Vec::new();
    let done = window.each(source, roll, &mut |part| {
        let mut file = create()?;
        let exported = export(part, &mut Target::Once(file.as_mut()), options);
        if exported.is_err() {
            // The first error is the one that counts.
            let _ = file.abort(TIMEOUT);
        }
        files.push(exported?);
        Ok(())
    });
    window.end(done)?;
    Ok(files)
}

/// What is read of a topic for the next file.
struct Window {
    reader: Reader,
    batch: Batch,
}

impl Window {
    fn open(source: &TopicSource<'_>) -> Result<Self> {
        let reader = Reader::open(source.place.storage.as_ref(), &[source.topic.to_string()], &source.options)?;
        Ok(Self { reader, batch: Batch::new() })
    }

    fn each(
        &mut self,
        source: &TopicSource<'_>,
        roll: &Roll,
        each: &mut dyn FnMut(&TopicSource<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let (seen, is_last) = self.read(source, roll)?;
            if !seen.is_empty() {
                let mut part = source.again(&seen)?;
                // What was read is written, also where the wish to stop was why it is no more.
                part.options.cancel = Cancel::new();
                // The limit was that of reading.
                part.options.max = None;
                each(&part)?;
                self.commit()?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads until the file is full, and says where the messages lie, and whether there are no more.
    fn read(&mut self, source: &TopicSource<'_>, roll: &Roll) -> Result<(Seen, bool)> {
        let (mut seen, mut messages, mut bytes, mut since) = (Seen::default(), 0, 0, None);
        loop {
            let is_over = since.is_some_and(|since: Instant| roll.time.is_some_and(|time| since.elapsed() >= time));
            if is_over || bytes >= roll.bytes.unwrap_or(u64::MAX) {
                return Ok((seen, false));
            }
            let left = roll.messages.map_or(u64::MAX, |most| most - messages);
            if left == 0 {
                return Ok((seen, false));
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            self.reader.limit_batches(source.options.batch_records_max.min(most));
            match self.reader.read_within(&mut self.batch, POLL_MAX)? {
                Next::End => return Ok((seen, true)),
                Next::Nothing => {}
                Next::Messages => {
                    since.get_or_insert_with(Instant::now);
                    seen.add(&self.batch);
                    messages += self.batch.len() as u64;
                    let lens = self.batch.metas().iter().map(|meta| meta.key.len.max(0) + meta.value.len.max(0));
                    bytes += lens.map(|len| len as u64).sum::<u64>();
                }
            }
        }
    }

    /// Commits what was read, where that is a group's.
    fn commit(&mut self) -> Result<()> {
        self.reader.to_note().map_or(Ok(()), |reached| self.reader.commit(&reached))
    }

    fn end<T>(self, done: Result<T>) -> Result<T> {
        match done {
            Ok(done) => self.reader.close().map(|()| done),
            Err(error) => {
                self.reader.abandon_all();
                Err(error)
            }
        }
    }
}
