//! Producing: a stream of records, each of which is answered by itself, or a list of them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::answer::{Answered, Api, Asked, Reply, in_turn, is_json, respond, respond_refusal};
use crate::app::Room;
use crate::failure::{Failure, Refusal};
use crate::rest::codes::{BAD_BATCH, BAD_REQUEST};
use crate::rest::encoding::plain;
use crate::rest::pools::Written;
use crate::rest::v3::V3;
use crate::rest::v3::listing::Place;
use crate::rest::v3::plain::Shape;
use crate::rest::v3::record::{RecordReader, ResultWriter, Splitter};
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{FutureExt, StreamExt, stream};
use kafi_core::{Batch, Error, ErrorKind, Json, JsonKind, NO_TIMESTAMP, Result, Retry};
use kafi_serde::registry::Code;

/// The bytes that are gathered before they are written, where they come faster than that.
const GATHER_BYTES: usize = 1 << 20;

/// What became of a record.
type Outcome = Result<(Written, i64, [Shape; 2])>;

/// Records as they came, and what is wrong with what came behind them.
struct Gathered {
    text: Vec<u8>,
    records: Vec<Range<usize>>,
    fault: Option<Error>,
}

/// A stream of records that is being answered.
struct Streaming {
    api: Arc<V3>,
    cluster: Arc<str>,
    topic: Arc<str>,
    body: BodyDataStream,
    splitter: Splitter,
    /// What the splitter holds has this room.
    room: Room,
    /// When the record began that is not whole yet.
    begun: Option<Instant>,
    /// Nothing is written behind what was written together with a record that failed; a wish of Kafi's own.
    halts: bool,
    is_halted: bool,
    is_over: bool,
}

/// How a stream that halts is asked for.
const HALT: &str = "kafi.halt=true";

/// Records in a body that may go on for long; as soon as some are written, they are answered, one a line.
pub async fn stream(
    State(api): State<Arc<V3>>,
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let opened = match params {
        Ok(params) => open(api, &params, &headers, request).await,
        Err(_) => Err(Refusal::of_status(400, "the path is not UTF-8").into()),
    };
    match opened {
        Ok(streaming) => {
            let answers = stream::unfold(streaming, |mut streaming| async move {
                let answer = streaming.next().await?;
                Some((std::result::Result::<_, std::convert::Infallible>::Ok(answer), streaming))
            });
            respond(200, V3::CONTENT_TYPE, Body::from_stream(answers))
        }
        Err(Failure::Refused(refusal)) => respond_refusal(&refusal, V3::CONTENT_TYPE),
        Err(Failure::Failed(error)) => respond_refusal(&V3::explain(&error), V3::CONTENT_TYPE),
    }
}

async fn open(
    api: Arc<V3>,
    params: &RawPathParams,
    headers: &HeaderMap,
    request: Request,
) -> std::result::Result<Streaming, Failure> {
    let param = |name: &str| params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
    let (cluster, topic) = (param("cluster").unwrap_or_default(), param("topic").unwrap_or_default());
    if !is_json(headers.get("content-type").map(|value| value.as_bytes()).unwrap_or_default()) {
        return Err(Refusal::of_status(415, "HTTP 415 Unsupported Media Type").into());
    }
    let (asked, asked_topic) = (Arc::clone(&api), topic.clone());
    let known = in_turn(&api.0.app, move || -> std::result::Result<String, Failure> {
        let cluster = Place::cluster(&asked)?;
        asked.0.pools.partitions(&asked_topic, asked.0.timeout())?;
        Ok(cluster)
    });
    let known = known.await??;
    if cluster != known {
        return Err(Refusal::of_status(404, format!("Cluster {cluster} cannot be found.")).into());
    }
    let halts = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == HALT));
    Ok(Streaming {
        api,
        cluster: known.into(),
        topic: topic.into(),
        body: request.into_body().into_data_stream(),
        splitter: Splitter::default(),
        room: Room::default(),
        begun: None,
        halts,
        is_halted: false,
        is_over: false,
    })
}

