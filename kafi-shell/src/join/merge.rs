//! The projection that joins have by default: the members of two JSON objects in one.

use std::borrow::Cow;
use std::collections::HashMap;
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
    /// Which of theirs have names that ours have, too.
    in_left: Vec<bool>,
}

/// Beyond so many members names are found by their hashes.
const FEW: usize = 16;

/// Where the members of an object stand, by their names.
enum Places<'t> {
    Few(&'t [Member], &'t str),
    Many(HashMap<Cow<'t, str>, usize>),
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
        let Self { ours, theirs, in_left } = self;
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
        let places = Places::of(theirs, right);
        in_left.clear();
        in_left.resize(theirs.len(), false);
        let mut at = 0;
        for member in ours.iter() {
            // The last of several members of a name counts.
            if let Some(index) = places.last(member, left) {
                out.extend_from_slice(&left.as_bytes()[at..member.value.start]);
                out.extend_from_slice(&right.as_bytes()[theirs[index].value.clone()]);
                at = member.value.end;
                in_left[index] = true;
            }
        }
        let end = ours.last().map_or(1, |member| member.value.end);
        out.extend_from_slice(&left.as_bytes()[at..end]);
        let mut has_members = !ours.is_empty();
        for (index, other) in theirs.iter().enumerate() {
            if in_left[index] || places.last(other, right) != Some(index) {
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

impl<'t> Places<'t> {
    fn of(members: &'t [Member], object: &'t str) -> Self {
        if members.len() <= FEW {
            return Self::Few(members, object);
        }
        let places = members.iter().enumerate().map(|(index, member)| (member.characters(object), index));
        Self::Many(places.collect())
    }

    /// The place of the last member that has the name of this one, of `object`.
    fn last(&self, member: &Member, object: &str) -> Option<usize> {
        match self {
            Self::Few(members, own) => members.iter().rposition(|other| {
                if member.is_escaped || other.is_escaped {
                    return member.characters(object) == other.characters(own);
                }
                object.as_bytes()[member.inner()] == own.as_bytes()[other.inner()]
            }),
            Self::Many(places) => places.get(&*member.characters(object)).copied(),
        }
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

    #[test]
    fn wide_objects_are_merged_as_small_ones() {
        // So many that a search for each among all would take minutes.
        const MEMBERS: usize = 60_000;
        let object = |members: &mut dyn Iterator<Item = String>| {
            let members: Vec<String> = members.collect();
            format!("{{{}}}", members.join(","))
        };
        let left = object(&mut (0..MEMBERS).map(|n| format!("\"n{n}\":{n}")));
        let mut theirs = (MEMBERS / 2..MEMBERS + MEMBERS / 2).map(|n| format!("\"\\u006e{n}\":-1"));
        let right = object(&mut theirs.by_ref().chain(["\"n0\":7".into(), "\"z\":1".into(), "\"z\":2".into()]));
        let mut expected = (0..MEMBERS).map(|n| match n {
            0 => "\"n0\":7".to_string(),
            n if n < MEMBERS / 2 => format!("\"n{n}\":{n}"),
            n => format!("\"n{n}\":-1"),
        });
        let new = (MEMBERS..MEMBERS + MEMBERS / 2).map(|n| format!("\"\\u006e{n}\":-1"));
        let expected = object(&mut expected.by_ref().chain(new).chain(["\"z\":2".into()]));
        assert!(merged(&left, &right) == expected);
    }

    #[test]
    fn names_are_found_alike_whether_there_are_few_or_many() {
        for members in [FEW, FEW + 1] {
            let names: Vec<String> = (2..members).map(|n| format!("\"n{n}\":0")).collect();
            let right = format!("{{\"a\":1,{},\"\\u0061\":2}}", names.join(","));
            let left = r#"{"\u0061":0,"n2":9}"#;
            assert_eq!(merged(left, &right), format!(r#"{{"\u0061":2,"n2":0,{}}}"#, names[1..].join(",")));
        }
    }
}
