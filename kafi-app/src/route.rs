//! From which topic messages come, what handles them, and where outputs go.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Result, Serde, Type};

use crate::extract::{Available, Batch, FromInput};
use crate::handler::{Each, Fault, Handler, Many, many};
use crate::input::Input;
use crate::output::{IntoOutputs, Outputs};
use crate::policy::{Breaker, OnError, Order, Retries};

/// What handles the messages of a topic, and how.
///
/// ```
/// use std::time::Duration;
/// use kafi_app::{Json, OnError, Order, Retries, Route};
///
/// let route = Route::new("orders")
///     .publish_to("invoices")
///     .order(Order::Key)
///     .concurrency(64)
///     .retry(Retries::exponential(5, Duration::from_millis(200)))
///     .on_error(OnError::DeadLetter("orders.dlq".into()))
///     .handle(|order: Json<Vec<u32>>| Json(order.0.iter().sum::<u32>()));
/// ```
pub struct Route {
    pub(crate) topic: String,
    pub(crate) publish_to: Option<Arc<str>>,
    pub(crate) accepts: Result<Serde>,
    pub(crate) returns: Result<Serde>,
    pub(crate) key_returns: Serde,
    pub(crate) work: Option<Work>,
    pub(crate) check: fn(&Available<'_>) -> Result<()>,
    pub(crate) policies: Policies,
}

/// What runs for messages.
#[derive(Clone)]
pub(crate) enum Work {
    Each(Each),
    /// For up to so many at once.
    Many(usize, Many),
}

/// How a route treats its messages.
#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub(crate) order: Order,
    pub(crate) concurrency: usize,
    pub(crate) retries: Option<Retries>,
    pub(crate) on_error: Option<OnError>,
    pub(crate) on_decode_error: Option<OnError>,
    pub(crate) time_out: Option<Duration>,
    pub(crate) rate: Option<f64>,
    pub(crate) breaker: Option<Breaker>,
}

/// Where a handler publishes, if it does.
pub struct PublishTo(Option<Arc<str>>);

impl From<&str> for PublishTo {
    fn from(topic: &str) -> Self {
        Self(Some(topic).filter(|topic| !topic.is_empty()).map(Arc::from))
    }
}

impl From<String> for PublishTo {
    fn from(topic: String) -> Self {
        Self::from(topic.as_str())
    }
}

impl From<Option<&str>> for PublishTo {
    fn from(topic: Option<&str>) -> Self {
        Self::from(topic.unwrap_or_default())
    }
}

impl From<()> for PublishTo {
    fn from((): ()) -> Self {
        Self(None)
    }
}

/// The name of a type, or a type with what is chosen of schemas.
pub trait TypeName {
    /// The type.
    ///
    /// # Errors
    /// `Usage` for what names none.
    fn serde(self) -> Result<Serde>;
}

impl TypeName for Type {
    fn serde(self) -> Result<Serde> {
        Ok(Serde { type_: Some(self), ..Serde::default() })
    }
}

impl TypeName for &str {
    fn serde(self) -> Result<Serde> {
        self.parse::<Type>()?.serde()
    }
}

impl TypeName for Serde {
    fn serde(self) -> Result<Self> {
        Ok(self)
    }
}

impl Clone for Route {
    fn clone(&self) -> Self {
        let same = |serde: &Result<Serde>| match serde {
            Ok(serde) => Ok(serde.clone()),
            Err(error) => Err(error.duplicate()),
        };
        Self {
            topic: self.topic.clone(),
            publish_to: self.publish_to.clone(),
            accepts: same(&self.accepts),
            returns: same(&self.returns),
            key_returns: self.key_returns.clone(),
            work: self.work.clone(),
            check: self.check,
            policies: self.policies.clone(),
        }
    }
}

