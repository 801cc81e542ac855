//! Whether a member has its share where partitions go from member to member one by one: then what it has, which may be
//! nothing, can be less than what falls to it.

use std::time::{Duration, Instant};

use kafi_core::{GroupDescription, TopicPartition};

use crate::coordinators::Coordinators;
use crate::ffi::{Client, Pending};
use crate::part::Part;

const OPERATION: &str = "join group";

/// How long a coordinator is waited for before it is looked for anew.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The pauses between two questions.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// So long nobody is waited for who cannot say, such as a broker that does not describe the group to this user: others
/// give something up at their next heartbeat, which is up to 5 s away.
const UNSURE_MAX: Duration = Duration::from_secs(10);

/// What the group says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Each partition is with a member, and this one has what it was given.
    Settled,
    /// Partitions are being handed on.
    Waiting,
    /// Nothing goes on, and yet it is not as it should be.
    Unsure,
}

/// What is known since the member's partitions changed last.
pub(crate) struct Settled {
    is_settled: bool,
    asked: Option<(Client, Pending)>,
    ask_at: Instant,
    pause: Duration,
    unsure_since: Option<Instant>,
}

impl Settled {
    pub(crate) fn new() -> Self {
        Self { is_settled: false, asked: None, ask_at: Instant::now(), pause: PAUSE_MIN, unsure_since: None }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Asks the group, or takes its answer, without waiting. `topics` are the partitions that were there when the
    /// member joined, `parts` those that it has.
    pub(crate) fn serve(
        &mut self,
        member: &Client,
        coordinators: &Coordinators,
        group: &str,
        topics: &[TopicPartition],
        parts: &[Part],
    ) {
        if self.is_settled {
            return;
        }
        let Some((client, asked)) = &self.asked else {
            if Instant::now() >= self.ask_at {
                let ask = |client: Client| client.start_describe_group(OPERATION, group).map(|asked| (client, asked));
                self.asked = coordinators.client(group).and_then(ask).ok();
            }
            return;
        };
        let verdict = match client.take_description(OPERATION, asked, 0) {
            Ok(None) if asked.has_taken(REQUEST_MAX) => {
                coordinators.forget();
                Verdict::Unsure
            }
            Ok(None) => return,
            Ok(Some(description)) => judge(&description, &member.member_id(), topics, parts),
            Err(error) => {
                log::debug!("whether group {group} is settled is not known: {error}");
                coordinators.forget();
                Verdict::Unsure
            }
        };
        let now = Instant::now();
        self.asked = None;
        self.ask_at = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.unsure_since = self
            .unsure_since
            .filter(|_| verdict == Verdict::Unsure)
            .or_else(|| (verdict == Verdict::Unsure).then_some(now));
        self.is_settled =
            verdict == Verdict::Settled || self.unsure_since.is_some_and(|since| since.elapsed() >= UNSURE_MAX);
    }
}

/// While partitions are handed on, either the group is not stable (KIP-848), or they are with nobody (the cooperative
/// assignors).
fn judge(group: &GroupDescription, member_id: &str, topics: &[TopicPartition], parts: &[Part]) -> Verdict {
    let Some(member) = group.members.iter().find(|member| member.id == member_id) else { return Verdict::Waiting };
    if group.state != "Stable" {
        return Verdict::Waiting;
    }
    let has = |wanted: &TopicPartition| {
        parts.iter().any(|part| part.partition == wanted.partition && *part.topic == *wanted.topic)
    };
    let is_given = |wanted: &TopicPartition| group.members.iter().any(|member| member.partitions.contains(wanted));
    let has_its_own = member.partitions.len() == parts.len() && member.partitions.iter().all(has);
    if has_its_own && topics.iter().all(is_given) { Verdict::Settled } else { Verdict::Unsure }
}

#[cfg(test)]
mod tests {
    use kafi_core::GroupMember;

    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "t".into(), partition: number }
    }

    fn group(state: &str, members: &[(&str, &[i32])]) -> GroupDescription {
        let member = |(id, partitions): &(&str, &[i32])| GroupMember {
            id: id.to_string(),
            client_id: String::new(),
            host: String::new(),
            partitions: partitions.iter().copied().map(partition).collect(),
        };
        GroupDescription { name: "g".into(), state: state.into(), members: members.iter().map(member).collect() }
    }

    #[test]
    fn a_share_is_final_once_every_partition_is_with_a_member_of_a_stable_group() {
        let parts = |numbers: &[i32]| -> Vec<Part> {
            let part =
                |partition| Part { topic: "t".into(), partition, next: 0, end: None, done: false, started: true };
            numbers.iter().copied().map(part).collect()
        };
        let topics = [partition(0), partition(1)];
        let judge = |state: &str, members: &[(&str, &[i32])], own: &[i32]| {
            super::judge(&group(state, members), "me", &topics, &parts(own))
        };
        assert_eq!(judge("Stable", &[("other", &[0, 1]), ("me", &[])], &[]), Verdict::Settled);
        assert_eq!(judge("Stable", &[("other", &[0]), ("me", &[1])], &[1]), Verdict::Settled);
        // Not in the group yet, or the group is at it.
        assert_eq!(judge("Stable", &[("other", &[0, 1])], &[]), Verdict::Waiting);
        for state in ["PreparingRebalance", "CompletingRebalance", "Unknown", "Reconciling", "Empty", "Dead"] {
            assert_eq!(judge(state, &[("other", &[0, 1]), ("me", &[])], &[]), Verdict::Waiting, "{state}");
        }
        // The other gave up a partition, and nobody has it yet; or this member has not been told yet.
        assert_eq!(judge("Stable", &[("other", &[0]), ("me", &[])], &[]), Verdict::Unsure);
        assert_eq!(judge("Stable", &[("other", &[0]), ("me", &[1])], &[]), Verdict::Unsure);
        assert_eq!(judge("Stable", &[("other", &[0, 1]), ("me", &[])], &[1]), Verdict::Unsure);
    }
}
