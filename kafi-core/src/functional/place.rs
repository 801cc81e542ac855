//! Where messages are read from and written to.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::{NewTopic, Topic, existing};
use crate::capability::Capabilities;
use crate::codec::{Codecs, Decoder, Encoder};
use crate::config::{OffsetReset, Settings};
use crate::consumer::ConsumerOptions;
use crate::error::Result;
use crate::functional::ReadOptions;
use crate::plain::PlainCodecs;
use crate::schema::{Registration, SchemaOptions, Serde};
use crate::storage::Storage;
use crate::types::{Field, Type};

/// How long a question to the storage may take, where the user did not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A storage, what reads and writes the types of its messages, and the settings by which it is used. Cheap to clone;
/// clones share the connection, not the settings.
///
/// Pipes own one, so that they can be sent to other threads, and live as long as they like.
#[derive(Clone)]
pub struct Place {
    /// The storage.
    pub storage: Arc<dyn Storage>,
    /// What reads and writes the types of keys and values.
    pub codecs: Arc<dyn Codecs>,
    /// The settings.
    pub settings: Settings,
    /// What the storage was opened with.
    session_timeout: Duration,
}

impl Place {
    /// `storage` as these settings say, with the types of [`PlainCodecs`].
    pub fn new(storage: Arc<dyn Storage>, settings: Settings) -> Self {
        let session_timeout = settings.session_timeout;
        Self { storage, codecs: Arc::new(PlainCodecs), settings, session_timeout }
    }

    /// How messages are read here, by the settings.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions {
            consumer: self.consumer_options(),
            batch_records_max: self.settings.consume_batch_size,
            ..ReadOptions::default()
        }
    }

    fn consumer_options(&self) -> ConsumerOptions {
        let changed = Some(self.settings.session_timeout).filter(|timeout| *timeout != self.session_timeout);
        ConsumerOptions {
            start_at_earliest: self.settings.auto_offset_reset == OffsetReset::Earliest,
            buffer_bytes_max: self.settings.consume_buffer_bytes_max,
            batch_bytes_max: self.settings.consume_batch_bytes_max,
            properties: changed
                .map(|timeout| ("session.timeout.ms".to_string(), timeout.as_millis().to_string()))
                .into_iter()
                .collect(),
            ..ConsumerOptions::default()
        }
    }

    /// What decodes keys or values: by what `serde` says, else by the settings, else as [`Type::Auto`].
    ///
    /// # Errors
    /// Those of [`Codecs::decoder`]; `Usage` for a setting that names no type.
    pub fn decoder(&self, serde: &Serde, field: Field) -> Result<Box<dyn Decoder>> {
        self.codecs.decoder(self.type_or(serde, field, Type::Auto)?, field, &self.schema_of(serde, field)?)
    }

    /// What encodes keys or values: by what `serde` says, else by the settings, else as `default`.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`]; `Usage` for a setting that names no type.
    pub fn encoder(&self, serde: &Serde, field: Field, default: Type) -> Result<Box<dyn Encoder>> {
        self.codecs.encoder(self.type_or(serde, field, default)?, field, &self.schema_of(serde, field)?)
    }

    /// The type that `serde` or else the settings name; else `default`, or `Auto` where a schema is chosen, which says
    /// itself what it is of.
    ///
    /// # Errors
    /// `Usage` for a setting that names no type.
    pub fn type_or(&self, serde: &Serde, field: Field, default: Type) -> Result<Type> {
        if let Some(type_) = serde.type_ {
            return Ok(type_);
        }
        let setting = self.type_setting(field)?;
        let names_schema = self.schema_of(serde, field)?.names_schema();
        match setting {
            Some(type_) if type_.has_schema() || !names_schema => Ok(type_),
            _ if names_schema => Ok(Type::Auto),
            _ => Ok(default),
        }
    }

    /// What is chosen of schemas: what `serde` says, and else the settings.
    ///
    /// # Errors
    /// `Usage` for settings that name what is none.
    pub fn schema_of(&self, serde: &Serde, field: Field) -> Result<SchemaOptions> {
        let mut settings = SchemaOptions::of_settings(&self.settings.schemas, field)?;
        let type_ = serde.type_.map_or_else(|| self.type_setting(field), |type_| Ok(Some(type_)))?;
        // Keys and values without a schema have no newest one.
        if settings.registration == Some(Registration::UseLatest) && !type_.is_some_and(Type::has_schema) {
            settings.registration = None;
        }
        Ok(serde.schema.or(&settings))
    }

    /// The type that the settings name.
    fn type_setting(&self, field: Field) -> Result<Option<Type>> {
        let setting = match field {
            Field::Key => &self.settings.key_type,
            Field::Value => &self.settings.value_type,
        };
        setting.as_deref().map(str::parse::<Type>).transpose()
    }

    /// These topics, or all, with their partitions, sorted by name.
    ///
    /// # Errors
    /// Those of [`Admin::topics`](crate::TopicAdmin::topics).
    pub fn topics(&self, names: &[String]) -> Result<Vec<Topic>> {
        self.storage.admin()?.topics(names, TIMEOUT)
    }

    /// Whether there is a topic of this name.
    ///
    /// # Errors
    /// Those of [`Admin::topics`](crate::TopicAdmin::topics).
    pub fn exists(&self, topic: &str) -> Result<bool> {
        Ok(existing(self.storage.admin()?.as_mut(), topic, TIMEOUT)?.is_some())
    }

    /// Makes a topic; blocks up to `timeout`, 30 s where there is none. The setting `retention.ms` counts, if it was
    /// changed and the topic does not say otherwise.
    ///
    /// # Errors
    /// Those of [`Admin::create_topic`](crate::TopicAdmin::create_topic).
    pub fn create(&self, topic: &NewTopic, timeout: Option<Duration>) -> Result<()> {
        let retention_ms = self.settings.retention_ms;
        let is_said = retention_ms == Settings::default().retention_ms
            || topic.config.iter().any(|(name, _)| name == "retention.ms");
        let mut topic = topic.clone();
        if !is_said {
            topic.config.push(("retention.ms".into(), retention_ms.to_string()));
        }
        self.storage.admin()?.create_topic(&topic, timeout.unwrap_or(TIMEOUT))
    }

    /// The partition count of the largest of these topics.
    ///
    /// # Errors
    /// Those of [`Admin::topics`](crate::TopicAdmin::topics).
    pub fn partitions_max(&self, topics: &[String]) -> Result<i32> {
        if topics.is_empty() {
            return Ok(1);
        }
        Ok(self.topics(topics)?.iter().map(|topic| topic.partitions.len()).max().unwrap_or(1) as i32)
    }

    /// Makes a target for messages that may be old, if it is missing: where the storage deletes by age it keeps them
    /// for ever, as that of a copy does.
    ///
    /// # Errors
    /// Those of [`Admin::topics`](crate::TopicAdmin::topics) and
    /// [`Admin::create_topic`](crate::TopicAdmin::create_topic), and of `partitions`.
    pub fn make_if_missing(&self, topic: &str, partitions: impl FnOnce() -> Result<i32>) -> Result<()> {
        if self.exists(topic)? {
            return Ok(());
        }
        let topic = NewTopic::new(topic).partitions(partitions()?);
        let keeps = self.storage.capabilities().contains(Capabilities::PRODUCE_KEEP_FOREVER);
        self.create(&if keeps { topic } else { topic.config("retention.ms", "-1") }, None)
    }
}
