//! The conformance suite: what every storage promises, as cases that anyone can run over a storage of their own.
//!
//! What the traits [`Storage`], [`Consumer`](kafi_core::Consumer), [`Producer`](kafi_core::Producer), and
//! [`Admin`](kafi_core::Admin), and [`Files`](kafi_core::Files) say is checked sentence by sentence, in seven areas:
//! `admin`, `produce`, `consume`, `groups`, `offsets`, `files`, `faults`; and `samples` for storages that cannot write. A case that needs a
//! [capability](kafi_core::Capabilities) that the storage lacks is reported as *ignored*, never as passed, and the list
//! of the ignored cases is compared with a file that is committed.
//!
//! The suite is run by a test binary of its own (`harness = false`), one [`Setup`] a storage:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use kafi_testkit::conformance::{self, Setup};
//! # fn open() -> kafi_core::Result<std::sync::Arc<dyn kafi_core::Storage>> { unreachable!() }
//!
//! fn main() -> ExitCode {
//!     let setup = Setup::new("mystorage", open).expected("tests/expected/mystorage.txt");
//!     conformance::main(vec![setup])
//! }
//! ```
//!
//! It takes what test binaries take: texts that the names of the cases contain, `--exact`, `--skip TEXT`, `--list`,
//! `--test-threads N`; and `--bless`, which writes the files of ignored cases anew. Each case makes its own topics and
//! groups, under names that nobody else has, and deletes them.
//!
//! Time-outs are checked with a wide margin: the suite shows that calls come back, not that they are fast.

mod access;
mod admin;
mod check;
mod consume;
mod context;
mod faults;
mod files;
mod group_members;
mod groups;
mod offsets;
mod options;
mod produce;
mod produce_failures;
mod runner;
mod samples;
mod snapshot;
mod transactions;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Capabilities, Result, Storage};

use check::Verdict;
use context::Context;

pub use options::Options;
pub use runner::{Summary, run};

/// Opens a storage.
type Opener = Box<dyn Fn() -> Result<Arc<dyn Storage>> + Send + Sync>;

/// A storage to be tested, and what the suite has to know of it.
pub struct Setup {
    name: String,
    open: Opener,
    unreachable: Option<Opener>,
    topic_config: Vec<(String, String)>,
    also: Capabilities,
    left_out: Vec<(String, String)>,
    sample: Option<String>,
    expected: Option<PathBuf>,
    wait: Duration,
}

impl Setup {
    /// The storage that `open` opens, under a `name` that its cases begin with. Each call of `open` opens the same
    /// place: what one handle writes, the others read.
    pub fn new(name: impl Into<String>, open: impl Fn() -> Result<Arc<dyn Storage>> + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            open: Box::new(open),
            unreachable: None,
            topic_config: Vec::new(),
            also: Capabilities::from_bits(0),
            left_out: Vec::new(),
            sample: None,
            expected: None,
            wait: Duration::from_secs(60),
        }
    }

    /// Opens a storage of this kind whose server never answers, for the cases about time-outs. Without it they are
    /// ignored, as for a kind that has no server.
    pub fn unreachable(mut self, open: impl Fn() -> Result<Arc<dyn Storage>> + Send + Sync + 'static) -> Self {
        self.unreachable = Some(Box::new(open));
        self
    }

    /// Adds a setting to every topic that the suite makes, such as `retention.ms`, so that nothing is deleted while a
    /// case runs.
    pub fn topic_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.topic_config.push((name.into(), value.into()));
        self
    }

    /// What this storage can do beyond the capabilities that it names, since that depends on what its server has: the
    /// cases about it are run, too.
    pub fn also(mut self, capabilities: Capabilities) -> Self {
        self.also = capabilities;
        self
    }

    /// Leaves out a case, such as `groups::one_live_member`, which is reported as ignored for this reason.
    pub fn leave_out(mut self, case: impl Into<String>, why: impl Into<String>) -> Self {
        self.left_out.push((case.into(), why.into()));
        self
    }

    /// What this storage can do.
    fn capabilities(&self, storage: &dyn Storage) -> Capabilities {
        storage.capabilities().union(self.also)
    }

    /// A topic of the storage with at least three messages, which nobody changes while the suite runs: for a storage
    /// that cannot write, and of which otherwise nothing could be read. Without it the cases of the area `samples` are
    /// left out, since others make the same promises.
    pub fn sample(mut self, topic: impl Into<String>) -> Self {
        self.sample = Some(topic.into());
        self
    }

    /// The file that lists the ignored cases. A difference is a failure; `--bless` writes the file. Without it nothing
    /// is compared.
    pub fn expected(mut self, path: impl Into<PathBuf>) -> Self {
        self.expected = Some(path.into());
        self
    }

    /// How long anything may take that is expected to succeed; the margins of the time-outs follow from it. Default: 60
    /// s.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// Runs the suite as a test binary does, with the arguments of the process, and prints to its output.
