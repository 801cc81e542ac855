//! What an instance of a consumer is asked: where it reads, from where on, and for messages.

use std::time::{Duration, Instant};

use kafi_core::{
    Assignment, CommittedOffset, ErrorKind, Field, Isolation, Json, Membership, Polled, Position, Record,
    TimestampType, TopicPartition,
};

use regex::Regex;

use crate::answer::{Answered, Asked, Reply};
use crate::failure::{Failure, Refusal};
use crate::rest::Rest;
use crate::rest::codes::{CONVERSION, FORMAT_MISMATCH, ILLEGAL_STATE, PARTITION_NOT_FOUND};
use crate::rest::encoding::{Form, base64_string, plain};
use crate::rest::v2::V2;
use crate::rest::v2::consumers::{Instance, State};
use crate::rest::v2::produce::embedded;

/// The bytes of messages in an answer, unless the request wants fewer.
const BYTES_MAX: usize = 4 << 20;

/// How often an instance that commits by itself does so, with a request.
const AUTO_COMMIT: Duration = Duration::from_secs(5);

/// The longest that a request may wait for messages.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

pub fn subscribe(V2(rest): &V2, asked: &Asked) -> Answered {
    let (instance, json) = (rest.consumers.find(asked)?, asked.object()?);
    let mut state = instance.lock();
    if !state.assigned.is_empty() {
        return Err(illegal("it has partitions that were assigned").into());
    }
    let mut topics: Vec<String> = texts(&json, "topics")?;
    if let Some(pattern) = json.get("topic_pattern").filter(|pattern| !pattern.is_null()) {
        topics = matching(rest, pattern.str()?)?;
    }
    if topics.is_empty() {
        return Err(Refusal::of_status(422, "the body names no topics").into());
    }
    state.drop_read();
    state.given.clear();
    state.consumer.subscribe(&topics, rest.timeout())?;
    state.subscribed = topics;
    Ok(Reply::nothing())
}

/// The topics whose whole names match a pattern.
fn matching(rest: &Rest, pattern: &str) -> Result<Vec<String>, Failure> {
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| Refusal::of_status(422, error.to_string()))?;
    let topics = rest.pools.admin(|admin| admin.topics(&[], rest.timeout()))?;
    Ok(topics
        .into_iter()
        .filter(|topic| !topic.internal)
        .map(|topic| topic.name)
        .filter(|name| regex.is_match(name))
        .collect())
}

pub fn subscription(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let topics = Json::array(instance.lock().subscribed.iter().map(Json::from));
    Ok(Json::object([("topics", topics)]).into())
}

pub fn unsubscribe(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let mut state = instance.lock();
    if instance.auto_commit {
        state.commit_given(rest.timeout())?;
    }
    state.drop_read();
    state.given.clear();
    state.subscribed.clear();
    state.assigned.clear();
    state.consumer.assign(&[], rest.timeout())?;
    Ok(Reply::nothing())
}

/// Partitions are read from where the group has committed, else from where the instance says that it begins.
pub fn assign(V2(rest): &V2, asked: &Asked) -> Answered {
    let (instance, json) = (rest.consumers.find(asked)?, asked.object()?);
    let mut state = instance.lock();
    if !state.subscribed.is_empty() {
        return Err(illegal("it has subscribed").into());
    }
    let places = places(&json)?;
    let committed = state.consumer.committed(&places, rest.timeout())?;
    let marks = rest.pools.admin(|admin| admin.watermarks(&places, Isolation::ReadCommitted, rest.timeout()))?;
    let start = |place: &TopicPartition| {
        let committed =
            committed.iter().find(|offset| offset.topic == place.topic && offset.partition == place.partition);
        let mark = marks.iter().find(|mark| mark.topic == place.topic && mark.partition == place.partition);
        let begin = mark.map_or(0, |mark| if instance.start_at_earliest { mark.low } else { mark.high });
        committed.map_or(begin, |offset| offset.offset.max(mark.map_or(0, |mark| mark.low)))
    };
    let wanted: Vec<Assignment> = places.iter().map(|place| assignment(place, start(place))).collect();
    state.drop_read();
    state.given.clear();
    state.consumer.assign(&wanted, rest.timeout())?;
    state.assigned = places;
    Ok(Reply::nothing())
}

pub fn assignments(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let place = |position: &Position| {
        Json::object([("topic", Json::from(&position.topic)), ("partition", Json::from(position.partition))])
    };
    let partitions = Json::array(instance.lock().consumer.positions().iter().map(place));
    Ok(Json::object([("partitions", partitions)]).into())
}

