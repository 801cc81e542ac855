//! `dlq show`: dead letters, one by one.

use std::ops::ControlFlow;

use clap::Parser;
use kafi::Result;

use super::{read_letters, time};
use crate::address::open_topic;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show dead letters: where each message was, why it failed, how often and when, its key and its value
#[derive(Parser)]
pub struct ShowArgs {
    /// The topic of the dead letters
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Show the first N only
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 1000)]
    max: u64,
}

impl Verb for ShowArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (kafi, topic) = open_topic(context, &self.address)?;
        let names = [
            "partition",
            "offset",
            "from",
            "from_partition",
            "from_offset",
            "by",
            "attempts",
            "time",
            "error",
            "key",
            "value",
        ];
        let (mut table, mut shown) = (Table::new(&names), 0);
        read_letters(context, &kafi, &[topic], |record, letter| {
            if shown == self.max {
                return Ok(ControlFlow::Break(()));
            }
            shown += 1;
            let text = |bytes: Option<&[u8]>| {
                bytes.map_or(Cell::Unknown, |bytes| Cell::Text(String::from_utf8_lossy(bytes).into_owned()))
            };
            let number = |number: Option<i64>| number.map_or(Cell::Unknown, Cell::Number);
            let words = |words: Option<&String>| words.map_or(Cell::Unknown, |words| Cell::Text(words.clone()));
            table.row(vec![
                Cell::Number(record.partition.into()),
                Cell::Number(record.offset),
                words(letter.topic.as_ref()),
                number(letter.partition.map(i64::from)),
                number(letter.offset),
                Cell::Text(letter.by.to_string()),
                number(letter.attempts.and_then(|attempts| i64::try_from(attempts).ok())),
                time(context, letter.time),
                words(letter.error.as_ref()),
                text(record.key),
                text(record.value),
            ]);
            Ok(ControlFlow::Continue(()))
        })?;
        table.print(&context.output)?;
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}
