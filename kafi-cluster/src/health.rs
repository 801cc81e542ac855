//! What is known about the brokers of a client, and when that is enough to give up.

use std::collections::HashMap;
use std::ffi::CString;
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Retry};

use crate::error::{self, local};

/// How long a first answer may take.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(10);
/// The name of a host may have several addresses, of which librdkafka tries one after another, and calls the broker
/// down after each.
const OTHER_ADDRESSES_MAX: Duration = Duration::from_secs(1);
/// What was known before a call is waited for to get better for this long, since librdkafka does not repeat itself.
const STALE_MAX: Duration = Duration::from_secs(3);

/// Where no broker was heard of for so long, they are looked for again.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// A broker that ends connections before the first answer speaks another protocol; for this long something else may be
/// the reason.
const DROPPED_MAX: Duration = Duration::from_secs(2);

/// The broker's code for a kind of authentication that it does not offer.
const UNSUPPORTED_MECHANISM: i32 = 33;

/// The last errors of a client's brokers.
pub(crate) struct Health {
    brokers: String,
    several_addresses: bool,
    answered: bool,
    /// When a broker was last heard of, or looked for again.
    heard: Instant,
    last: Option<Trouble>,
    /// What the connection to each broker failed with last, by its address. librdkafka says so once in 30 seconds.
    troubles: HashMap<String, String>,
    /// No broker can be reached.
    down: Option<Noted>,
    /// A broker refuses who we are.
    refused: Option<Noted>,
    /// Whether a broker ended a connection before the first answer.
    dropped: bool,
}

/// When something was noted first and last.
#[derive(Clone, Copy)]
struct Noted {
    first: Instant,
    last: Instant,
}

/// What a broker's connection failed with.
struct Trouble {
    code: i32,
    broker: String,
    why: String,
}

impl Health {
    /// For a client that starts with these brokers, `host:port` with commas between.
    pub(crate) fn new(brokers: &str) -> Self {
        let several_addresses = brokers.split(',').any(|broker| !is_address(broker.trim()));
        Self {
            brokers: brokers.to_string(),
            several_addresses,
            answered: false,
            heard: Instant::now(),
            last: None,
            troubles: HashMap::new(),
            down: None,
            refused: None,
            dropped: false,
        }
    }

    /// Takes note of an error of librdkafka.
    pub(crate) fn note(&mut self, code: i32, text: &str) {
        let noted = match code {
            local::ALL_BROKERS_DOWN => Some(&mut self.down),
            local::AUTHENTICATION => Some(&mut self.refused),
            _ => None,
        };
        if let Some(noted) = noted {
            let now = Instant::now();
            noted.get_or_insert(Noted { first: now, last: now }).last = now;
        }
        if code != local::ALL_BROKERS_DOWN {
            let trouble = Trouble::parse(code, text);
            self.troubles.insert(trouble.broker.clone(), trouble.why.clone());
            self.last = Some(trouble);
        }
    }

    /// Takes note of a line about a connection that failed, which may be all that there is.
    pub(crate) fn note_line(&mut self, line: &str) {
        let is_dropped = line.contains(": Disconnected");
        if is_dropped && self.last.is_none() {
            self.last = Some(Trouble::parse(local::TRANSPORT, line));
        }
        self.dropped |= is_dropped && !self.answered;
    }

    /// Takes note that a broker answered.
    pub(crate) fn note_answer(&mut self) {
        self.note_heard();
        self.answered = true;
        self.dropped = false;
        self.last = None;
        self.down = None;
        self.refused = None;
    }

    /// Takes note that something came from a broker, perhaps some time ago.
    pub(crate) fn note_heard(&mut self) {
        self.heard = Instant::now();
    }

    /// The brokers of the configuration, if they are to be looked for again, because it is quiet for too long.
    pub(crate) fn take_lost(&mut self) -> Option<CString> {
        if self.heard.elapsed() < QUIET_MAX {
            return None;
        }
        self.note_heard();
        CString::new(self.brokers.as_str()).ok()
    }

