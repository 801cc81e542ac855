//! What becomes of messages that are not what they are said to be.

use std::str::FromStr;

use clap::Args;
use kafi::{Failures, Result};

use crate::address::open_topic;
use crate::context::Context;
use crate::exit::Exit;

/// What becomes of messages that cannot be decoded or encoded.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct FailureArgs {
    /// What becomes of a message that cannot be decoded or encoded: stop, skip, or dlq=ADDRESS, which is skip and
    /// writes it there [default: stop]
    #[arg(long, value_name = "WHAT", value_parser = OnError::from_str)]
    on_error: Option<OnError>,
    /// Exit with 0 also where messages were skipped
    #[arg(long, requires = "on_error")]
    tolerate: bool,
}

#[derive(Clone, Debug)]
enum OnError {
    Stop,
    Skip,
    DeadLetters(String),
}

impl FromStr for OnError {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('=') {
            None if text == "stop" => Ok(Self::Stop),
            None if text == "skip" => Ok(Self::Skip),
            Some(("dlq", address)) if !address.is_empty() => Ok(Self::DeadLetters(address.to_string())),
            _ => Err("it is stop, skip, or dlq=ADDRESS".into()),
        }
    }
}

impl FailureArgs {
    /// Opens what takes them. The topic of dead letters has to be there.
    pub fn open(&self, context: &Context) -> Result<Failures> {
        match &self.on_error {
            None | Some(OnError::Stop) => Ok(Failures::stop()),
            Some(OnError::Skip) => Ok(Failures::skip()),
            Some(OnError::DeadLetters(address)) => {
                let (kafi, topic) = open_topic(context, address)?;
                kafi.place().topics(std::slice::from_ref(&topic))?;
                Failures::dead_letters(kafi.place(), &topic)
            }
        }
    }

    /// The exit of a job that ended so, where messages may have been skipped.
    pub fn exit(&self, failures: &Failures, exit: Exit) -> Exit {
        if exit == Exit::Done && failures.count() > 0 && !self.tolerate { Exit::Failed } else { exit }
    }

    /// As [`exit`](Self::exit), for a command without a summary that would count them.
    pub fn end(&self, context: &Context, failures: &Failures, exit: Exit) -> Exit {
        if failures.count() > 0 {
            context.say(&format!("{} skipped", failures.count()));
        }
        self.exit(failures, exit)
    }
}
