//! Writing: messages are gathered into requests, which a thread sends one after another.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Batch, Delivery, Error, ErrorKind, MESSAGE_CONTEXT, NO_TIMESTAMP, Producer, ProducerOptions, Report,
    Result, Retry,
};

use crate::client::{Client, end_of};
use crate::request::{Outcome, Request};
use crate::sender::Sender;

/// The bytes that are gathered for one request, about.
const REQUEST_BYTES: usize = 512 << 10;

/// The messages that are gathered for one request.
const REQUEST_RECORDS: usize = 5_000;

/// How soon a queue that is full is tried again.
const PAUSE: Duration = Duration::from_millis(1);

/// A producer over requests.
pub(crate) struct RestProducer {
    client: Arc<Client>,
    /// What is gathered.
    open: Option<Request>,
    /// Requests to the thread that sends them, and back what became of them; made with the first message.
    link: Option<Link>,
    /// How many messages have no report yet.
    under_way: u64,
    token: u64,
    /// How many messages came under the token.
    of_token: u64,
    /// How many messages have a report, by topic and partition, under the token whose reports come in.
    counted: (u64, HashMap<(Arc<str>, i32), u64>),
    /// How many failures were reported.
    failures_told: u64,
    reports: Vec<Report>,
    given: Vec<Report>,
    /// A message without a timestamp is to stay one, which the API cannot say; that is said once.
    must_warn: bool,
    is_closed: bool,
}

struct Link {
    requests: SyncSender<Request>,
    answers: Receiver<(Request, Vec<Outcome>)>,
}

impl RestProducer {
    pub fn new(client: Arc<Client>, options: &ProducerOptions) -> Result<Self> {
        if let Some((property, _)) = options.properties.first() {
            return Err(Error::unsupported(&client.name, "set properties").with("property", property));
        }
        options.refuse_transactions(&client.name)?;
        if options.keep_offsets {
            return Err(Error::unsupported(&client.name, "keep offsets"));
        }
        Ok(Self {
            client,
            open: None,
            link: None,
            under_way: 0,
            token: 0,
            of_token: 0,
            counted: (0, HashMap::new()),
            failures_told: 0,
            reports: Vec::new(),
            given: Vec::new(),
            must_warn: options.keep_timestamps,
            is_closed: false,
        })
    }

    fn link(&mut self) -> Result<&Link> {
        if self.link.is_none() {
            let (requests, to_send) = sync_channel(1);
            let (answered, answers) = channel();
            let mut sender = Sender::new(Arc::clone(&self.client));
            let work = move || {
                // Nobody is there any more when the producer was dropped.
                while let Ok(request) = to_send.recv() {
                    let (request, outcomes) = sender.send(request);
                    if answered.send((request, outcomes)).is_err() {
                        return;
                    }
                }
            };
            let thread = thread::Builder::new().name("rest-producer".into()).spawn(work);
            thread.map_err(|error| Error::io("start producer", error))?;
            self.link = Some(Link { requests, answers });
        }
        Ok(self.link.as_ref().expect("it was just made"))
    }

    /// Hands what was gathered to the thread; false where that is busy until the deadline.
    fn send_open(&mut self, deadline: Instant) -> Result<bool> {
        let Some(mut request) = self.open.take() else { return Ok(true) };
        loop {
            match self.link()?.requests.try_send(request) {
                Ok(()) => return Ok(true),
                Err(TrySendError::Full(back)) => request = back,
                Err(TrySendError::Disconnected(_)) => {
                    return Err(Error::new(ErrorKind::Unexpected, "produce", "the thread that sends has ended"));
                }
            }
            self.collect(PAUSE.min(deadline.saturating_duration_since(Instant::now())))?;
            if Instant::now() >= deadline {
                self.open = Some(request);
                return Ok(false);
            }
        }
    }

