//! `zip`: two topics, message by message.

use clap::Parser;
use kafi::jq::write_seen;
use kafi::{Error, Function, Json, Message, Pipe, Result};

use crate::address::open_topic;
use crate::args::{LimitArgs, ReadArgs, TextArgs, ZipFunctionArgs, refused};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Stdout, nobody_reads};
use crate::summary::Summary;
use crate::verb::Verb;

/// Print the messages of two topics side by side, the first with the first and so on, as .left and .right
#[derive(Parser)]
pub struct ZipArgs {
    /// The topic on the left
    #[arg(value_name = "LEFT")]
    left: String,
    /// The topic on the right
    #[arg(value_name = "RIGHT")]
    right: String,
    #[command(flatten)]
    functions: ZipFunctionArgs,
    /// Stop after N pairs
    #[arg(short = 'n', long = "max", value_name = "N")]
    max: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    text: TextArgs,
}

impl Verb for ZipArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.read.group.is_some() {
            return Err(refused("-g", "two topics that are read side by side are not read as a group"));
        }
        let summary = Summary::start();
        let function = self.functions.compile()?;
        let (mut left, mut right) = (self.side(context, &self.left)?, self.side(context, &self.right)?);
        let mut stdout = Stdout::open()?;
        context.begin_job();
        let mut count = 0;
        let printed = self.print_pairs((&mut left, &mut right), function.as_ref(), &mut stdout, &mut count);
        // What came before a failure is printed.
        if !stdout.flush()? {
            return Err(nobody_reads());
        }
        printed?;
        summary.count("pairs", count).say(context);
        Ok(if context.cancel.is_cancelled() { Exit::Interrupted } else { Exit::Done })
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.left.clone(), self.right.clone()]
    }
}

impl ZipArgs {
    fn print_pairs(
        &self,
        (left, right): (&mut Side, &mut Side),
        function: Option<&Function>,
        stdout: &mut Stdout,
        count: &mut u64,
    ) -> Result<()> {
        let mut given = Vec::new();
        while self.max.is_none_or(|max| *count < max) {
            let pair = [left.next()?, right.next()?];
            if pair.iter().all(Option::is_none) {
                break;
            }
            *count += 1;
            let Some(function) = function else {
                let [left, right] = pair.map(|side| side.map_or("null".to_string(), |side| side.to_string()));
                if !stdout.line(&format!("{{\"left\":{left},\"right\":{right}}}"))? {
                    return Err(nobody_reads());
                }
                continue;
            };
            write_pair(&pair, &mut given);
            let given = std::str::from_utf8(&given).expect("JSON text is UTF-8");
            for text in function.all(given).map_err(|error| located(error, &pair))? {
                print(&text, self.functions.raw, stdout)?;
            }
        }
        Ok(())
    }

    fn side(&self, context: &Context, address: &str) -> Result<Side> {
        let (kafi, topic) = open_topic(context, address)?;
        let limit = LimitArgs { max: None, follow: false };
        let read = self.read.on(&kafi, self.read.options(context, &limit)?);
        let serdes = self.text.serdes()?;
        let messages = kafi.topic(&topic).serdes(|own| *own = serdes).options(|own| *own = read).messages();
        Ok(Side { messages, has_ended: false })
    }
}

/// The messages of one topic, which may end before those of the other.
struct Side {
    messages: Pipe<Message>,
    has_ended: bool,
}

impl Side {
    fn next(&mut self) -> Result<Option<Message>> {
        let next = if self.has_ended { None } else { self.messages.next().transpose()? };
        self.has_ended = next.is_none();
        Ok(next)
    }
}

/// A pair as the function sees it.
fn write_pair([left, right]: &[Option<Message>; 2], out: &mut Vec<u8>) {
    out.clear();
    for (name, side) in [("{\"left\":", left), (",\"right\":", right)] {
        out.extend_from_slice(name.as_bytes());
        match side {
            Some(message) => write_seen(message, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

fn print(text: &str, raw: bool, stdout: &mut Stdout) -> Result<()> {
    let bare = if raw && text.starts_with('"') { Some(Json::parse(text)?) } else { None };
    let bare = bare.as_ref().map(Json::str).transpose()?;
    if stdout.line(bare.unwrap_or(text))? { Ok(()) } else { Err(nobody_reads()) }
}

/// The error with the places of a pair.
fn located(error: Error, pair: &[Option<Message>; 2]) -> Error {
    let names = ["left", "right"].into_iter().zip(pair);
    names.fold(error, |error, (name, side)| match side {
        Some(message) => {
            let Message { topic, partition, offset, .. } = message;
            error.with(name, format_args!("{topic} {partition}={offset}"))
        }
        None => error,
    })
}
