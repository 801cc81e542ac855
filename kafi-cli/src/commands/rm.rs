//! `rm`: deletes topics.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use kafi::{Error, ErrorKind, Result};

use crate::address::open_topics;
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{escape, stderr};

#[derive(Args)]
pub struct RmArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub fn run(args: &RmArgs, context: &Context) -> Result<Exit> {
    let opened = open_topics(context, &args.addresses)?;
    let names: Vec<String> = opened.iter().flat_map(|opened| opened.topics.iter().map(|topic| format!("{topic} on {}", opened.storage))).collect();
    // Everything is looked up before anything is deleted.
    for opened in &opened {
        opened.kafi.admin()?.topics(&opened.topics, TIMEOUT)?;
    }
    if !args.yes && !confirmed(&names)? {
        return Ok(Exit::Failed);
    }
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        for topic in &opened.topics {
            admin.delete_topic(topic, TIMEOUT)?;
        }
    }
    Ok(Exit::Done)
}

fn confirmed(names: &[String]) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(ErrorKind::Usage, "delete topics", "nobody can be asked here").hint("-y deletes without asking"));
    }
    stderr::put(&format!("delete {}, with all messages? [y/N] ", escape::line(&names.join(", "))));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Error::io("read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
