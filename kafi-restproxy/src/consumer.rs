//! Reading: an instance of a consumer on the server, which is made anew where the server has forgotten it.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, Error, ErrorKind, Isolation, Json, Membership,
    Polled, Position, Result, Retry, TopicPartition,
};
use reqwest::Method;

use crate::client::{Ahead, BINARY, Call, Client, V2, end_of, plain};
use crate::error::{NO_INSTANCE, has_code};
use crate::message::Messages;
use crate::offsets;
use crate::reading::{Reading, reading_of, start};

const POLL: &str = "read";

/// The longest that one request waits for messages.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What an answer may take beyond the time that the server waits, before it is given up.
const GRACE: Duration = Duration::from_millis(500);

/// How often the server is asked which partitions a member of a group has.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a request waits for messages that is made before the messages of the last one were looked at.
const AHEAD: Duration = Duration::from_millis(20);

/// A consumer over instances of version 2.
pub(crate) struct RestConsumer {
    client: Arc<Client>,
    options: ConsumerOptions,
    /// The group of the instance: the one that was named, or one of its own.
    group: String,
    /// The instance on the server, while there is one.
    instance: Option<String>,
    topics: Vec<String>,
    partitions: Vec<Reading>,
    is_subscribed: bool,
    /// It was told what to read, and is not closed.
    is_open: bool,
    /// The server goes on elsewhere than this consumer does: what it gave out last may not have come.
    must_seek: bool,
    /// Messages that came and were not given out yet.
    answer: Option<Messages>,
    /// Requests for the messages behind those, which are made where there seem to be many.
    ahead: VecDeque<Ahead>,
    /// How often in a row there were none.
    empty: u32,
    /// The server does not say where it goes on.
    tells_no_positions: bool,
    /// A member of a group knows which partitions it has.
    is_settled: bool,
    /// When the server was asked that last.
    looked_at: Instant,
    /// It was said that messages come without headers and timestamps.
    has_warned: bool,
}

impl RestConsumer {
    pub fn new(client: Arc<Client>, options: &ConsumerOptions) -> Result<Self> {
        if let Some((property, _)) = options.properties.first() {
            return Err(Error::unsupported(&client.name, "set properties").with("property", property));
        }
        let own = || format!("kafi-{:016x}", RandomState::new().hash_one(std::process::id()));
        Ok(Self {
            client,
            options: options.clone(),
            group: options.group.clone().unwrap_or_else(own),
            instance: None,
            topics: Vec::new(),
            partitions: Vec::new(),
            is_subscribed: false,
            is_open: false,
            must_seek: false,
            answer: None,
            ahead: VecDeque::new(),
            empty: 0,
            tells_no_positions: false,
            is_settled: false,
            looked_at: Instant::now(),
            has_warned: false,
        })
    }

    /// Makes an instance, unless there is one, and says to it what it reads.
    fn ensure(&mut self, deadline: Instant) -> Result<()> {
        if self.instance.is_some() {
            return Ok(());
        }
        let mut settings = vec![
            ("format", Json::from("binary")),
            ("auto.offset.reset", Json::from(if self.options.start_at_earliest { "earliest" } else { "latest" })),
            ("auto.commit.enable", Json::from("false")),
        ];
        let config = &self.client.config;
        settings.extend(config.fetch_bytes_min.map(|bytes| ("fetch.min.bytes", Json::from(bytes.to_string()))));
        if self.options.isolation == Isolation::ReadUncommitted {
            settings.push(("isolation.level", Json::from("read_uncommitted")));
        }
        let call = Call::post("make consumer", &["consumers", &self.group]).json(&Json::object(settings));
        let made = self.client.ask(&call.about("group", &self.group), deadline)?;
        let id = made["instance_id"].str().map_err(|error| self.client.unexpected("make consumer", error))?;
        self.instance = Some(id.to_string());
        if self.is_subscribed {
            let topics = Json::object([("topics", Json::array(self.topics.iter().map(Json::from)))]);
            let path = self.path(&["subscription"])?;
            self.client.ask(&Call::post("subscribe", &as_str(&path)).json(&topics).repeatable(), deadline)?;
        } else if !self.partitions.is_empty() {
            let places = places(self.partitions.iter().map(|reading| &reading.place));
            let path = self.path(&["assignments"])?;
            self.client.ask(&Call::post("assign", &as_str(&path)).json(&places).repeatable(), deadline)?;
            self.must_seek = true;
        }
        Ok(())
    }

