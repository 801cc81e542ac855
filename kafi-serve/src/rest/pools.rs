//! Clients of the storage that requests share: one at a time has each, and there are as many as work at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Admin, Batch, Delivery, Error, ErrorKind, Producer, ProducerOptions, Result, Storage, partition_of,
};

/// How long the number of a topic's partitions is taken for what it was.
const PARTITIONS_KEPT: Duration = Duration::from_secs(5);

/// How many topics' partitions are kept.
const TOPICS_MAX: usize = 10_000;

/// Where a message was written: partition and offset, where that is known.
pub type Written = (i32, Option<i64>);

/// Clients of one storage.
pub struct Pools {
    storage: Arc<dyn Storage>,
    admins: Mutex<Vec<Box<dyn Admin>>>,
    writers: Mutex<Vec<Writer>>,
    partitions: Mutex<HashMap<String, (Instant, i32)>>,
}

struct Writer {
    producer: Box<dyn Producer>,
    token: u64,
    /// Where messages without a key go, as long as one batch lasts.
    turn: u32,
}

impl Pools {
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, admins: Mutex::default(), writers: Mutex::default(), partitions: Mutex::default() }
    }

    /// Asks the administration something.
    pub fn admin<T>(&self, ask: impl FnOnce(&mut dyn Admin) -> Result<T>) -> Result<T> {
        let idle = lock(&self.admins).pop();
        let mut admin = match idle {
            Some(admin) => admin,
            None => self.storage.admin()?,
        };
        let answer = ask(&mut *admin);
        if !matches!(&answer, Err(error) if error.concerns_all()) {
            lock(&self.admins).push(admin);
        }
        answer
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// `NotFound` if there is no such topic.
    pub fn partitions(&self, topic: &str, timeout: Duration) -> Result<i32> {
        let known = lock(&self.partitions).get(topic).copied();
        if let Some((seen, count)) = known
            && seen.elapsed() < PARTITIONS_KEPT
        {
            return Ok(count);
        }
        let found = self.admin(|admin| admin.topics(&[topic.to_string()], timeout))?;
        let count = found.first().map_or(0, |topic| topic.partitions.len());
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        if count == 0 {
            return Err(Error::new(ErrorKind::NotFound, "produce", "no such topic").with("topic", topic));
        }
        let mut partitions = lock(&self.partitions);
        if partitions.len() >= TOPICS_MAX {
            partitions.clear();
        }
        partitions.insert(topic.to_string(), (Instant::now(), count));
        Ok(count)
    }

    /// Forgets what is known of a topic, which somebody changed: also writers, which know the one that was.
    pub fn forget(&self, topic: &str) {
        lock(&self.partitions).remove(topic);
        lock(&self.writers).clear();
    }

    /// Writes the messages of a batch, all to one topic, and says of each where it is or why it is not. Messages without
    /// a partition get one here, so that each report is of a message that is known.
    ///
    /// # Errors
    /// What concerns all of them, before anything was written.
    pub fn write(&self, topic: &str, batch: &mut Batch, timeout: Duration) -> Result<Vec<Result<Written>>> {
        let partitions = self.partitions(topic, timeout)?;
        let idle = lock(&self.writers).pop();
        let mut writer = match idle {
            Some(writer) => writer,
            None => Writer { producer: self.storage.producer(&ProducerOptions::default())?, token: 0, turn: 0 },
        };
        writer.choose(batch, partitions);
        let mut results: Vec<Option<Result<Written>>> = (0..batch.len()).map(|_| None).collect();
        let end = writer.write(batch, &mut results, timeout);
        let is_whole = results.iter().all(Option::is_some);
        let is_gone = |result: &Option<Result<Written>>| matches!(result, Some(Err(error)) if error.kind() == ErrorKind::NotFound);
        if results.iter().any(is_gone) {
            self.forget(topic);
        } else if end.is_ok() && is_whole {
            lock(&self.writers).push(writer);
        }
        let missing = end.err().unwrap_or_else(|| {
            Error::new(ErrorKind::Timeout, "produce", "whether it was written is not known").with("topic", topic)
        });
        Ok(results.into_iter().map(|result| result.unwrap_or_else(|| Err(missing.duplicate()))).collect())
    }
}

impl Writer {
    fn choose(&mut self, batch: &mut Batch, partitions: i32) {
        self.turn = self.turn.wrapping_add(1);
        let without_key = i32::try_from(self.turn % partitions.unsigned_abs()).unwrap_or_default();
        for index in 0..batch.len() {
            if batch.metas()[index].partition == ANY_PARTITION {
                let partition = batch.get(index).key.map_or(without_key, |key| partition_of(key, partitions));
                batch.metas_mut()[index].partition = partition;
            }
        }
    }

    fn write(&mut self, batch: &Batch, results: &mut [Option<Result<Written>>], timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut of_partition: HashMap<i32, Vec<usize>> = HashMap::new();
        for (index, meta) in batch.metas().iter().enumerate() {
            of_partition.entry(meta.partition).or_default().push(index);
        }
        self.token += 1;
        let mut from = 0;
        while from < batch.len() {
            let taken = self.producer.produce(batch, from, self.token, left())?;
            if taken == 0 && left().is_zero() {
                return Err(Error::new(ErrorKind::Timeout, "produce", "the storage takes nothing"));
            }
            from += taken;
        }
        let flushed = self.producer.flush(left());
        loop {
            let reports = self.producer.reports(Duration::ZERO)?;
            if reports.is_empty() {
                return flushed;
            }
            for report in reports.iter().filter(|report| report.token == self.token) {
                let Some(indexes) = of_partition.get(&report.partition) else { continue };
                for ordinal in report.first..report.first + report.count {
                    let Some(&index) = indexes.get(ordinal as usize) else { continue };
                    results[index] = Some(match &report.delivery {
                        Delivery::At(offset) => Ok((report.partition, Some(offset + (ordinal - report.first) as i64))),
                        Delivery::Unknown => Ok((report.partition, None)),
                        Delivery::Failed(error) => Err(error.duplicate()),
                    });
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
