//! `user rm`: deletes users.

use clap::Parser;
use kafi::{Error, ErrorKind, Result, ScramMechanism};

use super::{mechanism, open_user};
use crate::args::ConfirmArgs;
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete users, or only what single mechanisms know of them
#[derive(Parser)]
pub struct RmArgs {
    /// The users (prod:alice)
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    /// Only what this mechanism knows: SCRAM-SHA-256, SCRAM-SHA-512; repeatable
    #[arg(long, value_name = "NAME", value_parser = mechanism)]
    mechanism: Vec<ScramMechanism>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        // Everything is looked up before anything is deleted.
        let mut doomed = Vec::new();
        for address in &self.addresses {
            let (kafi, storage, name) = open_user(context, address)?;
            let mut known = kafi.admin()?.users(std::slice::from_ref(&name), TIMEOUT)?;
            known.retain(|user| self.mechanism.is_empty() || self.mechanism.contains(&user.mechanism));
            if known.is_empty() {
                let error = Error::new(ErrorKind::NotFound, "delete user", "no such user");
                return Err(error.with("user", name).with("storage", kafi.storage().name()));
            }
            doomed.push((kafi, storage, known));
        }
        let named = doomed.iter().flat_map(|(_, storage, users)| {
            users.iter().map(move |user| format!("{} ({}) on {storage}", user.name, user.mechanism))
        });
        let question = format!("delete {}?", named.collect::<Vec<_>>().join(", "));
        if !self.confirm.allow("delete users", &question)? {
            return Ok(Exit::Failed);
        }
        let mut several = Several::new(doomed.iter().map(|(_, _, users)| users.len()).sum());
        for (kafi, _, users) in &doomed {
            let mut admin = kafi.admin()?;
            for user in users {
                several.add(admin.delete_user(&user.name, user.mechanism, TIMEOUT))?;
            }
        }
        Ok(several.exit())
    }
}