    /// Takes what became of requests, waiting for the first.
    fn collect(&mut self, wait: Duration) -> Result<()> {
        let mut wait = wait;
        loop {
            let Some(link) = &self.link else { return Ok(()) };
            match link.answers.recv_timeout(wait) {
                Ok((request, outcomes)) => self.account(request, outcomes),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Unexpected, "produce", "the thread that sends has ended"));
                }
            }
            wait = Duration::ZERO;
        }
    }

    /// Makes reports of what became of the messages of a request.
    fn account(&mut self, request: Request, outcomes: Vec<Outcome>) {
        for (record, outcome) in request.records.iter().zip(outcomes) {
            if self.counted.0 != record.token {
                self.counted = (record.token, HashMap::new());
            }
            let (partition, delivery) = match outcome {
                Ok((partition, Some(offset))) => (partition, Delivery::At(offset)),
                Ok((partition, None)) => (partition, Delivery::Unknown),
                Err(error) if record.partition == ANY_PARTITION => {
                    (ANY_PARTITION, Delivery::Failed(error.with(MESSAGE_CONTEXT, record.of_token)))
                }
                Err(error) => (record.partition, Delivery::Failed(error)),
            };
            let count = self.counted.1.entry((Arc::clone(&request.topic), partition)).or_default();
            let first = *count;
            *count += 1;
            self.under_way -= 1;
            if let Some(last) = self.reports.last_mut()
                && last.token == record.token
                && last.partition == partition
                && last.topic == request.topic
                && goes_on(last, &delivery)
            {
                last.count += 1;
                continue;
            }
            let topic = Arc::clone(&request.topic);
            self.reports.push(Report { token: record.token, topic, partition, first, count: 1, delivery });
        }
    }
}

/// Whether a message is the next one of a report.
fn goes_on(last: &Report, delivery: &Delivery) -> bool {
    match (&last.delivery, delivery) {
        (Delivery::At(first), Delivery::At(offset)) => *offset == first + last.count as i64,
        (Delivery::Unknown, Delivery::Unknown) => true,
        _ => false,
    }
}

impl Producer for RestProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        if self.is_closed {
            let error = Error::new(ErrorKind::Usage, "produce", "the producer is closed");
            return Err(error.with("storage", &self.client.name));
        }
        let deadline = end_of(timeout);
        if self.token != token {
            (self.token, self.of_token) = (token, 0);
        }
        self.collect(Duration::ZERO)?;
        for index in from..batch.len() {
            let record = batch.get(index);
            let fits = |open: &Request| {
                *open.topic == *record.topic && open.text.len() < REQUEST_BYTES && open.records.len() < REQUEST_RECORDS
            };
            if self.open.as_ref().is_some_and(|open| !fits(open)) && !self.send_open(deadline)? {
                return Ok(index - from);
            }
            if self.must_warn && record.timestamp == NO_TIMESTAMP {
                self.must_warn = false;
                let name = &self.client.name;
                log::warn!("storage {name}: messages without a timestamp get the time at which they are written");
            }
            let told = self.failures_told;
            let open = self.open.get_or_insert_with(|| Request::new(record.topic, told));
            open.push(&record, token, self.of_token);
            self.of_token += 1;
            self.under_way += 1;
        }
        Ok(batch.len() - from)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        let deadline = end_of(timeout);
        self.collect(Duration::ZERO)?;
        if self.reports.is_empty() && self.under_way > 0 && !timeout.is_zero() {
            // What is only gathered would never be reported.
            self.send_open(deadline)?;
            self.collect(deadline.saturating_duration_since(Instant::now()))?;
        }
        self.given = std::mem::take(&mut self.reports);
        self.failures_told +=
            self.given.iter().filter(|report| matches!(report.delivery, Delivery::Failed(_))).count() as u64;
        Ok(&self.given)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        let deadline = end_of(timeout);
        let is_sent = self.send_open(deadline)?;
        while self.under_way > 0 {
            self.collect(deadline.saturating_duration_since(Instant::now()))?;
            if self.under_way > 0 && Instant::now() >= deadline {
                break;
            }
        }
        if is_sent && self.under_way == 0 {
            return Ok(());
        }
        let why = format!("{} messages are not answered yet", self.under_way);
        let error = Error::new(ErrorKind::Timeout, "flush", why).with("storage", &self.client.name);
        Err(error.retry(Retry::Later))
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.flush(timeout)?;
        (self.link, self.is_closed) = (None, true);
        Ok(())
    }
}
