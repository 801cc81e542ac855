//! The topic itself: read on from where it was, and written at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    Admin, Assignment, Batch, Capabilities, Consumer, ConsumerOptions, Delivery, Error, ErrorKind, Isolation, NewTopic,
    Polled, Producer, ProducerOptions, Record as Message, Result, Storage, TopicPartition,
};

use crate::registry::topic::record::Record;
use crate::registry::topic::state::State;

const OPERATION: &str = "read topic of schemas";

/// How many records that do not count are told of one by one.
const TOLD_MAX: usize = 1;

/// The topic of schemas, and how far it was read.
pub(super) struct Log {
    storage: Arc<dyn Storage>,
    topic: String,
    admin: Option<Box<dyn Admin>>,
    consumer: Option<Box<dyn Consumer>>,
    producer: Option<Box<dyn Producer>>,
    /// Which topic of that name was read.
    id: String,
    next: i64,
    token: u64,
    refused: usize,
}

impl Log {
    pub fn new(storage: Arc<dyn Storage>, topic: String) -> Self {
        Self {
            storage,
            topic,
            admin: None,
            consumer: None,
            producer: None,
            id: String::new(),
            next: 0,
            token: 0,
            refused: 0,
        }
    }

    /// Takes in what was written since, up to what is the end now. A topic that is not there says nothing; one that was
    /// made anew, or of which the beginning is gone that was not read, is read from its start.
    pub fn read(&mut self, state: &mut State, deadline: Instant) -> Result<()> {
        let Some(id) = self.find(deadline)? else {
            self.forget(state, String::new());
            return Ok(());
        };
        if id != self.id {
            self.forget(state, id);
        }
        let partition = TopicPartition { topic: self.topic.clone(), partition: 0 };
        let marks = self.admin()?.watermarks(&[partition], Isolation::ReadCommitted, left(deadline)?)?;
        let Some(marks) = marks.first() else { return Ok(()) };
        let (low, high) = (marks.low, marks.high);
        if high < self.next || low > self.next && self.next > 0 {
            let id = self.id.clone();
            self.forget(state, id);
        }
        if self.next.max(low) < high { self.take(state, self.next.max(low), high, deadline) } else { Ok(()) }
    }

    /// Appends records, which state did not refuse, and takes them in. False if somebody else wrote at the same moment,
    /// on storages that can tell: then nothing was written, and what was decided is to be decided again.
    pub fn append(&mut self, state: &mut State, records: &[Record], deadline: Instant) -> Result<bool> {
        if self.id.is_empty() {
            self.make(deadline)?;
            self.read(state, deadline)?;
        }
        let mut batch = Batch::new();
        for (offset, record) in (self.next..).zip(records) {
            let (key, value) = record.write();
            let message = Message::new(&self.topic, Some(&key), value.as_deref());
            batch.push(Message { partition: 0, offset, ..message });
        }
        match self.write(&batch, deadline) {
            Ok(()) => {
                self.read(state, deadline)?;
                Ok(true)
            }
            Err(error) => {
                self.producer = None;
                // The end that was read is no longer the end.
                let is_late = self.keeps_offsets() && error.kind() == ErrorKind::OutOfRange;
                if is_late { self.read(state, deadline).map(|()| false) } else { Err(error) }
            }
        }
    }

    fn find(&mut self, deadline: Instant) -> Result<Option<String>> {
        let name = self.topic.clone();
        let topics = match self.admin()?.topics(&[name], left(deadline)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            topics => topics?,
        };
        let Some(topic) = topics.into_iter().find(|topic| topic.name == self.topic) else { return Ok(None) };
        if topic.partitions.len() > 1 {
            let error = Error::new(
                ErrorKind::Config,
                OPERATION,
                format!("it has {} partitions, and a topic of schemas has one", topic.partitions.len()),
            );
            return Err(error.with("topic", &self.topic));
        }
        // A storage may have no ids; then it is the name that counts.
        Ok(Some(if topic.id.is_empty() { topic.name } else { topic.id }))
    }

    fn make(&mut self, deadline: Instant) -> Result<()> {
        let topic = NewTopic::new(&self.topic).partitions(1).config("cleanup.policy", "compact");
        match self.admin()?.create_topic(&topic, left(deadline)?) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn forget(&mut self, state: &mut State, id: String) {
        *state = State::default();
        self.id = id;
        self.next = 0;
    }

    fn take(&mut self, state: &mut State, start: i64, end: i64, deadline: Instant) -> Result<()> {
        let mut consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => self.storage.consumer(&ConsumerOptions::default())?,
        };
        let assignment = Assignment { topic: self.topic.clone(), partition: 0, start, end: Some(end) };
        consumer.assign(&[assignment], left(deadline)?)?;
        let mut batch = Batch::new();
        while consumer.poll(&mut batch, left(deadline)?)? != Polled::End {
            for message in batch.iter() {
                let applied = Record::read(message.key, message.value)
                    .map_err(|error| error.to_string())
                    .and_then(|record| state.apply(record));
                if let Err(why) = applied {
                    self.refuse(message.offset, &why);
                }
                self.next = message.offset + 1;
            }
        }
        self.next = end;
        // One that failed is not used again.
        self.consumer = Some(consumer);
        Ok(())
    }

    fn refuse(&mut self, offset: i64, why: &str) {
        self.refused += 1;
        if self.refused <= TOLD_MAX {
            log::warn!("topic {}, offset {offset}: {why}: this record, and others like it, do not count", self.topic);
        }
    }

    fn write(&mut self, batch: &Batch, deadline: Instant) -> Result<()> {
        let options = ProducerOptions { keep_offsets: self.keeps_offsets(), ..ProducerOptions::default() };
        let producer = match &mut self.producer {
            Some(producer) => producer,
            none => none.insert(self.storage.producer(&options)?),
        };
        self.token += 1;
        let mut from = 0;
        while from < batch.len() {
            from += producer.produce(batch, from, self.token, left(deadline)?)?;
        }
        producer.flush(left(deadline)?)?;
        let mut reported = 0;
        while reported < batch.len() as u64 {
            let wait = left(deadline)?;
            for report in producer.reports(wait)? {
                reported += report.count;
                if let Delivery::Failed(error) = &report.delivery {
                    return Err(error.duplicate());
                }
            }
        }
        Ok(())
    }

    /// Whether a record is only written where the log ended when it was read.
    fn keeps_offsets(&self) -> bool {
        self.storage.capabilities().contains(Capabilities::PRODUCE_KEEP_OFFSETS)
    }

    fn admin(&mut self) -> Result<&mut Box<dyn Admin>> {
        Ok(match &mut self.admin {
            Some(admin) => admin,
            none => none.insert(self.storage.admin()?),
        })
    }
}

/// What is left of the time.
pub(super) fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Error::new(ErrorKind::Timeout, OPERATION, "the time is over"));
    }
    Ok(left)
}
