//! The `kafi` section: how Kafi itself behaves, with every item typed, documented, and settable from code.

use std::time::Duration;

use super::kind::ConfigKey;
use super::nearest::suggestion;
use super::schema_settings::SchemaSettings;
use super::values::{Checked, boolean, one_of, put, whole};
use crate::error::{Error, ErrorKind, Result};

/// Where a group without a committed offset starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first message that is there.
    #[default]
    Earliest,
    /// At the end: only messages that come from now on.
    Latest,
}

/// The items of the `kafi` section. Each may stand in a configuration of any kind of storage; the kinds that an item
/// does not concern ignore it.
///
/// A field holds the typed value; [`get`](Settings::get) and [`set`](Settings::set) go by the names and texts of the
/// file.
///
/// ```
/// use kafi_core::Settings;
/// let mut settings = Settings::default();
/// settings.set("consume.timeout", "-1")?;
/// settings.consume_batch_size = 500;
/// assert_eq!(settings.consume_timeout, None);
/// assert_eq!(settings.get("consume.batch.size").as_deref(), Some("500"));
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `progress.num.messages`: progress is reported each time that so many messages are done; 0 is never. Default:
    /// 1000.
    pub progress_num_messages: u64,
    /// `consume.batch.size`: messages that one call reads at most. Default: 1000.
    pub consume_batch_size: usize,
    /// `produce.batch.size`: messages that one call writes at most. Default: 1000.
    pub produce_batch_size: usize,
    /// `consume.buffer.bytes.max`: bytes that a consumer reads ahead at most, over all its partitions together.
    /// Default: 67108864 (64 MiB).
    pub consume_buffer_bytes_max: u64,
    /// `consume.batch.bytes.max`: bytes that one stored batch may take in memory at most, as it is stored and unpacked.
    /// Default: 268435456 (256 MiB).
    pub consume_batch_bytes_max: u64,
    /// `verbose`: how much is said about what is done; 0 is nothing but results. Default: 0.
    pub verbose: u8,
    /// `auto.offset.reset`: where a group without a committed offset starts. Default: `earliest`.
    pub auto_offset_reset: OffsetReset,
    /// `consumer.group.prefix`: put before the name of each consumer group. Default: empty.
    pub consumer_group_prefix: String,
    /// `enable.auto.commit`: offsets are committed from time to time, whether or not the work on them is done. Default:
    /// false.
    pub enable_auto_commit: bool,
    /// `commit.after.processing`: offsets are committed when the work on their messages is done. Default: true.
    pub commit_after_processing: bool,
    /// `key.type`: how keys are read and written: `bytes`, `str`, `json`, `avro`, `protobuf` (`pb`), `jsonschema`
    /// (`json_sr`), or `auto`. `None` is unset: `auto` for reading, `str` for writing.
    pub key_type: Option<String>,
    /// `value.type`: how values are read and written, as for keys. `None` is unset: `auto` for reading, `json` for
    /// writing.
    pub value_type: Option<String>,
    /// What is said of schemas, under keys such as `value.schema` and `subject.name.strategy`.
    pub schemas: SchemaSettings,
    /// `flush.timeout`: how long a flush waits for all delivery reports; in the file in seconds, -1 for ever. Default:
    /// `None`, for ever. Concerns Kafka.
    pub flush_timeout: Option<Duration>,
    /// `retention.ms`: how long the messages of topics that Kafi makes are kept, in milliseconds; -1 is for ever.
    /// Default: 604800000 (7 days). Concerns Kafka.
    pub retention_ms: i64,
    /// `consume.timeout`: how long a consumer waits for the next message before it ends; in the file in seconds, -1 for
    /// ever. `None` is for ever. Default: 5 seconds. Concerns Kafka.
    pub consume_timeout: Option<Duration>,
    /// `session.timeout.ms`: a group takes a member that was silent for so long for dead; in the file in milliseconds.
    /// Default: 45 seconds. Concerns Kafka.
    pub session_timeout: Duration,
    /// `fetch.min.bytes`: bytes that the server collects before it answers; `None` (in the file -1) is the server's
    /// default. Default: `None`. Concerns the REST Proxy.
    pub fetch_min_bytes: Option<u32>,
    /// `consumer.request.timeout.ms`: how long one request for messages waits on the server; in the file in
    /// milliseconds. Default: 1 second. Concerns the REST Proxy.
    pub consumer_request_timeout: Duration,
    /// `consume.num.attempts`: how many requests in a row may bring nothing before the end is assumed. Default: 3.
    /// Concerns the REST Proxy.
    pub consume_num_attempts: u32,
    /// `requests.num.retries`: how often a request that failed is made again. Default: 10. Concerns the REST Proxy.
    pub requests_num_retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            progress_num_messages: 1000,
            consume_batch_size: 1000,
            produce_batch_size: 1000,
            consume_buffer_bytes_max: 64 << 20,
            consume_batch_bytes_max: 256 << 20,
            verbose: 0,
            auto_offset_reset: OffsetReset::Earliest,
            consumer_group_prefix: String::new(),
            enable_auto_commit: false,
            commit_after_processing: true,
            key_type: None,
            value_type: None,
            schemas: SchemaSettings::default(),
            flush_timeout: None,
            retention_ms: 604_800_000,
            consume_timeout: Some(Duration::from_secs(5)),
            session_timeout: Duration::from_secs(45),
            fetch_min_bytes: None,
            consumer_request_timeout: Duration::from_secs(1),
            consume_num_attempts: 3,
            requests_num_retries: 10,
        }
    }
}

