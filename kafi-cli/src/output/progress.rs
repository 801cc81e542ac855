//! The line of progress on stderr, while a job runs on a terminal.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafi::Progress;

use crate::context::Context;
use crate::output::{number, stderr};

/// A job that is over sooner shows nothing.
const QUIET_FIRST: Duration = Duration::from_millis(500);
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// Whether a line of progress stands on the terminal, without a line's end.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Shows how far a job is, until it is dropped.
pub struct ProgressLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Shows `progress` if stderr is a terminal, nothing else is printed on one, and nobody said `-q`.
    pub fn show(context: &Context, progress: &Arc<Progress>, prints_messages: bool) -> Self {
        let wanted = !context.quiet && io::stderr().is_terminal() && !(prints_messages && context.terminal);
        if !wanted {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = channel();
        let progress = progress.clone();
        let started = Instant::now();
        let draw = move || {
            let mut wait = QUIET_FIRST;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                stderr::put(&format!("\r\x1b[K{}", line(&progress, started.elapsed())));
                DRAWN.store(true, Ordering::Relaxed);
                wait = REDRAW_EVERY;
            }
            clear_line();
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

/// Removes the line of progress, so that another line can be printed in its place.
pub fn clear_line() {
    if DRAWN.swap(false, Ordering::Relaxed) {
        stderr::put("\r\x1b[K");
    }
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
    fn time_left_for_people() {
        assert_eq!(["0 s", "59 s", "1 min 1 s", "2 h 1 min"], [0.0, 58.3, 61.0, 7_260.0].map(left)[..]);
    }
}
