//! The consumers that live between requests: they are made, used, and deleted, or expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use kafi_core::{
    CommittedOffset, Consumer, ConsumerOptions, Error, ErrorKind, Isolation, Json, Result as CoreResult, TopicPartition,
};

use crate::answer::{Answered, Asked, Reply};
use crate::failure::{Failure, Refusal};
use crate::rest::Rest;
use crate::rest::codes::{BAD_SETTING, CONSUMER_EXISTS, CONSUMER_NOT_FOUND, TOO_MANY_CONSUMERS};
use crate::rest::encoding::{FieldReader, Form, plain};
use crate::rest::v2::V2;

/// How long an instance lives that nobody uses, unless it says otherwise.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// How long one that says so may live.
const IDLE_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How often those that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// How long an instance may take to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request for messages waits, unless it or the instance says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The instances, by group and name.
pub struct Consumers {
    instances: Mutex<HashMap<(String, String), Arc<Instance>>>,
    count_max: usize,
    /// The number in the next name that is given.
    next: Mutex<u64>,
}

/// An instance.
pub struct Instance {
    pub form: Form,
    pub group: String,
    pub request_timeout: Duration,
    pub fetch_bytes_min: usize,
    pub start_at_earliest: bool,
    pub auto_commit: bool,
    idle_max: Duration,
    last_used: Mutex<Instant>,
    /// Locked by the request that uses it; others wait.
    pub state: Mutex<State>,
}

/// What a request changes.
pub struct State {
    pub consumer: Box<dyn Consumer>,
    pub reader: FieldReader,
    pub subscribed: Vec<String>,
    pub assigned: Vec<TopicPartition>,
    /// What stands behind the messages that were given out.
    pub given: HashMap<TopicPartition, i64>,
    /// Messages that were read and not given out yet, from this index on.
    pub batch: kafi_core::Batch,
    pub from: usize,
    /// The bytes of the last answer; the next one has as many, most likely.
    pub answer_bytes: usize,
    /// When it committed by itself.
    pub committed_at: Instant,
}

impl Consumers {
    pub fn new(count_max: usize) -> Self {
        Self { instances: Mutex::default(), count_max, next: Mutex::new(1) }
    }

    /// The instance that a request names, which is used now.
    pub fn find(&self, asked: &Asked) -> Result<Arc<Instance>, Refusal> {
        let key = (asked.param("group").to_string(), asked.param("instance").to_string());
        let found = lock(&self.instances).get(&key).cloned();
        let instance = found.ok_or_else(|| Refusal::new(404, CONSUMER_NOT_FOUND, "Consumer instance not found."))?;
        *lock(&instance.last_used) = Instant::now();
        Ok(instance)
    }

    fn name(&self) -> String {
        let mut next = lock(&self.next);
        *next += 1;
        format!("rest-consumer-{}-{}", std::process::id(), *next)
    }

    fn remove(&self, group: &str, name: &str) -> Option<Arc<Instance>> {
        lock(&self.instances).remove(&(group.to_string(), name.to_string()))
    }

    /// Takes out those that nobody used for too long.
    fn expired(&self) -> Vec<Arc<Instance>> {
        let mut instances = lock(&self.instances);
        let is_over = |instance: &Arc<Instance>| {
            // One that is in use now is not over.
            let is_idle = instance.state.try_lock().is_ok();
            is_idle && lock(&instance.last_used).elapsed() > instance.idle_max
        };
        let keys: Vec<_> =
            instances.iter().filter(|(_, instance)| is_over(instance)).map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| instances.remove(key)).collect()
    }
}

impl Instance {
    /// What it is, for the one request that uses it at a time.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Commits, if it does so by itself, and leaves the group.
    fn close(&self) -> CoreResult<()> {
        let mut state = self.lock();
        let committed = if self.auto_commit { state.commit_given(CLOSE_TIMEOUT) } else { Ok(()) };
        state.consumer.close(CLOSE_TIMEOUT)?;
        committed
    }
}

impl State {
    /// Commits what stands behind the messages that were given out, of partitions that it still has: others go on there.
    pub fn commit_given(&mut self, timeout: Duration) -> CoreResult<()> {
        let has = self.consumer.positions();
        self.given.retain(|place, _| has.iter().any(|at| at.partition == place.partition && at.topic == place.topic));
        let offset =
            |(place, offset): (&TopicPartition, &i64)| CommittedOffset::new(&*place.topic, place.partition, *offset);
        let offsets: Vec<CommittedOffset> = self.given.iter().map(offset).collect();
        if offsets.is_empty() { Ok(()) } else { self.consumer.commit(&offsets, timeout) }
    }

    /// Forgets what was read, since it goes on somewhere else.
    pub fn drop_read(&mut self) {
        self.batch.clear();
        self.from = 0;
    }
}

