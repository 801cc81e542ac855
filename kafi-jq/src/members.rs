//! Where the members of a value lie, found while it is checked: it is not looked through again for each of them.

use std::ops::Range;

use kafi_core::json_text::{Fault, Scanner};

/// The members of an object.
///
/// Messages of a topic are alike: what stands between the values of one, names, colons, commas, is nearly always what
/// stood there in the one before. It is compared with that, and looked at only where it differs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// What stands before the values, of this object and perhaps of a longer one before it.
    leads: Vec<Lead>,
    /// The bytes of the leads, one after another.
    bytes: Vec<u8>,
    /// Where the values of this object lie.
    values: Vec<Range<usize>>,
    /// Where the object lies in its text.
    object: Range<usize>,
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
    /// Whether two of the names up to it are the same.
    has_twins: bool,
}

impl Members {
    /// Looks through the object that a text begins with, which must be all of it.
    ///
    /// # Errors
    /// What is no JSON.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), Fault> {
        let bytes = text.as_bytes();
        self.values.clear();
        let mut at = 0;
        while let Some(value_start) = self.next_value(bytes, at)? {
            let mut scanner = Scanner::at(bytes, value_start);
            let value = scanner.value()?;
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
        scanner.end()
    }

    /// Where the next value begins, behind what stands before it at `at`; none at the end of the object.
    #[inline]
    fn next_value(&mut self, bytes: &[u8], at: usize) -> Result<Option<usize>, Fault> {
        if let Some(lead) = self.leads.get(self.values.len()) {
            let known = &self.bytes[lead.start..lead.end];
            // What begins a value does not belong to what stands before it: a known lead may end within white space.
            if bytes[at..].starts_with(known) {
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

        let index = self.values.len();
        self.leads.truncate(index);
        let start = self.leads.last().map_or(0, |lead| lead.end);
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(&bytes[at..end]);
        let name = &bytes[name_start..name_end];
        let (had_escapes, had_twins) =
            self.leads.last().map_or((false, false), |lead| (lead.has_escapes, lead.has_twins));
        let has_twins = had_twins || self.find_before(index, name).is_some();
        self.leads.push(Lead {
            start,
            name: start + name_start - at..start + name_end - at,
            end: start + end - at,
            has_escapes: is_escaped || had_escapes,
            has_twins,
        });
        Ok(Some(end))
    }

    /// Where the object lies in its text.
    pub(crate) fn object(&self) -> Range<usize> {
        self.object.clone()
    }

    /// Whether the names are what they look like.
    pub(crate) fn has_plain_names(&self) -> bool {
        self.last().is_none_or(|lead| !lead.has_escapes)
    }

    /// Whether a name is there twice.
    pub(crate) fn has_twins(&self) -> bool {
        self.last().is_some_and(|lead| lead.has_twins)
    }

    /// What stands before the last value.
    fn last(&self) -> Option<&Lead> {
        self.leads.get(self.values.len().checked_sub(1)?)
    }

    /// Where the value of this member lies; of several the last.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<Range<usize>> {
        self.find_before(self.values.len(), name.as_bytes()).map(|index| self.values[index].clone())
    }

    #[inline]
    fn find_before(&self, end: usize, name: &[u8]) -> Option<usize> {
        self.leads[..end].iter().rposition(|lead| self.bytes[lead.name.clone()] == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The object's place, whether names have escapes, whether there are twins, and the names `a`, `b`, and `c`.
    fn seen(members: &Members, text: &str) -> String {
        let of = |name| members.find(name).map(|range| &text[range]);
        let (escapes, twins) = (!members.has_plain_names(), members.has_twins());
        format!("{} {escapes} {twins} {:?} {:?} {:?}", &text[members.object()], of("a"), of("b"), of("c"))
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
}
