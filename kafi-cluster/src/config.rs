//! librdkafka's properties: the user's, and Kafi's defaults where they are better than librdkafka's for what Kafi does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{ConsumerOptions, Error, ErrorKind, Isolation, ProducerOptions, Result, Secrets, Shown, is_secret_key};

use crate::ffi::raw::rd_kafka_type_t;
use crate::ffi::{Client, Conf, Refusal};
use crate::health::Health;
use crate::made::Made;
use crate::security;

/// For every client. What the user sets wins.
const COMMON: &[(&str, &str)] = &[
    ("client.id", "kafi"),
    // Nothing is reported to anybody, and a start is a request shorter.
    ("enable.metrics.push", "false"),
    // A broker that was only just heard of is connected to after half of this, and every call begins with that.
    ("reconnect.backoff.ms", "20"),
    // A broker that restarts is found again soon after it is back.
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.connection.setup.timeout.ms", "10000"),
];

/// For consumers.
const CONSUMER: &[(&str, &str)] = &[
    ("allow.auto.create.topics", "false"),
    ("enable.auto.commit", "false"),
    // After a full queue, go on at once when there is room.
    ("fetch.queue.backoff.ms", "1"),
];

/// How many bytes a producer's queue holds, in KiB.
const QUEUE_KBYTES: &str = "queue.buffering.max.kbytes";

/// For producers.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    // After a message that a broker refuses, none that was handed over later is written.
    ("enable.gapless.guarantee", "true"),
    // Messages are not given up one by one while later ones may still go out: `produce` says when nothing goes on.
    ("message.timeout.ms", "0"),
    // The same partition for a key as the Java clients and Kafi's own logs.
    ("partitioner", "murmur2_random"),
    // The broker decides what is too large.
    ("message.max.bytes", "1000000000"),
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("queue.buffering.max.messages", "100000"),
    // The producer counts the bytes that are under way by itself, so that a message that is larger than the rest of the
    // queue is taken, too.
    (QUEUE_KBYTES, "2147483647"),
];

/// What consumers cannot work without, whatever the user says: how a read ends, and what an offset outside of the log
/// does.
const CONSUMER_FIXED: &[(&str, &str)] =
    &[("enable.partition.eof", "true"), ("auto.offset.reset", "error"), ("enable.auto.offset.store", "false")];

/// Properties that have no value by default, and so are missing in librdkafka's own list.
const WITHOUT_DEFAULT: &[&str] = &[
    "bootstrap.servers",
    "debug",
    "group.id",
    "group.instance.id",
    "plugin.library.paths",
    "sasl.mechanism",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.sigalgs.list",
];

/// What a message takes in librdkafka's queue besides its bytes.
const MESSAGE_OVERHEAD_BYTES: u64 = 512;

/// What a consumer is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Assigned partitions, all up to an end.
    Finite,
    /// Assigned partitions, some without an end.
    Endless,
    /// The share of a member of a group.
    Member,
}

/// A client that writes.
pub(crate) struct WriterClient {
    pub(crate) client: Client,
    /// Whether nothing is written after a failure.
    pub(crate) is_strict: bool,
    /// The most bytes of a batch.
    pub(crate) batch_bytes: u64,
    /// The most bytes that are to be under way, but for a single larger message.
    pub(crate) buffer_bytes: u64,
    /// So long a transaction may take.
    pub(crate) transaction_max: Duration,
}

/// The properties of a storage.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    properties: Vec<(String, String)>,
    made: Made,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("name", &self.name).field("properties", &Shown(&self.properties)).finish()
    }
}

impl Settings {
    /// Checks each property by itself.
    ///
    /// # Errors
    /// `Config` names the property.
    pub(crate) fn new(name: &str, properties: &[(String, String)]) -> Result<Self> {
        let settings = Self { name: name.into(), properties: properties.to_vec(), made: Made::default() };
        let mut conf = Conf::new();
        settings.apply(&mut conf, properties)?;
        if settings.brokers(&[]).is_empty() {
            let error = Error::new(ErrorKind::Config, "open storage", "no brokers are given").with("storage", name);
            return Err(error.hint("set bootstrap.servers to host:port of one or more brokers"));
        }
        settings.check_hosts()?;
        Ok(settings)
    }

