//! A client of librdkafka, and its queues.

use std::collections::{HashSet, VecDeque};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result, Secrets};

use super::conf::Conf;
use super::events::Event;
use super::question::Question;
use super::rebalance::Rebalances;
use super::{Deadline, TextBuffer, raw, sockets, text};
use crate::error::local;
use crate::health::Health;
use crate::made::Made;
use crate::retry::retried;

/// How long a wait lasts before errors of brokers are looked at; results wake it at once.
const SLICE_MS: i32 = 20;

/// How long a broker that is there may take to be found.
const LOOK_MS: i32 = 50;

/// So long librdkafka waits for a coordinator, the most that it takes: see [`Client::start_at_coordinator`].
const AT_COORDINATOR_MAX: Duration = Duration::from_secs(3600);

/// A client whose brokers could not be reached so long ago is taken for cut off: librdkafka tries again every two
/// seconds, and says so.
const LAST_DOWN: Duration = Duration::from_secs(5);

/// What librdkafka's callbacks see; it outlives the client.
struct Shared {
    secrets: Secrets,
    rebalances: Rebalances,
    /// The last line about a connection that failed. Where a broker just hangs up, there is no event.
    failure: Mutex<Option<String>>,
}

struct Inner {
    rk: NonNull<raw::rd_kafka_t>,
    main: NonNull<raw::rd_kafka_queue_t>,
    shared: Arc<Shared>,
    health: Mutex<Health>,
    made: Made,
    stash: Mutex<VecDeque<Event>>,
    destroyed: Mutex<Option<mpsc::Sender<()>>>,
    reads: Mutex<Reads>,
    /// The broker that has answered a question last; negative for the controller, whichever it is.
    answers: AtomicI32,
    /// Where librdkafka says why no coordinator is found, of a client that only asks coordinators.
    refusals: Option<NonNull<raw::rd_kafka_queue_t>>,
}

/// The partitions that are read without a group, each with a reference to its topic: what was started is stopped before
/// the client is destroyed.
#[derive(Default)]
struct Reads(HashSet<(NonNull<raw::rd_kafka_topic_t>, i32)>);

// SAFETY: librdkafka's handles and queues may be used by any thread, and by several at once; the rest is behind
// mutexes.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

/// A client: a handle of librdkafka with its threads and connections. Clones are the same client.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

/// A queue of librdkafka.
pub(crate) struct Queue {
    queue: NonNull<raw::rd_kafka_queue_t>,
    client: Client,
}

// SAFETY: queues may be used by any thread.
unsafe impl Send for Queue {}

/// An answer that is on its way.
pub(crate) struct Pending {
    from: From,
    started: Instant,
}

/// Where an answer comes from.
enum From {
    /// The one broker that is asked.
    One(Queue),
    /// Whichever broker answers first.
    Any(Question),
}

impl Client {
    /// Makes a client. `secrets` are blanked out of its log lines and errors; `health` knows whom it speaks to.
    ///
    /// # Errors
    /// `Config`, where properties do not go together.
    pub(crate) fn new(
        kind: raw::rd_kafka_type_t,
        conf: Conf,
        secrets: Secrets,
        health: Health,
        made: Made,
    ) -> Result<Self> {
        // Clients are destroyed by threads that nobody waits for, so that some may be at work when the process ends.
        // OpenSSL would then free under them what they use; initialised like this, before librdkafka does it, it leaves
        // that to the system.
        openssl_sys::init();
        let shared = Arc::new(Shared { secrets, rebalances: Rebalances::default(), failure: Mutex::default() });
        let mut why = TextBuffer::new();
        // SAFETY: the configuration is owned; on success librdkafka takes it over, otherwise it stays ours. The opaque
        // pointer stays valid, because `Inner` keeps it until the client is destroyed. The callbacks are sound for any
        // thread.
        let rk = unsafe {
            raw::rd_kafka_conf_set_opaque(conf.as_ptr(), Arc::as_ptr(&shared).cast_mut().cast());
            raw::rd_kafka_conf_set_log_cb(conf.as_ptr(), Some(log_line));
            raw::rd_kafka_conf_set_socket_cb(conf.as_ptr(), Some(sockets::make));
            raw::conf_set_rebalance_cb(conf.as_ptr(), Some(rebalance));
            raw::rd_kafka_conf_set_events(conf.as_ptr(), raw::RD_KAFKA_EVENT_ERROR | raw::RD_KAFKA_EVENT_DR);
            raw::rd_kafka_new(kind, conf.as_ptr(), why.as_mut_ptr(), why.len())
        };
        let Some(rk) = NonNull::new(rk) else {
            let why = shared.secrets.blank(&why.text());
            return Err(Error::new(ErrorKind::Config, "open Kafka client", crate::error::lower_first(&why)));
        };
        conf.forget();
        // SAFETY: the handle is valid.
        let main = unsafe { raw::rd_kafka_queue_get_main(rk.as_ptr()) };
        let main = NonNull::new(main).expect("a client has a main queue");
        let (health, stash, destroyed, reads, answers) =
            (Mutex::new(health), Mutex::default(), Mutex::default(), Mutex::default(), AtomicI32::new(-1));
        Ok(Self(Arc::new(Inner { rk, main, shared, health, made, stash, destroyed, reads, answers, refusals: None })))
    }

