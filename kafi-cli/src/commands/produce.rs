//! `produce`: messages from stdin, a file, or the command line.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use kafi::{
    ANY_PARTITION, Address, Batch, EnvelopeReader, Error, ErrorKind, Failures, Field, HeadersBuf, JsonPath, Kafi,
    NO_TIMESTAMP, NewTopic, ProducerOptions, Progress, Record, Result, Serdes, Writer,
};
use memchr::memmem::Finder;

use crate::address::{FirstUse, hint_at_storage, open_topic};
use crate::args::{FailureArgs, FunctionArgs, JqArgs, TypeArgs, WriteArgs, WriterSchemaArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::given::Given;
use crate::input::{PIECE_BYTES_MAX, Pieces};
use crate::limits::TIMEOUT;
use crate::output::unescape;
use crate::summary::Summary;
use crate::texts::Texts;
use crate::verb::Verb;

/// A source that is silent for so long is a slow one.
const IDLE: Duration = Duration::from_millis(10);

/// Produce messages from stdin, a file, or the command line
#[derive(Parser)]
pub struct ProduceArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The value of the one message to produce; without it messages come from stdin, one a line
    #[arg(conflicts_with_all = ["file", "key_delimiter", "delimiter"])]
    value: Option<String>,
    /// Read messages from a file instead of stdin
    #[arg(short = 'l', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The delimiter between key and value; a line without it has a null key
    #[arg(short = 'K', value_name = "DELIMITER", allow_hyphen_values = true)]
    key_delimiter: Option<String>,
    /// The delimiter between messages, instead of a line's end; an empty one makes one message of the whole input
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true)]
    delimiter: Option<String>,
    /// Make null of keys and values that are empty
    #[arg(short = 'Z')]
    null: bool,
    /// Refuse a message (with --json a line) that is larger, such as 1GB
    #[arg(long, value_name = "SIZE", default_value_t = PIECE_BYTES_MAX, value_parser = crate::args::size, hide_default_value = true)]
    max_bytes: u64,
    /// The key of all messages
    #[arg(short, long, value_name = "KEY", conflicts_with = "key_delimiter")]
    key: Option<String>,
    /// Take the key from the value, which is JSON: .id, .user.name, .tags[0]
    #[arg(long, value_name = "PATH", value_parser = json_path, conflicts_with_all = ["key", "key_delimiter", "null_value"])]
    key_path: Option<JsonPath>,
    /// A header of all messages; repeatable
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE", value_parser = crate::args::key_value)]
    headers: Vec<(String, String)>,
    /// The partition of all messages; without it the key decides
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Produce a message whose value is null
    #[arg(long, conflicts_with_all = ["value", "file", "key_delimiter", "delimiter"])]
    null_value: bool,
    /// Take no notice of the partitions in --json envelopes
    #[arg(long)]
    ignore_partition: bool,
    /// Take no notice of the timestamps in --json envelopes
    #[arg(long)]
    ignore_timestamp: bool,
    /// Create the topic if it is missing
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    types: TypeArgs,
    #[command(flatten)]
    schemas: WriterSchemaArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    failures: FailureArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl ProduceArgs {
    /// What keys and values are written as.
    fn serdes(&self, kafi: &Kafi) -> Result<Serdes> {
        let mut serdes = self.types.serdes()?;
        self.schemas.apply(&mut serdes, kafi.place())?;
        Ok(serdes)
    }
}

