//! What is known of the terminal.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};

/// How many characters fit in a line; `None` where there is no terminal, or it does not say.
pub fn columns(stream: &impl AsFd) -> Option<usize> {
    tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether colours are printed where nobody has said: on a terminal that has some, unless NO_COLOR is set.
pub fn likes_color(stream: &impl IsTerminal) -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Does something while the terminal does not show what is typed. Ctrl-C ends the process, and shells show again what is
/// typed by themselves.
pub fn without_echo<T>(act: impl FnOnce() -> T) -> T {
    let stdin = io::stdin();
    let Ok(before) = tcgetattr(&stdin) else { return act() };
    let mut silent = before.clone();
    silent.local_modes -= LocalModes::ECHO;
    // Where the terminal refuses, what is typed is seen, as it is anyhow.
    let _ = tcsetattr(&stdin, OptionalActions::Now, &silent);
    let done = act();
    let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    done
}
