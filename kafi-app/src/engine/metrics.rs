//! The numbers of an app, as Prometheus reads them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafi_core::{CommittedOffset, ErrorKind, Isolation, Result, Watermarks};

use crate::engine::pulse::{BOUNDS_US, Histogram};
use crate::engine::task::{Common, Counts};

/// How long one question to the storage may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the storage says of the partitions that are an app's at the moment.
pub(crate) struct Marks {
    pub(crate) high: Vec<Watermarks>,
    pub(crate) committed: Vec<CommittedOffset>,
}

impl Marks {
    /// Asks the storage.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn ask(common: &Common) -> Result<Self> {
        let partitions = common.pulse.partitions();
        if partitions.is_empty() {
            return Ok(Self { high: Vec::new(), committed: Vec::new() });
        }
        let mut admin = common.consumer.storage.admin()?;
        let high = admin.watermarks(&partitions, Isolation::default(), TIMEOUT)?;
        let committed = match admin.group_offsets(&common.group, TIMEOUT) {
            // Nothing is committed yet.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            committed => committed?,
        };
        Ok(Self { high, committed })
    }
}

/// All numbers; without those that the storage was to say, where it does not answer.
pub(crate) fn metrics(common: &Common, marks: Option<&Marks>) -> String {
    let Common { consumed, published, counts, pulse, .. } = common;
    let mut text = Text(String::new());
    text.begin("consumed_total", "counter", "Messages that were read.");
    consumed.iter().for_each(|(topic, count)| text.value("consumed_total", &of_topic(topic), of(count)));
    type Count = fn(&Counts) -> &AtomicU64;
    let of_routes: [(&str, &str, &str, Count); 7] = [
        ("processed_total", "counter", "Messages that were handled.", |of| &of.processed),
        ("failed_total", "counter", "Failures of handlers.", |of| &of.failed),
        ("retried_total", "counter", "Failures after which a message is tried again.", |of| &of.retried),
        ("skipped_total", "counter", "Messages that were left out.", |of| &of.skipped),
        ("dead_letters_total", "counter", "Messages that became dead letters.", |of| &of.dead_letters),
        ("waiting", "gauge", "Messages that wait for a thread, or to be tried again.", |of| &of.waiting),
        ("busy", "gauge", "Threads that handle a message.", |of| &of.busy),
    ];
    let labels: Vec<String> = counts.iter().enumerate().map(|(route, of)| of_route(&of.topic, route)).collect();
    for (name, kind, help, count) in of_routes {
        text.begin(name, kind, help);
        counts.iter().zip(&labels).for_each(|(counts, labels)| text.value(name, labels, of(count(counts))));
    }
    text.begin("handler_seconds", "histogram", "How long handling a message takes.");
    counts.iter().zip(&labels).for_each(|(counts, labels)| text.histogram("handler_seconds", labels, &counts.took));
    text.one("published_total", "counter", "Outputs that were delivered.", of(published));
    text.one("in_flight", "gauge", "Outputs that are not acknowledged yet.", of(&pulse.in_flight));
    text.one("undone", "gauge", "Offsets that were read, and lie behind what is done.", of(&pulse.undone));
    text.begin("commit_seconds", "histogram", "How long committing offsets takes.");
    text.histogram("commit_seconds", "", &pulse.commits);
    text.one("commits_total", "counter", "Commits of offsets.", of(&pulse.commits.all));
    let help = "Commits of offsets that failed, for which a later one makes up.";
    text.one("commit_failures_total", "counter", help, of(&pulse.commit_failures));
    text.one("partitions", "gauge", "Partitions that are read.", pulse.partitions().len() as u64);
    if let Some(marks) = marks {
        text.marks(marks);
    }
    text.0
}

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

// Names of topics hold nothing that has to be escaped.
fn of_topic(topic: &str) -> String {
    format!("topic=\"{topic}\"")
}

/// A route is told by its topic, and by its place among all, from 0.
fn of_route(topic: &str, route: usize) -> String {
    format!("topic=\"{topic}\",route=\"{route}\"")
}

/// The text format of Prometheus.
struct Text(String);

impl Text {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP kafi_app_{name} {help}\n# TYPE kafi_app_{name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.begin(name, kind, help);
        let _ = writeln!(self.0, "kafi_app_{name} {value}");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "kafi_app_{name} {value}"),
            labels => writeln!(self.0, "kafi_app_{name}{{{labels}}} {value}"),
        };
    }

    fn histogram(&mut self, name: &str, labels: &str, times: &Histogram) {
        let before = if labels.is_empty() { String::new() } else { format!("{labels},") };
        let mut below = 0;
        let bounds = BOUNDS_US.iter().map(|bound| (*bound as f64 / 1e6).to_string());
        for (bound, count) in bounds.zip(&times.counts) {
            below += of(count);
            self.value(&format!("{name}_bucket"), &format!("{before}le=\"{bound}\""), below);
        }
        self.value(&format!("{name}_bucket"), &format!("{before}le=\"+Inf\""), of(&times.all));
        self.value(&format!("{name}_sum"), labels, of(&times.sum_us) as f64 / 1e6);
        self.value(&format!("{name}_count"), labels, of(&times.all));
    }

    /// How far the group is, and how much is left.
    fn marks(&mut self, marks: &Marks) {
        let of_partition = |at: &Watermarks| format!("{},partition=\"{}\"", of_topic(&at.topic), at.partition);
        let committed = |at: &Watermarks| {
            let mut all = marks.committed.iter();
            all.find(|of| of.topic == at.topic && of.partition == at.partition).map(|of| of.offset)
        };
        self.begin(
            "committed_offset",
            "gauge",
            "The offset that the group has committed, of partitions that have one.",
        );
        for at in &marks.high {
            if let Some(offset) = committed(at) {
                self.value("committed_offset", &of_partition(at), offset);
            }
        }
        self.begin("lag", "gauge", "Offsets between what is committed, or the log's start, and the log's end.");
        for at in &marks.high {
            let from = committed(at).unwrap_or(at.low).clamp(at.low, at.high.max(at.low));
            self.value("lag", &of_partition(at), at.high - from);
        }
    }
}
