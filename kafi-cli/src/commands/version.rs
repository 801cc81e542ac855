//! `version`: the versions of Kafi and of what it is built on.

use std::sync::LazyLock;

use clap::Parser;
use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Stdout;
use crate::verb::Verb;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Print the versions of Kafi and librdkafka
#[derive(Parser)]
pub struct VersionArgs {}

impl Verb for VersionArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut stdout = Stdout::open()?;
        if context.output.json {
            let text = |text: &str| kafi::Json::from(text).to_string();
            let librdkafka = kafi::librdkafka_version().as_deref().map_or("null".to_string(), text);
            stdout.line(&format!("{{\"kafi\":{},\"librdkafka\":{librdkafka}}}", text(VERSION)))?;
        } else {
            stdout.line(&format!("kafi {}", text()))?;
        }
        stdout.flush()?;
        Ok(Exit::Done)
    }
}

/// What follows `kafi` in the output of `version` and `--version`.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let librdkafka = kafi::librdkafka_version();
        format!("{VERSION}\nlibrdkafka {}", librdkafka.as_deref().unwrap_or("is not built in"))
    });
    &TEXT
}
