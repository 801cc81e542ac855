//! The projection that joins have by default: the members of two JSON objects in one.

use std::borrow::Cow;
use std::ops::Range;

use kafi_core::json_text::{Fault, Scanner, unescape};
use kafi_core::{Error, ErrorKind, Result};

/// Appends the object `left` with all members of `right`; where both have a name, the right value stands in the left one's
/// place. Everything else stays as it is written. Null counts as an object without members.
///
/// ```
/// let mut merged = Vec::new();
/// kafi_shell::merge_objects(r#"{"a": 1.0, "b": 2}"#, r#"{"b":null,"c":3}"#, &mut merged)?;
/// assert_eq!(merged, br#"{"a": 1.0, "b": null,"c":3}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
///
/// # Errors
/// `Function` where one of the two is anything else.
pub fn merge_objects(left: &str, right: &str, out: &mut Vec<u8>) -> Result<()> {
    ObjectMerger::default().merge(left, right, out)
}

/// [`merge_objects`] for many pairs: it keeps its memory.
#[derive(Debug, Default)]
pub struct ObjectMerger {
    ours: Vec<Member>,
    theirs: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: Range<usize>,
    is_escaped: bool,
    value: Range<usize>,
}

impl ObjectMerger {
    /// As [`merge_objects`].
    ///
    /// # Errors
    /// As for [`merge_objects`].
    pub fn merge(&mut self, left: &str, right: &str, out: &mut Vec<u8>) -> Result<()> {
        let (left, right) = (left.trim(), right.trim());
        let Self { ours, theirs } = self;
        if left == "null" || right == "null" {
            let other = if left == "null" { right } else { left };
            if other != "null" {
                read(other, ours)?;
            }
            out.extend_from_slice(other.as_bytes());
            return Ok(());
        }
        read(left, ours)?;
        read(right, theirs)?;
        let is_same = |member: &Member, other: &Member| {
            if member.is_escaped || other.is_escaped {
                return member.characters(left) == other.characters(right);
            }
            left.as_bytes()[member.inner()] == right.as_bytes()[other.inner()]
        };
        let mut at = 0;
        for member in ours.iter() {
            // The last of several members of a name counts.
            if let Some(other) = theirs.iter().rev().find(|other| is_same(member, other)) {
                out.extend_from_slice(&left.as_bytes()[at..member.value.start]);
                out.extend_from_slice(&right.as_bytes()[other.value.clone()]);
                at = member.value.end;
            }
        }
        let end = ours.last().map_or(1, |member| member.value.end);
        out.extend_from_slice(&left.as_bytes()[at..end]);
        let mut has_members = !ours.is_empty();
        for (index, other) in theirs.iter().enumerate() {
            let is_ours = ours.iter().any(|member| is_same(member, other));
            if is_ours || theirs[index + 1..].iter().any(|later| later.characters(right) == other.characters(right)) {
                continue;
            }
            if has_members {
                out.push(b',');
            }
            has_members = true;
            out.extend_from_slice(&right.as_bytes()[other.name.start..other.value.end]);
        }
        out.extend_from_slice(&left.as_bytes()[end..]);
        Ok(())
    }
}

impl Member {
    /// Where the name lies without its quotes.
    fn inner(&self) -> Range<usize> {
        self.name.start + 1..self.name.end - 1
    }

    /// The characters of the name.
    fn characters<'t>(&self, object: &'t str) -> Cow<'t, str> {
        let inner = &object[self.inner()];
        let mut characters = Vec::new();
        if !self.is_escaped || unescape(inner, &mut characters).is_err() {
            return Cow::Borrowed(inner);
        }
        Cow::Owned(String::from_utf8(characters).expect("characters are UTF-8"))
    }
}

fn read(object: &str, members: &mut Vec<Member>) -> Result<()> {
    let failed = |_: Fault| {
        let shown: String = object.chars().take(40).collect();
        Error::new(ErrorKind::Function, "merge values", format!("{shown} is no JSON object"))
            .hint("a projection (--project) may make something else of the two messages")
    };
    members.clear();
    let mut scanner = Scanner::new(object.as_bytes());
    scanner.expect(b'{', "an object begins with {").map_err(failed)?;
    while let Some(member) = scanner.member(members.is_empty()).map_err(failed)? {
        members.push(Member { name: member.name, is_escaped: member.name_escaped, value: member.value });
    }
    scanner.end().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(left: &str, right: &str) -> String {
        let mut out = Vec::new();
        match merge_objects(left, right, &mut out) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => format!("! {}", error.message()),
        }
    }

    #[test]
    fn members_are_put_together_and_the_right_ones_win() {
        for (left, right, expected) in [
            (r#"{"a":1}"#, r#"{"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{ "a" : 1.0 , "b" : 2 }"#, r#"{ "b": [3] , "c" : 4 }"#, r#"{ "a" : 1.0 , "b" : [3],"c" : 4 }"#),
            ("{}", r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"a":1}"#, "{ }", r#"{"a":1}"#),
            (r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"\u0061":2}"#),
            (r#"{"a":1}"#, r#"{"b":1,"c":2,"b":3}"#, r#"{"a":1,"c":2,"b":3}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":3}"#, r#"{"a":3,"a":3}"#),
            ("null", r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"a":1}"#, "null", r#"{"a":1}"#),
            ("null", "null", "null"),
            ("1", "{}", "! 1 is no JSON object"),
            ("{}", "[]", "! [] is no JSON object"),
            ("null", "\"x\"", "! \"x\" is no JSON object"),
            ("{", "{}", "! { is no JSON object"),
        ] {
            assert_eq!(merged(left, right), expected, "{left} {right}");
        }
    }
}
