//! Groups of all kinds: of consumers, and the others.

use std::time::Duration;

use kafi_core::{Error, Group, Result};

use crate::admin::KafkaAdmin;
use crate::ffi::Deadline;

/// How long groups that are not of consumers are waited for.
const OTHER_KINDS_MAX: Duration = Duration::from_secs(10);

/// The same where a broker was waited for in vain already.
const AGAIN_MAX: Duration = Duration::from_secs(1);

impl KafkaAdmin {
    /// The groups of all brokers that answer, sorted by name, and what the others fail with.
    pub(crate) fn groups_of_all_kinds(
        &self,
        operation: &'static str,
        deadline: Deadline,
    ) -> Result<(Vec<Group>, Vec<Error>)> {
        let (mut groups, mut failures) = self.listed_groups(operation, deadline)?;
        let at_most = if failures.is_empty() { OTHER_KINDS_MAX } else { AGAIN_MAX };
        match self.client.groups_of_all_kinds(operation, deadline, at_most) {
            Ok(others) => {
                let is_new = |other: &Group| groups.binary_search_by(|known| known.name.cmp(&other.name)).is_err();
                let mut others: Vec<Group> = others.into_iter().filter(is_new).collect();
                if others.iter().any(|other| other.state.is_empty()) {
                    // One that was only just made is of consumers, too, and is known as such by now.
                    let (now, _) = self.listed_groups(operation, deadline.at_most(at_most))?;
                    others.retain(|other| now.iter().all(|known| known.name != other.name));
                    groups.extend(now);
                }
                self.tell_streams(operation, &mut others, deadline.at_most(at_most));
                groups.extend(others);
                groups.sort_by(|a, b| a.name.cmp(&b.name));
                groups.dedup_by(|a, b| a.name == b.name);
            }
            Err(error) if failures.is_empty() => failures.push(error),
            Err(error) => log::debug!("groups that are not of consumers are not known: {error}"),
        }
        Ok((groups, failures))
    }

    /// Finds out which groups of unknown kinds are of streams: of share groups brokers say that nothing is committed.
    fn tell_streams(&self, operation: &'static str, groups: &mut [Group], deadline: Deadline) {
        let mut unknown: Vec<&mut Group> = groups.iter_mut().filter(|group| group.state.is_empty()).collect();
        let names: Vec<&str> = unknown.iter().map(|group| group.name.as_str()).collect();
        let answers = self.coordinators.offsets_of_each(operation, &names, deadline);
        let has_committed = answers.into_iter().map(|answer| answer.is_ok_and(|offsets| !offsets.is_empty()));
        for (group, has_committed) in unknown.iter_mut().zip(has_committed.collect::<Vec<_>>()) {
            if has_committed {
                group.group_type = "streams".to_string();
                group.protocol = "streams".to_string();
            }
        }
    }
}
