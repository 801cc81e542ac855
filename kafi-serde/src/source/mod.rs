//! Schemas from files: what somebody named, and what that refers to beside it.

#[cfg(any(feature = "protobuf", feature = "jsonschema"))]
mod files;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kafi_core::{Error, ErrorKind, Result};

use crate::format::Format;
use crate::schema::Schema;

const OPERATION: &str = "read schema file";

/// What a schema is called that comes from no file.
const UNNAMED: &str = "schema";

/// How large a file may be, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The suffixes of files, and what they hold; a suffix that is not here, such as that of JSON, tells nothing of Avro
/// and JSON Schema.
const SUFFIXES: [(&str, Format); 6] = [
    ("avsc", Format::Avro),
    ("proto", Format::Protobuf),
    ("desc", Format::Protobuf),
    ("protoset", Format::Protobuf),
    ("binpb", Format::Protobuf),
    ("pb", Format::Protobuf),
];

/// A schema as it is written, with what it refers to: what is compiled, and what is registered.
///
/// ```
/// use kafi_serde::{Format, Source};
/// let source = Source::of_text(r#"{"type": "fixed", "name": "Two", "size": 2}"#, None)?;
/// assert_eq!(source.format(), Format::Avro);
/// let mut writer = source.compile()?.writer(Default::default())?;
/// let mut out = Vec::new();
/// writer.write("\"ab\"", &mut out)?;
/// assert_eq!(out, b"ab");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    format: Format,
    /// The name by which errors know it.
    name: String,
    text: String,
    references: Vec<(String, String)>,
}

