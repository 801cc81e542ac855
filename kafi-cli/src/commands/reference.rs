//! `reference`: the reference of the command line as Markdown, `docs/reference/cli.md`. Hidden, since it is for the
//! repository.

use std::fmt::Write as _;

use clap::{Arg, Command, Parser};
use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Stdout;
use crate::verb::Verb;

const INTRODUCTION: &str = "\
# The command line

Written by `kafi reference` from the definition that also makes `kafi help VERB`, the manual pages (`kafi man FOLDER`), and what shells complete.
Do not edit it: `cargo run -p kafi-cli -- reference > docs/reference/cli.md` writes it anew.
";

/// Print the reference of the command line
#[derive(Parser)]
#[command(hide = true)]
pub struct ReferenceArgs {}

impl Verb for ReferenceArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut stdout = Stdout::open()?;
        stdout.buffer().extend_from_slice(page((context.definition)()).as_bytes());
        stdout.flush()?;
        Ok(Exit::Done)
    }
}

fn page(definition: Command) -> String {
    let mut cli = definition.disable_help_subcommand(true);
    cli.build();
    let mut verbs = Vec::new();
    gather(&cli, &mut verbs);
    let mut page = String::from(INTRODUCTION);
    let paragraphs =
        [cli.get_about(), cli.get_after_help()].map(|text| text.map(ToString::to_string).unwrap_or_default());
    let _ = write!(page, "\n{}\n\n| verb | does |\n|---|---|\n", paragraphs.join(".\n\n"));
    for verb in &verbs {
        let _ = writeln!(
            page,
            "| [`{}`](#{}) | {} |",
            name(verb),
            full_name(verb).replace(' ', "-"),
            cell(&about_of(verb))
        );
    }
    page.push_str("\n## Options of every verb\n\n");
    table("option", cli.get_arguments().filter(|arg| arg.is_global_set()), &mut page);
    for verb in verbs {
        section(verb, &mut page);
    }
    page
}

/// The verbs that do something themselves, in the order of the help.
fn gather<'a>(command: &'a Command, verbs: &mut Vec<&'a Command>) {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        if verb.has_subcommands() {
            gather(verb, verbs);
        } else {
            verbs.push(verb);
        }
    }
}

fn section(verb: &Command, page: &mut String) {
    let usage = verb.clone().render_usage().to_string();
    let _ = write!(
        page,
        "\n## {}\n\n{}.\n\n```\n{}\n```\n",
        full_name(verb),
        about_of(verb),
        usage.trim_start_matches("Usage: ")
    );
    let own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set();
    let title = |arg: &Arg| {
        if arg.is_positional() { "argument" } else { arg.get_help_heading().unwrap_or("option") }.to_lowercase()
    };
    let mut titles: Vec<String> = Vec::new();
    for title in verb.get_positionals().chain(verb.get_arguments()).filter(own).map(title) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    for wanted in titles {
        page.push('\n');
        table(&wanted, verb.get_arguments().filter(own).filter(|arg| title(arg) == wanted), page);
    }
}

fn table<'a>(title: &str, args: impl Iterator<Item = &'a Arg>, page: &mut String) {
    let _ = write!(page, "| {title} | meaning |\n|---|---|\n");
    for arg in args {
        let _ = writeln!(page, "| {} | {} |", written(arg), cell(&meaning(arg)));
    }
}

/// What is typed: `-n`, `--max N`.
fn written(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let values: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    if arg.is_positional() {
        return format!("`{}`", values.join(" "));
    }
    let long = arg.get_long().map(|long| format!("--{long}"));
    let mut forms: Vec<String> = arg.get_short().map(|short| format!("-{short}")).into_iter().chain(long).collect();
    if let Some(last) = forms.last_mut().filter(|_| arg.get_action().takes_values()) {
        last.push(' ');
        last.push_str(&values.join(" "));
    }
    forms.iter().map(|form| format!("`{form}`")).collect::<Vec<_>>().join(", ")
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if arg.get_action().takes_values() {
        let allowed: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_string()).collect();
        if !allowed.is_empty() && !arg.is_hide_possible_values_set() {
            text.push_str(&format!(": {}", allowed.join(", ")));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if !defaults.is_empty() {
            text.push_str(&format!(" (default: {})", defaults.join(",")));
        }
    }
    text
}

fn about_of(verb: &Command) -> String {
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    match verb.get_visible_aliases().collect::<Vec<_>>().as_slice() {
        [] => about,
        aliases => format!("{about} (also {})", aliases.join(", ")),
    }
}

/// `kafi group ls`.
fn full_name(verb: &Command) -> &str {
    verb.get_bin_name().unwrap_or(verb.get_name())
}

/// `group ls`.
fn name(verb: &Command) -> &str {
    full_name(verb).trim_start_matches("kafi ")
}

/// Text that stays as it is in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*")
}