impl Settings {
    /// All keys with their defaults and meanings, in the order of the documentation.
    pub fn keys() -> impl Iterator<Item = &'static ConfigKey> {
        ITEMS.iter().map(|item| &item.key).chain(SchemaSettings::keys())
    }

    /// The value of a key as it would stand in a file; `None` for an unknown key. A type that is unset is shown as the
    /// default that a producer takes.
    pub fn get(&self, key: &str) -> Option<String> {
        let item = ITEMS.iter().find(|item| item.key.name == key);
        item.map(|item| (item.get)(self)).or_else(|| self.schemas.get(key))
    }

    /// Sets a key to a value as it would stand in a file. After an error nothing has changed.
    ///
    /// # Errors
    /// `Config` for an unknown key, naming the nearest known one, and for a value of the wrong type or out of range,
    /// naming what is allowed.
    pub fn set(&mut self, key: &str, text: &str) -> Result<()> {
        const OPERATION: &str = "set configuration";
        match self.try_set(key, text) {
            Ok(()) => Ok(()),
            Err(Refusal::Key(why)) => Err(Error::new(ErrorKind::Config, OPERATION, why).with("key", key)),
            Err(Refusal::Value(why)) => {
                Err(Error::new(ErrorKind::Config, OPERATION, why).with("key", key).with("value", quoted(text)))
            }
        }
    }

    pub(super) fn try_set(&mut self, key: &str, text: &str) -> std::result::Result<(), Refusal> {
        let set = match ITEMS.iter().find(|item| item.key.name == key) {
            Some(item) => Some((item.set)(self, text)),
            None => self.schemas.set(key, text),
        };
        let Some(set) = set else {
            let known: Vec<&str> = Self::keys().map(|known| known.name).collect();
            return Err(Refusal::Key(format!("unknown key{}", suggestion(key, &known))));
        };
        set.map_err(|allowed| Refusal::Value(format!("must be {allowed}")))
    }
}

/// Why a key or its value was not taken.
pub(super) enum Refusal {
    Key(String),
    Value(String),
}

/// A value within an error: one that is empty or has spaces is seen as such.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text.to_owned() }
}

struct Item {
    key: ConfigKey,
    get: fn(&Settings) -> String,
    /// The error says what is allowed.
    set: fn(&mut Settings, &str) -> Checked<()>,
}

