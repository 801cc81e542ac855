//! What an app says of itself.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::Place;
use kafi_core::{Cancel, Capabilities, Error, ErrorKind, Result, check_topic_name};

use crate::engine::clock::Clock;
use crate::extract::Available;
use crate::hooks::Hooks;
use crate::input::States;
use crate::policy::{OnError, Retries};
use crate::route::Route;

/// How long a cluster has to say which one it is.
const IDENTITY_MAX: Duration = Duration::from_secs(30);

/// What an app did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The messages that were read.
    pub consumed: u64,
    /// The messages that were handled.
    pub processed: u64,
    /// The failures of handlers, also those after which a message was handled.
    pub failed: u64,
    /// The messages that were left out after their last failure.
    pub skipped: u64,
    /// The messages that became dead letters.
    pub dead_letters: u64,
    /// The outputs that were delivered, dead letters among them.
    pub published: u64,
}

impl Done {
    /// Both together.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            consumed: self.consumed + other.consumed,
            processed: self.processed + other.processed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            dead_letters: self.dead_letters + other.dead_letters,
            published: self.published + other.published,
        }
    }
}

/// What an app says of itself; [`App`](crate::App) has the meaning of each part.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) name: String,
    pub(crate) consumer: Place,
    pub(crate) producer: Place,
    pub(crate) routes: Vec<Route>,
    pub(crate) hooks: Hooks,
    pub(crate) states: States,
    pub(crate) group: Option<String>,
    pub(crate) poll_max: Duration,
    pub(crate) batch_records_max: usize,
    pub(crate) in_work_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) drain_max: Duration,
    pub(crate) retries: Retries,
    pub(crate) on_error: OnError,
    /// `None` waits for ever.
    pub(crate) stall_limit: Option<Duration>,
    pub(crate) keeps_done: bool,
    /// How what comes of messages is committed with them, in transactions.
    pub(crate) exactly_once: bool,
    pub(crate) transactional_id: Option<String>,
    pub(crate) transaction_max: (usize, Duration),
    /// Where metrics and health are told.
    pub(crate) http: Option<String>,
    pub(crate) on_http: Option<Arc<dyn Fn(std::net::SocketAddr) + Send + Sync>>,
    pub(crate) cancel: Cancel,
    pub(crate) clock: Clock,
    pub(crate) begins_traces: bool,
    /// How long nothing may go on before that is a complaint.
    pub(crate) stall_max: Duration,
}

impl Setup {
    pub(crate) fn new(name: String, place: Place) -> Self {
        Self {
            name,
            consumer: place.clone(),
            producer: place,
            routes: Vec::new(),
            hooks: Hooks::default(),
            states: States::default(),
            group: None,
            poll_max: Duration::from_millis(100),
            batch_records_max: kafi_core::Batch::RECORDS_MAX,
            in_work_max: 50_000,
            bytes_max: 16 << 20,
            drain_max: Duration::from_secs(30),
            retries: Retries::default(),
            on_error: OnError::Stop,
            stall_limit: Some(kafi_core::Writer::STALL_LIMIT),
            keeps_done: true,
            exactly_once: false,
            transactional_id: None,
            transaction_max: (10_000, Duration::from_millis(100)),
            http: None,
            on_http: None,
            cancel: Cancel::new(),
            clock: Clock::default(),
            begins_traces: false,
            stall_max: Duration::from_secs(5 * 60),
        }
    }

    /// Whether what asks Kafka is tried again for ever, as with Kaf.
    pub(crate) fn tries_for_ever(&self) -> bool {
        self.stall_limit.is_none()
    }

    /// Whether everything fits together; speaks to no server.
    ///
    /// # Errors
    /// `Usage` for what does not.
    pub(crate) fn check(&self) -> Result<()> {
        if self.routes.is_empty() {
            return Err(wrong("it has no routes").hint("add one with process or route"));
        }
        self.routes
            .iter()
            .try_for_each(|route| self.check_route(route).map_err(|error| error.with("route", &route.topic)))?;
        if self.exactly_once { self.check_transactions() } else { Ok(()) }
    }

    /// Whether it writes in transactions under a name that nobody else has.
    pub(crate) fn has_own_transactions(&self) -> bool {
        self.exactly_once && self.transactional_id.is_none()
    }

    fn check_transactions(&self) -> Result<()> {
        for storage in [&self.consumer.storage, &self.producer.storage] {
            if !storage.capabilities().contains(Capabilities::PRODUCE_TRANSACTIONS) {
                let error = Error::unsupported(storage.name(), "handle messages exactly once");
                return Err(error.hint("that takes transactions, which are Kafka's: kafka://…"));
            }
        }
        let mut topics: Vec<&str> = self.routes.iter().map(|route| route.topic.as_str()).collect();
        topics.sort_unstable();
        match topics.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(wrong("exactly once takes one route for each topic").with("topic", pair[0])),
            None => Ok(()),
        }
    }

    /// Whether messages and what comes of them are on one cluster, as transactions need it. Asks the clusters.
    ///
    /// # Errors
    /// `Usage` where they are not; those of [`Storage::identity`](kafi_core::Storage::identity).
    pub(crate) fn check_clusters(&self) -> Result<()> {
        let (from, to) = (&self.consumer.storage, &self.producer.storage);
        let identity = from.identity(IDENTITY_MAX)?;
        if Arc::ptr_eq(from, to) || identity == to.identity(IDENTITY_MAX)? {
            return Ok(());
        }
        let why = format!("exactly once takes one cluster, but {} is another one than {}", from.name(), to.name());
        Err(wrong(&why).hint("a transaction is of one cluster: leave out exactly_once, or the producer"))
    }

    fn check_route(&self, route: &Route) -> Result<()> {
        check_topic_name(&route.topic)?;
        route.publish_to.as_deref().map_or(Ok(()), check_topic_name)?;
        for on_error in self.on_error_of(route) {
            if let OnError::DeadLetter(topic) = on_error {
                check_topic_name(&topic)?;
                if topic == route.topic {
                    return Err(wrong("its dead letters would go to the topic that they come from"));
                }
            }
        }
        for serde in [&route.accepts, &route.returns] {
            serde.as_ref().map_err(Error::duplicate)?;
        }
        if route.work.is_none() {
            return Err(wrong("it has no handler").hint("end it with handle"));
        }
        (route.check)(&Available(&self.states))
    }

    /// The group that it reads as.
    pub(crate) fn group_name(&self) -> String {
        self.group.clone().unwrap_or_else(|| format!("{}{}", self.consumer.settings.consumer_group_prefix, self.name))
    }

    /// What becomes of a message of `route` that cannot be decoded, and of one that has failed for the last time.
    pub(crate) fn on_error_of(&self, route: &Route) -> [OnError; 2] {
        let last = route.policies.on_error.clone().unwrap_or_else(|| self.on_error.clone());
        [route.policies.on_decode_error.clone().unwrap_or_else(|| last.clone()), last]
    }
}

pub(crate) fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Usage, "start app", why)
}
