//! Doing what is only planned otherwise.

use clap::Args;

use crate::context::Context;

/// What every command takes that plans before it does.
#[derive(Args)]
pub struct ExecuteArgs {
    /// Do it; without this the plan is printed, and nothing else done
    #[arg(long)]
    pub execute: bool,
}

impl ExecuteArgs {
    /// Whether to do what was planned, now that the plan is printed; says why not, where there is nothing to do or it was
    /// not asked for.
    pub fn goes_on(&self, is_planned: bool, context: &Context) -> bool {
        if !is_planned {
            context.say("nothing to change");
        } else if !self.execute {
            context.say("nothing is changed yet; --execute does it");
        }
        is_planned && self.execute
    }
}