    /// Refuses brokers with user and password, which would become names of hosts, and be shown as such; and ports that
    /// cannot be, of which librdkafka makes others: of 84628 it makes 19092. A broker without one has Kafka's usual
    /// port.
    fn check_hosts(&self) -> Result<()> {
        let brokers = self.brokers(&[]);
        let refused = |why: &str| {
            Error::new(ErrorKind::Config, "open storage", why)
                .with("storage", &self.name)
                .with("property", "bootstrap.servers")
        };
        if brokers.contains('@') {
            let error = refused("user and password do not belong to the brokers (they are not shown)");
            return Err(error.hint("set sasl.username and sasl.password, with security.protocol and sasl.mechanism"));
        }
        for broker in brokers.split(',').map(str::trim) {
            let host = broker.rsplit_once("://").map_or(broker, |(_, host)| host);
            let behind = host.rfind(']').map_or(host, |end| &host[end + 1..]);
            let Some((_, port)) = behind.rsplit_once(':') else { continue };
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number || !port.parse::<u16>().is_ok_and(|port| port > 0) {
                // What stands there instead may be a password.
                return Err(refused("a broker's port is a number from 1 to 65535"));
            }
        }
        Ok(())
    }

    /// Checks properties that come on top of the storage's.
    ///
    /// # Errors
    /// `Config` names the property.
    pub(crate) fn check(&self, properties: &[(String, String)]) -> Result<()> {
        self.apply(&mut Conf::new(), properties)
    }

    /// Whether the storage or the call gives a property this value.
    pub(crate) fn says(&self, properties: &[(String, String)], property: &str, value: &str) -> bool {
        let mut all = self.properties.iter().chain(properties).rev();
        all.find(|(name, _)| name == property).is_some_and(|(_, said)| said.eq_ignore_ascii_case(value))
    }

    /// A client for administration.
    pub(crate) fn control(&self) -> Result<Client> {
        let mut conf = self.conf(&[COMMON, CONSUMER], &[], &[CONSUMER_FIXED])?;
        leave_groups(&mut conf);
        self.client(rd_kafka_type_t::RD_KAFKA_CONSUMER, conf, &[])
    }

    /// A client that asks the coordinators of groups: see [`Coordinators`](crate::coordinators::Coordinators).
    pub(crate) fn asking_coordinators(&self, group: &str, properties: &[(String, String)]) -> Result<Client> {
        self.check_security(properties)?;
        let mut conf = self.conf(&[COMMON, CONSUMER], properties, &[CONSUMER_FIXED])?;
        self.set(&mut conf, "group.id", group)?;
        let made = Client::asking_coordinators(
            conf,
            self.secrets(properties),
            Health::new(&self.brokers(properties)),
            self.made.clone(),
        );
        made.map_err(|error| error.with("storage", &self.name))
    }

    /// A client that reads.
    pub(crate) fn consumer(&self, options: &ConsumerOptions, reading: Reading) -> Result<Client> {
        let limits = limits(options.buffer_bytes_max);
        let limits: Vec<_> = limits.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // A finite read waits for the answer that there is nothing more; an endless one waits for messages.
        let wait_ms = if reading == Reading::Finite { "10" } else { "100" };
        let isolation = match options.isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        let own = [("fetch.wait.max.ms", wait_ms), ("isolation.level", isolation)];
        let mut conf = self.conf(
            &[COMMON, CONSUMER, &limits, &own],
            &options.properties,
            &[CONSUMER_FIXED, &[("isolation.level", isolation)]],
        )?;
        match (&options.group, reading) {
            (Some(group), Reading::Member) => {
                self.set(&mut conf, "group.id", group)?;
                // librdkafka takes the end of a partition for a message when many are taken at once
                // (`rd_kafka_q_serve_rkmessages`), and would go on one offset too far when a group pauses its members.
                // They read without an end, so that they need not be told of it.
                self.set(&mut conf, "enable.partition.eof", "false")?;
            }
            _ => leave_groups(&mut conf),
        }
        self.client(rd_kafka_type_t::RD_KAFKA_CONSUMER, conf, &options.properties)
    }

