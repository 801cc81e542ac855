//! Doing what is only planned otherwise.

use clap::Args;

/// What every command takes that plans before it does.
#[derive(Args)]
pub struct ExecuteArgs {
    /// Do it; without this the plan is printed, and nothing else done
    #[arg(long)]
    pub execute: bool,
}
