//! What every command takes.

use std::io::{self, IsTerminal};

use clap::{ArgAction, Args, ValueEnum};
use kafi::{Registry, Result};

use crate::args::values::key_value;
use crate::context::Settings;
use crate::output::terminal::likes_color;
use crate::output::{OutputOptions, stderr};

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "General")]
pub struct CommonArgs {
    /// Print machine-readable JSON, one document a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Explain on stderr what is done, and errors with their causes
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Read and print times in UTC instead of local time
    #[arg(long, global = true)]
    pub utc: bool,
    /// Print colours: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: ColorChoice,
    /// Set a property of the Kafka client (librdkafka's names), as kcat does; repeatable
    #[arg(short = 'X', long = "property", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub properties: Vec<(String, String)>,
    /// The schema registry of every storage, such as http://localhost:8081 [default: what the storage's address or
    /// configuration says, else $KAFI_REGISTRY, else the storage's own topic _schemas]
    #[cfg(feature = "serde")]
    #[arg(long = "registry", global = true, value_name = "URL")]
    pub schema_registry: Option<String>,
    /// Open storages by this plugin, before what is built in; repeatable
    #[cfg(feature = "plugins")]
    #[arg(long = "plugin", global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub plugins: Vec<std::path::PathBuf>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

impl CommonArgs {
    /// What every command heeds of it. Errors are printed in the right colours from here on.
    ///
    /// # Errors
    /// `Config` for a property that names an environment variable that is not set; `Usage` for a registry's address with
    /// a password.
    pub fn settings(&self) -> Result<Settings> {
        let color = |likes: bool| match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => likes,
        };
        stderr::set_color(color(likes_color(&io::stderr())));
        let expand = |(key, value): &(String, String)| Ok((key.clone(), kafi::expand_environment(key, value)?));
        let properties = self.properties.iter().map(expand).collect::<Result<_>>()?;
        let output = OutputOptions {
            json: self.json,
            utc: self.utc,
            color: color(likes_color(&io::stdout())),
            terminal: io::stdout().is_terminal(),
        };
        Ok(Settings { registry: self.registry(properties)?, output, quiet: self.quiet })
    }

    /// What opens storages, with the properties that were given.
    fn registry(&self, properties: Vec<(String, String)>) -> Result<Registry> {
        let registry = Registry::new().with_properties(properties);
        #[cfg(feature = "serde")]
        let registry = match &self.schema_registry {
            Some(url) => registry.with_schema_registry(kafi::schema_registry_address(url)?),
            None => registry,
        };
        #[cfg(feature = "plugins")]
        let registry = registry.with_plugins(kafi::Plugins::of_process(self.plugins.clone()));
        Ok(registry)
    }
}

/// When colours are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}
