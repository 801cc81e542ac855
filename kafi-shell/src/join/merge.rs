//! The projection that joins have by default: the members of two JSON objects in one.

use std::borrow::Cow;
use std::collections::HashMap;

use kafi_core::json_text::{Members, Shape, unescape};
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

/// [`merge_objects`] for many pairs: it keeps its memory, and, while members have the same names, what becomes of them.
#[derive(Debug, Default)]
pub struct ObjectMerger {
    ours: Members,
    theirs: Members,
    plan: Plan,
}

/// What becomes of the members of two objects.
#[derive(Debug, Default)]
struct Plan {
    /// The objects it is for.
    shapes: Option<[Shape; 2]>,
    /// Their members whose values replace ours, for each of ours.
    replaced: Vec<Option<usize>>,
    /// Their members that we have not, in their order.
    added: Vec<usize>,
    /// Which of theirs have names that ours have, too.
    are_ours: Vec<bool>,
}

/// Beyond so many members names are found by their hashes.
const FEW: usize = 16;

/// Where the members of an object stand, by their names.
enum Places<'m> {
    Few(&'m Members),
    Many(HashMap<Cow<'m, [u8]>, usize>),
}

impl ObjectMerger {
    /// As [`merge_objects`].
    ///
    /// # Errors
    /// As for [`merge_objects`].
    pub fn merge(&mut self, left: &str, right: &str, out: &mut Vec<u8>) -> Result<()> {
        let (left, right) = (left.trim_ascii(), right.trim_ascii());
        let Self { ours, theirs, plan } = self;
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
        plan.make(ours, theirs);
        let mut at = 0;
        for (index, other) in plan.replaced.iter().enumerate() {
            if let Some(other) = *other {
                let value = ours.value(index);
                out.extend_from_slice(&left.as_bytes()[at..value.start]);
                out.extend_from_slice(&right.as_bytes()[theirs.value(other)]);
                at = value.end;
            }
        }
        let end = if ours.is_empty() { 1 } else { ours.value(ours.len() - 1).end };
        out.extend_from_slice(&left.as_bytes()[at..end]);
        let mut has_members = !ours.is_empty();
        for &index in &plan.added {
            if has_members {
                out.push(b',');
            }
            has_members = true;
            out.extend_from_slice(&right.as_bytes()[theirs.name_start(index)..theirs.value(index).end]);
        }
        out.extend_from_slice(&left.as_bytes()[end..]);
        Ok(())
    }
}

impl Plan {
    /// Makes it the plan for these, unless it is that.
    fn make(&mut self, ours: &Members, theirs: &Members) {
        let shapes = Some([ours.shape(), theirs.shape()]);
        if self.shapes == shapes {
            return;
        }
        let Self { replaced, added, are_ours, .. } = self;
        let places = Places::of(theirs);
        are_ours.clear();
        are_ours.resize(theirs.len(), false);
        replaced.clear();
        replaced.extend((0..ours.len()).map(|index| {
            let place = places.last(ours.name(index));
            place.inspect(|&place| are_ours[place] = true)
        }));
        let is_added = |&index: &usize| !are_ours[index] && places.last(theirs.name(index)) == Some(index);
        added.clear();
        added.extend((0..theirs.len()).filter(is_added));
        self.shapes = shapes;
    }
}

impl<'m> Places<'m> {
    fn of(members: &'m Members) -> Self {
        if members.len() <= FEW {
            return Self::Few(members);
        }
        Self::Many((0..members.len()).map(|index| (characters(members.name(index)), index)).collect())
    }

    /// The place of the last member of this name: of several that one counts.
    fn last(&self, name: &[u8]) -> Option<usize> {
        match self {
            Self::Few(members) => {
                let name = characters(name);
                (0..members.len()).rev().find(|&index| characters(members.name(index)) == name)
            }
            Self::Many(places) => places.get(&characters(name)).copied(),
        }
    }
}

/// The characters of a name.
fn characters(name: &[u8]) -> Cow<'_, [u8]> {
    let mut characters = Vec::new();
    let is_escaped = name.contains(&b'\\');
    let text = std::str::from_utf8(name).unwrap_or_default();
    if !is_escaped || unescape(text, &mut characters).is_err() {
        return Cow::Borrowed(name);
    }
    Cow::Owned(characters)
}

fn read(object: &str, members: &mut Members) -> Result<()> {
    members.read(object).map_err(|_| {
        let shown: String = object.chars().take(40).collect();
        Error::new(ErrorKind::Function, "merge values", format!("{shown} is no JSON object"))
            .hint("a projection (--project) may make something else of the two messages")
    })
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

    #[test]
    fn what_was_merged_before_changes_nothing() {
        let objects = [
            r#"{"a":1,"b":2}"#,
            r#"{"a":3,"b":4}"#,
            r#"{"b":5,"a":6}"#,
            r#"{"a":7}"#,
            "{}",
            r#"{"c":8,"b":9}"#,
            r#"{"\u0061":10,"b":11}"#,
            "null",
        ];
        let pairs = || objects.iter().flat_map(|left| objects.iter().map(move |right| (left, right)));
        for before in pairs() {
            for (left, right) in pairs() {
                let mut merger = ObjectMerger::default();
                let (mut out, mut ignored) = (Vec::new(), Vec::new());
                for (left, right) in [before, (left, right), before] {
                    merger.merge(left, right, &mut ignored).unwrap();
                }
                merger.merge(left, right, &mut out).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), merged(left, right), "{left} {right} behind {before:?}");
            }
        }
    }
}
