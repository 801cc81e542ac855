//! `group rm`: deletes groups.

use clap::Args;
use kafi::{Result, shell};

use super::{explain, open_groups};
use crate::address::list;
use crate::args::TIMEOUT;
use crate::commands::Verb;
use crate::confirm::ConfirmArgs;
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct RmArgs {
    /// The groups (prod:billing), or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_groups(context, &self.addresses)?;
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
        self.addresses.clone()
    }
}
