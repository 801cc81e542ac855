//! Prints messages: for people on a terminal, the bare value on a pipe, the JSON envelope, or a format of the user's.

use clap::Args;
use kafi::{Batch, Decoder, EnvelopeWriter, Error, ErrorKind, Field, Json, Kafi, Record, Result, TimeFormat, Type, Value};

use crate::address::Opened;
use crate::args::TypeArgs;
use crate::context::Context;
use crate::output::format::{Format, unescape};
use crate::output::{Stdout, escape, highlight};

/// How messages are printed.
#[derive(Args)]
#[command(next_help_heading = "Printing")]
pub struct PrintArgs {
    /// Print by a format: %t %p %o %T %k %v %s %h %K %S %R %%, %k{hex}, %v{base64}, %d{%F %T}, \n \t \xNN
    #[arg(short = 'F', long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with = "key_delimiter")]
    format: Option<String>,
    /// Print the key, this delimiter, and the value
    #[arg(short = 'K', value_name = "DELIMITER", allow_hyphen_values = true)]
    key_delimiter: Option<String>,
    /// Print this behind each message instead of a line's end
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true, conflicts_with = "format")]
    delimiter: Option<String>,
    /// Print null as NULL
    #[arg(short = 'Z')]
    null: bool,
}

/// Prints batches of messages to stdout.
pub struct MessagePrinter {
    stdout: Stdout,
    style: Style,
    separator: Vec<u8>,
    null: &'static [u8],
    times: TimeFormat,
    color: bool,
    terminal: bool,
    /// Whether lines for people say of which topic they are.
    names_topics: bool,
    checks: Checks,
    line: String,
}

enum Style {
    Bare,
    Terminal,
    Envelope(EnvelopeWriter),
    Format(Format),
}

impl MessagePrinter {
    /// What the arguments say, for messages of `opened`.
    ///
    /// # Errors
    /// `Usage` for a bad format, and for one together with `--json`.
    pub fn open(context: &Context, opened: &Opened, args: &PrintArgs, types: TypeArgs) -> Result<Self> {
        if context.json && (args.format.is_some() || args.key_delimiter.is_some() || args.delimiter.is_some()) {
            return Err(Error::new(ErrorKind::Usage, "read arguments", "--json prints one envelope a line, which -F, -K, and -D cannot change"));
        }
        let kafi = &opened.kafi;
        let (key_type, value_type) = meant_types(kafi, types)?;
        let separator = args.delimiter.as_deref().map_or(Ok(b"\n".to_vec()), unescape)?;
        let style = if let Some(format) = &args.format {
            Style::Format(Format::parse(format, context.utc)?)
        } else if let Some(delimiter) = &args.key_delimiter {
            Style::Format(Format::key_value(&unescape(delimiter)?, &separator))
        } else if context.json {
            Style::Envelope(EnvelopeWriter::new(key_type, value_type))
        } else if context.terminal && args.delimiter.is_none() {
            Style::Terminal
        } else {
            Style::Bare
        };
        Ok(Self {
            stdout: Stdout::open()?,
            style,
            separator,
            null: if args.null { b"NULL" } else { b"" },
            times: TimeFormat::rfc3339(context.utc),
            color: context.color,
            terminal: context.terminal,
            names_topics: opened.topics.len() > 1,
            checks: Checks::new(kafi, key_type, value_type)?,
            line: String::new(),
        })
    }

    /// Prints a batch. False means that nobody reads any more.
    pub fn print(&mut self, batch: &Batch) -> Result<bool> {
        let checked = self.checks.needed();
        for record in batch.iter() {
            if checked && let Err(error) = self.checks.check(&record) {
                // What comes before the message that is wrong is printed.
                self.stdout.flush()?;
                return Err(error);
            }
            self.print_one(&record);
            if !self.stdout.written()? {
                return Ok(false);
            }
        }
        self.stdout.flush()
    }

