//! An app: where messages come from, what handles them, and where outputs go.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::Place;
use kafi_core::{Cancel, Error, ErrorKind, Position, Record, Report, Result};

use crate::engine::{self, Done, Setup};
use crate::handler::Handler;
use crate::policy::{OnError, Retries};
use crate::route::{PublishTo, Route, TypeName};

/// A microservice: reads topics as a consumer group, hands each message to its handlers, and publishes what they return.
///
/// See the [crate](crate) for an example.
pub struct App(pub(crate) Setup);

impl App {
    /// An app of this name over one storage: it reads as the group of its name, from the committed offsets on.
    pub fn new(name: impl Into<String>, storage: impl Into<Place>) -> Self {
        Self(Setup::new(name.into(), storage.into()))
    }

    /// Publishes to another storage than it reads from.
    pub fn producer(mut self, storage: impl Into<Place>) -> Self {
        self.0.producer = storage.into();
        self
    }

    /// The consumer group. Default: the app's name, behind the storage's `consumer.group.prefix`.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.0.group = Some(group.into());
        self
    }

    /// How long one poll waits for messages, in seconds, so as a float or an integer that Kaf's users know. Default: a
    /// tenth of a second; a wish to stop is seen as soon.
    pub fn consumer_timeout(mut self, seconds: impl Into<f64>) -> Self {
        self.0.poll_max = Duration::try_from_secs_f64(seconds.into()).unwrap_or(self.0.poll_max);
        self
    }

    /// How many messages one poll takes at most. Default: 10,000.
    pub fn consumer_batch_size(mut self, messages: usize) -> Self {
        self.0.batch_records_max = messages.max(1);
        self
    }

    /// How many messages, and how many bytes of them, are in work at most, from where they are read to where everything
    /// that came of them is delivered; then reading pauses. Default: 50,000 messages, 16 MiB.
    pub fn in_work_max(mut self, messages: usize, bytes: usize) -> Self {
        (self.0.in_work_max, self.0.bytes_max) = (messages.max(1), bytes.max(1));
        self
    }

    /// How long messages that are being handled may take once the app is asked to stop, or the group takes their
    /// partitions back; what is not done by then is not committed, and read again. Default: 30 s.
    pub fn drain_within(mut self, limit: Duration) -> Self {
        self.0.drain_max = limit;
        self
    }

    /// How often a message is handled that fails, for routes that do not say. Default: [`Retries::default`].
    pub fn retry(mut self, retries: Retries) -> Self {
        self.0.retries = retries;
        self
    }

    /// What becomes of a message that has failed for the last time, for routes that do not say. Default: the app stops.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.0.on_error = on_error;
        self
    }

    /// Errors as Kaf treats them: what asks Kafka is tried for ever, each message has one chance, and what a handler
    /// fails with is logged and otherwise ignored.
    pub fn kaf_compat(mut self) -> Self {
        (self.0.retries, self.0.on_error, self.0.stall_limit) = (Retries::none(), OnError::Skip, None);
        self
    }

    /// Whether what is done beyond the committed offset is kept in the metadata beside it, for storages that refuse
    /// metadata. Default: true.
    pub fn keep_done(mut self, keeps: bool) -> Self {
        self.0.keeps_done = keeps;
        self
    }

    /// Begins a trace with each message that belongs to none: its outputs then share a new `traceparent`, a header of the
    /// W3C's trace context. What belongs to one goes on in any case, unchanged, in all outputs and dead letters. Default:
    /// false.
    pub fn begin_traces(mut self, begins: bool) -> Self {
        self.0.begins_traces = begins;
        self
    }

    /// Handles each message exactly once, as far as whoever reads committed messages can tell: what comes of messages is
    /// written in transactions, and their offsets are committed with it. It takes a Kafka cluster, the same one for
    /// messages and what comes of them; a handler is still called again for a message whose transaction came to nothing
    /// with its process. Default: at least once.
    pub fn exactly_once(mut self) -> Self {
        self.0.exactly_once = true;
        self
    }

    /// The name under which this instance writes in transactions: of two with the same name the later one fences the
    /// earlier one, which then stops, and whoever starts again under its name need not wait for what it left open.
    /// Default: another one each time, which begins with `kafi-app.`, the group, and a dot.
    pub fn transactional_id(mut self, id: impl Into<String>) -> Self {
        self.0.transactional_id = Some(id.into());
        self
    }

    /// How many messages a transaction has at most, and for how long they are gathered. Default: 10,000, 100 ms.
    pub fn transactions_of(mut self, messages: usize, within: Duration) -> Self {
        self.0.transaction_max = (messages.max(1), within);
        self
    }

    /// Tells metrics (`/metrics`, as Prometheus reads them) and health (`/livez`, `/readyz`) at HOST:PORT, over plain HTTP
    /// to everybody who can reach it; `127.0.0.1:9090` is this machine only, and port 0 any free port. Default: nowhere.
    pub fn http(mut self, address: impl Into<String>) -> Self {
        self.0.http = Some(address.into());
        self
    }

    /// How long nothing may go on, while there is something to do, before `/livez` and `/readyz` complain: no handler
    /// returns, a partition is not read, or what was read is not committed. It should be longer than a message may be
    /// tried again. Default: 5 min.
    pub fn stalled_after(mut self, limit: Duration) -> Self {
        self.0.stall_max = limit;
        self
    }

    /// Called with the address at which metrics and health are told, once they are.
    pub fn on_http(mut self, hook: impl Fn(std::net::SocketAddr) + Send + Sync + 'static) -> Self {
        self.0.on_http = Some(Arc::new(hook));
        self
    }

    /// Something that handlers share, which they take as [`State<S>`](crate::State).
    pub fn state<S: Send + Sync + 'static>(mut self, state: S) -> Self {
        self.0.states.set(state);
        self
    }

    /// Handles each message of a topic, of values of one type, and publishes what comes of it as another:
    /// `.process("foo", "bar", "json", "json", add_one)`. A [`Route`] says more.
    pub fn process<Arguments, H: Handler<Arguments>>(
        self,
        topic: &str,
        publish_to: impl Into<PublishTo>,
        accepts: impl TypeName,
        returns: impl TypeName,
        handler: H,
    ) -> Self {
        self.route(Route::new(topic).publish_to(publish_to).accepts(accepts).returns(returns).handle(handler))
    }

    /// Adds a route. A topic may have several; a message is done when all of them are done with it.
    pub fn route(mut self, route: Route) -> Self {
        self.0.routes.push(route);
        self
    }

    /// Called with each message before it is handled, in the handler's thread.
    pub fn on_consume(mut self, hook: impl Fn(&Record<'_>) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_consume.push(Arc::new(hook));
        self
    }

    /// Called with each message that was handled, and how many seconds that took.
    pub fn on_processed(mut self, hook: impl Fn(&Record<'_>, f64) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_processed.push(Arc::new(hook));
        self
    }

    /// Called with each message whose handling failed, why, and how often it was tried.
    pub fn on_failed(mut self, hook: impl Fn(&Record<'_>, &Error, u32) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_error.push(Arc::new(hook));
        self
    }

    /// Called with each delivery report of outputs, also those of failures.
    pub fn on_published(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_published.push(Arc::new(hook));
        self
    }

    /// Called with the partitions that came, and the offsets from which they are read.
    pub fn on_assign(mut self, hook: impl Fn(&[Position]) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_assign.push(Arc::new(hook));
        self
    }

    /// Called with the partitions that went, after what was done of them was committed.
    pub fn on_revoke(mut self, hook: impl Fn(&[Position]) + Send + Sync + 'static) -> Self {
        self.0.hooks.on_revoke.push(Arc::new(hook));
        self
    }

    /// What stops the app from another thread: what is being handled is finished and committed.
    pub fn stop(&self) -> Cancel {
        self.0.cancel.clone()
    }

    /// The same, which this wish stops.
    pub fn stopped_by(mut self, stop: &Cancel) -> Self {
        self.0.cancel = stop.clone();
        self
    }

    /// Whether everything that the app says of itself fits together; speaks to no server.
    ///
    /// # Errors
    /// `Usage` for what does not.
    pub fn check(&self) -> Result<()> {
        self.0.check()
    }

    /// Runs until it is asked to stop, by [`stop`](App::stop), SIGTERM, SIGINT, or SIGHUP: then it finishes what is being
    /// handled, commits it, and leaves its group. Waits for up to two minutes for a storage that is away when it starts.
    ///
    /// # Errors
    /// What is wrong with the app; a message's failure whose policy is to stop; what reading, writing, or committing
    /// fails with, once trying again does not help.
    pub fn run(self) -> Result<Done> {
        let stop = self.stop();
        let caught = ctrlc::set_handler(move || stop.cancel());
        caught.map_err(|error| Error::new(ErrorKind::Unexpected, "catch signals", error.to_string()))?;
        self.run_until_stopped()
    }

    /// As [`run`](App::run), for who catches signals.
    ///
    /// # Errors
    /// As for [`run`](App::run).
    pub fn run_until_stopped(self) -> Result<Done> {
        engine::run(self.0, true)
    }

    /// Handles everything up to the ends of its topics that are seen at the start, and then stops.
    ///
    /// # Errors
    /// As for [`run`](App::run).
    pub fn run_to_end(self) -> Result<Done> {
        engine::run(self.0, false)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let topics: Vec<&str> = self.0.routes.iter().map(|route| route.topic.as_str()).collect();
        f.debug_struct("App").field("name", &self.0.name).field("topics", &topics).finish_non_exhaustive()
    }
}
