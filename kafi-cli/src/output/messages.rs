//! Prints messages: for people on a terminal, the bare value on a pipe, the JSON envelope, or a format of the user's.

use kafi::{Batch, Decoder, EnvelopeWriter, Field, GrepOptions, Kafi, Record, Result, Type, Value};

use crate::output::format::{Format, unescape};
use crate::output::message_line::{MessageLine, Origin};
use crate::output::options::OutputOptions;
use crate::output::stdout::Stdout;
use crate::output::{escape, highlight};

/// How messages are printed: by a format, or by what else was said.
#[derive(Clone, Copy)]
pub struct Printing<'a> {
    /// By this format.
    pub format: Option<&'a str>,
    /// The key, this delimiter, and the value.
    pub key_delimiter: Option<&'a str>,
    /// This behind each message instead of a line's end.
    pub delimiter: Option<&'a str>,
    /// Null as NULL.
    pub null: bool,
    /// The types of keys and values.
    pub types: (Type, Type),
}

/// Prints batches of messages to stdout.
pub struct MessagePrinter {
    stdout: Stdout,
    style: Style,
    separator: Vec<u8>,
    null: &'static [u8],
    terminal: bool,
    message_line: MessageLine,
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
    /// For messages of this origin, which were written with the codecs of `kafi`.
    ///
    /// # Errors
    /// `Usage` for a bad format.
    pub fn open(options: &OutputOptions, origin: Origin<'_>, printing: Printing<'_>, kafi: &Kafi) -> Result<Self> {
        let Printing { format, key_delimiter, delimiter, null, types: (key_type, value_type) } = printing;
        let separator = delimiter.map_or(Ok(b"\n".to_vec()), unescape)?;
        let style = if let Some(format) = format {
            Style::Format(Format::parse(format, options.utc)?)
        } else if let Some(delimiter) = key_delimiter {
            Style::Format(Format::key_value(&unescape(delimiter)?, &separator))
        } else if options.json {
            Style::Envelope(EnvelopeWriter::new(key_type, value_type))
        } else if options.terminal && delimiter.is_none() {
            Style::Terminal
        } else {
            Style::Bare
        };
        Ok(Self {
            stdout: Stdout::open()?,
            style,
            separator,
            null: if null { b"NULL" } else { b"" },
            terminal: options.terminal,
            message_line: MessageLine::new(options, origin),
            checks: Checks::new(kafi, key_type, value_type)?,
            line: String::new(),
        })
    }

    /// The same, with what was looked for marked, where there are colours.
    pub fn marking(self, found: &GrepOptions) -> Self {
        Self { message_line: self.message_line.marking(found), ..self }
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
                    Some(value) if self.message_line.shows(value) || self.terminal => {
                        push_line(&mut self.line, out, |line| self.message_line.value(value, line))
                    }
                    Some(value) => self.message_line.bare(value, out),
                    None => out.extend_from_slice(self.null),
                }
                out.extend_from_slice(&self.separator);
            }
            Style::Envelope(writer) => {
                let start = out.len();
                writer.write(*record, out);
                if self.terminal || self.message_line.color {
                    let envelope = out.split_off(start);
                    push_line(&mut self.line, out, |line| terminal_envelope(&envelope, self.message_line.color, line));
                }
                out.push(b'\n');
            }
            Style::Format(format) => format.write(record, self.null, self.terminal, out),
            Style::Terminal => {
                push_line(&mut self.line, out, |line| self.message_line.message(record, line));
                out.push(b'\n');
            }
        }
    }
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
