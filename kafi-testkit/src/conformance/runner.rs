//! Runs cases, several at a time, and prints what became of them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::Capabilities;

use super::check::Verdict;
use super::context::{Context, open};
use super::options::Options;
use super::{Case, Setup, cases, snapshot};

/// How many cases run at once; they mostly wait.
const THREADS: usize = 4;

/// A case that takes longer than this many times what a call may take hangs.
const WAITS_MAX: u32 = 5;

/// The name of the case that compares the list of ignored cases with its file.
const EXPECTED: &str = "ignored_cases_are_expected";

/// What became of the cases, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Those whose promise holds.
    pub passed: Vec<String>,
    /// Those whose promise is broken, and how.
    pub failed: Vec<(String, String)>,
    /// Those that the storage cannot run, and why.
    pub ignored: Vec<(String, String)>,
    /// How many were not meant by the filters.
    pub filtered_out: usize,
}

/// One thing to run.
struct Job {
    name: String,
    setup: Arc<Setup>,
    work: Work,
}

enum Work {
    Case(&'static Case),
    Compare(Vec<(String, String)>),
    /// Its storage could not be opened, and this is why.
    Fail(String),
}

enum Outcome {
    Passed,
    Failed(String),
    Ignored(String),
}

/// Runs the cases over all storages and writes a line about each to `out`. Blocks until the last one has ended or is
/// given up.
///
/// # Errors
/// Those of `out`.
pub fn run(setups: Vec<Setup>, options: &Options, out: &mut dyn Write) -> io::Result<Summary> {
    let started = Instant::now();
    let mut plan = Plan::default();
    setups.into_iter().for_each(|setup| plan.add(Arc::new(setup), options));
    if options.list {
        let names = plan.jobs.iter().map(|job| &job.name).chain(plan.ignored.iter().map(|(name, _)| name));
        names.into_iter().try_for_each(|name| writeln!(out, "{name}: test"))?;
        return Ok(Summary { filtered_out: plan.filtered_out, ..Summary::default() });
    }
    writeln!(out, "\nrunning {} tests", plan.jobs.len() + plan.ignored.len())?;
    let mut printer = Printer {
        out,
        quiet: options.quiet,
        summary: Summary { filtered_out: plan.filtered_out, ..Summary::default() },
    };
    for (name, why) in plan.ignored {
        printer.print(name, Outcome::Ignored(why))?;
    }
    let threads = if options.threads == 0 { THREADS } else { options.threads };
    for (name, outcome) in start(plan.jobs, threads, options.bless) {
        printer.print(name, outcome)?;
    }
    printer.end(started.elapsed())
}

#[derive(Default)]
struct Plan {
    jobs: VecDeque<Job>,
    ignored: Vec<(String, String)>,
    filtered_out: usize,
}

impl Plan {
    /// Adds the cases of a storage; it is opened only if one of them is meant.
    fn add(&mut self, setup: Arc<Setup>, options: &Options) {
        let full = |name: &str| format!("{}::{name}", setup.name);
        let all: Vec<_> = cases().filter(|(_, case)| case.is_for(&setup)).collect();
        let wanted = |name: &str| options.takes(&full(name));
        let compares = setup.expected.is_some();
        let taken = all.iter().filter(|(name, _)| wanted(name)).count() + usize::from(compares && wanted(EXPECTED));
        self.filtered_out += all.len() + usize::from(compares) - taken;
        if taken == 0 {
            return;
        }
        // A list of the names needs no server.
        let names_only = options.list && !options.ignored;
        let capabilities = if names_only {
            Ok(Capabilities::from_bits(u64::MAX))
        } else {
            open(&setup.open).map(|storage| setup.capabilities(&*storage))
        };
        let mut ignored = Vec::new();
        for (name, case) in all {
            let left_out = setup.left_out.iter().find(|(case, _)| *case == name).map(|(_, why)| why.clone());
            let lacks = || capabilities.as_ref().ok().and_then(|has: &Capabilities| case.ignored(&setup, *has));
            let why = left_out.or_else(lacks);
            let taken = wanted(&name);
            match (why, &capabilities) {
                (Some(why), _) => {
                    if taken {
                        self.ignored.push((full(&name), why.clone()));
                    }
                    ignored.push((name, why));
                }
                (None, Ok(_)) if taken && !options.ignored => self.push(full(&name), &setup, Work::Case(case)),
                (None, Err(failure)) if taken => self.push(full(&name), &setup, Work::Fail(failure.to_string())),
                _ => {}
            }
        }
        if compares && wanted(EXPECTED) && !options.ignored {
            let work = match capabilities {
                Ok(_) => Work::Compare(ignored),
                Err(failure) => Work::Fail(failure.to_string()),
            };
            self.push(full(EXPECTED), &setup, work);
        }
    }

