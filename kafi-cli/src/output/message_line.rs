//! How a message looks to a person: a line, fit for a terminal, in colours.

use std::ops::Range;

use kafi::{Address, GrepFields, GrepOptions, Json, Record, StorageAddress, TimeFormat};

use crate::output::escape;
use crate::output::highlight::{self, DIM, KEY, PLAIN};
use crate::output::options::OutputOptions;

/// What is said of where messages lie, besides their partition and offset.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The storage, where several are read.
    pub storage: Option<&'a StorageAddress>,
    /// Whether their topics are named.
    pub names_topics: bool,
}

/// How messages look.
pub struct MessageLine {
    /// Whether there are colours.
    pub color: bool,
    /// Whether lines say of which topic they are.
    names_topics: bool,
    /// The storage, where lines say on which it lies.
    storage: Option<StorageAddress>,
    times: TimeFormat,
    /// What is marked.
    found: Option<GrepOptions>,
    matches: Vec<Range<usize>>,
}

impl MessageLine {
    /// For messages of this origin.
    pub fn new(options: &OutputOptions, origin: Origin<'_>) -> Self {
        Self {
            color: options.color,
            names_topics: origin.names_topics,
            storage: origin.storage.cloned(),
            times: TimeFormat::rfc3339(options.utc),
            found: None,
            matches: Vec::new(),
        }
    }

    /// The same, with what was looked for marked, where there are colours.
    pub fn marking(self, found: &GrepOptions) -> Self {
        let found = (self.color && !found.invert).then(|| found.clone());
        Self { found, ..self }
    }

    /// Appends a message: `partition:offset` (with the topic before it where there are several), time, key, value, in
    /// one line whatever they hold.
    pub fn message(&mut self, record: &Record<'_>, line: &mut String) {
        let topic = match &self.storage {
            Some(storage) => escape::line(&format!(
                "{}:",
                Address { storage: storage.clone(), topic: Some(record.topic.to_string()) }
            )),
            None if self.names_topics => escape::line(&format!("{}:", record.topic)),
            None => String::new(),
        };
        let mut place = format!("{topic}{}:{} ", record.partition, record.offset).into_bytes();
        if record.timestamp >= 0 {
            self.times.write(record.timestamp, &mut place);
            place.push(b' ');
        }
        highlight::dim(&String::from_utf8_lossy(&place), self.color, line);
        if let Some(key) = record.key {
            let style = self.style(KEY);
            highlight::data(key, style, self.find(|fields| fields.key, key), line);
            line.push(' ');
        }
        match record.value {
            None => highlight::dim("null", self.color, line),
            Some(value) => self.value(value, line),
        }
        if !record.headers.is_empty() {
            self.headers(record, line);
        }
    }

    fn headers(&mut self, record: &Record<'_>, line: &mut String) {
        let (mut text, mut matches) = (b" ".to_vec(), Vec::new());
        for header in record.headers.iter() {
            for (before, piece) in [(b' ', header.name), (b'=', header.value.unwrap_or(b"null"))] {
                text.push(before);
                let at = text.len();
                matches.extend(
                    self.find(|fields| fields.headers, piece).iter().map(|found| at + found.start..at + found.end),
                );
                text.extend_from_slice(piece);
            }
        }
        highlight::data(&text, self.style(DIM), &matches, line);
    }

    /// Appends a value.
    pub fn value(&mut self, value: &[u8], line: &mut String) {
        let color = self.color;
        let matches = self.find(|fields| fields.value, value);
        match color.then(|| json_text(value)).flatten() {
            Some(json) => highlight::json(json, matches, line),
            None => highlight::data(value, PLAIN, matches, line),
        }
    }

    /// Whether a value is coloured also where no terminal shows it: JSON is, in one line.
    pub fn shows(&self, value: &[u8]) -> bool {
        self.color && json_text(value).is_some_and(|json| !json.contains('\n'))
    }

    /// Appends a value as it is, with what was looked for marked.
    pub fn bare(&mut self, value: &[u8], out: &mut Vec<u8>) {
        highlight::bare(value, self.find(|fields| fields.value, value), out);
    }

    fn style(&self, style: highlight::Style) -> highlight::Style {
        if self.color { style } else { PLAIN }
    }

    /// Where what was looked for lies in a field.
    fn find(&mut self, looked_in: fn(&GrepFields) -> bool, field: &[u8]) -> &[Range<usize>] {
        self.matches.clear();
        if let Some(found) = self.found.as_ref().filter(|found| looked_in(&found.fields)) {
            self.matches.extend(found.pattern.matches(field));
        }
        &self.matches
    }
}

/// A value that is a JSON object or array.
fn json_text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.starts_with(['{', '[']) && Json::parse(*text).is_ok())
}
