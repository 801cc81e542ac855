//! `acl rm`: deletes rules of access.

use std::collections::BTreeSet;

use clap::Parser;
use kafi::{Acl, AclFilter, Error, ErrorKind, Result};

use super::rules::{RuleArgs, change, open, plan_table, read};
use crate::args::ExecuteArgs;
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Show which rules of access (ACLs) have everything that is said, and delete them with --execute; with --json and
/// nothing said those that stdin names, as acl ls --json prints them
#[derive(Parser)]
pub struct RmArgs {
    /// The storage (prod:); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    execute: ExecuteArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, storage) = open(context, self.address.as_deref())?;
        let filters: Vec<AclFilter> = match self.rules.is_empty() {
            true if context.output.json => read("delete ACLs")?.iter().map(Acl::filter).collect(),
            true => {
                let error = Error::new(ErrorKind::Usage, "delete ACLs", "it was not said which");
                return Err(error.hint("say who, what, or about what: --principal, --operation, --resource, --name"));
            }
            false => self.rules.filters(),
        };
        let (mut admin, mut found) = (kafi.admin()?, BTreeSet::new());
        for filter in &filters {
            found.extend(admin.acls(filter, TIMEOUT)?);
        }
        let mut table = plan_table();
        found.iter().for_each(|acl| table.row_on(&storage, change("delete", acl)));
        table.print(&context.output)?;
        if !self.execute.goes_on(!found.is_empty(), context) {
            return Ok(Exit::Done);
        }
        // What was shown is deleted, and nothing that has come since.
        let shown: Vec<AclFilter> = found.iter().map(Acl::filter).collect();
        let mut several = Several::new(shown.len());
        for (deleted, acl) in admin.delete_acls(&shown, TIMEOUT)?.into_iter().zip(&found) {
            several.add(deleted.map(drop).map_err(|error| error.with("acl", acl)))?;
        }
        Ok(several.exit())
    }
}
