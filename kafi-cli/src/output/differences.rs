//! Prints how two topics differ: what differs and both sides of it for people, both envelopes as JSON.

use kafi::{DiffField, Difference, EnvelopeWriter, Record, Result, TimeFormat, Type};

use crate::output::options::OutputOptions;
use crate::output::stdout::Stdout;
use crate::output::{escape, highlight};

/// What people see of a key, a value, or a header is cut behind so many bytes; JSON has everything.
const SHOWN_BYTES_MAX: usize = 1000;

/// Prints differences to stdout.
pub struct DifferencePrinter {
    stdout: Stdout,
    json: bool,
    terminal: bool,
    color: bool,
    times: TimeFormat,
    /// How the two sides are called.
    names: [String; 2],
    /// Whether lines say of which topic they are.
    names_topics: bool,
    line: String,
}

impl DifferencePrinter {
    /// For the two sides that are called `names`.
    pub fn open(options: &OutputOptions, names: [String; 2], names_topics: bool) -> Result<Self> {
        let times = TimeFormat::rfc3339(options.utc);
        Ok(Self {
            stdout: Stdout::open()?,
            json: options.json,
            terminal: options.terminal,
            color: options.color,
            times,
            names,
            names_topics,
            line: String::new(),
        })
    }

    /// Prints a difference. False means that nobody reads any more.
    pub fn print(&mut self, difference: &Difference<'_>) -> Result<bool> {
        if self.json {
            return self.print_json(difference);
        }
        self.line.clear();
        match (&difference.left, &difference.right) {
            (Some(left), Some(right)) => self.both(left, right, &difference.fields),
            (Some(left), None) => self.one(left, 0),
            (None, Some(right)) => self.one(right, 1),
            (None, None) => {}
        }
        let line = self.line.as_bytes();
        self.stdout.buffer().extend_from_slice(line);
        self.stdout.written()
    }

    /// Writes what was gathered. False means that nobody reads any more.
    pub fn flush(&mut self) -> Result<bool> {
        self.stdout.flush()
    }

    fn print_json(&mut self, difference: &Difference<'_>) -> Result<bool> {
        let terminal = self.terminal;
        let out = self.stdout.buffer();
        let start = out.len();
        out.extend_from_slice(b"{\"fields\":[");
        for (index, field) in difference.fields.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            out.extend_from_slice(format!("{comma}\"{}\"", field.as_str()).as_bytes());
        }
        out.extend_from_slice(b"]");
        for (name, record) in [("left", &difference.left), ("right", &difference.right)] {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            match record {
                Some(record) => EnvelopeWriter::new(Type::Auto, Type::Auto).write(*record, out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(b"}");
        if terminal {
            let shown = String::from_utf8_lossy(&out.split_off(start)).into_owned();
            out.extend_from_slice(escape::json(&shown).as_bytes());
        }
        out.push(b'\n');
        self.stdout.written()
    }

    /// A line that says where and what, and two for each field.
    fn both(&mut self, left: &Record<'_>, right: &Record<'_>, fields: &[DiffField]) {
        for field in fields {
            let mut head = self.place(left);
            if (left.partition, left.offset) != (right.partition, right.offset) {
                head.push_str(&format!(" {}", self.place(right)));
            }
            self.line.push_str(&format!("{head} {}\n", field.as_str()));
            for (record, is_left) in [(left, true), (right, false)] {
                let mut text = String::new();
                self.field(record, *field, &mut text);
                self.side(is_left, &text);
            }
        }
    }

    /// A line that says where, and the message.
    fn one(&mut self, record: &Record<'_>, side: usize) {
        let head = format!("{} only in {}\n", self.place(record), escape::line(&self.names[side]));
        self.line.push_str(&head);
        let mut text = String::new();
        if record.key.is_some() {
            self.field(record, DiffField::Key, &mut text);
            text.push(' ');
        }
        self.field(record, DiffField::Value, &mut text);
        self.side(side == 0, &text);
    }

    fn side(&mut self, is_left: bool, text: &str) {
        match is_left {
            true => highlight::gone(&format!("< {text}"), self.color, &mut self.line),
            false => highlight::new(&format!("> {text}"), self.color, &mut self.line),
        }
        self.line.push('\n');
    }

    fn place(&self, record: &Record<'_>) -> String {
        let topic = if self.names_topics { format!("{}:", escape::line(record.topic)) } else { String::new() };
        format!("{topic}{}:{}", record.partition, record.offset)
    }

    fn field(&self, record: &Record<'_>, field: DiffField, out: &mut String) {
        match field {
            DiffField::Timestamp if record.timestamp < 0 => out.push_str("none"),
            DiffField::Timestamp => {
                let mut text = Vec::new();
                self.times.write(record.timestamp, &mut text);
                out.push_str(&String::from_utf8_lossy(&text));
            }
            DiffField::TimestampType => out.push_str(record.timestamp_type.as_str()),
            DiffField::Headers if record.headers.is_empty() => out.push_str("none"),
            DiffField::Headers => {
                for (index, header) in record.headers.iter().enumerate() {
                    out.push_str(if index > 0 { " " } else { "" });
                    push(Some(header.name), out);
                    out.push('=');
                    push(header.value, out);
                }
            }
            DiffField::Key => push(record.key, out),
            DiffField::Value => push(record.value, out),
        }
    }
}

/// Bytes as text in one line, not all of them if they are many.
fn push(bytes: Option<&[u8]>, out: &mut String) {
    let Some(bytes) = bytes else { return out.push_str("null") };
    if bytes.len() <= SHOWN_BYTES_MAX {
        return escape::push(bytes, out);
    }
    // A cut within a character would show as a byte that is not UTF-8.
    let end =
        (SHOWN_BYTES_MAX - 3..=SHOWN_BYTES_MAX).rev().find(|end| bytes[*end] & 0xc0 != 0x80).unwrap_or(SHOWN_BYTES_MAX);
    escape::push(&bytes[..end], out);
    out.push_str(&format!("… ({} bytes)", bytes.len()));
}
