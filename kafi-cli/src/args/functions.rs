//! The arguments that say which functions messages go through.

use std::fs;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use kafi::jq::{Tier, excerpt};
use kafi::shell::{Through, TopicsToRead};
use kafi::{
    BatchSteps, Cancel, Error, Fold, Function, FunctionOptions, FunctionStep, FunctionSteps, Json, Kafi, Program,
    ReadOptions, Result,
};

use crate::args::values::refused;
use crate::output::{Cell, Reading, stderr};

/// The options that name a function each, in the order in which help shows them.
const KINDS: [(&str, &str); 3] = [
    (
        "filter",
        "Only messages for which this function in jq is neither false nor null; repeatable: functions are applied in the order in which they are written",
    ),
    (
        "map",
        "The message that this function makes of each: an object with any of key, value, headers, timestamp, partition, topic; what it leaves out is kept",
    ),
    ("flatmap", "The messages that this function makes of each: none, one, or many"),
];

/// The option that names a program.
const THROUGH: &str = "through";

/// The option that says how long it may take for an answer.
const THROUGH_TIMEOUT: &str = "through_timeout";

/// Where the function of a verb stands: before all options.
const OF_VERB: usize = 0;

/// Stands for the expression of an option that has none of its own: the next -L has it.
pub(super) const FROM_FILE: &str = "";

/// The functions that messages go through, in the order in which they were written, and what these see.
#[derive(Clone, Debug)]
pub struct FunctionArgs {
    steps: Vec<Written>,
    seen: Seen,
    route: bool,
    /// How long a program may take for an answer.
    silence_max: Duration,
}

/// What functions see beside messages, and the files that hold them.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    files: Vec<(usize, String)>,
    variables: Vec<(String, String)>,
    json_variables: Vec<(String, String)>,
    allow_env: bool,
}

/// What is printed of messages instead of themselves.
#[derive(Clone, Debug, Default)]
pub struct JqArgs {
    jq: Option<Written>,
    raw: bool,
}

/// An option with its expression, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) option: &'static str,
    pub(super) at: usize,
    text: String,
}

impl Written {
    /// What users typed before the expression.
    fn name(&self) -> String {
        if self.at == OF_VERB { self.option.to_string() } else { format!("--{}", self.option.replace('_', "-")) }
    }
}

/// Functions of several options, compiled one after another, with the files that are left for them.
pub(super) struct Compiler<'a> {
    files: Vec<&'a (usize, String)>,
    options: FunctionOptions,
}

impl FunctionArgs {
    /// The functions that were written, `--jq` last; it reads files, and compiles. Programs are given up soon after
    /// `cancel` was asked.
    ///
    /// # Errors
    /// `Usage` for what is no function, of which the place is said first; `Io` for a file that cannot be read.
    pub fn steps(&self, jq: &JqArgs, cancel: &Cancel) -> Result<FunctionSteps> {
        let mut compiler = self.seen.compiler()?;
        let mut steps = Vec::new();
        for written in &self.steps {
            if written.option == THROUGH {
                let program = Program::shell(&written.text).silence_max(self.silence_max).cancelled_by(cancel);
                steps.push(FunctionStep::Through(program));
                continue;
            }
            let function = compiler.compile(written)?;
            steps.push(match written.option {
                "filter" => FunctionStep::Filter(function),
                "map" => FunctionStep::Map(function),
                _ => FunctionStep::Flatmap(function),
            });
        }
        if let Some(written) = &jq.jq {
            steps.push(FunctionStep::Print { function: compiler.compile(written)?, raw: jq.raw });
        }
        compiler.end("--filter -L FILE")?;
        Ok(FunctionSteps::new(steps, self.route))
    }

    /// The same with a function before them, which is a verb's own, and the topics behind it. Where the function comes from
    /// a file (`-L`), the first word is a topic, too.
    ///
    /// # Errors
    /// `Usage` where there is no topic.
    pub fn of_verb(&self, option: &'static str, words: (&str, &[String]), jq: &JqArgs) -> Result<(Self, Vec<String>)> {
        let (text, addresses) = self.own(words, jq)?;
        let mut functions = self.clone();
        functions.steps.insert(0, Written { option, at: OF_VERB, text });
        Ok((functions, addresses))
    }

    /// A fold with these variables, which is a verb's own, and the topics behind it; what messages go through before is
    /// in the steps.
    ///
    /// # Errors
    /// `Usage` for what is no function, or no JSON to begin with.
    pub fn fold(
        &self,
        words: (&str, &[String]),
        initial: &str,
        cancel: &Cancel,
    ) -> Result<(Fold, FunctionSteps, Vec<String>)> {
        let (text, addresses) = self.own(words, &JqArgs::default())?;
        let initial = Json::parse(initial).map_err(|error| refused("--init", &error.to_string()))?;
        let mut compiler = self.seen.compiler()?;
        let written = Written { option: "fold", at: OF_VERB, text };
        let text = compiler.text(&written)?;
        let fold = Fold::compile(&text, &compiler.options, &initial);
        let fold = fold
            .inspect(|fold| say_tier(&written, &text, fold.tier()))
            .map_err(|error| told(&written, &text, error))?;
        let mut others = self.clone();
        others.seen.files = compiler.files.into_iter().cloned().collect();
        Ok((fold, others.steps(&JqArgs::default(), cancel)?, addresses))
    }

