//! Questions that every broker can answer: one to which there is a connection is asked first; where it is silent,
//! others are asked as well, and the first answer counts.
//!
//! librdkafka sends them to the controller, which is the broker that a list of brokers names, whether or not it can be
//! reached from here.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::client::{Client, Pending, Queue};
use super::events::Event;
use super::{Deadline, TextBuffer, raw};

/// How long a broker has before another one is asked as well.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it may take to learn which brokers there are.
const BROKERS_MAX: Duration = Duration::from_millis(200);

/// What asks: it gets the handle, the options, and the queue for the answer.
type Ask = dyn Fn(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t) + Send;

/// A question, and who was asked.
pub(super) struct Question {
    kind: raw::rd_kafka_admin_op_t,
    ask: Box<Ask>,
    /// So long the brokers have.
    deadline: Deadline,
    asked: RefCell<Asked>,
}

struct Asked {
    /// All who were asked; `None` is the controller.
    brokers: Vec<Option<i32>>,
    /// Those of them whose answers are still to come, the last one first.
    open: Vec<(Option<i32>, Queue)>,
    /// When the next one is to be asked, and whether that was hurried, because a connection has failed.
    next_at: Instant,
    is_hurried: bool,
}

impl Client {
    /// Asks a question that every broker can answer: `ask` gets the handle, the options, and the queue for the answer,
    /// perhaps several times.
    pub(super) fn start_question(
        &self,
        kind: raw::rd_kafka_admin_op_t,
        timeout: Duration,
        ask: impl Fn(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t) + Send + 'static,
    ) -> Pending {
        let asked = Asked { brokers: Vec::new(), open: Vec::new(), next_at: Instant::now(), is_hurried: false };
        let question =
            Question { kind, ask: Box::new(ask), deadline: Deadline::after(timeout), asked: RefCell::new(asked) };
        question.ask(self, self.connected());
        Pending::of_question(question)
    }

    /// A broker to which there is a connection, if there is any.
    pub(super) fn connected(&self) -> Option<i32> {
        self.who_answers().or_else(|| self.brokers().first().copied())
    }

    /// The brokers that there are, first the one that says so. None where no broker can be reached right now.
    fn brokers(&self) -> Vec<i32> {
        let Ok(metadata) = self.ask_metadata(false, BROKERS_MAX.as_millis() as i32) else { return Vec::new() };
        let answers = metadata.orig_broker_id;
        // SAFETY: there are as many brokers as the metadata says.
        let ids = (0..metadata.broker_cnt as usize).map(|index| unsafe { (*metadata.brokers.add(index)).id });
        std::iter::once(answers).chain(ids.filter(|id| *id != answers)).filter(|id| *id >= 0).collect()
    }
}

impl Question {
    /// Asks a broker; `None` is the controller.
    fn ask(&self, client: &Client, broker: Option<i32>) {
        let queue = client.send(self.kind, self.deadline.left(), |rk, options, queue| {
            if let Some(broker) = broker {
                // SAFETY: `start` passes valid pointers.
                unsafe { set_broker(options, broker) };
            }
            (self.ask)(rk, options, queue);
        });
        let mut asked = self.asked.borrow_mut();
        asked.brokers.push(broker);
        asked.open.insert(0, (broker, queue));
        asked.next_at = Instant::now() + PATIENCE;
    }

    /// The first answer, if one is there; waits up to `timeout_ms` for one. An event with an error is the last of all
    /// who were asked, and there is nobody else.
    pub(super) fn next_event(&self, client: &Client, timeout_ms: i32) -> Option<Event> {
        let (mut timeout_ms, mut index) = (timeout_ms, 0);
        while index < self.asked.borrow().open.len() {
            let event = self.asked.borrow().open[index].1.next_event(timeout_ms);
            timeout_ms = 0;
            let Some(event) = event else {
                index += 1;
                continue;
            };
            let (broker, _) = self.asked.borrow_mut().open.remove(index);
            let (code, _) = event.error_text();
            if code == 0 {
                client.note_who_answers(broker);
                return Some(event);
            }
            let is_silent = Client::is_unreached(code);
            if is_silent && broker == client.who_answers() {
                client.note_who_answers(None);
            }
            if !is_silent || (self.asked.borrow().open.is_empty() && !self.ask_another(client)) {
                return Some(event);
            }
            index = 0;
        }
        let has_trouble = || !self.asked.borrow().is_hurried && client.health().last_error("ask").is_some();
        if Instant::now() >= self.asked.borrow().next_at || has_trouble() {
            self.ask_another(client);
        }
        None
    }

    /// Asks a broker that was not asked yet; false if there is none, or no time.
    fn ask_another(&self, client: &Client) -> bool {
        {
            let mut asked = self.asked.borrow_mut();
            (asked.next_at, asked.is_hurried) = (Instant::now() + PATIENCE, true);
        }
        if self.deadline.is_over() {
            return false;
        }
        let brokers = client.brokers();
        let other = {
            let asked = self.asked.borrow();
            brokers.into_iter().map(Some).chain([None]).find(|broker| !asked.brokers.contains(broker))
        };
        let Some(other) = other else { return false };
        log::debug!(
            "asking {} as well",
            other.map_or("the controller".to_string(), |broker| format!("broker {broker}"))
        );
        self.ask(client, other);
        true
    }
}

/// Lets a request go to this broker.
///
/// # Safety
/// `options` must be valid.
pub(super) unsafe fn set_broker(options: *mut raw::rd_kafka_AdminOptions_t, broker: i32) {
    let mut why = TextBuffer::new();
    // SAFETY: the caller vouches for the options; the buffer is valid.
    unsafe { raw::rd_kafka_AdminOptions_set_broker(options, broker, why.as_mut_ptr(), why.len()) };
}