    fn path(&self, end: &[&str]) -> Result<Vec<String>> {
        let none = || Error::new(ErrorKind::Usage, POLL, "nothing is assigned").with("storage", &self.client.name);
        let instance = self.instance.as_deref().ok_or_else(none)?;
        let start = ["consumers", &*self.group, "instances", instance];
        Ok(start.iter().chain(end).map(|part| (*part).to_string()).collect())
    }

    /// Makes a call to the instance, and once more to a new one where the server does not know it any more.
    fn ask(&mut self, method: Method, end: &'static str, body: &Json, deadline: Instant) -> Result<Json> {
        let mut is_new = self.instance.is_none();
        loop {
            self.ensure(deadline)?;
            let path = self.path(&[end])?;
            let path = as_str(&path);
            let call = Call::new("use consumer", method.clone(), &path).of_type(V2).json(body).repeatable();
            match self.client.ask(&call.about("group", &self.group), deadline) {
                Err(error) if has_code(&error, NO_INSTANCE) && !is_new => {
                    self.forget_instance();
                    is_new = true;
                }
                answer => return answer,
            }
        }
    }

    /// The server has none any more. What a new one gives out again to a member of a group was given out already.
    fn forget_instance(&mut self) {
        self.is_settled = false;
        (self.instance, self.answer) = (None, None);
        self.ahead.clear();
    }

    /// What the server gave out did not come, or not whole: it goes on from where we are.
    fn lose_track(&mut self) {
        self.must_seek = true;
        // Whoever subscribes cannot seek: a new instance goes on at what is committed.
        if self.is_subscribed {
            let left = self.path(&[]);
            self.forget_instance();
            if let Ok(path) = left {
                self.client.call_and_forget(&Call::new("close consumer", Method::DELETE, &as_str(&path)));
            }
        }
    }

