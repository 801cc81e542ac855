//! Which settings of a topic come along with its copy, and which stay behind.

use kafi_core::{Admin, Capabilities, ConfigEntry, ErrorKind, Result, Storage};

use crate::CopyOptions;
use crate::cp::able::notes_source;
use crate::cp::note::NOTE;

/// How a topic is compressed, whoever writes to it.
pub(crate) const COMPRESSION: &str = "compression.type";

/// The largest batch that a topic takes.
const MESSAGE_BYTES: &str = "max.message.bytes";

/// What a broker takes that says nothing else.
const MESSAGE_BYTES_DEFAULT: i64 = 1_048_588;

/// What a log notes of [`MESSAGE_BYTES`] of its source. It is no limit of the log itself, which compresses in its own
/// way, but a copy into a broker needs it.
const NOTED_MESSAGE_BYTES: &str = "kafi.source.max.message.bytes";

/// Settings that name the brokers of one cluster.
const OF_ONE_CLUSTER: [&str; 2] = ["follower.replication.throttled.replicas", "leader.replication.throttled.replicas"];

/// Settings by which a topic loses messages, unless they are -1.
const KEPT: [&str; 2] = ["retention.ms", "retention.bytes"];

/// Names of settings with their values.
pub(crate) type Settings = Vec<(String, String)>;

/// The settings of a source that were set for it.
#[derive(Default)]
pub(crate) struct Carried {
    /// What a target that is made gets: what decides whether the messages fit, and how they are compressed, and with
    /// `with_config` all.
    pub(crate) taken: Settings,
    /// What it does not get.
    pub(crate) left: Settings,
}

/// The settings of the topic `name` for a target that is made, which takes notes or not, and is of the same cluster or
/// not.
///
/// # Errors
/// Those of [`ConfigAdmin::topic_config`](kafi_core::ConfigAdmin::topic_config); what may not be looked at is said, and
/// an error only where it was asked for.
pub(crate) fn settings_of(
    (source, admin): (&dyn Storage, &mut dyn Admin),
    name: &str,
    (takes_notes, within): (bool, bool),
    options: &CopyOptions,
) -> Result<Carried> {
    if !options.with_config && !source.capabilities().contains(Capabilities::ADMIN_CONFIG) {
        return Ok(Carried::default());
    }
    let entries = match admin.topic_config(name, options.read.timeout) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !options.with_config => {
            log::warn!("{error}: none of the settings of topic {name} come along");
            return Ok(Carried::default());
        }
        entries => entries?,
    };
    let mut carried = Carried::default();
    if let Some(bytes) = message_bytes(&entries, notes_source(source) || within) {
        let setting = if takes_notes { NOTED_MESSAGE_BYTES } else { MESSAGE_BYTES };
        carried.taken.push((setting.into(), bytes.to_string()));
    }
    for ConfigEntry { name, value, default, read_only } in entries {
        let Some(value) = value.filter(|_| !default && !read_only && is_portable(&name)) else { continue };
        // Copies are kept for ever anyhow.
        if !options.with_config && KEPT.contains(&name.as_str()) && value == "-1" {
            continue;
        }
        if options.with_config || name == COMPRESSION {
            if carried.taken.iter().all(|(taken, _)| *taken != name) {
                carried.taken.push((name, value));
            }
        } else if name != MESSAGE_BYTES
            || carried.taken.iter().all(|(taken, _)| *taken != MESSAGE_BYTES && *taken != NOTED_MESSAGE_BYTES)
        {
            carried.left.push((name, value));
        }
    }
    Ok(carried)
}

/// Says which settings a target is made without.
pub(crate) fn say_what_is_left(target: &str, left: &Settings) {
    if left.is_empty() {
        return;
    }
    let left: Vec<String> = left.iter().map(|(name, value)| format!("{name}={value}")).collect();
    log::warn!(
        "topic {target} is created without these settings of its source: {}; --with-config takes them along",
        left.join(" ")
    );
}

/// How large the batches of the source may be, where that is more than brokers take by default. What a log takes by
/// default is no limit, but it notes that of its own source; what a cluster does, it takes in the copy as well.
fn message_bytes(entries: &[ConfigEntry], only_set: bool) -> Option<i64> {
    let value = |name: &str| {
        entries.iter().find(|entry| entry.name == name && !(only_set && entry.default))?.value.as_ref()?.parse().ok()
    };
    let bytes = value(MESSAGE_BYTES).into_iter().chain(value(NOTED_MESSAGE_BYTES)).max();
    bytes.filter(|bytes| *bytes > MESSAGE_BYTES_DEFAULT)
}

/// Whether a setting means the same on another storage.
fn is_portable(name: &str) -> bool {
    !name.starts_with(NOTE) && !OF_ONE_CLUSTER.contains(&name)
}
