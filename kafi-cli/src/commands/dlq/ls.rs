//! `dlq ls`: which errors dead letters have, and how many of each there are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use clap::Parser;
use kafi::Result;

use super::{read_letters, time};
use crate::address::{open_topics, several};
use crate::args::TopicsArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List the errors of dead letters: where they came from, why they failed, how many there are, and from when to when
#[derive(Parser)]
pub struct LsArgs {
    #[command(flatten)]
    topics: TopicsArgs,
}

/// How many letters there are of one kind, and their times.
struct Kind {
    count: i64,
    first: i64,
    last: i64,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_topics(context, &self.topics.addresses)?;
        let names = ["topic", "from", "by", "error", "count", "first", "last"];
        let mut table = Table::of_storages(several(opened.iter().map(|opened| &opened.storage)), &names);
        for at in &opened {
            let mut kinds: BTreeMap<[String; 4], Kind> = BTreeMap::new();
            read_letters(context, &at.kafi, &at.topics, |record, letter| {
                let from = letter.topic.clone().unwrap_or_default();
                let error = letter.error.as_deref().map(alike).unwrap_or_default();
                let key = [record.topic.to_string(), from, letter.by.to_string(), error];
                let kind = kinds.entry(key).or_insert(Kind { count: 0, first: letter.time, last: letter.time });
                kind.count += 1;
                (kind.first, kind.last) = (kind.first.min(letter.time), kind.last.max(letter.time));
                Ok(ControlFlow::Continue(()))
            })?;
            for (texts, kind) in kinds {
                let cells = texts.into_iter().map(Cell::Text).chain([Cell::Number(kind.count)]);
                table.row_on(&at.storage, cells.chain([time(context, kind.first), time(context, kind.last)]));
            }
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

/// The text of an error without its numbers, which are those of single messages.
fn alike(error: &str) -> String {
    let mut text = String::new();
    for character in error.chars() {
        match character.is_ascii_digit() {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(character),
        }
    }
    text
}
