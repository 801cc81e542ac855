//! The interpreter: everything that jq can say, run by jaq over values of our own, with builtins that do as jq 1.8 does.

mod errors;
mod natives;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use jaq_core::data::HasLut;
use jaq_core::load::{Arena, File, Loader, parse};
use jaq_core::{Compiler, Ctx, DataT, Filter, Lut, Vars};
use kafi_core::{Error, ErrorKind, Result};

use crate::limits::{Limits, Runaway, step, within};
use crate::options::FunctionOptions;
use crate::value::{Map, Val};

pub(crate) use natives::indices;

/// The builtins that are written in jq.
const DEFS: &str = include_str!("defs.jq");

/// So many functions have their variables read in a thread, before they are read anew.
const VARIABLES_MAX: usize = 32;

/// What the interpreter works with.
pub(crate) struct Kind;

/// What a running program has at hand. Whatever a program does copies it sooner or later, which is a step.
pub(crate) struct Data<'a>(&'a Lut<Kind>);

impl Clone for Data<'_> {
    fn clone(&self) -> Self {
        step();
        Self(self.0)
    }
}

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

impl<'a> HasLut<'a, Kind> for Data<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.0
    }
}

/// A program that was compiled.
pub(crate) struct Program {
    filter: Filter<Kind>,
    /// The JSON texts of its variables: values belong to one thread.
    variables: Vec<String>,
    id: u64,
}

thread_local! {
    /// The variables of the programs that ran in this thread.
    static VARIABLES: RefCell<HashMap<u64, Vec<Val>>> = RefCell::default();
}

impl Program {
    /// Compiles `text`.
    ///
    /// # Errors
    /// `Usage`, with line and column.
    pub(crate) fn compile(text: &str, options: &FunctionOptions) -> Result<Self> {
        Self::binding(text, options, None)
    }

    /// The same with a variable that is given anew each time.
    ///
    /// # Errors
    /// As for [`compile`](Self::compile).
    pub(crate) fn binding(text: &str, options: &FunctionOptions, bound: Option<&str>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let variables = variables(options);
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).chain(bound).collect();
        let arena = Arena::default();
        let defs = parse_defs().into_iter().chain(options.allow_env.then(env_def));
        let loaded = Loader::new(defs).load(&arena, File { code: text, path: () });
        let modules = loaded.map_err(|errors| errors::not_read(text, &errors))?;
        let compiled =
            Compiler::default().with_funs(natives::all()).with_global_vars(names.iter().copied()).compile(modules);
        let filter = compiled.map_err(|errors| errors::not_compiled(text, &errors, &names))?;
        let variables = variables.into_iter().map(|(_, json)| json).collect();
        Ok(Self { filter, variables, id: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// Hands what it makes of `input` to `each`, one after another.
    ///
    /// # Errors
    /// `Function` where it fails, or goes beyond a limit; what `each` fails with.
    pub(crate) fn run(
        &self,
        input: impl FnOnce() -> Result<Val>,
        limits: &Limits,
        each: &mut dyn FnMut(Val) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.run_bound(input, None, limits, each)
    }

    /// The same, where the variable that it binds is this.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub(crate) fn run_bound(
        &self,
        input: impl FnOnce() -> Result<Val>,
        bound: Option<&dyn Fn() -> Val>,
        limits: &Limits,
        each: &mut dyn FnMut(Val) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut variables = self.variables();
        let ran = within(limits, || {
            variables.extend(bound.map(|bound| bound()));
            let context = Ctx::<Kind>::new(Data(&self.filter.lut), Vars::new(variables));
            for (count, output) in self.filter.id.run((context, input()?)).enumerate() {
                if count >= limits.outputs_max {
                    return Err(Runaway::Outputs.error(limits));
                }
                match output {
                    Ok(value) => {
                        if each(value)?.is_break() {
                            break;
                        }
                    }
                    Err(exception) => {
                        let text = exception.get_err().map_or("break".into(), |error| said(error.into_val()));
                        return Err(Error::new(ErrorKind::Function, "run function", text));
                    }
                }
            }
            Ok(())
        });
        ran.unwrap_or_else(|runaway| Err(runaway.error(limits)))
    }

    fn variables(&self) -> Vec<Val> {
        if self.variables.is_empty() {
            return Vec::new();
        }
        VARIABLES.with_borrow_mut(|all| {
            if all.len() > VARIABLES_MAX {
                all.clear();
            }
            let read = || self.variables.iter().map(|json| Val::read(json).unwrap_or(Val::Null)).collect();
            all.entry(self.id).or_insert_with(read).clone()
        })
    }
}

/// What an error says: its text, or what it is instead.
fn said(value: Val) -> String {
    match value {
        Val::Str(text) => text.to_string(),
        other => format!("{other} (not a string)"),
    }
}

/// The variables with their `$`, and their JSON texts.
fn variables(options: &FunctionOptions) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    if options.allow_env {
        let map: Map = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .map(|(name, value)| (name.as_str().into(), Val::str(&value)))
            .collect();
        all.push(("$ENV".into(), Val::object(map).to_string()));
    }
    let named: Map = options
        .variables
        .iter()
        .map(|(name, json)| (name.as_str().into(), Val::read(&json.text()).unwrap_or(Val::Null)))
        .collect();
    if named.len() > 0 {
        let members = [("positional".into(), Val::array(Vec::new())), ("named".into(), Val::object(named))];
        all.push(("$ARGS".into(), Val::object(members.into_iter().collect()).to_string()));
    }
    all.extend(options.variables.iter().map(|(name, json)| (format!("${name}"), json.text().into_owned())));
    all
}

fn parse_defs() -> Vec<parse::Def<&'static str>> {
    jaq_core::load::parse(DEFS, |parser| parser.defs()).expect("the builtins are jq")
}

fn env_def() -> parse::Def<&'static str> {
    let defs = jaq_core::load::parse("def env: $ENV;", |parser| parser.defs());
    defs.and_then(|mut defs| defs.pop()).expect("it is one definition")
}
