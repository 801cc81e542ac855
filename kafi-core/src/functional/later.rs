//! Topics that come later, where a member of a group follows all whose names match.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admin::{Admin, Topic};
use crate::consumer::Consumer;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Storage;

/// It is looked for new topics this often.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// How long the question may take, during which nothing is read.
const QUESTION_MAX: Duration = Duration::from_secs(5);

/// Says of the name of a topic whether it belongs to what is read.
#[derive(Clone)]
pub struct TopicFilter(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl TopicFilter {
    /// Asks `is_wanted`.
    pub fn new(is_wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_wanted))
    }

    /// Whether the topic of this name belongs to what is read.
    pub fn wants(&self, topic: &str) -> bool {
        (self.0)(topic)
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TopicFilter")
    }
}

/// What a member has subscribed to, and what would belong to it.
pub(crate) struct LaterTopics {
    filter: TopicFilter,
    admin: Box<dyn Admin>,
    subscribed: BTreeSet<String>,
    looked_at: Instant,
}

impl LaterTopics {
    pub(crate) fn new(storage: &dyn Storage, filter: TopicFilter, subscribed: &[String]) -> Result<Self> {
        Ok(Self {
            filter,
            admin: storage.admin()?,
            subscribed: subscribed.iter().cloned().collect(),
            looked_at: Instant::now(),
        })
    }

    /// What the member is subscribed to.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.subscribed.iter().cloned().collect()
    }

    /// Subscribes to what is new, where it is time to look. Blocks while it asks; where that fails for now, it is asked
    /// again later.
    pub(crate) fn follow(&mut self, consumer: &mut dyn Consumer) -> Result<()> {
        if self.looked_at.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        let followed = self.look(consumer);
        self.looked_at = Instant::now();
        match followed {
            Err(error) if is_for_now(&error) => {
                log::info!("whether there are new topics is not known right now: {error}");
                Ok(())
            }
            followed => followed,
        }
    }

    fn look(&mut self, consumer: &mut dyn Consumer) -> Result<()> {
        let is_wanted = |topic: &Topic| {
            self.subscribed.contains(&topic.name) || (!topic.internal && self.filter.wants(&topic.name))
        };
        let found = self.admin.topics(&[], QUESTION_MAX)?;
        // A topic that was deleted meanwhile cannot be subscribed to any more.
        let wanted: Vec<String> = found.into_iter().filter(is_wanted).map(|topic| topic.name).collect();
        let new: Vec<&str> =
            wanted.iter().filter(|topic| !self.subscribed.contains(*topic)).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(());
        }
        log::info!("new topics are read, too: {}", new.join(" "));
        consumer.subscribe(&wanted, QUESTION_MAX)?;
        self.subscribed = wanted.into_iter().collect();
        Ok(())
    }
}

/// Brokers that are away come back, and a topic may go between the two questions.
fn is_for_now(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::NotFound)
}
