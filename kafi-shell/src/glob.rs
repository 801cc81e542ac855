//! Globs over the names of topics and groups: `orders-*`, `{a,b}`, `v?`, `[ab]*`; and how a name is written that holds
//! such a sign.

use std::time::Duration;

use kafi_core::{Admin, Error, ErrorKind, Result};
use regex::Regex;

/// What means something in a glob; a backslash before it takes it as it is. Before anything else a backslash is one.
const SIGNS: [char; 9] = ['*', '?', '[', ']', '{', '}', ',', '-', '\\'];

/// The signs that make a glob of a name.
const MEANS_SEVERAL: [char; 4] = ['*', '?', '[', '{'];

/// A glob over names.
///
/// ```
/// use kafi_shell::Glob;
/// let glob = Glob::parse(r"{billing,\*}-[0-9*]")?;
/// assert!(glob.matches("billing-7") && glob.matches("*-*") && !glob.matches("x-7"));
/// assert_eq!(Glob::quoted("*-7"), r"\*-7");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glob(Regex);

impl Glob {
    /// Reads a glob: `*` any characters, `?` one, `[abc]`, `[a-c]` one of these, `[!abc]` one that is none of these,
    /// `{a,b}` either. A backslash takes such a sign as it is, and so do the brackets of `[*]`.
    ///
    /// # Errors
    /// `Usage` for brackets that do not fit.
    pub fn parse(text: &str) -> Result<Self> {
        let mut regex = String::from("(?s)^(?:");
        let mut braces = 0;
        let mut signs = signs(text).peekable();
        while let Some((c, is_quoted)) = signs.next() {
            match c {
                c if is_quoted => push_literal(&mut regex, c),
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                '{' => {
                    braces += 1;
                    regex.push_str("(?:");
                }
                '}' if braces > 0 => {
                    braces -= 1;
                    regex.push(')');
                }
                ',' if braces > 0 => regex.push('|'),
                '[' => push_class(&mut regex, &mut signs).ok_or_else(|| unfit(text))?,
                c => push_literal(&mut regex, c),
            }
        }
        regex.push_str(")$");
        Regex::new(&regex).map(Self).map_err(|_| unfit(text))
    }

    /// Whether `name` is among what is meant.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// The names of the topics that it matches, sorted; internal ones only with `all`. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    pub fn topics(&self, admin: &mut dyn Admin, all: bool, timeout: Duration) -> Result<Vec<String>> {
        let topics = admin.topics(&[], timeout)?.into_iter();
        let matching = topics.filter(|topic| (all || !topic.internal) && self.matches(&topic.name));
        Ok(matching.map(|topic| topic.name).collect())
    }

    /// The names of the groups that it matches, sorted. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`GroupAdmin::groups`](kafi_core::GroupAdmin::groups).
    pub fn groups(&self, admin: &mut dyn Admin, timeout: Duration) -> Result<Vec<String>> {
        let names = admin.groups(timeout)?.into_iter().map(|group| group.name);
        Ok(names.filter(|name| self.matches(name)).collect())
    }

    /// Whether a name, as it is written, is a glob.
    pub fn is_glob(text: &str) -> bool {
        signs(text).any(|(c, is_quoted)| !is_quoted && MEANS_SEVERAL.contains(&c))
    }

    /// The name that is written like this, if it is no glob.
    pub fn unquoted(text: &str) -> String {
        signs(text).map(|(c, _)| c).collect()
    }

    /// How a name is written, so that none of its signs means anything.
    pub fn quoted(name: &str) -> String {
        let mut text = String::with_capacity(name.len());
        let mut rest = name.chars().peekable();
        while let Some(c) = rest.next() {
            let before_a_sign = c == '\\' && rest.peek().is_none_or(|next| SIGNS.contains(next));
            if MEANS_SEVERAL.contains(&c) || before_a_sign {
                text.push('\\');
            }
            text.push(c);
        }
        text
    }
}

/// The characters of a text, and whether each is quoted.
fn signs(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || match rest.next()? {
        '\\' => Some(rest.next_if(|next| SIGNS.contains(next)).map_or(('\\', false), |sign| (sign, true))),
        c => Some((c, false)),
    })
}

