//! What `map`, `filter`, and `flatmap` share: they print what a function makes of messages, or write it to another topic.

use clap::Args;
use kafi::Result;

use crate::args::{ConversionArgs, CopyArgs, LimitArgs, ShownArgs, ToArgs, WriteArgs, WriterSchemaArgs, refused};
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
    schemas: WriterSchemaArgs,
    #[command(flatten)]
    copying: CopyArgs,
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
            self.refuse_to_write()?;
            return show(context, &sources, &self.limit, shown, &functions);
        };
        shown.refuse_to_print()?;
        let copy = CpArgs {
            sources,
            target: target.clone(),
            copying: self.copying.clone(),
            limit: self.limit.clone(),
            read: shown.read.clone(),
            write: self.write.clone(),
            conversion: ConversionArgs::of(&shown.reading.text, &self.types, &self.schemas),
            functions,
            failures: shown.reading.text.failures.clone(),
        };
        copy.run(context)
    }

    /// Refuses what says how the target is written where there is none.
    fn refuse_to_write(&self) -> Result<()> {
        let has_types = self.types != ToArgs::default();
        let has_schemas = self.schemas != WriterSchemaArgs::default();
        let types = has_types.then_some("--to-type, --to-value-type …");
        let schemas = has_schemas.then_some("--no-register, --use-latest, --normalize, --schema-id-location");
        match self.copying.said().or(types).or(schemas) {
            None => Ok(()),
            Some(argument) => Err(refused(argument, "without --to nothing is written")),
        }
    }
}