impl Verb for ProduceArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if context.output.json
            && (self.key_delimiter.is_some()
                || self.key.is_some()
                || self.key_path.is_some()
                || self.value.is_some()
                || self.null_value
                || !self.headers.is_empty())
        {
            return Err(Error::new(
                ErrorKind::Usage,
                "produce",
                "with --json key, value, and headers stand in the envelopes",
            ));
        }
        let mut summary = Summary::start();
        let steps = self.functions.steps(&JqArgs::default(), &context.cancel)?;
        let (kafi, topic) = open_topic(context, &self.address)?;
        let input = if self.value.is_some() || self.null_value { None } else { Some(open_input(self, context)?) };
        find_or_create(context, &kafi, (&self.address, &topic), self.create)?;
        let progress = Arc::new(Progress::default());
        // A line of progress would stand in the way of what is typed.
        let is_typed = input.is_some() && self.file.is_none() && io::stdin().is_terminal();
        let shown = (!is_typed).then(|| context.show_progress(&progress, false));
        if is_typed {
            context.say("note: messages are read from the terminal; Ctrl-D ends them");
        }
        let failures = self.failures.open(context)?;
        let mut job = Job::open(self, context, &kafi, topic, (progress.clone(), failures.clone()))?;
        job.given = Given::open(&steps, &kafi, &job.texts, &failures)?;
        context.begin_job();
        let produced = match input {
            Some(mut input) => job.produce_all(&mut input, context),
            None => job.push(self.value.as_deref().map(str::as_bytes)).and_then(|()| job.send()),
        };
        let read = job.line;
        let closed = job.close();
        drop(shown);
        let written = progress.written();
        let result = produced.and(closed);
        if result.is_ok() || written > 0 {
            if !steps.is_empty() {
                summary = summary.count("read", read);
            }
            summary.count("written", written).skipped(failures.count()).say(context);
        }
        result?;
        let exit = if context.cancel.is_cancelled() { Exit::Interrupted } else { Exit::Done };
        Ok(self.failures.exit(&failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

fn open_input(args: &ProduceArgs, context: &Context) -> Result<Pieces> {
    let delimiter = args.delimiter.as_deref().map_or(Ok(b"\n".to_vec()), unescape)?;
    Pieces::open(args.file.as_deref(), &delimiter, args.max_bytes, &context.cancel)
}

/// Makes the topic if it is missing and that is wanted; otherwise a missing topic is an error before anything is read.
pub fn find_or_create(context: &Context, kafi: &Kafi, (address, topic): (&str, &str), create: bool) -> Result<()> {
    let mut admin = kafi.admin()?;
    match admin.topics(&[topic.to_string()], TIMEOUT) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create => {
            hint_at_storage(context, kafi, address)?;
            let first_use = FirstUse::of(&Address::parse(address)?.storage);
            match admin.create_topic(&NewTopic::new(topic), TIMEOUT) {
                // Somebody else was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                result => result?,
            }
            first_use.say(context);
            Ok(())
        }
        // A bucket that is missing is another matter, and has a hint of its own.
        Err(error) if error.kind() == ErrorKind::NotFound && error.context().all(|(key, _)| key != "object") => {
            Err(error.hint("--create creates it"))
        }
        Err(error) => Err(error),
    }
}

/// Messages that are being produced.
struct Job<'a> {
    args: &'a ProduceArgs,
    topic: String,
    writer: Writer,
    batch: Batch,
    key_delimiter: Option<Finder<'static>>,
    headers: HeadersBuf,
    texts: Texts,
    /// Where an envelope is read before it is encoded.
    scratch: Batch,
    failures: Failures,
    /// The functions, and what is to go through them.
    given: Option<Given>,
    /// The key that was found in the value of the message in hand.
    found_key: Vec<u8>,
    envelopes: Option<EnvelopeReader>,
    line: u64,
    open_writer: OpenWriter<'a>,
    /// Whether what is in the batch has no timestamp and is to stay so; the others without one get the current time.
    keeps_timestamps: bool,
}

/// Opens a writer that keeps missing timestamps, or one that does not.
type OpenWriter<'a> = Box<dyn Fn(bool) -> Result<Writer> + 'a>;