/// Reads a class up to its end. As in a shell, a closing bracket that comes first is one of its characters.
fn push_class(regex: &mut String, signs: &mut std::iter::Peekable<impl Iterator<Item = (char, bool)>>) -> Option<()> {
    regex.push('[');
    if signs.next_if(|(c, is_quoted)| !is_quoted && matches!(c, '!' | '^')).is_some() {
        regex.push('^');
    }
    let mut is_first = true;
    loop {
        match signs.next()? {
            (']', false) if !is_first => break,
            // What stands first or last is no range.
            ('-', false) if !is_first && signs.peek().is_some_and(|next| *next != (']', false)) => regex.push('-'),
            (c, _) => push_literal(regex, c),
        }
        is_first = false;
    }
    regex.push(']');
    Some(())
}

fn push_literal(regex: &mut String, c: char) {
    regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

fn unfit(text: &str) -> Error {
    let error = Error::new(ErrorKind::Usage, "read glob", "its brackets do not fit").with("glob", format!("{text:?}"));
    error.hint(r"a backslash takes a sign as it is: a\[b")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_a_shell_means() {
        for (glob, yes, no) in [
            ("orders-*", vec!["orders-", "orders-1", "orders-\n"], vec!["orders", "xorders-1"]),
            ("{a,b.c}", vec!["a", "b.c"], vec!["bxc", "{a,b.c}", "ab.c"]),
            ("v?", vec!["v1"], vec!["v", "v12"]),
            ("[ab]-x", vec!["a-x", "b-x"], vec!["c-x"]),
            ("a.*", vec!["a.b"], vec!["ab"]),
            ("[*]", vec!["*"], vec![".", "a", "**", ""]),
            ("[?{},.]", vec!["?", "{", "}", ",", "."], vec!["a", ""]),
            ("[]a]", vec!["]", "a"], vec!["[", "[]a]"]),
            ("[!a-c]", vec!["d", "-"], vec!["a", "b", ""]),
            ("[^a]", vec!["b", "^"], vec!["a"]),
            ("[a-c]", vec!["a", "b", "c"], vec!["-", "d"]),
            ("[-a]", vec!["-", "a"], vec!["b"]),
            ("[a-]", vec!["-", "a"], vec!["b"]),
            (r"[a\-c]", vec!["a", "-", "c"], vec!["b"]),
            (r"[\]]", vec!["]"], vec![r"\", "[]]"]),
            ("[a&&b]", vec!["a", "&", "b"], vec!["c"]),
            (r"\*", vec!["*"], vec![r"\*", "a"]),
            (r"\[a]", vec!["[a]"], vec!["a"]),
            (r"{\,,\}}", vec![",", "}"], vec![r"\", ""]),
            (r"a\b*", vec![r"a\b", r"a\bc"], vec!["ab"]),
            (r"\\*", vec![r"\", r"\x"], vec!["*", r"x"]),
            ("a]}", vec!["a]}"], vec!["a"]),
        ] {
            let parsed = Glob::parse(glob).unwrap();
            yes.iter().for_each(|name| assert!(parsed.matches(name), "{glob} {name}"));
            no.iter().for_each(|name| assert!(!parsed.matches(name), "{glob} {name}"));
        }
        for glob in ["{a", "[a", "[]", "[c-a]", r"[a\]"] {
            assert!(
                Glob::parse(glob).is_err_and(|error| error.hint_text().is_some_and(|hint| hint.contains('\\'))),
                "{glob}"
            );
        }
    }

    #[test]
    fn a_name_is_found_again_however_it_is_called() {
        for name in ["plain", "*", "a?b", "[x]", "{a,b}", "a]b}", r"a\b", r"\*", r"\\", r"a\", "a-b,c", "ä*\n"] {
            let quoted = Glob::quoted(name);
            assert!(!Glob::is_glob(&quoted), "{quoted}");
            assert_eq!(Glob::unquoted(&quoted), name, "{quoted}");
            assert!(Glob::parse(&quoted).unwrap().matches(name), "{quoted}");
        }
        assert_eq!(Glob::quoted(r"a\b-c"), r"a\b-c");
        for (text, name) in [(r"a\b", r"a\b"), (r"a\-b", "a-b"), (r"\[a\]", "[a]"), ("a]", "a]")] {
            assert_eq!((Glob::is_glob(text), Glob::unquoted(text).as_str()), (false, name));
        }
        assert!(["*", "a?", "[", "{a}", r"\\*"].iter().all(|text| Glob::is_glob(text)));
    }
}
