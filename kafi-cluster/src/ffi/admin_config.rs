//! Requests about the settings of topics and brokers.

use std::ffi::{CStr, CString};
use std::time::Duration;

use kafi_core::{ConfigChange, ConfigEntry, Error, Result};

use super::client::{Client, Pending};
use super::events::Event;
use super::raw::{self, rd_kafka_ConfigSource_t as Source, rd_kafka_ResourceType_t as Kind, rd_kafka_admin_op_t as Op};
use super::{Deadline, cstring, text};
use crate::error;

/// How large a batch of a topic may be.
const BATCH_LIMIT: &CStr = c"max.message.bytes";

/// A topic, and the most bytes that a batch may have, where it is told.
pub(crate) type BatchLimit = (String, Option<u64>);

/// Whose settings are meant.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    Topic(&'a str),
    Broker(i32),
}

impl Client {
    /// The settings of a topic or a broker, in any order.
    pub(crate) fn config(
        &self,
        operation: &'static str,
        owner: Owner<'_>,
        deadline: Deadline,
    ) -> Result<Vec<ConfigEntry>> {
        let start = || {
            let resource = owner.resource(operation)?;
            let ask = move |rk: *mut raw::rd_kafka_t,
                            options: *mut raw::rd_kafka_AdminOptions_t,
                            queue: *mut raw::rd_kafka_queue_t| {
                // SAFETY: the caller passes valid pointers, the array of one is copied, and the resource is freed once.
                unsafe {
                    let mut resource = resource.make();
                    raw::rd_kafka_DescribeConfigs(rk, &raw mut resource, 1, options, queue);
                    raw::rd_kafka_ConfigResource_destroy(resource);
                }
            };
            Ok(match owner {
                Owner::Topic(_) => self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline.left(), ask),
                // Only a broker itself knows its settings.
                Owner::Broker(_) => self.start(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline.left(), ask),
            })
        };
        self.request(operation, deadline, start, |event| {
            let (mut count, mut entries_count) = (0, 0);
            // SAFETY: the event is the answer to this request; resources and entries live as long as it.
            unsafe {
                let resources = raw::rd_kafka_DescribeConfigs_result_resources(
                    raw::rd_kafka_event_DescribeConfigs_result(event.as_ptr()),
                    &raw mut count,
                );
                self.resource_results(operation, owner, resources, count)?;
                if count == 0 {
                    return Ok(Vec::new());
                }
                let entries = raw::rd_kafka_ConfigResource_configs(*resources, &raw mut entries_count);
                Ok((0..entries_count).map(|index| config_entry(*entries.add(index), owner)).collect())
            }
        })
    }

    /// Asks how large a batch of each of these topics may be; the brokers have this long.
    pub(crate) fn start_batch_limits(
        &self,
        operation: &'static str,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Pending> {
        let resources =
            topics.iter().map(|topic| Owner::Topic(topic).resource(operation)).collect::<Result<Vec<_>>>()?;
        Ok(self.start_question(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout, move |rk, options, queue| {
            // SAFETY: `start_question` passes valid pointers, the strings are static, the array is copied, and each
            // resource is freed once.
            unsafe {
                let mut resources: Vec<_> = resources.iter().map(|resource| resource.make()).collect();
                for resource in &resources {
                    // With a name, only this setting is asked for. The value counts for nothing.
                    raw::rd_kafka_ConfigResource_set_config(*resource, BATCH_LIMIT.as_ptr(), c"".as_ptr());
                }
                raw::rd_kafka_DescribeConfigs(rk, resources.as_mut_ptr(), resources.len(), options, queue);
                raw::rd_kafka_ConfigResource_destroy_array(resources.as_mut_ptr(), resources.len());
            }
        }))
    }

    /// Waits for what [`start_batch_limits`](Self::start_batch_limits) asked for: topics, and the most bytes that a
    /// batch may have, where it is told. `None` if it is not there yet.
    pub(crate) fn take_batch_limits(
        &self,
        operation: &'static str,
        pending: &Pending,
        deadline: Deadline,
    ) -> Result<Option<Vec<BatchLimit>>> {
        let Some(event) = self.wait_for_now(operation, pending, deadline)? else { return Ok(None) };
        let (mut count, mut limits) = (0, Vec::new());
        // SAFETY: the event is the answer to this request; resources and entries live as long as it.
        unsafe {
            let resources = raw::rd_kafka_DescribeConfigs_result_resources(
                raw::rd_kafka_event_DescribeConfigs_result(event.as_ptr()),
                &raw mut count,
            );
            for index in 0..count {
                let (resource, mut entries_count) = (*resources.add(index), 0);
                let entries = raw::rd_kafka_ConfigResource_configs(resource, &raw mut entries_count);
                let mut entries = (0..entries_count).map(|index| config_entry(*entries.add(index), Owner::Topic("")));
                let limit = entries
                    .find(|entry| entry.name.as_bytes() == BATCH_LIMIT.to_bytes())
                    .and_then(|entry| entry.value?.parse().ok());
                limits.push((text(raw::rd_kafka_ConfigResource_name(resource)), limit));
            }
        }
        Ok(Some(limits))
    }

    /// Changes settings of a topic or a broker and leaves the others.
    pub(crate) fn alter_config(
        &self,
        operation: &'static str,
        owner: Owner<'_>,
        changes: &[ConfigChange],
        deadline: Deadline,
    ) -> Result<()> {
        let mut texts = Vec::new();
        for change in changes {
            let value = change.value.as_deref().map(|value| cstring(operation, "setting", value)).transpose()?;
            texts.push((cstring(operation, "setting", &change.name)?, value));
        }
        let start = |broker| {
            let resource = owner.resource(operation)?;
            // SAFETY: it is freed once, below.
            let mut resource = unsafe { resource.make() };
            for (name, value) in &texts {
                use raw::rd_kafka_AlterConfigOpType_t as Change;
                let (change, value) = match value {
                    Some(value) => (Change::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.as_ptr()),
                    None => (Change::RD_KAFKA_ALTER_CONFIG_OP_TYPE_DELETE, std::ptr::null()),
                };
                // SAFETY: the strings outlive the call, which copies them; destroying no error is allowed.
                unsafe {
                    raw::rd_kafka_error_destroy(raw::rd_kafka_ConfigResource_add_incremental_config(
                        resource,
                        name.as_ptr(),
                        change,
                        value,
                    ))
                };
            }
            Ok(self.start_change(
                Op::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS,
                broker,
                deadline.left(),
                |rk, options, queue| {
                    // SAFETY: `start_change` passes valid pointers, the array of one is copied, and the resource is
                    // freed once.
                    unsafe {
                        raw::rd_kafka_IncrementalAlterConfigs(rk, &raw mut resource, 1, options, queue);
                        raw::rd_kafka_ConfigResource_destroy(resource);
                    }
                },
            ))
        };
        let read = |event: Event| {
            let mut count = 0;
            // SAFETY: the event is the answer to this request.
            unsafe {
                let result = raw::rd_kafka_event_IncrementalAlterConfigs_result(event.as_ptr());
                let resources = raw::rd_kafka_IncrementalAlterConfigs_result_resources(result, &raw mut count);
                self.resource_results(operation, owner, resources, count)
            }
        };
        self.changed(operation, deadline, |broker| self.wait(operation, &start(broker)?, deadline).and_then(read))
    }

    /// Settings of a topic that was made a moment ago are asked for again where the broker does not know it yet.
    ///
    /// # Safety
    /// `resources` must hold `count` valid resources.
    unsafe fn resource_results(
        &self,
        operation: &'static str,
        owner: Owner<'_>,
        resources: *mut *const raw::rd_kafka_ConfigResource_t,
        count: usize,
    ) -> Result<()> {
        // SAFETY: the caller vouches for the array.
        let (code, result) = unsafe { resource_results(operation, owner, resources, count) };
        match owner {
            Owner::Topic(topic) if code == error::broker::UNKNOWN_TOPIC_OR_PARTITION && self.made().is_new(topic) => {
                Err(owner.explain(error::for_later(operation, code)))
            }
            _ => result,
        }
    }
}

