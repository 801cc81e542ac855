//! A client of librdkafka, and its queues.

use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};

use super::conf::Conf;
use super::events::Event;
use super::rebalance::Rebalances;
use super::{Deadline, TextBuffer, raw, text};
use crate::error::local;
use crate::health::Health;

/// How long a wait lasts before errors of brokers are looked at; results wake it at once.
const SLICE_MS: i32 = 20;

/// What librdkafka's callbacks see; it outlives the client.
struct Shared {
    secrets: Vec<String>,
    rebalances: Rebalances,
    /// The last line about a connection that failed. Where a broker just hangs up, there is no event.
    failure: Mutex<Option<String>>,
}

struct Inner {
    rk: NonNull<raw::rd_kafka_t>,
    main: NonNull<raw::rd_kafka_queue_t>,
    shared: Arc<Shared>,
    health: Mutex<Health>,
    stash: Mutex<VecDeque<Event>>,
    destroyed: Mutex<Option<mpsc::Sender<()>>>,
}

// SAFETY: librdkafka's handles and queues may be used by any thread, and by several at once; the rest is behind mutexes.
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
    queue: Queue,
    started: Instant,
}

impl Client {
    /// Makes a client. `secrets` are blanked out of its log lines and errors; `health` knows whom it speaks to.
    ///
    /// # Errors
    /// `Config`, where properties do not go together.
    pub(crate) fn new(kind: raw::rd_kafka_type_t, conf: Conf, secrets: Vec<String>, health: Health) -> Result<Self> {
        // Clients are destroyed by threads that nobody waits for, so that some may be at work when the process ends. OpenSSL would then free under
        // them what they use; initialised like this, before librdkafka does it, it leaves that to the system.
        openssl_sys::init();
        let shared = Arc::new(Shared { secrets, rebalances: Rebalances::default(), failure: Mutex::default() });
        let mut why = TextBuffer::new();
        // SAFETY: the configuration is owned; on success librdkafka takes it over, otherwise it stays ours. The opaque pointer stays
        // valid, because `Inner` keeps it until the client is destroyed. The callbacks are sound for any thread.
        let rk = unsafe {
            raw::rd_kafka_conf_set_opaque(conf.as_ptr(), Arc::as_ptr(&shared).cast_mut().cast());
            raw::rd_kafka_conf_set_log_cb(conf.as_ptr(), Some(log_line));
            raw::conf_set_rebalance_cb(conf.as_ptr(), Some(rebalance));
            raw::rd_kafka_conf_set_events(conf.as_ptr(), raw::RD_KAFKA_EVENT_ERROR | raw::RD_KAFKA_EVENT_DR);
            raw::rd_kafka_new(kind, conf.as_ptr(), why.as_mut_ptr(), why.len())
        };
        let Some(rk) = NonNull::new(rk) else {
            let why = redact(&shared.secrets, &why.text());
            return Err(Error::new(ErrorKind::Config, "open Kafka client", crate::error::lower_first(&why)));
        };
        conf.forget();
        // SAFETY: the handle is valid.
        let main = unsafe { raw::rd_kafka_queue_get_main(rk.as_ptr()) };
        let main = NonNull::new(main).expect("a client has a main queue");
        Ok(Self(Arc::new(Inner { rk, main, shared, health: Mutex::new(health), stash: Mutex::default(), destroyed: Mutex::default() })))
    }

    /// The handle, for the calls of this module's siblings.
    pub(super) fn rk(&self) -> *mut raw::rd_kafka_t {
        self.0.rk.as_ptr()
    }

