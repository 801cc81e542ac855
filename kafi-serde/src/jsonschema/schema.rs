//! A JSON Schema, compiled once, from given documents only.

use std::collections::HashMap;
use std::fmt;

use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use kafi_core::{ColumnType, Error, ErrorKind, Json, Result};
use serde_json::Value;

use crate::fault::{Fault, Outcome};
use crate::jsonschema::columns::column_type;
use crate::jsonschema::limits::Limits;
use crate::jsonschema::node::{OfTape, Part};
use crate::tape::Item;

const OPERATION: &str = "read JSON Schema";

/// How large the text of a schema may be, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// What a schema without a name of its own is called, as by registries.
const BASE: &str = "mem://input/";

/// How many characters an error shows of what is wrong.
const WHY_CHARS_MAX: usize = 200;

/// How many faults of one value are counted.
const FAULTS_MAX: usize = 100;

/// How many schemas may apply one through another, over all levels of a value, on the stack of the caller, and at all.
const LEVELS_INLINE_MAX: usize = 400;
const LEVELS_MAX: usize = 130_000;

/// What one of them may take of the stack, in bytes: about eight times of what was seen.
const LEVEL_BYTES: usize = 8 << 10;

/// Up to where it is said what is wrong, and not only that something is.
const EXPLAINED_DEPTH_MAX: usize = 12;
const EXPLAINED_PATHS_MAX: u64 = 1000;

/// How often a pattern may try again, and how large it may become, in bytes.
const BACKTRACK_MAX: usize = 100_000;
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A JSON Schema, of one of the drafts 4, 6, 7, 2019-09, and 2020-12. Without `$schema` it is draft 7, as for
/// registries.
///
/// ```
/// use std::sync::Arc;
/// use kafi_serde::jsonschema::{Schema, Writer};
/// let schema = Schema::parse(r#"{"type": "object", "properties": {"tags": {"items": {"type": "string"}}}, "required": ["id"]}"#)?;
/// let mut writer = Writer::new(Arc::new(schema));
/// let mut out = Vec::new();
/// writer.write(r#"{"id": 19.990}"#, &mut out)?;
/// assert_eq!(out, br#"{"id": 19.990}"#);
///
/// let error = writer.write(r#"{"id": 1, "tags": ["a", 2]}"#, &mut out).unwrap_err();
/// assert_eq!(error.to_string(), r#"encode JSON Schema: path .tags[1]: 2 is not of type "string""#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
pub struct Schema {
    validator: Validator<OfTape>,
    limits: Limits,
    title: Option<Box<str>>,
    column_type: ColumnType,
}

