//! What every command takes that looks into keys and values.

use clap::Args;
use kafi::{Kafi, Result, Type};

/// What every command takes that looks into keys and values.
#[derive(Args, Clone, Copy)]
#[command(next_help_heading = "Reading")]
pub struct TypeArgs {
    /// The type of keys and values: bytes, str, json, auto
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = type_named)]
    pub both: Option<Type>,
    /// The type of keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub key_type: Option<Type>,
    /// The type of values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    pub value_type: Option<Type>,
}

impl TypeArgs {
    /// The types of keys and values: what was typed, else what the configuration says, else `auto`.
    ///
    /// # Errors
    /// `Config` for a type in the configuration that there is not.
    pub fn meant(self, kafi: &Kafi) -> Result<(Type, Type)> {
        let setting = |name: &Option<String>| name.as_deref().map_or(Ok(Type::Auto), str::parse);
        let key_type = self.key_type.or(self.both).map_or_else(|| setting(&kafi.settings().key_type), Ok)?;
        let value_type = self.value_type.or(self.both).map_or_else(|| setting(&kafi.settings().value_type), Ok)?;
        Ok((key_type, value_type))
    }
}

fn type_named(text: &str) -> std::result::Result<Type, String> {
    text.parse().map_err(|error: kafi::Error| {
        let message = error.to_string();
        let why = message.rsplit(": ").next().unwrap_or_default().to_string();
        error.hint_text().map_or(why.clone(), |hint| format!("{why}, {hint}"))
    })
}