    /// Makes a consumer that asks the coordinators of groups, itself has a group, and never joins it. When it is
    /// destroyed, it does so without taking leave of anybody.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub(crate) fn asking_coordinators(conf: Conf, secrets: Secrets, health: Health, made: Made) -> Result<Self> {
        let mut client = Self::new(raw::rd_kafka_type_t::RD_KAFKA_CONSUMER, conf, secrets, health, made)?;
        let inner = Arc::get_mut(&mut client.0).expect("nobody else has the client yet");
        // SAFETY: the handle is valid.
        inner.refusals = NonNull::new(unsafe { raw::rd_kafka_queue_get_consumer(inner.rk.as_ptr()) });
        Ok(client)
    }

    /// The handle, for the calls of this module's siblings.
    pub(super) fn rk(&self) -> *mut raw::rd_kafka_t {
        self.0.rk.as_ptr()
    }

    /// What is known about the brokers.
    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topics that were made a moment ago.
    pub(crate) fn made(&self) -> &Made {
        &self.0.made
    }

    /// A new queue.
    pub(crate) fn queue(&self) -> Queue {
        // SAFETY: the handle is valid.
        let queue = unsafe { raw::rd_kafka_queue_new(self.rk()) };
        Queue { queue: NonNull::new(queue).expect("librdkafka gives a queue"), client: self.clone() }
    }

    /// The queue in which a group's member gets its messages.
    pub(crate) fn member_queue(&self) -> Queue {
        // SAFETY: the handle is valid.
        let queue = unsafe { raw::rd_kafka_queue_get_consumer(self.rk()) };
        Queue { queue: NonNull::new(queue).expect("a consumer with a group has a queue"), client: self.clone() }
    }

    /// What a group asks of this member.
    pub(super) fn rebalance_state(&self) -> &Rebalances {
        &self.0.shared.rebalances
    }

    /// Without secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.shared.secrets.blank(text)
    }

    /// Lets librdkafka have the brokers of the configuration again, where it is quiet for too long and it has none.
    ///
    /// After an answer that names no broker, as one that has just started gives, librdkafka 2.12.1 lets go of all that it
    /// knows, and asks nobody any more.
    fn look_for_brokers(&self) {
        let brokers = self.health().take_lost();
        if let Some(brokers) = brokers
            && self.ask_metadata(false, LOOK_MS).is_err_and(|code| code == local::TRANSPORT)
        {
            // SAFETY: the handle and the text are valid; the call does not wait.
            unsafe { raw::rd_kafka_brokers_add(self.rk(), brokers.as_ptr()) };
        }
    }

    /// The next event that is not about brokers; those are noted. Waits up to `timeout_ms` for one.
    pub(crate) fn next_event(&self, timeout_ms: i32) -> Option<Event> {
        self.look_for_brokers();
        if let Some(event) = self.0.stash.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            return Some(event);
        }
        let mut timeout_ms = timeout_ms;
        loop {
            // SAFETY: the queue is valid.
            let event = Event::new(unsafe { raw::rd_kafka_queue_poll(self.0.main.as_ptr(), timeout_ms) }, self)?;
            if !event.is_error() {
                return Some(event);
            }
            let (code, text) = event.error_text();
            self.health().note(code, &self.redact(&text));
            timeout_ms = 0;
        }
    }

    /// Takes note of what happened to brokers, and keeps other events for later.
    pub(crate) fn note_events(&self) {
        self.look_for_brokers();
        let line = self.0.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(line) = line {
            self.health().note_line(&line);
        }
        let mut others = VecDeque::new();
        loop {
            // SAFETY: the queue is valid.
            let Some(event) = Event::new(unsafe { raw::rd_kafka_queue_poll(self.0.main.as_ptr(), 0) }, self) else {
                break;
            };
            if event.is_error() {
                let (code, text) = event.error_text();
                self.health().note(code, &self.redact(&text));
            } else {
                others.push_back(event);
            }
        }
        self.0.stash.lock().unwrap_or_else(PoisonError::into_inner).append(&mut others);
    }

    /// Starts a request whose answer comes as an event: `call` gets the handle, the options, and the queue for the
    /// answer.
    pub(super) fn start(
        &self,
        kind: raw::rd_kafka_admin_op_t,
        timeout: Duration,
        call: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Pending {
        Pending { from: From::One(self.send(kind, timeout, call)), started: Instant::now() }
    }

    /// The same; the answer comes to the queue that is returned.
    pub(super) fn send(
        &self,
        kind: raw::rd_kafka_admin_op_t,
        timeout: Duration,
        call: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Queue {
        let queue = self.queue();
        // The broker gets no less than this, so that a short wait of the caller's is a wait only, and not a refused
        // request.
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).clamp(100, 3_600_000);
        let mut why = TextBuffer::new();
        // SAFETY: handle, options and queue are valid during the call; the options are freed once.
        unsafe {
            let options = raw::rd_kafka_AdminOptions_new(self.rk(), kind);
            raw::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why.as_mut_ptr(), why.len());
            call(self.rk(), options, queue.as_ptr());
            raw::rd_kafka_AdminOptions_destroy(options);
        }
        queue
    }

    /// Starts a request to the coordinator of a group, which librdkafka finds first.
    ///
    /// librdkafka 2.12.1 must not give up such a request by itself while its client lives: what is left of it goes on
    /// to look for the coordinator, and once that is found uses memory that is freed (`rd_kafka_admin_coord_request`).
    /// So the time is kept on this side, and what waits for too long is dropped with its client.
    pub(super) fn start_at_coordinator(
        &self,
        kind: raw::rd_kafka_admin_op_t,
        call: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Pending {
        self.start(kind, AT_COORDINATOR_MAX, call)
    }

    /// Does a whole request, again for as long as brokers say "later" and time is left: `start` asks, `read` takes the
    /// answer.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait) and of both functions.
    pub(super) fn request<T>(
        &self,
        operation: &'static str,
        deadline: Deadline,
        start: impl Fn() -> Result<Pending>,
        read: impl Fn(&Event) -> Result<T>,
    ) -> Result<T> {
        retried(deadline, || self.wait(operation, &start()?, deadline).and_then(|event| read(&event)))
    }

    /// Why this client, which asks coordinators, will find none, if the brokers have said so.
    pub(crate) fn refusal(&self, operation: &'static str) -> Option<Error> {
        let queue = self.0.refusals?;
        // SAFETY: the queue is valid.
        while let Some(event) = Event::new(unsafe { raw::rd_kafka_queue_poll(queue.as_ptr(), 0) }, self) {
            let (code, _) = event.error_text();
            if code > 0 && !crate::error::says_later(code) {
                return Some(crate::error::from_code(operation, code));
            }
        }
        None
    }

    /// The broker that has answered a question last, if it was not asked as the controller.
    pub(super) fn who_answers(&self) -> Option<i32> {
        Some(self.0.answers.load(Ordering::Relaxed)).filter(|broker| *broker >= 0)
    }

    /// Takes note of who has answered a question; `None` is the controller.
    pub(super) fn note_who_answers(&self, broker: Option<i32>) {
        self.0.answers.store(broker.unwrap_or(-1), Ordering::Relaxed);
    }

    /// Whether a request that ended with this code has got no answer.
    pub(super) fn is_unreached(code: i32) -> bool {
        matches!(
            code,
            local::TIMED_OUT
                | local::TRANSPORT
                | local::ALL_BROKERS_DOWN
                | local::DESTROY_BROKER
                | local::TIMED_OUT_IN_QUEUE
        )
    }

    /// Takes note of a partition that is read without a group.
    pub(super) fn note_read(&self, topic: *mut raw::rd_kafka_topic_t, partition: i32) {
        // SAFETY: handle and topic are valid; the name belongs to the topic, and what is returned is one more reference
        // to it.
        let own = unsafe { raw::rd_kafka_topic_new(self.rk(), raw::rd_kafka_topic_name(topic), std::ptr::null_mut()) };
        let Some(own) = NonNull::new(own) else { return };
        let mut reads = self.0.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if !reads.0.insert((own, partition)) {
            // SAFETY: the reference is ours.
            unsafe { raw::rd_kafka_topic_destroy(own.as_ptr()) };
        }
    }

    /// Whether reading this partition was started.
    pub(super) fn is_read(&self, topic: *mut raw::rd_kafka_topic_t, partition: i32) -> bool {
        let reads = self.0.reads.lock().unwrap_or_else(PoisonError::into_inner);
        NonNull::new(topic).is_some_and(|topic| reads.0.contains(&(topic, partition)))
    }

    /// Takes the answer if it is there.
    ///
    /// # Errors
    /// What the request as a whole failed with.
    pub(super) fn take(&self, operation: &'static str, pending: &Pending, timeout_ms: i32) -> Result<Option<Event>> {
        let Some(event) = pending.next_event(self, timeout_ms) else { return Ok(None) };
        let (code, text) = event.error_text();
        if code == 0 {
            self.health().note_answer();
            return Ok(Some(event));
        }
        // A request that no broker took fails with a time-out or with the state of a connection; what is known about
        // the brokers says more.
        self.note_events();
        let health = self.health();
        let known = if Self::is_unreached(code) { health.why_no_answer(operation, code) } else { None };
        Err(match known {
            // A broker that answered before may be at a restart, so that it is asked again.
            Some(error) if health.has_answered() => crate::error::with_code(error, code),
            Some(error) => error,
            None => crate::error::with_text(operation, code, &self.redact(&text)),
        })
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// `Unavailable` and `Authentication` as soon as they are known; `Timeout`; what the request as a whole failed
    /// with.
    pub(super) fn wait(&self, operation: &'static str, pending: &Pending, deadline: Deadline) -> Result<Event> {
        let timed_out = || {
            self.health()
                .why_no_answer(operation, local::TIMED_OUT)
                .unwrap_or_else(|| crate::error::timed_out(operation))
        };
        self.wait_for_now(operation, pending, deadline)?.ok_or_else(timed_out)
    }

    /// As [`wait`](Self::wait), but an answer that is only late is `None`, and can be waited for again.
    pub(super) fn wait_for_now(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.take(operation, pending, deadline.left_ms(SLICE_MS))? {
                return Ok(Some(event));
            }
            self.note_events();
            let hopeless = self.health().verdict(operation, pending.started);
            if let Some(error) = hopeless.or_else(|| self.refusal(operation)) {
                return Err(error);
            }
            if deadline.is_over() {
                return self.health().last_error(operation).map_or(Ok(None), Err);
            }
        }
    }

    /// Whether the answer to [`start_probe`](Self::start_probe) is there.
    ///
    /// # Errors
    /// `Unavailable`, when the time is over.
    pub(crate) fn take_probe(&self, operation: &'static str, probe: &Pending) -> Result<bool> {
        self.take(operation, probe, 0).map(|event| event.is_some())
    }

    /// Destroys the client, and waits for it up to `timeout`; says whether that sufficed.
    pub(crate) fn close(self, timeout: Duration) -> bool {
        let (sender, receiver) = mpsc::channel();
        *self.0.destroyed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        drop(self);
        receiver.recv_timeout(timeout).is_ok()
    }
}

