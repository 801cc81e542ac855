//! The table "One pass" of ARCHITECTURE.md names files and items that exist.

use super::File;

const DOCUMENT: &str = "ARCHITECTURE.md";
const HEADING: &str = "## One pass";
const ROWS_MIN: usize = 8;
const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "impl"];

/// Files and items of the table that are not there, and a table that is not there.
pub fn check(files: &[File]) -> Vec<String> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![format!("{DOCUMENT} is missing")];
    };
    let rows: Vec<Vec<&str>> = rows(&document.text).collect();
    let mut wrong = Vec::new();
    if rows.len() < ROWS_MIN {
        wrong.push(format!(
            "{DOCUMENT}: the table under \"{HEADING}\" has {} rows, at least {ROWS_MIN} are expected",
            rows.len()
        ));
    }
    for row in &rows {
        let [stage, places, names, ..] = row.as_slice() else {
            wrong.push(format!("{DOCUMENT}: the row {row:?} has fewer than three columns"));
            continue;
        };
        wrong.extend(check_row(files, places, names).into_iter().map(|what| format!("{DOCUMENT}: {stage}: {what}")));
    }
    wrong
}

fn check_row(files: &[File], places: &str, names: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut wrong = Vec::new();
    for place in quoted(places) {
        match files.iter().find(|file| file.path == place) {
            Some(file) => texts.push(file.text.as_str()),
            None => wrong.push(format!("there is no file {place}")),
        }
    }
    if quoted(places).next().is_none() || quoted(names).next().is_none() {
        wrong.push("a file and a name are needed, in backticks".to_string());
    }
    let parts = quoted(names).flat_map(|name| name.split("::"));
    let missing = parts.filter(|part| !texts.iter().any(|text| defines(text, part)));
    wrong.extend(missing.map(|part| format!("{places} do not define {part}")));
    wrong
}

/// The cells of the table's rows, without its head.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let section = text.split_once(HEADING).map_or("", |(_, section)| section);
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether `text` holds an item of this name.
fn defines(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let ends = text[at + name.len()..].chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_');
        let before = text[..at]
            .strip_suffix(' ')
            .map_or("", |before| before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
        ends && KEYWORDS.contains(&before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "pub trait Reader { fn read(&self); }\nimpl Writer {\n    pub fn write_all() {}\n}\n// read_all is not there\n";

    fn table(row: &str) -> Vec<String> {
        let row = format!("{row}\n").repeat(ROWS_MIN);
        let text = format!(
            "# A\n| a | b | c |\n{HEADING}\n\n| stage | where | names |\n|---|---|---|\n{row}\n## More\n| d | e | f |\n"
        );
        let mut wrong = check(&[File::new(DOCUMENT, &text), File::new("a/b.rs", CODE)]);
        wrong.dedup();
        wrong
    }

    #[test]
    fn a_true_table_passes() {
        assert!(table("| read | `a/b.rs` | `Reader::read`, then `Writer::write_all` |").is_empty());
    }

    #[test]
    fn names_and_files_that_are_not_there_are_found() {
        assert_eq!(
            table("| read | `a/c.rs` `a/b.rs` | `Reader` |"),
            ["ARCHITECTURE.md: read: there is no file a/c.rs"]
        );
        assert_eq!(
            table("| read | `a/b.rs` | `Reader::read_all` |"),
            ["ARCHITECTURE.md: read: `a/b.rs` do not define read_all"]
        );
        assert_eq!(table("| read | `a/b.rs` | `Write` |"), ["ARCHITECTURE.md: read: `a/b.rs` do not define Write"]);
        assert_eq!(
            table("| read | here | there |"),
            ["ARCHITECTURE.md: read: a file and a name are needed, in backticks"]
        );
    }

    #[test]
    fn a_table_that_shrank_is_found() {
        let wrong = check(&[File::new(DOCUMENT, HEADING)]);
        assert_eq!(wrong, ["ARCHITECTURE.md: the table under \"## One pass\" has 0 rows, at least 8 are expected"]);
    }
}