pub fn main(setups: Vec<Setup>) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(setups, &options, &mut std::io::stdout()) {
        Ok(summary) if summary.failed.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a case can do without.
#[derive(Clone, Copy)]
enum Needs {
    /// These capabilities.
    Capabilities(Capabilities),
    /// The first, and not the second: what is promised where something is lacking.
    Without(Capabilities, Capabilities),
    /// A storage whose server never answers.
    Unreachable,
    /// A topic that was there before.
    Sample,
}

/// One promise, and how it is checked.
struct Case {
    name: &'static str,
    needs: Needs,
    /// The promise, as a sentence.
    promise: &'static str,
    run: fn(&Context) -> Verdict,
}

impl Case {
    const fn new(name: &'static str, needs: Capabilities, promise: &'static str, run: fn(&Context) -> Verdict) -> Self {
        Self { name, needs: Needs::Capabilities(needs), promise, run }
    }

    const fn of_sample(name: &'static str, promise: &'static str, run: fn(&Context) -> Verdict) -> Self {
        Self { name, needs: Needs::Sample, promise, run }
    }

    /// Whether it is a case for this storage at all.
    fn is_for(&self, setup: &Setup) -> bool {
        !matches!(self.needs, Needs::Sample) || setup.sample.is_some()
    }

    /// Why a storage cannot run it, if so.
    fn ignored(&self, setup: &Setup, capabilities: Capabilities) -> Option<String> {
        let lacks = |needed: Capabilities| {
            let missing: Vec<_> = needed.names().filter(|name| !capabilities.names().any(|has| has == *name)).collect();
            (!missing.is_empty()).then(|| format!("lacks {}", missing.join(", ")))
        };
        match self.needs {
            Needs::Capabilities(needed) => lacks(needed),
            Needs::Without(needed, not) => {
                lacks(needed).or_else(|| capabilities.contains(not).then(|| format!("has {not}")))
            }
            Needs::Sample => lacks(Capabilities::CONSUME),
            Needs::Unreachable => setup.unreachable.is_none().then(|| "has no server".to_string()),
        }
    }
}

/// All cases, by area.
const AREAS: &[(&str, &[&[Case]])] = &[
    ("admin", &[admin::CASES, access::CASES]),
    ("produce", &[produce::CASES, produce_failures::CASES, transactions::CASES]),
    ("consume", &[consume::CASES]),
    ("groups", &[groups::CASES, group_members::CASES]),
    ("offsets", &[offsets::CASES]),
    ("files", &[files::CASES]),
    ("faults", &[faults::CASES]),
    ("samples", &[samples::CASES]),
];

/// All cases with their full names below the storage's.
fn cases() -> impl Iterator<Item = (String, &'static Case)> {
    let of_area = |(area, lists): &'static (&'static str, &'static [&'static [Case]])| {
        lists.iter().flat_map(|list| list.iter()).map(move |case| (format!("{area}::{}", case.name), case))
    };
    AREAS.iter().flat_map(of_area)
}

/// What reading and writing a topic of one's own takes.
const READ_WRITE: Capabilities = Capabilities::ADMIN_TOPICS.union(Capabilities::CONSUME).union(Capabilities::PRODUCE);

/// The same, with partitions that the case chooses.
const PLACED: Capabilities = READ_WRITE.union(Capabilities::PRODUCE_PARTITION);

/// The same, with a group.
const GROUPED: Capabilities = PLACED.union(Capabilities::CONSUME_GROUP);
