//! What is looked for: a regular expression, and how most of a batch is passed over without a look at its messages.

use std::ops::Range;

use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal, Seq};

use kafi_core::{Batch, Error, ErrorKind, Result, Span};

/// Shorter pieces are found too often to be worth a search of their own.
const PIECE_BYTES_MIN: usize = 3;

/// More different pieces than this are no quicker to search than the expression.
const PIECES_MAX: usize = 32;

/// A regular expression over bytes, in the syntax of the crate `regex`.
///
/// ```
/// use kafi_shell::Pattern;
/// let pattern = Pattern::new("^cake|timtams$", true)?;
/// assert!(pattern.is_match(b"three TimTams") && !pattern.is_match(b"a cake"));
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// Whatever matches contains one of these pieces of text.
    pieces: Option<Regex>,
}

/// How the texts of a [`Pattern`] are meant. Default: as regular expressions that match anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatternOptions {
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// They are no expressions, but text to be found as it is.
    pub fixed: bool,
    /// Only whole words match.
    pub words: bool,
    /// Only whole fields match.
    pub whole: bool,
}

impl Pattern {
    /// Reads an expression; `ignore_case` takes no notice of upper and lower case.
    ///
    /// # Errors
    /// `Usage` for what is no regular expression.
    pub fn new(text: &str, ignore_case: bool) -> Result<Self> {
        Self::any_of(&[text], PatternOptions { ignore_case, ..PatternOptions::default() })
    }

    /// Reads several expressions, of which one has to match.
    ///
    /// # Errors
    /// `Usage` for what is no regular expression.
    ///
    /// ```
    /// use kafi_shell::{Pattern, PatternOptions};
    /// let pattern = Pattern::any_of(&["a.b", "c"], PatternOptions { fixed: true, words: true, ..Default::default() })?;
    /// assert!(pattern.is_match(b"x a.b") && !pattern.is_match(b"axb") && !pattern.is_match(b"cc"));
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    pub fn any_of(texts: &[impl AsRef<str>], options: PatternOptions) -> Result<Self> {
        let PatternOptions { ignore_case, fixed, words, whole } = options;
        let parse = |text: &str| {
            ParserBuilder::new()
                .utf8(false)
                .case_insensitive(ignore_case)
                .build()
                .parse(text)
                .map_err(|error| error.to_string())
        };
        let mut branches = Vec::with_capacity(texts.len());
        for text in texts.iter().map(AsRef::as_ref) {
            let text = if fixed { regex::escape(text) } else { text.to_string() };
            // Each by itself, so that an error is about what was written, and that none closes a group of another.
            parse(&text).map_err(|error| bad(&text, &error))?;
            let group = format!("(?:{text})");
            // Where the group is not closed, a comment at the end has taken its bracket.
            let group = if parse(&group).is_ok() { group } else { format!("(?:{text}\n)") };
            branches.push(if texts.len() == 1 && !words && !whole { text } else { group });
        }
        let any = branches.join("|");
        let text = match (words, whole) {
            (_, true) => format!(r"\A(?:{any})\z"),
            (true, false) => format!(r"\b{{start-half}}(?:{any})\b{{end-half}}"),
            (false, false) => any,
        };
        let hir = parse(&text).map_err(|error| bad(&text, &error))?;
        let regex = regex::bytes::RegexBuilder::new(&text).case_insensitive(ignore_case).build();
        let regex = regex.map_err(|error| bad(&text, &error.to_string()))?;
        let pieces = [ExtractKind::Prefix, ExtractKind::Suffix].into_iter().find_map(|kind| {
            let pieces = Extractor::new().kind(kind.clone()).extract(&hir);
            searched(pieces)
        });
        Ok(Self { regex, pieces })
    }

    /// Whether the expression matches somewhere in `bytes`.
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// Where the expression matches in `bytes`, from left to right, without overlaps.
    pub fn matches<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> {
        self.regex.find_iter(bytes).map(|found| found.range())
    }

