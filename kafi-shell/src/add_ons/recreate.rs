//! `recreate`: deletes a topic, and makes it again as it was.

use std::time::{Duration, Instant};

use kafi_core::{
    Admin, Capabilities, ConfigChange, ConfigEntry, Error, ErrorKind, NewTopic, Result, Retry, Storage, nearest,
};

/// A broker that has just deleted a topic may still refuse its name.
const PAUSE: Duration = Duration::from_millis(100);

/// What of a topic becomes other than it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recreation {
    /// How many partitions. Default: as many as before.
    pub partitions: Option<i32>,
    /// Settings beside those that the topic has, or in place of them, Kafka's names. Default: none.
    pub config: Vec<(String, String)>,
}

/// Deletes a topic with all its messages, and makes it again: with its partitions, its replicas, and the settings that
/// were set for it, as far as nothing else is said. Returns what was made. Blocks up to `timeout` for each of its few
/// questions.
///
/// # Errors
/// `NotFound` for a missing topic; `Usage` for a setting that there is not, or that cannot have this value, or for a number
/// of partitions that cannot be: the topic then stays, as far as the storage can say so before; those of [`TopicAdmin`](kafi_core::TopicAdmin). Where it is deleted and cannot be made
/// again, the error says what was to be made.
pub fn recreate(storage: &dyn Storage, topic: &str, anew: &Recreation, timeout: Duration) -> Result<NewTopic> {
    let mut admin = storage.admin()?;
    let topics = admin.topics(&[topic.to_string()], timeout)?;
    let mut new = NewTopic::new(topic);
    for known in topics.iter().filter(|known| known.name == topic) {
        new.partitions = Some(known.partitions.len() as i32);
        new.replication = known.partitions.iter().map(|partition| partition.replicas.len() as i32).max();
    }
    // A storage without brokers keeps one.
    new.replication = new.replication.filter(|replicas| *replicas > 1);
    new.partitions = anew.partitions.or(new.partitions);
    let mut known = Vec::new();
    if storage.capabilities().contains(Capabilities::ADMIN_CONFIG) {
        known = admin.topic_config(topic, timeout)?;
        let set = known.iter().filter(|entry| !entry.default && !entry.read_only);
        new.config.extend(set.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?))));
    }
    for (name, value) in &anew.config {
        new.config.retain(|(known, _)| known != name);
        new.config.push((name.clone(), value.clone()));
    }
    let names = anew.config.iter().map(|(name, _)| name);
    check(&mut *admin, &new, anew, timeout).map_err(|error| explain_settings(error, names, &known))?;
    admin.delete_topic(topic, timeout)?;
    let begun = Instant::now();
    loop {
        match admin.create_topic(&new, timeout) {
            Ok(()) => return Ok(new),
            Err(error) if is_still_there(error.kind(), error.retryable()) && begun.elapsed() < timeout => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                let config: Vec<String> =
                    new.config.iter().map(|(name, value)| format!(" --config {name}={value}")).collect();
                let partitions = new.partitions.unwrap_or(1);
                return Err(error.hint(format!(
                    "it is deleted; kafi touch {topic} --partitions {partitions}{} makes it",
                    config.concat()
                )));
            }
        }
    }
}

/// Finds what is wrong while the topic is still there. A storage that cannot say whether it would make a topic so is given
/// the settings for the one that goes: what else is wrong with them may be right for a new topic. Who may make only the
/// topic itself learns nothing of one that would be made.
fn check(admin: &mut dyn Admin, new: &NewTopic, anew: &Recreation, timeout: Duration) -> Result<()> {
    match admin.check_new_topic(new, timeout) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {}
        checked => return checked,
    }
    let change = |(name, value): &(String, String)| ConfigChange { name: name.clone(), value: Some(value.clone()) };
    let changes: Vec<ConfigChange> = anew.config.iter().map(change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    match admin.alter_topic_config(&new.name, &changes, timeout) {
        Err(error) if error.kind() == ErrorKind::Usage => Err(error),
        _ => Ok(()),
    }
}

/// Adds to an error about settings of these names which one of those that are known was probably meant, where there is none
/// of that name.
pub fn explain_settings<'a>(error: Error, names: impl IntoIterator<Item = &'a String>, known: &[ConfigEntry]) -> Error {
    if error.kind() != ErrorKind::Usage || error.hint_text().is_some() {
        return error;
    }
    let unknown = names.into_iter().find(|name| known.iter().all(|entry| entry.name != **name));
    match unknown.and_then(|name| nearest(name, known.iter().map(|entry| entry.name.as_str()))) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn is_still_there(kind: ErrorKind, retry: Retry) -> bool {
    kind == ErrorKind::AlreadyExists || retry == Retry::Later
}
