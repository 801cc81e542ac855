//! The examples of README.md and of some guides, run: each `console` block holds commands after `$ `, and below each what it prints.
//!
//! In what is expected, `…` stands for any text within a line.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Result, command, workspace};

/// A command, and the lines that it prints on stdout and stderr.
#[derive(Debug, PartialEq, Eq)]
struct Example<'a> {
    command: &'a str,
    prints: Vec<&'a str>,
}

/// Builds the binary and runs the examples with it.
pub fn build_and_run() -> Result<()> {
    command::install_prerequisites()?;
    command::build_as_tests_do()?;
    run(&workspace::target()?.join("debug/kafi"))
}

/// The pages whose examples are run.
const PAGES: [&str; 5] = [
    "README.md",
    "docs/guides/joins.md",
    "docs/guides/functions.md",
    "docs/guides/debugging.md",
    "docs/guides/files.md",
];

/// Runs the examples of each page one after another in one empty folder, with the binary `kafi`.
pub fn run(kafi: &Path) -> Result<()> {
    PAGES.iter().try_for_each(|page| run_page(page, kafi))
}

fn run_page(page: &str, kafi: &Path) -> Result<()> {
    let text = fs::read_to_string(workspace::root().join(page)).map_err(|error| format!("{page}: {error}"))?;
    let folder = workspace::Folder::create("tour")?;
    let examples = examples(&text).map_err(|error| format!("{page}: {error}"))?;
    for example in &examples {
        let printed = output(example.command, kafi, folder.path())?;
        check(example, &printed).map_err(|error| format!("{page}: $ {}\n{error}", example.command))?;
    }
    println!("\nThe {} examples of {page} print what it says.", examples.len());
    Ok(())
}

fn output(command: &str, kafi: &Path, folder: &Path) -> Result<String> {
    let failed = |error: std::io::Error| format!("{command}: {error}");
    let bin = kafi.parent().expect("the binary lies in a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    // The pipe is the one of stdout: what is printed stands in the order in which it was.
    bash.arg("-c").arg(format!("exec 2>&1; {command}")).current_dir(folder).env("PATH", path);
    bash.env_remove("KAFI_HOME").env_remove("KAFI_STORAGE").stdin(Stdio::null());
    let output = bash.output().map_err(failed)?;
    String::from_utf8(output.stdout).map_err(|error| format!("{command}: {error}"))
}

fn check(example: &Example<'_>, printed: &str) -> Result<()> {
    let lines: Vec<&str> = printed.lines().collect();
    let equal = lines.len() == example.prints.len()
        && lines.iter().zip(&example.prints).all(|(line, expected)| matches(line, expected));
    if equal { Ok(()) } else { Err(format!("should print:\n{}\nprints:\n{printed}", example.prints.join("\n"))) }
}

/// Whether `line` is `expected`, in which `…` stands for any text.
fn matches(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn examples(text: &str) -> Result<Vec<Example<'_>>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            continue;
        }
        match (inside, line.strip_prefix("$ "), examples.last_mut()) {
            (true, Some(command), _) => examples.push(Example { command, prints: Vec::new() }),
            (true, None, Some(example)) => example.prints.push(line),
            (true, None, None) => return Err(format!("{line}: a console block begins with a command")),
            (false, ..) => {}
        }
    }
    if examples.is_empty() { Err("there are no console blocks".into()) } else { Ok(examples) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_what_they_print_are_found() {
        let text = "a\n```console\n$ b c\nd\n\n$ e\n```\n```sh\n$ f\n```\n";
        let expected = [Example { command: "b c", prints: vec!["d", ""] }, Example { command: "e", prints: vec![] }];
        assert_eq!(examples(text).unwrap(), expected);
        assert!(examples("```sh\n$ a\n```\n").is_err());
        assert!(examples("```console\na\n```\n").is_err());
    }

    #[test]
    fn an_ellipsis_stands_for_any_text() {
        for (line, expected) in [("a b c", "a … c"), ("a b c", "a b c"), ("abc", "…"), ("a1b2c", "a…b…c"), ("", "")]
        {
            assert!(matches(line, expected), "{line} {expected}");
        }
        for (line, expected) in [("a b c", "a … d"), ("a b c", "a b"), ("a", "a…a"), ("a1c", "a…b…c"), ("abc", "")]
        {
            assert!(!matches(line, expected), "{line} {expected}");
        }
    }

    #[test]
    fn another_output_is_an_error() {
        let example = Example { command: "", prints: vec!["a", "b…"] };
        assert!(check(&example, "a\nbcd\n").is_ok());
        assert!(check(&example, "a\n").is_err());
        assert!(check(&example, "a\nb\nc\n").is_err());
    }
}
