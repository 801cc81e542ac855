//! `group rm`: deletes groups.

use clap::Parser;
use kafi::{Result, shell};

use super::{explain, open_groups};
use crate::address::list;
use crate::args::{ConfirmArgs, GroupsArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete groups with their committed offsets
#[derive(Parser)]
#[command(name = "rm")]
pub struct RmArgs {
    #[command(flatten)]
    groups: GroupsArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_groups(context, &self.groups.addresses)?;
        // Everything is looked up before anything is deleted.
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                admin.group(group, TIMEOUT).map_err(|error| explain(admin.as_mut(), group, error))?;
                shell::check_no_members(admin.as_mut(), group, TIMEOUT)?;
            }
        }
        let groups = list(opened.iter().map(|opened| (&opened.storage, &opened.names)));
        if !self.confirm.allow("delete groups", &format!("delete {groups}, with all committed offsets?"))? {
            return Ok(Exit::Failed);
        }
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                admin.delete_group(group, TIMEOUT)?;
            }
        }
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        self.groups.addresses.clone()
    }
}