    fn push(&mut self, name: String, setup: &Arc<Setup>, work: Work) {
        self.jobs.push_back(Job { name, setup: Arc::clone(setup), work });
    }
}

/// Runs all jobs on some threads; their outcomes come as they end.
fn start(jobs: VecDeque<Job>, threads: usize, bless: bool) -> mpsc::IntoIter<(String, Outcome)> {
    let jobs = Arc::new(Mutex::new(jobs));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..threads {
        let (jobs, sender) = (Arc::clone(&jobs), sender.clone());
        thread::spawn(move || {
            loop {
                let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(Job { name, setup, work }) = next else { return };
                let outcome = match work {
                    Work::Case(case) => watched(name.clone(), setup, case),
                    Work::Compare(ignored) => {
                        let path = setup
                            .expected
                            .as_deref()
                            .expect("only a storage with a file of ignored cases has this job");
                        ended(snapshot::compare(&setup.name, &ignored, path, bless))
                    }
                    Work::Fail(why) => Outcome::Failed(why),
                };
                if sender.send((name, outcome)).is_err() {
                    return;
                }
            }
        });
    }
    receiver.into_iter()
}

/// Runs a case on a thread of its own, which is given up if it hangs.
fn watched(name: String, setup: Arc<Setup>, case: &'static Case) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let wait = setup.wait * WAITS_MAX;
    let run = move || {
        let verdict = Context::new(setup).and_then(|context| context.run(case));
        // Nobody listens any more if it was given up.
        let _ = sender.send(verdict);
    };
    if let Err(error) = thread::Builder::new().name(name).spawn(run) {
        return Outcome::Failed(format!("no thread could be started: {error}"));
    }
    match receiver.recv_timeout(wait) {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(failure)) => Outcome::Failed(format!("{}\n{failure}", case.promise)),
        Err(_) => Outcome::Failed(format!("{}\nit was given up after {} s", case.promise, wait.as_secs())),
    }
}

fn ended(verdict: Verdict) -> Outcome {
    verdict.map_or_else(|failure| Outcome::Failed(failure.to_string()), |()| Outcome::Passed)
}

/// Writes lines as Rust's own test binaries do.
struct Printer<'a> {
    out: &'a mut dyn Write,
    quiet: bool,
    summary: Summary,
}

impl Printer<'_> {
    fn print(&mut self, name: String, outcome: Outcome) -> io::Result<()> {
        let word = match &outcome {
            Outcome::Passed => "ok".to_string(),
            Outcome::Failed(_) => "FAILED".to_string(),
            Outcome::Ignored(why) => format!("ignored, {why}"),
        };
        if !self.quiet || matches!(outcome, Outcome::Failed(_)) {
            writeln!(self.out, "test {name} ... {word}")?;
        }
        match outcome {
            Outcome::Passed => self.summary.passed.push(name),
            Outcome::Failed(why) => self.summary.failed.push((name, why)),
            Outcome::Ignored(why) => self.summary.ignored.push((name, why)),
        }
        Ok(())
    }

    fn end(self, took: Duration) -> io::Result<Summary> {
        let Self { out, mut summary, .. } = self;
        summary.passed.sort();
        summary.failed.sort();
        summary.ignored.sort();
        if !summary.failed.is_empty() {
            writeln!(out, "\nfailures:\n")?;
            for (name, why) in &summary.failed {
                writeln!(out, "---- {name} ----\n{why}\n")?;
            }
            writeln!(out, "failures:")?;
            summary.failed.iter().try_for_each(|(name, _)| writeln!(out, "    {name}"))?;
        }
        let word = if summary.failed.is_empty() { "ok" } else { "FAILED" };
        let (passed, failed, ignored) = (summary.passed.len(), summary.failed.len(), summary.ignored.len());
        let (filtered, seconds) = (summary.filtered_out, took.as_secs_f64());
        writeln!(
            out,
            "\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {filtered} filtered out; finished in {seconds:.2}s\n"
        )?;
        Ok(summary)
    }
}
