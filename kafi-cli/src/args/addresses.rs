//! What a command is about, where that is several topics or several groups.

use clap::Args;

/// What every command takes that is about topics.
#[derive(Args)]
pub struct TopicsArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
}

/// What every command takes that is about groups.
#[derive(Args)]
pub struct GroupsArgs {
    /// The groups (prod:billing), or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
}