    /// A client that writes batches of at most `batch_bytes_max`.
    pub(crate) fn producer(&self, options: &ProducerOptions, batch_bytes_max: u64) -> Result<WriterClient> {
        let all = || self.properties.iter().chain(&options.properties);
        if all().any(|(name, value)| name == "transactional.id" && !value.is_empty()) {
            let why = "only what writes in transactions has such an id, and says it by itself: leave this property out";
            return Err(Error::new(ErrorKind::Config, "open producer", why)
                .with("storage", &self.name)
                .with("property", "transactional.id"));
        }
        // Without idempotence there is nothing that could keep the order after a failure.
        let is_idempotent =
            all().rfind(|(name, _)| name == "enable.idempotence").is_none_or(|(_, value)| value == "true");
        let gapful = [("enable.gapless.guarantee", "false"), ("enable.idempotence", "false")];
        let defaults: &[&[(&str, &str)]] =
            if is_idempotent { &[COMMON, PRODUCER] } else { &[COMMON, PRODUCER, &gapful] };
        // A transaction is aborted as a whole, and that ends no client.
        let id = options.transactional_id.as_deref();
        let transactional = id.map(|id| [("enable.gapless.guarantee", "false"), ("transactional.id", id)]);
        let transactional = transactional.as_ref().map_or(&[][..], |fixed| &fixed[..]);
        let codec = options.compression.as_deref().map(|codec| ("compression.type", codec));
        let defaults: Vec<&[(&str, &str)]> = defaults.iter().copied().chain([codec.as_slice()]).collect();
        let mut conf = self.conf(&defaults, &options.properties, &[transactional])?;
        conf.complete_timestamps();
        let is_strict = conf.get("enable.gapless.guarantee").as_deref() == Some("true");
        let number = |name: &str| conf.get(name).and_then(|value| value.parse::<u64>().ok());
        let batch_bytes = number("batch.size").unwrap_or(u64::MAX).min(batch_bytes_max);
        let buffer_bytes = match all().any(|(name, _)| name == QUEUE_KBYTES) {
            true => number(QUEUE_KBYTES).unwrap_or(u64::MAX).saturating_mul(1024),
            false => options.buffer_bytes_max,
        };
        let transaction_max = Duration::from_millis(number("transaction.timeout.ms").unwrap_or(60_000));
        if batch_bytes == batch_bytes_max {
            self.set(&mut conf, "batch.size", &batch_bytes.max(1).to_string())?;
        }
        let client = self.client(rd_kafka_type_t::RD_KAFKA_PRODUCER, conf, &options.properties)?;
        Ok(WriterClient { client, is_strict, batch_bytes, buffer_bytes, transaction_max })
    }

    /// Defaults, then the storage's properties, then those of the call, then what is fixed.
    fn conf(
        &self,
        defaults: &[&[(&str, &str)]],
        properties: &[(String, String)],
        fixed: &[&[(&str, &str)]],
    ) -> Result<Conf> {
        let mut conf = Conf::new();
        for (name, value) in defaults.iter().copied().flatten() {
            self.set(&mut conf, name, value)?;
        }
        self.apply(&mut conf, &self.properties)?;
        self.apply(&mut conf, properties)?;
        for (name, value) in fixed.iter().copied().flatten() {
            self.set(&mut conf, name, value)?;
        }
        Ok(conf)
    }

    fn apply(&self, conf: &mut Conf, properties: &[(String, String)]) -> Result<()> {
        properties.iter().try_for_each(|(name, value)| self.set(conf, name, value))
    }

    fn set(&self, conf: &mut Conf, name: &str, value: &str) -> Result<()> {
        let Err(refusal) = conf.set(name, value) else { return Ok(()) };
        let why = match refusal {
            Refusal::Unknown => match nearest(name) {
                Some(known) => format!("librdkafka has no such property; did you mean {known}?"),
                None => "librdkafka has no such property".to_string(),
            },
            Refusal::Bad(_) if is_secret_key(name) => {
                "librdkafka does not take this value (which is not shown)".to_string()
            }
            Refusal::Bad(why) => crate::error::lower_first(&why),
        };
        Err(Error::new(ErrorKind::Config, "configure Kafka client", why)
            .with("storage", &self.name)
            .with("property", name))
    }

    fn client(&self, kind: rd_kafka_type_t, conf: Conf, properties: &[(String, String)]) -> Result<Client> {
        self.check_security(properties)?;
        let made = Client::new(
            kind,
            conf,
            self.secrets(properties),
            Health::new(&self.brokers(properties)),
            self.made.clone(),
        );
        made.map_err(|error| error.with("storage", &self.name))
    }

    fn check_security(&self, properties: &[(String, String)]) -> Result<()> {
        let all = self.properties.iter().chain(properties).map(|(name, value)| (name.as_str(), value.as_str()));
        security::check(all).map_err(|error| error.with("storage", &self.name))
    }

    fn secrets(&self, properties: &[(String, String)]) -> Secrets {
        Secrets::of(self.properties.iter().chain(properties).map(|(name, value)| (name.as_str(), value.as_str())))
    }

    fn brokers(&self, properties: &[(String, String)]) -> String {
        let mut all = self.properties.iter().chain(properties).rev();
        all.find(|(name, _)| name == "bootstrap.servers" || name == "metadata.broker.list")
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }
}

/// Takes the group out of a configuration, so that the client never speaks to a coordinator on its own.
fn leave_groups(conf: &mut Conf) {
    let emptied = conf.set("group.id", "");
    assert!(emptied.is_ok(), "librdkafka takes an empty group");
}

/// Limits under which all that is read ahead takes about `buffer_bytes` of memory, however large or small the messages
/// are.
///
/// librdkafka looks at its queue before it asks for more, so that besides what is queued one answer of each broker may
/// be under way. Of those it limits the size by that of the queue (`fetch.max.bytes`, which is left to it, since it
/// must fit to properties that the user may have set).
fn limits(buffer_bytes: u64) -> Vec<(&'static str, String)> {
    let buffer_bytes = buffer_bytes.clamp(1 << 20, 1 << 30);
    vec![
        ("queued.min.messages", (buffer_bytes / 2 / MESSAGE_OVERHEAD_BYTES).clamp(1000, 1_000_000).to_string()),
        ("queued.max.messages.kbytes", (buffer_bytes / 4 / 1024).to_string()),
        ("fetch.message.max.bytes", (buffer_bytes / 32).max(1 << 20).to_string()),
    ]
}