impl Schema {
    /// Reads a schema that refers to no other document.
    ///
    /// # Errors
    /// `Corrupt` for text that is not JSON, with line and column, and for what is no schema; `Unsupported` for another
    /// draft; `TooLarge` above 16 MiB.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_references(text, &[])
    }

    /// Reads a schema with the documents that it refers to, each with the name that it is referred to by: as a whole
    /// URI, or relative to the schema or its `$id`. Nothing is ever fetched.
    ///
    /// ```
    /// use kafi_serde::jsonschema::Schema;
    /// let line = r#"{"type": "object", "required": ["price"]}"#;
    /// Schema::parse_with_references(r#"{"items": {"$ref": "line.json"}}"#, &[("line.json", line)])?;
    ///
    /// let error = Schema::parse(r#"{"items": {"$ref": "line.json"}}"#).unwrap_err();
    /// assert!(error.to_string().contains("line.json"));
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse), also for a reference that is not among them.
    pub fn parse_with_references(text: &str, references: &[(&str, &str)]) -> Result<Self> {
        let schema = value_of(text)?;
        let draft = draft_of(&schema)?;
        let mut documents = HashMap::new();
        for (name, text) in references {
            let document = value_of(text).map_err(|error| error.with("reference", name))?;
            documents.insert(name.trim_start_matches("./").to_string(), document);
        }
        let limits = Limits::of(
            std::iter::once(("", &schema)).chain(documents.iter().map(|(name, document)| (name.as_str(), document))),
        );
        if limits.are_too_large() {
            return Err(Error::new(
                ErrorKind::TooLarge,
                OPERATION,
                "it applies more than a million schemas to one value, or more than a thousand one through another",
            ));
        }
        let id = schema.get(draft.id_keyword()).and_then(Value::as_str).unwrap_or_default();
        let bases = [BASE.to_string(), id.rsplit_once('/').map_or(String::new(), |(base, _)| format!("{base}/"))];
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACK_MAX)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options_for::<OfTape>()
            .with_draft(draft)
            .with_pattern_options(patterns)
            .with_retriever(Given { documents, bases });
        let options = if id.contains(':') { options } else { options.with_base_uri(format!("{BASE}schema.json")) };
        let validator = options.build(&schema).map_err(|error| {
            let wrong = Error::new(ErrorKind::Corrupt, OPERATION, shortened(&error.to_string()));
            if error.instance_path().is_empty() { wrong } else { wrong.with("path", path(&error)) }
        })?;
        let title = schema.get("title").and_then(Value::as_str).map(Box::from);
        Ok(Self { validator, limits, title, column_type: column_type(text, references)? })
    }

    /// Its title, which is its name for the strategies of subjects that go by one.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What stands in the values that it describes, as far as it says so.
    pub(crate) fn column_type(&self) -> &ColumnType {
        &self.column_type
    }

    /// Whether a value of this depth is as the schema says.
    pub(crate) fn check(&self, item: Item<'_>, depth: usize) -> Outcome<()> {
        let levels = (depth + 1).saturating_mul(self.limits.chain + 1);
        if levels <= LEVELS_INLINE_MAX {
            return self.check_here(item, depth);
        }
        if levels > LEVELS_MAX {
            return Err(Fault::new(format!(
                "it is nested {depth} levels deep, and the schema refers to others too often on each of them to be validated"
            )));
        }
        // As deep as it may go, it needs a stack of its own, which takes memory only where it is used.
        let builder = std::thread::Builder::new().stack_size((1 << 20) + levels * LEVEL_BYTES);
        std::thread::scope(|scope| {
            let checking = builder.spawn_scoped(scope, || self.check_here(item, depth));
            let checking =
                checking.map_err(|error| Fault::new(format!("no thread can be had to validate it: {error}")))?;
            checking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn check_here(&self, item: Item<'_>, depth: usize) -> Outcome<()> {
        if self.validator.is_valid(Part::Item(item)) {
            return Ok(());
        }
        // Whoever collects what is wrong looks at everything again on each level.
        if depth > EXPLAINED_DEPTH_MAX || self.limits.paths > EXPLAINED_PATHS_MAX {
            return Err(Fault::new("it is not as the schema says, and nested too deep to find out where"));
        }
        let mut errors = self.validator.iter_errors(Part::Item(item)).take(FAULTS_MAX);
        // A pattern may take too long for who only asks.
        let Some(first) = errors.next() else { return Err(Fault::new("it could not be validated")) };
        let why = shortened(&first.to_string());
        let what = match errors.count() {
            0 => why,
            more => format!("{why} (and {more} more)"),
        };
        let segments: Vec<_> = first.instance_path().segments().collect();
        Err(segments.into_iter().rev().fold(Fault::new(what), |fault, segment| match segment {
            LocationSegment::Property(name) => fault.in_member(&name),
            LocationSegment::Index(index) => fault.in_element(index),
        }))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("title", &self.title).finish_non_exhaustive()
    }
}

/// Gives the documents that were given, and no others.
struct Given {
    documents: HashMap<String, Value>,
    /// What names are relative to.
    bases: [String; 2],
}

impl Retrieve for Given {
    fn retrieve(&self, uri: &Uri<String>) -> std::result::Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = uri.as_str();
        let relative =
            self.bases.iter().filter(|base| !base.is_empty()).filter_map(|base| uri.strip_prefix(base.as_str()));
        let mut names = std::iter::once(uri).chain(relative);
        let found = names.find_map(|name| self.documents.get(name));
        found.cloned().ok_or_else(|| "it is not among the references that were given, and nothing is fetched".into())
    }
}

pub(crate) fn value_of(text: &str) -> Result<Value> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::TooLarge,
            OPERATION,
            format!("its text has {} bytes, more than {TEXT_BYTES_MAX}", text.len()),
        ));
    }
    // What is wrong with it as JSON is said as everywhere.
    Json::parse(text).map_err(|error| {
        let wrong = Error::new(ErrorKind::Corrupt, OPERATION, error.message());
        error.context().fold(wrong, |wrong, (key, value)| wrong.with(key.to_string(), value))
    })?;
    serde_json::from_str(text).map_err(|error| Error::new(ErrorKind::Corrupt, OPERATION, error.to_string()))
}

/// The draft that a schema is written in.
pub(crate) fn draft_of(schema: &Value) -> Result<Draft> {
    match Draft::Draft7.detect(schema) {
        Draft::Unknown => {
            let error = Error::new(
                ErrorKind::Unsupported,
                OPERATION,
                "this is none of the drafts 4, 6, 7, 2019-09, and 2020-12",
            );
            Err(error.with("$schema", schema.get("$schema").and_then(Value::as_str).unwrap_or_default()))
        }
        draft => Ok(draft),
    }
}

/// The path of what is wrong in a schema.
fn path(error: &ValidationError<'_>) -> String {
    let mut path = String::new();
    for segment in error.instance_path().segments() {
        match segment {
            LocationSegment::Property(name) => path.push_str(&format!(".{name}")),
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(WHY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
