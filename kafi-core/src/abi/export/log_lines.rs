//! Sends the plugin's log lines to the host.

use std::sync::OnceLock;

use kafi_abi::LogSink;
use kafi_abi::abi_stable::std_types::RStr;
use log::{LevelFilter, Log, Metadata, Record};

struct Sink(LogSink);

/// A library has one logger: where its lines go is settled by the first storage that is opened.
static SINK: OnceLock<Sink> = OnceLock::new();

/// Sends all lines from here on to `sink`.
pub(super) fn send_to(sink: LogSink) {
    let level = LevelFilter::iter().nth(sink.level_max as usize).unwrap_or(LevelFilter::Trace);
    let known = SINK.get_or_init(|| Sink(sink));
    // Within the host itself, as in tests, there is a logger already, and it gets the lines as they are.
    if log::set_logger(known).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() as u32 <= self.0.level_max
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = record.args().to_string();
        (self.0.line)(record.level() as u32, RStr::from(record.target()), RStr::from(line.as_str()));
    }

    fn flush(&self) {}
}
