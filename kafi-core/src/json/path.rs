//! What went wrong with a JSON value, and where: paths are worked out only when an error needs them.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::json::node::Text;
use crate::json::scan::{Fault, Scanner};
use crate::json::text::quoted;
use crate::json::{Json, JsonKind, Source, Step};

/// How many characters of a value an error shows.
const SHOWN_MAX: usize = 40;

/// A lookup that found nothing: where, and of what.
pub(crate) struct Missing {
    parent: Parent,
    step: OwnedStep,
}

/// A [`Step`] that owns its name.
enum OwnedStep {
    Name(Box<str>),
    At(usize),
}

enum Parent {
    Text(Text),
    Missing(Arc<Missing>),
    Built,
}

impl Missing {
    pub(super) fn new(parent: &Source, step: Step<'_>) -> Self {
        let parent = match parent {
            Source::Text(text) => Parent::Text(text.clone()),
            Source::Missing(missing) => Parent::Missing(Arc::clone(missing)),
            Source::Null | Source::Changed => Parent::Built,
        };
        let step = match step {
            Step::Name(name) => OwnedStep::Name(name.into()),
            Step::At(at) => OwnedStep::At(at),
        };
        Self { parent, step }
    }

    /// Whether it was `step` that led nowhere.
    pub(super) fn is(&self, step: Step<'_>) -> bool {
        match (&self.step, step) {
            (OwnedStep::Name(own), Step::Name(name)) => **own == *name,
            (OwnedStep::At(own), Step::At(at)) => *own == at,
            _ => false,
        }
    }

    fn path(&self) -> String {
        let mut path = match &self.parent {
            Parent::Text(text) => path_of(text),
            Parent::Missing(missing) => missing.path(),
            Parent::Built => String::new(),
        };
        match &self.step {
            OwnedStep::Name(name) => push_name(&mut path, name),
            OwnedStep::At(at) => path.push_str(&format!("[{at}]")),
        }
        path
    }
}

impl Json {
    /// The error that this is not a `wanted`.
    pub(crate) fn wrong(&self, wanted: &'static str) -> Error {
        self.at_path(Error::new(ErrorKind::Function, format!("read {wanted}"), format!("it is {}", self.described())))
    }

    pub(super) fn too_short(&self, at: usize) -> Error {
        let message = format!("the array has {} elements, and index {at} is behind them", self.len());
        self.at_path(Error::new(ErrorKind::Function, "set element", message).hint("push adds an element at the end"))
    }

    fn at_path(&self, error: Error) -> Error {
        let path = match &self.source {
            Source::Text(text) => path_of(text),
            Source::Missing(missing) => missing.path(),
            Source::Null | Source::Changed => String::new(),
        };
        if path.is_empty() { error } else { error.with("path", path) }
    }

    fn described(&self) -> String {
        let text = || shortened(self.text().trim());
        match self.kind() {
            JsonKind::Null if matches!(self.source, Source::Missing(_)) => "missing".into(),
            JsonKind::Null => "null".into(),
            JsonKind::Bool => text(),
            JsonKind::Number => format!("the number {}", text()),
            JsonKind::Str => format!("the string {}", text()),
            JsonKind::Array => "an array".into(),
            JsonKind::Object => "an object".into(),
        }
    }
}

/// The first characters of `text`, for messages.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// The error that `bytes`, which are UTF-8, are not JSON.
pub(crate) fn not_json(bytes: &[u8], fault: Fault) -> Error {
    let before = &bytes[..fault.at.min(bytes.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Error::new(ErrorKind::Corrupt, "read JSON", format!("this is not JSON: {}", fault.what))
        .with("line", line)
        .with("column", column(before))
}

/// The column, from 1 and in characters, of what follows `before`.
pub(crate) fn column(before: &[u8]) -> usize {
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    String::from_utf8_lossy(&before[line_start..]).chars().count() + 1
}

/// The path of a piece of a text in jq's words, `.tags[7]`; empty for the whole.
fn path_of(text: &Text) -> String {
    let mut path = String::new();
    let target = text.start as usize;
    let bytes = text.all.as_bytes();
    let mut scanner = Scanner::new(bytes);
    scanner.space();
    // Each round goes one level down, into the child that holds the target.
    while scanner.position() < target {
        let Some(child) = step_down(&text.all, scanner, target, &mut path) else { break };
        scanner = Scanner::at(bytes, child);
    }
    path
}

fn step_down(all: &str, mut scanner: Scanner<'_>, target: usize, path: &mut String) -> Option<usize> {
    if scanner.peek() == Some(b'[') {
        let mut found = None;
        let mut index = 0;
        let look = |range: std::ops::Range<usize>| {
            if range.contains(&target) {
                found = Some((index, range.start));
            }
            index += 1;
        };
        scanner.elements(look).ok()?;
        let (index, start) = found?;
        path.push_str(&format!("[{index}]"));
        return Some(start);
    }
    scanner.expect(b'{', "").ok()?;
    let mut first = true;
    while let Some(member) = scanner.member(first).ok()? {
        if member.value.contains(&target) {
            push_name(path, &serde_json::from_str::<String>(&all[member.name]).unwrap_or_default());
            return Some(member.value.start);
        }
        first = false;
    }
    None
}

fn push_name(path: &mut String, name: &str) {
    let plain = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    if plain {
        path.push('.');
        path.push_str(name);
        return;
    }
    path.push('[');
    path.push_str(&quoted(name));
    path.push(']');
}
