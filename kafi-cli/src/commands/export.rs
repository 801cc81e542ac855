//! `export`: a topic into a file, or into several.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use kafi::files::{
    Columns, Compression, ExportOptions, Exported, FileFormat, Infer, Roll, Through, TopicSource, topic_to_file,
    topic_to_files, topic_to_new_file,
};
use kafi::{Batch, ColumnType, Error, ErrorKind, FileAddress, FileWriter, Result, Serde, Serdes, Type};

use crate::address::open_topic;
use crate::args::{JqArgs, TakenArgs, open_steps, refused};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Reading, Stdout, nobody_reads};
use crate::summary::Summary;
use crate::verb::Verb;

/// Write the messages of a topic to a file, a row each: CSV, TSV, JSON, XML, Excel, Parquet, Feather, or ORC
#[derive(Parser)]
pub struct ExportArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The file: a path, prod:x.csv, s3://bucket/x.csv, or - for stdout; it appears when it is whole
    #[arg(value_name = "FILE")]
    file: String,
    /// The format, where the suffix does not say it: csv, tsv, json, xml (with .gz or .zst behind it
    /// compressed), xlsx, parquet, feather, orc
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
    /// Take columns and types from what stands in all messages, or in the first N, whatever their schemas say
    /// [default: from their schemas, else all]
    #[arg(long, value_name = "N", value_parser = infer)]
    infer: Option<Infer>,
    /// Take columns and types from this schema of values, and look at no message before
    #[arg(long, value_name = "FILE", conflicts_with_all = ["envelope", "infer"])]
    schema: Option<PathBuf>,
    /// Write one file after another, x-00001.csv and so on: a new one after so many messages (100000), bytes of messages
    /// (100MB), or so much time (10min)
    #[arg(long, value_name = "WHEN", value_parser = roll)]
    roll: Option<Roll>,
    #[command(flatten)]
    taken: TakenArgs,
}

