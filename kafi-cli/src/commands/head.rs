//! `head`: prints the first messages.

use clap::Args;
use kafi::{ReadOptions, Result};

use crate::address::open_topics;
use crate::args::{LimitArgs, OrderArgs, ReadArgs, TypeArgs};
use crate::commands::cat::print_all;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::PrintArgs;

#[derive(Args)]
pub struct HeadArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Print N messages in all, the first as they are read
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 10)]
    max: u64,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    types: TypeArgs,
    #[command(flatten)]
    print: PrintArgs,
}

pub fn run(args: &HeadArgs, context: &Context) -> Result<Exit> {
    let limit = LimitArgs { max: Some(args.max), follow: false };
    let mut options = args.read.options(context, &limit)?;
    args.order.apply(&args.read, &mut options)?;
    let mut left = args.max;
    for opened in open_topics(context, &args.addresses)? {
        let options = args.read.on(&opened.kafi, ReadOptions { max: Some(left), progress: Default::default(), ..options.clone() });
        let printed = print_all(context, &opened, &options, args.read.threads(), &args.print, args.types);
        match printed? {
            Exit::Done => left = left.saturating_sub(options.progress.read()),
            exit => return Ok(exit),
        }
    }
    Ok(Exit::Done)
}