/// Where it goes on in each of its partitions; a call of Kafi's own.
pub fn positions(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let state = instance.lock();
    let mut positions = state.consumer.positions();
    for pending in state.pending() {
        let is_it = |known: &&mut Position| known.topic == pending.topic && known.partition == pending.partition;
        positions.iter_mut().filter(is_it).for_each(|known| known.offset = pending.offset);
    }
    let position = |position: &Position| {
        Json::object([
            ("topic", Json::from(&position.topic)),
            ("partition", Json::from(position.partition)),
            ("offset", Json::from(position.offset)),
        ])
    };
    let is_joining = state.consumer.membership() == Membership::Joining;
    let members = [("positions", Json::array(positions.iter().map(position))), ("is_joining", Json::from(is_joining))];
    Ok(Json::object(members).into())
}

pub fn seek(V2(rest): &V2, asked: &Asked) -> Answered {
    let (instance, json) = (rest.consumers.find(asked)?, asked.object()?);
    let positions: Vec<Position> = offsets(&json, 0)?.into_iter().map(|offset| offset.0).collect();
    move_to(rest, &mut instance.lock(), &positions)
}

pub fn seek_to_beginning(V2(rest): &V2, asked: &Asked) -> Answered {
    seek_to_mark(rest, asked, |mark| mark.low)
}

pub fn seek_to_end(V2(rest): &V2, asked: &Asked) -> Answered {
    seek_to_mark(rest, asked, |mark| mark.high)
}

fn seek_to_mark(rest: &Rest, asked: &Asked, offset: fn(&kafi_core::Watermarks) -> i64) -> Answered {
    let (instance, places) = (rest.consumers.find(asked)?, places(&asked.object()?)?);
    let marks = rest.pools.admin(|admin| admin.watermarks(&places, Isolation::ReadCommitted, rest.timeout()))?;
    let position = |mark: &kafi_core::Watermarks| Position {
        topic: mark.topic.clone(),
        partition: mark.partition,
        offset: offset(mark),
    };
    move_to(rest, &mut instance.lock(), &marks.iter().map(position).collect::<Vec<_>>())
}

/// Goes on at other offsets. What was read of other partitions and not given out is read again.
fn move_to(rest: &Rest, state: &mut State, positions: &[Position]) -> Answered {
    let mut all: Vec<Position> = state.pending();
    all.retain(|pending| !positions.iter().any(|to| to.topic == pending.topic && to.partition == pending.partition));
    all.extend(positions.iter().cloned());
    for position in &all {
        state.consumer.seek(position, rest.timeout()).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::from(illegal("a partition is not assigned to it")),
            _ => error.into(),
        })?;
    }
    state.drop_read();
    for position in positions {
        state.given.remove(&TopicPartition { topic: position.topic.clone(), partition: position.partition });
    }
    Ok(Reply::nothing())
}

impl State {
    /// The first messages, by partition, that were read and not given out.
    fn pending(&self) -> Vec<Position> {
        let mut pending: Vec<Position> = Vec::new();
        for index in self.from..self.batch.len() {
            let record = self.batch.get(index);
            if !pending.iter().any(|known| known.topic == record.topic && known.partition == record.partition) {
                let (topic, partition, offset) = (record.topic.to_string(), record.partition, record.offset);
                pending.push(Position { topic, partition, offset });
            }
        }
        pending
    }
}

pub fn committed(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let json = asked.object_or_nothing()?;
    if json.is_empty() {
        return Err(Refusal::new(404, PARTITION_NOT_FOUND, "Partition not found.").into());
    }
    let places = places(&json)?;
    let committed = instance.lock().consumer.committed(&places, rest.timeout())?;
    let offset = |offset: &CommittedOffset| {
        Json::object([
            ("topic", Json::from(&offset.topic)),
            ("partition", Json::from(offset.partition)),
            ("offset", Json::from(offset.offset)),
            ("metadata", Json::from(&offset.metadata)),
        ])
    };
    Ok(Json::object([("offsets", Json::array(committed.iter().map(offset)))]).into())
}