impl Verb for ExportArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let address = FileAddress::parse(&self.file)?;
        self.check(&address)?;
        let options = self.options(&address)?;
        let steps = self.taken.functions.steps(&JqArgs::default(), &context.cancel)?;
        let (kafi, topic) = open_topic(context, &self.address)?;
        let read = self.taken.read.on_whole(&kafi, self.taken.read.options(context, &self.taken.limit)?);
        kafi.place().topics(std::slice::from_ref(&topic))?;
        let failures = self.taken.text.failures.open(context)?;
        let reading = Reading { serdes: self.taken.text.serdes()?, names_versions: false, failures: failures.clone() };
        let applied = open_steps(&steps, &kafi, &reading)?;
        let through = applied.as_ref().map(|applied| |batch: &mut Batch| applied.apply(batch));
        let through = through.as_ref().map(|through| through as &Through<'_>);
        // Functions leave text, or JSON, whatever it was.
        let text = Serde { type_: Some(Type::Auto), ..Serde::default() };
        let made = Serdes { key: text.clone(), value: text };
        let serdes = if steps.only_filters() { &reading.serdes } else { &made };
        let summary = Summary::start();
        let shown = context.show_progress(&read.progress, address == FileAddress::Standard);
        let (place, failures) = (kafi.place(), failures.clone());
        let source = TopicSource { place, topic: &topic, serdes, options: read, failures, through };
        let exported = match &self.roll {
            None => self.to_file(context, &source, &address, &options).map(|file| vec![file]),
            Some(roll) => self.to_files(context, &source, (&address, roll), &options),
        };
        drop(shown);
        let exported = exported?;
        say_texts(context, &exported);
        let sum = |of: fn(&Exported) -> u64| exported.iter().map(of).sum();
        let mut summary = summary.count("exported", sum(|file| file.rows)).count("bytes", sum(|file| file.bytes));
        if self.roll.is_some() {
            summary = summary.count("files", exported.len() as u64);
        }
        summary.skipped(reading.failures.count()).say(context);
        let exit = if context.cancel.is_cancelled() { Exit::Interrupted } else { Exit::Done };
        Ok(self.taken.text.failures.exit(&reading.failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

/// Says once which numbers did not stay numbers.
fn say_texts(context: &Context, exported: &[Exported]) {
    let mut names: Vec<&str> = exported.iter().flat_map(|file| &file.texts).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        let names = names.join(", ");
        context.say(&format!("note: written as text, since no type of the format holds all of it: {names}"));
    }
}

impl ExportArgs {
    fn check(&self, address: &FileAddress) -> Result<()> {
        if self.taken.read.threads() > 1 {
            return Err(refused("--threads", "rows are written in the order in which messages come"));
        }
        if self.taken.limit.follow && self.roll.is_none() {
            return Err(refused("-f", "a file is whole or not at all, and this one would never be")
                .hint("--roll 10min writes one after another"));
        }
        if self.roll.is_some() && *address == FileAddress::Standard {
            return Err(refused("--roll", "standard output is one file"));
        }
        if self.taken.read.joins() && *address == FileAddress::Standard {
            return Err(refused("-g", "nobody knows whether what went to standard output has arrived")
                .hint("kafi cat prints messages, and commits"));
        }
        Ok(())
    }

    fn to_file(
        &self,
        context: &Context,
        source: &TopicSource<'_>,
        address: &FileAddress,
        options: &ExportOptions,
    ) -> Result<Exported> {
        if *address == FileAddress::Standard {
            let mut file = StdoutFile(Stdout::open()?);
            context.begin_job();
            return topic_to_file(source, &mut file, options);
        }
        let mut create = || context.registry.create_file(address, TIMEOUT);
        context.begin_job();
        topic_to_new_file(source, options, &mut create)
    }

    fn to_files(
        &self,
        context: &Context,
        source: &TopicSource<'_>,
        (address, roll): (&FileAddress, &Roll),
        options: &ExportOptions,
    ) -> Result<Vec<Exported>> {
        let mut number = 0;
        context.begin_job();
        topic_to_files(source, options, roll, &mut || {
            loop {
                number += 1;
                let next = numbered(address, options.format, number);
                match context.registry.open_file(&next, TIMEOUT) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        return context.registry.create_file(&next, TIMEOUT);
                    }
                    // Those of an earlier run stay.
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// What the file of --schema says of columns.
    #[cfg(feature = "serde")]
    fn schema(&self) -> Result<Option<ColumnType>> {
        let Some(path) = &self.schema else { return Ok(None) };
        let schema = kafi::serde::Source::load(path, None)?.compile()?;
        match schema.column_type(None) {
            Some(type_ @ ColumnType::Struct(_)) => Ok(Some(type_)),
            _ => Err(refused("--schema", "it describes values without members, which are no columns")),
        }
    }

    #[cfg(not(feature = "serde"))]
    fn schema(&self) -> Result<Option<ColumnType>> {
        match self.schema {
            None => Ok(None),
            Some(_) => Err(refused("--schema", "this build knows no schemas").hint("build with the feature serde")),
        }
    }

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
        let (infer, schema) = (self.infer.unwrap_or_default(), self.schema()?);
        Ok(ExportOptions { array, columns, envelope, flatten, infer, schema, ..ExportOptions::new(format) })
    }
}

/// The file with a number in front of its suffixes.
fn numbered(address: &FileAddress, format: FileFormat, number: u32) -> FileAddress {
    let renamed = |name: &str| {
        let compressed = if format.compression == Compression::None {
            name
        } else {
            name.rsplit_once('.').map_or(name, |(name, _)| name)
        };
        let stem = compressed.rsplit_once('.').map_or(compressed, |(stem, _)| stem);
        let has_suffix = FileFormat::of_name(name).is_ok();
        let (stem, suffixes) = if has_suffix { name.split_at(stem.len()) } else { (name, "") };
        format!("{stem}-{number:05}{suffixes}")
    };
    match address {
        FileAddress::Standard => FileAddress::Standard,
        FileAddress::Local(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            FileAddress::Local(path.parent().map_or_else(PathBuf::new, Path::to_path_buf).join(renamed(&name)))
        }
        FileAddress::Storage { storage, name } => {
            let (folder, name) = name.rsplit_once('/').map_or(("", name.as_str()), |(folder, name)| (folder, name));
            let slash = if folder.is_empty() { "" } else { "/" };
            FileAddress::Storage { storage: storage.clone(), name: format!("{folder}{slash}{}", renamed(name)) }
        }
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
    text.parse().map_err(|_: Error| {
        "there are csv, tsv, json, xml (with .gz or .zst behind them), xlsx, parquet, feather, orc".to_string()
    })
}

fn columns(text: &str) -> std::result::Result<Columns, String> {
    Columns::parse(text).map_err(|error| {
        debug_assert_eq!(error.kind(), ErrorKind::Usage);
        let column = error.context().map(|(_, column)| column).next().unwrap_or_default();
        format!("{column:?}: {}; {}", error.message(), error.hint_text().unwrap_or_default())
    })
}

fn roll(text: &str) -> std::result::Result<Roll, String> {
    text.parse().map_err(|error: Error| error.message().to_string())
}

fn infer(text: &str) -> std::result::Result<Infer, String> {
    match text {
        "all" => Ok(Infer::All),
        _ => match text.parse() {
            Ok(0) | Err(_) => Err("it is all, or a number of messages from 1 on".into()),
            Ok(rows) => Ok(Infer::First(rows)),
        },
    }
}
