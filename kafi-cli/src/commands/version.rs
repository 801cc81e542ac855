//! `version`: the versions of Kafi and of what it is built on.

use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Stdout;

pub fn run(context: &Context) -> Result<Exit> {
    let librdkafka = kafi::librdkafka_version();
    let mut stdout = Stdout::open()?;
    if context.json {
        let text = |text: &str| kafi::Json::from(text).to_string();
        let librdkafka = librdkafka.as_deref().map_or("null".to_string(), text);
        stdout.line(&format!("{{\"kafi\":{},\"librdkafka\":{librdkafka}}}", text(env!("CARGO_PKG_VERSION"))))?;
    } else {
        stdout.line(&format!("kafi {}", env!("CARGO_PKG_VERSION")))?;
        stdout.line(&format!("librdkafka {}", librdkafka.as_deref().unwrap_or("is not built in")))?;
    }
    stdout.flush()?;
    Ok(Exit::Done)
}
