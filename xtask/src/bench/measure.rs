//! Running programs in turn, and measuring each.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{Result, command, workspace};

/// A program that does a job, as the table names it.
pub struct Tool {
    pub name: &'static str,
    line: Vec<String>,
}

impl Tool {
    /// A program and its arguments.
    pub fn new(name: &'static str, line: &[&str]) -> Self {
        Self { name, line: line.iter().map(ToString::to_string).collect() }
    }

    /// A line for the shell, for pipes: it fails where any part of it does.
    pub fn shell(name: &'static str, line: &str) -> Self {
        Self::new(name, &["bash", "-c", &format!("set -o pipefail; {line}")])
    }

    /// The words of its line, for a shell: none of them needs quotes.
    pub fn line(&self) -> String {
        self.line.join(" ")
    }

    /// Runs it once, its output into a file. Only a run whose memory and CPU time are asked for has `time` around it,
    /// which costs a millisecond.
    pub fn run(&self, folder: &Path, memory: bool) -> Result<Run> {
        let (output, errors, peak) = (folder.join("output"), folder.join("errors"), folder.join("peak"));
        let failed = |error: std::io::Error| format!("{}: {error}", self.name);
        let mut program = Command::new(if memory { "/usr/bin/time" } else { &self.line[0] });
        if memory {
            program.args(["-f", "%M %U %S", "-o"]).arg(&peak).args(&self.line);
        } else {
            program.args(&self.line[1..]);
        }
        program.current_dir(workspace::root()).env_remove("KAFI_HOME").env_remove("KAFI_STORAGE").stdin(Stdio::null());
        program.stdout(File::create(&output).map_err(failed)?).stderr(File::create(&errors).map_err(failed)?);
        let start = Instant::now();
        let status = program.status().map_err(failed)?;
        let seconds = start.elapsed().as_secs_f64();
        if let Err(error) = command::check(self.name, status) {
            let said = fs::read_to_string(&errors).unwrap_or_default();
            return Err(format!("{error}: {}\n{said}", self.line.join(" ")));
        }
        let used = if memory { fs::read_to_string(&peak).map_err(failed)? } else { String::new() };
        let used: Vec<f64> = used.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [kilobytes, user, system] = used.try_into().unwrap_or([0.0; 3]);
        Ok(Run { seconds, cpu_seconds: user + system, peak_mb: kilobytes * 1024.0 / 1e6 })
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    pub seconds: f64,
    /// Of all its processes; like the memory, 0 where it was not measured.
    pub cpu_seconds: f64,
    pub peak_mb: f64,
}

/// The median of several runs, in time and in memory.
pub fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Run {
        seconds: middle(|run| run.seconds),
        cpu_seconds: middle(|run| run.cpu_seconds),
        peak_mb: middle(|run| run.peak_mb),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_taken_of_each() {
        let runs = [(3.0, 1.0), (1.0, 2.0), (2.0, 9.0)].map(|(seconds, peak_mb)| Run {
            seconds,
            cpu_seconds: seconds,
            peak_mb,
        });
        assert_eq!(median(&runs), Run { seconds: 2.0, cpu_seconds: 2.0, peak_mb: 2.0 });
    }
}