const fn item(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
    get: fn(&Settings) -> String,
    set: fn(&mut Settings, &str) -> Checked<()>,
) -> Item {
    Item { key: ConfigKey { name, default: Some(default), meaning }, get, set }
}

const COUNT_MAX: i64 = i32::MAX as i64;
const MS_MAX: i64 = i32::MAX as i64;
const BUFFER_BYTES_MIN: i64 = 1 << 20;
const BUFFER_BYTES_MAX: i64 = 1 << 40;
/// Longer than anybody waits, and short enough that it can be added to a clock.
const TIMEOUT_SECONDS_MAX: f64 = 1e9;
const TYPE_NAMES: [&str; 9] = ["bytes", "str", "json", "avro", "protobuf", "pb", "jsonschema", "json_sr", "auto"];

static ITEMS: [Item; 20] = [
    item(
        "progress.num.messages",
        "1000",
        "report progress each time that so many messages are done; 0 is never",
        |s| s.progress_num_messages.to_string(),
        |s, text| put(&mut s.progress_num_messages, whole(text, 0, i64::MAX).map(|n| n as u64)),
    ),
    item(
        "consume.batch.size",
        "1000",
        "messages that one call reads at most",
        |s| s.consume_batch_size.to_string(),
        |s, text| put(&mut s.consume_batch_size, whole(text, 1, COUNT_MAX).map(|n| n as usize)),
    ),
    item(
        "produce.batch.size",
        "1000",
        "messages that one call writes at most",
        |s| s.produce_batch_size.to_string(),
        |s, text| put(&mut s.produce_batch_size, whole(text, 1, COUNT_MAX).map(|n| n as usize)),
    ),
    item(
        "consume.buffer.bytes.max",
        "67108864",
        "bytes that a consumer reads ahead at most, over all its partitions together",
        |s| s.consume_buffer_bytes_max.to_string(),
        |s, text| {
            put(&mut s.consume_buffer_bytes_max, whole(text, BUFFER_BYTES_MIN, BUFFER_BYTES_MAX).map(|n| n as u64))
        },
    ),
    item(
        "consume.batch.bytes.max",
        "268435456",
        "bytes that one stored batch may take in memory at most, as it is stored and unpacked",
        |s| s.consume_batch_bytes_max.to_string(),
        |s, text| put(&mut s.consume_batch_bytes_max, whole(text, BUFFER_BYTES_MIN, i32::MAX.into()).map(|n| n as u64)),
    ),
    item(
        "verbose",
        "0",
        "how much is said about what is done; 0 is nothing but results",
        |s| s.verbose.to_string(),
        |s, text| put(&mut s.verbose, whole(text, 0, 255).map(|n| n as u8)),
    ),
    item(
        "auto.offset.reset",
        "earliest",
        "where a group without a committed offset starts: earliest or latest",
        |s| if s.auto_offset_reset == OffsetReset::Earliest { "earliest".into() } else { "latest".into() },
        |s, text| put(&mut s.auto_offset_reset, offset_reset(text)),
    ),
    item(
        "consumer.group.prefix",
        "",
        "put before the name of each consumer group",
        |s| s.consumer_group_prefix.clone(),
        |s, text| put(&mut s.consumer_group_prefix, Ok(text.to_owned())),
    ),
    item(
        "enable.auto.commit",
        "false",
        "commit offsets from time to time, whether or not the work on them is done",
        |s| s.enable_auto_commit.to_string(),
        |s, text| put(&mut s.enable_auto_commit, boolean(text)),
    ),
    item(
        "commit.after.processing",
        "true",
        "commit offsets when the work on their messages is done",
        |s| s.commit_after_processing.to_string(),
        |s, text| put(&mut s.commit_after_processing, boolean(text)),
    ),
    item(
        "key.type",
        "str",
        "how keys are read and written; where unset, they are read as auto",
        |s| s.key_type.clone().unwrap_or_else(|| "str".into()),
        |s, text| put(&mut s.key_type, one_of(text, &TYPE_NAMES).map(Some)),
    ),
    item(
        "value.type",
        "json",
        "how values are read and written; where unset, they are read as auto",
        |s| s.value_type.clone().unwrap_or_else(|| "json".into()),
        |s, text| put(&mut s.value_type, one_of(text, &TYPE_NAMES).map(Some)),
    ),
    item(
        "flush.timeout",
        "-1.0",
        "Kafka: seconds that a flush waits for all delivery reports; -1 is for ever",
        |s| seconds_text(s.flush_timeout),
        |s, text| put(&mut s.flush_timeout, seconds(text)),
    ),
    item(
        "retention.ms",
        "604800000",
        "Kafka: milliseconds that the messages of topics that Kafi makes are kept; -1 is for ever",
        |s| s.retention_ms.to_string(),
        |s, text| put(&mut s.retention_ms, whole(text, -1, i64::MAX)),
    ),
    item(
        "consume.timeout",
        "5.0",
        "Kafka: seconds that a consumer waits for the next message before it ends; -1 is for ever",
        |s| seconds_text(s.consume_timeout),
        |s, text| put(&mut s.consume_timeout, seconds(text)),
    ),
    item(
        "session.timeout.ms",
        "45000",
        "Kafka: milliseconds of silence after which a group takes a member for dead",
        |s| s.session_timeout.as_millis().to_string(),
        |s, text| put(&mut s.session_timeout, whole(text, 1, 3_600_000).map(milliseconds)),
    ),
    item(
        "fetch.min.bytes",
        "-1",
        "REST Proxy: bytes that the server collects before it answers; -1 is the server's default",
        |s| s.fetch_min_bytes.map_or_else(|| "-1".into(), |bytes| bytes.to_string()),
        |s, text| put(&mut s.fetch_min_bytes, whole(text, -1, COUNT_MAX).map(|n| u32::try_from(n).ok())),
    ),
    item(
        "consumer.request.timeout.ms",
        "1000",
        "REST Proxy: milliseconds that one request for messages waits on the server",
        |s| s.consumer_request_timeout.as_millis().to_string(),
        |s, text| put(&mut s.consumer_request_timeout, whole(text, 0, MS_MAX).map(milliseconds)),
    ),
    item(
        "consume.num.attempts",
        "3",
        "REST Proxy: how many requests in a row may bring nothing before the end is assumed",
        |s| s.consume_num_attempts.to_string(),
        |s, text| put(&mut s.consume_num_attempts, whole(text, 1, COUNT_MAX).map(|n| n as u32)),
    ),
    item(
        "requests.num.retries",
        "10",
        "REST Proxy: how often a request that failed is made again",
        |s| s.requests_num_retries.to_string(),
        |s, text| put(&mut s.requests_num_retries, whole(text, 0, COUNT_MAX).map(|n| n as u32)),
    ),
];

fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(number.unsigned_abs())
}

fn offset_reset(text: &str) -> Checked<OffsetReset> {
    match text {
        "earliest" => Ok(OffsetReset::Earliest),
        "latest" => Ok(OffsetReset::Latest),
        _ => Err("earliest or latest".into()),
    }
}

fn seconds(text: &str) -> Checked<Option<Duration>> {
    let allowed = || format!("a number of seconds from 0 to {TIMEOUT_SECONDS_MAX}, or -1 for ever");
    let number: f64 = text.parse().map_err(|_| allowed())?;
    if number == -1.0 {
        return Ok(None);
    }
    if !(0.0..=TIMEOUT_SECONDS_MAX).contains(&number) {
        return Err(allowed());
    }
    Duration::try_from_secs_f64(number).map(Some).map_err(|_| allowed())
}

fn seconds_text(timeout: Option<Duration>) -> String {
    format!("{:?}", timeout.map_or(-1.0, |timeout| timeout.as_secs_f64()))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