impl Pending {
    /// The answer to a question that any broker can answer.
    pub(super) fn of_question(question: Question) -> Self {
        Self { from: From::Any(question), started: Instant::now() }
    }

    fn next_event(&self, client: &Client, timeout_ms: i32) -> Option<Event> {
        match &self.from {
            From::One(queue) => queue.next_event(timeout_ms),
            From::Any(question) => question.next_event(client, timeout_ms),
        }
    }

    /// Whether it was asked for so long ago.
    pub(crate) fn has_taken(&self, time: Duration) -> bool {
        self.started.elapsed() >= time
    }
}

impl Queue {
    pub(super) fn as_ptr(&self) -> *mut raw::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    pub(super) fn next_event(&self, timeout_ms: i32) -> Option<Event> {
        // SAFETY: the queue is valid.
        Event::new(unsafe { raw::rd_kafka_queue_poll(self.as_ptr(), timeout_ms) }, &self.client)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the client is still there.
        unsafe { raw::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// What is left of a client whose last user is gone.
struct Remains {
    rk: NonNull<raw::rd_kafka_t>,
    shared: Arc<Shared>,
    reads: Reads,
    takes_leave: bool,
    destroyed: Option<mpsc::Sender<()>>,
}

// SAFETY: handles may be destroyed by any thread, and topics used by any.
unsafe impl Send for Remains {}

impl Remains {
    fn destroy(self) {
        let flags = if self.takes_leave { 0 } else { raw::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE };
        // SAFETY: nothing of this client is in use any more; the references to topics are ours.
        unsafe {
            for (topic, partition) in &self.reads.0 {
                raw::rd_kafka_consume_stop(topic.as_ptr(), *partition);
                raw::rd_kafka_topic_destroy(topic.as_ptr());
            }
            self.shared.rebalances.close(self.rk.as_ptr());
            raw::rd_kafka_destroy_flags(self.rk.as_ptr(), flags);
        }
        drop(self.shared);
        if let Some(sender) = self.destroyed {
            // Whoever waited may have given up.
            let _ = sender.send(());
        }
    }
}

impl Inner {
    /// Takes note of what happened to brokers while nobody looked.
    fn note_last_events(&mut self) {
        let health = self.health.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            // SAFETY: the queue is valid, and the client is still there.
            let Some(event) = (unsafe { Event::of(raw::rd_kafka_queue_poll(self.main.as_ptr(), 0)) }) else { return };
            if event.is_error() {
                let (code, text) = event.error_text();
                health.note(code, &text);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Events hold things of the client, not the client itself, so they go first.
        self.stash.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.note_last_events();
        // SAFETY: the references are ours.
        unsafe {
            raw::rd_kafka_queue_destroy(self.main.as_ptr());
            self.refusals.iter().for_each(|queue| raw::rd_kafka_queue_destroy(queue.as_ptr()));
        }
        let destroyed = self.destroyed.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let reads = std::mem::take(self.reads.get_mut().unwrap_or_else(PoisonError::into_inner));
        // Where no broker can be reached nobody hears that a member leaves, and librdkafka 2.12.1 may use a coordinator
        // that it has given up (`rd_kafka_cgrp_leave`).
        let is_cut_off = self.health.get_mut().unwrap_or_else(PoisonError::into_inner).is_down_within(LAST_DOWN);
        let takes_leave = self.refusals.is_none() && !is_cut_off;
        let remains = Remains { rk: self.rk, shared: Arc::clone(&self.shared), reads, takes_leave, destroyed };
        // Without a thread the client is leaked: a drop neither blocks nor panics.
        let _ = std::thread::Builder::new().name("kafi-kafka-close".into()).spawn(move || remains.destroy());
    }
}

/// librdkafka's levels are those of syslog. What it calls errors are mostly connections that it sets up again; the
/// errors that matter come back from calls.
extern "C" fn log_line(rk: *const raw::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    // SAFETY: librdkafka passes valid strings.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    let level = match (level, facility.as_str()) {
        // Properties of consumers and producers stand in one configuration, so each kind of client meets some of the
        // other's.
        (_, "CONFWARN") => log::Level::Debug,
        (..=2, _) => log::Level::Error,
        (3, "FAIL") => log::Level::Info,
        (3..=4, _) => log::Level::Warn,
        (5..=6, _) => log::Level::Debug,
        _ => log::Level::Trace,
    };
    // SAFETY: the opaque pointer of a client is its `Shared`, which outlives it.
    let shared = unsafe { raw::rd_kafka_opaque(rk).cast::<Shared>().as_ref() };
    let line = shared.map_or_else(|| line.clone(), |shared| shared.secrets.blank(&line));
    if let Some(shared) = shared.filter(|_| facility == "FAIL" && line.contains(": Disconnected")) {
        let line = line.split_once("]: ").map_or(line.as_str(), |(_, line)| line);
        *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_string());
    }
    log::log!(target: "librdkafka", level, "{facility}: {line}");
}

/// Takes note of what came and goes; it is answered later.
unsafe extern "C" fn rebalance(
    rk: *mut raw::rd_kafka_t,
    code: c_int,
    partitions: *mut raw::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque pointer of a client is its `Shared`, and handle and list are valid during the call.
    unsafe {
        if let Some(shared) = opaque.cast::<Shared>().as_ref() {
            shared.rebalances.note(rk, code, partitions);
        }
    }
}
