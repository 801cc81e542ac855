//! An app that adds one to each number of a topic, as a service would: `run` goes on until it is told to stop, where
//! `run_to_end` ends with the topic.

use kafi::app::App;
use kafi::{Json, Result, Value, json};

fn add_one(input: Value) -> Result<(Json, String)> {
    let number = input["number"].int()?;
    Ok((json!({"result": number + 1}), number.to_string()))
}

fn main() -> Result<()> {
    let c = kafi::open(&std::env::args().nth(1).unwrap_or("mem:".into()))?;
    c.touch("foo")?;
    c.touch("bar")?;
    c.produce("foo", [("a", json!({"number": 1})), ("b", json!({"number": 41}))])?;

    let app = App::new("myapp", &c)
        .consumer_timeout(5)
        .consumer_batch_size(1)
        .process("foo", "bar", "json", "json", add_one)
        .on_processed(|_, seconds| eprintln!("Processed message in {seconds} seconds"));
    println!("{} processed", app.run_to_end()?.processed);
    c.cat("bar")?.iter().for_each(|m| println!("{}: {}", m.key, m.value));

    c.delete_groups(&["myapp"])?;
    c.rm("foo")?;
    c.rm("bar")
}
