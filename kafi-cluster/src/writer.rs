//! A client that writes, and what it knows of its topics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Result, Retry};

use crate::error::{self, broker};
use crate::ffi::{Client, Deadline, Pending, TopicAnswer, TopicHandle};

const OPERATION: &str = "write";
/// How long the brokers have to say which partitions a topic has, however short the call is that needs to know.
const LOOK_UP_MAX: Duration = Duration::from_secs(10);
/// A topic that has no leader for now is asked about again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// A client and its topics, which are dropped first.
pub(crate) struct Writer {
    pub(crate) topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, u32>,
    pub(crate) by_id: HashMap<usize, u32>,
    /// What brokers were asked about these topics.
    asked: Option<(Vec<u32>, Pending)>,
    /// The question for the limits of these topics.
    limits: Option<(Vec<u32>, Pending)>,
    pub(crate) client: Client,
}

pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// Empty as long as the topic is missing.
    pub(crate) handle: Option<TopicHandle>,
    pub(crate) partitions: i32,
    /// What describing it failed with.
    pub(crate) code: i32,
    /// The most bytes that a batch may have, where brokers say it.
    limit: Option<u64>,
    /// Whether they were asked.
    knows_limit: bool,
    /// A message of it was not handed over, and the caller does not know yet.
    pub(crate) is_halted: bool,
    /// A message of it had no key.
    pub(crate) has_keyless: bool,
}

impl Writer {
    pub(crate) fn new(client: Client) -> Self {
        Self { topics: Vec::new(), by_name: HashMap::new(), by_id: HashMap::new(), asked: None, limits: None, client }
    }

    /// The number of a topic, which it keeps.
    pub(crate) fn topic(&mut self, name: &str) -> u32 {
        if let Some(topic) = self.by_name.get(name) {
            return *topic;
        }
        let (topic, name) = (self.topics.len() as u32, Arc::<str>::from(name));
        self.topics.push(Topic {
            name: Arc::clone(&name),
            handle: None,
            partitions: 0,
            code: 0,
            limit: None,
            knows_limit: false,
            is_halted: false,
            has_keyless: false,
        });
        self.by_name.insert(name, topic);
        topic
    }

    /// Finds out about topics; false if the answer is not there by `deadline`. The next call then waits for the same
    /// one.
    pub(crate) fn describe(&mut self, topics: &[u32], deadline: Deadline) -> Result<bool> {
        loop {
            let Some((asked, pending)) =
                self.asked.take().map_or_else(|| self.ask(topics, deadline), |asked| Ok(Some(asked)))?
            else {
                return Ok(true);
            };
            let Some(answers) = self.client.take_topics(OPERATION, &pending, deadline)? else {
                self.asked = Some((asked, pending));
                return Ok(false);
            };
            self.note(answers)?;
            if let Some(topic) = asked
                .iter()
                .map(|topic| &self.topics[*topic as usize])
                .find(|topic| error::kind_of(topic.code).1 == Retry::Later)
            {
                if deadline.is_over() {
                    return Err(error::from_code(OPERATION, topic.code).with("topic", &topic.name));
                }
                std::thread::sleep(deadline.left().min(ASK_AGAIN));
            } else if topics.iter().all(|topic| asked.contains(topic)) {
                return Ok(true);
            }
        }
    }

    /// Asks about topics, unless there is nothing to ask.
    fn ask(&mut self, topics: &[u32], deadline: Deadline) -> Result<Option<(Vec<u32>, Pending)>> {
        let mut names = Vec::new();
        for topic in topics {
            let topic = &mut self.topics[*topic as usize];
            // Such a name cannot be asked for, and cannot exist.
            match kafi_core::check_topic_name(&topic.name) {
                Ok(()) => names.push(Arc::clone(&topic.name)),
                Err(_) => topic.code = broker::UNKNOWN_TOPIC_OR_PARTITION,
            }
        }
        if names.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let pending = self.client.start_describe_topics(OPERATION, &names, deadline.left().max(LOOK_UP_MAX))?;
        Ok(Some((topics.to_vec(), pending)))
    }

    fn note(&mut self, answers: Vec<TopicAnswer>) -> Result<()> {
        for answer in answers {
            let Some(index) = self.by_name.get(answer.name.as_str()).copied() else { continue };
            let topic = &mut self.topics[index as usize];
            topic.code = answer.error;
            topic.partitions = answer.partitions.len() as i32;
            if answer.error == 0 && topic.handle.is_none() {
                let handle = self.client.topic(OPERATION, &topic.name)?;
                self.by_id.insert(handle.id(), index);
                topic.handle = Some(handle);
            }
        }
        Ok(())
    }

    /// Goes on with another client: the numbers of the topics stand in tokens, so that they stay the same.
    pub(crate) fn with_topics_of(mut self, before: &Self) -> Self {
        for topic in &before.topics {
            let index = self.topic(&topic.name) as usize;
            (self.topics[index].limit, self.topics[index].knows_limit) = (topic.limit, topic.knows_limit);
        }
        self
    }

    /// Finds out how large the batches of topics may be; false if the answer is not there by `deadline`. Brokers need
    /// not tell: whoever may write need not be allowed to look.
    pub(crate) fn look_up_limits(&mut self, topics: &[u32], deadline: Deadline) -> Result<bool> {
        loop {
            let Some((asked, pending)) =
                self.limits.take().map_or_else(|| self.ask_limits(topics, deadline), |asked| Ok(Some(asked)))?
            else {
                return Ok(true);
            };
            let limits = match self.client.take_batch_limits(OPERATION, &pending, deadline) {
                Ok(Some(limits)) => limits,
                Ok(None) => {
                    self.limits = Some((asked, pending));
                    return Ok(false);
                }
                Err(error) if error.retryable() == Retry::Later => return Err(error),
                Err(error) => {
                    log::debug!("how large batches may be is not known: {error}");
                    Vec::new()
                }
            };
            asked.iter().for_each(|topic| self.topics[*topic as usize].knows_limit = true);
            for (name, limit) in limits {
                if let Some(topic) = self.by_name.get(name.as_str()) {
                    self.topics[*topic as usize].limit = limit;
                }
            }
        }
    }

    /// The most bytes that a batch with any of these topics may have.
    pub(crate) fn limit(&self, topics: &[u32]) -> u64 {
        topics.iter().filter_map(|topic| self.topics[*topic as usize].limit).min().unwrap_or(u64::MAX)
    }

    fn ask_limits(&self, topics: &[u32], deadline: Deadline) -> Result<Option<(Vec<u32>, Pending)>> {
        let unknown =
            |topic: &&u32| !self.topics[**topic as usize].knows_limit && self.topics[**topic as usize].handle.is_some();
        let unknown: Vec<u32> = topics.iter().filter(unknown).copied().collect();
        if unknown.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = unknown.iter().map(|topic| &*self.topics[*topic as usize].name).collect();
        let pending = self.client.start_batch_limits(OPERATION, &names, deadline.left().max(LOOK_UP_MAX))?;
        Ok(Some((unknown, pending)))
    }
}
