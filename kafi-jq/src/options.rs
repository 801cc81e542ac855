//! How functions are compiled.

use kafi_core::Json;

use crate::limits::Limits;

/// How a function is compiled, and what it may take.
#[derive(Clone, Debug, Default)]
pub struct FunctionOptions {
    /// The variables that it sees: `$name`, and all of them in `$ARGS.named`. Default: none.
    pub variables: Vec<(String, Json)>,
    /// Lets it see the environment of the process, as `env` and `$ENV`. Default: false.
    pub allow_env: bool,
    /// What it may take for one message.
    pub limits: Limits,
}
