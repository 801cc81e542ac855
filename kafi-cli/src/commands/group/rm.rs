//! `group rm`: deletes groups.

use clap::Args;
use kafi::{Result, shell};

use super::{explain, open_groups};
use crate::args::TIMEOUT;
use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct RmArgs {
    /// The groups (prod:billing), or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub fn run(args: &RmArgs, context: &Context) -> Result<Exit> {
    let opened = open_groups(context, &args.addresses)?;
    // Everything is looked up before anything is deleted.
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        for group in &opened.groups {
            admin.group(group, TIMEOUT).map_err(|error| explain(admin.as_mut(), group, error))?;
            shell::check_no_members(admin.as_mut(), group, TIMEOUT)?;
        }
    }
    let names: Vec<String> = opened.iter().flat_map(|opened| opened.groups.iter().map(|group| format!("{group} on {}", opened.storage))).collect();
    if !args.yes && !confirmed("delete groups", &format!("delete {}, with all committed offsets?", names.join(", ")))? {
        return Ok(Exit::Failed);
    }
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        for group in &opened.groups {
            admin.delete_group(group, TIMEOUT)?;
        }
    }
    Ok(Exit::Done)
}