    /// The places in the arena of `batch` at which a field may match; `None` if every field has to be looked at.
    pub(crate) fn candidates(&self, batch: &Batch) -> Option<Candidates> {
        let pieces = self.pieces.as_ref()?;
        let mut places = Vec::new();
        let mut from = 0;
        // Pieces may overlap across the border of two fields, so the search goes on one byte further, not behind the
        // piece.
        while let Some(piece) = pieces.find_at(batch.data(), from) {
            places.push(piece.start());
            if places.len() > batch.len() {
                return None;
            }
            from = piece.start() + 1;
        }
        Some(Candidates { places, next: 0 })
    }
}

/// Places in an arena, rising.
pub(crate) struct Candidates {
    places: Vec<usize>,
    next: usize,
}

impl Candidates {
    /// Whether one of the places lies in one of these fields, or between them. Quick where messages are asked about in
    /// the order in which they lie.
    #[inline]
    pub(crate) fn lies_in_either(&mut self, one: Span, other: Span) -> bool {
        let range =
            |field: Span| (field.len > 0).then(|| (field.start as usize, field.start as usize + field.len as usize));
        let (start, end) = match (range(one), range(other)) {
            (Some(one), Some(other)) => (one.0.min(other.0), one.1.max(other.1)),
            (Some(range), None) | (None, Some(range)) => range,
            (None, None) => return false,
        };
        if self.next > 0 && self.places[self.next - 1] >= start {
            self.next = self.places.partition_point(|place| *place < start);
        }
        while self.places.get(self.next).is_some_and(|place| *place < start) {
            self.next += 1;
        }
        self.places.get(self.next).is_some_and(|place| *place < end)
    }
}

/// An expression that finds any of these pieces, if they are few and long enough.
fn searched(pieces: Seq) -> Option<Regex> {
    let pieces: Vec<&[u8]> = pieces.literals()?.iter().map(Literal::as_bytes).collect();
    if pieces.is_empty() || pieces.len() > PIECES_MAX || pieces.iter().any(|piece| piece.len() < PIECE_BYTES_MIN) {
        return None;
    }
    let escaped = |piece: &&[u8]| piece.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let any: Vec<String> = pieces.iter().map(escaped).collect();
    Regex::new(&format!("(?-u:{})", any.join("|"))).ok()
}