impl Route {
    /// The messages of this topic.
    pub fn new(topic: impl Into<String>) -> Self {
        let policies = Policies {
            order: Order::default(),
            concurrency: 1,
            retries: None,
            on_error: None,
            on_decode_error: None,
            time_out: None,
            rate: None,
            breaker: None,
        };
        Self {
            topic: topic.into(),
            publish_to: None,
            accepts: Ok(Serde::default()),
            returns: Ok(Serde::default()),
            key_returns: Serde::default(),
            work: None,
            check: |_| Ok(()),
            policies,
        }
    }

    /// The topic of outputs that name none. Default: none, so that each has to.
    pub fn publish_to(mut self, topic: impl Into<PublishTo>) -> Self {
        self.publish_to = topic.into().0;
        self
    }

    /// What values are decoded as: a [`Type`], its name, or a [`Serde`]. Default: what the configuration says, else as
    /// they look.
    pub fn accepts(mut self, type_: impl TypeName) -> Self {
        self.accepts = type_.serde();
        self
    }

    /// What the values of outputs are encoded as. Default: what the configuration says, else JSON as JSON, text and
    /// bytes as they are.
    pub fn returns(mut self, type_: impl TypeName) -> Self {
        self.returns = type_.serde();
        self
    }

    /// In which order messages are handled. Default: one after another within each partition.
    pub fn order(mut self, order: Order) -> Self {
        self.policies.order = order;
        self
    }

    /// How many messages are handled at once, in as many threads. Default: 1.
    pub fn concurrency(mut self, threads: usize) -> Self {
        self.policies.concurrency = threads.max(1);
        self
    }

    /// How often a message is handled that fails. Default: [`Retries::default`].
    pub fn retry(mut self, retries: Retries) -> Self {
        self.policies.retries = Some(retries);
        self
    }

    /// What becomes of a message that has failed for the last time. Default: the app stops.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.policies.on_error = Some(on_error);
        self
    }

    /// What becomes of a message that cannot be decoded, which is not tried again. Default: as for other errors.
    pub fn on_decode_error(mut self, on_error: OnError) -> Self {
        self.policies.on_decode_error = Some(on_error);
        self
    }

    /// How long the handling of one message may take: longer is a failure, and what comes of the call later is dropped.
    /// Its thread ends only with the call. Default: as long as it takes.
    pub fn time_out(mut self, limit: Duration) -> Self {
        self.policies.time_out = Some(limit);
        self
    }

    /// How many messages are handled per second at most, over all threads. Default: any number.
    pub fn rate(mut self, per_second: f64) -> Self {
        self.policies.rate = Some(per_second).filter(|rate| *rate > 0.0 && rate.is_finite());
        self
    }

    /// Stops handling for a while where everything fails. Default: never.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.policies.breaker = Some(breaker);
        self
    }

    /// The function that handles each message.
    pub fn handle<Arguments, H: Handler<Arguments>>(mut self, handler: H) -> Self {
        self.check = H::check;
        self.work = Some(Work::Each(handler.erased().0));
        self
    }

    /// A function that handles up to `max` messages of a partition at once, as many as there are. Where it fails, its
    /// messages are handled one by one, so that only those fail that fail by themselves. Concerns order by partition.
    pub fn handle_batch<T, F, R>(mut self, max: usize, handler: F) -> Self
    where
        T: FromInput,
        F: Fn(Batch<T>) -> R + Send + Sync + 'static,
        R: IntoOutputs,
    {
        self.check = T::check;
        self.work = Some(Work::Many(max.max(1), many(handler)));
        self
    }

    /// What handles each message, and says itself what was wrong with it.
    #[cfg(feature = "file")]
    pub(crate) fn handle_each(mut self, each: Each) -> Self {
        self.work = Some(Work::Each(each));
        self
    }

    /// A function that handles each message as bytes, without anything being allocated for it.
    pub fn handle_raw<F>(mut self, handler: F) -> Self
    where
        F: Fn(&mut Input<'_>, &mut Outputs<'_>) -> Result<()> + Send + Sync + 'static,
    {
        self.work = Some(Work::Each(Arc::new(move |input, outputs| handler(input, outputs).map_err(Fault::Handle))));
        self
    }
}
