//! Where the members of a value lie, found while it is checked: it is not looked through again for each of them.

use std::ops::Range;

use crate::json::scan::{Fault, Scanner, digits, plain_bytes};

/// The members of an object.
///
/// Messages of a topic are alike: what stands between the values of one, names, colons, commas, is nearly always what
/// stood there in the one before. It is compared with that, and looked at only where it differs.
///
/// ```
/// use kafi_core::json_text::Members;
/// let (mut members, text) = (Members::default(), r#" {"a": 1, "b": [2]}"#);
/// members.read(text).unwrap();
/// assert_eq!(members.find("b").map(|value| &text[value]), Some("[2]"));
/// assert_eq!((members.len(), members.name(0), members.name_start(1)), (2, &b"a"[..], 10));
/// assert!(members.read("[]").is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// What stands before the values, of this object and perhaps of a longer one before it.
    leads: Vec<Lead>,
    /// The bytes of the leads, one after another.
    bytes: Vec<u8>,
    /// Where the values of this object lie.
    values: Vec<Range<usize>>,
    /// Where the object lies in its text.
    object: Range<usize>,
    /// How often a lead was looked at.
    learned: u64,
    /// The names in order, by their places.
    order: Vec<u32>,
    /// Whether two of the names are the same, and of which object that is known.
    twins: (Option<Shape>, bool),
}

/// The names of an object: while it is the same, so are they, and the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    learned: u64,
    members: usize,
}

/// A brace or comma, a name, a colon, and the white space around them.
#[derive(Clone, Debug)]
struct Lead {
    /// Where it begins among the bytes of all.
    start: usize,
    /// Where its name lies there, without quotes.
    name: Range<usize>,
    end: usize,
    /// Whether its name, or one before it, has escapes.
    has_escapes: bool,
}

impl Members {
    /// Looks through the object that a text begins with, which must be all of it.
    ///
    /// # Errors
    /// What is no object in JSON.
    pub fn read(&mut self, text: &str) -> Result<(), Fault> {
        let bytes = text.as_bytes();
        self.values.clear();
        let mut at = 0;
        while let Some(value_start) = self.next_value(bytes, at)? {
            let value = match simple_end(bytes, value_start) {
                Some(end) => value_start..end,
                None => Scanner::at(bytes, value_start).value()?,
            };
            at = value.end;
            self.values.push(value);
        }
        let mut scanner = Scanner::at(bytes, at);
        if self.values.is_empty() {
            scanner.space();
            scanner.expect(b'{', "an object must begin with {")?;
        }
        scanner.space();
        scanner.expect(b'}', "a comma or } is missing")?;
        let start = bytes.iter().position(|&byte| byte == b'{').unwrap_or_default();
        self.object = start..scanner.position();
        scanner.end()?;
        self.look_for_twins();
        Ok(())
    }

    /// Finds out whether two names are the same, unless these were those before.
    #[inline]
    fn look_for_twins(&mut self) {
        let shape = self.shape();
        if self.twins.0 == Some(shape) {
            return;
        }
        let Self { leads, bytes, order, .. } = self;
        let name = |index: u32| &bytes[leads[index as usize].name.clone()];
        order.clear();
        order.extend(0..shape.members as u32);
        order.sort_unstable_by_key(|&index| name(index));
        let has_twins = order.windows(2).any(|pair| name(pair[0]) == name(pair[1]));
        self.twins = (Some(shape), has_twins);
    }

    /// Where the next value begins, behind what stands before it at `at`; none at the end of the object.
    #[inline]
    fn next_value(&mut self, bytes: &[u8], at: usize) -> Result<Option<usize>, Fault> {
        if let Some(lead) = self.leads.get(self.values.len()) {
            let known = &self.bytes[lead.start..lead.end];
            // What begins a value does not belong to what stands before it: a known lead may end within white space.
            if starts_with(&bytes[at..], known) {
                return Ok(Some(at + known.len()));
            }
        }
        if bytes.get(at) == Some(&b'}') {
            return Ok(None);
        }
        self.learn(bytes, at)
    }