/// What librdkafka calls an owner.
struct Resource {
    kind: Kind,
    name: CString,
}

impl Resource {
    /// librdkafka's form.
    ///
    /// # Safety
    /// The caller frees it once.
    unsafe fn make(&self) -> *mut raw::rd_kafka_ConfigResource_t {
        // SAFETY: the name outlives the call, which copies it.
        unsafe { raw::rd_kafka_ConfigResource_new(self.kind, self.name.as_ptr()) }
    }
}

impl Owner<'_> {
    /// Adds whose settings they are.
    pub(crate) fn explain(self, error: Error) -> Error {
        match self {
            Self::Topic(topic) => error.with("topic", topic),
            Self::Broker(broker) => error.with("broker", broker),
        }
    }

    fn resource(self, operation: &'static str) -> Result<Resource> {
        Ok(match self {
            Self::Topic(topic) => {
                Resource { kind: Kind::RD_KAFKA_RESOURCE_TOPIC, name: cstring(operation, "topic", topic)? }
            }
            Self::Broker(broker) => Resource {
                kind: Kind::RD_KAFKA_RESOURCE_BROKER,
                name: cstring(operation, "broker", &broker.to_string())?,
            },
        })
    }

    /// Whether a setting from there was never set for this owner.
    fn is_default(self, source: i32) -> bool {
        match self {
            Self::Topic(_) => source != Source::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG as i32,
            Self::Broker(_) => source == Source::RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG as i32,
        }
    }
}

/// # Safety
/// `resources` must hold `count` valid resources.
unsafe fn resource_results(
    operation: &'static str,
    owner: Owner<'_>,
    resources: *mut *const raw::rd_kafka_ConfigResource_t,
    count: usize,
) -> (i32, Result<()>) {
    for index in 0..count {
        // SAFETY: the caller vouches for the array.
        let (code, why) = unsafe {
            let resource = *resources.add(index);
            (raw::config_resource_error(resource), text(raw::rd_kafka_ConfigResource_error_string(resource)))
        };
        if code != 0 {
            return (code, Err(owner.explain(error::with_text(operation, code, &why))));
        }
    }
    (0, Ok(()))
}

/// # Safety
/// `entry` must be valid.
unsafe fn config_entry(entry: *const raw::rd_kafka_ConfigEntry_t, owner: Owner<'_>) -> ConfigEntry {
    // SAFETY: the caller vouches for it.
    unsafe {
        let value = raw::rd_kafka_ConfigEntry_value(entry);
        let is_secret = raw::rd_kafka_ConfigEntry_is_sensitive(entry) != 0 || value.is_null();
        ConfigEntry {
            name: text(raw::rd_kafka_ConfigEntry_name(entry)),
            value: (!is_secret).then(|| text(value)),
            default: owner.is_default(raw::config_entry_source(entry)),
            read_only: raw::rd_kafka_ConfigEntry_is_read_only(entry) > 0,
        }
    }
}