impl Source {
    /// A schema that was given as its text, which says what format it is of unless somebody does.
    ///
    /// # Errors
    /// `Usage` if it is not clear what it is.
    pub fn of_text(text: impl Into<String>, format: Option<Format>) -> Result<Self> {
        let text = text.into();
        let format = match format.or_else(|| guess(&text)) {
            Some(format) => format,
            None => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "read schema",
                    "its text tells not whether it is Avro, Protobuf, or JSON Schema",
                )
                .hint("name the type"));
            }
        };
        Ok(Self { format, name: UNNAMED.into(), text, references: Vec::new() })
    }

    /// A schema in a file: `.avsc`, `.proto`, a set of descriptors (`.desc`, `.protoset`, `.binpb`, `.pb`), or `.json`,
    /// which is told by its text. The format counts where it is given.
    ///
    /// What a `.proto` imports is looked for in its folder and those above, what a JSON Schema refers to by a relative
    /// name beside it; files elsewhere, and what is named by a URL, are not looked for. Of a set of descriptors its last
    /// file is the schema, and those that this imports are what it refers to. Reads files, and blocks as long as that
    /// takes.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, or `Io` of the file; `Corrupt` if it is not text; `TooLarge` above 16 MiB, or
    /// for more than 1000 files; `Usage` if it is not clear what it is. What is wrong with the schema itself shows when
    /// it is [compiled](Self::compile).
    pub fn load(path: &Path, format: Option<Format>) -> Result<Self> {
        let bytes = read_file(path)?;
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
        let by_suffix = SUFFIXES.iter().find(|(known, _)| *known == suffix).map(|(_, format)| *format);
        let name = path.file_name().map_or_else(|| UNNAMED.into(), |name| name.to_string_lossy().into_owned());
        let format = format.or(by_suffix);
        if format == Some(Format::Protobuf) && suffix != "proto" && is_descriptors(&bytes) {
            return Self::of_descriptors(&bytes, &name).map_err(|error| error.with("file", name));
        }
        let text = text_of(bytes, path)?;
        let format = match format.or_else(|| guess(&text)) {
            Some(format) => format,
            None => {
                return Err(at(
                    path,
                    ErrorKind::Usage,
                    "neither its name nor its text tells whether it is Avro, Protobuf, or JSON Schema",
                )
                .hint("name the type"));
            }
        };
        #[cfg(any(feature = "protobuf", feature = "jsonschema"))]
        let references = files::references_of(format, path, &name, &text)?;
        #[cfg(not(any(feature = "protobuf", feature = "jsonschema")))]
        let references = Vec::new();
        Ok(Self { format, name, text, references })
    }

    #[cfg(feature = "protobuf")]
    fn of_descriptors(set: &[u8], name: &str) -> Result<Self> {
        let (text, references) = crate::protobuf::texts_of(set)?;
        Ok(Self { format: Format::Protobuf, name: name.into(), text, references })
    }

    #[cfg(not(feature = "protobuf"))]
    fn of_descriptors(_set: &[u8], _name: &str) -> Result<Self> {
        Err(Format::Protobuf.missing())
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The name by which errors know it: that of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text, which is what a registry takes: of a set of descriptors the descriptor of the file in base64, as the
    /// official serialiser for Python registers it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names and texts of what it refers to, those first that others need.
    pub fn references(&self) -> impl Iterator<Item = (&str, &str)> {
        self.references.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The same schema with other references: of Avro, which does not say where the names come from that it uses.
    pub fn with_references(mut self, references: Vec<(String, String)>) -> Self {
        self.references = references;
        self
    }

    /// The file of a Protobuf schema, compiled.
    #[cfg(feature = "protobuf")]
    pub(crate) fn protobuf_file(&self) -> Result<prost_reflect::FileDescriptor> {
        let references: Vec<(&str, &str)> = self.references().collect();
        crate::protobuf::file_named(&self.name, &self.text, &references)
    }

    /// Compiles it.
    ///
    /// # Errors
    /// Those of the format; `Unsupported` where this build lacks it.
    pub fn compile(&self) -> Result<Schema> {
        let references: Vec<(&str, &str)> = self.references().collect();
        let compiled = match self.format {
            #[cfg(feature = "protobuf")]
            Format::Protobuf => crate::protobuf::Schema::parse_named(&self.name, &self.text, &references)
                .map(|schema| Schema::Protobuf(std::sync::Arc::new(schema))),
            format => Schema::parse(format, &self.text, &references),
        };
        // Errors of Protobuf's sources name the file themselves.
        let is_named = self.name == UNNAMED || self.format == Format::Protobuf;
        compiled.map_err(|error| if is_named { error } else { error.with("file", &self.name) })
    }
}

/// What a text is: JSON that Avro understands, other JSON, or a source of Protobuf.
fn guess(text: &str) -> Option<Format> {
    match text.trim_start().as_bytes().first()? {
        b'"' | b'[' => Some(Format::Avro),
        b'{' => Some(if names_an_avro_type(text) { Format::Avro } else { Format::JsonSchema }),
        _ => ["syntax", "message", "package", "import", "edition", "enum"]
            .iter()
            .any(|word| text.contains(word))
            .then_some(Format::Protobuf),
    }
}

/// Whether a JSON object is a schema of Avro's. Of the types that both formats have, arrays have `items` in both; so
/// what only JSON Schema knows decides.
fn names_an_avro_type(text: &str) -> bool {
    let Ok(json) = kafi_core::Json::parse(text) else { return false };
    let only_json_schema = [
        "$schema",
        "$id",
        "$ref",
        "$defs",
        "definitions",
        "properties",
        "required",
        "title",
        "minimum",
        "maximum",
        "pattern",
        "minItems",
    ];
    let type_ = json.get("type").and_then(|type_| type_.str().ok());
    match type_ {
        Some("record" | "error" | "enum" | "fixed" | "map" | "int" | "long" | "float" | "double" | "bytes") => true,
        Some("array" | "string" | "boolean" | "null") => {
            only_json_schema.iter().all(|name| json.get(*name).is_none())
                && json.get("items").is_none_or(|items| items.get("$ref").is_none())
        }
        _ => false,
    }
}

/// Whether these bytes are no text, or text that begins with a tag: the field `file` of a set of descriptors.
fn is_descriptors(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x0a)
        && std::str::from_utf8(bytes).map_or(true, |text| text.contains('\u{12}') || text.contains('\u{1a}'))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(OPERATION, error).with("file", path.display());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(at(path, ErrorKind::Usage, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(at(path, ErrorKind::TooLarge, format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        at(path, ErrorKind::Corrupt, format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

fn at(path: &Path, kind: ErrorKind, what: impl Into<String>) -> Error {
    Error::new(kind, OPERATION, what).with("file", path.display())
}
