//! `import`: files into a topic.

use std::fs::{self, File};
use std::sync::Arc;

use clap::Parser;
use kafi::files::{FileColumns, FileFormat, FileInput, ImportOptions, TopicTarget, file_to_topic};
use kafi::{Error, ErrorKind, FileAddress, Progress, Result, Type};

use super::export::format_named;
use super::produce::find_or_create;
use crate::address::open_topic;
use crate::args::{FailureArgs, TypeArgs, WriterSchemaArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::summary::Summary;
use crate::verb::Verb;

/// Produce a message for each row of files: CSV, TSV, JSON, XML, Excel, Parquet, Feather, or ORC
#[derive(Parser)]
pub struct ImportArgs {
    /// The files (a path, prod:x.csv, s3://bucket/x.csv, or - for stdin), and then the topic
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    addresses: Vec<String>,
    /// The format, where the suffix does not say it: csv, tsv, json, xml, xlsx, parquet, feather, orc;
    /// compression is seen by the bytes
    #[arg(long, value_name = "FORMAT", value_parser = format_named)]
    format: Option<FileFormat>,
    /// The column that becomes the key; it stays in the value
    #[arg(long, value_name = "COLUMN", conflicts_with = "envelope")]
    key_column: Option<String>,
    /// The column that becomes the timestamp: epoch milliseconds, or a date and time; it leaves the value
    #[arg(long, value_name = "COLUMN", conflicts_with = "envelope")]
    timestamp_column: Option<String>,
    /// The column that becomes the partition; it leaves the value
    #[arg(long, value_name = "COLUMN", conflicts_with = "envelope")]
    partition_column: Option<String>,
    /// A column that becomes a header of its name; it leaves the value; repeatable
    #[arg(long, value_name = "COLUMN", conflicts_with = "envelope")]
    header_column: Vec<String>,
    /// The rows are what export --envelope wrote: make the same messages of them
    #[arg(long)]
    envelope: bool,
    /// Make the schema of --value-type avro or jsonschema of the files' columns
    #[arg(long, conflicts_with_all = ["envelope", "value_schema", "value_schema_id", "value_subject", "value_version", "use_latest"])]
    derive_schema: bool,
    /// Create the topic if it is missing
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    types: TypeArgs,
    #[command(flatten)]
    schemas: WriterSchemaArgs,
    #[command(flatten)]
    failures: FailureArgs,
}

impl Verb for ImportArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let (topic_address, files) = self.topic_and_files();
        let addresses = files.iter().map(|file| FileAddress::parse(file)).collect::<Result<Vec<_>>>()?;
        let formats = addresses.iter().map(|address| self.format(address)).collect::<Result<Vec<_>>>()?;
        let (kafi, topic) = open_topic(context, topic_address)?;
        let mut serdes = self.types.serdes()?;
        if self.derive_schema {
            serdes.value.schema.schema = Some(self.derived(context, &topic, serdes.value.type_, &addresses)?);
        }
        self.schemas.apply(&mut serdes, kafi.place())?;
        // What is not there is said before the topic is made.
        let mut inputs = addresses.iter().map(|address| open(context, address)).collect::<Result<Vec<_>>>()?;
        find_or_create(context, &kafi, (topic_address, &topic), self.create)?;
        let progress = Arc::new(Progress::default());
        let (summary, shown) = (Summary::start(), context.show_progress(&progress, false));
        context.begin_job();
        let (cancel, of_target) = (context.cancel.clone(), progress.clone());
        let failures = self.failures.open(context)?;
        let (place, of_failures) = (kafi.place(), failures.clone());
        let target =
            TopicTarget { place, topic: &topic, serdes: &serdes, failures: of_failures, cancel, progress: of_target };
        let mut result = Ok(());
        for ((input, format), address) in inputs.iter_mut().zip(formats).zip(&addresses) {
            let imported = file_to_topic(input, &target, &self.options(format));
            result = imported.map(drop).map_err(|error| error.with("file", address));
            if result.is_err() {
                break;
            }
        }
        drop(shown);
        summary.count("written", progress.written()).skipped(failures.count()).say(context);
        result.map(|()| self.failures.exit(&failures, Exit::Done))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.topic_and_files().0.clone()]
    }
}

impl ImportArgs {
    fn topic_and_files(&self) -> (&String, &[String]) {
        self.addresses.split_last().expect("there are at least two")
    }

    /// The text of a schema for the values that all files become.
    #[cfg(feature = "serde")]
    fn derived(&self, context: &Context, topic: &str, type_: Option<Type>, files: &[FileAddress]) -> Result<String> {
        use kafi::serde::{Format, schema_of_columns};
        let format = match type_ {
            Some(Type::Avro) => Format::Avro,
            Some(Type::JsonSchema) => Format::JsonSchema,
            Some(Type::Protobuf) => Format::Protobuf,
            _ => {
                let why = "a schema is made for values that have one";
                let error = Error::new(ErrorKind::Usage, "derive schema", why);
                return Err(error.hint("--value-type avro, or --value-type jsonschema"));
            }
        };
        let mut columns = FileColumns::default();
        for file in files {
            if matches!(file, FileAddress::Standard) {
                let why = "what comes through a pipe is read once, and its columns are known at its end";
                let error = Error::new(ErrorKind::Usage, "derive schema", why);
                return Err(error.hint("save it to a file first"));
            }
            let options = self.options(self.format(file)?);
            let looked = columns.add(&mut open(context, file)?, &options, &context.cancel);
            looked.map_err(|error| error.with("file", file))?;
        }
        schema_of_columns(&columns.column_type(), format, topic)
    }

    #[cfg(not(feature = "serde"))]
    fn derived(&self, _: &Context, _: &str, _: Option<Type>, _: &[FileAddress]) -> Result<String> {
        Err(Error::new(ErrorKind::Unsupported, "derive schema", "this build of Kafi does not have schemas"))
    }

    fn format(&self, address: &FileAddress) -> Result<FileFormat> {
        self.format.map_or_else(|| FileFormat::of_name(&address.to_string()), Ok)
    }

    fn options(&self, format: FileFormat) -> ImportOptions {
        ImportOptions {
            key_column: self.key_column.clone(),
            timestamp_column: self.timestamp_column.clone(),
            partition_column: self.partition_column.clone(),
            header_columns: self.header_column.clone(),
            envelope: self.envelope,
            ..ImportOptions::new(format)
        }
    }
}

/// Opens a file; what is none, such as a pipe, is read once.
fn open(context: &Context, address: &FileAddress) -> Result<FileInput> {
    match address {
        FileAddress::Standard => Ok(FileInput::Stream(Box::new(std::io::stdin()))),
        FileAddress::Local(path) if fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) => {
            let file = File::open(path).map_err(|error| Error::io("read file", error).with("path", path.display()))?;
            Ok(FileInput::Stream(Box::new(file)))
        }
        address => Ok(FileInput::File(context.registry.open_file(address, TIMEOUT)?)),
    }
}
