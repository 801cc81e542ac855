//! `export`: a topic into a file.

use std::time::Duration;

use clap::Parser;
use kafi::files::{Columns, ExportOptions, FileFormat, TopicSource, topic_to_file};
use kafi::{Error, ErrorKind, FileAddress, FileWriter, Result};

use crate::address::open_topic;
use crate::args::{LimitArgs, ReadArgs, TextArgs, refused};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Stdout, nobody_reads};
use crate::summary::Summary;
use crate::verb::Verb;

/// Write the messages of a topic to a file, a row each: CSV, TSV, JSON, Parquet, or Feather
#[derive(Parser)]
#[command(name = "export")]
pub struct ExportArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The file: a path, prod:x.csv, s3://bucket/x.csv, or - for stdout; it appears when it is whole
    #[arg(value_name = "FILE")]
    file: String,
    /// The format, where the suffix does not say it: csv, tsv, json (with .gz or .zst behind it compressed), parquet, feather
    #[arg(long, value_name = "FORMAT", value_parser = format_named)]
    format: Option<FileFormat>,
    /// Write JSON as one array, instead of a row a line
    #[arg(long)]
    array: bool,
    /// The columns: topic, partition, offset, timestamp, timestamp_type, headers, key, value, value.NAME, value.* for
    /// each member of the value [default: value.*]
    #[arg(long, value_name = "LIST", value_parser = columns, conflicts_with = "envelope")]
    columns: Option<Columns>,
    /// Make columns of objects within the value, with SEP between their names
    #[arg(long, value_name = "SEP", conflicts_with = "envelope")]
    flatten: Option<String>,
    /// Write all of each message, so that import --envelope makes the same topic of it
    #[arg(long)]
    envelope: bool,
    /// How many messages say which columns there are: all, which are then read twice, or the first N
    #[arg(long, value_name = "N", default_value = "all", value_parser = infer)]
    infer: Infer,
    /// Stop after N messages in all
    #[arg(short = 'n', long = "max", value_name = "N")]
    max: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    text: TextArgs,
}

/// How many messages say which columns there are; nothing is all.
#[derive(Clone, Copy, Debug)]
struct Infer(Option<u64>);

impl Verb for ExportArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.read.group.is_some() {
            return Err(refused("-g", "a file is whole or not at all, and no group commits for it"));
        }
        if self.read.threads() > 1 {
            return Err(refused("--threads", "rows are written in the order in which messages come"));
        }
        let address = FileAddress::parse(&self.file)?;
        let options = self.options(&address)?;
        let (kafi, topic) = open_topic(context, &self.address)?;
        let read = self.read.on(&kafi, self.read.options(context, &LimitArgs { max: self.max, follow: false })?);
        kafi.place().topics(std::slice::from_ref(&topic))?;
        let (serdes, failures) = (self.text.serdes()?, self.text.failures.open(context)?);
        let summary = Summary::start();
        let mut file: Box<dyn FileWriter> = match &address {
            FileAddress::Standard => Box::new(StdoutFile(Stdout::open()?)),
            address => context.registry.create_file(address, TIMEOUT)?,
        };
        let shown = context.show_progress(&read.progress, address == FileAddress::Standard);
        context.begin_job();
        let (place, of_source) = (kafi.place(), failures.clone());
        let source = TopicSource { place, topic: &topic, serdes: &serdes, options: read, failures: of_source };
        let exported = topic_to_file(&source, file.as_mut(), &options);
        drop(shown);
        let exported = match exported {
            Ok(exported) => exported,
            Err(error) => {
                // The first error is the one that counts.
                let _ = file.abort(TIMEOUT);
                return Err(error);
            }
        };
        let mut summary = summary.count("exported", exported.rows).count("bytes", exported.bytes);
        if failures.count() > 0 {
            summary = summary.count("skipped", failures.count());
        }
        summary.say(context);
        Ok(self.text.failures.exit(&failures, Exit::Done))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

impl ExportArgs {
    fn options(&self, address: &FileAddress) -> Result<ExportOptions> {
        let format = match self.format {
            Some(format) => format,
            None => FileFormat::of_name(&address.to_string())?,
        };
        if self.array && format.format != kafi::files::Format::Json {
            return Err(refused("--array", "only JSON is written so"));
        }
        if self.flatten.as_deref() == Some("") {
            return Err(refused("--flatten", "something has to stand between the names, such as a dot"));
        }
        let (array, envelope, flatten) = (self.array, self.envelope, self.flatten.clone());
        let columns = self.columns.clone().unwrap_or_default();
        Ok(ExportOptions { array, columns, envelope, flatten, infer: self.infer.0, ..ExportOptions::new(format) })
    }
}

/// Standard output as a file, which is not whole or not at all.
struct StdoutFile(Stdout);

impl FileWriter for StdoutFile {
    fn write(&mut self, bytes: &[u8], _timeout: Duration) -> Result<()> {
        self.0.buffer().extend_from_slice(bytes);
        if self.0.written()? { Ok(()) } else { Err(nobody_reads()) }
    }

    fn finish(&mut self, _timeout: Duration) -> Result<()> {
        if self.0.flush()? { Ok(()) } else { Err(nobody_reads()) }
    }

    fn abort(&mut self, _timeout: Duration) -> Result<()> {
        Ok(())
    }
}

/// Reads the name of a format.
pub fn format_named(text: &str) -> std::result::Result<FileFormat, String> {
    text.parse()
        .map_err(|_: Error| "there are csv, tsv, json (with .gz or .zst behind them), parquet, feather".to_string())
}

fn columns(text: &str) -> std::result::Result<Columns, String> {
    Columns::parse(text).map_err(|error| {
        debug_assert_eq!(error.kind(), ErrorKind::Usage);
        let column = error.context().map(|(_, column)| column).next().unwrap_or_default();
        format!("{column:?}: {}; {}", error.message(), error.hint_text().unwrap_or_default())
    })
}

fn infer(text: &str) -> std::result::Result<Infer, String> {
    match text {
        "all" => Ok(Infer(None)),
        _ => match text.parse() {
            Ok(0) | Err(_) => Err("it is all, or a number of messages from 1 on".into()),
            Ok(rows) => Ok(Infer(Some(rows))),
        },
    }
}