    /// What is known about the brokers.
    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
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
        redact(&self.0.shared.secrets, text)
    }

    /// The next event that is not about brokers; those are noted. Waits up to `timeout_ms` for one.
    pub(crate) fn next_event(&self, timeout_ms: i32) -> Option<Event> {
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
            self.health().note(code, &text);
            timeout_ms = 0;
        }
    }

    /// Takes note of what happened to brokers, and keeps other events for later.
    pub(crate) fn note_events(&self) {
        let line = self.0.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(line) = line {
            self.health().note_line(&line);
        }
        let mut others = VecDeque::new();
        loop {
            // SAFETY: the queue is valid.
            let Some(event) = Event::new(unsafe { raw::rd_kafka_queue_poll(self.0.main.as_ptr(), 0) }, self) else { break };
            if event.is_error() {
                let (code, text) = event.error_text();
                self.health().note(code, &text);
            } else {
                others.push_back(event);
            }
        }
        self.0.stash.lock().unwrap_or_else(PoisonError::into_inner).append(&mut others);
    }

    /// Starts a request whose answer comes as an event: `call` gets the handle, the options, and the queue for the answer.
    pub(super) fn start(
        &self,
        kind: raw::rd_kafka_admin_op_t,
        timeout: Duration,
        call: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Pending {
        let queue = self.queue();
        // The broker gets no less than this, so that a short wait of the caller's is a wait only, and not a refused request.
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).clamp(100, 3_600_000);
        let mut why = TextBuffer::new();
        // SAFETY: handle, options and queue are valid during the call; the options are freed once.
        unsafe {
            let options = raw::rd_kafka_AdminOptions_new(self.rk(), kind);
            raw::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why.as_mut_ptr(), why.len());
            call(self.rk(), options, queue.as_ptr());
            raw::rd_kafka_AdminOptions_destroy(options);
        }
        Pending { queue, started: Instant::now() }
    }

    /// Takes the answer if it is there.
    ///
    /// # Errors
    /// What the request as a whole failed with.
    pub(super) fn take(&self, operation: &'static str, pending: &Pending, timeout_ms: i32) -> Result<Option<Event>> {
        let Some(event) = pending.queue.next_event(timeout_ms) else { return Ok(None) };
        let (code, text) = event.error_text();
        if code == 0 {
            self.health().note_answer();
            return Ok(Some(event));
        }
        // A request that no broker took fails with a time-out or with the state of a connection; what is known about the brokers says more.
        self.note_events();
        let broken = matches!(code, local::TIMED_OUT | local::TRANSPORT | local::ALL_BROKERS_DOWN | -166);
        let known = if broken { self.health().why_no_answer(operation, code) } else { None };
        Err(known.unwrap_or_else(|| crate::error::with_text(operation, code, &self.redact(&text))))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// `Unavailable` and `Authentication` as soon as they are known; `Timeout`; what the request as a whole failed with.
    pub(super) fn wait(&self, operation: &'static str, pending: &Pending, deadline: Deadline) -> Result<Event> {
        let timed_out = || self.health().why_no_answer(operation, local::TIMED_OUT).unwrap_or_else(|| crate::error::timed_out(operation));
        self.wait_for_now(operation, pending, deadline)?.ok_or_else(timed_out)
    }

    /// As [`wait`](Self::wait), but an answer that is only late is `None`, and can be waited for again.
    pub(super) fn wait_for_now(&self, operation: &'static str, pending: &Pending, deadline: Deadline) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.take(operation, pending, deadline.left_ms(SLICE_MS))? {
                return Ok(Some(event));
            }
            self.note_events();
            if let Some(error) = self.health().verdict(operation, pending.started) {
                return Err(error);
            }
            if deadline.is_over() {
                return self.health().last_error(operation).map_or(Ok(None), Err);
            }
        }
    }

    /// Asks whether a broker is there, and gives it this long.
    pub(crate) fn start_probe(&self, timeout: Duration) -> Pending {
        self.start(raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, timeout, |rk, options, queue| {
            // SAFETY: `start` passes valid pointers.
            unsafe { raw::rd_kafka_DescribeCluster(rk, options, queue) }
        })
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
    destroyed: Option<mpsc::Sender<()>>,
}

// SAFETY: handles may be destroyed by any thread.
unsafe impl Send for Remains {}

impl Remains {
    fn destroy(self) {
        // SAFETY: nothing of this client is in use any more.
        unsafe {
            self.shared.rebalances.close(self.rk.as_ptr());
            raw::rd_kafka_destroy(self.rk.as_ptr());
        }
        drop(self.shared);
        if let Some(sender) = self.destroyed {
            // Whoever waited may have given up.
            let _ = sender.send(());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Events hold things of the client, not the client itself, so they go first.
        self.stash.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        // SAFETY: the reference is ours.
        unsafe { raw::rd_kafka_queue_destroy(self.main.as_ptr()) };
        let destroyed = self.destroyed.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let remains = Remains { rk: self.rk, shared: Arc::clone(&self.shared), destroyed };
        // Without a thread the client is leaked: a drop neither blocks nor panics.
        let _ = std::thread::Builder::new().name("kafi-kafka-close".into()).spawn(move || remains.destroy());
    }
}

fn redact(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_string(), |text, secret| text.replace(secret.as_str(), "***"))
}

/// librdkafka's levels are those of syslog. What it calls errors are mostly connections that it sets up again; the errors that matter come back from calls.
extern "C" fn log_line(rk: *const raw::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    // SAFETY: librdkafka passes valid strings.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    let level = match (level, facility.as_str()) {
        // Properties of consumers and producers stand in one configuration, so each kind of client meets some of the other's.
        (_, "CONFWARN") => log::Level::Debug,
        (..=2, _) => log::Level::Error,
        (3, "FAIL") => log::Level::Info,
        (3..=4, _) => log::Level::Warn,
        (5..=6, _) => log::Level::Debug,
        _ => log::Level::Trace,
    };
    // SAFETY: the opaque pointer of a client is its `Shared`, which outlives it.
    let shared = unsafe { raw::rd_kafka_opaque(rk).cast::<Shared>().as_ref() };
    let line = shared.map_or_else(|| line.clone(), |shared| redact(&shared.secrets, &line));
    if let Some(shared) = shared.filter(|_| facility == "FAIL" && line.contains(": Disconnected")) {
        let line = line.split_once("]: ").map_or(line.as_str(), |(_, line)| line);
        *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_string());
    }
    log::log!(target: "librdkafka", level, "{facility}: {line}");
}

/// Takes note of what came and goes; it is answered later.
unsafe extern "C" fn rebalance(rk: *mut raw::rd_kafka_t, code: c_int, partitions: *mut raw::rd_kafka_topic_partition_list_t, opaque: *mut c_void) {
    // SAFETY: the opaque pointer of a client is its `Shared`, and handle and list are valid during the call.
    unsafe {
        if let Some(shared) = opaque.cast::<Shared>().as_ref() {
            shared.rebalances.note(rk, code, partitions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_out_wherever_they_stand() {
        let secrets = ["hunter2".to_string(), "key".to_string()];
        assert_eq!(redact(&secrets, "password hunter2, again hunter2: a key"), "password ***, again ***: a ***");
    }
}
