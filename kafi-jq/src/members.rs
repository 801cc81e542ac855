//! Where the members of a value lie, found while it is checked: it is not looked through again for each of them.

use std::ops::Range;

use kafi_core::json_text::{Fault, Scanner};

/// The members of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    members: Vec<Member>,
    /// Where the object lies in its text.
    object: Range<usize>,
    has_escapes: bool,
}

#[derive(Clone, Debug)]
struct Member {
    /// The name without its quotes.
    name: Range<usize>,
    value: Range<usize>,
}

impl Members {
    /// Looks through the object that a text begins with, which must be all of it.
    ///
    /// # Errors
    /// What is no JSON.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), Fault> {
        self.members.clear();
        self.has_escapes = false;
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.space();
        let start = scanner.position();
        scanner.expect(b'{', "an object must begin with {")?;
        while let Some(member) = scanner.member(self.members.is_empty())? {
            self.has_escapes |= member.name_escaped;
            let name = member.name.start + 1..member.name.end - 1;
            self.members.push(Member { name, value: member.value });
        }
        self.object = start..scanner.position();
        scanner.end()
    }

    /// Where the object lies in its text.
    pub(crate) fn object(&self) -> Range<usize> {
        self.object.clone()
    }

    /// Whether the names are what they look like.
    pub(crate) fn has_plain_names(&self) -> bool {
        !self.has_escapes
    }

    /// Whether a name is there twice.
    pub(crate) fn has_twins(&self, text: &str) -> bool {
        let names = |members: &[Member], name: &str| members.iter().any(|other| text[other.name.clone()] == *name);
        self.members.iter().enumerate().any(|(at, member)| names(&self.members[..at], &text[member.name.clone()]))
    }

    /// Where the value of this member lies; of several the last.
    pub(crate) fn find(&self, text: &str, name: &str) -> Option<Range<usize>> {
        let is_it = |member: &&Member| text.as_bytes()[member.name.clone()] == *name.as_bytes();
        self.members.iter().rev().find(is_it).map(|member| member.value.clone())
    }
}