    /// What is written of them, in their order, as a cell of a table; `None` where there are none.
    pub fn cell(&self) -> Option<Cell> {
        let mut files = self.seen.files.iter();
        let texts = self.steps.iter().map(|Written { option, at, text }| match text.as_str() {
            FROM_FILE => {
                (*option, format!("-L {}", files.find(|(file_at, _)| file_at > at).map_or("", |file| &file.1)))
            }
            text => (*option, text.to_string()),
        });
        let texts: Vec<_> = texts.collect();
        if texts.is_empty() {
            return None;
        }
        let shown: Vec<String> = texts.iter().map(|(option, text)| format!("{option} {text}")).collect();
        let document = |(option, text): &(&str, String)| Json::object([(*option, Json::from(text.as_str()))]);
        Some(Cell::Json { shown: shown.join(", "), json: Json::array(texts.iter().map(document)).to_string() })
    }

    /// The function that is a verb's own, and the topics behind it.
    fn own(&self, (first, others): (&str, &[String]), jq: &JqArgs) -> Result<(String, Vec<String>)> {
        let from_files = self.steps.iter().chain(&jq.jq).filter(|written| written.text == FROM_FILE).count();
        if self.seen.files.len() > from_files {
            return Ok((FROM_FILE.to_string(), [&[first.to_string()], others].concat()));
        }
        if others.is_empty() {
            return Err(refused("ADDRESS", "no topic was given").hint("first the function, then topics"));
        }
        Ok((first.to_string(), others.to_vec()))
    }
}

impl Seen {
    /// The options that say it, but for the environment.
    pub(super) fn args() -> [Arg; 3] {
        let pair = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_names(["NAME", value])
                .num_args(2)
                .allow_hyphen_values(true)
                .action(ArgAction::Append)
                .help(help)
        };
        [
            Arg::new("function_file").short('L').value_name("FILE").action(ArgAction::Append).help(
                "Take the function of the option before it, which has none of its own, from a file: --map -L FILE",
            ),
            pair("arg", "VALUE", "Let functions see this text as $NAME; repeatable"),
            pair("argjson", "JSON", "Let functions see this JSON value as $NAME; repeatable"),
        ]
    }

    /// The option that lets functions see the environment.
    pub(super) fn environment() -> Arg {
        Arg::new("allow_env")
            .long("allow-env")
            .action(ArgAction::SetTrue)
            .help("Let functions see the environment, as env and $ENV")
    }

    /// What was written.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let pairs = |name| {
            let values: Vec<String> = matches.get_many(name).into_iter().flatten().cloned().collect();
            values.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        Self {
            files: written(matches, "function_file").map(|file| (file.at, file.text)).collect(),
            variables: pairs("arg"),
            json_variables: pairs("argjson"),
            allow_env: matches.get_flag("allow_env"),
        }
    }

    /// What compiles functions that see it.
    ///
    /// # Errors
    /// `Usage` for what is no JSON.
    pub(super) fn compiler(&self) -> Result<Compiler<'_>> {
        Ok(Compiler { files: self.files.iter().collect(), options: self.options()? })
    }

    fn options(&self) -> Result<FunctionOptions> {
        let mut options = FunctionOptions { allow_env: self.allow_env, ..FunctionOptions::default() };
        for (name, value) in &self.variables {
            options.variables.push((name.clone(), value.as_str().into()));
        }
        for (name, json) in &self.json_variables {
            let value = Json::parse(json.as_str());
            let value = value.map_err(|error| refused("--argjson", &error.to_string()).with("variable", name))?;
            options.variables.push((name.clone(), value));
        }
        Ok(options)
    }
}

impl JqArgs {
    /// Whether something else is printed than messages.
    pub fn is_said(&self) -> bool {
        self.jq.is_some()
    }

    /// Refuses what prints messages otherwise.
    pub fn check(&self, json: bool) -> Result<()> {
        if self.jq.is_some() && json {
            return Err(refused("--jq", "--json prints envelopes, and --jq what it makes of messages"));
        }
        Ok(())
    }
}