impl<'a> Job<'a> {
    fn open(
        args: &'a ProduceArgs,
        context: &Context,
        kafi: &'a Kafi,
        topic: String,
        (progress, failures): (Arc<Progress>, Failures),
    ) -> Result<Self> {
        let texts = Texts::open(kafi, args.serdes(kafi)?)?;
        let (cancel, is_one) = (context.cancel.clone(), args.value.is_some() || args.null_value);
        let open_writer: OpenWriter<'a> = Box::new(move |keep_timestamps| {
            let options = ProducerOptions { keep_timestamps, ..ProducerOptions::default() };
            // The topic was looked for just now.
            let writer = Writer::open(kafi.storage(), &options, progress.clone())?.reached();
            let writer = writer.cancelled_by(&cancel).stall_limit(args.write.stall_limit());
            Ok(if is_one { writer } else { writer.offsets_are("input line") })
        });
        Ok(Self {
            args,
            topic,
            writer: open_writer(false)?,
            batch: Batch::new(),
            key_delimiter: args.key_delimiter.as_deref().map(finder).transpose()?,
            headers: args.headers.iter().map(|(name, value)| (name, value)).collect(),
            envelopes: context.output.json.then(|| texts.envelopes()),
            texts,
            scratch: Batch::new(),
            failures,
            given: None,
            found_key: Vec::new(),
            line: 0,
            open_writer,
            keeps_timestamps: false,
        })
    }

    fn produce_all(&mut self, input: &mut Pieces, context: &Context) -> Result<()> {
        while !context.cancel.is_cancelled() {
            if self.waiting().is_full() {
                self.send()?;
            }
            // What is here is delivered before waiting for more, so that a slow source is not held back.
            if !input.is_ready(Duration::ZERO).map_err(|error| self.end_before(error))? {
                self.send()?;
                if !input.is_ready(IDLE).map_err(|error| self.end_before(error))? {
                    self.writer.flush(None)?;
                }
            }
            let Some(piece) = input.next().map_err(|error| self.end_before(error))? else { break };
            self.line += 1;
            let pushed = if self.envelopes.is_some() { self.push_envelope(piece) } else { self.push(Some(piece)) };
            if let Err(error) = pushed {
                self.line -= 1;
                return Err(self.end_before(error));
            }
        }
        self.send()
    }

    /// Produces what came before the line that is wrong, which is the one after the last that was taken.
    fn end_before(&mut self, error: Error) -> Error {
        match self.send() {
            Ok(()) => error.with("input line", self.line + 1),
            Err(first) => first,
        }
    }

    fn push_envelope(&mut self, line: &[u8]) -> Result<()> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let reader = self.envelopes.as_mut().expect("the caller has looked");
        let before = self.given.as_ref().map_or(&self.batch, Given::batch).len();
        let (topic, args, line_number) = (&self.topic, self.args, self.line);
        if let Some(given) = &mut self.given {
            self.scratch.clear();
            reader.read(line, &mut self.scratch)?;
            let mut record = Record { topic, ..self.scratch.get(0) };
            set_place(args, line_number, &mut record.partition, &mut record.timestamp, &mut record.offset);
            given.push(record, [Field::Key, Field::Value].map(|field| reader.schema(field)));
        } else if self.texts.are_needed() {
            self.scratch.clear();
            reader.read(line, &mut self.scratch)?;
            let mut record = Record { topic, ..self.scratch.get(0) };
            set_place(args, line_number, &mut record.partition, &mut record.timestamp, &mut record.offset);
            if let Err(error) = self.texts.push_envelope(reader, record, &mut self.batch) {
                self.failures.take(&record, error)?;
            }
        } else {
            reader.read(line, &mut self.batch)?;
            if self.texts.must_read_again(reader) {
                self.batch.truncate(before);
                return self.push_envelope(line);
            }
            let topic = self.batch.topic_index(topic);
            let meta = self.batch.metas_mut().last_mut().expect("an envelope is a message");
            meta.topic = topic;
            set_place(args, line_number, &mut meta.partition, &mut meta.timestamp, &mut meta.offset);
        }
        if self.waiting().len() == before {
            return Ok(());
        }
        let reader = self.envelopes.as_ref().expect("the caller has looked");
        let keeps_timestamps = reader.says_no_timestamp() && !self.args.ignore_timestamp;
        if keeps_timestamps != self.keeps_timestamps { self.switch_writers(keeps_timestamps) } else { Ok(()) }
    }

    /// Writes what came before the last message, and goes on with a writer that keeps missing timestamps, or one that
    /// does not.
    fn switch_writers(&mut self, keep_timestamps: bool) -> Result<()> {
        let waiting = self.waiting();
        let last = waiting.len() - 1;
        let message = waiting.get(last).to_owned();
        waiting.truncate(last);
        self.send()?;
        self.writer.flush(None)?;
        self.writer = (self.open_writer)(keep_timestamps)?;
        self.keeps_timestamps = keep_timestamps;
        self.waiting().push(message.as_record());
        Ok(())
    }

    fn push(&mut self, piece: Option<&[u8]>) -> Result<()> {
        let (mut key, value) = split(self.args, self.key_delimiter.as_ref(), piece);
        if let (Some(path), Some(value)) = (&self.args.key_path, value) {
            self.found_key.clear();
            key = path.push_text(value, &mut self.found_key)?.then_some(self.found_key.as_slice());
        }
        let mut record = Record::new(&self.topic, key, value);
        record.partition = self.args.partition.unwrap_or(ANY_PARTITION);
        record.offset = self.line as i64;
        record.headers = self.headers.as_headers();
        if let Some(given) = &mut self.given {
            given.push(record, [None, None]);
            return Ok(());
        }
        if !self.texts.are_needed() {
            self.batch.push(record);
            return Ok(());
        }
        let pushed = self.texts.push_plain(record, &mut self.batch);
        pushed.or_else(|error| self.failures.take(&record, error))
    }

    /// The messages that are to be sent next.
    fn waiting(&mut self) -> &mut Batch {
        self.given.as_mut().map_or(&mut self.batch, Given::batch_mut)
    }

    /// Sends what waits; where a function fails, what came before.
    fn send(&mut self) -> Result<()> {
        let went = match &mut self.given {
            Some(given) => given.go_through(&mut self.texts, &self.failures, &mut self.batch),
            None => Ok(()),
        };
        let sent = self.writer.write(&self.batch);
        self.batch.clear();
        sent.and(went)
    }

    fn close(self) -> Result<()> {
        let closed = self.writer.close(None);
        // Dead letters are delivered on every way out.
        let settled = self.failures.settle();
        closed.and(settled)
    }
}

