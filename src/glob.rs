//! Globs over the names of topics: `orders-*`, `{a,b}`, `v?`, `[ab]*`.

use kafi_core::{Error, ErrorKind, Result};
use regex::Regex;

/// A glob over names.
#[derive(Clone, Debug)]
pub struct Glob(Regex);

impl Glob {
    /// Reads a glob: `*` any characters, `?` one, `[abc]` one of these, `{a,b}` either.
    ///
    /// # Errors
    /// `Usage` for brackets that do not fit.
    pub fn parse(text: &str) -> Result<Self> {
        let mut regex = String::from("^(?:");
        let mut braces = 0;
        for c in text.chars() {
            match c {
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
                '[' | ']' | '-' => regex.push(c),
                c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push_str(")$");
        let bad =
            || Error::new(ErrorKind::Usage, "read glob", "its brackets do not fit").with("glob", format!("{text:?}"));
        Regex::new(&regex).map(Self).map_err(|_| bad())
    }

    /// Whether `name` is among what is meant.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_a_shell_means() {
        for (glob, yes, no) in [
            ("orders-*", vec!["orders-", "orders-1"], vec!["orders", "xorders-1"]),
            ("{a,b.c}", vec!["a", "b.c"], vec!["bxc", "{a,b.c}", "ab.c"]),
            ("v?", vec!["v1"], vec!["v", "v12"]),
            ("[ab]-x", vec!["a-x", "b-x"], vec!["c-x"]),
            ("a.*", vec!["a.b"], vec!["ab"]),
        ] {
            let parsed = Glob::parse(glob).unwrap();
            yes.iter().for_each(|name| assert!(parsed.matches(name), "{glob} {name}"));
            no.iter().for_each(|name| assert!(!parsed.matches(name), "{glob} {name}"));
        }
        assert!(Glob::parse("{a").is_err() && Glob::parse("[a").is_err());
    }
}
