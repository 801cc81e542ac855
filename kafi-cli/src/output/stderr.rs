//! Standard error: lines for people, in which nothing controls the terminal. That nobody reads them (a closed pipe, a
//! full disk) is no failure of the job.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output::{escape, highlight, terminal};

/// Whether lines are coloured; what stdin is asked for before the arguments were read is as the terminal likes it.
static COLOR: OnceLock<bool> = OnceLock::new();

/// Whether a line of progress stands on the terminal, without a line's end.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// Says whether lines are coloured.
pub fn set_color(color: bool) {
    // Only the first word on it counts.
    let _earlier = COLOR.set(color);
}

/// Prints a line, in the place of a line of progress if there is one. What reads like a secret in it is not shown,
/// whoever wrote it.
pub fn say(line: &str) {
    clear_line();
    let color = *COLOR.get_or_init(|| terminal::likes_color(&io::stderr()));
    let mut shown = String::with_capacity(line.len() + 16);
    highlight::message(&escape::line(&kafi::without_secrets(line)), color, &mut shown);
    shown.push('\n');
    put(&shown);
}

/// Ends the line in which a terminal shows that Ctrl-C was typed.
pub fn end_echo() {
    if !clear_line() && io::stderr().is_terminal() {
        put("\n");
    }
}

/// Prints `text` as it is, without a line's end: questions and progress.
pub fn put(text: &str) {
    let _unread = io::stderr().write_all(text.as_bytes());
}

/// Draws a line of progress over the one before, without a line's end.
pub fn draw(line: &str) {
    put(&format!("\r\x1b[K{line}"));
    DRAWN.store(true, Ordering::Relaxed);
}

/// Removes the line of progress, so that another line can be printed in its place; says whether there was one.
pub fn clear_line() -> bool {
    let is_drawn = DRAWN.swap(false, Ordering::Relaxed);
    if is_drawn {
        put("\r\x1b[K");
    }
    is_drawn
}