impl Streaming {
    /// The next part of the answer; nothing when the body is over.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            if self.is_halted {
                self.pass_over().await;
                return None;
            }
            let gathered = self.gather().await;
            if gathered.records.is_empty() && gathered.fault.is_none() {
                continue;
            }
            let (api, cluster, topic) = (Arc::clone(&self.api), Arc::clone(&self.cluster), Arc::clone(&self.topic));
            let written = in_turn(&self.api.0.app, move || write_all(&api, &cluster, &topic, gathered)).await;
            let (answer, are_all_written) = written.unwrap_or_else(|refusal| (line(&refusal), false));
            self.is_halted = self.halts && !are_all_written;
            return Some(answer.into());
        }
        None
    }

    /// Reads the rest of the body, so that the client has sent all of it when its answer ends.
    async fn pass_over(&mut self) {
        self.is_over = true;
        let wait = self.api.0.app.options.limits.wait;
        while let Ok(Some(Ok(_passed_over))) = tokio::time::timeout(wait, self.body.next()).await {}
    }

    /// Waits for records, and takes what more of them is there already. Where something is wrong, that is the last one.
    async fn gather(&mut self) -> Gathered {
        let mut records = Vec::new();
        let fault = self.gather_into(&mut records).await.err();
        self.is_over |= fault.is_some();
        Gathered { text: self.splitter.take(), records, fault }
    }

    async fn gather_into(&mut self, records: &mut Vec<Range<usize>>) -> Result<()> {
        let limits = &self.api.0.app.options.limits;
        let (body_max, wait) = (limits.body_bytes_max, limits.wait);
        let mut bytes = 0;
        self.make_room()?;
        loop {
            let chunk = if records.is_empty() {
                // Between two records a stream may rest for so long; a record has so long to be whole.
                let begun = self.begun.unwrap_or_else(Instant::now);
                let next = tokio::time::timeout_at((begun + wait).into(), self.body.next());
                next.await.map_err(|_| "no record came in time")
            } else if bytes < GATHER_BYTES {
                match self.body.next().now_or_never() {
                    Some(chunk) => Ok(chunk),
                    None => return Ok(()),
                }
            } else {
                return Ok(());
            };
            match chunk.map_err(corrupt)? {
                Some(Ok(chunk)) => {
                    bytes += chunk.len();
                    self.splitter.push(&chunk);
                    self.split(records, body_max)?;
                    match self.make_room() {
                        Err(busy) if records.is_empty() => return Err(busy),
                        // These are written first.
                        Err(_) => return Ok(()),
                        Ok(()) => {}
                    }
                }
                Some(Err(error)) => return Err(corrupt(format!("the body cannot be read: {error}"))),
                None => {
                    self.is_over = true;
                    let is_whole = self.splitter.is_between();
                    return if is_whole { Ok(()) } else { Err(corrupt("the body ended within a record")) };
                }
            }
        }
    }

    /// Makes room for what the splitter holds.
    fn make_room(&mut self) -> Result<()> {
        let made = self.api.0.app.make_room(&mut self.room, self.splitter.held());
        made.map_err(|busy| Error::new(ErrorKind::Unavailable, "read record", busy.message).retry(Retry::Later))
    }

    fn split(&mut self, records: &mut Vec<Range<usize>>, body_max: usize) -> Result<()> {
        while let Some(range) = self.splitter.next()? {
            records.push(range);
            self.begun = None;
        }
        self.begun = if self.splitter.is_between() { None } else { self.begun.or_else(|| Some(Instant::now())) };
        if self.splitter.pending() > body_max {
            return Err(Error::new(ErrorKind::TooLarge, "read record", format!("it has more than {body_max} bytes")));
        }
        Ok(())
    }
}

