//! The line of progress on stderr, while a job runs on a terminal.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafi::Progress;

use crate::output::{number, stderr, terminal};

/// A job that is over sooner shows nothing.
const QUIET_FIRST: Duration = Duration::from_millis(500);
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// Shows how far a job is, until it is dropped.
pub struct ProgressLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Shows `progress` if that is wanted, and stderr is a terminal.
    pub fn show(progress: &Arc<Progress>, wanted: bool) -> Self {
        if !wanted || !io::stderr().is_terminal() {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = channel();
        let progress = progress.clone();
        let started = Instant::now();
        let draw = move || {
            let mut wait = QUIET_FIRST;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let line = line(&progress, started.elapsed());
                let columns = terminal::columns(&io::stderr()).unwrap_or(usize::MAX);
                stderr::draw(fitting(&line, columns));
                wait = REDRAW_EVERY;
            }
            stderr::clear_line();
        };
        Self { stop: Some(stop), thread: Some(thread::spawn(draw)) }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic while drawing has been printed; the job's result matters more.
            let _drawn = thread.join();
        }
    }
}

/// As many parts of a line as fit, so that none goes on in the next line and stays there; the terminal shows `^C`
/// behind it.
fn fitting(line: &str, columns: usize) -> &str {
    let len = columns.saturating_sub("^C".len() + 1);
    if line.len() <= len {
        return line;
    }
    &line[..line[..len].rfind(", ").unwrap_or(0)]
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let messages = progress.read().max(progress.written());
    let mut line = format!("{} messages", number::grouped(messages));
    if progress.bytes() > 0 {
        line.push_str(&format!(", {}", number::bytes(progress.bytes())));
    }
    line.push_str(&format!(", {}/s", number::grouped((messages as f64 / seconds) as u64)));
    if let Some(share) = progress.share() {
        line.push_str(&format!(", {:.0} %", share * 100.0));
        if share > 0.0 {
            line.push_str(&format!(", {} left", left(seconds / share - seconds)));
        }
    }
    line
}

fn left(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_do_not_fit_are_left_out() {
        assert_eq!(
            [100, 25, 24, 13, 0].map(|columns| fitting("1,064 messages, 6.3 MB", columns)),
            ["1,064 messages, 6.3 MB", "1,064 messages, 6.3 MB", "1,064 messages", "", ""]
        );
    }

    #[test]
    fn time_left_for_people() {
        assert_eq!(["0 s", "59 s", "1 min 1 s", "2 h 1 min"], [0.0, 58.3, 61.0, 7_260.0].map(left)[..]);
    }
}