/// Closes instances that have expired, until the server is gone.
pub async fn close_expired(rest: Weak<Rest>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(rest) = rest.upgrade() else { return };
        for instance in rest.consumers.expired() {
            tokio::task::spawn_blocking(move || {
                if let Err(error) = instance.close() {
                    log::warn!("serve: a consumer of group {} that has expired: {error}", instance.group);
                }
            });
        }
    }
}

pub fn create(V2(rest): &V2, asked: &Asked) -> Answered {
    let json = asked.object_or_nothing()?;
    let (group, consumers) = (asked.param("group"), &rest.consumers);
    let name = match text(&json, "name")? {
        Some(name) => name,
        None => consumers.name(),
    };
    let key = (group.to_string(), name.clone());
    let check = |instances: &HashMap<_, _>| match () {
        () if instances.contains_key(&key) => Err(Refusal::new(
            409,
            CONSUMER_EXISTS,
            "Consumer with specified consumer ID already exists in the specified consumer group.",
        )),
        () if instances.len() >= consumers.count_max => {
            let why = format!("there are {} consumers, and may be no more; delete some", instances.len());
            Err(Refusal::new(429, TOO_MANY_CONSUMERS, why))
        }
        () => Ok(()),
    };
    check(&lock(&consumers.instances))?;
    let instance = Arc::new(open(rest, group, &json)?);
    {
        let mut instances = lock(&consumers.instances);
        // Another request may have been faster.
        check(&instances)?;
        instances.insert(key, instance);
    }
    let host = asked.header("host").unwrap_or("localhost");
    let path = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let scheme = rest.app.options.scheme();
    let uri = format!("{scheme}://{host}/consumers/{}/instances/{}", path(group), path(&name));
    Ok(Json::object([("instance_id", Json::from(name)), ("base_uri", Json::from(uri))]).into())
}

pub fn delete(V2(rest): &V2, asked: &Asked) -> Answered {
    let removed = rest.consumers.remove(asked.param("group"), asked.param("instance"));
    let instance = removed.ok_or_else(|| Refusal::new(404, CONSUMER_NOT_FOUND, "Consumer instance not found."))?;
    instance.close()?;
    Ok(Reply::nothing())
}

fn open(rest: &Rest, group: &str, json: &Json) -> Result<Instance, Failure> {
    let bad = |what: &str, value: String| {
        Refusal::new(422, BAD_SETTING, format!("Invalid consumer configuration: {what}: {value}"))
    };
    let word = text(json, "format")?.unwrap_or_else(|| "binary".into());
    let form = Form::of_word(&word).filter(|form| *form != Form::Text).ok_or_else(|| bad("format", word))?;
    let start_at_earliest = match text(json, "auto.offset.reset")?.as_deref() {
        Some("earliest" | "smallest") => true,
        None | Some("latest" | "largest") => false,
        Some(other) => return Err(bad("auto.offset.reset", other.into()).into()),
    };
    let isolation = match text(json, "isolation.level")?.as_deref() {
        None | Some("read_committed") => Isolation::ReadCommitted,
        Some("read_uncommitted") => Isolation::ReadUncommitted,
        Some(other) => return Err(bad("isolation.level", other.into()).into()),
    };
    let number = |name: &str| -> Result<Option<u64>, Failure> {
        let Some(value) = text(json, name)? else { return Ok(None) };
        if value == "-1" {
            return Ok(None);
        }
        Ok(Some(value.parse().map_err(|_| bad(name, value))?))
    };
    let milliseconds = |name: &str| Ok::<_, Failure>(number(name)?.map(Duration::from_millis));
    let options =
        ConsumerOptions { group: Some(group.into()), isolation, start_at_earliest, ..ConsumerOptions::default() };
    let consumer = rest.served.storage.consumer(&options)?;
    Ok(Instance {
        form,
        group: group.into(),
        request_timeout: milliseconds("consumer.request.timeout.ms")?.unwrap_or(REQUEST_TIMEOUT),
        fetch_bytes_min: number("fetch.min.bytes")?.map_or(1, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        start_at_earliest,
        auto_commit: text(json, "auto.commit.enable")?.is_none_or(|value| value != "false"),
        idle_max: milliseconds("consumer.instance.timeout.ms")?.unwrap_or(IDLE_MAX).min(IDLE_LIMIT),
        last_used: Mutex::new(Instant::now()),
        state: Mutex::new(State {
            consumer,
            reader: FieldReader::new(rest, form)?,
            subscribed: Vec::new(),
            assigned: Vec::new(),
            given: HashMap::new(),
            batch: kafi_core::Batch::new(),
            from: 0,
            answer_bytes: 0,
            committed_at: Instant::now(),
        }),
    })
}

/// A setting as text; clients write numbers and flags as text or as they are.
fn text(json: &Json, name: &str) -> CoreResult<Option<String>> {
    match json.get(name).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) if matches!(value.kind(), kafi_core::JsonKind::Object | kafi_core::JsonKind::Array) => {
            Err(Error::new(ErrorKind::Usage, "read settings", "it is no text").with("setting", name))
        }
        Some(value) => Ok(Some(plain(value))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
