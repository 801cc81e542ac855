//! Tests of apps: the app itself, over a storage in memory, with a clock that only passes when everybody waits, and with
//! faults on demand.
//!
//! ```
//! use std::time::Duration;
//! use kafi_app::testing::{Fault, Step, TestApp};
//! use kafi_app::{App, Json, OnError, Retries, Route};
//! use kafi_core::json;
//! # use kafi_shell::Kafi;
//! # use std::sync::Arc;
//!
//! fn app(storage: &Kafi) -> App {
//!     let pay = |Json(cents): Json<u32>| if cents > 0 { Ok(Json(cents * 2)) } else { Err("nothing to pay") };
//!     let route = Route::new("orders").publish_to("paid").accepts("json").returns("json");
//!     let route = route.retry(Retries::fixed(5, Duration::from_secs(60)));
//!     App::new("payments", storage).route(route.on_error(OnError::DeadLetter("orders.dlq".into())).handle(pay))
//! }
//!
//! # let storage = Kafi::new(Arc::new(kafi_fs::open_memory("mem")), Default::default());
//! // let storage = kafi::open("mem:")?;
//! let mut test = TestApp::new(app(&storage))?;
//! test.send("orders", [json!(21), json!(0)])?;
//! test.run_until_idle()?;
//! assert_eq!(test.outputs("paid")?, [42]);
//! // The second one was tried five times, a minute apart.
//! assert_eq!(test.elapsed(), Duration::from_secs(4 * 60));
//! assert_eq!(test.dead_letters("orders.dlq")?[0].attempts, Some(5));
//! assert_eq!(test.committed("orders", 0)?, Some(2));
//!
//! // It is killed after an output is written, and before that is committed: the output is there twice.
//! test.inject(Fault::crash().after(Step::Produced, 1));
//! test.send("orders", [json!(4)])?;
//! test.run_until_idle()?;
//! assert!(!test.is_running());
//! test.run_until_idle()?;
//! assert_eq!(test.outputs("paid")?, [42, 8, 8]);
//! # Ok::<(), kafi_core::Error>(())
//! ```

mod fault;
mod storage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::functional::Place;
use kafi_core::{Cancel, CommittedOffset, ErrorKind, Message, NewTopic, Record, Result, Type, Value};
use kafi_shell::{Kafi, Outgoing};

use crate::app::App;
use crate::engine::clock::{Clock, VirtualClock};
use crate::engine::{Done, Engine, Setup};
use crate::letters::Letter;
use crate::policy::OnError;
use fault::Faults;
use storage::FaultyStorage;

pub use fault::{Fault, Step};

/// How long a question to the storage may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is there is there at once.
const POLL_MAX: Duration = Duration::from_millis(1);

/// An app under test. See the [module](self).
///
/// It is the app as it runs in production, threads and all, over the storages that it was made with, best `mem:`. Three
/// things differ: time stands still while anybody works, and then passes at once as far as the next thing that waits for
/// it (a message that is tried again, a rate, a breaker, a time-out, a handler that [sleeps](TestClock::sleep)); each
/// message is handed on as soon as it is handled; and what is done is committed when nothing is left to be done, where
/// otherwise a second passes.
pub struct TestApp {
    setup: Setup,
    engine: Option<Engine>,
    faults: Arc<Faults>,
    clock: Arc<VirtualClock>,
    consumer: Place,
    producer: Place,
}

/// The clock of an app under test; cheap to clone.
#[derive(Clone)]
pub struct TestClock(Arc<VirtualClock>);

impl TestClock {
    /// How much time has passed since the test began.
    pub fn elapsed(&self) -> Duration {
        self.0.passed()
    }

    /// What a handler calls that takes so long: it blocks until so much time has passed by this clock, or the app is
    /// killed.
    pub fn sleep(&self, duration: Duration) {
        self.0.sleep_until(self.0.now() + duration, || false);
    }
}