    /// Whether any broker ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered
    }

    /// Since when no broker can be reached, if so.
    pub(crate) fn down_since(&self) -> Option<Instant> {
        self.down.map(|noted| noted.first)
    }

    /// Whether no broker could be reached at some point of this time.
    pub(crate) fn is_down_within(&self, time: Duration) -> bool {
        self.down.is_some_and(|noted| noted.last.elapsed() < time)
    }

    /// The error that a call which began at `started` is to end with, if there is no hope left for it.
    pub(crate) fn verdict(&self, operation: &'static str, started: Instant) -> Option<Error> {
        let waited = started.elapsed();
        // Once a broker answered, an outage may be a restart, so calls wait longer.
        let is_hopeless = |noted: Noted, patience: Duration| match (self.answered, noted.last >= started) {
            (true, _) => waited >= FIRST_ANSWER_MAX,
            (false, true) => noted.first.max(started).elapsed() >= patience,
            (false, false) => waited >= STALE_MAX,
        };
        if self.refused.is_some_and(|noted| is_hopeless(noted, Duration::ZERO)) {
            return self.last_error(operation);
        }
        let patience = if self.several_addresses { OTHER_ADDRESSES_MAX } else { Duration::ZERO };
        if self.down.is_some_and(|noted| is_hopeless(noted, patience)) {
            return Some(self.last_error(operation).unwrap_or_else(|| self.silent(operation)));
        }
        let patience = if self.dropped { DROPPED_MAX } else { FIRST_ANSWER_MAX };
        (!self.answered && waited >= patience)
            .then(|| self.last_error(operation).unwrap_or_else(|| self.silent(operation)))
    }

    /// The error of a broker that refuses who we are, if it has done so for longer than a restart takes.
    pub(crate) fn refusal(&self, operation: &'static str) -> Option<Error> {
        let is_lasting =
            self.refused.is_some_and(|noted| noted.first.elapsed() >= FIRST_ANSWER_MAX && noted.last > noted.first);
        if is_lasting { self.last_error(operation) } else { None }
    }

    /// The last error of a broker, if it is not over.
    pub(crate) fn last_error(&self, operation: &'static str) -> Option<Error> {
        let last = self.last.as_ref()?;
        let (kind, retry) = last.kind();
        // Who was understood once is understood again, when the broker is back.
        let retry = if self.answered && kind == ErrorKind::Unavailable { Retry::Later } else { retry };
        let error = Error::new(kind, operation, last.why.clone()).retry(retry).with("broker", &last.broker);
        Some(if self.dropped {
            error.hint("security.protocol may not be what this address of the broker speaks")
        } else {
            error
        })
    }

    /// Why a request that was given up with `code` got no answer: the last error of a broker, or that none has ever
    /// answered.
    pub(crate) fn why_no_answer(&self, operation: &'static str, code: i32) -> Option<Error> {
        let never = || (!self.answered).then(|| self.unanswered(error::kind_of(code).0, operation));
        self.last_error(operation).or_else(never)
    }

    /// What the connection to the broker at this address (`host:port`) failed with last, if it did.
    pub(crate) fn trouble_with(&self, address: &str) -> Option<&str> {
        self.troubles.get(address).map(String::as_str)
    }

    fn silent(&self, operation: &'static str) -> Error {
        self.unanswered(ErrorKind::Unavailable, operation)
    }

    fn unanswered(&self, kind: ErrorKind, operation: &'static str) -> Error {
        Error::new(kind, operation, "no broker answers").retry(Retry::Later).with("brokers", &self.brokers)
    }
}

impl Trouble {
    /// librdkafka writes `sasl_ssl://host:port/bootstrap: Connect to ipv4#1.2.3.4:9092 failed: Connection refused
    /// (after 0ms in state CONNECT)`.
    fn parse(code: i32, text: &str) -> Self {
        let (broker, why) = text.split_once(": ").unwrap_or(("", text));
        let broker = broker.rsplit_once("://").map_or(broker, |(_, broker)| broker);
        let broker = broker.split_once('/').map_or(broker, |(broker, _)| broker);
        let why = why.rsplit_once(" (after ").map_or(why, |(why, _)| why);
        let why = if code == local::TRANSPORT { why.rsplit_once(" failed: ").map_or(why, |(_, why)| why) } else { why };
        Self { code, broker: broker.to_string(), why: error::lower_first(why) }
    }

