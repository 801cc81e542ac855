//! Sends requests with messages, and finds out what became of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::json_text::Scanner;
use kafi_core::{ANY_PARTITION, Error, ErrorKind, Json, Result, Retry};

use crate::client::{BINARY, Call, Client, JSON, parse, plain};
use crate::error::refused;
use crate::request::{Outcome, Request};

const PRODUCE: &str = "produce";

/// The codes of version 2 for what may be sent again: the documented one, and that of Confluent's server.
const RETRIABLE: [i64; 2] = [2, 50003];

/// How long one request may take, with all that is sent again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long is waited before messages are sent again that were refused for now.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks `kafi serve` to write nothing of a request behind what it wrote together with a message that failed. Other servers
/// know nothing of it.
const HALT: &str = "?kafi.halt=true";

/// Sends requests, one after another.
pub(crate) struct Sender {
    client: Arc<Client>,
    /// The number of the last failure in a partition, by topic and partition.
    failed: HashMap<(Arc<str>, i32), u64>,
    failures: u64,
    has_warned: bool,
}

impl Sender {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, failed: HashMap::new(), failures: 0, has_warned: false }
    }

    /// Sends a request, again where that is right, and gives it back with what became of its messages.
    pub fn send(&mut self, mut request: Request) -> (Request, Vec<Outcome>) {
        let text = Bytes::from(std::mem::take(&mut request.text));
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(request.records.len());
        for record in &request.records {
            let earlier = self.failed.get(&(Arc::clone(&request.topic), record.partition));
            let is_behind = earlier.is_some_and(|number| *number > request.failures_told);
            outcomes.push(is_behind.then(|| Err(behind(&request.topic))));
        }
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut attempt = 0;
        while outcomes.iter().any(Option::is_none) {
            attempt += 1;
            let is_last = attempt > self.client.config.retries || Instant::now() >= deadline;
            self.attempt((&request, &text), &mut outcomes, is_last, deadline);
        }
        let outcomes: Vec<Outcome> = outcomes.into_iter().map(|outcome| outcome.expect("all are there")).collect();
        for (record, outcome) in request.records.iter().zip(&outcomes) {
            if outcome.is_err() {
                self.failures += 1;
                self.failed.insert((Arc::clone(&request.topic), record.partition), self.failures);
            }
        }
        (request, outcomes)
    }

    /// Sends what has no outcome yet.
    fn attempt(
        &mut self,
        (request, text): (&Request, &Bytes),
        outcomes: &mut [Option<Outcome>],
        is_last: bool,
        deadline: Instant,
    ) {
        let open: Vec<usize> = (0..outcomes.len()).filter(|index| outcomes[*index].is_none()).collect();
        let answered = match self.client.server(deadline) {
            Ok(server) => match server.cluster {
                Some(cluster) => self.stream((request, text), &open, &cluster, deadline),
                None => self.send_v2((request, text), &open, deadline),
            },
            Err(error) => (Vec::new(), Some(error)),
        };
        let (answers, end) = answered;
        let mut must_wait = false;
        for (index, answer) in open.iter().zip(answers) {
            match answer {
                Err(error) if error.retryable() == Retry::Later && !is_last => must_wait = true,
                answer => outcomes[*index] = Some(answer),
            }
        }
        give_up_behind(request, outcomes);
        if let Some(error) = end {
            let may_help = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
            if may_help && !is_last {
                must_wait = true;
            } else {
                let rest = outcomes.iter_mut().filter(|outcome| outcome.is_none());
                rest.for_each(|outcome| *outcome = Some(Err(error.duplicate())));
            }
        }
        if must_wait {
            std::thread::sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now())));
        }
    }

    /// Version 3: a stream of messages, and a stream of answers, of which those that came count.
    fn stream(
        &self,
        (request, text): (&Request, &Bytes),
        open: &[usize],
        cluster: &str,
        deadline: Instant,
    ) -> (Vec<Outcome>, Option<Error>) {
        let body = if open.len() == request.records.len() {
            text.clone()
        } else {
            let records = open.iter().map(|index| &text[request.records[*index].range.clone()]);
            Bytes::from(records.collect::<Vec<_>>().concat())
        };
        let path = ["v3", "clusters", cluster, "topics", &*request.topic, "records"];
        let call = Call::post(PRODUCE, &path).of_type(JSON).query(HALT.into()).bytes(body).once();
        let call = call.about("topic", &request.topic);
        let (answer, broken) = match self.client.stream(&call, deadline) {
            Ok(answered) => answered,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let mut outcomes = Vec::with_capacity(open.len());
        let mut at = 0;
        while outcomes.len() < open.len() {
            let mut scanner = Scanner::at(&answer.body, at);
            scanner.space();
            let Ok(range) = scanner.value() else { break };
            at = scanner.position();
            let record = &request.records[open[outcomes.len()]];
            outcomes.push(outcome(&answer.body[range], record.partition, &request.topic));
        }
        if broken.is_none() && outcomes.iter().any(Result::is_err) {
            // It halted there, as it was asked to: what is behind it was not written.
            return (outcomes, None);
        }
        let is_short = outcomes.len() < open.len();
        let missing = || {
            let why = "the server answered for fewer messages than it was sent";
            Error::new(ErrorKind::Unavailable, PRODUCE, why).with("topic", &request.topic)
        };
        (outcomes, is_short.then(|| broken.unwrap_or_else(missing)))
    }

    /// Version 2: one request with all of them, without headers and timestamps.
    fn send_v2(
        &mut self,
        (request, text): (&Request, &Bytes),
        open: &[usize],
        deadline: Instant,
    ) -> (Vec<Outcome>, Option<Error>) {
        if !self.has_warned && open.iter().any(|index| request.records[*index].needs_v3) {
            self.has_warned = true;
            log::warn!(
                "storage {}: the server has version 2 only, which carries no headers and timestamps",
                self.client.name
            );
        }
        let records = open.iter().map(|index| of_v2(&text[request.records[*index].range.clone()]));
        let body = Json::object([("records", Json::array(records))]);
        let path = ["topics", &*request.topic];
        let call = Call::post(PRODUCE, &path).of_type(BINARY).json(&body).about("topic", &request.topic);
        let answer = match self.client.call(&call, deadline).and_then(|answer| parse(PRODUCE, &answer)) {
            Ok(answer) => answer,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let outcome = |json: &Json| match json.get("error_code").filter(|code| !code.is_null()) {
            None => place(&json["partition"], &json["offset"]),
            Some(code) => {
                let words = json.get("error").map(plain);
                let error = refused(PRODUCE, 500, None, words).with("topic", &request.topic);
                Err(if RETRIABLE.iter().any(|known| *code == *known) { error } else { error.retry(Retry::Never) })
            }
        };
        (answer["offsets"].iter().map(outcome).collect(), None)
    }
}

/// What has no outcome yet, and is of a partition where a message of the request failed, is not sent again.
fn give_up_behind(request: &Request, outcomes: &mut [Option<Outcome>]) {
    let mut failed = Vec::new();
    for (record, outcome) in request.records.iter().zip(outcomes) {
        match outcome {
            Some(Err(_)) if !failed.contains(&record.partition) => failed.push(record.partition),
            None if failed.contains(&record.partition) => *outcome = Some(Err(behind(&request.topic))),
            _ => {}
        }
    }
}

/// What version 3 says of a message.
fn outcome(bytes: &[u8], partition: i32, topic: &str) -> Outcome {
    if let Some(written) = written(bytes) {
        return Ok(written);
    }
    let text = String::from_utf8_lossy(bytes);
    let json = Json::parse(&*text)?;
    let code = json["error_code"].int().unwrap_or_default();
    if code == 200 {
        return place(&json["partition_id"], &json["offset"]);
    }
    let status = if code >= 1000 { code / 100 } else { code };
    let words = json.get("message").map(plain);
    let error = refused(PRODUCE, u16::try_from(status).unwrap_or(500), Some(code), words).with("topic", topic);
    Err(if partition == ANY_PARTITION { error } else { error.with("partition", partition) })
}

/// Where a message was written, if that is what version 3 says of it: nearly always.
fn written(bytes: &[u8]) -> Option<(i32, Option<i64>)> {
    fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
    let (mut code, mut partition, mut offset) = (None, None, None);
    let mut scanner = Scanner::new(bytes);
    scanner.expect(b'{', "").ok()?;
    let mut is_first = true;
    while let Some(member) = scanner.member(is_first).ok()? {
        is_first = false;
        match &bytes[member.name] {
            b"\"error_code\"" => code = number::<i64>(&bytes[member.value]),
            b"\"partition_id\"" => partition = number(&bytes[member.value]),
            b"\"offset\"" => offset = number::<i64>(&bytes[member.value]),
            _ => {}
        }
        if code.is_some_and(|code| code != 200) {
            return None;
        }
        if let (Some(_), Some(partition), Some(offset)) = (code, partition, offset) {
            return Some((partition, Some(offset).filter(|offset| *offset >= 0)));
        }
    }
    None
}

fn place(partition: &Json, offset: &Json) -> Result<(i32, Option<i64>)> {
    let number = partition.int()?;
    let bad = |_| Error::new(ErrorKind::Corrupt, PRODUCE, format!("{number} is no partition"));
    Ok((i32::try_from(number).map_err(bad)?, offset.int().ok().filter(|offset| *offset >= 0)))
}

/// A message of version 3 as one of version 2.
fn of_v2(text: &[u8]) -> Json {
    let json = Json::parse(String::from_utf8_lossy(text).trim()).unwrap_or_default();
    let data = |name: &str| json.get(name).and_then(|field| field.get("data")).cloned().unwrap_or_default();
    let mut members = vec![("key", data("key")), ("value", data("value"))];
    members.extend(json.get("partition_id").map(|partition| ("partition", partition.clone())));
    Json::object(members)
}

fn behind(topic: &str) -> Error {
    Error::new(ErrorKind::Cancelled, PRODUCE, "an earlier message of the same partition failed").with("topic", topic)
}