    fn delete(&mut self, deadline: Instant) -> Result<()> {
        let Ok(path) = self.path(&[]) else { return Ok(()) };
        self.forget_instance();
        match self.client.ask(&Call::new("close consumer", Method::DELETE, &as_str(&path)), deadline) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            deleted => deleted.map(drop),
        }
    }

    /// Goes on at our own positions.
    fn seek_all(&mut self, deadline: Instant) -> Result<()> {
        // None may be answered after the seek, for that would be the wrong messages.
        self.ahead.drain(..).for_each(Ahead::wait);
        let offsets = self.partitions.iter().map(|reading| offset(&reading.place, reading.next));
        let body = Json::object([("offsets", Json::array(offsets))]);
        self.ask(Method::POST, "positions", &body, deadline)?;
        self.must_seek = false;
        self.answer = None;
        Ok(())
    }

    /// Asks for messages, and waits for some. What does not come in time is asked for again from where we are.
    fn fetch(&mut self, bytes_max: usize, deadline: Instant) -> Result<()> {
        // Nothing is answered in no time at all.
        let soon = deadline.max(Instant::now() + GRACE);
        self.ensure(soon)?;
        if self.must_seek && !self.is_subscribed {
            self.seek_all(soon)?;
        }
        // What is this large is not all, most likely, and the next part can come while this one is looked at.
        let is_part = |bytes: u64| bytes >= bytes_max as u64;
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = left.min(WAIT_MAX).min(self.client.config.request_timeout.max(Duration::from_millis(1)));
        let path = self.path(&["records"])?;
        let path = as_str(&path);
        let call = |wait: Duration| {
            let query = format!("?timeout={}&max_bytes={bytes_max}&kafi.all=true", wait.as_millis());
            Call::get(POLL, &path).of_type(BINARY).query(query).once()
        };
        let goes_ahead = self.is_settled || !self.is_subscribed;
        // Where it cannot be made, what came before it is not lost: the next one says why.
        let start = || self.client.start(&call(AHEAD), AHEAD + WAIT_MAX).ok();
        let answer = match self.ahead.pop_front() {
            Some(mut ahead) => {
                // The server is done with an answer whose head is there, and goes on while the rest of it comes.
                if goes_ahead && self.ahead.is_empty() && ahead.length(soon).is_some_and(is_part) {
                    self.ahead.extend(start());
                }
                match self.client.finish(&mut ahead, &call(AHEAD), soon) {
                    Some(answer) => answer,
                    None => {
                        self.ahead.push_front(ahead);
                        return Ok(());
                    }
                }
            }
            None => self.client.call(&call(wait), Instant::now() + wait + GRACE),
        };
        match answer.and_then(|answer| Messages::new(answer.body)) {
            Ok(messages) => {
                if goes_ahead && self.ahead.is_empty() && is_part(messages.bytes() as u64) {
                    self.ahead.extend(start());
                }
                self.answer = Some(messages);
                Ok(())
            }
            Err(error) => {
                if has_code(&error, NO_INSTANCE) {
                    self.must_seek = true;
                    self.forget_instance();
                    return Ok(());
                }
                self.lose_track();
                Err(if error.retryable() == Retry::Exhausted { error.retry(Retry::Later) } else { error })
            }
        }
    }

    /// Takes what came over into a batch.
    fn take(&mut self, batch: &mut Batch) -> Result<()> {
        let Some(mut answer) = self.answer.take() else { return Ok(()) };
        match self.take_from(&mut answer, batch) {
            Ok(()) if answer.is_over() => Ok(()),
            Ok(()) => {
                self.answer = Some(answer);
                Ok(())
            }
            Err(error) => {
                self.lose_track();
                // What came before it is given out first; then it comes again.
                if batch.is_empty() { Err(error) } else { Ok(()) }
            }
        }
    }

    fn take_from(&mut self, answer: &mut Messages, batch: &mut Batch) -> Result<()> {
        while !batch.is_full() || batch.is_empty() {
            let Some(message) = answer.next()? else { return Ok(()) };
            let found = reading_of(&mut self.partitions, message.topic, message.partition, self.is_subscribed);
            let Some(reading) = found else { continue };
            if message.offset < reading.next {
                continue;
            }
            if reading.end.is_some_and(|end| message.offset >= end) {
                reading.go_on(message.offset);
                continue;
            }
            if !message.is_whole && !self.has_warned {
                self.has_warned = true;
                let name = &self.client.name;
                log::warn!("storage {name}: the server gives out messages without their headers and timestamps");
            }
            message.push(batch)?;
            reading.next = message.offset + 1;
        }
        Ok(())
    }

    /// There were no messages: asks where the server goes on, which may be past offsets that are never delivered.
    fn look_for_end(&mut self, deadline: Instant) -> Result<()> {
        self.empty += 1;
        self.look(deadline)?;
        if self.tells_no_positions && self.empty >= self.client.config.attempts.max(1) {
            for reading in &mut self.partitions {
                reading.next = reading.next.max(reading.end.unwrap_or(reading.next));
            }
            // A member that has no partitions is told nothing.
            self.is_settled = true;
        }
        Ok(())
    }

    /// Asks where the server goes on, and which partitions a member of a group has now.
    fn look(&mut self, deadline: Instant) -> Result<()> {
        self.looked_at = Instant::now();
        if !self.tells_no_positions {
            let path = self.path(&["positions"])?;
            match self.client.ask(&Call::get("read positions", &as_str(&path)), deadline) {
                Ok(json) => {
                    let position = |json: &Json| {
                        let (topic, partition) = (json["topic"].str()?.to_string(), number(&json["partition"])?);
                        Ok(Position { topic, partition, offset: json["offset"].int()? })
                    };
                    let positions = self.client.each("read positions", json["positions"].iter(), position)?;
                    let is_joining = json.get("is_joining").is_some_and(|flag| flag.bool().is_ok_and(|flag| flag));
                    return self.take_positions(&positions, is_joining);
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => self.tells_no_positions = true,
                Err(error) if has_code(&error, NO_INSTANCE) => {
                    self.forget_instance();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if !self.is_subscribed {
            return Ok(());
        }
        let path = self.path(&["assignments"])?;
        let json = self.client.ask(&Call::get("read assignments", &as_str(&path)), deadline)?;
        let place = |json: &Json| {
            Ok(TopicPartition { topic: json["topic"].str()?.to_string(), partition: number(&json["partition"])? })
        };
        let places = self.client.each("read assignments", json["partitions"].iter(), place)?;
        let positions = self.starts(&places, deadline)?;
        self.take_positions(&positions, places.is_empty())
    }

    /// Where a group goes on in partitions, as far as its member was not told.
    fn starts(&mut self, places: &[TopicPartition], deadline: Instant) -> Result<Vec<Position>> {
        let is_new = |place: &&TopicPartition| !self.partitions.iter().any(|reading| reading.place == **place);
        let new: Vec<TopicPartition> = places.iter().filter(is_new).cloned().collect();
        let known = self.partitions.iter().filter(|reading| places.contains(&reading.place));
        let mut positions: Vec<Position> = known.map(Reading::position).collect();
        if !new.is_empty() {
            let committed = self.committed(&new, deadline.saturating_duration_since(Instant::now()))?;
            for mark in offsets::watermarks(&self.client, &new, self.options.isolation, deadline)? {
                let is_it =
                    |offset: &&CommittedOffset| offset.topic == mark.topic && offset.partition == mark.partition;
                let begin = if self.options.start_at_earliest { mark.low } else { mark.high };
                let offset = committed.iter().find(is_it).map_or(begin, |offset| offset.offset.max(mark.low));
                positions.push(Position { topic: mark.topic, partition: mark.partition, offset });
            }
        }
        Ok(positions)
    }

    /// Takes over where the server goes on. A member of a group has these partitions, and no others.
    fn take_positions(&mut self, positions: &[Position], is_joining: bool) -> Result<()> {
        // What came and was not given out yet lies before where the server goes on.
        let firsts = match &self.answer {
            Some(answer) => answer.firsts()?,
            None => Vec::new(),
        };
        if self.is_subscribed {
            self.is_settled = !is_joining;
            self.partitions.retain(|reading| positions.iter().any(|position| reading.is_at(position)));
        }
        // Nobody knows yet what the request ahead brings.
        for position in positions.iter().filter(|_| self.ahead.is_empty()) {
            let first =
                firsts.iter().find(|first| (&first.topic, first.partition) == (&position.topic, position.partition));
            let next = first.map_or(position.offset, |first| first.offset.min(position.offset));
            match self.partitions.iter_mut().find(|reading| reading.is_at(position)) {
                Some(reading) => reading.go_on(next),
                None if self.is_subscribed => {
                    let place = TopicPartition { topic: position.topic.clone(), partition: position.partition };
                    self.partitions.push(Reading { place, next, end: None });
                }
                None => {}
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        !self.is_subscribed && self.partitions.iter().all(Reading::is_over)
    }
}

impl Consumer for RestConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        let deadline = end_of(timeout);
        let place = |wanted: &Assignment| TopicPartition { topic: wanted.topic.clone(), partition: wanted.partition };
        let places: Vec<TopicPartition> = assignments.iter().map(place).collect();
        let marks = offsets::watermarks(&self.client, &places, self.options.isolation, deadline)?;
        let mut partitions = Vec::with_capacity(assignments.len());
        for ((wanted, place), mark) in assignments.iter().zip(places).zip(marks) {
            let next = start(wanted, &mark, self.options.allow_gap)?;
            partitions.push(Reading { place, next, end: wanted.end });
        }
        self.delete(deadline)?;
        (self.is_subscribed, self.empty, self.topics) = (false, 0, Vec::new());
        self.partitions = partitions;
        self.is_open = true;
        Ok(())
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        if self.options.group.is_none() {
            let error = Error::new(ErrorKind::Usage, "subscribe", "a group is needed");
            return Err(error.with("storage", &self.client.name));
        }
        let deadline = end_of(timeout);
        for topic in topics {
            self.client.ask(&Call::get("find topic", &["topics", topic]).about("topic", topic), deadline)?;
        }
        self.delete(deadline)?;
        (self.is_subscribed, self.empty, self.topics) = (true, 0, topics.to_vec());
        self.partitions.clear();
        self.is_settled = false;
        self.is_open = true;
        self.ensure(deadline)
    }

    fn seek(&mut self, position: &Position, _timeout: Duration) -> Result<()> {
        let is_it = |reading: &&mut Reading| {
            reading.place.topic == position.topic && reading.place.partition == position.partition
        };
        let Some(reading) = self.partitions.iter_mut().find(is_it) else {
            let error = Error::new(ErrorKind::NotFound, "seek", "the partition is not assigned");
            return Err(error.with("topic", &position.topic).with("partition", position.partition));
        };
        reading.next = position.offset;
        (self.must_seek, self.answer, self.empty) = (true, None, 0);
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        if !self.is_open {
            let error = Error::new(ErrorKind::Usage, POLL, "nothing is assigned");
            return Err(error.with("storage", &self.client.name));
        }
        let deadline = end_of(timeout);
        loop {
            self.take(batch)?;
            if !batch.is_empty() {
                self.empty = 0;
                return Ok(Polled::Records);
            }
            if self.is_over() {
                return Ok(Polled::End);
            }
            if self.is_subscribed
                && self.is_settled
                && self.looked_at.elapsed() >= LOOK_EVERY
                && self.instance.is_some()
            {
                self.look(deadline.max(Instant::now() + GRACE))?;
            }
            let (is_first, was_ahead) = (self.answer.is_none(), !self.ahead.is_empty());
            self.fetch(batch.bytes_max(), deadline)?;
            if self.is_subscribed && !self.is_settled && self.answer.as_ref().is_some_and(|answer| !answer.is_over()) {
                self.look(deadline.max(Instant::now() + GRACE))?;
            }
            // One that was made ahead waited for nothing, so that nothing means nothing.
            if self.answer.as_ref().is_some_and(Messages::is_over) && !was_ahead {
                self.answer = None;
                self.look_for_end(end_of(GRACE.max(deadline.saturating_duration_since(Instant::now()))))?;
                if self.is_over() {
                    return Ok(Polled::End);
                }
            }
            if is_first && self.answer.is_none() && Instant::now() >= deadline {
                return Ok(Polled::Timeout);
            }
        }
    }

    fn membership(&self) -> Membership {
        if self.is_subscribed && !self.is_settled { Membership::Joining } else { Membership::Stable }
    }

    fn positions(&self) -> Vec<Position> {
        self.partitions.iter().map(Reading::position).collect()
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.check_group("commit")?;
        if offsets.is_empty() {
            return Ok(());
        }
        // What is said is the message before the offset that is committed.
        let members = |offset: &CommittedOffset| {
            Json::object([
                ("topic", Json::from(&offset.topic)),
                ("partition", Json::from(offset.partition)),
                ("offset", Json::from(offset.offset - 1)),
                ("metadata", Json::from(&offset.metadata)),
            ])
        };
        let body = Json::object([("offsets", Json::array(offsets.iter().map(members)))]);
        self.ask(Method::POST, "offsets", &body, end_of(timeout)).map(drop)
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.check_group("read committed offsets")?;
        let answer = self.ask(Method::GET, "offsets", &places(partitions.iter()), end_of(timeout))?;
        let all = answer["offsets"].iter().filter(|offset| offset["offset"].int().is_ok_and(|offset| offset >= 0));
        self.client.each("read committed offsets", all, |offset| {
            let metadata = offset.get("metadata").filter(|text| !text.is_null()).map(plain);
            let (topic, partition) = (offset["topic"].str()?, number(&offset["partition"])?);
            let committed = CommittedOffset::new(topic, partition, offset["offset"].int()?);
            Ok(CommittedOffset { metadata: metadata.unwrap_or_default(), ..committed })
        })
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.is_open = false;
        self.partitions.clear();
        self.delete(end_of(timeout))
    }
}

impl RestConsumer {
    fn check_group(&self, operation: &'static str) -> Result<()> {
        match self.options.group {
            Some(_) => Ok(()),
            None => {
                Err(Error::new(ErrorKind::Usage, operation, "a group is needed").with("storage", &self.client.name))
            }
        }
    }
}

impl Drop for RestConsumer {
    /// Lets the server know, and does not wait for it.
    fn drop(&mut self) {
        if let Ok(path) = self.path(&[]) {
            self.client.call_and_forget(&Call::new("close consumer", Method::DELETE, &as_str(&path)));
        }
    }
}

fn number(json: &Json) -> Result<i32> {
    let number = json.int()?;
    i32::try_from(number).map_err(|_| Error::new(ErrorKind::Corrupt, POLL, format!("{number} is no partition")))
}

fn offset(place: &TopicPartition, offset: i64) -> Json {
    Json::object([
        ("topic", Json::from(&place.topic)),
        ("partition", Json::from(place.partition)),
        ("offset", Json::from(offset)),
    ])
}

fn places<'a>(all: impl Iterator<Item = &'a TopicPartition>) -> Json {
    let place = |place: &TopicPartition| {
        Json::object([("topic", Json::from(&place.topic)), ("partition", Json::from(place.partition))])
    };
    Json::object([("partitions", Json::array(all.map(place)))])
}

fn as_str(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