    fn kind(&self) -> (ErrorKind, Retry) {
        // A handshake that fails within librdkafka's first step, as it may on a busy machine, is told as a failure to
        // connect.
        let is_tls = self.code == local::SSL || self.why.contains(":SSL routines:");
        match self.code {
            // A certificate that is not accepted, ours or theirs, is about who one is; anything else of TLS is about
            // how one speaks.
            _ if is_tls && self.why.contains("certificate") => (ErrorKind::Authentication, Retry::Never),
            _ if is_tls => (ErrorKind::Unavailable, Retry::Never),
            local::AUTHENTICATION | UNSUPPORTED_MECHANISM => error::kind_of(self.code),
            _ => (ErrorKind::Unavailable, Retry::Later),
        }
    }
}

/// Whether `host:port` gives the host as an address.
fn is_address(broker: &str) -> bool {
    let broker = broker.rsplit_once("://").map_or(broker, |(_, broker)| broker);
    broker.parse::<std::net::SocketAddr>().is_ok() || broker.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "sasl_plaintext://127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";

    #[test]
    fn errors_name_the_broker_and_the_reason_only() {
        let mut health = Health::new("127.0.0.1:1");
        health.note(local::TRANSPORT, REFUSED);
        let error = health.last_error("read").unwrap();
        assert_eq!(error.to_string(), "read: broker 127.0.0.1:1: connection refused");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        health.note_answer();
        assert!(health.last_error("read").is_none());
    }

    #[test]
    fn gives_up_at_once_only_where_nothing_else_can_be_tried() {
        let started = Instant::now();
        for (brokers, at_once) in [
            ("127.0.0.1:1", true),
            ("[::1]:1,10.0.0.1:2", true),
            ("localhost:1", false),
            ("127.0.0.1:1,localhost:2", false),
        ] {
            let mut health = Health::new(brokers);
            assert!(health.verdict("read", started).is_none());
            health.note(local::TRANSPORT, REFUSED);
            health.note(local::ALL_BROKERS_DOWN, "1/1 brokers are down");
            assert_eq!(health.verdict("read", started).is_some(), at_once, "{brokers}");
            assert!(
                health.verdict("read", Instant::now()).is_none(),
                "what was known before is waited for to get better"
            );
        }
    }

    #[test]
    fn a_broker_that_hangs_up_gets_a_hint() {
        let mut health = Health::new("127.0.0.1:1");
        health.note_line("127.0.0.1:1/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 6ms in state APIVERSION_QUERY)");
        let error = health.last_error("read").unwrap();
        assert_eq!(
            error.to_string(),
            "read: broker 127.0.0.1:1: disconnected: connection closed by peer: receive 0 after POLLIN"
        );
        assert!(error.hint_text().is_some_and(|hint| hint.contains("security.protocol")));
        health.note_answer();
        health.note_line("127.0.0.1:1/1: Disconnected (after 600000ms in state UP)");
        assert!(health.last_error("read").unwrap().hint_text().is_none());
    }

    #[test]
    fn a_refusal_needs_no_second_address() {
        let started = Instant::now();
        let mut health = Health::new("localhost:1");
        health.note(local::AUTHENTICATION, "sasl_ssl://localhost:1/bootstrap: SASL authentication error: Authentication failed (after 3ms in state AUTH_REQ)");
        let error = health.verdict("read", started).unwrap();
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Authentication, Retry::Never));
    }

    #[test]
    fn certificates_are_about_who_one_is() {
        let mut health = Health::new("h:1");
        health.note(
            local::SSL,
            "ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed (after 5ms in state SSL_HANDSHAKE)",
        );
        assert_eq!(health.last_error("read").unwrap().kind(), ErrorKind::Authentication);
        health.note(
            local::TRANSPORT,
            "ssl://h:1/bootstrap: Failed to connect to broker at h:1: error:0A000086:SSL routines::certificate verify failed (after 5ms in state CONNECT)",
        );
        let error = health.last_error("read").unwrap();
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Authentication, Retry::Never));
        health.note(local::SSL, "ssl://h:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 5ms)");
        assert_eq!(health.last_error("read").unwrap().kind(), ErrorKind::Unavailable);
    }
}