    /// Looks at what stands before the next value, and keeps it.
    #[cold]
    fn learn(&mut self, bytes: &[u8], at: usize) -> Result<Option<usize>, Fault> {
        let mut scanner = Scanner::at(bytes, at);
        let is_first = self.values.is_empty();
        scanner.space();
        if is_first {
            scanner.expect(b'{', "an object must begin with {")?;
        }
        scanner.space();
        match scanner.peek() {
            Some(b'}') => return Ok(None),
            Some(b',') if !is_first => {
                scanner.expect(b',', "a comma or } is missing")?;
                scanner.space();
            }
            _ if !is_first => return scanner.fault("a comma or } is missing"),
            _ => {}
        }
        let name_start = scanner.position() + 1;
        if scanner.peek() != Some(b'"') {
            return scanner.fault("a name in quotes is missing");
        }
        let is_escaped = scanner.string()?;
        let name_end = scanner.position() - 1;
        scanner.space();
        scanner.expect(b':', "a colon is missing after the name")?;
        scanner.space();
        let end = scanner.position();

        self.learned += 1;
        let index = self.values.len();
        self.leads.truncate(index);
        let start = self.leads.last().map_or(0, |lead| lead.end);
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(&bytes[at..end]);
        let had_escapes = self.leads.last().is_some_and(|lead| lead.has_escapes);
        self.leads.push(Lead {
            start,
            name: start + name_start - at..start + name_end - at,
            end: start + end - at,
            has_escapes: is_escaped || had_escapes,
        });
        Ok(Some(end))
    }

    /// Where the object lies in its text.
    pub fn object(&self) -> Range<usize> {
        self.object.clone()
    }

    /// How many there are, those whose name is there twice, too.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The name of a member as it stands there, without its quotes.
    pub fn name(&self, index: usize) -> &[u8] {
        &self.bytes[self.leads[index].name.clone()]
    }

    /// Where the name of a member begins in the text, with its quote.
    pub fn name_start(&self, index: usize) -> usize {
        let lead = &self.leads[index];
        // A lead begins where the value before it ends.
        let start = index.checked_sub(1).map_or(0, |before| self.values[before].end);
        start + lead.name.start - lead.start - 1
    }

    /// Where the value of a member lies in the text.
    pub fn value(&self, index: usize) -> Range<usize> {
        self.values[index].clone()
    }

    /// What tells whether names are those of the object before.
    pub fn shape(&self) -> Shape {
        Shape { learned: self.learned, members: self.values.len() }
    }

    /// Whether the names are what they look like.
    pub fn has_plain_names(&self) -> bool {
        self.last().is_none_or(|lead| !lead.has_escapes)
    }

    /// Whether a name is there twice.
    pub fn has_twins(&self) -> bool {
        self.twins.1
    }

    /// What stands before the last value.
    fn last(&self) -> Option<&Lead> {
        self.leads.get(self.values.len().checked_sub(1)?)
    }

    /// Where the value of this member lies; of several the last.
    #[inline]
    pub fn find(&self, name: &str) -> Option<Range<usize>> {
        let leads = &self.leads[..self.values.len()];
        let index = leads.iter().rposition(|lead| self.bytes[lead.name.clone()] == *name.as_bytes())?;
        Some(self.values[index].clone())
    }
}

/// Where a value ends that begins there, if it is what most are: a string without escapes, or a number that is written
/// simply. Everything else is the scanner's, what is wrong included.
#[inline]
fn simple_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (first, rest) = bytes.get(start..)?.split_first()?;
    match first {
        b'"' => {
            let length = plain_bytes(rest);
            (rest.get(length) == Some(&b'"')).then_some(start + length + 2)
        }
        b'1'..=b'9' => {
            let mut length = digits(rest);
            if rest.get(length) == Some(&b'.') {
                let decimals = digits(&rest[length + 1..]);
                if decimals == 0 {
                    return None;
                }
                length += 1 + decimals;
            }
            (!matches!(rest.get(length), Some(b'e' | b'E'))).then_some(start + length + 1)
        }
        _ => None,
    }
}

