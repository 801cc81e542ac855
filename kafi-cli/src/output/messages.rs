//! Prints messages: for people on a terminal, the bare value on a pipe, the JSON envelope, or a format of the user's.

use kafi::{
    Batch, EnvelopeWriter, Failures, Field, FunctionSteps, GrepOptions, Kafi, Record, Result, SchemaRef, Serdes,
    TextDecoder, Type,
};

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
    /// What messages are read as.
    pub reading: &'a Reading,
}

/// What messages are read as, and what becomes of those that are not that.
#[derive(Clone, Default)]
pub struct Reading {
    /// The types and schemas of keys and values.
    pub serdes: Serdes,
    /// Whether envelopes name the subjects and versions of schemas.
    pub names_versions: bool,
    /// What takes those that cannot be decoded.
    pub failures: Failures,
}

/// Prints batches of messages to stdout.
pub struct MessagePrinter {
    texts: TextDecoder,
    /// Whether functions made text of the messages before.
    is_text: bool,
    failures: Failures,
    out: Lines,
}

/// Prints messages whose text is known.
struct Lines {
    stdout: Stdout,
    style: Style,
    separator: Vec<u8>,
    null: &'static [u8],
    terminal: bool,
    message_line: MessageLine,
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
    /// `Usage` for a bad format, and those of [`TextDecoder::open`].
    pub fn open(options: &OutputOptions, origin: Origin<'_>, printing: Printing<'_>, kafi: &Kafi) -> Result<Self> {
        let Printing { format, key_delimiter, delimiter, null, reading } = printing;
        let separator = delimiter.map_or(Ok(b"\n".to_vec()), unescape)?;
        let style = if let Some(format) = format {
            Style::Format(Format::parse(format, options.utc)?)
        } else if let Some(delimiter) = key_delimiter {
            Style::Format(Format::key_value(&unescape(delimiter)?, &separator))
        } else if options.json {
            let type_of = |field| kafi.place().type_or(reading.serdes.of_field(field), field, Type::Auto);
            let writer = EnvelopeWriter::new(type_of(Field::Key)?, type_of(Field::Value)?);
            Style::Envelope(writer.names_versions(reading.names_versions))
        } else if options.terminal && delimiter.is_none() {
            Style::Terminal
        } else {
            Style::Bare
        };
        let out = Lines {
            stdout: Stdout::open()?,
            style,
            separator,
            null: if null { b"NULL" } else { b"" },
            terminal: options.terminal,
            message_line: MessageLine::new(options, origin),
            line: String::new(),
        };
        let texts = TextDecoder::open(kafi.place(), &reading.serdes)?;
        Ok(Self { texts, is_text: false, failures: reading.failures.clone(), out })
    }

    /// The same, with what was looked for marked, where there are colours.
    pub fn marking(self, found: &GrepOptions) -> Self {
        let out = Lines { message_line: self.out.message_line.marking(found), ..self.out };
        Self { out, ..self }
    }

    /// The same for messages of which something made text before.
    pub fn of_texts(self) -> Self {
        Self { is_text: true, ..self }
    }

    /// The same for messages that go through these functions before.
    pub fn after(mut self, steps: &FunctionSteps) -> Self {
        self.is_text = !steps.only_filters();
        if steps.prints() && matches!(self.out.style, Style::Terminal) {
            self.out.style = Style::Bare;
        }
        self
    }

    /// Prints a batch. False means that nobody reads any more.
    pub fn print(&mut self, batch: &Batch) -> Result<bool> {
        let Self { texts, is_text, failures, out } = self;
        let is_plain = *is_text || texts.is_plain(batch);
        for (index, record) in batch.iter().enumerate() {
            if is_plain {
                out.print(&record, batch.schemas_of(index));
            } else {
                match texts.show(record) {
                    Ok((shown, [key, value])) => out.print(&shown, [key.as_ref(), value.as_ref()]),
                    Err(error) => {
                        if let Err(error) = failures.take(&record, error) {
                            // What comes before the message that is wrong is printed.
                            out.stdout.flush()?;
                            return Err(error);
                        }
                    }
                }
            }
            if !out.stdout.written()? {
                return Ok(false);
            }
        }
        failures.settle()?;
        out.stdout.flush()
    }
}

impl Lines {
    /// Prints a message, whose key and value are JSON text where there are schemas.
    fn print(&mut self, record: &Record<'_>, schemas: [Option<&SchemaRef>; 2]) {
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
                writer.write_decoded(*record, schemas, out);
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
