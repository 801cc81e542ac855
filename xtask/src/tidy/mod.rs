//! The house rules that no compiler checks.

mod circles;
mod files;
mod lengths;
mod links;
mod lints;
mod names;
mod one_pass;
mod packages;
mod unsafety;
mod words;

use crate::{Result, workspace};
use files::File;

/// A rule: its name, and what it finds wrong in the files of the repository.
type Rule = (&'static str, fn(&[File]) -> Vec<String>);

const RULES: [Rule; 9] = [
    ("files are short", lengths::check),
    ("files are stairs", circles::check),
    ("nothing is left to be done", words::check),
    ("every crate has the workspace's lints", lints::check),
    ("unsafe code has its place", unsafety::check),
    ("the table of one pass is true", one_pass::check),
    ("links lead somewhere", links::check),
    ("what is published says what it is", packages::check),
    ("nobody is sent to another package", names::check),
];

/// Checks all rules, and reports everything that is wrong.
pub fn run() -> Result<()> {
    let files = files::read(workspace::root())?;
    let wrong: Vec<String> = RULES
        .iter()
        .flat_map(|(name, check)| check(&files).into_iter().map(move |what| format!("{what} ({name})")))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{} house rules are broken:\n{}", wrong.len(), wrong.join("\n")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_repository_is_tidy() {
        assert_eq!(super::run(), Ok(()));
    }
}
