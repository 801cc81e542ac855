//! Kafka's words for the kinds of things that administration names: as they are shown, and as they are read.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// Values that have words.
pub(super) trait Words: Copy + PartialEq + 'static {
    /// What they are, for errors.
    const WHAT: &'static str;
    /// All values with their words; `unknown` is never read.
    const ALL: &'static [(Self, &'static str)];

    /// The word of a value.
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(value, _)| *value == self).map_or(UNKNOWN, |(_, word)| word)
    }

    /// Reads a word, in any of Kafka's spellings: `describe-configs`, `DescribeConfigs`, `DESCRIBE_CONFIGS`.
    ///
    /// # Errors
    /// `Usage`, with the words that there are.
    fn read(text: &str) -> Result<Self> {
        let known = || Self::ALL.iter().filter(|(_, word)| *word != UNKNOWN);
        if let Some((value, _)) = known().find(|(_, word)| letters(word).eq(letters(text))) {
            return Ok(*value);
        }
        let words: Vec<&str> = known().map(|(_, word)| *word).collect();
        let error = Error::new(ErrorKind::Usage, "read arguments", format!("there is no such {}", Self::WHAT));
        Err(error.with("given", format!("{text:?}")).hint(format!("there are {}", words.join(", "))))
    }

    /// Writes the word.
    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a value is called that a newer broker knows and this version does not.
pub(super) const UNKNOWN: &str = "unknown";

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase())
}