/// The known name that is most like this one, if any is like it.
fn nearest(name: &str) -> Option<String> {
    let known = Conf::known_names();
    let known = known.iter().map(String::as_str).chain(WITHOUT_DEFAULT.iter().copied());
    kafi_core::nearest(name, known).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn unknown_properties_name_the_nearest_known_one() {
        let error = Settings::new("local", &properties(&[("bootstrap.server", "h:1")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let line = error.to_string();
        assert!(
            line.contains("property bootstrap.server:") && line.contains("did you mean bootstrap.servers?"),
            "{line}"
        );
        for (wrong, right) in
            [("sasl.pasword", "sasl.password"), ("Partitioner", "partitioner"), ("ssl.ca.locaton", "ssl.ca.location")]
        {
            assert_eq!(nearest(wrong).as_deref(), Some(right));
        }
        assert_eq!(nearest("entirely.different.things"), None);
    }

    #[test]
    fn bad_values_are_named_and_secrets_are_not() {
        let error =
            Settings::new("local", &properties(&[("bootstrap.servers", "h:1"), ("security.protocol", "sasl_sls")]))
                .unwrap_err();
        assert!(error.to_string().contains("security.protocol") && error.to_string().contains("sasl_sls"), "{error}");
        let settings =
            Settings::new("local", &properties(&[("bootstrap.servers", "h:1"), ("sasl.password", "hunter2")])).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        let error = settings.set(&mut Conf::new(), "sasl.password", "hunter2\0").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn brokers_have_no_users() {
        let error = Settings::new("local", &properties(&[("bootstrap.servers", "h:1,me:hunter2@h:1")])).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn brokers_must_be_given() {
        let error = Settings::new("local", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("bootstrap.servers")));
    }

    #[test]
    fn ports_that_cannot_be_are_refused() {
        for brokers in ["h:84628", "h:1,g:abc", "PLAINTEXT://h:", "[::1]:0", "h: 1", "h:+1"] {
            for name in ["bootstrap.servers", "metadata.broker.list"] {
                let error = Settings::new("local", &properties(&[(name, brokers)])).unwrap_err();
                assert!(
                    error.kind() == ErrorKind::Config && error.to_string().contains("a broker's port is a number"),
                    "{brokers}: {error}"
                );
            }
        }
        for brokers in ["h", "h, g:9092", "SASL_SSL://h:65535", "[::1]", "[::1]:9092"] {
            Settings::new("local", &properties(&[("bootstrap.servers", brokers)])).unwrap();
        }
    }

    #[test]
    fn a_reader_can_be_made_whatever_a_writer_is_told() {
        let all = [
            ("bootstrap.servers", "h:1"),
            ("message.max.bytes", "60000000"),
            ("acks", "all"),
            ("partitioner", "consistent"),
            ("group.id", "g"),
        ];
        let settings = Settings::new("local", &properties(&all)).unwrap();
        for buffer_bytes_max in [1, 1 << 20, 64 << 20, u64::MAX] {
            let options = ConsumerOptions { buffer_bytes_max, group: Some("g".into()), ..ConsumerOptions::default() };
            for reading in [Reading::Finite, Reading::Endless, Reading::Member] {
                settings.consumer(&options, reading).unwrap();
            }
        }
        settings.producer(&ProducerOptions::default(), u64::MAX).unwrap();
        settings.control().unwrap();
    }

    #[test]
    fn properties_that_do_not_go_together_are_told() {
        let settings = Settings::new(
            "local",
            &properties(&[("bootstrap.servers", "h:1"), ("acks", "1"), ("enable.idempotence", "true")]),
        )
        .unwrap();
        let error = settings.producer(&ProducerOptions::default(), u64::MAX).err().unwrap();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("acks"), "{error}");
    }

    #[test]
    fn the_callers_properties_win_over_the_storages_and_those_over_the_defaults() {
        let settings = Settings::new(
            "local",
            &properties(&[("bootstrap.servers", "h:1"), ("linger.ms", "7"), ("client.id", "a")]),
        )
        .unwrap();
        let conf = settings.conf(&[COMMON, PRODUCER], &properties(&[("client.id", "b")]), &[]).unwrap();
        assert_eq!(conf.get("linger.ms").as_deref(), Some("7"));
        assert_eq!(conf.get("client.id").as_deref(), Some("b"));
        assert_eq!(conf.get("enable.idempotence").as_deref(), Some("true"));
    }
}
