//! What registries know: schemas as they are written, under which subjects, versions, and ids, and what applies to them.

use std::fmt;
use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Json, Result, nearest};

use crate::format::Format;
use crate::wire::Guid;

/// A schema as it is registered: its text, and what goes with it.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDefinition {
    /// Its format.
    pub format: Format,
    /// Its text. Registries take Protobuf as a source or as a descriptor in base64, and give back either.
    pub text: String,
    /// The schemas that it refers to.
    pub references: Vec<Reference>,
    /// Metadata (tags, properties, which of them are sensitive), an object of JSON that is passed through.
    pub metadata: Option<Json>,
    /// Rules for migrations and domains, an object of JSON that is passed through.
    pub rule_set: Option<Json>,
}

impl SchemaDefinition {
    /// A schema that refers to no other.
    #[doc(alias = "create_schema_dict")]
    pub fn new(format: Format, text: impl Into<String>) -> Self {
        Self { format, text: text.into(), references: Vec::new(), metadata: None, rule_set: None }
    }
}

/// How a schema refers to another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// What the other is called in the text: the full name of an Avro type, the path of a Protobuf import, the URL of a
    /// `$ref`.
    pub name: String,
    /// The subject under which the other is registered.
    pub subject: String,
    /// Its version there.
    pub version: u32,
}

impl FromStr for Reference {
    type Err = Error;

    /// Reads `NAME=SUBJECT:VERSION`; the subject may have colons, and the name an equals sign only if the subject has
    /// none.
    ///
    /// # Errors
    /// `Usage` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text.rsplit_once(':').and_then(|(rest, version)| {
            let (name, subject) = rest.rsplit_once('=')?;
            let version = version.parse().ok().filter(|version| *version > 0)?;
            (!name.is_empty() && !subject.is_empty()).then(|| Self {
                name: name.into(),
                subject: subject.into(),
                version,
            })
        });
        parts.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "read reference", "a reference is written NAME=SUBJECT:VERSION")
                .with("reference", format!("{text:?}"))
        })
    }
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredSchema {
    /// The subject, with its context if that is not the default one: `:.staging:orders-value`.
    pub subject: String,
    /// The version, from 1.
    pub version: u32,
    /// The schema's id in this registry (in the context of the subject).
    pub id: u32,
    /// The schema's GUID, the same in all registries; not all give one.
    pub guid: Option<Guid>,
    /// The schema.
    pub schema: SchemaDefinition,
}

/// What a registration gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The schema's id, new or known.
    pub id: u32,
    /// Its version in the subject, if the registry says so.
    pub version: Option<u32>,
    /// Its GUID, if the registry says so.
    pub guid: Option<Guid>,
}

/// Where a schema is registered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectVersion {
    /// The subject.
    pub subject: String,
    /// The version.
    pub version: u32,
}

/// Which version of a subject is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// The one with the highest number that is not deleted.
    #[default]
    Latest,
    /// The one with this number, from 1.
    Number(u32),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for Version {
    type Err = Error;

    /// Reads `latest`, `-1`, which says the same, or a number from 1.
    ///
    /// # Errors
    /// `Usage`, with the [code](super::Code) of an invalid version, for anything else.
    fn from_str(text: &str) -> Result<Self> {
        if matches!(text, "latest" | "-1") {
            return Ok(Self::Latest);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number && (1..=i32::MAX as u32).contains(&number) => Ok(Self::Number(number)),
            _ => Err(super::Code::InvalidVersion
                .error("read version", "a version is a number from 1, or latest")
                .with("version", format!("{text:?}"))),
        }
    }
}

/// Which versions of a subject a schema is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Against {
    /// One version. The subject's level decides which way; whether it is transitive does not matter.
    Version(Version),
    /// All versions that the subject's level names: with a transitive level all, else the latest.
    Level,
}

impl Default for Against {
    fn default() -> Self {
        Self::Version(Version::Latest)
    }
}

/// Whether what was deleted, but not permanently, is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// It is not.
    #[default]
    Excluded,
    /// It is, beside what is not deleted.
    Included,
    /// Nothing else is.
    Only,
}

/// How a schema is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegisterOptions {
    /// Whether the schema is normalised first, so that texts that mean the same are the same. `false` leaves it to the
    /// configuration.
    pub normalize: bool,
    /// The id that it must have: in mode [`Import`](Mode::Import) only.
    pub id: Option<u32>,
    /// The version that it must have: likewise.
    pub version: Option<u32>,
}

/// How a schema is looked up in a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupOptions {
    /// As in [`RegisterOptions`].
    pub normalize: bool,
    /// Whether it is also found in versions that are deleted, but not permanently.
    pub deleted: bool,
}

/// Whether a schema fits to those that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Whether it fits.
    pub compatible: bool,
    /// Why it does not, in the registry's words; not all give reasons.
    pub reasons: Vec<String>,
}

/// What a new version of a subject must be able to do with the data of older ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CompatibilityLevel {
    /// Nothing: every schema is taken.
    None,
    /// It reads what the latest version wrote.
    #[default]
    Backward,
    /// It reads what any version wrote.
    BackwardTransitive,
    /// What it writes the latest version reads.
    Forward,
    /// What it writes every version reads.
    ForwardTransitive,
    /// Both ways, with the latest version.
    Full,
    /// Both ways, with every version.
    FullTransitive,
}

