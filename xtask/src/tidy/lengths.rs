//! A file that cannot be read in one go is two files.

use super::File;

const LINES_MAX: usize = 600;

/// Programs with too many lines.
pub fn check(files: &[File]) -> Vec<String> {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines, at most {LINES_MAX} are allowed", file.path))
    };
    files.iter().filter(|file| file.is_source()).filter_map(long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_must_be_short() {
        let text = "\n".repeat(601);
        let files = [
            File::new("a.rs", &text),
            File::new("b.rs", &text[1..]),
            File::new("c.md", &text),
            File::new("run", &format!("#!/bin/sh{text}")),
        ];
        assert_eq!(
            check(&files),
            ["a.rs: 601 lines, at most 600 are allowed", "run: 601 lines, at most 600 are allowed"]
        );
    }
}