impl TestApp {
    /// A test of this app. Makes the topics that its routes name and that are missing, with one partition each.
    ///
    /// # Errors
    /// Those of [`App::check`], and of the storage where it makes topics.
    pub fn new(app: App) -> Result<Self> {
        app.check()?;
        let mut setup = app.0;
        let (consumer, producer) = (setup.consumer.clone(), setup.producer.clone());
        let (faults, clock): (Arc<Faults>, _) = (Arc::default(), VirtualClock::new());
        for place in [&mut setup.consumer, &mut setup.producer] {
            place.storage = FaultyStorage::around(&place.storage, &faults);
        }
        let handled = Arc::clone(&faults);
        // Whether it crashes with that is seen by its next call of the storage.
        setup.hooks.on_processed.push(Arc::new(move |_, _| drop(handled.step(Step::Handled))));
        (setup.clock, setup.poll_max) = (Clock::Virtual(Arc::clone(&clock)), POLL_MAX);
        let test = Self { setup, engine: None, faults, clock, consumer, producer };
        test.make_topics()?;
        Ok(test)
    }

    /// Produces messages to a topic that the app reads: values, pairs of key and value, or all that there is to say of
    /// one ([`Outgoing`]).
    ///
    /// # Errors
    /// Those of [`Kafi::produce`].
    pub fn send<M: Into<Outgoing>>(&self, topic: &str, messages: impl IntoIterator<Item = M>) -> Result<()> {
        self.handle(&self.consumer).produce(topic, messages).map(drop)
    }

    /// Runs until everything that was sent is handled, written, and committed, however long that takes by the
    /// [clock](TestApp::clock), which does not wait. Starts the app where it does not run, as also after a crash. Where
    /// it crashes by a [`Fault`] it ends there, and [`is_running`](TestApp::is_running) says so.
    ///
    /// An app that always tries again never becomes idle: use [`run_for`](TestApp::run_for).
    ///
    /// # Errors
    /// Those of [`App::run`].
    pub fn run_until_idle(&mut self) -> Result<Done> {
        self.run(None)
    }

    /// The same, but lets at most so much time pass, and all of it.
    ///
    /// # Errors
    /// As for [`run_until_idle`](TestApp::run_until_idle).
    pub fn run_for(&mut self, duration: Duration) -> Result<Done> {
        self.run(Some(self.clock.now() + duration))
    }

    /// Lets something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Kills the app between two runs: what it has not written and committed is lost.
    pub fn crash(&mut self) {
        self.faults.add(Fault::crash());
        self.bury();
    }

    /// Asks the app to stop, as SIGTERM does: what is in hand is finished, written, and committed.
    ///
    /// # Errors
    /// Those of [`App::run`].
    pub fn stop(&mut self) -> Result<Done> {
        let Some(engine) = self.engine.take() else { return Ok(Done::default()) };
        let stopped = engine.stop();
        self.setup.cancel = Cancel::new();
        stopped
    }

    /// Whether it runs: it does from the first run on, until it is stopped, fails, or crashes.
    pub fn is_running(&self) -> bool {
        self.engine.is_some()
    }

    /// The values of all messages of a topic that the app writes, in the order in which they are read.
    ///
    /// # Errors
    /// Those of reading.
    pub fn outputs(&self, topic: &str) -> Result<Vec<Value>> {
        Ok(self.messages(topic)?.into_iter().map(|message| message.value).collect())
    }

    /// All messages of a topic that the app writes, with keys, headers, partitions, and timestamps. Values are read as
    /// what the route returns that publishes there; everything else as it looks.
    ///
    /// # Errors
    /// Those of reading.
    pub fn messages(&self, topic: &str) -> Result<Vec<Message>> {
        let route = self.setup.routes.iter().find(|route| route.publish_to.as_deref() == Some(topic));
        let type_ = route.and_then(|route| route.returns.as_ref().ok()?.type_).unwrap_or(Type::Auto);
        self.handle(&self.producer).topic(topic).types(Type::Auto).value_type(type_).collect()
    }

