//! Log lines of the libraries, on stderr: errors always, warnings unless `-q`, what is done with `--verbose`.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::output::stderr;

struct Lines;

impl Log for Lines {
    /// What the client underneath says in its own words comes back as an error of ours where it matters; it is for
    /// `--verbose`.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (metadata.target() != "librdkafka" || log::max_level() >= LevelFilter::Debug)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let word = match record.level() {
            _ if record.target() == "librdkafka" => "librdkafka",
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "note",
            Level::Debug | Level::Trace => "debug",
        };
        stderr::say(&format!("{word}: {}", record.args()));
    }

    fn flush(&self) {}
}

/// Sends log lines to stderr.
pub fn install(quiet: bool, verbose: bool) {
    let level = match (quiet, verbose) {
        (_, true) => LevelFilter::Debug,
        (true, false) => LevelFilter::Error,
        (false, false) => LevelFilter::Warn,
    };
    log::set_max_level(level);
    log::set_logger(&Lines).expect("nobody else sets a logger");
}