/// The last line of such an error is the one that says what is wrong.
fn bad(text: &str, error: &str) -> Error {
    let why = error.lines().last().unwrap_or_default().trim();
    Error::new(ErrorKind::Usage, "read pattern", why.strip_prefix("error: ").unwrap_or(why))
        .with("pattern", format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GrepFields, GrepOptions};
    use kafi_core::Record;

    /// Messages around whose borders pieces of text come together that are in no single field.
    fn batch() -> Batch {
        let mut batch = Batch::new();
        for (key, value) in [
            ("aa", "abc"),
            ("ab", "cab"),
            ("k", "aaabcc"),
            ("", "x\nabc\ny"),
            ("abc", ""),
            ("ABC", "aBc"),
            ("k", "nothing"),
            ("abcabc", "ab"),
        ] {
            batch.push(Record::new("t", Some(key.as_bytes()), Some(value.as_bytes())));
        }
        batch.push(Record::new("t", None, None));
        batch.push(Record::new("t", None, Some(b"\xffabc\xfe")));
        batch
    }

    #[test]
    fn what_is_passed_over_would_not_have_matched() {
        let fields = [(true, true), (true, false), (false, true)];
        for text in [
            "abc",
            "^abc$",
            "abc|nothing",
            "a+bc",
            r"\babc\b",
            "(?s).*abc",
            "[a-z]+abc",
            "ab",
            "",
            "x\\nabc",
            "(?m)^abc$",
            "aabc",
            "zzz",
            r"(?-u)\xffabc",
            "cc$",
        ] {
            for ignore_case in [false, true] {
                let pattern = Pattern::new(text, ignore_case).unwrap();
                for ((key, value), invert) in fields.into_iter().flat_map(|fields| [(fields, false), (fields, true)]) {
                    let look_for = GrepOptions {
                        fields: GrepFields { key, value, headers: false },
                        invert,
                        ..GrepOptions::new(pattern.clone())
                    };
                    let (mut quick, mut slow) = (batch(), batch());
                    look_for.keep_found(&mut quick);
                    slow.retain(|record| look_for.matches(&record));
                    assert_eq!(quick.metas(), slow.metas(), "{text} {ignore_case} {key} {value} {invert}");
                }
            }
        }
    }

    #[test]
    fn several_fixed_words_and_whole_fields() {
        let plain = PatternOptions::default();
        let (fixed, words, whole) = (
            PatternOptions { fixed: true, ..plain },
            PatternOptions { words: true, ..plain },
            PatternOptions { whole: true, ..plain },
        );
        type Texts = &'static [&'static str];
        let cases: [(Texts, PatternOptions, Texts, Texts); 12] = [
            (&["a", "b"], plain, &["xa", "bx"], &["c"]),
            (&["a|b", "c"], words, &["x a", "b.c", "c"], &["ab", "cc", "_a"]),
            (&["a.b"], fixed, &["a.b", "xa.bx"], &["axb"]),
            (&["(", "["], fixed, &["(", "x["], &["]"]),
            (&["A.B"], PatternOptions { ignore_case: true, words: true, ..fixed }, &["a.b", "x A.B!"], &["a.bc"]),
            (&["a+"], whole, &["aaa"], &["aab", "baa", "aaa\n"]),
            (&["a", "bc"], whole, &["a", "bc"], &["abc", "ac"]),
            (&["a|b"], PatternOptions { words: true, ..whole }, &["a", "b"], &["a b"]),
            (&["-foo"], words, &["x -foo x", "-foo"], &["-foobar", "x-foo"]),
            (&["(?x) a # comment", "b"], whole, &["a", "b"], &["ab"]),
            (&["(?i)a", "b"], plain, &["A", "b"], &["B"]),
            (&[""], whole, &[""], &["a"]),
        ];
        for (texts, options, matching, others) in cases {
            let pattern = Pattern::any_of(texts, options).unwrap();
            matching
                .iter()
                .for_each(|text| assert!(pattern.is_match(text.as_bytes()), "{texts:?} {options:?} {text:?}"));
            others
                .iter()
                .for_each(|text| assert!(!pattern.is_match(text.as_bytes()), "{texts:?} {options:?} {text:?}"));
        }
        assert!(Pattern::any_of(&["a)(b", "c"], plain).is_err() && Pattern::any_of(&["a)|(b"], words).is_err());
        assert!(
            Pattern::any_of(&["refunded", "cancelled"], PatternOptions { words: true, ..fixed })
                .unwrap()
                .pieces
                .is_some()
        );
    }

    #[test]
    fn common_expressions_have_pieces() {
        for text in ["abc", "^abc", r#""status":"refunded""#, "[a-z]+: failed", "(one|two|three)", "err(or)?s"] {
            assert!(Pattern::new(text, false).unwrap().pieces.is_some(), "{text}");
        }
        for text in ["", "a", "[0-9]+", ".*", "ab|c"] {
            assert!(Pattern::new(text, false).unwrap().pieces.is_none(), "{text}");
        }
        assert!(Pattern::new("fail", true).unwrap().pieces.is_some());
    }

    #[test]
    fn fields_may_lie_in_any_order() {
        let mut candidates = Candidates { places: vec![3, 10, 20], next: 0 };
        let span = |start, len| Span { start, len };
        let alone = [(18, 3, true), (0, 4, true), (4, 6, false), (10, 1, true), (21, 100, false), (3, 0, false)];
        for (start, len, expected) in alone {
            assert_eq!(candidates.lies_in_either(span(start, len), Span::NULL), expected, "{start} {len}");
            assert_eq!(candidates.lies_in_either(Span::NULL, span(start, len)), expected, "{start} {len}");
        }
        assert!(
            candidates.lies_in_either(span(0, 1), span(2, 2)) && candidates.lies_in_either(span(19, 2), span(11, 2))
        );
        assert!(
            !candidates.lies_in_either(span(11, 2), span(14, 6)) && !candidates.lies_in_either(Span::NULL, Span::NULL)
        );
    }

    #[test]
    fn what_is_no_expression_says_why() {
        assert_eq!(
            Pattern::new("a(b", false).unwrap_err().to_string(),
            r#"read pattern: pattern "a(b": unclosed group"#
        );
    }
}