    /// What the dead letters of a topic say.
    ///
    /// # Errors
    /// Those of reading.
    pub fn dead_letters(&self, topic: &str) -> Result<Vec<Letter>> {
        let messages = self.handle(&self.producer).topic(topic).types(Type::Bytes).collect()?;
        let letter = |message: &Message| {
            let (headers, timestamp) = (message.headers.as_headers(), message.timestamp);
            Letter::of(&Record { headers, timestamp, ..Record::new(topic, None, None) })
        };
        Ok(messages.iter().filter_map(letter).collect())
    }

    /// The offset that the app's group has committed for a partition; none if it has none.
    ///
    /// # Errors
    /// Those of [`GroupAdmin::group_offsets`](kafi_core::GroupAdmin::group_offsets).
    pub fn committed(&self, topic: &str, partition: i32) -> Result<Option<i64>> {
        let group = self.setup.group_name();
        let offsets = match self.consumer.storage.admin()?.group_offsets(&group, TIMEOUT) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            offsets => offsets?,
        };
        let found = offsets.into_iter().find(|offset| offset.topic == topic && offset.partition == partition);
        Ok(found.map(|offset| offset.offset))
    }

    /// Everything that was committed since the test began, in order, with what is done beyond each offset in the metadata.
    pub fn commits(&self) -> Vec<CommittedOffset> {
        self.faults.commits()
    }

    /// How much time has passed since the test began.
    pub fn elapsed(&self) -> Duration {
        self.clock.passed()
    }

    /// The clock, for handlers that take their time.
    pub fn clock(&self) -> TestClock {
        TestClock(Arc::clone(&self.clock))
    }

    fn run(&mut self, until: Option<Instant>) -> Result<Done> {
        let ran = self.try_run(until);
        let done = self.engine.as_ref().map(Engine::done).unwrap_or_default();
        if self.faults.is_dead() {
            self.bury();
            return Ok(done);
        }
        if let Err(error) = ran {
            return match self.engine.take() {
                Some(engine) => engine.end(Err(error)),
                None => Err(error),
            };
        }
        if self.setup.cancel.is_cancelled() { self.stop() } else { Ok(done) }
    }

    fn try_run(&mut self, until: Option<Instant>) -> Result<()> {
        let engine = match &mut self.engine {
            Some(engine) => engine,
            none => none.insert(Engine::start(self.setup.clone(), true)?),
        };
        loop {
            let next = engine.work_until_rest()?;
            let is_over = |next: &Instant| until.is_some_and(|until| *next > until);
            match next.filter(|next| !is_over(next)) {
                Some(next) => engine.move_clock(next),
                None => break,
            }
        }
        if let Some(until) = until {
            engine.move_clock(until);
            engine.work_until_rest()?;
        }
        engine.commit_all()
    }

    /// Ends a process that was killed.
    fn bury(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.kill();
        }
        self.faults.revive();
        self.clock.begin();
    }

    fn handle(&self, place: &Place) -> Kafi {
        Kafi::new(Arc::clone(&place.storage), place.settings.clone()).with_codecs(Arc::clone(&place.codecs))
    }

    fn make_topics(&self) -> Result<()> {
        let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
        for route in &self.setup.routes {
            read.insert(route.topic.clone());
            written.extend(route.publish_to.as_deref().map(String::from));
            written.extend(self.setup.on_error_of(route).into_iter().filter_map(|on_error| match on_error {
                OnError::DeadLetter(topic) => Some(topic),
                OnError::Skip | OnError::Stop => None,
            }));
        }
        for (place, topics) in [(&self.consumer, read), (&self.producer, written)] {
            for topic in topics {
                if !place.exists(&topic)? {
                    place.create(&NewTopic::new(&topic), None)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for TestApp {
    /// Lets the threads of the app end.
    fn drop(&mut self) {
        self.clock.end();
        if let Some(engine) = self.engine.take() {
            engine.close();
        }
    }
}