/// Commits what the body says; without a body what stands behind all messages that were given out. As in Confluent's,
/// an offset in a body is that of a message, and what is committed is the one behind it; so -1 is the start.
pub fn commit(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let json = asked.object_or_nothing()?;
    let mut state = instance.lock();
    if json.get("offsets").is_none_or(Json::is_null) {
        state.commit_given(rest.timeout())?;
        return Ok(Reply::nothing());
    }
    let behind = |(position, metadata): (Position, String)| CommittedOffset {
        metadata,
        ..CommittedOffset::new(position.topic, position.partition, position.offset.saturating_add(1))
    };
    let committed: Vec<CommittedOffset> = offsets(&json, -1)?.into_iter().map(behind).collect();
    state.consumer.commit(&committed, rest.timeout())?;
    Ok(Reply::nothing())
}

/// Messages: as many as there are, up to a number of bytes, after waiting for some.
pub fn records(V2(rest): &V2, asked: &Asked) -> Answered {
    let instance = rest.consumers.find(asked)?;
    let accept = asked.header("accept").unwrap_or("*/*");
    if !accepts(accept, instance.form) {
        let why = "The requested embedded data format does not match the deserializer for this consumer instance";
        return Err(Refusal::new(406, FORMAT_MISMATCH, why).into());
    }
    let positive = |name: &str| Ok::<_, Refusal>(asked.number(name)?.and_then(|number| u64::try_from(number).ok()));
    let timeout = positive("timeout")?.map_or(instance.request_timeout, Duration::from_millis).min(TIMEOUT_MAX);
    let bytes_max = positive("max_bytes")?.map_or(BYTES_MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let mut state = instance.lock();
    if state.subscribed.is_empty() && state.assigned.is_empty() {
        return Err(illegal("it has neither subscribed nor partitions").into());
    }
    if instance.auto_commit && state.committed_at.elapsed() >= AUTO_COMMIT {
        state.commit_given(rest.timeout())?;
        state.committed_at = Instant::now();
    }
    let mut answer = RecordsAnswer {
        bytes_max: bytes_max.min(BYTES_MAX),
        with_all: asked.flag("kafi.all"),
        out: Vec::with_capacity(state.answer_bytes),
        bytes: 0,
    };
    answer.out.push(b'[');
    answer.fill(&instance, &mut state, timeout)?;
    answer.out.push(b']');
    state.answer_bytes = answer.out.len();
    let content_type = Some(content_type(instance.form));
    Ok(Reply { status: 200, body: answer.out.into(), content_type, location: None })
}

/// An answer that is being written.
struct RecordsAnswer {
    bytes_max: usize,
    /// Headers and timestamps, too, which are in no documented answer.
    with_all: bool,
    out: Vec<u8>,
    bytes: usize,
}

impl RecordsAnswer {
    fn fill(&mut self, instance: &Instance, state: &mut State, timeout: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            if self.take(state)? {
                return Ok(());
            }
            state.from = 0;
            // What is enough is not waited beyond, but what is there goes along.
            let is_enough = self.bytes >= instance.fetch_bytes_min.min(self.bytes_max) && self.bytes > 0;
            let left = if is_enough { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            let State { consumer, batch, .. } = &mut *state;
            match consumer.poll(batch, left) {
                Ok(Polled::Records) => {}
                Ok(Polled::Timeout | Polled::End) => return Ok(()),
                // What is there already is given out first.
                Err(_) if self.bytes > 0 => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes over what was read; true where the answer is full.
    fn take(&mut self, state: &mut State) -> Result<bool, Failure> {
        let State { batch, from, given, reader, .. } = state;
        while *from < batch.len() {
            let record = batch.get(*from);
            let bytes = record.payload_bytes() + 32;
            if self.bytes > 0 && self.bytes + bytes > self.bytes_max {
                return Ok(true);
            }
            let start = self.out.len();
            if let Err(error) = self.push(reader, &record) {
                self.out.truncate(start);
                if self.bytes > 0 {
                    return Ok(true);
                }
                // It is given out as an error, and the next request goes on behind it.
                let why = format!(
                    "{error}: topic {}, partition {}, offset {}",
                    record.topic, record.partition, record.offset
                );
                *from += 1;
                return Err(Refusal::new(500, CONVERSION, why).into());
            }
            self.bytes += bytes;
            let (partition, next) = (record.partition, record.offset + 1);
            match given.iter_mut().find(|(place, _)| place.partition == partition && place.topic == record.topic) {
                Some((_, offset)) => *offset = next,
                None => {
                    given.insert(TopicPartition { topic: record.topic.to_string(), partition }, next);
                }
            }
            *from += 1;
        }
        Ok(false)
    }

    fn push(&mut self, reader: &mut crate::rest::encoding::FieldReader, record: &Record<'_>) -> kafi_core::Result<()> {
        let out = &mut self.out;
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"topic\":\"");
        // The names of topics need no escapes.
        out.extend_from_slice(record.topic.as_bytes());
        out.extend_from_slice(b"\",\"key\":");
        reader.read(record, Field::Key, out)?;
        out.extend_from_slice(b",\"value\":");
        reader.read(record, Field::Value, out)?;
        number(out, b",\"partition\":", record.partition.into());
        number(out, b",\"offset\":", record.offset);
        if self.with_all {
            number(out, b",\"timestamp\":", record.timestamp);
            if record.timestamp_type == TimestampType::Append {
                out.extend_from_slice(b",\"timestamp_type\":\"append\"");
            }
            headers(out, record);
        }
        out.push(b'}');
        Ok(())
    }
}

fn number(out: &mut Vec<u8>, name: &[u8], number: i64) {
    out.extend_from_slice(name);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The headers: their names are bytes, and so are in base64 as well.
fn headers(out: &mut Vec<u8>, record: &Record<'_>) {
    if record.headers.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"headers\":[");
    for (index, header) in record.headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        base64_string(header.name, out);
        out.push(b',');
        match header.value {
            Some(value) => base64_string(value, out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b']');
    }
    out.push(b']');
}

fn content_type(form: Form) -> &'static str {
    use kafi_serde::Format;
    match form {
        Form::Binary | Form::Text => "application/vnd.kafka.binary.v2+json",
        Form::Json => "application/vnd.kafka.json.v2+json",
        Form::Schema(Format::Avro) => "application/vnd.kafka.avro.v2+json",
        Form::Schema(Format::Protobuf) => "application/vnd.kafka.protobuf.v2+json",
        Form::Schema(Format::JsonSchema) => "application/vnd.kafka.jsonschema.v2+json",
    }
}

/// Whether the header `Accept` takes a form. What names none takes all.
fn accepts(accept: &str, form: Form) -> bool {
    accept.split(',').any(|one| {
        let bare = one.split(';').next().unwrap_or_default().trim();
        match bare {
            "*/*" | "application/*" | "application/json" | "application/vnd.kafka+json" => true,
            "application/vnd.kafka.v2+json" => true,
            other => embedded(other).and_then(Form::of_word) == Some(form),
        }
    })
}

fn illegal(why: &str) -> Refusal {
    Refusal::new(409, ILLEGAL_STATE, format!("the consumer cannot do that now: {why}"))
}

fn assignment(place: &TopicPartition, start: i64) -> Assignment {
    Assignment { topic: place.topic.clone(), partition: place.partition, start, end: None }
}

fn texts(json: &Json, name: &str) -> Result<Vec<String>, Failure> {
    let elements = json.get(name).into_iter().flat_map(Json::iter);
    Ok(elements.map(|text| text.str().map(str::to_string)).collect::<kafi_core::Result<_>>()?)
}

fn places(json: &Json) -> Result<Vec<TopicPartition>, Failure> {
    let list = json.get("partitions").ok_or_else(|| Refusal::of_status(422, "the body has no partitions"))?;
    list.iter().map(place).collect()
}

fn place(json: &Json) -> Result<TopicPartition, Failure> {
    let bad = || Refusal::of_status(422, "an element names no topic or no partition");
    let topic = json.get("topic").and_then(|topic| topic.str().ok()).ok_or_else(bad)?.to_string();
    let partition = json.get("partition").and_then(|partition| i32::try_from(partition.int().ok()?).ok());
    Ok(TopicPartition { topic, partition: partition.ok_or_else(bad)? })
}

fn offsets(json: &Json, least: i64) -> Result<Vec<(Position, String)>, Failure> {
    let list = json.get("offsets").ok_or_else(|| Refusal::of_status(422, "the body has no offsets"))?;
    let read = |json: &Json| {
        let TopicPartition { topic, partition } = place(json)?;
        let offset = json.get("offset").and_then(|offset| offset.int().ok()).filter(|offset| *offset >= least);
        let offset = offset.ok_or_else(|| Refusal::of_status(422, "an element names no offset"))?;
        let metadata = json.get("metadata").filter(|metadata| !metadata.is_null()).map(plain);
        Ok((Position { topic, partition, offset }, metadata.unwrap_or_default()))
    };
    list.iter().map(read).collect()
}
