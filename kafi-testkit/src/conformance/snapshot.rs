//! The committed list of the cases that a storage does not run.

use std::fs;
use std::path::Path;

use super::check::{Failure, Verdict, check};

/// Compares the list with the file, or writes the file.
pub(super) fn compare(storage: &str, ignored: &[(String, String)], path: &Path, bless: bool) -> Verdict {
    let text = text(storage, ignored);
    if bless {
        return fs::write(path, text).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())));
    }
    let before = match fs::read_to_string(path) {
        Ok(before) => before,
        Err(error) => return Err(Failure::new(format_args!("{}: {error}; --bless writes it", path.display()))),
    };
    let only_in = |some: &str, others: &str, mark: &str| -> String {
        some.lines()
            .filter(|line| !others.lines().any(|other| other == *line))
            .map(|line| format!("\n{mark} {line}"))
            .collect()
    };
    let difference = only_in(&before, &text, "-") + &only_in(&text, &before, "+");
    check(
        before == text,
        format_args!(
            "{}: the ignored cases have changed; look at them, then run with --bless{difference}",
            path.display()
        ),
    )
}

fn text(storage: &str, ignored: &[(String, String)]) -> String {
    let lines: String = ignored.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
    format!("# The conformance cases that `{storage}` does not run, and why. Written by --bless.\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_list_and_a_missing_file_are_failures() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("mem.txt");
        let list = |names: &[&str]| {
            names.iter().map(|name| (name.to_string(), "lacks consume".to_string())).collect::<Vec<_>>()
        };
        let missing = compare("mem", &list(&["a"]), &path, false).unwrap_err().to_string();
        assert!(missing.contains("--bless writes it"), "{missing}");
        assert!(compare("mem", &list(&["a", "b"]), &path, true).is_ok());
        assert!(compare("mem", &list(&["a", "b"]), &path, false).is_ok());
        let changed = compare("mem", &list(&["b", "c"]), &path, false).unwrap_err().to_string();
        assert!(changed.ends_with("\n- a: lacks consume\n+ c: lacks consume"), "{changed}");
    }
}