impl CompatibilityLevel {
    /// All levels.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// Its name in registries: `BACKWARD_TRANSITIVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether new schemas must read old data.
    pub fn is_backward(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether old schemas must read new data.
    pub fn is_forward(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether every version counts, and not only the latest.
    pub fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }
}

impl fmt::Display for CompatibilityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CompatibilityLevel {
    type Err = Error;

    /// Reads a name in any case.
    ///
    /// # Errors
    /// `Usage`, with the [code](super::Code) of an invalid level, for a name that is none.
    fn from_str(name: &str) -> Result<Self> {
        named(name, &Self::ALL, Self::as_str).map_err(|hint| {
            super::Code::InvalidCompatibilityLevel
                .error("choose compatibility level", "there is no such level")
                .with("level", name)
                .hint(hint)
        })
    }
}

/// What a registry, or a subject in it, lets happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reading and registering.
    #[default]
    ReadWrite,
    /// Reading only.
    ReadOnly,
    /// Reading only, whatever the modes of the subjects are.
    ReadOnlyOverride,
    /// Registering with ids and versions that are given, without checks of compatibility.
    Import,
    /// What the registry does not know it asks another one about.
    Forward,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 5] = [Self::ReadWrite, Self::ReadOnly, Self::ReadOnlyOverride, Self::Import, Self::Forward];

    /// Its name in registries: `READWRITE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::ReadOnlyOverride => "READONLY_OVERRIDE",
            Self::Import => "IMPORT",
            Self::Forward => "FORWARD",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    /// Reads a name in any case.
    ///
    /// # Errors
    /// `Usage`, with the [code](super::Code) of an invalid mode, for a name that is none.
    fn from_str(name: &str) -> Result<Self> {
        named(name, &Self::ALL, Self::as_str).map_err(|hint| {
            super::Code::InvalidMode.error("choose mode", "there is no such mode").with("mode", name).hint(hint)
        })
    }
}

/// What applies to new schemas, of a subject or of the whole registry. What is `None` is not set, and then the
/// registry's own configuration, or its defaults, apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegistryConfig {
    /// The level of compatibility.
    pub compatibility: Option<CompatibilityLevel>,
    /// Whether schemas are normalised when they are registered and looked up.
    pub normalize: Option<bool>,
    /// The name of the metadata property of which only versions with an equal value are compared.
    pub compatibility_group: Option<String>,
    /// The subject that is meant by this one.
    pub alias: Option<String>,
    /// All others by their names in registries (`defaultMetadata`, `overrideRuleSet`, …), passed through.
    pub others: Vec<(String, Json)>,
}

impl From<CompatibilityLevel> for RegistryConfig {
    fn from(level: CompatibilityLevel) -> Self {
        Self { compatibility: Some(level), ..Self::default() }
    }
}

/// The one of `all` with this name, in any case, or a hint which was meant.
fn named<T: Copy>(name: &str, all: &[T], name_of: fn(T) -> &'static str) -> std::result::Result<T, String> {
    let wanted = name.replace('-', "_");
    if let Some(found) = all.iter().find(|one| name_of(**one).eq_ignore_ascii_case(&wanted)) {
        return Ok(*found);
    }
    let names = all.iter().map(|one| name_of(*one));
    Err(match nearest(name, names.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for level in CompatibilityLevel::ALL {
            assert_eq!(level.to_string().parse::<CompatibilityLevel>().unwrap(), level);
            assert_eq!(level.to_string().to_lowercase().parse::<CompatibilityLevel>().unwrap(), level);
        }
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        }
        assert_eq!("full-transitive".parse::<CompatibilityLevel>().unwrap(), CompatibilityLevel::FullTransitive);
        let error = "BACKWARDS".parse::<CompatibilityLevel>().unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Usage, Some("did you mean BACKWARD?")));
        assert_eq!(super::super::Code::of(&error), Some(42203));
        let error = "xyz".parse::<Mode>().unwrap_err();
        assert!(error.hint_text().unwrap().starts_with("there are READWRITE, READONLY"), "{error:?}");
    }

    #[test]
    fn versions_and_references_are_read() {
        assert_eq!("latest".parse::<Version>().unwrap(), Version::Latest);
        assert_eq!("-1".parse::<Version>().unwrap(), Version::Latest);
        assert_eq!("12".parse::<Version>().unwrap(), Version::Number(12));
        for bad in ["0", "", "abc", "+1", "-2", "4294967296", "2147483648"] {
            let error = bad.parse::<Version>().unwrap_err();
            assert_eq!((error.kind(), super::super::Code::of(&error)), (ErrorKind::Usage, Some(42202)), "{bad}");
        }
        let reference: Reference = "a/b.proto=:.ctx:x-value:3".parse().unwrap();
        assert_eq!((&*reference.name, &*reference.subject, reference.version), ("a/b.proto", ":.ctx:x-value", 3));
        for bad in ["", "a", "a=b", "a=b:0", "a=b:x", "=b:1", "a=:1"] {
            assert_eq!(bad.parse::<Reference>().unwrap_err().kind(), ErrorKind::Usage, "{bad}");
        }
    }
}
