//! What every command takes that writes messages.

use std::time::Duration;

use clap::Args;
use kafi::Writer;

/// How patient `produce` and `cp` are with their target.
#[derive(Args, Clone)]
#[command(next_help_heading = "Writing")]
pub struct WriteArgs {
    /// How many seconds the target may acknowledge nothing, as while it restarts, before that is an error
    #[arg(long, value_name = "SECONDS", default_value_t = Writer::STALL_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    timeout: u64,
}

impl WriteArgs {
    /// The same as a time.
    pub fn stall_limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
