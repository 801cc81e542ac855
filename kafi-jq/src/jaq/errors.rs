//! What is wrong with a program, for who wrote it: where, and what was meant.

use std::collections::BTreeMap;

use jaq_core::compile::Undefined;
use jaq_core::load::{self, parse};
use kafi_core::{Error, ErrorKind, nearest};

use crate::jaq::{natives, parse_defs};

/// What jq has, and functions have not: they see their message, and nothing else.
const REFUSED: [&str; 9] = [
    "env",
    "input",
    "inputs",
    "input_filename",
    "input_line_number",
    "halt",
    "halt_error",
    "get_search_list",
    "modulemeta",
];

/// A text that cannot be read as a program.
pub(super) fn not_read(text: &str, errors: &load::Errors<&str, ()>) -> Error {
    let Some((_, error)) = errors.first() else { return at(text, text, "it cannot be read") };
    match error {
        load::Error::Io(imports) => {
            let place = imports.first().map_or(text, |(path, _)| *path);
            at(text, place, "functions see only their message: nothing can be imported")
        }
        load::Error::Lex(all) => match all.first() {
            Some((expected, found)) => at(text, found, unexpected(text, expected.as_str(), found)),
            None => at(text, text, "it cannot be read"),
        },
        load::Error::Parse(all) => match all.first() {
            Some((expected, found)) => at(text, found, unexpected_token(text, expected, found)),
            None => at(text, text, "it cannot be read"),
        },
    }
}

/// A program that names what is not there.
pub(super) fn not_compiled(text: &str, errors: &jaq_core::compile::Errors<&str, ()>, variables: &[&str]) -> Error {
    let Some((name, what)) = errors.first().and_then(|(_, all)| all.first()) else {
        return at(text, text, "it cannot be compiled");
    };
    match what {
        Undefined::Filter(arity) => no_function(text, name, *arity),
        Undefined::Var if *name == "$ENV" => refused(text, name),
        Undefined::Var => {
            let error = at(text, name, format!("there is no variable {name}"));
            match nearest(name, variables.iter().copied()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint("--arg NAME VALUE and --argjson NAME JSON give variables"),
            }
        }
        other => at(text, name, format!("there is no {} {name}", other.as_str())),
    }
}

fn no_function(text: &str, name: &str, arity: usize) -> Error {
    if REFUSED.contains(&name) {
        return refused(text, name);
    }
    let known = known();
    if let Some(arities) = known.get(name) {
        let wanted: Vec<String> = arities.iter().map(usize::to_string).collect();
        let plural = if wanted == ["1"] { "" } else { "s" };
        return at(text, name, format!("{name} takes {} argument{plural}, not {arity}", wanted.join(" or ")));
    }
    let error = at(text, name, format!("there is no function {name}"));
    match nearest(name, known.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("docs/reference/jq.md lists the functions"),
    }
}

fn refused(text: &str, name: &str) -> Error {
    let error = at(text, name, format!("functions see only their message, and not {name}"));
    if name.ends_with("env") || name == "$ENV" {
        error.hint("--allow-env lets them see the environment")
    } else {
        error
    }
}

/// The functions that users may know, with how many arguments they take.
fn known() -> BTreeMap<String, Vec<usize>> {
    let mut known: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let defs = parse_defs().into_iter().map(|def| (def.name.to_string(), def.args.len()));
    let natives = natives::all().map(|(name, args, _)| (name.to_string(), args.len()));
    for (name, arity) in defs.chain(natives) {
        if !name.starts_with('_') && !name.ends_with("_native") && !name.ends_with("_empty") {
            known.entry(name).or_default().push(arity);
        }
    }
    known
}

fn unexpected(text: &str, expected: &str, found: &str) -> String {
    let character = found.chars().next();
    match character {
        None => format!("it ends where a {expected} should come"),
        Some(_) if expected.starts_with("closing") => format!("the {expected} is missing"),
        Some(character) if load::span(text, found).start < text.len() => {
            format!("{character:?} stands where a {expected} should come")
        }
        Some(_) => format!("a {expected} should come"),
    }
}

fn unexpected_token(text: &str, expected: &parse::Expect<&str>, found: &str) -> String {
    let expected = match expected {
        parse::Expect::Term => "value or function",
        parse::Expect::Nothing => "end or |",
        other => other.as_str(),
    };
    if load::span(text, found).start >= text.len() {
        return format!("it ends where a {expected} should come");
    }
    let shown: String = found.chars().take(20).collect();
    format!("{shown} stands where a {expected} should come")
}

/// An error at this part of the text.
fn at(text: &str, part: &str, why: impl Into<String>) -> Error {
    let start = load::span(text, part).start.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let error = Error::new(ErrorKind::Usage, "read function", why);
    let line = before.matches('\n').count() + 1;
    let error = if text.contains('\n') { error.with("line", line) } else { error };
    error.with("column", before[line_start..].chars().count() + 1)
}
