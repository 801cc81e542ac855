//! `acl create`: makes rules of access.

use clap::Parser;
use kafi::{Acl, Result};

use super::rules::{RuleArgs, change, open, plan_table, read};
use crate::args::ExecuteArgs;
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Plan rules of access (ACLs), and make them with --execute; with --json and no rule they are read from stdin, as acl
/// ls --json prints them
#[derive(Parser)]
pub struct CreateArgs {
    /// The storage (prod:); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    execute: ExecuteArgs,
}

impl Verb for CreateArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, storage) = open(context, self.address.as_deref())?;
        let mut wanted =
            if context.output.json && self.rules.is_empty() { read("create ACLs")? } else { self.rules.rules()? };
        wanted.sort();
        wanted.dedup();
        let mut admin = kafi.admin()?;
        let known = admin.acls(&kafi::AclFilter::default(), TIMEOUT)?;
        let (there, new): (Vec<Acl>, Vec<Acl>) = wanted.into_iter().partition(|acl| known.contains(acl));
        let mut table = plan_table();
        new.iter().for_each(|acl| table.row_on(&storage, change("create", acl)));
        there.iter().for_each(|acl| table.dimmed_row_on(&storage, change("none", acl)));
        table.print(&context.output)?;
        if !self.execute.goes_on(!new.is_empty(), context) {
            return Ok(Exit::Done);
        }
        let mut several = Several::new(new.len());
        for made in admin.create_acls(&new, TIMEOUT)? {
            several.add(made)?;
        }
        Ok(several.exit())
    }
}
