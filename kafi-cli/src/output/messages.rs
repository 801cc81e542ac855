//! Prints messages: for people on a terminal, the bare value on a pipe, the JSON envelope, or a format of the user's.

use clap::Args;
use kafi::{Batch, Decoder, EnvelopeWriter, Error, ErrorKind, Field, GrepOptions, Kafi, Record, Result, Type, Value};

use crate::address::Opened;
use crate::args::TypeArgs;
use crate::context::Context;
use crate::output::format::{Format, unescape};
use crate::output::look::Look;
use crate::output::{Stdout, escape, highlight};

/// How messages are printed.
#[derive(Args)]
#[command(next_help_heading = "Printing")]
pub struct PrintArgs {
    /// Print by a format: %t %p %o %T %k %v %s %h %K %S %R %%, %k{hex}, %v{base64}, %d{%F %T}, \n \t \xNN
    #[arg(short = 'F', long, value_name = "FORMAT", allow_hyphen_values = true, conflicts_with = "key_delimiter")]
    format: Option<String>,
    #[command(flatten)]
    others: KeyValueArgs,
}

/// How messages are printed, without the format, whose short form is taken in `grep`.
#[derive(Args)]
#[command(next_help_heading = "Printing")]
pub struct KeyValueArgs {
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

/// How messages are printed: by a format, or by what else was said.
#[derive(Clone, Copy)]
pub struct Printing<'a> {
    pub format: Option<&'a str>,
    pub args: &'a KeyValueArgs,
}

impl<'a> From<&'a PrintArgs> for Printing<'a> {
    fn from(args: &'a PrintArgs) -> Self {
        Self { format: args.format.as_deref(), args: &args.others }
    }
}

/// Prints batches of messages to stdout.
pub struct MessagePrinter {
    stdout: Stdout,
    style: Style,
    separator: Vec<u8>,
    null: &'static [u8],
    terminal: bool,
    look: Look,
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
    /// What the arguments say, for messages of `opened`, which people are told where they read several storages.
    ///
    /// # Errors
    /// `Usage` for a bad format, and for one together with `--json`.
    pub fn open(
        context: &Context,
        opened: &Opened,
        names_storage: bool,
        printing: Printing<'_>,
        types: TypeArgs,
    ) -> Result<Self> {
        let Printing { format, args } = printing;
        if context.json && (format.is_some() || args.key_delimiter.is_some() || args.delimiter.is_some()) {
            return Err(Error::new(
                ErrorKind::Usage,
                "read arguments",
                "--json prints one envelope a line, which -F, -K, and -D cannot change",
            ));
        }
        let kafi = &opened.kafi;
        let (key_type, value_type) = meant_types(kafi, types)?;
        let separator = args.delimiter.as_deref().map_or(Ok(b"\n".to_vec()), unescape)?;
        let style = if let Some(format) = format {
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
            terminal: context.terminal,
            look: Look::new(context, names_storage.then_some(&opened.storage), opened.topics.len() > 1),
            checks: Checks::new(kafi, key_type, value_type)?,
            line: String::new(),
        })
    }

    /// The same, with what was looked for marked, where there are colours.
    pub fn marking(self, found: &GrepOptions) -> Self {
        Self { look: self.look.marking(found), ..self }
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
                match record.value {
                    Some(value) if self.look.shows(value) || self.terminal => {
                        push_line(&mut self.line, out, |line| self.look.value(value, line))
                    }
                    Some(value) => self.look.bare(value, out),
                    None => out.extend_from_slice(self.null),
                }
                out.extend_from_slice(&self.separator);
            }
            Style::Envelope(writer) => {
                let start = out.len();
                writer.write(*record, out);
                if self.terminal || self.look.color {
                    let envelope = out.split_off(start);
                    push_line(&mut self.line, out, |line| terminal_envelope(&envelope, self.look.color, line));
                }
                out.push(b'\n');
            }
            Style::Format(format) => format.write(record, self.null, self.terminal, out),
            Style::Terminal => {
                push_line(&mut self.line, out, |line| self.look.message(record, line));
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

fn terminal_envelope(envelope: &[u8], color: bool, line: &mut String) {
    if !color {
        return escape::push_json(envelope, line);
    }
    let mut escaped = String::with_capacity(envelope.len());
    escape::push_json(envelope, &mut escaped);
    highlight::json(&escaped, &[], line);
}