/// What of an envelope's place counts. The offset is the line, by which the writer names what fails.
fn set_place(args: &ProduceArgs, line: u64, partition: &mut i32, timestamp: &mut i64, offset: &mut i64) {
    *offset = line as i64;
    if args.ignore_partition {
        *partition = ANY_PARTITION;
    }
    if args.ignore_timestamp {
        *timestamp = NO_TIMESTAMP;
    }
    if let Some(own) = args.partition {
        *partition = own;
    }
}

fn json_path(text: &str) -> std::result::Result<JsonPath, String> {
    text.parse().map_err(|error: Error| error.message().to_string())
}

/// What finds a delimiter that was typed.
fn finder(delimiter: &str) -> Result<Finder<'static>> {
    Ok(Finder::new(&unescape(delimiter)?).into_owned())
}

/// Key and value of a piece.
fn split<'a>(
    args: &'a ProduceArgs,
    delimiter: Option<&Finder<'_>>,
    piece: Option<&'a [u8]>,
) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let known = |bytes: &'a [u8]| (!args.null || !bytes.is_empty()).then_some(bytes);
    let fixed = args.key.as_deref().map(str::as_bytes).and_then(known);
    let Some(piece) = piece else { return (fixed, None) };
    let Some(delimiter) = delimiter else { return (fixed, known(piece)) };
    match delimiter.find(piece) {
        Some(at) => (known(&piece[..at]), known(&piece[at + delimiter.needle().len()..])),
        None => (None, known(piece)),
    }
}