    fn print_one(&mut self, record: &Record<'_>) {
        let out = self.stdout.buffer();
        match &mut self.style {
            Style::Bare => {
                let value = record.value.unwrap_or(self.null);
                let colored = if self.color { json_text(value).filter(|json| !json.contains('\n')) } else { None };
                match colored {
                    Some(json) => push_line(&mut self.line, out, |line| highlight::json(json, line)),
                    None if self.terminal => push_line(&mut self.line, out, |line| escape::push(value, line)),
                    None => out.extend_from_slice(value),
                }
                out.extend_from_slice(&self.separator);
            }
            Style::Envelope(writer) => {
                let start = out.len();
                writer.write(*record, out);
                if self.terminal || self.color {
                    let envelope = out.split_off(start);
                    push_line(&mut self.line, out, |line| terminal_envelope(&envelope, self.color, line));
                }
                out.push(b'\n');
            }
            Style::Format(format) => format.write(record, self.null, self.terminal, out),
            Style::Terminal => {
                push_line(&mut self.line, out, |line| terminal_line(record, self.names_topics, &self.times, self.color, line));
                out.push(b'\n');
            }
        }
    }
}

/// The types of keys and values: what was typed, else what the configuration says, else `auto`.
pub fn meant_types(kafi: &Kafi, types: TypeArgs) -> Result<(Type, Type)> {
    let setting = |name: &Option<String>| name.as_deref().map_or(Ok(Type::Auto), str::parse);
    let key_type = types.key_type.or(types.both).map_or_else(|| setting(&kafi.settings().key_type), Ok)?;
    let value_type = types.value_type.or(types.both).map_or_else(|| setting(&kafi.settings().value_type), Ok)?;
    Ok((key_type, value_type))
}

/// Looks whether keys and values are of the types that they are said to be.
struct Checks {
    key: Option<Box<dyn Decoder>>,
    value: Option<Box<dyn Decoder>>,
}

impl Checks {
    fn new(kafi: &Kafi, key_type: Type, value_type: Type) -> Result<Self> {
        let decoder = |of: Type, field| match of {
            Type::Auto | Type::Bytes => Ok(None),
            of => kafi.codecs().decoder(of, field).map(Some),
        };
        Ok(Self { key: decoder(key_type, Field::Key)?, value: decoder(value_type, Field::Value)? })
    }

    fn needed(&self) -> bool {
        self.key.is_some() || self.value.is_some()
    }

    fn check(&mut self, record: &Record<'_>) -> Result<()> {
        let check = |decoder: &mut Option<Box<dyn Decoder>>, field, bytes| -> Result<()> {
            let Some(decoder) = decoder else { return Ok(()) };
            let decoded: Result<Value> = decoder.decode(record.topic, field, bytes);
            decoded.map(|_| ()).map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        };
        check(&mut self.key, Field::Key, record.key)?;
        check(&mut self.value, Field::Value, record.value)
    }
}

/// Builds a line in a buffer that is used again and again, and appends it.
fn push_line(line: &mut String, out: &mut Vec<u8>, build: impl FnOnce(&mut String)) {
    line.clear();
    build(line);
    out.extend_from_slice(line.as_bytes());
}

/// A value that is a JSON object or array.
fn json_text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.starts_with(['{', '[']) && Json::parse(*text).is_ok())
}

fn terminal_envelope(envelope: &[u8], color: bool, line: &mut String) {
    if !color {
        return escape::push_json(envelope, line);
    }
    let mut escaped = String::new();
    escape::push_json(envelope, &mut escaped);
    highlight::json(&escaped, line);
}

/// `partition:offset` (with the topic before it where there are several), time, key, value, in one line whatever they hold.
fn terminal_line(record: &Record<'_>, names_topic: bool, times: &TimeFormat, color: bool, line: &mut String) {
    let topic = if names_topic { format!("{}:", record.topic) } else { String::new() };
    let mut place = format!("{topic}{}:{} ", record.partition, record.offset).into_bytes();
    if record.timestamp >= 0 {
        times.write(record.timestamp, &mut place);
        place.push(b' ');
    }
    highlight::dim(&String::from_utf8_lossy(&place), color, line);
    if let Some(key) = record.key {
        let mut shown = String::new();
        escape::push(key, &mut shown);
        highlight::key(&shown, color, line);
        line.push(' ');
    }
    match record.value {
        None => highlight::dim("null", color, line),
        Some(value) => match color.then(|| json_text(value)).flatten() {
            Some(json) => highlight::json(json, line),
            None => escape::push(value, line),
        },
    }
    if !record.headers.is_empty() {
        let mut shown = String::from("  ");
        for header in record.headers.iter() {
            escape::push(header.name, &mut shown);
            shown.push('=');
            escape::push(header.value.unwrap_or(b"null"), &mut shown);
            shown.push(' ');
        }
        highlight::dim(shown.trim_end(), color, line);
    }
}
