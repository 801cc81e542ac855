//! `file cat`: prints files as they are.

use clap::Parser;
use kafi::Result;

use super::{each_block, expanded, parsed};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Stdout, nobody_reads};
use crate::verb::Verb;

/// Print files as they are
#[derive(Parser)]
pub struct CatArgs {
    /// The files (prod:x.csv, s3://bucket/x.csv, ./x.csv), or globs on a storage
    #[arg(value_name = "FILE", required = true)]
    addresses: Vec<String>,
}

impl Verb for CatArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let addresses = expanded(context, parsed(&self.addresses)?)?;
        let mut stdout = Stdout::open()?;
        context.begin_job();
        for address in &addresses {
            let mut reader = context.registry.open_file(address, TIMEOUT)?;
            let whole = each_block(context, reader.as_mut(), |block| {
                stdout.buffer().extend_from_slice(block);
                if stdout.written()? { Ok(()) } else { Err(nobody_reads()) }
            })?;
            if !whole {
                return Ok(Exit::Interrupted);
            }
        }
        if stdout.flush()? { Ok(Exit::Done) } else { Err(nobody_reads()) }
    }
}
