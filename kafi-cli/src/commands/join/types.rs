//! What each side of a join holds, where the two differ.

use clap::Args;
use kafi::{Result, Serdes, Type};

use crate::args::{TypeArgs, type_named};

/// What the left topic holds.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct LeftTypes {
    /// The type of the left keys and values, where it is not that of both sides
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    left_type: Option<Type>,
    /// The type of the left keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    left_key_type: Option<Type>,
    /// The type of the left values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    left_value_type: Option<Type>,
    /// The schema of the left keys: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    left_key_schema: Option<String>,
    /// The schema of the left values
    #[arg(long, value_name = "SCHEMA")]
    left_value_schema: Option<String>,
}

/// What the right topic holds.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Types and schemas")]
pub struct RightTypes {
    /// The type of the right keys and values, where it is not that of both sides
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    right_type: Option<Type>,
    /// The type of the right keys
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    right_key_type: Option<Type>,
    /// The type of the right values
    #[arg(long, value_name = "TYPE", value_parser = type_named)]
    right_value_type: Option<Type>,
    /// The schema of the right keys: @FILE, a file that is there, or its text
    #[arg(long, value_name = "SCHEMA")]
    right_key_schema: Option<String>,
    /// The schema of the right values
    #[arg(long, value_name = "SCHEMA")]
    right_value_schema: Option<String>,
}

impl LeftTypes {
    /// What the left side holds, where `both` says what both do.
    pub fn serdes(&self, both: &TypeArgs) -> Result<Serdes> {
        let own = TypeArgs {
            both: self.left_type,
            key_type: self.left_key_type,
            value_type: self.left_value_type,
            key_schema: self.left_key_schema.clone(),
            value_schema: self.left_value_schema.clone(),
            ..TypeArgs::default()
        };
        own.over(both).serdes()
    }
}

impl RightTypes {
    /// What the right side holds, where `both` says what both do.
    pub fn serdes(&self, both: &TypeArgs) -> Result<Serdes> {
        let own = TypeArgs {
            both: self.right_type,
            key_type: self.right_key_type,
            value_type: self.right_value_type,
            key_schema: self.right_key_schema.clone(),
            value_schema: self.right_value_schema.clone(),
            ..TypeArgs::default()
        };
        own.over(both).serdes()
    }
}
