//! What `map`, `filter`, and `flatmap` share: they print what a function makes of messages, or write it to another topic.

use clap::Args;
use kafi::Result;

use crate::args::{ConversionArgs, LimitArgs, ShownArgs, ToArgs, WriteArgs};
use crate::commands::cat::show;
use crate::commands::cp::CpArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// What they take.
#[derive(Args)]
pub struct AppliedArgs {
    /// The function in jq; with -L FILE it comes from there, and only topics follow
    #[arg(value_name = "EXPR")]
    expression: String,
    /// The topics, or globs
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Write what comes out to this topic, or to topics of the same names on this storage, instead of printing it
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    shown: ShownArgs,
    #[command(flatten)]
    types: ToArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl AppliedArgs {
    /// The topics.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }

    /// Does what the option of this name does on `cat`, and where there is a target on `cp`.
    pub fn run(&self, option: &'static str, context: &Context) -> Result<Exit> {
        let shown = &self.shown;
        let (functions, sources) = shown.functions.of_verb(option, (&self.expression, &self.addresses), &shown.jq)?;
        let Some(target) = &self.to else {
            return show(context, &sources, &self.limit, shown, &functions);
        };
        shown.refuse_to_print()?;
        let copy = CpArgs {
            sources,
            target: target.clone(),
            resume: false,
            append: false,
            dry_run: false,
            rate: None,
            with_config: false,
            config: Vec::new(),
            repartition: false,
            ignore_timestamp: false,
            force: false,
            no_create: false,
            limit: self.limit.clone(),
            read: shown.read.clone(),
            write: self.write.clone(),
            conversion: ConversionArgs::of(&shown.reading.text, &self.types),
            functions,
            failures: shown.reading.text.failures.clone(),
        };
        copy.run(context)
    }
}
