//! A topic that takes what comes of whole topics: of a compaction, or of a join.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kafi_core::functional::{Place, Progress, Writer};
use kafi_core::{ANY_PARTITION, Batch, Error, ErrorKind, ProducerOptions, Result};

use crate::same_storage::is_same_storage;

/// How many batches wait for the thread that writes, or are in its hands.
const BATCHES: usize = 3;

/// How long a storage may take to say which one it is.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes batches, each of messages of one topic, to one topic, in a thread of its own while the next ones are made.
pub struct TopicSink {
    state: State,
    topic: String,
    keeps_partitions: bool,
}

enum State {
    /// The thread is not there: nothing was written yet, or something failed.
    Idle(Box<Writer>),
    Writing(Thread),
    /// Between the two.
    Gone,
}

/// The thread that writes.
struct Thread {
    full: SyncSender<Job>,
    empty: Receiver<Batch>,
    handle: JoinHandle<(Box<Writer>, Result<()>)>,
}

enum Job {
    Write(Batch),
    /// Everything before it is to be written, which is said then.
    Flush(SyncSender<()>),
}

impl TopicSink {
    /// A sink to `topic` for what comes of these topics. Where it is missing it is made, with as many partitions as the
    /// first of them has. Counts what is written in `progress`.
    ///
    /// # Errors
    /// `Usage` where it is one of them; those of [`Place::make_if_missing`] and [`Writer::open`].
    pub fn open(place: &Place, topic: &str, sources: &[(&Place, &str)], progress: Arc<Progress>) -> Result<Self> {
        for (source, name) in sources.iter().filter(|(_, name)| *name == topic) {
            if is_same_storage(source.storage.as_ref(), place.storage.as_ref(), TIMEOUT)? {
                let why = "source and target are the same topic";
                return Err(Error::new(ErrorKind::Usage, "write", why).with("topic", name));
            }
        }
        let partitions = match sources.first() {
            Some((source, name)) => source.partitions_max(&[name.to_string()])?,
            None => 1,
        };
        place.make_if_missing(topic, || Ok(partitions))?;
        let keeps_partitions = place.partitions_max(&[topic.to_string()])? == partitions;
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let writer = Writer::open(place.storage.as_ref(), &options, progress)?.reached();
        Ok(Self { state: State::Idle(Box::new(writer)), topic: topic.to_string(), keeps_partitions })
    }

    /// The same, where the messages lie in partitions by their keys, whatever partitions they come from. By default they
    /// keep those, where the topic has as many partitions as they come from.
    pub fn by_key(self) -> Self {
        Self { keeps_partitions: false, ..self }
    }

    /// The same, with how long the storage may report nothing. Default: [`Writer::STALL_LIMIT`].
    pub fn stall_limit(self, limit: Duration) -> Self {
        let state = match self.state {
            State::Idle(writer) => State::Idle(Box::new(writer.stall_limit(limit))),
            state => state,
        };
        Self { state, ..self }
    }

    /// Takes all messages of `batch`, which is empty then; they are written for certain only when the sink is closed.
    /// Blocks while others wait to be written.
    ///
    /// # Errors
    /// Those of [`Writer::write`], also for messages that were taken before.
    pub fn write(&mut self, batch: &mut Batch) -> Result<()> {
        for index in 0..batch.topics().len() {
            batch.rename_topic(index as u32, &self.topic);
        }
        if !self.keeps_partitions {
            batch.metas_mut().iter_mut().for_each(|meta| meta.partition = ANY_PARTITION);
        }
        let thread = self.thread()?;
        let Ok(mut empty) = thread.empty.recv() else { return self.failure() };
        empty.clear();
        empty.set_limits(batch.records_max(), batch.bytes_max());
        let full = std::mem::replace(batch, empty);
        if thread.full.send(Job::Write(full)).is_err() { self.failure() } else { Ok(()) }
    }

    /// Waits until everything is written, and says how many messages that were.
    ///
    /// # Errors
    /// Those of [`Writer::write`] and [`Writer::close`].
    pub fn close(mut self, timeout: Option<Duration>) -> Result<u64> {
        let ended = self.end();
        let State::Idle(writer) = self.state else { return ended.map(|()| 0) };
        let closed = writer.close(timeout);
        ended.and(closed)
    }

    /// Waits until what was handed over is written, or has failed.
    ///
    /// # Errors
    /// Those of [`Writer::write`] and [`Writer::flush`].
    pub fn flush(&mut self) -> Result<()> {
        let thread = self.thread()?;
        let (done, is_done) = sync_channel(1);
        if thread.full.send(Job::Flush(done)).is_err() || is_done.recv().is_err() {
            return self.failure();
        }
        Ok(())
    }

    /// The thread, which is started where it is not there.
    fn thread(&mut self) -> Result<&Thread> {
        if let State::Idle(_) = self.state {
            let State::Idle(writer) = std::mem::replace(&mut self.state, State::Gone) else { return Err(gone()) };
            self.state = State::Writing(Thread::start(writer)?);
        }
        match &self.state {
            State::Writing(thread) => Ok(thread),
            _ => Err(gone()),
        }
    }

    /// What the thread has failed with.
    fn failure(&mut self) -> Result<()> {
        self.end()?;
        Err(gone())
    }

    /// Waits until the thread has done what it was given, or failed.
    fn end(&mut self) -> Result<()> {
        let State::Writing(Thread { full, empty, handle }) = std::mem::replace(&mut self.state, State::Gone) else {
            return Ok(());
        };
        drop((full, empty));
        let (writer, ended) = handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        self.state = State::Idle(writer);
        ended
    }
}

impl Thread {
    fn start(mut writer: Box<Writer>) -> Result<Self> {
        let (full, jobs) = sync_channel(BATCHES);
        let (free, empty) = channel();
        for _ in 0..BATCHES {
            free.send(Batch::new()).expect("the receiver is held here");
        }
        let work = move || {
            let ended = write_all(&mut writer, &jobs, &free);
            (writer, ended)
        };
        let handle = thread::Builder::new().name("writer".into()).spawn(work);
        let handle = handle.map_err(|error| Error::io("start a thread", error))?;
        Ok(Self { full, empty, handle })
    }
}

fn write_all(writer: &mut Writer, jobs: &Receiver<Job>, free: &Sender<Batch>) -> Result<()> {
    for job in jobs {
        match job {
            Job::Write(batch) => {
                writer.write(&batch)?;
                // Whoever wants no more does not wait for it.
                let _at_end = free.send(batch);
            }
            Job::Flush(done) => {
                writer.flush(None)?;
                let _at_end = done.send(());
            }
        }
    }
    Ok(())
}

fn gone() -> Error {
    Error::new(ErrorKind::Unexpected, "write", "what writes is gone")
}