/// Whether bytes start with these, which are few: what a call would cost is more than what it does.
#[inline]
fn starts_with(bytes: &[u8], known: &[u8]) -> bool {
    let Some(start) = bytes.get(..known.len()) else { return false };
    if let (Some(one), Some(other)) = (start.first_chunk::<8>(), known.first_chunk::<8>())
        && known.len() <= 16
    {
        // The last eight may overlap the first.
        return one == other && start.last_chunk::<8>() == known.last_chunk();
    }
    if let (Some(one), Some(other)) = (start.first_chunk::<4>(), known.first_chunk::<4>())
        && known.len() < 8
    {
        return one == other && start.last_chunk::<4>() == known.last_chunk();
    }
    start == known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_compared_whole_whatever_their_length() {
        let text: Vec<u8> = (0..40).collect();
        for length in 0..=40 {
            let known = &text[..length];
            assert!(starts_with(&text, known) && starts_with(known, known));
            assert!(length == 0 || !starts_with(&known[..length - 1], known));
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 0x40;
                assert!(!starts_with(&other, known), "{at} of {length}");
            }
        }
    }

    /// The object's place, whether names have escapes, whether there are twins, and the names `a`, `b`, and `c`.
    fn seen(members: &Members, text: &str) -> String {
        let of = |name| members.find(name).map(|range| &text[range]);
        let (escapes, twins) = (!members.has_plain_names(), members.has_twins());
        let all = (0..members.len()).map(|index| {
            let start = members.name_start(index);
            assert!(text.as_bytes()[start + 1..].starts_with(members.name(index)) && text[start..].starts_with('"'));
            &text[start..members.value(index).end]
        });
        let all: Vec<&str> = all.collect();
        format!("{} {escapes} {twins} {all:?} {:?} {:?} {:?}", &text[members.object()], of("a"), of("b"), of("c"))
    }

    #[test]
    fn what_was_read_before_changes_nothing() {
        let texts = [
            r#"{"a":1,"b":"x","c":{"a":[1,2]}}"#,
            r#"{"a":2,"b":"y","c":[]}"#,
            r#"{"a":2,"b":"y"}"#,
            r#"{"a":2}"#,
            "{}",
            " { } ",
            r#" { "a" : 2 , "b":3} "#,
            r#" { "a" : "2" , "b": 3} "#,
            r#"{"a":1,"c":2,"a":3}"#,
            r#"{"a":1,"c":2,"b":3}"#,
            r#"{"a":1,"c":2,"\u0062":3}"#,
            r#"{"a":1,"c":2}"#,
            r#"{"ab":1}"#,
            r#"{"a"1}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":1,"b"}"#,
            r#"{"a":,"b":1}"#,
            r#"{"a":1"b":1}"#,
            r#"{"a":01,"b":1}"#,
            r#"{"a":12.50,"b":1.5e3}"#,
            r#"{"a":12.,"b":1}"#,
            r#"{"a":1e,"b":1}"#,
            r#"{"a":12"#,
            r#"{"a":"x\\y","b":1}"#,
            r#"{"a":"x"#,
            r#"{"a":1,"b":1"#,
            r#"{"a":1}x"#,
            r#"{,"a":1}"#,
            r#"{"a":1,,"b":1}"#,
            r#"{"a""#,
            "{",
            "",
            "1",
        ];
        for before in texts {
            for text in texts {
                let mut members = Members::default();
                let fresh = members.read(text).map(|()| seen(&members, text));
                let mut scanner = Scanner::new(text.as_bytes());
                let is_json = scanner.value().and_then(|_| scanner.end()).is_ok();
                assert_eq!(fresh.is_ok(), is_json && text.trim().starts_with('{'), "{text}");
                for twice in [false, true] {
                    let mut members = Members::default();
                    let _read = members.read(before);
                    if twice {
                        let _read = members.read(texts[0]);
                    }
                    assert_eq!(members.read(text).map(|()| seen(&members, text)), fresh, "{text} behind {before}");
                }
            }
        }
    }

    #[test]
    fn a_shape_stays_while_names_do() {
        let mut members = Members::default();
        let mut shapes = Vec::new();
        for text in [r#"{"a":1,"b":2}"#, r#"{"a":[],"b":"x"}"#, r#"{"a":1}"#, r#"{"b":1}"#, r#"{"a":1,"b":2}"#, "{}"] {
            members.read(text).unwrap();
            shapes.push(members.shape());
        }
        assert_eq!(shapes[0], shapes[1]);
        assert!((1..shapes.len()).all(|at| !shapes[at + 1..].contains(&shapes[at])), "{shapes:?}");
    }
}