impl Compiler<'_> {
    /// The expression of a function, which may be in a file.
    fn text(&mut self, written: &Written) -> Result<String> {
        let Written { at, text, .. } = written;
        let mut text = text.clone();
        if text == FROM_FILE {
            let next = self.files.iter().position(|(file_at, _)| file_at > at);
            let Some(index) = next else {
                let option = written.name();
                return Err(
                    refused(&option, "a function is missing").hint(format!("{option} EXPR, or {option} -L FILE"))
                );
            };
            let path = &self.files.remove(index).1;
            let read = fs::read_to_string(path);
            text = read.map_err(|error| Error::io("read function", error).with("file", path))?;
        }
        Ok(text)
    }

    /// Refuses files that are left.
    pub(super) fn end(&self, hint: impl Into<String>) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        Err(refused("-L", "there is no function without an expression before it").hint(hint.into()))
    }

    /// The function that was written.
    pub(super) fn compile(&mut self, written: &Written) -> Result<Function> {
        let text = self.text(written)?;
        let function = Function::with(&text, &self.options);
        function
            .inspect(|function| say_tier(written, &text, function.tier()))
            .map_err(|error| told(written, &text, error))
    }
}

fn say_tier(written: &Written, text: &str, tier: Tier) {
    let tier = match tier {
        Tier::Bytes => "over the bytes of messages",
        Tier::Jaq => "by jaq",
    };
    log::info!("{} {text}: run {tier}", written.name());
}

/// The error of what is no function, of which the place is shown first.
fn told(written: &Written, text: &str, error: Error) -> Error {
    for line in excerpt(text, &error).unwrap_or_default().lines() {
        stderr::say(&format!("  {line}"));
    }
    if written.at == OF_VERB { error } else { error.with("option", written.name()) }
}

/// The functions over what is read from `kafi`; `None` where there are none. Limits are left to what comes out.
///
/// # Errors
/// Those of [`BatchSteps::open`].
pub fn open_steps(steps: &FunctionSteps, kafi: &Kafi, reading: &Reading) -> Result<Option<BatchSteps>> {
    if steps.is_empty() {
        return Ok(None);
    }
    BatchSteps::open(steps, kafi.place(), &reading.serdes, &reading.failures).map(Some)
}

/// What is read, where it goes through functions, which `through` applies; as it is, where there are none.
pub fn through_steps<'a>(
    topics: TopicsToRead<'a>,
    applied: Option<&BatchSteps>,
    through: &'a Through<'a>,
) -> TopicsToRead<'a> {
    match applied {
        Some(steps) => topics.through(through).at_once(steps.at_once()),
        None => topics,
    }
}

/// Lets several storages share their limit, which counts what comes out of functions.
pub fn share_limit(steps: &FunctionSteps, options: &mut ReadOptions) {
    if !steps.is_empty() {
        options.limit = options.max.take().map(kafi::Limit::new);
    }
}

impl Args for FunctionArgs {
    fn augment_args(command: Command) -> Command {
        let function = |(name, help): (&'static str, &'static str)| {
            Arg::new(name)
                .long(name)
                .value_name("EXPR")
                .help(help)
                .action(ArgAction::Append)
                .num_args(0..=1)
                .default_missing_value(FROM_FILE)
        };
        let command = command.next_help_heading("Functions").args(KINDS.map(function));
        command.args(Seen::args()).args([
            Arg::new(THROUGH).long(THROUGH).value_name("COMMAND").action(ArgAction::Append).help(
                "A program that makes none, one, or many messages of each: it gets an envelope a line, and answers with envelopes, a line each, and an empty line",
            ),
            Arg::new(THROUGH_TIMEOUT)
                .long("through-timeout")
                .value_name("SECONDS")
                .requires(THROUGH)
                .value_parser(clap::value_parser!(u64).range(1..=1_000_000))
                .help("How long a program may take for its answer to a message before that is an error [default: 60]"),
            Seen::environment(),
            Arg::new("route")
                .long("route")
                .action(ArgAction::SetTrue)
                .help("Let functions change the topics of messages"),
        ])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FunctionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let names = KINDS.iter().map(|(name, _)| *name).chain([THROUGH]);
        let mut steps: Vec<Written> = names.flat_map(|name| written(matches, name)).collect();
        steps.sort_by_key(|written| written.at);
        Ok(Self {
            steps,
            seen: Seen::of(matches),
            route: matches.get_flag("route"),
            silence_max: matches.get_one(THROUGH_TIMEOUT).map_or(Program::SILENCE_MAX, |&s| Duration::from_secs(s)),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for JqArgs {
    fn augment_args(command: Command) -> Command {
        command.next_help_heading("Functions").args([
            Arg::new("jq")
                .long("jq")
                .value_name("EXPR")
                .num_args(0..=1)
                .default_missing_value(FROM_FILE)
                .help("Print what this function in jq makes of each message, a JSON text a line"),
            Arg::new("raw_output")
                .short('r')
                .action(ArgAction::SetTrue)
                .requires("jq")
                .help("With --jq: print strings bare"),
        ])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for JqArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self { jq: written(matches, "jq").next(), raw: matches.get_flag("raw_output") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(super) fn written(matches: &ArgMatches, option: &'static str) -> impl Iterator<Item = Written> {
    let texts = matches.get_many::<String>(option).into_iter().flatten().cloned();
    let places = matches.indices_of(option).into_iter().flatten();
    texts.zip(places).map(move |(text, at)| Written { option, at, text }).collect::<Vec<_>>().into_iter()
}