/// A list of records with ids, all of which are written, or answered with why they are not.
pub fn batch(api: &V3, asked: &Asked) -> Answered {
    let place = Place::of(api, asked)?;
    let json = asked.object()?;
    let topic = asked.param("topic");
    api.0.pools.partitions(topic, api.0.timeout())?;
    let entries = json.get("entries").filter(|entries| entries.kind() == JsonKind::Array);
    let entries: Vec<&Json> =
        entries.ok_or_else(|| Refusal::of_status(400, "the body has no entries"))?.iter().collect();
    let id = |entry: &Json| entry.get("id").map(plain).unwrap_or_default();
    let ids: HashSet<String> = entries.iter().map(|entry| id(entry)).collect();
    if ids.is_empty() || ids.len() < entries.len() {
        let why = if ids.is_empty() { "there are no entries" } else { "each entry has an id of its own" };
        return Err(Refusal::new(422, BAD_BATCH, format!("Batch error. {why}")).into());
    }
    let results = ResultWriter::new(&place.cluster, topic);
    let (mut successes, mut failures) = (Vec::new(), Vec::new());
    let outcomes = outcomes(api, topic, entries.len(), |reader, at, batch| reader.read(entries[at], batch))?;
    for (entry, outcome) in entries.iter().zip(outcomes) {
        match outcome {
            Ok((written, timestamp, shapes)) => {
                let mut text = Vec::new();
                results.write(&mut text, written, timestamp, &shapes);
                let mut result = Json::parse(String::from_utf8_lossy(&text).as_ref())?;
                result.remove("error_code");
                let mut success = Json::object([("id", Json::from(id(entry)))]);
                success.merge(&result)?;
                successes.push(success);
            }
            Err(error) => {
                let refusal = refusal(&error);
                failures.push(Json::object([
                    ("id", Json::from(id(entry))),
                    ("error_code", Json::from(refusal.code)),
                    ("message", Json::from(refusal.message)),
                ]));
            }
        }
    }
    let members = [("failures", Json::array(failures)), ("successes", Json::array(successes))];
    Ok(Reply::with_status(207, &Json::object(members)))
}

/// Writes records, and gives a line for each; and whether all were written.
fn write_all(api: &V3, cluster: &str, topic: &str, gathered: Gathered) -> (Vec<u8>, bool) {
    let Gathered { text, records, fault } = gathered;
    let mut out = Vec::with_capacity(records.len() * 256);
    let read = |reader: &mut RecordReader<'_>, at: usize, batch: &mut Batch| {
        reader.read_text(&text[records[at].clone()], batch)
    };
    let are_all_written = match outcomes(api, topic, records.len(), read) {
        Ok(outcomes) => {
            let are_all_written = outcomes.iter().all(Result::is_ok);
            let results = ResultWriter::new(cluster, topic);
            for outcome in outcomes {
                match outcome {
                    Ok((written, timestamp, shapes)) => {
                        results.write(&mut out, written, timestamp, &shapes);
                        out.extend_from_slice(b"\r\n");
                    }
                    Err(error) => out.extend_from_slice(&line(&refusal(&error))),
                }
            }
            are_all_written
        }
        // What concerns all of them is said of each.
        Err(error) => {
            records.iter().for_each(|_| out.extend_from_slice(&line(&refusal(&error))));
            false
        }
    };
    out.extend(fault.iter().flat_map(|fault| line(&refusal(fault))));
    api.0.app.kept.changed();
    (out, are_all_written && fault.is_none())
}

/// What becomes of so many records, each of which `read` appends to a batch.
fn outcomes(
    V3(rest): &V3,
    topic: &str,
    count: usize,
    read: impl Fn(&mut RecordReader<'_>, usize, &mut Batch) -> Result<[Shape; 2]>,
) -> Result<Vec<Outcome>> {
    let mut reader = RecordReader::new(rest, topic);
    let mut batch = Batch::with_limits(count, GATHER_BYTES);
    let read: Vec<Result<[Shape; 2]>> = (0..count).map(|at| read(&mut reader, at, &mut batch)).collect();
    if batch.is_empty() {
        return Ok(read.into_iter().map(|shapes| shapes.map(|shapes| ((0, None), NO_TIMESTAMP, shapes))).collect());
    }
    let timestamps: Vec<i64> = batch.metas().iter().map(|meta| meta.timestamp).collect();
    let mut written = rest.pools.write(topic, &mut batch, rest.timeout())?.into_iter().zip(timestamps);
    let outcome = |shapes: Result<[Shape; 2]>| {
        let shapes = shapes?;
        let (written, timestamp) = written.next().expect("each record that was read was written or not");
        Ok((written?, timestamp, shapes))
    };
    Ok(read.into_iter().map(outcome).collect())
}

fn refusal(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Usage | ErrorKind::Function if Code::of(error).is_none() => {
            Refusal::new(400, BAD_REQUEST, error.to_string())
        }
        _ => V3::explain(error),
    }
}

fn line(refusal: &Refusal) -> Vec<u8> {
    let message = kafi_core::without_secrets(&refusal.message);
    let json = Json::object([("error_code", Json::from(refusal.code)), ("message", Json::from(message.as_ref()))]);
    format!("{json}\r\n").into_bytes()
}

fn corrupt(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, "read record", why)
}
