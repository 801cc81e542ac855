//! `acl ls`: lists rules of access.

use std::collections::BTreeSet;

use clap::Parser;
use kafi::Result;

use super::rules::{COLUMNS, RuleArgs, cells, open};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Table;
use crate::verb::Verb;

/// List rules of access (ACLs): all, or those that have everything that is said
#[derive(Parser)]
pub struct LsArgs {
    /// The storage (prod:); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, storage) = open(context, self.address.as_deref())?;
        let (mut admin, mut found) = (kafi.admin()?, BTreeSet::new());
        for filter in self.rules.filters() {
            found.extend(admin.acls(&filter, TIMEOUT)?);
        }
        let mut table = Table::of_storages(false, &COLUMNS);
        found.iter().for_each(|acl| table.row_on(&storage, cells(acl)));
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
